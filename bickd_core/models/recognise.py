"""Which network a set of weights belongs to, from the tensors' names and shapes alone; without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bickd_core.models.catalogue import MODELS, ModelInfo

_COUNTER = "num_batches_tracked"  # batch norm's, absent in files older than torch 0.4.1
_PREFIXES = ("module.", "_orig_mod.")  # left by data parallelism and by torch.compile


@dataclass(frozen=True)
class Recognised(ModelInfo):
    """A network of the catalogue with what its tensors say: num_classes C and in_channels of the images."""

    num_classes: int
    in_channels: int


def recognise(names_and_shapes: Mapping[str, Sequence[int]]) -> list[Recognised]:
    """The catalogue's networks that have exactly these tensors; classes and channels are read from them.

    Args:
        names_and_shapes: a state dict's names, with or without `module.` before all of them, and shapes. Batch
            norm's counters may be there or not. No two networks of the catalogue have the same tensors, so at
            most one is found; none for any other set.

    >>> found = recognise({k: s for x in MODELS["vgg8"].layers(7, 1) for k, s in x.tensors.items()})
    >>> [(model.name, model.num_classes, model.in_channels) for model in found]
    [('vgg8', 7, 1)]
    """
    came = _plain_names(names_and_shapes)
    return [found for info in MODELS.values() if (found := _match(info, came)) is not None]


def nearest_networks(
    names_and_shapes: Mapping[str, Sequence[int]], most: int = 3
) -> list[tuple[ModelInfo, int, int]]:
    """The catalogue's networks that share most tensors, the nearest first, for a message where none fits.

    Returns:
        (network, tensors of its with the same name and shape, tensors that it has), of those that share any; the
        classifier's and the stem's shapes count by name alone, since classes and channels are free.

    >>> half = {k: s for x in MODELS["vgg8"].layers(7)[:4] for k, s in x.tensors.items()}
    >>> [model.family for model, _, _ in nearest_networks(half, most=2)]
    ['vgg', 'vgg']
    """
    came = _plain_names(names_and_shapes)
    ranked = []
    for info in MODELS.values():
        layers = info.layers(2)
        expected = {name: shape for layer in layers for name, shape in layer.tensors.items()}
        free = {*layers[0].tensors, *layers[-1].tensors}
        same = sum(name in came and (name in free or came[name] == shape) for name, shape in expected.items())
        if same:
            ranked.append((same / len(expected.keys() | came.keys()), info, same, len(expected)))
    ranked.sort(key=lambda one: -one[0])
    return [(info, same, count) for _, info, same, count in ranked[:most]]


def _plain_names(names_and_shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Without counters, and without what data parallelism and torch.compile put before all names."""
    came = {name: tuple(shape) for name, shape in names_and_shapes.items() if not name.endswith(_COUNTER)}
    while prefix := next((p for p in _PREFIXES if came and all(name.startswith(p) for name in came)), None):
        came = {name.removeprefix(prefix): shape for name, shape in came.items()}
    return came


def _match(info: ModelInfo, came: Mapping[str, tuple[int, ...]]) -> Recognised | None:
    layers = info.layers(2)
    stem = came.get(f"{layers[0].name}.weight", ())
    head = came.get(f"{layers[-1].name}.weight", ())
    if len(stem) != 4 or len(head) != 2 or stem[1] < 1 or head[0] < 2:
        return None
    expected: dict[str, tuple[int, ...]] = {}
    for layer in info.layers(head[0], stem[1]):
        expected |= layer.tensors
    if came != expected:
        return None
    return Recognised(info.name, info.family, info.title, info.depth, info.widths, head[0], stem[1])
