"""Fold the batch norms of a frozen network into its convolutions, which saves one pass a layer."""

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
from bickd_core.models.tf32 import without_tf32

TOLERANCE = 1e-4
"""Largest allowed difference from the original outputs, relative to their largest value."""


@torch.no_grad()
def folded(model: nn.Module, images: Tensor, names: Collection[str] = ()) -> nn.Module:
    """Return a copy of a network in evaluation mode, with batch norms folded into the convolutions
    before them.

        BN(W * x + b) = W' * x + b',  W' = W gamma / sqrt(var + eps)
                                      b' = (b - mean) gamma / sqrt(var + eps) + beta

    Only an `nn.BatchNorm2d` directly after an `nn.Conv2d` is folded, if each is used once. It is
    not folded if that changes an output, because another layer may read the convolution's output.

    Args:
        images: [B, channels, H, W], for a pass that shows the order of layers.
        names: outputs to compare besides the logits: any of "features", "maps".
    """
    plain = copy.deepcopy(model).eval()
    expected, pairs = _watched(plain, images, names)
    at_once = copy.deepcopy(plain)
    for norm, convolution in pairs.items():
        _fold(at_once, norm, convolution)
    if _agrees(at_once, images, names, expected):
        return at_once
    for norm, convolution in pairs.items():
        before = plain.get_submodule(norm), plain.get_submodule(convolution)
        _fold(plain, norm, convolution)
        if not _agrees(plain, images, names, expected):
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
    """Return the outputs, and a mapping from batch norms to the convolutions before them."""
    calls: Counter[str] = Counter()
    source_of: dict[int, str] = {}
    outputs_alive: list[Tensor] = []  # so that no other tensor gets the id of one of these
    pairs_seen: dict[str, str] = {}

    def watch(name: str, module: nn.Module) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            calls[name] += 1
            if type(module) is nn.Conv2d:
                outputs_alive.append(output)
                source_of[id(output)] = name
            elif id(given[0]) in source_of:
                pairs_seen[name] = source_of[id(given[0])]

        return hook

    watched = [
        module.register_forward_hook(watch(name, module))
        for name, module in model.named_modules()
        if type(module) in (nn.Conv2d, nn.BatchNorm2d)
    ]
    outputs = _outputs(model, images, names)
    for handle in watched:
        handle.remove()
    readers = Counter(pairs_seen.values())
    pairs = {
        norm: convolution
        for norm, convolution in pairs_seen.items()
        if calls[norm] == calls[convolution] == readers[convolution] == 1
    }
    return outputs, pairs


def _outputs(model: nn.Module, images: Tensor, names: Collection[str]) -> list[Tensor]:
    with without_tf32():  # TF32 differs by more than the tolerance
        outputs: Outputs = model.outputs(images, features="features" in names, maps="maps" in names)  # type: ignore[operator]
    return [
        tensor for tensor in (outputs.logits, outputs.features, outputs.maps) if tensor is not None
    ]


def _agrees(
    model: nn.Module, images: Tensor, names: Collection[str], expected: list[Tensor]
) -> bool:
    return all(
        float((output - wanted).abs().max()) <= TOLERANCE * max(float(wanted.abs().max()), 1e-12)
        for output, wanted in zip(_outputs(model, images, names), expected, strict=True)
    )
