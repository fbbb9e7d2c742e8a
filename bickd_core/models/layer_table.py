"""The layers of every network of the catalogue, read from `layer_table.json` without torch.

Parameters, multiply-adds and the recognition of weights files come from this table.
`python -m bickd_core.models.write_layer_table` writes it from the built networks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("layer_table.json")
LARGE_SIZE = 64
"""From this side length on, a network may reduce its maps further (VGG pools once more)."""


@dataclass(frozen=True)
class Layer:
    """A convolution, a batch norm or a linear layer.

    Attributes:
        name: its name in the network, such as `layer1.0.conv1`.
        shape: of its weight.
        positions: how often a convolution or linear layer uses its weight for one image; 0 for a
            batch norm.
        bias: whether it has a bias.
    """

    name: str
    shape: tuple[int, ...]
    positions: int
    bias: bool

    @property
    def parameters(self) -> int:
        return math.prod(self.shape) + (self.shape[0] if self.bias else 0)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image. A bias costs none."""
        return math.prod(self.shape) * self.positions

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Names in the state dict and their shapes, without batch norm's counter."""
        shapes = {f"{self.name}.weight": self.shape}
        if self.bias:
            shapes[f"{self.name}.bias"] = self.shape[:1]
        if not self.positions:
            shapes[f"{self.name}.running_mean"] = self.shape
            shapes[f"{self.name}.running_var"] = self.shape
        return shapes


@lru_cache(maxsize=256)
def layers_of(name: str, num_classes: int, in_channels: int, image_size: int) -> tuple[Layer, ...]:
    """Return all layers with weights of a network of the catalogue, in the network's order.

    >>> [layer.name for layer in layers_of("convnet-small", 10, 3, 32)]
    ['body.0', 'body.1', 'body.4', 'body.5', 'body.8', 'body.9', 'fc']
    """
    table = _table()[name]
    lengths = {"classes": num_classes, "channels": in_channels}
    layers = []
    for path, (kind, shape, *reductions) in _leaves(table["layers"]):
        weight = tuple(lengths.get(length, length) for length in shape)
        positions = {"norm": 0, "linear": 1}.get(kind)
        if positions is None:
            reduction = reductions[-1 if image_size >= LARGE_SIZE else 0]
            side = image_size / reduction
            positions = max(1, math.ceil(side) if table["odd_sizes"] == "up" else int(side)) ** 2
        layers.append(Layer(path, weight, positions, kind != "conv"))
    return tuple(layers)


def _leaves(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield the name and the description of each layer. A key `2-5` stands for `2`, `3`, `4` and
    `5`."""
    for key, value in node.items():
        first, dash, last = key.partition("-")
        for part in range(int(first), int(last) + 1) if dash else [key]:
            if isinstance(value, dict):
                yield from _leaves(value, f"{prefix}{part}.")
            else:
                yield f"{prefix}{part}", value


@cache
def _table() -> dict[str, Any]:
    return json.loads(PATH.read_text(encoding="utf-8"))
