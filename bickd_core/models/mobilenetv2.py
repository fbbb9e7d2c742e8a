"""MobileNetV2 of Sandler et al. 2018 (arXiv 1801.04381), half as wide, as in CIFAR benchmarks.

A stem of stride 2, seven groups of inverted residual blocks (expansion 6, but 1 in the first), a
1 x 1 convolution to 1,280 channels, a mean over positions, and one linear layer. Like the
benchmarks, it differs from the paper: ReLU instead of ReLU6, stride 1 in the second group, an
expanding convolution in the first. Parameter names are those of HobbitLong/RepDistiller
(`mobile_half`) and megvii-research/mdistiller (`MobileNetV2`): `conv1.0`, `blocks.1.0.conv.3`,
`conv2.0`, `classifier.0`, so their released weights load.
"""

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import Layers
from bickd_core.models.base import Classifier, initialise

GROUPS = (
    (1, 8, 1, 1),
    (6, 12, 2, 1),
    (6, 16, 3, 2),
    (6, 32, 4, 2),
    (6, 48, 3, 1),
    (6, 80, 3, 2),
    (6, 160, 1, 1),
)
"""Expansion, channels (half of the paper's), blocks, stride of the first block."""


class InvertedResidual(nn.Module):
    """Expand by a 1 x 1 convolution, filter each channel by a 3 x 3, project by a 1 x 1 without a
    ReLU.

    [B, inputs, H, W] to [B, width, H/s, W/s]. The input is added if it has the same shape.
    """

    def __init__(self, inputs: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.adds = stride == 1 and inputs == width
        self.conv = Layers(
            nn.Conv2d(inputs, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(Classifier):
    """The half-width CIFAR MobileNetV2.

    Args:
        widths: channels of the stem, of the last group at each resolution, and of the last
            convolution.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "classifier"
    stage_names = ("stem", "stage 1", "stage 2", "stage 3", "stage 4", "last convolution")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        self.conv1 = _convolution(in_channels, widths[0], 3, stride=2)
        groups, inputs = [], widths[0]
        for expansion, width, count, stride in GROUPS:
            blocks = [InvertedResidual(inputs, width, stride, expansion)]
            blocks += [InvertedResidual(width, width, 1, expansion) for _ in range(count - 1)]
            groups.append(nn.Sequential(*blocks))
            inputs = width
        self.blocks = nn.ModuleList(groups)
        self.conv2 = _convolution(inputs, widths[-1], 1)
        self.feature_size = widths[-1]
        linear = nn.Linear(widths[-1], num_classes)
        self.classifier = nn.Sequential(linear)
        initialise(self)
        nn.init.normal_(linear.weight, 0, 0.01)
        nn.init.zeros_(linear.bias)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return six maps, at H/2, H/2, H/4, H/8 and H/16. The last are [B, 1280, H/16, W/16]."""
        x = self.conv1(images)
        maps = [x]
        for position, group in enumerate(self.blocks):
            x = group(x)
            if position in (1, 2, 4, 6):
                maps.append(x)
        return (*maps, self.conv2(x))


def _convolution(inputs: int, width: int, kernel: int, stride: int = 1) -> Layers:
    return Layers(
        nn.Conv2d(inputs, width, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
