"""ShuffleNet V2 of Ma et al. 2018 (arXiv 1807.11164) at several widths, as
chenyaofo/pytorch-cifar-models has it.

The paper's network with stride 1 in its 3 x 3 stem and no pooling after it. (`shufflenetv2.py` has
a 1 x 1 stem.) Parameter names are those of that repository and of torchvision
(`stage2.0.branch1.0`, `conv5.0`, `fc`), so its released weights load.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import Layers
from bickd_core.models.base import Classifier
from bickd_core.models.shufflenetv2 import BLOCKS


class Unit(nn.Module):
    """Join two branches and shuffle them: [B, inputs, H, W] to [B, width, H/s, W/s].

    At stride 1, the first half of the channels does not change. At stride 2, both branches convolve
    the whole input.
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        half = width // 2
        self.stride = stride
        self.branch1 = (
            Layers()
            if stride == 1
            else Layers(
                *_depthwise(inputs, stride),
                nn.Conv2d(inputs, half, 1, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
            )
        )
        self.branch2 = Layers(
            nn.Conv2d(half if stride == 1 else inputs, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            *_depthwise(half, stride),
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        return F.channel_shuffle(torch.cat([left, self.branch2(right)], 1), 2)


def _depthwise(width: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(
        width, width, 3, stride=stride, padding=1, groups=width, bias=False
    ), nn.BatchNorm2d(width)


class ShuffleNetV2Widths(Classifier):
    """A CIFAR ShuffleNet V2.

    Weights have torch's default initialisation.

    Args:
        widths: channels of the stem, of the three stages and of the last convolution.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "last convolution")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        stem, first, second, third, last = widths
        self.conv1 = _convolution(in_channels, stem, 3)
        self.stage2 = _stage(stem, first, BLOCKS[0])
        self.stage3 = _stage(first, second, BLOCKS[1])
        self.stage4 = _stage(second, third, BLOCKS[2])
        self.conv5 = _convolution(third, last, 1)
        self.feature_size = last
        self.fc = nn.Linear(last, num_classes)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem, the stages and the last convolution, [B, D, H/8, W/8]."""
        stem = self.conv1(images)
        first = self.stage2(stem)
        second = self.stage3(first)
        third = self.stage4(second)
        return stem, first, second, third, self.conv5(third)


def _convolution(inputs: int, width: int, kernel: int) -> Layers:
    return Layers(
        nn.Conv2d(inputs, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _stage(inputs: int, width: int, count: int) -> nn.Sequential:
    return nn.Sequential(Unit(inputs, width, 2), *(Unit(width, width, 1) for _ in range(count - 1)))
