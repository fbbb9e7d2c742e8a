"""The networks by name, without torch: for choice lists, command-line help and error messages."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bickd_core.models.plans import PLANS, VGG_BLOCKS, Layer
from bickd_core.naming import nearest


@dataclass(frozen=True)
class ModelInfo:
    """One network of the catalogue.

    name: what `create_model` takes. family: the module that builds it. title: for people.
    depth: layers as the family's paper counts them, which is what its names count; 0 where names count none.
    widths: channels of the maps after each stage, one for each of the built network's `stage_names`.
    """

    name: str
    family: str
    title: str
    depth: int
    widths: tuple[int, ...]

    @property
    def feature_size(self) -> int:
        """Length D of the pooled penultimate features."""
        return self.widths[-1]

    def layers(self, num_classes: int, in_channels: int = 3, image_size: int = 32) -> tuple[Layer, ...]:
        """All layers with weights, the stem first and the classifier last.

        Raises ValueError for a network that is not of the catalogue: only its builder knows them.
        """
        if self.family not in PLANS:
            raise ValueError(f"the layers of {self.name} are known only when it is built; use create_model.")
        return _layers(self.family, self.depth, self.widths, num_classes, in_channels, image_size)

    def parameters(self, num_classes: int, in_channels: int = 3) -> int:
        """Trainable parameters, by arithmetic; equals a count over the built model.

        >>> MODELS["resnet20"].parameters(100)
        278324
        """
        return sum(layer.parameters for layer in self.layers(num_classes, in_channels))

    def macs(self, num_classes: int, in_channels: int = 3, image_size: int = 32) -> int:
        """Multiply-accumulates of convolutions and linear layers for one square image, by arithmetic.

        FLOPs are twice this number.

        >>> MODELS["resnet20"].macs(100)
        40818944
        """
        return sum(layer.macs for layer in self.layers(num_classes, in_channels, image_size))


@lru_cache(maxsize=256)
def _layers(
    family: str, depth: int, widths: tuple[int, ...], num_classes: int, in_channels: int, image_size: int
) -> tuple[Layer, ...]:
    return PLANS[family](depth, widths, num_classes, in_channels, image_size)


def _resnet(name: str, depth: int, widths: tuple[int, ...]) -> ModelInfo:
    factor = widths[-1] // 64
    title = f"ResNet-{depth}" if factor == 1 else f"ResNet-{depth}, {factor} times as wide"
    return ModelInfo(name, "resnet", title, depth, widths)


def _wrn(depth: int, widening: int) -> ModelInfo:
    widths = (16, 16 * widening, 32 * widening, 64 * widening)
    return ModelInfo(f"wrn-{depth}-{widening}", "wrn", f"WRN-{depth}-{widening}", depth, widths)


_SINGLE, _DOUBLE, _FOURFOLD = (16, 16, 32, 64), (32, 32, 64, 128), (32, 64, 128, 256)
_VGG = (64, 128, 256, 512, 512)

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
        *(ModelInfo(f"vgg{depth}", "vgg", f"VGG-{depth}", depth, _VGG) for depth in VGG_BLOCKS),
        ModelInfo("mobilenetv2", "mobilenetv2", "MobileNetV2, half width", 0, (16, 12, 16, 48, 160, 1280)),
        ModelInfo("shufflenetv1", "shufflenetv1", "ShuffleNet V1", 0, (24, 240, 480, 960)),
        ModelInfo("shufflenetv2", "shufflenetv2", "ShuffleNet V2", 0, (24, 116, 232, 464, 1024)),
        ModelInfo("resnet50", "bottleneck", "ResNet-50", 50, (64, 256, 512, 1024, 2048)),
    )
}


def _plain(name: str) -> str:
    """A name without case and signs, so that `wrn_16_2`, `WRN-16-2` and `wrn16-2` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_SPELLINGS = {_plain(name): name for name in MODELS} | {
    "mobilehalf": "mobilenetv2",
    "shufflev1": "shufflenetv1",
    "shufflev2": "shufflenetv2",
    **{f"vgg{depth}bn": f"vgg{depth}" for depth in VGG_BLOCKS},
}
"""Plain names, and what RepDistiller and mdistiller call the same network."""


TIMM = "timm:"
_OWN: dict[str, tuple[ModelInfo, Callable[..., Any]]] = {}


def register_model(name: str, build: Callable[..., Any], *, title: str = "") -> None:
    """Let `create_model`, and so a run of this process, know a network of one's own by `name`.

    build: called with num_classes= and in_channels=, gives a network with the interface of ours, for example a
    `bickd_core.models.wrapped.Wrapped`. title: for people. A process that has not registered it can still look
    at its finished runs, but cannot build it. Raises ValueError for a name of the catalogue or one that cannot
    be part of a run's name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
        raise ValueError(f"name must be letters, digits, '.', '_' and '-', at most 40, but {name!r} came.")
    if _plain(name) in _SPELLINGS:
        raise ValueError(f"name must not be one of the catalogue's, but {name!r} came; choose another.")
    _OWN[name] = (ModelInfo(name, "own", title or name, 0, ()), build)


def builder_of(name: str) -> Callable[..., Any]:
    """What `register_model` was given for `name`."""
    return _OWN[name][1]


def resolve(name: str) -> ModelInfo:
    """The entry for `name`, whatever its case and signs; its `name` is the one to store.

    `timm:NAME` and registered names are found too; nothing is known of them but the name.
    Raises ValueError with the nearest and all known names otherwise.

    >>> resolve("resnet8x4").widths
    (32, 64, 128, 256)
    >>> resolve("wrn_16_2").name
    'wrn-16-2'
    """
    if name in _OWN:
        return _OWN[name][0]
    if name.startswith(TIMM):
        return _timm(name)
    known = _SPELLINGS.get(_plain(name))
    if known is not None:
        return MODELS[known]
    near = nearest(name, [*MODELS, *_OWN])
    hint = f"; the nearest is {near!r}" if near else ""
    raise ValueError(
        f"model must be one of {', '.join([*MODELS, *_OWN])} or {TIMM}NAME, but {name!r} came{hint}."
    )


def _timm(name: str) -> ModelInfo:
    """Nothing is imported: whether it builds shows in `create_model`."""
    if importlib.util.find_spec("timm") is None:
        raise ValueError(
            f"{name} needs the package timm, which is not installed; run `pip install timm` first."
        )
    return ModelInfo(name, "timm", f"{name.removeprefix(TIMM)} of timm", 0, ())
