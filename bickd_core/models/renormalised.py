"""Wrap a network that expects inputs with another normalisation, channel order, number of channels
or size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bickd_core.models.outputs import Outputs
from bickd_core.models.wrapped import hide_wrapper_in_state_dict


class Renormalised(nn.Module):
    """Convert inputs (x - mean) / std to (x - own_mean) / own_std for a network.

    Args:
        net: any network of this package or `Wrapped`. Its names in the state dict do not change.
        mean, std: of the given inputs, for each channel.
        own_mean, own_std: that the network expects, in the channel order of the given inputs. If
            they are for three channels and the given inputs have one, this is repeated.
        bgr: whether the network expects the channels in the opposite order.
        grey: weights of the given channels, if the network expects one channel of grey.
        size: pixels per side that it expects. Inputs of another size are scaled (bilinear,
            antialiased). None for any size.

    >>> model = Renormalised(nn.Identity(), mean=[0.5], std=[0.5], own_mean=[0.0], own_std=[1.0])
    >>> model.own_inputs(torch.tensor([[[[-1.0, 0.0, 1.0]]]]))
    tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        own_mean: Sequence[float],
        own_std: Sequence[float],
        bgr: bool = False,
        grey: Sequence[float] | None = None,
        size: int | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.bgr, self.size = bgr, size
        for name in ("feature_size", "stage_names"):
            if hasattr(net, name):
                setattr(self, name, getattr(net, name))
        self.in_channels = len(mean)
        self.grey = grey is not None
        comes, comes_std, own, own_scale = map(torch.tensor, (mean, std, own_mean, own_std))
        if grey is not None:
            weights = torch.tensor(grey)
            comes, comes_std = (weights * comes).sum(), weights * comes_std
        shape = (1, -1, 1, 1)
        self.register_buffer("scale", (comes_std / own_scale).view(shape), persistent=False)
        self.register_buffer("shift", ((comes - own) / own_scale).view(shape), persistent=False)
        hide_wrapper_in_state_dict(self)

    def own_inputs(self, images: Tensor) -> Tensor:
        """Convert images [B, ch, H, W] to the inputs that the network expects."""
        images = images * self.scale
        if self.grey:
            images = images.sum(1, keepdim=True)
        images = images + self.shift
        if self.bgr:
            images = images.flip(1)
        if self.size is not None and images.shape[-1] != self.size:
            side = (self.size, self.size)
            images = F.interpolate(
                images, side, mode="bilinear", antialias=images.shape[-1] > self.size
            )
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C] for images [B, ch, H, W]."""
        return self.net(self.own_inputs(images))

    def outputs(
        self, images: Tensor, features: bool = False, maps: bool = False, stages: bool = False
    ) -> Outputs:
        """Return the network's outputs for images [B, ch, H, W]."""
        outputs = self.net.outputs(
            self.own_inputs(images), features=features, maps=maps, stages=stages
        )  # type: ignore[operator]
        if stages:  # the network may have left some out
            self.stage_names = self.net.stage_names
        return outputs
