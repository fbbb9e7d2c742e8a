"""`timm:NAME` and `torchvision:NAME`: networks of these packages, if they are installed."""

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
    """Return a newly initialised network of timm, without a download.

    Its stages are the layers in timm's `feature_info` that put out one tensor. The last listed one
    also provides the maps, if it has as many channels as the classifier has features.

    Raises:
        ValueError: timm cannot be imported or does not have this network, or its classifier is not
            a single linear layer.
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
            f"timm:{name} must end in one nn.Linear, got a {type(classifier).__name__}; build it"
            " yourself and wrap it with bickd_core.models.wrapped.Wrapped, naming its layers."
        )
    listed = [info for info in getattr(net, "feature_info", []) if info["module"] in modules]
    stages = [info["module"] for info in listed]
    maps = stages[-1] if listed and listed[-1]["num_chs"] == classifier.in_features else None
    return Wrapped(
        net,
        head=head,
        maps=maps,
        stages=stages,
        some_stages=True,
        channels_last=getattr(net, "output_fmt", "NCHW") == "NHWC",
    )


def check_timm_name(timm: Any, name: str) -> None:
    """Check that timm has a model.

    Raises:
        ValueError: it does not; the message has the nearest name.
    """
    known = timm.list_models()
    if name.split(".")[0] not in known:
        near = nearest(name, known)
        raise ValueError(
            f"timm has no model {name!r}{f'; the nearest is {near!r}' if near else ''}."
        )


def import_package(module: str, name: str) -> Any:
    """Import a module of timm or torchvision.

    Args:
        name: of the requested model, for the message.

    Raises:
        ValueError: it cannot be imported; the message has the command that installs it.
    """
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
    """Return the option that lets a network of one input size take others, if it has one.

    A vision transformer then interpolates its table of positions.
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
    """Return a newly initialised network of torchvision, without a download. Its last linear layer
    is the head.

    Raises:
        ValueError: torchvision cannot be imported or does not have this network, or the images do
            not have three channels.
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
