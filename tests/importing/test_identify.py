"""What a file or a folder says of itself, before anything is imported."""

import json

import pytest
import torch
from safetensors.torch import save_file

from bickd_core.importing.identify import Identified, from_folder, identify
from bickd_core.models.factory import create_model

TIMM = {
    "architecture": "resnet18",
    "num_classes": 10,
    "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
}


@pytest.fixture
def folder(tmp_path):
    save_file(create_model("resnet8", num_classes=10).state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def test_a_folder_of_timms_names_network_and_normalisation(folder):
    (folder / "config.json").write_text(json.dumps(TIMM))
    assert from_folder(folder) == Identified(
        folder / "model.safetensors", "timm:resnet18", {"normalisation": "half"}
    )
    imagenet = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    (folder / "config.json").write_text(json.dumps({**TIMM, "pretrained_cfg": imagenet}))
    assert from_folder(folder).inputs == {"normalisation": "imagenet"}
    (folder / "config.json").write_text(
        json.dumps({"architecture": 3, "pretrained_cfg": {"mean": "x", "std": []}})
    )
    assert from_folder(folder) == Identified(folder / "model.safetensors")


def test_without_a_name_the_tensors_tell(folder):
    assert identify(folder / "model.safetensors").arch == "resnet8"
    (folder / "config.json").write_text("[]")
    found = identify(folder)
    assert (found.file, found.arch, found.inputs) == (folder / "model.safetensors", "resnet8", {})
    assert found.shapes["fc.weight"] == (10, 64)


def test_a_name_that_is_given_goes_with_the_folders_inputs(folder):
    (folder / "config.json").write_text(json.dumps({"mean": [0.4], "std": [0.2]}))
    found = identify(folder, "my_module:make_net")
    assert (found.file.name, found.arch) == ("model.safetensors", "my_module:make_net")
    assert found.inputs == identify(folder).inputs


def test_what_cannot_be_identified_is_said(tmp_path):
    with pytest.raises(
        ValueError, match="or a folder with model.safetensors, but the folder .* has no weights"
    ):
        identify(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match="has weights in several files, which are not read"):
        identify(tmp_path)
    state = create_model("resnet8", num_classes=10).state_dict()
    save_file({**state, "extra.weight": torch.ones(3)}, tmp_path / "net.safetensors")
    with pytest.raises(
        ValueError,
        match=r"none of the known networks; the nearest is resnet8 \(\d+ of its \d+ tensors\)",
    ):
        identify(tmp_path / "net.safetensors")


def test_the_part_that_is_named_gives_the_network(tmp_path):
    both = {"student": "resnet8", "teacher": "resnet14x2"}
    state = {
        f"module.{part}.{name}": tensor
        for part, arch in both.items()
        for name, tensor in create_model(arch, num_classes=10).state_dict().items()
    }
    file = tmp_path / "latest"
    torch.save({"model": state, "epoch": 3}, file)
    assert identify(file).arch == "resnet8"
    assert identify(file, part="model/module.student").arch == "resnet8"
    assert identify(file, part="model/module.teacher").arch == "resnet14x2"
