"""What an uploaded file says of itself: its network by its tensors, or the near ones by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.distill.form_values import sentence
from app.imports.inspect import judge, look, unfit
from bickd_core.data.registry import dataset_info
from bickd_core.models.catalogue import MODELS
from bickd_core.models.recognise import nearest_networks

WEIGHTS = Path(__file__).parents[2] / "pretrained/caltech95/kd-s0/model.safetensors"


def shapes_of(name: str, num_classes: int, in_channels: int = 3) -> dict[str, tuple[int, ...]]:
    return {
        k: s for x in MODELS[name].layers(num_classes, in_channels) for k, s in x.tensors.items()
    }


def test_a_bundled_file_is_recognised_whatever_its_name():
    found = look(WEIGHTS.read_bytes(), "model.safetensors")
    assert found.problem == ""
    assert found.network is not None
    assert (found.network.name, found.datasets) == ("resnet8", ("caltech95",))
    assert found.name == "caltech95-resnet8"  # "model" says nothing
    assert look(WEIGHTS.read_bytes(), "my student 3.safetensors").name == "my-student-3"


def test_a_file_that_is_read_in_a_process_is_recognised_too(tmp_path: Path):
    path = tmp_path / "net.npz"
    np.savez(
        path, **{k: np.zeros(s, dtype=np.float32) for k, s in shapes_of("resnet8", 10, 1).items()}
    )
    found = look(path.read_bytes(), "net.npz")
    assert found.network is not None
    assert found.network.name == "resnet8"
    assert "fashion-mnist" in found.datasets


def test_where_none_fits_the_near_ones_are_named():
    shapes = shapes_of("resnet20", 95)
    del shapes[next(iter(shapes))]
    found = judge({"": shapes}, "net.pt")
    assert found.network is None
    assert "the nearest are resnet20 (" in found.problem
    assert "resnet20 also has conv1.weight" in found.problem
    assert nearest_networks(shapes)[0].info.name == "resnet20"
    problem = judge({"": {"nothing.like.it": (3, 4)}}, "net.pt").problem
    assert "The tensors (nothing.like.it) match none of the networks under Architecture" in problem
    assert "nearest" not in problem


def test_where_in_the_file_the_network_was_found_is_told():
    both = {f"student.{k}": s for k, s in shapes_of("resnet20", 10).items()} | {"teacher.x": (3,)}
    found = judge({"other": {"y": (1,)}, "model": both}, "net.pt")
    assert found.network is not None
    assert found.network.name == "resnet20"
    assert (
        found.place
        == "under the key 'model' with the prefix 'student.'; 1 other part of the file left out:"
        " teacher"
    )
    assert judge({"": shapes_of("resnet20", 10)}, "net.pt").place == ""


def test_data_of_other_classes_are_refused():
    found = judge({"": shapes_of("resnet8", 77)}, "net.pt")
    assert found.network is not None
    assert (found.problem, found.datasets) == ("", ())  # one's own may have them
    assert (
        unfit(found.network, dataset_info("digits"))
        == "The network expects 77 classes and 3 channels, but Handwritten digits, 8 x 8 has 10"
        " classes and 1 channel; choose the data that the network was trained on."
    )
    for channels in (1, 3):  # grey images are repeated
        digits = judge({"": shapes_of("resnet8", 10, channels)}, "net.pt").network
        assert digits is not None
        assert unfit(digits, dataset_info("digits")) == ""
    four = judge({"": shapes_of("resnet8", 10, 4)}, "net.pt").network
    assert four is not None
    assert "expects 10 classes and 4 channels" in unfit(four, dataset_info("digits"))


@pytest.mark.parametrize(
    "content", [b"", b"1234567", (10**6).to_bytes(8, "little") + b"{}", b"\2" + bytes(7) + b"[]"]
)
def test_what_is_no_safetensors_file_is_refused_in_a_sentence(content):
    expected = "safetensors file" if content else "bad.safetensors is empty"
    assert expected in look(content, "bad.safetensors").problem


def test_a_sentence_begins_with_a_capital_but_a_files_name_stays_as_it_is():
    assert sentence(ValueError("there is no run 'x'")) == "There is no run 'x'."
    assert sentence(ValueError("text.pth is empty")) == "text.pth is empty."
    assert sentence(ValueError("`epochs`: too many")) == "`epochs`: too many."
