"""From a name to a network."""

from collections.abc import Callable
from typing import Any, cast

from torch import nn

from bickd_core.models.base import Classifier
from bickd_core.models.bottleneck import BottleneckResNet
from bickd_core.models.catalogue import TIMM, builder_of, resolve
from bickd_core.models.convnet import ConvNet
from bickd_core.models.mobilenetv2 import MobileNetV2
from bickd_core.models.resnet import ResNet
from bickd_core.models.shufflenetv1 import ShuffleNetV1
from bickd_core.models.shufflenetv2 import ShuffleNetV2
from bickd_core.models.timm_models import create_timm
from bickd_core.models.vgg import VGG
from bickd_core.models.wrapped import Wrapped
from bickd_core.models.wrn import WideResNet


def create_model(name: str, *, num_classes: int, in_channels: int = 3) -> Classifier | Wrapped:
    """A freshly initialised network, in train mode, on the CPU in float32.

    name: a key of `bickd_core.models.MODELS`, another spelling that `resolve` knows, `timm:NAME` where
    timm imports, or what `register_model` was given. num_classes: C, at least 2. in_channels: channels of the
    images, at least 1. The weights depend on torch's global generator alone: seed it before.
    Raises ValueError for an unknown name (with the nearest) and for numbers out of range.
    """
    info = resolve(name)
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, but {num_classes} came.")
    if in_channels < 1:
        raise ValueError(f"in_channels must be at least 1, but {in_channels} came.")
    if info.family == "timm":
        return create_timm(info.name.removeprefix(TIMM), num_classes=num_classes, in_channels=in_channels)
    if info.family == "own":
        return _checked(name, builder_of(name)(num_classes=num_classes, in_channels=in_channels))
    if info.family in _BY_DEPTH:
        return _BY_DEPTH[info.family](
            info.depth, info.widths, num_classes=num_classes, in_channels=in_channels
        )
    return _BY_WIDTHS[info.family](info.widths, num_classes=num_classes, in_channels=in_channels)


def _checked(name: str, model: Any) -> Wrapped:
    if not (isinstance(model, nn.Module) and hasattr(model, "outputs") and hasattr(model, "stage_names")):
        raise ValueError(
            f"model {name!r} was built as a {type(model).__name__} without `outputs` and `stage_names`; "
            "let its builder return bickd_core.models.wrapped.Wrapped(network)."
        )
    return cast(Wrapped, model)


_BY_DEPTH: dict[str, Callable[..., Classifier]] = {
    "resnet": ResNet,
    "wrn": WideResNet,
    "vgg": VGG,
    "bottleneck": BottleneckResNet,
}
_BY_WIDTHS: dict[str, Callable[..., Classifier]] = {
    "convnet": ConvNet,
    "mobilenetv2": MobileNetV2,
    "shufflenetv1": ShuffleNetV1,
    "shufflenetv2": ShuffleNetV2,
}
