"""From a weights file to a run folder: all of it, or one sentence and nothing left behind."""

import json
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from run_helpers import small_config
from safetensors.torch import load_file, save_file
from weights_helpers import import_weights

from bickd_cli.main import main
from bickd_core.atomic import write_json
from bickd_core.importing import weights
from bickd_core.importing.afterwards import complete
from bickd_core.importing.weights import ImportRequest
from bickd_core.maps.store import stored_layout
from bickd_core.models.factory import create_model
from bickd_core.runs.create import create_run, file_sha256
from bickd_core.runs.library import RunError

pytestmark = pytest.mark.usefixtures("quick_umap")


def request(**changes):
    return ImportRequest(
        **{"arch": "convnet-small", "dataset": "digits", "name": "mine", **changes}
    )


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def save(model, path):
    """The weights in the format that the suffix names."""
    state = model.state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in state.items()})
    else:
        torch.save(
            {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}},
            path,
        )
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".npz"])
def test_a_weights_file_becomes_a_finished_run_with_the_same_predictions(
    teacher, library, tmp_path, suffix
):
    model = create_model("convnet-small", num_classes=10, in_channels=1)
    model.load_state_dict(load_file(teacher.weights_path))
    file = save(model, tmp_path / f"found{suffix}")
    said = []
    run = import_weights(
        file, request(teacher="teacher"), library, say=lambda *words: said.append(words)
    )
    assert run.info().cost.latency_ms is None
    complete(run, library)
    assert run == library.find("mine")
    assert run.status().state == "finished"
    assert run.stages().names == ("stage 1", "stage 2", "stage 3")
    info = run.info()
    assert (info.name, info.role, info.arch, info.dataset, info.objective) == (
        "mine",
        "student",
        "convnet-small",
        "digits",
        "imported",
    )
    assert (info.num_classes, info.in_channels, info.image_size) == (10, 1, 8)
    assert (info.source.kind, info.source.file, info.source.sha256) == (
        "imported",
        f"found{suffix}",
        file_sha256(file),
    )
    assert info.teacher.key == "teacher"
    assert info.cost.parameters == 94_186
    assert info.cost.latency_ms > 0
    stored = load_file(run.weights_path)
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())
    for split in ("validation", "test"):
        ours, theirs = run.predictions(split), teacher.predictions(split)
        np.testing.assert_array_equal(ours.ids, theirs.ids)
        np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-5)
    assert stored_layout(library, run, teacher=teacher) is not None
    card = (run.path / "README.md").read_text()
    assert "Imported weights." in card
    assert "MIT" not in card
    assert "license: unknown" in card
    assert "their owner names the licence" in card
    assert "agreement with the teacher on test: 100.0%" in card
    assert not run.resumable
    shares = [share for _, share in said]
    assert shares == sorted(shares)
    assert {
        "reading the file",
        "loading the data",
        "evaluating on test",
        "counting parameters",
    } <= {words for words, _ in said}
    assert everything(library.own).count("mine") == 1
    assert [path.name for path in library.own.iterdir() if path.name.startswith(".making")] == []


def test_an_imported_teacher_can_teach(teacher, library):
    run = import_weights(teacher.weights_path, request(role="teacher", name="imported"), library)
    student = create_run(small_config(objective={"kind": "kd"}, teacher="imported"), library)
    assert student.info().teacher.weights_sha256 == file_sha256(run.weights_path)


class Explosive:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def truncated(data):
    return data[: len(data) // 2]


def bad_file(kind, folder):
    """A file of each bad kind, and words that its sentence must have: what was expected, what
    came."""
    model = create_model("convnet-small", num_classes=10, in_channels=1)
    good = save(model, folder / "good.safetensors").read_bytes()
    if kind == "architecture":
        return save(create_model("resnet8", num_classes=10, in_channels=1), folder / "x.pth"), [
            "convnet-small",
            "belong to resnet8 with 10 classes, so choose that architecture",
        ]
    if kind == "classes":
        model = create_model("convnet-small", num_classes=7, in_channels=1)
        return save(model, folder / "x.safetensors"), [
            "fc.weight has 7 rows",
            "digits has 10 classes",
        ]
    if kind == "channels":
        four = create_model("convnet-small", num_classes=10, in_channels=4)
        return save(four, folder / "x.npz"), [
            "4 image channels",
            "digits has 1",
        ]
    if kind == "code":
        state = {"args": Explosive(folder / "was-run"), **model.state_dict()}
        torch.save(state, folder / "x.pt", _use_new_zipfile_serialization=False)
        return folder / "x.pt", ["refused", "nothing in it was run", "plain tensors"]
    if kind == "a bare pickle":
        (folder / "x.bin").write_bytes(pickle.dumps(Explosive(folder / "was-run")))
        return folder / "x.bin", [
            "x.bin was refused and nothing in it was run",
            "pickle protocol 4",
        ]
    if kind == "code in a torch file":
        torch.save({"args": Explosive(folder / "was-run"), **model.state_dict()}, folder / "x.pth")
        return folder / "x.pth", ["refused", "nothing in it was run", "plain tensors"]
    if kind == "truncated":
        (folder / "x.safetensors").write_bytes(truncated(good))
        return folder / "x.safetensors", ["is cut short or damaged", "copy or download it again"]
    if kind == "truncated torch":
        (folder / "x.pth").write_bytes(truncated(save(model, folder / "y.pth").read_bytes()))
        return folder / "x.pth", ["is not a whole torch file", "copy or download it again"]
    if kind == "no weights":
        (folder / "x.pth").write_bytes(b"hello, I am a text")
        return folder / "x.pth", ["is not a whole torch file"]
    if kind == "empty":
        (folder / "x.pth").touch()
        return folder / "x.pth", ["x.pth is empty", "copy or download it again"]
    if kind == "another suffix":
        (folder / "x.txt").write_bytes(b"no weights at all")
        return folder / "x.txt", ["is not a known kind of weights file", ".safetensors"]
    if kind == "booleans":
        state = {name: value > 0 for name, value in model.state_dict().items()}
        torch.save(state, folder / "x.pt")
        return folder / "x.pt", ["all its other tensors are of bool", "expected decimal numbers"]
    if kind == "predictions":
        np.savez(folder / "x.npz", logits=np.ones((5, 10)), labels=np.arange(5))
        return folder / "x.npz", ["holds logits, labels: these are predictions"]
    if kind == "gigabytes":
        torch.save({"fc.weight": torch.ones(1).half().expand(10**10)}, folder / "x.pt")
        return folder / "x.pt", ["asks for 19 GB and is a file of", "weights do not need that"]
    if kind == "not finite":
        state = model.state_dict()
        state["fc.bias"][3] = float("nan")
        save_file(state, folder / "x.safetensors")
        return folder / "x.safetensors", ["numbers in fc.bias are not finite"]
    assert kind == "missing"
    return folder / "nowhere.safetensors", ["does not exist"]


@pytest.mark.parametrize(
    "kind",
    [
        "architecture", "classes", "channels", "code", "code in a torch file", "a bare pickle", "truncated", "truncated torch",
        "no weights", "empty", "another suffix", "not finite", "missing", "booleans", "predictions", "gigabytes",
    ],
)  # fmt: skip
def test_bad_files_are_one_sentence_and_leave_nothing(kind, library, tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    file, words = bad_file(kind, folder)
    with pytest.raises(ValueError, match=r".") as caught:
        import_weights(file, request(), library)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    for word in words:
        assert word in sentence
    assert everything(library.own) == []
    assert not (folder / "was-run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../mine"}, "must have 1 to 80 letters, digits"),
        ({"name": "teacher"}, "a run named 'teacher' already exists"),
        ({"arch": "convnet-smal"}, "got 'convnet-smal'; the nearest is 'convnet-small'"),
        ({"dataset": "digit"}, "not 'digit'; did you mean 'digits'?"),
        ({"image_size": 9}, "image_size of digits must be 8, not 9"),
        ({"teacher": "teachr"}, "there is no run 'teachr'; did you mean 'teacher'?"),
        (
            {"role": "teacher", "teacher": "teacher"},
            "a run with role 'teacher' must have no `teacher`, got 'teacher'",
        ),
    ],
)
def test_bad_requests_are_one_sentence_and_leave_nothing(changes, message, teacher, library):
    before = everything(library.own)
    with pytest.raises(ValueError, match=r".") as caught:
        import_weights(teacher.weights_path, request(**changes), library)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert everything(library.own) == before


def test_a_teacher_on_other_data_is_refused(teacher, library, make_run):
    other = make_run("other", info={"dataset": "caltech95", "image_size": 32})
    other.weights_path.write_bytes(b"x")
    with pytest.raises(RunError, match="teacher 'other' was made for caltech95, but the student"):
        import_weights(teacher.weights_path, request(teacher="other"), library)
    assert not (library.own / "mine").exists()


@pytest.mark.parametrize("moment", ["evaluating on test", "counting parameters"])
def test_whatever_breaks_it_off_leaves_nothing(moment, teacher, library):
    before = everything(library.own)

    def break_off(message, share):
        if message == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_weights(teacher.weights_path, request(), library, say=break_off)
    assert everything(library.own) == before


def test_a_name_that_is_taken_meanwhile_is_refused_and_the_other_run_stays(
    teacher, library, make_run
):
    def take(message, share):
        if message == "counting parameters":
            make_run("mine", info={"title": "the other"})

    with pytest.raises(RunError, match="a run named 'mine' already exists"):
        import_weights(teacher.weights_path, request(), library, say=take)
    assert library.find("mine").info().title == "the other"
    assert [path.name for path in library.own.iterdir() if path.name.startswith(".")] == []


def test_what_killed_imports_left_is_removed_and_what_is_at_work_stays(teacher, library):
    killed, other = (library.own / f".making-{name}" for name in ("killed", "other"))
    for folder in (killed, other):
        folder.mkdir(parents=True)
    os.utime(killed, (0, 0))

    def long(message, share):
        (own,) = (folder for folder in library.own.glob(".making-*") if folder != other)
        assert time.time() - own.stat().st_mtime < 60
        os.utime(own, (0, 0))  # each step of it takes more than an hour

    import_weights(teacher.weights_path, request(), library, say=long)
    assert not killed.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("given", "name"),
    [(["epoch=7-step=96.ckpt"], "epoch-7-step-96"), (["w.pt", "--name", "mine.1"], "mine.1")],
)
def test_the_command_makes_a_name_from_the_files(
    given, name, teacher, library, tmp_path, monkeypatch
):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    torch.save(load_file(teacher.weights_path), tmp_path / given[0])
    monkeypatch.setattr(weights, "import_weights", import_weights)  # no latency, no maps
    with pytest.raises(SystemExit) as ended:
        main(["import", str(tmp_path / given[0]), "--dataset", "digits", *given[1:]])
    assert ended.value.code == 0
    assert library.find(name).info().source.file == given[0]


@pytest.mark.parametrize(
    "command",
    [
        ["import", "w.pt", "--arch", "convnet-small", "--dataset", "digits"],
        ["race", "--teacher", "teacher", "--methods", "kd"],
        ["extend", "teacher", "--epochs", "1"],
    ],
)
def test_a_name_that_cannot_be_names_the_option(command, teacher, capsys, monkeypatch, library):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    with pytest.raises(SystemExit):
        main([*command, "--name", "epoch=7"])
    assert capsys.readouterr().err == (
        "bickd: --name must have 1 to 80 letters, digits, '.', '_' and '-', the first a letter or"
        " digit, got 'epoch=7'; choose another one.\n"
    )


# -- the process behind the page's form ------------------------------------------------------------
def upload(folder, file, library, **asked):
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(file.read_bytes())
    fields = {"arch": "convnet-small", "dataset": "digits", "name": "mine", **asked}
    where = {"shelf": str(library.shelf), "own": str(library.own)}
    write_json(folder / "request.json", {"request": fields, "file": "weights.safetensors", **where})
    return folder


def test_the_process_tells_how_far_it_is_and_which_run_it_made(teacher, library, tmp_path):
    folder = upload(tmp_path / "upload", teacher.weights_path, library)
    subprocess.run([sys.executable, "-m", "bickd_core.importing.weights", str(folder)], check=True)
    outcome = json.loads((folder / "progress.json").read_text())
    assert (outcome["message"], outcome["share"], outcome["run"]) == ("done", 1.0, "mine")
    assert outcome["worker"]["pid"] > 0
    assert len(library.find("mine").predictions("test")) == 360
    assert everything(folder) == ["progress.json", "request.json", "weights.safetensors"]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"colour": "red"}, "`colour` is not known; leave it out or correct its name."),
        ({"arch": "resnet8"}, "These are not weights of resnet8: "),
        ({"name": "a b"}, "a run's name must have 1 to 80 letters, digits"),
    ],
)
def test_the_process_says_in_one_sentence_why_not(
    teacher, library, tmp_path, monkeypatch, asked, error
):
    folder = upload(tmp_path / "upload", teacher.weights_path, library, **asked)
    monkeypatch.setattr(sys, "argv", ["importing", str(folder)])
    weights.main()
    outcome = json.loads((folder / "progress.json").read_text())
    assert outcome["message"] == "failed"
    assert outcome["error"].startswith(error)
    assert "\n" not in outcome["error"]
    assert everything(folder) == ["progress.json", "request.json", "weights.safetensors"]
    assert not (library.own / "mine").exists()
