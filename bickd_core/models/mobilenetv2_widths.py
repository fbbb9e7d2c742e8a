"""MobileNetV2 of Sandler et al. 2018 (arXiv 1801.04381) at several widths, as
chenyaofo/pytorch-cifar-models has it.

The paper's network with stride 1 in the stem and in the second group. It differs from
`mobilenetv2.py` in ReLU6, in a first block without expansion, and in its stem. Parameter names are
those of that repository and of torchvision (`features.1.conv.0.0`, `classifier.1`), so its released
weights load.
"""

import torch.nn as nn
from torch import Tensor

from bickd_core.models.base import Classifier, initialise

GROUPS = (
    (1, 1, 1),
    (6, 2, 1),
    (6, 3, 2),
    (6, 4, 2),
    (6, 3, 1),
    (6, 3, 2),
    (6, 1, 1),
)
"""Expansion, blocks, stride of the first block."""


class InvertedResidual(nn.Module):
    """Expand by a 1 x 1 convolution (not in the first block), filter each channel by a 3 x 3,
    project by a 1 x 1.

    [B, inputs, H, W] to [B, width, H/s, W/s]. The input is added if it has the same shape.
    """

    def __init__(self, inputs: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.adds = stride == 1 and inputs == width
        self.conv = nn.Sequential(
            *([] if expansion == 1 else [_convolution(inputs, inner, 1)]),
            _convolution(inner, inner, 3, stride, groups=inner),
            nn.Conv2d(inner, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2Widths(Classifier):
    """A CIFAR MobileNetV2.

    Args:
        widths: channels of the stem, of the seven groups and of the last convolution.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "classifier"
    stage_names = ("stem", *(f"group {number}" for number in range(1, 8)), "last convolution")

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        layers: list[nn.Module] = [_convolution(in_channels, widths[0], 3)]
        inputs = widths[0]
        for (expansion, count, stride), width in zip(GROUPS, widths[1:-1], strict=True):
            for number in range(count):
                layers.append(InvertedResidual(inputs, width, 1 if number else stride, expansion))
                inputs = width
        layers.append(_convolution(inputs, widths[-1], 1))
        self.features = nn.Sequential(*layers)
        self.feature_size = widths[-1]
        linear = nn.Linear(widths[-1], num_classes)
        self.classifier = nn.Sequential(nn.Dropout(0.2), linear)
        initialise(self)
        nn.init.normal_(linear.weight, 0, 0.01)
        nn.init.zeros_(linear.bias)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the stem and of each group. The last are [B, D, H/8, W/8]."""
        ends, position = {0}, 0
        for _, count, _ in GROUPS:
            position += count
            ends.add(position)
        x, maps = images, []
        for index, module in enumerate(self.features):
            x = module(x)
            if index in ends or index == len(self.features) - 1:
                maps.append(x)
        return tuple(maps)


def _convolution(
    inputs: int, width: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            inputs, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(width),
        nn.ReLU6(inplace=True),
    )
