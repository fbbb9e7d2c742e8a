"""The wide ResNets of Zagoruyko and Komodakis 2016 (arXiv 1605.07146), without dropout.

A 3 x 3 stem, three stages of (depth - 4) / 6 blocks that normalise before they convolve, each stage
after the first at half the resolution, a last batch norm, a mean over positions, and one linear
layer. Parameter names are those of HobbitLong/RepDistiller and
megvii-research/mdistiller (`conv1`, `block1.layer.0.bn1`, `block2.layer.0.convShortcut`, `bn1`,
`fc`), so their released weights load.
"""

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier, initialise


class PreactivationBlock(nn.Module):
    """Batch norm, ReLU, 3 x 3 convolution, twice: [B, inputs, H, W] to [B, width, H/s, W/s].

    If the width changes, the shortcut is a 1 x 1 convolution of the normalised input. Otherwise it
    is the input itself, so only a block that changes the width may have a stride.
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.convShortcut: nn.Conv2d | None = None
        if inputs != width:
            self.convShortcut = nn.Conv2d(inputs, width, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        normal = norm_relu(self.bn1, x)
        shortcut = x if self.convShortcut is None else self.convShortcut(normal)
        y = norm_relu(self.bn2, self.conv1(normal))
        return shortcut + self.conv2(y)


class Stage(nn.Module):
    """A sequence of blocks. It is a module because the published names contain `layer`."""

    def __init__(self, inputs: int, width: int, blocks: int, stride: int) -> None:
        super().__init__()
        first = PreactivationBlock(inputs, width, stride)
        self.layer = nn.Sequential(
            first, *(PreactivationBlock(width, width, 1) for _ in range(blocks - 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class WideResNet(Classifier):
    """A CIFAR wide ResNet.

    Args:
        depth: 6 n + 4, for n blocks in each stage. As in the paper, the convolutions of the three
            shortcuts count.
        widths: channels of the stem and of the three stages, (16, 16 k, 32 k, 64 k) for a widening
            of k.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    stage_names = ("stem", "stage 1", "stage 2", "stage 3")

    def __init__(
        self, depth: int, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3
    ) -> None:
        super().__init__(in_channels)
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth must be 6 n + 4 with n of at least 1, got {depth}.")
        if len(widths) != 4:
            raise ValueError(
                f"widths must hold the stem's and three stages' channels, got {widths}."
            )
        blocks = (depth - 4) // 6
        stem, first, second, third = widths
        self.conv1 = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        self.block1 = Stage(stem, first, blocks, stride=1)
        self.block2 = Stage(first, second, blocks, stride=2)
        self.block3 = Stage(second, third, blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(third)
        self.feature_size = third
        self.fc = nn.Linear(third, num_classes)
        initialise(self)
        nn.init.zeros_(self.fc.bias)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of the three stages. The last are [B, D, H/4, W/4].

        The last maps are those after the last batch norm and ReLU.
        """
        stem = self.conv1(images)
        first = self.block1(stem)
        second = self.block2(first)
        return stem, first, second, norm_relu(self.bn1, self.block3(second))
