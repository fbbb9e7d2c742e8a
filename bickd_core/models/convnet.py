"""A small convolutional net, for digits and for quick trials; no paper's, nothing tuned."""

import torch.nn as nn
from torch import Tensor

from bickd_core.kernels.norm_relu import through
from bickd_core.models.base import Classifier, initialise


class ConvNet(Classifier):
    """3 x 3 convolution, batch norm and ReLU once a width, halved by max pooling between them.

    widths: channels of each convolution. num_classes: C. in_channels: channels of the images.
    An image of 8 x 8 leaves maps of 2 x 2 with three widths, one of 32 x 32 leaves 8 x 8.
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
        """Images [B, in_channels, H, W] to the maps after each ReLU, the last [B, D, H/4, W/4]
        (three widths)."""
        found, x, begin, layers = [], images, 0, list(self.body)
        for position, layer in enumerate(layers):
            if isinstance(layer, nn.ReLU):
                x = through(layers[begin : position + 1], x)
                found.append(x)
                begin = position + 1
        return tuple(found)
