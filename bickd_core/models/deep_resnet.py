"""The deep ResNets of He et al. 2016 (arXiv 1512.03385, table 1), for small and for large images.

Four stages of basic or bottleneck blocks, each stage after the first at half the resolution, a mean
over positions, and one linear layer. The first 3 x 3 convolution of a block has the stride. The
stem is a 3 x 3 convolution of stride 1 (`cifar`), or a 7 x 7 convolution of stride 2 with max
pooling (`imagenet`). Parameter names are those of kuangliu/pytorch-cifar,
HobbitLong/RepDistiller and megvii-research/mdistiller (`layer2.0.shortcut.0`, `linear`), so their
weights load. Weights of torchvision and timm (`layer2.0.downsample.0`, `fc`) load by renaming.
"""

from typing import Literal

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier, initialise

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Blocks in each of the four stages, by depth. From 50 on, they are bottleneck blocks."""


class Basic(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: [B, inputs, H, W] to [B, width, H/s, W/s]."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = norm_relu(self.bn1, self.conv1(x))
        return norm_relu(self.bn2, self.conv2(y), self.shortcut(x))


class Bottleneck(nn.Module):
    """1 x 1 to a quarter of the width, 3 x 3, 1 x 1 back, and a shortcut.

    [B, inputs, H, W] to [B, width, H/s, W/s].
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        inner = width // 4
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = norm_relu(self.bn1, self.conv1(x))
        y = norm_relu(self.bn2, self.conv2(y))
        return norm_relu(self.bn3, self.conv3(y), self.shortcut(x))


def _shortcut(inputs: int, width: int, stride: int) -> nn.Sequential:
    """Return an empty module if the shape does not change."""
    if stride == 1 and inputs == width:
        return nn.Sequential()
    return nn.Sequential(
        nn.Conv2d(inputs, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
    )


class DeepResNet(Classifier):
    """A ResNet with four stages, of bottleneck blocks at depth 50 and of basic blocks below.

    Args:
        depth: 18, 34 or 50.
        widths: channels of the stem and of the four stages.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
        stem: 3 x 3 (`cifar`) or 7 x 7 with pooling (`imagenet`).
    """

    head_name = "linear"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")

    def __init__(
        self,
        depth: int,
        widths: tuple[int, ...],
        *,
        num_classes: int,
        in_channels: int = 3,
        stem: Literal["cifar", "imagenet"] = "cifar",
    ) -> None:
        super().__init__(in_channels)
        if depth not in BLOCKS:
            known = ", ".join(map(str, BLOCKS))
            raise ValueError(f"depth must be one of {known}, got {depth}.")
        if len(widths) != 5:
            raise ValueError(
                f"widths must hold the stem's and four stages' channels, got {widths}."
            )
        block: type[nn.Module] = Bottleneck if depth >= 50 else Basic
        side, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.conv1 = nn.Conv2d(
            in_channels, widths[0], side, stride=stride, padding=side // 2, bias=False
        )
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.pool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, stride=2, padding=1)
        counts = BLOCKS[depth]
        self.layer1 = _stage(block, widths[0], widths[1], counts[0], stride=1)
        self.layer2 = _stage(block, widths[1], widths[2], counts[1], stride=2)
        self.layer3 = _stage(block, widths[2], widths[3], counts[2], stride=2)
        self.layer4 = _stage(block, widths[3], widths[4], counts[3], stride=2)
        self.feature_size = widths[4]
        self.linear = nn.Linear(widths[4], num_classes)
        initialise(self)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of the four stages. Each stage after the first halves the
        side."""
        stem = self.pool(norm_relu(self.bn1, self.conv1(images)))
        first = self.layer1(stem)
        second = self.layer2(first)
        third = self.layer3(second)
        return stem, first, second, third, self.layer4(third)


def _stage(
    block: type[nn.Module], inputs: int, width: int, count: int, stride: int
) -> nn.Sequential:
    return nn.Sequential(
        block(inputs, width, stride), *(block(width, width, 1) for _ in range(count - 1))
    )
