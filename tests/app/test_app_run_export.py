"""The Export menu: which kinds a run has, and a zip file that holds what `bickd export` wrote."""

import io
import json
import zipfile

import pytest

from app.components.run_export_menu import kinds_of
from app.run_export import exported
from bickd_core.exporting.kinds import KINDS
from bickd_core.runs.library import RunError


def test_a_run_is_offered_what_it_holds(teacher, make_run):
    assert set(kinds_of(teacher)) == set(KINDS)
    bare = make_run("bare")
    assert kinds_of(bare) == []
    bare.append_metrics({"epoch": 0, "validation_accuracy": 0.5})
    assert kinds_of(bare) == ["tensorboard"]


def test_the_zip_holds_weights_of_the_wanted_epoch_and_their_use(teacher, library):
    best = teacher.best_path
    if not best.exists():
        best.parent.mkdir(exist_ok=True)
        best.write_bytes(teacher.weights_path.read_bytes())
    with zipfile.ZipFile(
        io.BytesIO(exported(teacher, "safetensors", library, best=True))
    ) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"teacher-safetensors"}
        config = json.loads(archive.read("teacher-safetensors/config.json"))
        assert config["model"]["name"] == teacher.info().arch
        assert b"load_state_dict" in archive.read("teacher-safetensors/README.md")


def test_the_commands_sentence_is_the_error(make_run, library):
    with pytest.raises(
        RunError, match="^run 'bare' has no weights, so there is no network to export"
    ):
        exported(make_run("bare"), "hub", library)
