"""The networks by name, without torch: for choice lists, command-line help and error messages."""

from dataclasses import dataclass

from bickd_core.naming import nearest


@dataclass(frozen=True)
class ModelInfo:
    """One network of the catalogue.

    name: what `create_model` takes. family: the module that builds it. title: for people.
    depth: layers with weights on the longest path (convolutions and the classifier).
    widths: channels of the stem and of each stage (resnet), or of each convolution (convnet).
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

    def parameters(self, num_classes: int, in_channels: int = 3) -> int:
        """Trainable parameters, by arithmetic; equals a count over the built model.

        >>> MODELS["resnet20"].parameters(100)
        278324
        """
        classifier = (self.feature_size + 1) * num_classes
        if self.family == "convnet":
            inputs = (in_channels, *self.widths[:-1])
            return sum(_conv_bn(i, o, 3) for i, o in zip(inputs, self.widths, strict=True)) + classifier
        blocks = (self.depth - 2) // 6
        total = _conv_bn(in_channels, self.widths[0], 3)
        previous = self.widths[0]
        for stage, width in enumerate(self.widths[1:]):
            total += _conv_bn(previous, width, 3) + (2 * blocks - 1) * _conv_bn(width, width, 3)
            if stage > 0 or previous != width:
                total += _conv_bn(previous, width, 1)
            previous = width
        return total + classifier


def _conv_bn(inputs: int, outputs: int, kernel: int) -> int:
    """Parameters of a convolution without bias and of the batch norm behind it."""
    return inputs * outputs * kernel * kernel + 2 * outputs


def _resnet(name: str, depth: int, widths: tuple[int, ...]) -> ModelInfo:
    factor = widths[-1] // 64
    title = f"ResNet-{depth}" if factor == 1 else f"ResNet-{depth}, {factor} times as wide"
    return ModelInfo(name, "resnet", title, depth, widths)


_SINGLE, _DOUBLE, _FOURFOLD = (16, 16, 32, 64), (32, 32, 64, 128), (32, 64, 128, 256)

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
    )
}


def resolve(name: str) -> ModelInfo:
    """The catalogue's entry for `name`; ValueError with the nearest and all known names otherwise.

    >>> resolve("resnet8x4").widths
    (32, 64, 128, 256)
    """
    if name in MODELS:
        return MODELS[name]
    near = nearest(name, MODELS)
    hint = f"; the nearest is {near!r}" if near else ""
    raise ValueError(f"model must be one of {', '.join(MODELS)}, but {name!r} came{hint}.")
