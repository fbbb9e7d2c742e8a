"""ShuffleNet V2 of Ma et al. 2018 (arXiv 1807.11164) at width 1, as in CIFAR benchmarks.

A 1 x 1 stem at full resolution, three stages of 4, 8 and 4 units, the first of which halves the
resolution, a 1 x 1 convolution to 1,024 channels, a mean over positions, and one linear layer.
Parameter names are those of HobbitLong/RepDistiller and megvii-research/mdistiller (`ShuffleV2`:
`conv1`, `layer1.0.conv5`, `conv2`, `linear`), so their released weights load.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier

BLOCKS = (4, 8, 4)
"""Units in each stage."""


class Unit(nn.Module):
    """Convolve half of the channels, then shuffle all: [B, width, H, W] to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(half, half, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        passed, y = x.chunk(2, dim=1)
        y = norm_relu(self.bn1, self.conv1(y))
        y = self.bn2(self.conv2(y))
        y = norm_relu(self.bn3, self.conv3(y))
        return F.channel_shuffle(torch.cat([passed, y], 1), 2)


class HalvingUnit(nn.Module):
    """Convolve the input in two branches, then join and shuffle them.

    [B, inputs, H, W] to [B, width, H/2, W/2].
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(inputs, inputs, 3, stride=2, padding=1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv2 = nn.Conv2d(inputs, half, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(inputs, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv4 = nn.Conv2d(half, half, 3, stride=2, padding=1, groups=half, bias=False)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = nn.Conv2d(half, half, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        left = self.bn1(self.conv1(x))
        left = norm_relu(self.bn2, self.conv2(left))
        right = norm_relu(self.bn3, self.conv3(x))
        right = self.bn4(self.conv4(right))
        right = norm_relu(self.bn5, self.conv5(right))
        return F.channel_shuffle(torch.cat([left, right], 1), 2)


class ShuffleNetV2(Classifier):
    """The CIFAR ShuffleNet V2.

    Weights have torch's default initialisation, as in the benchmarks.

    Args:
        widths: channels of the stem, of the three stages and of the last convolution.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "linear"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "last convolution")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        stem, first, second, third, last = widths
        counts = BLOCKS
        self.conv1 = nn.Conv2d(in_channels, stem, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = _stage(stem, first, counts[0])
        self.layer2 = _stage(first, second, counts[1])
        self.layer3 = _stage(second, third, counts[2])
        self.conv2 = nn.Conv2d(third, last, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(last)
        self.feature_size = last
        self.linear = nn.Linear(last, num_classes)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem, the stages and the last convolution, [B, D, H/8, W/8]."""
        stem = norm_relu(self.bn1, self.conv1(images))
        first = self.layer1(stem)
        second = self.layer2(first)
        third = self.layer3(second)
        return stem, first, second, third, norm_relu(self.bn2, self.conv2(third))


def _stage(inputs: int, width: int, count: int) -> nn.Sequential:
    return nn.Sequential(HalvingUnit(inputs, width), *(Unit(width) for _ in range(count - 1)))
