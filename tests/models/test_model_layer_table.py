"""The table of layers against the built networks: tensors, parameters, multiply-adds."""

import doctest
import json

import pytest

from bickd_core.models import layer_table, write_layer_table
from bickd_core.models.catalogue import MODELS, resolve
from bickd_core.models.cost import count_macs
from bickd_core.models.factory import create_model

COUNTER = "num_batches_tracked"


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_table_is_fresh(name):
    """If this fails, run `python -m bickd_core.models.write_layer_table`."""
    assert json.loads(layer_table.PATH.read_text())[name] == write_layer_table.describe(name)


def test_the_committed_table_has_no_other_network():
    assert list(json.loads(layer_table.PATH.read_text())) == list(MODELS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("classes", "channels", "size"), [(10, 1, 28), (95, 3, 45), (7, 3, 64)])
def test_the_table_lists_what_the_model_has(name, classes, channels, size):
    model = create_model(name, num_classes=classes, in_channels=channels)
    listed = {
        key: shape
        for layer in MODELS[name].layers(classes, channels, size)
        for key, shape in layer.tensors.items()
    }
    own = {
        key: tuple(value.shape)
        for key, value in model.state_dict().items()
        if not key.endswith(COUNTER)
    }
    assert listed == own
    assert MODELS[name].parameters(classes, channels) == sum(p.numel() for p in model.parameters())
    assert MODELS[name].macs(classes, channels, size) == count_macs(model, (channels, size, size))


@pytest.mark.parametrize("name", MODELS)
def test_the_stem_comes_first_and_the_head_last(name):
    layers = MODELS[name].layers(9, 2)
    assert layers[0].shape[1] == 2
    assert layers[-1].shape == (9, MODELS[name].feature_size)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("wrn_16_2", "wrn-16-2"),
        ("WRN-40-2", "wrn-40-2"),
        ("wrn40-1", "wrn-40-1"),
        ("ResNet-20", "resnet20"),
        ("vgg13_bn", "vgg13"),
        ("MobileNetV2", "mobilenetv2"),
        ("mobile_half", "mobilenetv2"),
        ("ShuffleV1", "shufflenetv1"),
        ("ShuffleNet_v2", "shufflenetv2"),
        ("ResNet50", "resnet50"),
    ],
)
def test_other_spellings_are_the_same_model(typed, name):
    assert resolve(typed).name == name
    assert resolve(name).name == name


@pytest.mark.parametrize("module", [layer_table, write_layer_table])
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0
