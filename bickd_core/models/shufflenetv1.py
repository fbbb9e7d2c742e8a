"""ShuffleNet of Zhang et al. 2018 (arXiv 1707.01083) with three groups, as in CIFAR benchmarks.

A 1 x 1 stem at full resolution, three stages of 4, 8 and 4 units, the first of which halves the
resolution, a mean over positions, and one linear layer. Parameter names are those of
HobbitLong/RepDistiller and megvii-research/mdistiller (`ShuffleV1`: `conv1`, `layer1.0.conv3`,
`linear`), so their released weights load.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier

GROUPS = 3
"""Of the 1 x 1 convolutions."""
BLOCKS = (4, 8, 4)
"""Units in each stage."""


class Unit(nn.Module):
    """Grouped 1 x 1, channel shuffle, 3 x 3 on each channel, grouped 1 x 1.

    [B, inputs, H, W] to [B, width, H/s, W/s]. At stride 1, the input is added. At stride 2, its 3 x
    3 means are appended as more channels.
    """

    def __init__(self, inputs: int, width: int, *, halve: bool, entry_groups: int) -> None:
        super().__init__()
        convolved = width - inputs if halve else width
        inner = convolved // 4
        self.halve, self.entry_groups = halve, entry_groups
        self.conv1 = nn.Conv2d(inputs, inner, 1, groups=entry_groups, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(
            inner, inner, 3, stride=2 if halve else 1, padding=1, groups=inner, bias=False
        )
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, convolved, 1, groups=GROUPS, bias=False)
        self.bn3 = nn.BatchNorm2d(convolved)

    def forward(self, x: Tensor) -> Tensor:
        y = norm_relu(self.bn1, self.conv1(x))
        y = F.channel_shuffle(y, self.entry_groups)
        y = norm_relu(self.bn2, self.conv2(y))
        y = self.conv3(y)
        if self.halve:
            return F.relu(
                torch.cat([self.bn3(y), F.avg_pool2d(x, 3, stride=2, padding=1)], 1), inplace=True
            )
        return norm_relu(self.bn3, y, x)


class ShuffleNetV1(Classifier):
    """The CIFAR ShuffleNet.

    Weights have torch's default initialisation, as in the benchmarks.

    Args:
        widths: channels of the stem and of the three stages.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "linear"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        stem, first, second, third = widths
        counts = BLOCKS
        self.conv1 = nn.Conv2d(in_channels, stem, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = _stage(stem, first, counts[0], entry_groups=1)  # too few channels for groups
        self.layer2 = _stage(first, second, counts[1], entry_groups=GROUPS)
        self.layer3 = _stage(second, third, counts[2], entry_groups=GROUPS)
        self.feature_size = third
        self.linear = nn.Linear(third, num_classes)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of the three stages. The last are [B, D, H/8, W/8]."""
        stem = norm_relu(self.bn1, self.conv1(images))
        first = self.layer1(stem)
        second = self.layer2(first)
        return stem, first, second, self.layer3(second)


def _stage(inputs: int, width: int, count: int, entry_groups: int) -> nn.Sequential:
    first = Unit(inputs, width, halve=True, entry_groups=entry_groups)
    rest = (Unit(width, width, halve=False, entry_groups=GROUPS) for _ in range(count - 1))
    return nn.Sequential(first, *rest)
