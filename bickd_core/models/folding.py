"""A frozen network without its batch norms: each is folded into the convolution before it, which
saves a pass a layer."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bickd_core.models.outputs import Outputs

TOLERANCE = 1e-4
"""Greatest difference from the unfolded network's outputs, as a share of their greatest size, in
float32."""


@torch.no_grad()
def folded(model: nn.Module, images: Tensor, names: Collection[str] = ()) -> nn.Module:
    """A copy of `model` in evaluation mode whose batch norms are folded into the convolutions that
    feed them.

        BN(W * x + b) = W' * x + b',  W' = W gamma / sqrt(var + eps),  b' = (b - mean) gamma /
        sqrt(var + eps) + beta

    Which convolution feeds which batch norm is seen in a pass over `images` [B, channels, H, W].
    Only plain `nn.BatchNorm2d` behind plain `nn.Conv2d` are taken, each used once, and only where
    the copy's outputs on `images` (logits, and `names`: any of "features", "maps") stay the
    model's: something else may read what the convolution puts out.
    """
    plain = copy.deepcopy(model).eval()
    expected, pairs = _watched(plain, images, names)
    at_once = copy.deepcopy(plain)
    for norm, convolution in pairs.items():
        _fold(at_once, norm, convolution)
    if _says(at_once, images, names, expected):
        return at_once
    for norm, convolution in pairs.items():
        before = plain.get_submodule(norm), plain.get_submodule(convolution)
        _fold(plain, norm, convolution)
        if not _says(plain, images, names, expected):
            for name, module in zip((norm, convolution), before, strict=True):
                plain.set_submodule(name, module)
    return plain


def _fold(model: nn.Module, norm: str, convolution: str) -> None:
    fused = fuse_conv_bn_eval(model.get_submodule(convolution), model.get_submodule(norm))  # type: ignore[arg-type, type-var]
    model.set_submodule(convolution, fused)
    model.set_submodule(norm, nn.Identity().eval())


def _watched(
    model: nn.Module, images: Tensor, names: Collection[str]
) -> tuple[list[Tensor], dict[str, str]]:
    """The outputs; name of a batch norm -> name of the convolution whose output is its input."""
    calls: Counter[str] = Counter()
    made: dict[int, str] = {}
    kept: list[Tensor] = []  # so that no other tensor gets the id of one of these
    found: dict[str, str] = {}

    def watch(name: str, module: nn.Module) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            calls[name] += 1
            if type(module) is nn.Conv2d:
                kept.append(output)
                made[id(output)] = name
            elif id(given[0]) in made:
                found[name] = made[id(given[0])]

        return hook

    watched = [
        module.register_forward_hook(watch(name, module))
        for name, module in model.named_modules()
        if type(module) in (nn.Conv2d, nn.BatchNorm2d)
    ]
    outputs = _outputs(model, images, names)
    for handle in watched:
        handle.remove()
    readers = Counter(found.values())
    pairs = {
        norm: convolution
        for norm, convolution in found.items()
        if calls[norm] == calls[convolution] == readers[convolution] == 1
    }
    return outputs, pairs


def _outputs(model: nn.Module, images: Tensor, names: Collection[str]) -> list[Tensor]:
    with torch.backends.cudnn.flags(
        allow_tf32=False
    ):  # which would differ by more than the tolerance
        said: Outputs = model.outputs(images, features="features" in names, maps="maps" in names)  # type: ignore[operator]
    return [tensor for tensor in (said.logits, said.features, said.maps) if tensor is not None]


def _says(model: nn.Module, images: Tensor, names: Collection[str], expected: list[Tensor]) -> bool:
    return all(
        float((found - one).abs().max()) <= TOLERANCE * max(float(one.abs().max()), 1e-12)
        for found, one in zip(_outputs(model, images, names), expected, strict=True)
    )
