"""VGG with batch norm and three linear layers, as chenyaofo/pytorch-cifar-models has it.

Five blocks of 3 x 3 convolutions, each with a bias and a batch norm, max pooling after each block,
a mean over positions (one position at 32 x 32), and three linear layers. Parameter names are those
of that repository and of torchvision (`features.0`, `classifier.6`), so its released weights load.
"""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.kernels.norm_relu import through
from bickd_core.models.base import Classifier, initialise
from bickd_core.models.vgg import BLOCKS


class VGGMLP(Classifier):
    """A CIFAR VGG with three linear layers.

    Its features are the means [B, D], the inputs of the first linear layer.

    Args:
        depth: 11, 13, 16 or 19, including the linear layers.
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
        layers: list[nn.Module] = []
        inputs = in_channels
        for width, count in zip(widths, BLOCKS[depth], strict=True):
            for _ in range(count):
                layers += [
                    nn.Conv2d(inputs, width, 3, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.feature_size = inputs
        self.classifier = nn.Sequential(
            nn.Linear(inputs, inputs),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(inputs, inputs),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(inputs, num_classes),
        )
        initialise(self)
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the first four blocks, and those after the last pooling.

        Maps of one position are not pooled further, so images may be smaller than 32 x 32.
        """
        x, maps = images, []
        block: list[nn.Module] = []
        for module in self.features:
            if not isinstance(module, nn.MaxPool2d):
                block.append(module)
                continue
            x = through(block, x)
            maps.append(x)
            x = F.max_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
            block = []
        return (*maps[:-1], x)
