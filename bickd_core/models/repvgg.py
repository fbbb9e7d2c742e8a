"""RepVGG of Ding et al. 2021 (arXiv 2101.03697), as chenyaofo/pytorch-cifar-models trains it.

Blocks add a 3 x 3 convolution, a 1 x 1 convolution and, if the shape does not change, the input,
each with a batch norm, before one ReLU. Stem and first stage have stride 1. The branches are not
merged into one convolution. Parameter names are those of that repository
(`stage1.0.rbr_dense.conv`, `stage1.0.rbr_identity`, `linear`), so its released weights load.
"""

from collections import OrderedDict

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.models.base import Classifier

BLOCKS = (2, 4, 14, 1)
"""Blocks in each stage."""


class Block(nn.Module):
    """Two convolutions and the input, added: [B, inputs, H, W] to [B, width, H/s, W/s]."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.rbr_identity = nn.BatchNorm2d(width) if stride == 1 and inputs == width else None
        self.rbr_dense = _normed(nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False))
        self.rbr_1x1 = _normed(nn.Conv2d(inputs, width, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        return F.relu(y if self.rbr_identity is None else y + self.rbr_identity(x))


def _normed(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](conv=convolution, bn=nn.BatchNorm2d(convolution.out_channels))
    )


class RepVGG(Classifier):
    """A CIFAR RepVGG.

    Weights have torch's default initialisation, as in that repository.

    Args:
        widths: channels of the stem and of the four stages.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "linear"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        self.stage0 = Block(in_channels, widths[0], 1)
        self.stage1 = _stage(widths[0], widths[1], BLOCKS[0], stride=1)
        self.stage2 = _stage(widths[1], widths[2], BLOCKS[1], stride=2)
        self.stage3 = _stage(widths[2], widths[3], BLOCKS[2], stride=2)
        self.stage4 = _stage(widths[3], widths[4], BLOCKS[3], stride=2)
        self.feature_size = widths[4]
        self.linear = nn.Linear(widths[4], num_classes)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of the four stages. The last are [B, D, H/8, W/8]."""
        stem = self.stage0(images)
        first = self.stage1(stem)
        second = self.stage2(first)
        third = self.stage3(second)
        return stem, first, second, third, self.stage4(third)


def _stage(inputs: int, width: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        Block(inputs, width, stride), *(Block(width, width, 1) for _ in range(count - 1))
    )
