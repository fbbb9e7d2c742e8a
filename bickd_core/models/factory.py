"""Build a network by its name."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from torch import nn

from bickd_core.models.base import Classifier
from bickd_core.models.catalogue import TIMM, TORCHVISION, builder_of, resolve
from bickd_core.models.convnet import ConvNet
from bickd_core.models.deep_resnet import DeepResNet
from bickd_core.models.mobilenetv2 import MobileNetV2
from bickd_core.models.mobilenetv2_widths import MobileNetV2Widths
from bickd_core.models.repvgg import RepVGG
from bickd_core.models.resnet import ResNet
from bickd_core.models.shufflenetv1 import ShuffleNetV1
from bickd_core.models.shufflenetv2 import ShuffleNetV2
from bickd_core.models.shufflenetv2_widths import ShuffleNetV2Widths
from bickd_core.models.timm_models import create_timm, create_torchvision
from bickd_core.models.vgg import VGG
from bickd_core.models.vgg_mlp import VGGMLP
from bickd_core.models.wrapped import Wrapped
from bickd_core.models.wrn import WideResNet


def create_model(name: str, *, num_classes: int, in_channels: int = 3) -> Classifier | Wrapped:
    """Return a newly initialised network, in train mode, on the CPU in float32.

    The weights depend only on torch's global generator.

    Args:
        name: any name that `bickd_core.models.catalogue.resolve` knows.
        num_classes: C, at least 2.
        in_channels: channels of the images, at least 1.

    Raises:
        ValueError: the name is unknown, or a number is out of range.
    """
    info = resolve(name)
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}.")
    if in_channels < 1:
        raise ValueError(f"in_channels must be at least 1, got {in_channels}.")
    if info.family == "timm":
        return create_timm(
            info.name.removeprefix(TIMM), num_classes=num_classes, in_channels=in_channels
        )
    if info.family == "torchvision":
        return create_torchvision(
            info.name.removeprefix(TORCHVISION), num_classes=num_classes, in_channels=in_channels
        )
    if info.family == "own":
        model = builder_of(name)(num_classes=num_classes, in_channels=in_channels)
        return _checked(name, model, num_classes)
    if info.family in _BY_DEPTH:
        return _BY_DEPTH[info.family](
            info.depth, info.widths, num_classes=num_classes, in_channels=in_channels
        )
    return _BY_WIDTHS[info.family](info.widths, num_classes=num_classes, in_channels=in_channels)


def _checked(name: str, model: Any, num_classes: int) -> Wrapped:
    """Return a user's network with the interface of ours. A plain module is wrapped, with its last
    linear layer as the head."""
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model {name!r} must be built as an nn.Module, got a {type(model).__name__}."
        )
    if hasattr(model, "outputs") and hasattr(model, "stage_names"):
        return cast(Wrapped, model)
    try:
        wrapped = Wrapped(model)
    except ValueError as error:
        raise ValueError(
            f"model {name!r} cannot be used as it is: {error} Let its builder return "
            "bickd_core.models.wrapped.Wrapped(network, head=...)."
        ) from error
    classes = model.get_submodule(wrapped.head).out_features
    if classes != num_classes:
        raise ValueError(
            f"model {name!r} puts out {classes} classes, and the data has {num_classes}; let its"
            " builder use num_classes."
        )
    return wrapped


_BY_DEPTH: dict[str, Callable[..., Classifier]] = {
    "resnet": ResNet,
    "wrn": WideResNet,
    "vgg": VGG,
    "bottleneck": DeepResNet,
    "resnet-a": partial(ResNet, shortcuts="padding"),
    "vgg-mlp": VGGMLP,
    "resnet-imagenet": partial(DeepResNet, stem="imagenet"),
}
_BY_WIDTHS: dict[str, Callable[..., Classifier]] = {
    "convnet": ConvNet,
    "mobilenetv2": MobileNetV2,
    "shufflenetv1": ShuffleNetV1,
    "shufflenetv2": ShuffleNetV2,
    "mobilenetv2-widths": MobileNetV2Widths,
    "shufflenetv2-widths": ShuffleNetV2Widths,
    "repvgg": RepVGG,
}
