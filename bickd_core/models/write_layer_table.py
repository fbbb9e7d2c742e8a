"""Write `layer_table.json`: `python -m bickd_core.models.write_layer_table`.

Run this after you add or change a network. Each network is built on torch's meta device, so no
weights are allocated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bickd_core.models.catalogue import MODELS
from bickd_core.models.factory import create_model
from bickd_core.models.layer_table import LARGE_SIZE, PATH

CLASSES, CHANNELS = 1009, 11
"""Numbers that occur in no shape of our networks except as classes and image channels."""
SMALL_SIZE, ODD_SIZE = 32, 31


def describe(name: str) -> dict[str, Any]:
    """Return a network's entry of the table.

    Returns:
        odd_sizes: "up" or "down", how halving rounds an odd side length.
        layers: the layers as a tree of the parts of their names. Equal neighbours with numbers for
            names share a key such as `1-8`. A leaf is [kind, shape of the weight, reductions].
            kind: "conv", "conv+bias", "linear" or "norm". The shape has "classes" and "channels"
            in place of the numbers that depend on the data. Only convolutions have reductions: the
            image's side over the output's, and that from 64 pixels on if it is another.
    """
    with torch.device("meta"):
        model = create_model(name, num_classes=CLASSES, in_channels=CHANNELS).eval()
    small, odd, large = (_sides(model, size) for size in (SMALL_SIZE, ODD_SIZE, LARGE_SIZE))
    tree: dict[str, Any] = {}
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            kind = "conv" if layer.bias is None else "conv+bias"
            reductions = sorted({SMALL_SIZE // small[path], LARGE_SIZE // large[path]})
        elif isinstance(layer, nn.Linear | nn.BatchNorm2d):
            kind = "linear" if isinstance(layer, nn.Linear) else "norm"
            reductions = []
        else:
            continue
        lengths = {CLASSES: "classes", CHANNELS: "channels"}
        shape = [lengths.get(length, length) for length in layer.weight.shape]
        *parents, last = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = [kind, shape, *reductions]
    rounds_up = any(ODD_SIZE // (SMALL_SIZE // small[path]) < side for path, side in odd.items())
    return {"odd_sizes": "up" if rounds_up else "down", "layers": _folded(tree)}


def _sides(model: nn.Module, size: int) -> dict[str, int]:
    """Return the side length of each convolution's output for images of this size."""
    sides: dict[str, int] = {}

    def watch(path: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_: nn.Module, inputs: Any, output: Tensor) -> None:
            sides[path] = output.shape[-1]

        return hook

    handles = [
        layer.register_forward_hook(watch(path))
        for path, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d)
    ]
    with torch.inference_mode():
        model(torch.empty(1, CHANNELS, size, size, device="meta"))
    for handle in handles:
        handle.remove()
    return sides


def _folded(node: Any) -> Any:
    """Merge equal neighbours whose keys are successive numbers.

    >>> _folded({"0": ["norm", [8]], "1": ["norm", [16]], "2": ["norm", [16]]})
    {'0': ['norm', [8]], '1-2': ['norm', [16]]}
    """
    if not isinstance(node, dict):
        return node
    folded: dict[str, Any] = {}
    for key, child in node.items():
        value = _folded(child)
        previous = next(reversed(folded), "")
        first, _, last = previous.partition("-")
        follows = key.isdigit() and previous and (last or first) == str(int(key) - 1)
        if follows and folded[previous] == value:
            folded.pop(previous)
            key = f"{first}-{key}"
        folded[key] = value
    return folded


def main() -> None:
    entries = (f"{json.dumps(name)}: {json.dumps(describe(name))}" for name in MODELS)
    PATH.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
