"""From tensor names and shapes to a network of the catalogue."""

import subprocess
import sys

import pytest

from bickd_core.models import recognise
from bickd_core.models.catalogue import MODELS, ModelInfo
from bickd_core.models.factory import create_model
from bickd_core.models.recognise import nearest_networks


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


@pytest.mark.parametrize(
    "prefix", ["model.", "student.", "net.", "backbone.", "module.model.", "anything."]
)
def test_any_prefix_will_do_and_is_told(prefix):
    (found,) = recognise({prefix + key: shape for key, shape in shapes("resnet20").items()})
    assert (found.name, found.reading.under, found.reading.others) == ("resnet20", prefix, ())


def test_a_student_is_found_beside_its_teacher_and_what_is_left_out_is_told():
    both = {
        f"{role}.{key}": shape
        for role, name in (("teacher", "resnet56"), ("student", "resnet20"))
        for key, shape in shapes(name).items()
    }
    (found,) = recognise(both)
    assert (found.name, found.reading.under, found.reading.others) == (
        "resnet20",
        "student.",
        ("teacher",),
    )
    (alone,) = recognise({key: shape for key, shape in both.items() if "student" not in key})
    assert (alone.name, alone.reading.under) == ("resnet56", "teacher.")


@pytest.mark.parametrize(("body", "head"), [("backbone", "head.fc."), ("encoder", "classifier.")])
def test_a_body_and_the_head_beside_it_are_one_network(body, head):
    own = {
        (key.replace("linear.", head) if key.startswith("linear.") else f"{body}.{key}"): shape
        for key, shape in shapes("resnet18-imagenet").items()
    }
    (found,) = recognise({**own, "teacher.fc.weight": [3, 5]})
    assert (found.name, found.num_classes) == ("resnet18-imagenet", 95)
    assert (found.reading.under, found.reading.others) == ("", ("teacher",))


def test_a_head_of_another_name_is_the_head():
    (found,) = recognise(
        {key.replace("fc.", "linear."): shape for key, shape in shapes("resnet20").items()}
    )
    assert (found.name, found.num_classes) == ("resnet20", 95)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_alone_name_the_network(name):
    bare = {key: shape for key, shape in shapes(name).items() if "running" not in key}
    (found,) = recognise({f"module.{key}": shape for key, shape in bare.items()})
    assert (found.name, found.reading.under) == (name, "module.")


def test_some_of_the_statistics_are_no_network():
    own = shapes("resnet8")
    assert recognise({key: shape for key, shape in own.items() if key != "bn1.running_mean"}) == []


def test_parameter_free_shortcuts_are_a_network_of_their_own():
    option_a = {key: shape for key, shape in shapes("resnet20").items() if "downsample" not in key}
    (found,) = recognise({f"module.{key}": shape for key, shape in option_a.items()})
    assert (found.name, found.reading.under) == ("resnet20-a", "module.")


@pytest.mark.parametrize("name", ["resnet18-imagenet", "resnet50-imagenet"])
def test_torchvisions_names_are_those_of_the_deep_resnets(name):
    theirs = {
        key.replace("shortcut", "downsample").replace("linear", "fc"): s
        for key, s in shapes(name).items()
    }
    (found,) = recognise(theirs)
    assert (found.name, found.num_classes) == (name, 95)


def test_what_is_near_is_told():
    short = {
        key: shape
        for key, shape in shapes("resnet20").items()
        if key != "layer2.0.downsample.0.weight"
    }
    near = nearest_networks({f"module.{key}": shape for key, shape in short.items()})[0]
    assert (near.info.name, near.missing, near.unexpected) == (
        "resnet20",
        "layer2.0.downsample.0.weight",
        "",
    )


def test_other_tensors_are_no_model():
    own = shapes("resnet8")
    assert recognise({}) == []
    assert recognise(own | {"extra": [3]}) == []
    assert (
        recognise({key: shape for key, shape in own.items() if key != "layer1.0.conv2.weight"})
        == []
    )
    assert recognise(own | {"layer1.0.conv2.weight": [16, 16, 5, 5]}) == []
    assert recognise(own | {"fc.bias": [94]}) == []
    assert recognise(own | {"fc.weight": []}) == []


def test_it_needs_no_torch():
    code = (
        "import sys, bickd_core.models; bickd_core.models.recognise({}); sys.exit('torch' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
