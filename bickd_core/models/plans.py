"""Every layer with weights of a network, from its numbers alone: names, shapes and places, without torch.

One function a family. What it lists is tested against the built networks, tensor by tensor; parameters,
multiply-adds and the recognition of a weights file all come from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A convolution, a batch norm or a linear layer.

    name: as in the state dict, without the last word. shape: of its weight. places: output positions, at each
    of which a convolution or linear layer uses its weight once; 0 for a batch norm. bias: whether it has one.
    """

    name: str
    shape: tuple[int, ...]
    places: int
    bias: bool

    @property
    def parameters(self) -> int:
        return math.prod(self.shape) + (self.shape[0] if self.bias else 0)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image; a bias costs none."""
        return math.prod(self.shape) * self.places

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Names in the state dict and their shapes, without batch norm's counter."""
        found = {f"{self.name}.weight": self.shape}
        if self.bias:
            found[f"{self.name}.bias"] = self.shape[:1]
        if not self.places:
            found |= {f"{self.name}.running_mean": self.shape, f"{self.name}.running_var": self.shape}
        return found


class _Plan:
    """Layers in order, and the width and side length of the maps after the last of them."""

    def __init__(self, width: int, size: int) -> None:
        self.layers: list[Layer] = []
        self.width, self.size = width, size

    def conv(
        self, name: str, width: int, kernel: int, *, stride: int = 1, groups: int = 1, bias: bool = False
    ) -> None:
        """A convolution padded so that a stride s leaves ceil(size / s)."""
        self.size = -(-self.size // stride)
        shape = (width, self.width // groups, kernel, kernel)
        self.layers.append(Layer(name, shape, self.size**2, bias))
        self.width = width

    def side(self, name: str, inputs: int, width: int) -> None:
        """A 1 x 1 convolution beside the path, which ends at the maps that are there now."""
        self.layers.append(Layer(name, (width, inputs, 1, 1), self.size**2, False))

    def norm(self, name: str, width: int | None = None) -> None:
        self.layers.append(Layer(name, (width or self.width,), 0, True))

    def head(self, name: str, num_classes: int) -> tuple[Layer, ...]:
        self.layers.append(Layer(name, (num_classes, self.width), 1, True))
        return tuple(self.layers)


def convnet(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    index = 0
    for position, width in enumerate(widths):
        if position:
            plan.size //= 2
            index += 1  # the pooling layer has a number too
        plan.conv(f"body.{index}", width, 3)
        plan.norm(f"body.{index + 1}")
        index += 3
    return plan.head("fc", num_classes)


def resnet(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1", widths[0], 3)
    plan.norm("bn1")
    for stage, width in enumerate(widths[1:], 1):
        for number in range((depth - 2) // 6):
            name, inputs = f"layer{stage}.{number}", plan.width
            stride = 2 if stage > 1 and number == 0 else 1
            plan.conv(f"{name}.conv1", width, 3, stride=stride)
            plan.norm(f"{name}.bn1")
            plan.conv(f"{name}.conv2", width, 3)
            plan.norm(f"{name}.bn2")
            if stride > 1 or inputs != width:
                plan.side(f"{name}.downsample.0", inputs, width)
                plan.norm(f"{name}.downsample.1")
    return plan.head("fc", num_classes)


def wrn(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1", widths[0], 3)
    for stage, width in enumerate(widths[1:], 1):
        for number in range((depth - 4) // 6):
            name, inputs = f"block{stage}.layer.{number}", plan.width
            plan.norm(f"{name}.bn1")
            plan.conv(f"{name}.conv1", width, 3, stride=2 if stage > 1 and number == 0 else 1)
            plan.norm(f"{name}.bn2")
            plan.conv(f"{name}.conv2", width, 3)
            if inputs != width:
                plan.side(f"{name}.convShortcut", inputs, width)
    plan.norm("bn1")
    return plan.head("fc", num_classes)


PLANS: dict[str, Callable[[int, tuple[int, ...], int, int, int], tuple[Layer, ...]]] = {
    "convnet": convnet,
    "resnet": resnet,
    "wrn": wrn,
}
"""family -> (depth, widths, num_classes, in_channels, image size) -> layers, stem first, head last."""
