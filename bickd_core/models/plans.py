"""Every layer with weights of a network, from its numbers alone: names, shapes and places, without
torch.

One function a family. What it lists is tested against the built networks, tensor by tensor;
parameters, multiply-adds and the recognition of a weights file all come from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

VGG_BLOCKS = {
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions in each of the five blocks, by depth."""
MOBILENET_GROUPS = (
    (1, 8, 1, 1),
    (6, 12, 2, 1),
    (6, 16, 3, 2),
    (6, 32, 4, 2),
    (6, 48, 3, 1),
    (6, 80, 3, 2),
    (6, 160, 1, 1),
)
"""Expansion, channels (half of the paper's), blocks, stride of the first block."""
MOBILENET_WIDTH_GROUPS = (
    (1, 1, 1),
    (6, 2, 1),
    (6, 3, 2),
    (6, 4, 2),
    (6, 3, 1),
    (6, 3, 2),
    (6, 1, 1),
)
"""Expansion, blocks, stride of the first block; of the networks whose channels follow from a
width."""
SHUFFLE_GROUPS = 3
SHUFFLEV1_BLOCKS = SHUFFLEV2_BLOCKS = (4, 8, 4)
REPVGG_BLOCKS = (2, 4, 14, 1)
DEEP_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Blocks in each of the four stages, by depth; bottleneck blocks from 50 on."""


@dataclass(frozen=True)
class Layer:
    """A convolution, a batch norm or a linear layer.

    name: as in the state dict, without the last word. shape: of its weight. places: output
    positions, at each of which a convolution or linear layer uses its weight once; 0 for a batch
    norm. bias: whether it has one.
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
            found |= {
                f"{self.name}.running_mean": self.shape,
                f"{self.name}.running_var": self.shape,
            }
        return found


class _Plan:
    """Layers in order, and the width and side length of the maps after the last of them."""

    def __init__(self, width: int, size: int) -> None:
        self.layers: list[Layer] = []
        self.width, self.size = width, size

    def conv(
        self,
        name: str,
        width: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        """A convolution padded so that a stride s leaves ceil(size / s)."""
        self.size = -(-self.size // stride)
        shape = (width, self.width // groups, kernel, kernel)
        self.layers.append(Layer(name, shape, self.size**2, bias))
        self.width = width

    def side(self, name: str, inputs: int, width: int, kernel: int = 1, *, groups: int = 1) -> None:
        """A convolution beside the path, which ends at maps of the size that is there now."""
        shape = (width, inputs // groups, kernel, kernel)
        self.layers.append(Layer(name, shape, self.size**2, False))

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
    depth: int,
    widths: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    size: int,
    *,
    padded: bool = False,
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
            if padded:
                continue
            if stride > 1 or inputs != width:
                plan.side(f"{name}.downsample.0", inputs, width)
                plan.norm(f"{name}.downsample.1")
    return plan.head("linear" if padded else "fc", num_classes)


def padded_resnet(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    return resnet(depth, widths, num_classes, in_channels, size, padded=True)


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


def vgg(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    for block, (width, count) in enumerate(zip(widths, VGG_BLOCKS[depth], strict=True)):
        if 0 < block < 4 or (block == 4 and size >= 64):
            plan.size //= 2
        for number in range(count):
            plan.conv(f"block{block}.{3 * number}", width, 3, bias=True)
            plan.norm(f"block{block}.{3 * number + 1}")
    return plan.head("classifier", num_classes)


def mobilenetv2(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1.0", widths[0], 3, stride=2)
    plan.norm("conv1.1")
    for group, (expansion, width, count, stride) in enumerate(MOBILENET_GROUPS):
        for number in range(count):
            name, inner = f"blocks.{group}.{number}.conv", plan.width * expansion
            plan.conv(f"{name}.0", inner, 1)
            plan.norm(f"{name}.1")
            plan.conv(f"{name}.3", inner, 3, stride=1 if number else stride, groups=inner)
            plan.norm(f"{name}.4")
            plan.conv(f"{name}.6", width, 1)
            plan.norm(f"{name}.7")
    plan.conv("conv2.0", widths[-1], 1)
    plan.norm("conv2.1")
    return plan.head("classifier.0", num_classes)


def vgg_mlp(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    index = 0
    for width, count in zip(widths, VGG_BLOCKS[depth], strict=True):
        for _ in range(count):
            plan.conv(f"features.{index}", width, 3, bias=True)
            plan.norm(f"features.{index + 1}")
            index += 3
        index += 1  # the pooling layer has a number too
        plan.size = max(1, plan.size // 2)
    for index in (0, 3):
        plan.layers.append(Layer(f"classifier.{index}", (plan.width, plan.width), 1, True))
    return plan.head("classifier.6", num_classes)


def mobilenetv2_widths(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("features.0.0", widths[0], 3)
    plan.norm("features.0.1")
    index = 1
    for (expansion, count, stride), width in zip(MOBILENET_WIDTH_GROUPS, widths[1:-1], strict=True):
        for number in range(count):
            name, inner = f"features.{index}.conv", plan.width * expansion
            place = 0
            if expansion > 1:
                plan.conv(f"{name}.0.0", inner, 1)
                plan.norm(f"{name}.0.1")
                place = 1
            plan.conv(f"{name}.{place}.0", inner, 3, stride=1 if number else stride, groups=inner)
            plan.norm(f"{name}.{place}.1")
            plan.conv(f"{name}.{place + 1}", width, 1)
            plan.norm(f"{name}.{place + 2}")
            index += 1
    plan.conv(f"features.{index}.0", widths[-1], 1)
    plan.norm(f"features.{index}.1")
    return plan.head("classifier.1", num_classes)


def shufflenetv1(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1", widths[0], 1)
    plan.norm("bn1")
    for stage, (width, count) in enumerate(zip(widths[1:], SHUFFLEV1_BLOCKS, strict=True), 1):
        for number in range(count):
            name = f"layer{stage}.{number}"
            made = width if number else width - plan.width
            plan.conv(
                f"{name}.conv1",
                made // 4,
                1,
                groups=1 if stage == 1 and not number else SHUFFLE_GROUPS,
            )
            plan.norm(f"{name}.bn1")
            plan.conv(f"{name}.conv2", made // 4, 3, stride=1 if number else 2, groups=made // 4)
            plan.norm(f"{name}.bn2")
            plan.conv(f"{name}.conv3", made, 1, groups=SHUFFLE_GROUPS)
            plan.norm(f"{name}.bn3")
            plan.width = width
    return plan.head("linear", num_classes)


def shufflenetv2(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1", widths[0], 1)
    plan.norm("bn1")
    for stage, (width, count) in enumerate(zip(widths[1:-1], SHUFFLEV2_BLOCKS, strict=True), 1):
        inputs, half = plan.width, width // 2
        for number in range(count):
            name, first = (
                f"layer{stage}.{number}",
                1 if number else 3,
            )  # the other branch has 1 and 2
            plan.width = half if number else inputs
            plan.conv(f"{name}.conv{first}", half, 1)
            plan.norm(f"{name}.bn{first}")
            plan.conv(f"{name}.conv{first + 1}", half, 3, stride=1 if number else 2, groups=half)
            plan.norm(f"{name}.bn{first + 1}")
            plan.conv(f"{name}.conv{first + 2}", half, 1)
            plan.norm(f"{name}.bn{first + 2}")
            if not number:
                plan.side(f"{name}.conv1", inputs, inputs, 3, groups=inputs)
                plan.norm(f"{name}.bn1", inputs)
                plan.side(f"{name}.conv2", inputs, half)
                plan.norm(f"{name}.bn2", half)
        plan.width = width
    plan.conv("conv2", widths[-1], 1)
    plan.norm("bn2")
    return plan.head("linear", num_classes)


def shufflenetv2_widths(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1.0", widths[0], 3)
    plan.norm("conv1.1")
    for stage, (width, count) in enumerate(zip(widths[1:-1], SHUFFLEV2_BLOCKS, strict=True), 2):
        inputs, half = plan.width, width // 2
        for number in range(count):
            name = f"stage{stage}.{number}"
            plan.width = half if number else inputs
            plan.conv(f"{name}.branch2.0", half, 1)
            plan.norm(f"{name}.branch2.1")
            plan.conv(f"{name}.branch2.3", half, 3, stride=1 if number else 2, groups=half)
            plan.norm(f"{name}.branch2.4")
            plan.conv(f"{name}.branch2.5", half, 1)
            plan.norm(f"{name}.branch2.6")
            if not number:
                plan.side(f"{name}.branch1.0", inputs, inputs, 3, groups=inputs)
                plan.norm(f"{name}.branch1.1", inputs)
                plan.side(f"{name}.branch1.2", inputs, half)
                plan.norm(f"{name}.branch1.3", half)
        plan.width = width
    plan.conv("conv5.0", widths[-1], 1)
    plan.norm("conv5.1")
    return plan.head("fc", num_classes)


def deep_resnet(
    depth: int,
    widths: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    size: int,
    *,
    imagenet: bool = False,
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)
    plan.conv("conv1", widths[0], 7 if imagenet else 3, stride=2 if imagenet else 1)
    plan.norm("bn1")
    if imagenet:
        plan.size = -(-plan.size // 2)
    for stage, (width, count) in enumerate(zip(widths[1:], DEEP_BLOCKS[depth], strict=True), 1):
        for number in range(count):
            name, inputs = f"layer{stage}.{number}", plan.width
            stride = 2 if stage > 1 and not number else 1
            if depth < 50:
                plan.conv(f"{name}.conv1", width, 3, stride=stride)
                plan.norm(f"{name}.bn1")
                plan.conv(f"{name}.conv2", width, 3)
                plan.norm(f"{name}.bn2")
            else:
                plan.conv(f"{name}.conv1", width // 4, 1)
                plan.norm(f"{name}.bn1")
                plan.conv(f"{name}.conv2", width // 4, 3, stride=stride)
                plan.norm(f"{name}.bn2")
                plan.conv(f"{name}.conv3", width, 1)
                plan.norm(f"{name}.bn3")
            if stride > 1 or inputs != width:
                plan.side(f"{name}.shortcut.0", inputs, width)
                plan.norm(f"{name}.shortcut.1")
    return plan.head("linear", num_classes)


def repvgg(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    plan = _Plan(in_channels, size)

    def block(name: str, width: int, stride: int) -> None:
        inputs = plan.width
        plan.conv(f"{name}.rbr_dense.conv", width, 3, stride=stride)
        plan.norm(f"{name}.rbr_dense.bn")
        plan.side(f"{name}.rbr_1x1.conv", inputs, width)
        plan.norm(f"{name}.rbr_1x1.bn")
        if stride == 1 and inputs == width:
            plan.norm(f"{name}.rbr_identity")

    block("stage0", widths[0], 1)
    for stage, (width, count) in enumerate(zip(widths[1:], REPVGG_BLOCKS, strict=True), 1):
        for number in range(count):
            block(f"stage{stage}.{number}", width, 2 if stage > 1 and not number else 1)
    return plan.head("linear", num_classes)


def imagenet_resnet(
    depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, size: int
) -> tuple[Layer, ...]:
    return deep_resnet(depth, widths, num_classes, in_channels, size, imagenet=True)


PLANS: dict[str, Callable[[int, tuple[int, ...], int, int, int], tuple[Layer, ...]]] = {
    "convnet": convnet,
    "resnet": resnet,
    "wrn": wrn,
    "vgg": vgg,
    "mobilenetv2": mobilenetv2,
    "shufflenetv1": shufflenetv1,
    "shufflenetv2": shufflenetv2,
    "bottleneck": deep_resnet,
    "resnet-a": padded_resnet,
    "resnet-imagenet": imagenet_resnet,
    "vgg-mlp": vgg_mlp,
    "mobilenetv2-widths": mobilenetv2_widths,
    "shufflenetv2-widths": shufflenetv2_widths,
    "repvgg": repvgg,
}
"""family -> (depth, widths, num_classes, in_channels, image size) -> layers, stem first, head
last."""
