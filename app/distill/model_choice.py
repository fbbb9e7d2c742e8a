"""The models to choose from with their costs, grouped by family and sorted by size, without
Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bickd_core.models.catalogue import MODELS, ModelInfo, offered_models
from bickd_core.models.latencies import BATCH, Latency, latency
from bickd_viz.text import numbers


@dataclass(frozen=True)
class Choice:
    """A model for data of some shape.

    Attributes:
        parameters: None for a network of an installed package, which is only built for training.
        macs: multiply-adds of one image, or None.
        latency: the stored latency, or None.
    """

    info: ModelInfo
    parameters: int | None
    macs: int | None
    latency: Latency | None

    @property
    def label(self) -> str:
        """The line in the list of models."""
        if self.parameters is None or self.macs is None:
            return f"{self.info.title} · from an installed package"
        sizes = f"{millions(self.parameters)} parameters, {millions(self.macs)} multiply-adds"
        return f"{self.info.title} · {sizes}"


@dataclass(frozen=True)
class Size:
    """The size of a model: its parameters, and the multiply-adds of one image."""

    parameters: int
    macs: int


def choices(
    num_classes: int, in_channels: int, image_size: int, *, most: Size | None = None
) -> dict[str, Choice]:
    """Models for data of this shape, by name.

    Families stand together, the one with the smallest member first; in a family the smallest comes
    first. Networks of installed packages come last.

    Args:
        most: leave out models that are larger than this in parameters and in multiply-adds as well.
            A model that is smaller in one of the two stays: it may be what a device needs. The
            smallest model always stays.
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
    every.sort(key=lambda choice: choice.parameters or 0)
    fitting = [
        choice
        for choice in every
        if most is None
        or (choice.parameters or 0) <= most.parameters
        or (choice.macs or 0) <= most.macs
    ] or every[:1]
    families = list(dict.fromkeys(choice.info.family for choice in fitting))
    fitting.sort(key=lambda choice: families.index(choice.info.family))
    fitting += [Choice(info, None, None, None) for info in offered_models().values()]
    return {choice.info.name: choice for choice in fitting}


def cost_sentence(choice: Choice, image_size: int) -> str:
    """Describe the cost of a forward pass in operations, and in milliseconds on the measured
    CPU."""
    if choice.macs is None:
        return (
            "This network is from an installed package. Its size and latency are measured when"
            " training ends."
        )
    operations = f"{millions(2 * choice.macs)} floating-point operations per image"
    if choice.latency is None:
        return f"{operations}. The latency is measured when training ends."
    return (
        f"{operations}. On {choice.latency.cpu}, at {image_size} × {image_size}:"
        f" {milliseconds(choice.latency.one_ms)} for one image,"
        f" {milliseconds(choice.latency.batch_ms)} for {BATCH}."
    )


def cost_table(models: Mapping[str, Choice]) -> list[dict[str, str | float | None]]:
    """Return a row for each model, in the same order, with sizes in millions and times in
    milliseconds."""
    return [
        {
            "Model": choice.info.title,
            "Parameters": None if choice.parameters is None else choice.parameters / 1e6,
            "Mult-adds": None if choice.macs is None else choice.macs / 1e6,
            "1 image": None if choice.latency is None else choice.latency.one_ms,
            f"{BATCH} images": None if choice.latency is None else choice.latency.batch_ms,
        }
        for choice in models.values()
    ]


def millions(count: int) -> str:
    """Format a count in millions: "0.08 M", "2.3 M", "23.7 M", "1,298 M".

    >>> millions(278_324), millions(40_818_944)
    ('0.28 M', '41 M')
    """
    value = count / 1e6
    decimals = 2 if value < 1 else 1 if value < 30 else 0
    return f"{value:,.{decimals}f} M"


def milliseconds(value: float) -> str:
    """Format milliseconds with three significant digits: "0.81 ms", "22.8 ms", "1,240 ms"."""
    return f"{numbers.number(value)} ms"
