"""ResNet-50 of He et al. 2016 (arXiv 1512.03385, table 1) in CIFAR form: a 3 x 3 stem of stride 1, no pooling behind it.

Four stages of 3, 4, 6 and 3 bottleneck blocks, each stage after the first at half the resolution of the one
before, a mean over positions, one linear layer. The stride sits in the 3 x 3 convolution. Parameter names are
those of HobbitLong/RepDistiller and megvii-research/mdistiller (`ResNet50`: `layer1.0.conv3`,
`layer2.0.shortcut.0`, `linear`), so their released weights load.
"""

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import norm_relu
from bickd_core.models.base import Classifier, initialise
from bickd_core.models.plans import BOTTLENECK_BLOCKS


class Bottleneck(nn.Module):
    """1 x 1 to a quarter of the width, 3 x 3, 1 x 1 back, and a shortcut: [B, inputs, H, W] to [B, width, H/s, W/s]."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        inner = width // 4
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = norm_relu(self.bn1, self.conv1(x))
        y = norm_relu(self.bn2, self.conv2(y))
        return norm_relu(self.bn3, self.conv3(y), self.shortcut(x))


class BottleneckResNet(Classifier):
    """A CIFAR ResNet with bottleneck blocks.

    depth: 50. widths: channels of the stem and of the four stages. num_classes: C, length of the logits.
    in_channels: channels of the images.
    """

    head_name = "linear"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")

    def __init__(
        self, depth: int, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3
    ) -> None:
        super().__init__(in_channels)
        if depth not in BOTTLENECK_BLOCKS:
            known = ", ".join(map(str, BOTTLENECK_BLOCKS))
            raise ValueError(f"depth must be one of {known}, but {depth} came.")
        if len(widths) != 5:
            raise ValueError(f"widths must hold the stem's and four stages' channels, but {widths} came.")
        counts = BOTTLENECK_BLOCKS[depth]
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = _stage(widths[0], widths[1], counts[0], stride=1)
        self.layer2 = _stage(widths[1], widths[2], counts[1], stride=2)
        self.layer3 = _stage(widths[2], widths[3], counts[2], stride=2)
        self.layer4 = _stage(widths[3], widths[4], counts[3], stride=2)
        self.feature_size = widths[4]
        self.linear = nn.Linear(widths[4], num_classes)
        initialise(self)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [B, in_channels, H, W] to the stem's and the four stages' maps, the last [B, D, H/8, W/8]."""
        stem = norm_relu(self.bn1, self.conv1(images))
        first = self.layer1(stem)
        second = self.layer2(first)
        third = self.layer3(second)
        return stem, first, second, third, self.layer4(third)


def _stage(inputs: int, width: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        Bottleneck(inputs, width, stride), *(Bottleneck(width, width, 1) for _ in range(count - 1))
    )
