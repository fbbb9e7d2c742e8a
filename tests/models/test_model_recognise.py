"""From tensor names and shapes to a network of the catalogue."""

import subprocess
import sys

import pytest

from bickd_core.models import MODELS, ModelInfo, recognise
from bickd_core.models.factory import create_model


def shapes(name, num_classes=95, in_channels=3):
    state = create_model(name, num_classes=num_classes, in_channels=in_channels).state_dict()
    return {key: list(value.shape) for key, value in state.items()}


@pytest.mark.parametrize("name", MODELS)
def test_a_models_own_tensors_name_it_and_nothing_else(name):
    (found,) = recognise(shapes(name, 7, 1))
    assert isinstance(found, ModelInfo)
    assert (found.name, found.num_classes, found.in_channels) == (name, 7, 1)
    assert found.parameters(7, 1) == MODELS[name].parameters(7, 1)


def test_prefixes_and_missing_counters_do_not_matter():
    own = {key: shape for key, shape in shapes("wrn-16-2").items() if "num_batches" not in key}
    for prefix in ("module.", "module._orig_mod."):
        (found,) = recognise({prefix + key: shape for key, shape in own.items()})
        assert (found.name, found.num_classes) == ("wrn-16-2", 95)


def test_other_tensors_are_no_model():
    own = shapes("resnet8")
    assert recognise({}) == []
    assert recognise(own | {"extra": [3]}) == []
    assert recognise({key: shape for key, shape in own.items() if key != "layer1.0.conv2.weight"}) == []
    assert recognise(own | {"layer1.0.conv2.weight": [16, 16, 5, 5]}) == []
    assert recognise(own | {"fc.bias": [94]}) == []
    assert recognise(own | {"fc.weight": []}) == []


def test_it_needs_no_torch():
    code = "import sys, bickd_core.models; bickd_core.models.recognise({}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
