"""`timm:NAME` and `torchvision:NAME`: networks of these packages, where they are installed and
import.

We neither bundle nor pin them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import torch.nn as nn

from bickd_core.models.catalogue import timm_command
from bickd_core.models.wrapped import Wrapped
from bickd_core.naming import nearest


def create_timm(name: str, *, num_classes: int, in_channels: int = 3) -> Wrapped:
    """timm's network `name`, freshly initialised and without a download.

    The layers that timm's own `feature_info` lists are its stages, the last of them its maps where
    its channels are the classifier's features. Raises ValueError when timm does not import (with
    the reason), knows no such name (with the nearest), or builds a network whose classifier is no
    single linear layer.
    """
    timm = import_package("timm", name)
    check_timm_name(timm, name)
    net: nn.Module = timm.create_model(
        name,
        pretrained=False,
        num_classes=num_classes,
        in_chans=in_channels,
        **_any_size(timm, name),
    )
    classifier = net.get_classifier()  # type: ignore[operator]
    modules = dict(net.named_modules())
    head = next((key for key, module in modules.items() if module is classifier), None)
    if head is None or not isinstance(classifier, nn.Linear):
        raise ValueError(
            f"timm:{name} ends in a {type(classifier).__name__} and not in one nn.Linear; build it"
            " yourself and wrap it with bickd_core.models.wrapped.Wrapped, naming its layers."
        )
    found = [info for info in getattr(net, "feature_info", []) if info["module"] in modules]
    stages = [info["module"] for info in found]
    maps = stages[-1] if found and found[-1]["num_chs"] == classifier.in_features else None
    return Wrapped(net, head=head, maps=maps, stages=stages)


def check_timm_name(timm: Any, name: str) -> None:
    """Refuse a name that timm does not know, with the nearest.

    Raises:
        ValueError: it has no such model.
    """
    known = timm.list_models()
    if name.split(".")[0] not in known:
        near = nearest(name, known)
        raise ValueError(
            f"timm has no model {name!r}{f'; the nearest is {near!r}' if near else ''}."
        )


def import_package(module: str, name: str) -> Any:
    """Import timm's or torchvision's module for the model `name`, or say how to install it."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:  # torchvision beside another torch fails in many ways
        reason = str(error).strip().splitlines()
        raise ValueError(
            f"{package}:{name} needs the package {package}, which does not import here"
            f" ({type(error).__name__}: {reason[0].rstrip('.') if reason else 'no reason given'});"
            f" run `{timm_command()}`, which brings a torchvision made for this torch, or choose a"
            " model of the catalogue."
        ) from error


def _any_size(timm: Any, name: str) -> dict[str, Any]:
    """For a network of one input size alone: the option that lets it take images of any, where timm
    has one.

    A vision transformer keeps its table of positions and interpolates it.
    """
    try:
        builder = timm.models.model_entrypoint(name.split(".")[0])
    except (AttributeError, RuntimeError):  # a release that does not tell
        return {}
    entry = sys.modules[builder.__module__]
    classes = [
        value
        for value in vars(entry).values()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == entry.__name__
    ]
    takes = any("dynamic_img_size" in inspect.signature(each).parameters for each in classes)
    return {"dynamic_img_size": True} if takes else {}


def create_torchvision(name: str, *, num_classes: int, in_channels: int = 3) -> Wrapped:
    """torchvision's network `name`, freshly initialised and without a download; its last linear
    layer is the head.

    Raises:
        ValueError: torchvision does not import (with the reason), knows no such name (with the
            nearest), or the images have not three channels.
    """
    models = import_package("torchvision.models", name)
    known = models.list_models(module=models)
    if name not in known:
        near = nearest(name, known)
        raise ValueError(
            f"torchvision has no model {name!r}{f'; the nearest is {near!r}' if near else ''}."
        )
    if in_channels != 3:
        raise ValueError(
            f"torchvision:{name} takes images of 3 channels, and these have {in_channels}; choose"
            " timm:NAME or a model of the catalogue."
        )
    options = (
        {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    )
    net: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    stages = [stage for stage in ("layer1", "layer2", "layer3", "layer4") if hasattr(net, stage)]
    return Wrapped(net, stages=stages, maps="layer4" if "layer4" in stages else None)
