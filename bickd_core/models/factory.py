"""From a name to a network."""

from collections.abc import Callable

from bickd_core.models.base import Classifier
from bickd_core.models.bottleneck import BottleneckResNet
from bickd_core.models.catalogue import resolve
from bickd_core.models.convnet import ConvNet
from bickd_core.models.mobilenetv2 import MobileNetV2
from bickd_core.models.resnet import ResNet
from bickd_core.models.shufflenetv1 import ShuffleNetV1
from bickd_core.models.shufflenetv2 import ShuffleNetV2
from bickd_core.models.vgg import VGG
from bickd_core.models.wrn import WideResNet


def create_model(name: str, *, num_classes: int, in_channels: int = 3) -> Classifier:
    """A freshly initialised network, in train mode, on the CPU in float32.

    name: a key of `bickd_core.models.MODELS`, or another spelling that `resolve` knows. num_classes: C, at least 2. in_channels: channels of the
    images, at least 1. The weights depend on torch's global generator alone: seed it before.
    Raises ValueError for an unknown name (with the nearest) and for numbers out of range.
    """
    info = resolve(name)
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, but {num_classes} came.")
    if in_channels < 1:
        raise ValueError(f"in_channels must be at least 1, but {in_channels} came.")
    if info.family in _BY_DEPTH:
        return _BY_DEPTH[info.family](
            info.depth, info.widths, num_classes=num_classes, in_channels=in_channels
        )
    return _BY_WIDTHS[info.family](info.widths, num_classes=num_classes, in_channels=in_channels)


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
