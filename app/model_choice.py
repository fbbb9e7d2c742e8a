"""Models to choose from, with what each costs, without Streamlit: grouped by family, sorted by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bickd_core.models.catalogue import MODELS, ModelInfo
from bickd_core.models.latencies import BATCH, Latency, latency
from bickd_viz import text


@dataclass(frozen=True)
class Choice:
    """A model for data of some shape. macs: multiply-accumulates of one image. latency: as stored, if it is."""

    info: ModelInfo
    parameters: int
    macs: int
    latency: Latency | None

    @property
    def label(self) -> str:
        """One line of the choice list."""
        sizes = f"{millions(self.parameters)} parameters, {millions(self.macs)} multiply-adds"
        return f"{self.info.title} · {sizes}"


def choices(
    num_classes: int, in_channels: int, image_size: int, *, most: int | None = None
) -> dict[str, Choice]:
    """Name -> choice, for models with at most `most` parameters, or the smallest where none is that small.

    Families stand together, the one with the smallest member first; in a family the smallest comes first.
    """
    every = [
        Choice(
            info,
            info.parameters(num_classes, in_channels),
            info.macs(num_classes, in_channels, image_size),
            latency(name, image_size),
        )
        for name, info in MODELS.items()
    ]
    every.sort(key=lambda choice: choice.parameters)
    kept = [choice for choice in every if most is None or choice.parameters <= most] or every[:1]
    families = list(dict.fromkeys(choice.info.family for choice in kept))
    kept.sort(key=lambda choice: families.index(choice.info.family))
    return {choice.info.name: choice for choice in kept}


def cost_sentence(choice: Choice, image_size: int) -> str:
    """What a forward pass costs, in operations and in milliseconds on the CPU where that was measured."""
    operations = f"{millions(2 * choice.macs)} floating-point operations an image"
    if choice.latency is None:
        return f"{operations}; how long that takes is measured when training ends."
    return (
        f"{operations}. Measured on {choice.latency.cpu}, at {image_size} × {image_size}: "
        f"{milliseconds(choice.latency.one_ms)} for one image, {milliseconds(choice.latency.batch_ms)} for {BATCH}."
    )


def cost_table(found: Mapping[str, Choice]) -> list[dict[str, str | float | None]]:
    """A row a model, in the same order, sizes in millions and times in milliseconds."""
    return [
        {
            "Model": choice.info.title,
            "Parameters": choice.parameters / 1e6,
            "Mult-adds": choice.macs / 1e6,
            "1 image": None if choice.latency is None else choice.latency.one_ms,
            f"{BATCH} images": None if choice.latency is None else choice.latency.batch_ms,
        }
        for choice in found.values()
    ]


def millions(count: int) -> str:
    """Always in millions, so that sizes compare at a glance: "0.08 M", "2.3 M", "23.7 M", "1,298 M".

    >>> millions(278_324), millions(40_818_944)
    ('0.28 M', '41 M')
    """
    value = count / 1e6
    decimals = 2 if value < 1 else 1 if value < 30 else 0
    return f"{value:,.{decimals}f} M"


def milliseconds(value: float) -> str:
    """Three significant digits: "0.81 ms", "22.8 ms", "1,240 ms"."""
    return f"{text.number(value)} ms"
