"""A small convolutional network for digits and quick trials, not from a paper and not tuned."""

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import through
from bickd_core.models.base import Classifier, initialise


class ConvNet(Classifier):
    """Blocks of a 3 x 3 convolution, batch norm and ReLU, with max pooling between them.

    Args:
        widths: channels of each convolution.
        num_classes: C, the length of the logits.
        in_channels: channels of the images.
    """

    def __init__(self, widths: tuple[int, ...], *, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        layers: list[nn.Module] = []
        previous = in_channels
        for position, width in enumerate(widths):
            if position:
                layers.append(nn.MaxPool2d(2))
            layers += [
                nn.Conv2d(previous, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            previous = width
        self.body = nn.Sequential(*layers)
        self.stage_names = tuple(f"stage {i + 1}" for i in range(len(widths)))
        self.feature_size = previous
        self.fc = nn.Linear(previous, num_classes)
        initialise(self)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps after each ReLU. With three widths, the last are [B, D, H/4, W/4]."""
        maps, x, begin, layers = [], images, 0, list(self.body)
        for position, layer in enumerate(layers):
            if isinstance(layer, nn.ReLU):
                x = through(layers[begin : position + 1], x)
                maps.append(x)
                begin = position + 1
        return tuple(maps)
