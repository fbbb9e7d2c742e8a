"""Batch norm, an addition and ReLU in one operation, for the networks in `models/`."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FUSED = "_bickd_fused"


def norm_relu(norm: nn.Module, x: Tensor, addend: Tensor | None = None) -> Tensor:
    """Return ReLU(norm(x) + addend) for maps [B, C, H, W].

    Our kernel computes it if `fuse` was called on the network and the maps fit. It needs fewer
    passes and does not round between them, so in bfloat16 it differs from torch by one rounding.
    """
    if _is_fused(norm) and _suits(norm, x, addend):  # type: ignore[arg-type]
        norm.num_batches_tracked.add_(1)  # type: ignore[operator]
        return torch.ops.bickd.norm_relu(
            x,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            addend,
            norm.momentum,
            norm.eps,
        )
    y = norm(x)
    return F.relu(y if addend is None else y + addend, inplace=True)


class Layers(nn.Sequential):
    """A sequence of layers. In training, a fused batch norm and the ReLU after it are one
    operation."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the last layer for maps [B, C, H, W]."""
        return through(self, x)


def through(layers: Iterable[nn.Module], x: Tensor, *, relu: bool = False) -> Tensor:
    """Apply layers to maps [B, C, H, W], like `Layers`.

    Args:
        relu: whether to add a ReLU at the end.

    >>> layers = [nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 3, 1)]
    >>> through(layers, torch.ones(4, 2, 5, 5)).shape
    torch.Size([4, 3, 5, 5])
    """
    modules = list(layers)
    position = 0
    while position < len(modules):
        module = modules[position]
        position += 1
        last = position == len(modules)
        if last and relu:
            x = norm_relu(module, x)
        elif not last and _is_fused(module) and isinstance(modules[position], nn.ReLU):
            x = norm_relu(module, x)
            position += 1
        else:
            x = module(x)
    return x


def fuse(model: nn.Module) -> nn.Module:
    """Let our kernel compute the batch norms of `model`, in place. `load_kernels` must have
    returned None before."""
    for module in model.modules():
        if (
            type(module) is nn.BatchNorm2d
            and module.affine
            and module.track_running_stats
            and module.momentum is not None
        ):
            setattr(module, _FUSED, True)
    return model


def _is_fused(module: nn.Module) -> bool:
    return module.training and _FUSED in module.__dict__


def _suits(norm: nn.BatchNorm2d, x: Tensor, addend: Tensor | None) -> bool:
    """Return whether the kernel accepts these maps: in channels-last order, with a multiple of 16
    numbers in a group of pixels."""
    if (
        x.dtype not in (torch.float32, torch.bfloat16)
        or not _in_order(x)
        or norm.weight.dtype != torch.float32
    ):
        return False
    if addend is not None and (
        addend.dtype != x.dtype or addend.shape != x.shape or not _in_order(addend)
    ):
        return False
    pixels, channels = x.numel() // x.shape[1], x.shape[1]
    width = channels
    while width < 64 and pixels % 2 == 0:
        width, pixels = 2 * width, pixels // 2
    return width % 16 == 0 and x.numel() > channels


def _in_order(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
