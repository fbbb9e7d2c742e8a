"""Read a network's inputs from a Hugging Face folder: timm's `config.json` or transformers'
`preprocessor_config.json`.

Unknown content is ignored, and `ImportRequest` validates the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from bickd_core.data.normalisation import TRIED, usual
from bickd_core.reading import read_json

_CLOSE = 0.002
_RESIZES = {"center": "crop", "squash": "stretch", "border": "pad"}
"""timm's `crop_mode`."""
_PILLOW = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
"""transformers' `resample`, which is Pillow's number."""


def read_inputs(folder: Path) -> dict[str, Any]:
    """Return the fields of an `ImportRequest` that the folder's files define; empty if there are
    none."""
    config = read_config(folder)
    pretrained = config.get("pretrained_cfg")
    inputs = inputs_of_timm(pretrained if isinstance(pretrained, Mapping) else config)
    return inputs or _of_transformers(read_config(folder, "preprocessor_config.json"))


def normalisation_fields(mean: Any, std: Any) -> dict[str, Any]:
    """Return the name of a preset, or the given numbers; empty if they are not valid numbers.

    >>> normalisation_fields([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    {'normalisation': 'imagenet'}
    >>> normalisation_fields([0.48, 0.46, 0.41], [0.27, 0.26, 0.28])["normalisation"]
    'given'
    """
    if not (_are_numbers(mean) and _are_numbers(std) and len(mean) == len(std)):
        return {}
    blank = (0.0,) * len(mean), (1.0,) * len(mean)
    for name, option in usual(*blank).items():
        if name in TRIED and name != "data" and _same(mean, option.mean) and _same(std, option.std):
            return {"normalisation": name}
    return {"normalisation": "given", "mean": tuple(mean), "std": tuple(std)}


def inputs_of_timm(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `ImportRequest` that timm's `pretrained_cfg` defines."""
    inputs = normalisation_fields(config.get("mean"), config.get("std"))
    if not inputs:
        return {}
    size = config.get("input_size")  # [3, 224, 224]; a number in our own exports
    size = size[-1] if isinstance(size, list) and size else size
    if _is_side(size):
        inputs["input_size"] = size
    if config.get("channel_order") == "bgr":  # our own exports
        inputs["channel_order"] = "bgr"
    if config.get("interpolation") in _PILLOW.values():
        inputs["interpolation"] = config["interpolation"]
    mode = config.get("crop_mode", config.get("resize"))
    resize = (
        mode if mode in _RESIZES.values() else _RESIZES.get(mode if isinstance(mode, str) else "")
    )
    if resize is not None:
        inputs["resize"] = resize
    if inputs.get("resize") != "pad":
        inputs |= _crop_share(config.get("crop_pct", config.get("crop_share")))
    return inputs


def _of_transformers(config: Mapping[str, Any]) -> dict[str, Any]:
    normalised = config.get("do_normalize", True) is not False
    inputs: dict[str, Any] = {"normalisation": "none"}
    if normalised:
        inputs = normalisation_fields(config.get("image_mean"), config.get("image_std"))
    if not inputs or not config:
        return {}
    resample = config.get("resample")
    if isinstance(resample, int) and resample in _PILLOW:
        inputs["interpolation"] = _PILLOW[resample]
    scaled, square = _sides(config.get("size"))
    cut, _ = _sides(config.get("crop_size"))
    if config.get("do_center_crop") and cut is not None:
        inputs["input_size"] = cut
        inputs["resize"] = (
            "stretch" if square and isinstance(config.get("size"), Mapping) else "crop"
        )
        inputs |= _crop_share(None if scaled is None else cut / scaled)
    elif scaled is not None:
        inputs["input_size"], inputs["resize"] = scaled, "stretch" if square else "crop"
        if not square:
            inputs |= _crop_share(config.get("crop_pct"))
    return inputs


def _crop_share(share: Any) -> dict[str, Any]:
    """Return the field `crop_share`; empty if the value is not valid."""
    return {"crop_share": float(share)} if _is_number(share) and 0.1 < share <= 1 else {}


def _sides(size: Any) -> tuple[int | None, bool]:
    """Return pixels, and whether they apply to both sides.

    {"height": 224, "width": 224} and 224 apply to both sides, {"shortest_edge": 256} to one.
    """
    if _is_side(size):
        return size, True
    if isinstance(size, Mapping):
        if _is_side(size.get("shortest_edge")):
            return size["shortest_edge"], False
        if _is_side(size.get("height")) and size.get("height") == size.get("width"):
            return size["height"], True
    return None, False


def read_config(folder: Path, name: str = "config.json") -> Mapping[str, Any]:
    """Return the JSON object in a file of the folder; empty if there is none."""
    file = folder / name
    content = read_json(file) if file.is_file() else {}
    return content if isinstance(content, Mapping) else {}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 4096


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and 0 < len(values) <= 16 and all(map(_is_number, values))


def _same(given: Sequence[float], expected: Sequence[float]) -> bool:
    return all(math.isclose(a, b, abs_tol=_CLOSE) for a, b in zip(given, expected, strict=True))
