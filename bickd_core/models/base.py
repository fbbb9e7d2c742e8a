"""What every network here shares: from images to logits, with features and maps on request."""

from abc import ABC, abstractmethod

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from bickd_core.models.outputs import Outputs


class Classifier(nn.Module, ABC):
    """Feature maps, their mean over the positions, one linear layer.

    Takes images [B, in_channels, H, W] of any size from 8 x 8 on: the mean over all positions is
    the same as the average pool of fixed size that the published CIFAR networks have at 32 x 32.
    """

    head_name = "fc"  # the attribute that holds the linear layer, as the published weights call it
    feature_size: int  # D, length of the pooled penultimate features, set by the family
    stage_names: tuple[str, ...]  # one for each of `stage_maps`, set by the family

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels

    @abstractmethod
    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [B, in_channels, H, W] to the maps [B, D_s, h_s, w_s] after each stage, the last
        [B, D, h, w]."""

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, in_channels, H, W] to logits [B, C]."""
        return self.outputs(images).logits

    def outputs(
        self, images: Tensor, features: bool = False, maps: bool = False, stages: bool = False
    ) -> Outputs:
        """Images [B, in_channels, H, W] to Outputs.

        features: also the pooled penultimate features [B, D]. maps: also the last feature maps
        [B, D, h, w]. stages: also the pooled maps [B, D_s] after each stage. Raises ValueError for
        images with another number of channels or dimensions.
        """
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(
                f"images must be [batch, {self.in_channels}, height, width] for this model, "
                f"but {list(images.shape)} came; choose in_channels to fit the data."
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
    """Convolutions by Kaiming's normal rule over the outputs, their biases 0, batch norms to the
    identity.

    Linear layers keep torch's own rule, as in the published CIFAR networks. Draws from torch's
    global generator only, so the caller's seed decides the weights.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
