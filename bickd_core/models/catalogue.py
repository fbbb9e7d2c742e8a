"""The networks by name, without torch, for lists of choices, help and error messages."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bickd_core.models.layer_table import Layer, layers_of
from bickd_core.models.own import build_own, call, check_allowed, is_own, offered, package_of
from bickd_core.naming import nearest


@dataclass(frozen=True)
class ModelInfo:
    """A network of the catalogue.

    Attributes:
        name: for `create_model`.
        family: the module that builds it.
        title: shown to the user.
        depth: number of layers in its name, as the paper counts them; 0 if the name has none.
        widths: channels of the maps after each stage, for each of the network's `stage_names`.
    """

    name: str
    family: str
    title: str
    depth: int
    widths: tuple[int, ...]

    @property
    def is_outside(self) -> bool:
        """Whether the network is built by timm, torchvision or the user's code."""
        return self.family in ("timm", "torchvision", "own")

    @property
    def feature_size(self) -> int:
        """Length D of the pooled penultimate features."""
        return self.widths[-1]

    def layers(
        self, num_classes: int, in_channels: int = 3, image_size: int = 32
    ) -> tuple[Layer, ...]:
        """Return all layers with weights, the stem first and the classifier last.

        Raises:
            ValueError: the network is not of the catalogue, so its layers are unknown.
        """
        if self.name not in MODELS:
            raise ValueError(
                f"the layers of {self.name} are known only when it is built; use create_model."
            )
        return layers_of(self.name, num_classes, in_channels, image_size)

    def parameters(self, num_classes: int, in_channels: int = 3) -> int:
        """Return the number of trainable parameters.

        >>> MODELS["resnet20"].parameters(100)
        278324
        """
        return sum(layer.parameters for layer in self.layers(num_classes, in_channels))

    def macs(self, num_classes: int, in_channels: int = 3, image_size: int = 32) -> int:
        """Return the multiply-accumulates of convolutions and linear layers for one square image.

        FLOPs are twice this number.

        >>> MODELS["resnet20"].macs(100)
        40818944
        """
        return sum(layer.macs for layer in self.layers(num_classes, in_channels, image_size))


def _resnet(name: str, depth: int, widths: tuple[int, ...]) -> ModelInfo:
    factor = widths[-1] // 64
    title = f"ResNet-{depth}" if factor == 1 else f"ResNet-{depth}, {factor} times as wide"
    return ModelInfo(name, "resnet", title, depth, widths)


def _wrn(depth: int, widening: int) -> ModelInfo:
    widths = (16, 16 * widening, 32 * widening, 64 * widening)
    return ModelInfo(f"wrn-{depth}-{widening}", "wrn", f"WRN-{depth}-{widening}", depth, widths)


def _mobilenetv2(width: str) -> ModelInfo:
    """Round channels to multiples of 8, like the paper's code."""
    factor = float(width)
    channels = tuple(_multiple_of_8(factor * base) for base in (32, 16, 24, 32, 64, 96, 160, 320))
    last = _multiple_of_8(1280 * max(1.0, factor))
    title = f"MobileNetV2, width {width}, CIFAR"
    return ModelInfo(f"mobilenetv2-x{width}", "mobilenetv2-widths", title, 0, (*channels, last))


def _multiple_of_8(channels: float) -> int:
    """Return the nearest multiple of 8 that is at least 8 and at least 90 % of the number.

    >>> _multiple_of_8(12), _multiple_of_8(33.6), _multiple_of_8(18)
    (16, 32, 24)
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _shufflenetv2(width: str, *stages: int, last: int = 1024) -> ModelInfo:
    title = f"ShuffleNet V2, width {width}, CIFAR"
    return ModelInfo(f"shufflenetv2-x{width}", "shufflenetv2-widths", title, 0, (24, *stages, last))


_SINGLE, _DOUBLE, _FOURFOLD = (16, 16, 32, 64), (32, 32, 64, 128), (32, 64, 128, 256)
_VGG_DEPTHS = (8, 11, 13, 16, 19)
_VGG = (64, 128, 256, 512, 512)
_BASIC, _DEEP = (64, 64, 128, 256, 512), (64, 256, 512, 1024, 2048)

MODELS: dict[str, ModelInfo] = {
    info.name: info
    for info in (
        ModelInfo("convnet-small", "convnet", "Small convolutional net", 4, (32, 64, 128)),
        _resnet("resnet8", 8, _SINGLE),
        _resnet("resnet14", 14, _SINGLE),
        _resnet("resnet20", 20, _SINGLE),
        _resnet("resnet32", 32, _SINGLE),
        _resnet("resnet44", 44, _SINGLE),
        _resnet("resnet56", 56, _SINGLE),
        _resnet("resnet110", 110, _SINGLE),
        _resnet("resnet14x2", 14, _DOUBLE),
        _resnet("resnet20x2", 20, _DOUBLE),
        _resnet("resnet8x4", 8, _FOURFOLD),
        _resnet("resnet32x4", 32, _FOURFOLD),
        _wrn(16, 1),
        _wrn(16, 2),
        _wrn(40, 1),
        _wrn(40, 2),
        *(ModelInfo(f"vgg{depth}", "vgg", f"VGG-{depth}", depth, _VGG) for depth in _VGG_DEPTHS),
        ModelInfo(
            "mobilenetv2", "mobilenetv2", "MobileNetV2, half width", 0, (16, 12, 16, 48, 160, 1280)
        ),
        ModelInfo("shufflenetv1", "shufflenetv1", "ShuffleNet V1", 0, (24, 240, 480, 960)),
        ModelInfo("shufflenetv2", "shufflenetv2", "ShuffleNet V2", 0, (24, 116, 232, 464, 1024)),
        ModelInfo("resnet50", "bottleneck", "ResNet-50", 50, _DEEP),
        ModelInfo("resnet18", "bottleneck", "ResNet-18", 18, _BASIC),
        ModelInfo("resnet34", "bottleneck", "ResNet-34", 34, _BASIC),
        *(
            ModelInfo(f"resnet{depth}-a", "resnet-a", f"ResNet-{depth}, option A", depth, _SINGLE)
            for depth in (20, 32, 44, 56, 110)
        ),
        *(
            ModelInfo(
                f"resnet{depth}-imagenet",
                "resnet-imagenet",
                f"ResNet-{depth}, ImageNet's stem",
                depth,
                widths,
            )
            for depth, widths in ((18, _BASIC), (34, _BASIC), (50, _DEEP))
        ),
        *(
            ModelInfo(
                f"vgg{depth}-mlp", "vgg-mlp", f"VGG-{depth}, three linear layers", depth, _VGG
            )
            for depth in (11, 13, 16, 19)
        ),
        *map(_mobilenetv2, ("0.5", "0.75", "1.0", "1.4")),
        _shufflenetv2("0.5", 48, 96, 192),
        _shufflenetv2("1.0", 116, 232, 464),
        _shufflenetv2("1.5", 176, 352, 704),
        _shufflenetv2("2.0", 244, 488, 976, last=2048),
        ModelInfo("repvgg-a0", "repvgg", "RepVGG-A0, CIFAR", 0, (48, 48, 96, 192, 1280)),
        ModelInfo("repvgg-a1", "repvgg", "RepVGG-A1, CIFAR", 0, (64, 64, 128, 256, 1280)),
        ModelInfo("repvgg-a2", "repvgg", "RepVGG-A2, CIFAR", 0, (64, 96, 192, 384, 1408)),
    )
}


def _plain(name: str) -> str:
    """Return a name in lower case without signs: the same for `wrn_16_2`, `WRN-16-2`, `wrn16-2`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_SPELLINGS = {_plain(name): name for name in MODELS} | {
    "mobilehalf": "mobilenetv2",
    "shufflev1": "shufflenetv1",
    "shufflev2": "shufflenetv2",
    **{f"vgg{depth}bn": f"vgg{depth}" for depth in _VGG_DEPTHS},
}
"""Plain names, including those of RepDistiller and mdistiller."""


TIMM, TORCHVISION = "timm:", "torchvision:"
_OWN: dict[str, tuple[ModelInfo, Callable[..., Any]]] = {}


def register_model(name: str, build: Callable[..., Any], *, title: str = "") -> None:
    """Register a network of your own under a name for `create_model` and runs of this process.

    Other processes can show its finished runs, but cannot build it.

    Args:
        build: called with `num_classes` and `in_channels`. It returns a network with the interface
            of ours, for example a `bickd_core.models.wrapped.Wrapped`.
        title: shown to the user.

    Raises:
        ValueError: the catalogue has this name, or it cannot be part of a run's name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
        raise ValueError(
            f"name must be letters, digits, '.', '_' and '-', at most 40, got {name!r}."
        )
    if _plain(name) in _SPELLINGS:
        raise ValueError(f"name must not be one of the catalogue's, got {name!r}; choose another.")
    _OWN[name] = (ModelInfo(name, "own", title or name, 0, ()), build)


def builder_of(name: str) -> Callable[..., Any]:
    """Return the function that builds a network from outside the catalogue. It takes `num_classes`
    and `in_channels`."""
    if name in _OWN:
        return _OWN[name][1]
    if is_own(name):
        return partial(build_own, name)
    return partial(call, offered()[name].load(), name)


def offered_models() -> dict[str, ModelInfo]:
    """Return the networks of installed packages by name, without importing them."""
    return {
        name: ModelInfo(name, "own", f"{name} of {package_of(point)}", 0, ())
        for name, point in offered().items()
        if _plain(name) not in _SPELLINGS
    }


def resolve(name: str) -> ModelInfo:
    """Return the network with this name, in any spelling. Its `name` is the one to store.

    For `timm:NAME`, `torchvision:NAME`, `MODULE:FUNCTION` of an allowed module, names of installed
    packages and registered names, only the name is known.

    Raises:
        ValueError: the name is unknown, or its module is not allowed.

    >>> resolve("resnet8x4").widths
    (32, 64, 128, 256)
    >>> resolve("wrn_16_2").name
    'wrn-16-2'
    """
    if name in _OWN:
        return _OWN[name][0]
    for package in (TIMM, TORCHVISION):
        if name.startswith(package):
            return _foreign(name, package.rstrip(":"))
    known = _SPELLINGS.get(_plain(name))
    if known is not None:
        return MODELS[known]
    if is_own(name):
        check_allowed(name)
        return ModelInfo(name, "own", name, 0, ())
    more = offered_models()
    if name in more:
        return more[name]
    names = [*MODELS, *_OWN, *more]
    near = nearest(name, names)
    hint = f"; the nearest is {near!r}" if near else ""
    raise ValueError(
        f"model must be one of {', '.join(names)}, {TIMM}NAME, {TORCHVISION}NAME or"
        f" MODULE:FUNCTION, got {name!r}{hint}."
    )


def model_title(arch: str) -> str:
    """Return the title of a network. "" is the network of a run with only predictions.

    >>> model_title("resnet8"), model_title("timm:vit"), model_title("")
    ('ResNet-8', 'timm:vit', 'predictions only')
    """
    return MODELS[arch].title if arch in MODELS else arch or "predictions only"


def timm_command() -> str:
    """Return the command that installs timm without replacing torch.

    `pip install timm` may replace torch, so the command pins it. Builds for a CPU or one CUDA
    release (2.13.0+cpu) are on a separate index. torchvision must come from there too, because the
    one on PyPI does not load with a CPU build.
    """
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "pip install timm"
    build = torch.partition("+")[2]
    index = f"--extra-index-url https://download.pytorch.org/whl/{build} " if build else ""
    return f"pip install --upgrade {index}timm torchvision torch=={torch}"


def _foreign(name: str, package: str) -> ModelInfo:
    """Return the entry of a network of timm or torchvision, without importing them."""
    if importlib.util.find_spec(package) is None:
        raise ValueError(
            f"{name} needs the package {package}, which is not installed; run `{timm_command()}`"
            " first."
        )
    return ModelInfo(name, package, f"{name.partition(':')[2]} of {package}", 0, ())
