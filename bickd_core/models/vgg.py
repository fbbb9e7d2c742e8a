"""The VGG networks of Simonyan and Zisserman 2015 (arXiv 1409.1556), as in CIFAR benchmarks.

Five blocks of 3 x 3 convolutions, each with a bias and a batch norm, a mean over positions, and one
linear layer instead of the paper's three. Parameter names are those of
HobbitLong/RepDistiller and megvii-research/mdistiller (`block0.0`, `block0.1`, ..., `classifier`),
so their released weights load.
"""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import through
from bickd_core.models.base import Classifier, initialise

BLOCKS = {
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions in each of the five blocks, by depth."""
_LARGE = 64
"""From this side length on, there is a fourth pooling, as in the published code at 64 x 64."""


class VGG(Classifier):
    """A CIFAR VGG with batch norm.

    Args:
        depth: 8, 11, 13, 16 or 19, including the paper's three linear layers.
        widths: channels of each block.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    head_name = "classifier"
    stage_names = ("block 1", "block 2", "block 3", "block 4", "block 5")

    def __init__(
        self, depth: int, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3
    ) -> None:
        super().__init__(in_channels)
        if depth not in BLOCKS:
            raise ValueError(f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}.")
        if len(widths) != 5:
            raise ValueError(f"widths must hold five blocks' channels, got {widths}.")
        counts = BLOCKS[depth]
        self.block0 = _block(in_channels, widths[0], counts[0])
        self.block1 = _block(widths[0], widths[1], counts[1])
        self.block2 = _block(widths[1], widths[2], counts[2])
        self.block3 = _block(widths[2], widths[3], counts[3])
        self.block4 = _block(widths[3], widths[4], counts[4])
        self.feature_size = widths[4]
        self.classifier = nn.Linear(widths[4], num_classes)
        initialise(self)
        nn.init.normal_(self.classifier.weight, 0, 0.01)
        nn.init.zeros_(self.classifier.bias)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of each block. The last are [B, D, H/8, W/8], or [B, D, H/16, W/16] from
        64 pixels on, because only large images are pooled before the last block."""
        first = through(self.block0, images, relu=True)
        second = through(self.block1, F.max_pool2d(first, 2), relu=True)
        third = through(self.block2, F.max_pool2d(second, 2), relu=True)
        fourth = through(self.block3, F.max_pool2d(third, 2), relu=True)
        last = F.max_pool2d(fourth, 2) if images.shape[2] >= _LARGE else fourth
        return first, second, third, fourth, through(self.block4, last, relu=True)


def _block(inputs: int, width: int, count: int) -> nn.Sequential:
    """Return `count` convolutions with batch norms, and ReLUs between them. `stage_maps` adds the
    last ReLU."""
    layers: list[nn.Module] = []
    for position in range(count):
        if position:
            layers.append(nn.ReLU(inplace=True))
        layers += [
            nn.Conv2d(width if position else inputs, width, 3, padding=1),
            nn.BatchNorm2d(width),
        ]
    return nn.Sequential(*layers)
