"""The layouts in which trainers save weights: each is read as docs/models.md says, and nothing in a
file runs."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weight_layouts import HARMFUL, LAYOUTS, REFUSALS, Node, prefixed

from bickd_core.data.registry import dataset_info
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.importing.load_network import load_network
from bickd_core.models.factory import create_model
from bickd_core.runs.checkpoints import WeightsError, load_into, read_network, read_weights

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


def table(header):
    """The last cell of each row of a table of the page, by the first."""
    _, _, rest = PAGE.read_text().partition(f"{header}\n")
    assert rest, header
    rows = [line.strip("| ").split(" | ") for line in rest.partition("\n\n")[0].splitlines()[1:]]
    return {row[0]: row[-1] for row in rows}


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return dict(create_model("resnet8", num_classes=10).state_dict())


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_weights(layout, as_zip, weights, tmp_path):
    make, label = LAYOUTS[layout]
    torch.save(make(weights), tmp_path / "w", _use_new_zipfile_serialization=as_zip)
    if "whole network" in layout and not as_zip:
        with pytest.raises(
            WeightsError, match="a whole network with its source code, in the format of torch"
        ):
            read_weights(tmp_path / "w")
        return
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    state, taken, _ = read_network(tmp_path / "w", expected=shapes)
    assert taken == label
    for name, value in weights.items():
        if name.endswith("num_batches_tracked") and name not in state:
            continue  # of a layer that is called otherwise; nothing needs it
        torch.testing.assert_close(state[name].to(value.dtype), value, atol=2e-3, rtol=1e-3)


def test_what_a_file_says_of_itself_is_read_by_the_limited_process_too(weights, tmp_path):
    from bickd_core.importing.inspect_weights import look_into

    torch.save(
        {"model": weights, "opt": argparse.Namespace(lr=0.1), "node": Node()}, tmp_path / "w.pth"
    )
    assert look_into(tmp_path / "w.pth")["model"].keys() == weights.keys()


def test_two_networks_of_one_kind_are_asked_about(weights, tmp_path):
    other = {name: value + 1 for name, value in weights.items()}
    both = prefixed("student.", weights) | prefixed("teacher.", other)
    torch.save({"model": both}, tmp_path / "w.pth")
    state, label, _ = read_network(tmp_path / "w.pth", expected=list(weights), part="model/teacher")
    assert label == "model/teacher"
    torch.testing.assert_close(state["fc.bias"], other["fc.bias"])
    with pytest.raises(
        WeightsError, match="no network of this kind called 'ema'; it has 'model/student'"
    ):
        read_weights(tmp_path / "w.pth", expected=list(weights), part="ema")


def test_the_same_weights_twice_are_no_question(weights, tmp_path):
    torch.save({"model": weights, "best": weights}, tmp_path / "w.pth")
    assert read_network(tmp_path / "w.pth", expected=list(weights))[1] == "model"


def test_shapes_tell_a_wide_teacher_from_its_student(weights, tmp_path):
    wide = create_model("resnet8x4", num_classes=10).state_dict()
    torch.save(
        {"model": prefixed("student.", weights) | prefixed("teacher.", wide)}, tmp_path / "w.pth"
    )
    shapes = {name: tuple(value.shape) for name, value in wide.items()}
    assert read_network(tmp_path / "w.pth", expected=shapes)[1] == "model/teacher"


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", HARMFUL)
def test_files_that_name_harmful_functions_are_refused(kind, as_zip, weights, tmp_path):
    harm = HARMFUL[kind](tmp_path / "harm")
    torch.save(
        {"model": weights, "x": harm}, tmp_path / "w.pth", _use_new_zipfile_serialization=as_zip
    )
    with pytest.raises(
        WeightsError, match="was refused and nothing in it was run: it names the Python object"
    ):
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "harm").exists()


def test_the_page_lists_every_layout_and_what_is_taken():
    listed = {name: f"`{label}`" if label else "all of it" for name, (_, label) in LAYOUTS.items()}
    assert table("| what the file holds | what is loaded |") == listed


NO_TRAINING_IMAGES = "parameters alone, and data without training images"


def refused(file):
    """The sentence that refuses a file as weights of resnet8 for CIFAR-10, in this process."""
    model = create_model("resnet8", num_classes=10)
    with pytest.raises(WeightsError) as caught:
        load_into(
            model,
            read_weights(file, expected=model.state_dict()),
            name="resnet8",
            dataset="cifar10",
        )
    return str(caught.value)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_the_sentence_on_the_page(kind, weights, tmp_path):
    told = table("| file | sentence |")[kind]
    pattern = re.escape(told).replace(
        re.escape("(...)"), r"\(.+\)"
    )  # what a library says, in its words
    sentence = refused(REFUSALS[kind](weights, tmp_path))
    assert re.fullmatch(pattern, sentence), sentence


def test_parameters_alone_are_refused_as_the_page_says(weights, tmp_path):
    bare = {name: value for name, value in weights.items() if "running" not in name}
    save_file(bare, tmp_path / "w.safetensors")
    info = replace(dataset_info("cifar10"), all_test=True)
    with pytest.raises(RefusedFile) as caught:
        load_network(tmp_path / "w.safetensors", "resnet8", info, part=None, folder=tmp_path)
    assert str(caught.value) == table("| file | sentence |")[NO_TRAINING_IMAGES]


def test_the_page_lists_every_refusal():
    assert list(table("| file | sentence |")) == [*REFUSALS, NO_TRAINING_IMAGES]


def test_a_class_of_a_package_is_never_imported_or_called(weights, tmp_path, monkeypatch):
    (tmp_path / "strange.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('was-imported').touch()\nclass Thing:\n  "
        "  def __setstate__(self, state): pathlib.Path(__file__).with_name('was-called').touch()\n "
        "   def __getstate__(self): return {'a': 1}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import strange

    torch.save({"model": weights, "thing": strange.Thing()}, tmp_path / "w.pth")
    (tmp_path / "was-imported").unlink()
    monkeypatch.delitem(__import__("sys").modules, "strange")
    assert read_weights(tmp_path / "w.pth").keys() == weights.keys()
    assert not (tmp_path / "was-imported").exists()
    assert not (tmp_path / "was-called").exists()


def test_weights_without_the_statistics_of_batch_norm_are_named(weights, tmp_path):
    bare = {name: value for name, value in weights.items() if "running" not in name}
    torch.save({"model": bare}, tmp_path / "w.pth")
    model = create_model("resnet8", num_classes=10)
    with pytest.raises(
        WeightsError,
        match=r"lack the statistics of its batch norms \(bn1.running_mean and 17 more\)",
    ):
        load_into(
            model, read_weights(tmp_path / "w.pth", expected=model.state_dict()), name="resnet8"
        )
