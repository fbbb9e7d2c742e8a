"""The CIFAR ResNets of He et al. 2016 (arXiv 1512.03385, section 4.2).

A 3 x 3 stem, three stages of (depth - 2) / 6 basic blocks, each stage after the first at half the
resolution, a mean over positions, and one linear layer.

Where the shape changes, the shortcut is a 1 x 1 convolution with batch norm (the paper's option B),
as in the distillation benchmarks. Or it has no weights (option A): it takes every second pixel and
adds channels of zeros. Parameter names are those of HobbitLong/RepDistiller and
megvii-research/mdistiller (`conv1`, `bn1`, `layer1.0.conv1`, `layer2.0.downsample.0`, `fc`), so
their released weights load. Option A follows akamaster/pytorch_resnet_cifar10, where the head is
called `linear`.
"""

from typing import Literal

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier, initialise

Shortcuts = Literal["convolution", "padding"]


class PaddedShortcut(nn.Module):
    """Option A: take every `stride`-th pixel, and add channels of zeros on both sides.

    [B, D, H, W] to [B, width, H/s, W/s].
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.before, self.behind = (width - inputs) // 2, width - inputs - (width - inputs) // 2
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.behind)
        )


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm and a shortcut: [B, inputs, H, W] to [B, width, H/s,
    W/s]."""

    def __init__(
        self, inputs: int, width: int, stride: int, shortcuts: Shortcuts = "convolution"
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if (stride != 1 or inputs != width) and shortcuts == "padding":
            self.downsample = PaddedShortcut(inputs, width, stride)
        elif stride != 1 or inputs != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = norm_relu(self.bn1, self.conv1(x))
        return norm_relu(self.bn2, self.conv2(y), shortcut)


class ResNet(Classifier):
    """A CIFAR ResNet with basic blocks.

    Args:
        depth: 6 n + 2 layers with weights, for n blocks in each stage.
        widths: channels of the stem and of the three stages, (16, 16, 32, 64) in the paper.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
        shortcuts: a 1 x 1 convolution (option B) or padding with zeros (option A).
    """

    stage_names = ("stem", "stage 1", "stage 2", "stage 3")

    def __init__(
        self,
        depth: int,
        widths: tuple[int, ...],
        *,
        num_classes: int,
        in_channels: int = 3,
        shortcuts: Shortcuts = "convolution",
    ) -> None:
        super().__init__(in_channels)
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth must be 6 n + 2 with n of at least 1, got {depth}.")
        if len(widths) != 4:
            raise ValueError(
                f"widths must hold the stem's and three stages' channels, got {widths}."
            )
        blocks = (depth - 2) // 6
        stem, first, second, third = widths
        self.conv1 = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = _stage(stem, first, blocks, 1, shortcuts)
        self.layer2 = _stage(first, second, blocks, 2, shortcuts)
        self.layer3 = _stage(second, third, blocks, 2, shortcuts)
        self.feature_size = third
        self.head_name = "fc" if shortcuts == "convolution" else "linear"
        setattr(self, self.head_name, nn.Linear(third, num_classes))
        initialise(self)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of the three stages. The last are [B, D, H/4, W/4]."""
        stem = norm_relu(self.bn1, self.conv1(images))
        first = self.layer1(stem)
        second = self.layer2(first)
        return stem, first, second, self.layer3(second)


def _stage(
    inputs: int, width: int, blocks: int, stride: int, shortcuts: Shortcuts
) -> nn.Sequential:
    first = BasicBlock(inputs, width, stride, shortcuts)
    return nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(blocks - 1)))
