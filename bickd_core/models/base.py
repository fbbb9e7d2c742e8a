"""The base class of all networks: from images to logits, with features and maps on request."""

from abc import ABC, abstractmethod

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.models.outputs import Outputs


class Classifier(nn.Module, ABC):
    """A network with feature maps, their mean over all positions, and one linear layer.

    Takes images [B, in_channels, H, W] of at least 8 x 8. At 32 x 32, the mean is the same as the
    average pooling of the published CIFAR networks.
    """

    head_name = "fc"  # the attribute that holds the linear layer, as the published weights call it
    feature_size: int  # D, length of the pooled penultimate features, set by the family
    stage_names: tuple[str, ...]  # one for each of `stage_maps`, set by the family

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels

    @abstractmethod
    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps [B, D_s, h_s, w_s] after each stage, for images [B, in_channels, H, W].
        The last are [B, D, h, w]."""

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, in_channels, H, W] to logits [B, C]."""
        return self.outputs(images).logits

    def outputs(
        self, images: Tensor, features: bool = False, maps: bool = False, stages: bool = False
    ) -> Outputs:
        """Return the logits and, on request, features, maps and stages (see `Outputs`).

        Args:
            images: [B, in_channels, H, W].

        Raises:
            ValueError: the images have another number of channels or dimensions.
        """
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(
                f"images must be [batch, {self.in_channels}, height, width] for this model, "
                f"got {list(images.shape)}; choose in_channels to fit the data."
            )
        every = self.stage_maps(images)
        pooled = _pooled(every[-1])  # [B, D]
        return Outputs(
            logits=getattr(self, self.head_name)(pooled),
            features=pooled if features else None,
            maps=every[-1] if maps else None,
            stages=(*map(_pooled, every[:-1]), pooled) if stages else None,
        )


def _pooled(maps: Tensor) -> Tensor:
    """Mean over the positions: [B, D, h, w] to [B, D]."""
    return F.adaptive_avg_pool2d(maps, 1).flatten(1)


def initialise(model: nn.Module) -> None:
    """Initialise convolutions by Kaiming's normal rule (fan-out) and batch norms to the identity.

    Biases of convolutions become 0. Linear layers keep torch's initialisation, as in the published
    CIFAR networks. All random numbers come from torch's global generator.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
