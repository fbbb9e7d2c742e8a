"""Which tensors RepDistiller's and mdistiller's state dicts hold, listed by hand after their
modules.

models/{vgg,mobilenetv2,ShuffleNetv1,ShuffleNetv2,resnetv2}.py of HobbitLong/RepDistiller; the same
in mdistiller/models/cifar. Residual and wide residual networks are in test_models.py.
"""

import pytest

from bickd_core.models.factory import create_model

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def norm(name):
    return {f"{name}.{key}" for key in NORM}


def pairs(name, numbers):
    """conv1 with bn1, conv2 with bn2, ...: convolutions without a bias."""
    return {f"{name}conv{n}.weight" for n in numbers} | {
        key for n in numbers for key in norm(f"{name}bn{n}")
    }


def ends(head):
    return {f"{head}.weight", f"{head}.bias"}


def vgg(*counts):
    """Convolutions with bias at 0, 3, 6, ..., each with a batch norm behind it, ReLUs between."""
    names = ends("classifier")
    for block, count in enumerate(counts):
        for n in range(count):
            names |= ends(f"block{block}.{3 * n}") | norm(f"block{block}.{3 * n + 1}")
    return names


def mobilenetv2():
    names = (
        ends("classifier.0")
        | {"conv1.0.weight", "conv2.0.weight"}
        | norm("conv1.1")
        | norm("conv2.1")
    )
    for group, count in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for block in (f"blocks.{group}.{n}.conv" for n in range(count)):
            names |= {f"{block}.{n}.weight" for n in (0, 3, 6)}
            names |= norm(f"{block}.1") | norm(f"{block}.4") | norm(f"{block}.7")
    return names


def shufflenetv1():
    names = ends("linear") | pairs("", [1])
    for layer, count in (("layer1", 4), ("layer2", 8), ("layer3", 4)):
        for n in range(count):
            names |= pairs(f"{layer}.{n}.", [1, 2, 3])
    return names


def shufflenetv2():
    names = ends("linear") | pairs("", [1, 2])
    for layer, count in (("layer1", 4), ("layer2", 8), ("layer3", 4)):
        names |= pairs(f"{layer}.0.", [1, 2, 3, 4, 5])
        for n in range(1, count):
            names |= pairs(f"{layer}.{n}.", [1, 2, 3])
    return names


def resnet50():
    names = ends("linear") | pairs("", [1])
    for layer, count in (("layer1", 3), ("layer2", 4), ("layer3", 6), ("layer4", 3)):
        names |= {f"{layer}.0.shortcut.0.weight"} | norm(f"{layer}.0.shortcut.1")
        for n in range(count):
            names |= pairs(f"{layer}.{n}.", [1, 2, 3])
    return names


PUBLISHED = {
    "vgg8": vgg(1, 1, 1, 1, 1),
    "vgg11": vgg(1, 1, 2, 2, 2),
    "vgg13": vgg(2, 2, 2, 2, 2),
    "vgg16": vgg(2, 2, 3, 3, 3),
    "vgg19": vgg(2, 2, 4, 4, 4),
    "mobilenetv2": mobilenetv2(),
    "shufflenetv1": shufflenetv1(),
    "shufflenetv2": shufflenetv2(),
    "resnet50": resnet50(),
}
SHAPES = {
    "vgg13": {
        "block0.0.weight": (64, 3, 3, 3),
        "block4.3.weight": (512, 512, 3, 3),
        "block2.1.bias": (256,),
    },
    "mobilenetv2": {
        "conv1.0.weight": (16, 3, 3, 3),
        "blocks.0.0.conv.0.weight": (16, 16, 1, 1),
        "blocks.1.0.conv.3.weight": (48, 1, 3, 3),
        "blocks.6.0.conv.6.weight": (160, 480, 1, 1),
        "conv2.0.weight": (1280, 160, 1, 1),
        "classifier.0.weight": (100, 1280),
    },
    "shufflenetv1": {
        "conv1.weight": (24, 3, 1, 1),
        "layer1.0.conv1.weight": (54, 24, 1, 1),
        "layer1.0.conv3.weight": (216, 18, 1, 1),
        "layer2.0.conv1.weight": (60, 80, 1, 1),
        "layer3.3.conv2.weight": (240, 1, 3, 3),
        "linear.weight": (100, 960),
    },
    "shufflenetv2": {
        "conv1.weight": (24, 3, 1, 1),
        "layer1.0.conv1.weight": (24, 1, 3, 3),
        "layer1.0.conv3.weight": (58, 24, 1, 1),
        "layer2.0.conv2.weight": (116, 116, 1, 1),
        "layer3.3.conv3.weight": (232, 232, 1, 1),
        "conv2.weight": (1024, 464, 1, 1),
    },
    "resnet50": {
        "conv1.weight": (64, 3, 3, 3),
        "layer1.0.shortcut.0.weight": (256, 64, 1, 1),
        "layer4.2.conv3.weight": (2048, 512, 1, 1),
        "linear.weight": (100, 2048),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_tensor_names_are_the_published_ones(name):
    assert set(create_model(name, num_classes=100).state_dict()) == PUBLISHED[name]


@pytest.mark.parametrize("name", SHAPES)
def test_some_published_shapes(name):
    own = {
        key: tuple(value.shape)
        for key, value in create_model(name, num_classes=100).state_dict().items()
    }
    assert {key: own[key] for key in SHAPES[name]} == SHAPES[name]


# Parameters in millions with 100 classes, as papers that use this benchmark print them.
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("vgg8", 3.97),
        ("vgg13", 9.46),
        ("mobilenetv2", 0.81),
        ("shufflenetv1", 0.95),
        ("shufflenetv2", 1.36),
        ("resnet50", 23.71),
    ],
)
def test_parameter_counts_are_the_published_ones(name, millions):
    model = create_model(name, num_classes=100)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions
