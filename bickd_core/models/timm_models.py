"""`timm:NAME`: a network of the package timm, where that is installed and imports; we neither bundle nor pin it."""

from __future__ import annotations

import importlib
from typing import Any

import torch.nn as nn

from bickd_core.models.wrapped import Wrapped
from bickd_core.naming import nearest


def create_timm(name: str, *, num_classes: int, in_channels: int = 3) -> Wrapped:
    """timm's network `name`, freshly initialised and without a download.

    The layers that timm's own `feature_info` lists are its stages, the last of them its maps where its channels
    are the classifier's features. Raises ValueError when timm does not import (with the reason), knows no such
    name (with the nearest), or builds a network whose classifier is no single linear layer.
    """
    timm = _timm(name)
    known = timm.list_models()
    if name.split(".")[0] not in known:
        near = nearest(name, known)
        raise ValueError(f"timm has no model {name!r}{f'; the nearest is {near!r}' if near else ''}.")
    net: nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=in_channels)
    classifier = net.get_classifier()  # type: ignore[operator]
    modules = dict(net.named_modules())
    head = next((key for key, module in modules.items() if module is classifier), None)
    if head is None or not isinstance(classifier, nn.Linear):
        raise ValueError(
            f"timm:{name} ends in a {type(classifier).__name__} and not in one nn.Linear; build it yourself and "
            "wrap it with bickd_core.models.wrapped.Wrapped, naming its layers."
        )
    found = [info for info in getattr(net, "feature_info", []) if info["module"] in modules]
    stages = [info["module"] for info in found]
    maps = stages[-1] if found and found[-1]["num_chs"] == classifier.in_features else None
    return Wrapped(net, head=head, maps=maps, stages=stages)


def _timm(name: str) -> Any:
    try:
        return importlib.import_module("timm")
    except Exception as error:  # torchvision beside another torch fails in many ways
        reason = str(error).strip().splitlines()
        raise ValueError(
            f"timm:{name} needs the package timm, which does not import here "
            f"({type(error).__name__}: {reason[0].rstrip('.') if reason else 'no reason given'}); install timm with a "
            "torchvision made for this torch, or choose a model of the catalogue."
        ) from error
