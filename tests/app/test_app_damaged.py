"""One damaged run never breaks the pages of others, and a damaged run that is compared gets a
sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from run_helpers import small_config
from streamlit.testing.v1 import AppTest

from app.plain import JOINER
from app.registry import PAGES
from app.state import ViewState
from bickd_core.config import Seeds
from bickd_core.runs.library import Library, RunFolder, RunInfo, TeacherRef
from bickd_core.runs.predictions import Predictions
from bickd_core.runs.stages import Stages
from bickd_core.runs.status import Progress, Status

N, C = 40, 4
LEVELS = {"teacher": 0.2, "student": 0.8}


def predictions(seed: int) -> Predictions:
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    logits = 2 * shared.normal(size=(N, C)) + own.normal(size=(N, C))
    return Predictions(
        logits=logits.astype(np.float32),
        class_names=tuple(f"class {c}" for c in range(C)),
        ids=np.arange(N),
        labels=np.arange(N) % C,
        features=logits.astype(np.float32),
    )


def make(
    library: Library, name: str, seed: int, teacher: str | None = None, *, epochs: int = 2
) -> RunFolder:
    """A finished run with every file that a run may have, in a moment. epochs: another number is
    another recipe."""
    info = RunInfo(
        name=name,
        role="teacher" if teacher is None else "student",
        arch="convnet-small",
        dataset="digits",
        image_size=8,
        in_channels=1,
        num_classes=C,
        config=small_config(
            role="teacher" if teacher is None else "student",
            objective={"kind": "ce"} if teacher is None else {"kind": "kd"},
            teacher=teacher,
            epochs=epochs,
            seeds=Seeds.all(seed),
        ),
        teacher=None if teacher is None else TeacherRef(key=teacher, weights_sha256="0" * 64),
    )
    run = RunFolder.create(library.own, info)
    own = predictions(seed)
    for split in ("test", "validation"):
        own.save(run.predictions_path(split))  # type: ignore[arg-type]
    run.write_stages(
        Stages(("stem", "features"), (own.logits, own.logits * 2), own.ids, own.labels)
    )
    run.write_trajectory(
        {
            "logits": np.stack([own.logits / 2, own.logits]).astype(np.float16),
            "ids": own.ids,
            "labels": own.labels,
            "epochs": np.arange(2),
        }
    )
    for epoch in range(2):
        run.append_metrics(
            {
                "epoch": epoch,
                "loss": 1.0,
                "validation_accuracy": 0.5,
                "validation_overlap": 0.2,
                "images_per_second": 900.0,
            }
        )
    run.weights_path.write_bytes(b"weights")
    (run.path / "README.md").write_text("# A card\n\nThe card of a run.\n")
    run.write_status(Status("finished", Progress(2, 2), heartbeat=1.0, seconds=3.0))
    return run


FILES = (
    "run.yaml", "status.json", "metrics.jsonl", "predictions-test.npz", "predictions-validation.npz", "stages.npz",
    "trajectory.npz", "README.md",
)  # fmt: skip


def other_type(path: Path) -> None:
    if path.suffix == ".npz":
        np.savez(
            path,
            logits=np.array(["text"]),
            class_names=np.zeros(3),
            ids=np.zeros((2, 2)),
            epochs=1,
            names=1,
            labels=1,
        )
    elif path.suffix == ".jsonl":
        path.write_text(
            '{"epoch": 0, "validation_accuracy": "high", "images_per_second": []}\n[1]\n{"epoch":'
            " true}\n"
        )
    elif path.suffix == ".json":
        path.write_text(
            '{"state": "running", "progress": {"epoch": "many"}, "worker": {"pid": -1}}'
        )
    else:
        path.write_text("- a list\n- and no mapping\n")


def newer(path: Path) -> None:
    if path.suffix == ".npz":
        np.savez(path, format=np.array(99))
    elif path.suffix == ".yaml":
        path.write_text(path.read_text().replace("format: 1", "format: 99"))
    else:
        path.write_text(
            '{"format": 99, "state": "dreaming", "epoch": 0, "what": {"is": ["this"]}}\n'
        )


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_instead(path: Path) -> None:
    target = path.parents[2] / f"secret-{path.name}"
    shutil.copy(path, target)
    path.unlink()
    path.symlink_to(target)


WAYS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2 - 5 * (path.suffix == ".jsonl")]
    ),
    "type": other_type,
    "newer": newer,
    "unreadable": lambda path: path.chmod(0),
    "folder": folder_instead,
    "link": link_instead,
}


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A library with a teacher and two students, and a function that damages a file of a run in
    it."""
    library = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    library.shelf.mkdir()
    for seed, name in enumerate(("teacher", "one", "two")):
        make(library, name, seed, None if name == "teacher" else "teacher")
    return library


def damaged(library: Library, file: str, way: str, seed: int) -> str:
    """A further student with one file damaged, of the same recipe where that is its predictions;
    its name."""
    name = f"{file.replace('.', '-')}-{way}"
    run = make(library, name, seed, "teacher", epochs=2 if file == "predictions-test.npz" else 3)
    WAYS[way](run.path / file)
    return name


def page(path: str) -> AppTest:
    def script(path: str) -> None:  # its text is run by itself, without this module's imports
        from app import registry
        from app.components import sidebar

        sidebar.show(path)
        next(entry for entry in registry.PAGES if entry.path == path).show()

    return AppTest.from_function(script, default_timeout=400, args=(path,))


def opened(path: str, view: ViewState) -> AppTest:
    app = page(path)
    app.session_state["view"] = view
    app.run()
    assert not app.exception, f"{path}: {app.exception[0].message}"
    return app


def said(app: AppTest) -> str:
    """What a page says, without the marks that keep Markdown from being read."""
    texts = [element.value for element in [*app.error, *app.warning, *app.info, *app.caption]]
    return "\n".join(texts).replace("\\", "").replace(JOINER, "")


def test_damaged_runs_that_nobody_compares_break_no_page_and_are_named(shown):
    """Every file damaged in every way, each in a run of its own, beside two good ones."""
    names = {}
    for seed, (file, way) in enumerate([(file, way) for file in FILES for way in WAYS], 10):
        names[file, way] = damaged(shown, file, way, seed)
    view = ViewState(teacher="teacher", students=("one",))
    pages = {entry.path: opened(entry.path, view) for entry in PAGES}
    overview = said(pages["overview"])
    for way in ("empty", "cut", "type", "newer", "folder", "link"):
        reason = (
            f"Left out of the seeds: {names['predictions-test.npz', way]}/predictions-test.npz: "
        )
        assert reason in overview, way
    runs = said(pages["runs"])
    rows = pages["runs"].dataframe[0].value.set_index("Run")["State"]
    assert set(rows.index) >= {"teacher", "one", "two"}
    for way in set(WAYS) - {"missing", "unreadable"}:  # nothing is unreadable to root
        assert f"{names['run.yaml', way]}/run.yaml cannot be read: " in runs, way
        assert rows[names["status.json", way]].startswith("status cannot be read"), way
        for file in ("predictions-test.npz", "predictions-validation.npz"):
            assert f"{names[file, way]}/{file}: " in rows[names[file, way]], (file, way)
    for way in ("cut", "type", "newer", "folder", "link"):
        assert (
            f"{names['metrics.jsonl', way]}/metrics.jsonl: " in rows[names["metrics.jsonl", way]]
        ), way


COMPARED = {
    "run.yaml": ("overview",),
    "status.json": ("runs", "distill"),
    "metrics.jsonl": ("runs", "distill"),
    "predictions-test.npz": ("overview", "similarity"),
    "predictions-validation.npz": ("by_epoch", "distill"),
    "stages.npz": ("similarity",),
    "trajectory.npz": ("by_epoch", "distill"),
    "README.md": ("runs",),
}
"""The pages that read a file, each of which must open with a run whose file is damaged in its
comparison."""


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_run_that_is_compared_gets_a_sentence(shown, file):
    for seed, way in enumerate(WAYS, 10):
        name = damaged(shown, file, way, seed)
        view = ViewState(teacher="teacher", students=(name,), run=name)
        texts = [said(opened(path, view)) for path in COMPARED[file]]
        if file == "predictions-test.npz" and way in (
            "empty",
            "cut",
            "type",
            "newer",
            "folder",
            "link",
        ):
            assert all(f"{name}/{file}: " in text for text in texts), way
        if file == "stages.npz" and way in ("empty", "cut", "type", "newer", "folder", "link"):
            assert f"The layers cannot be compared: {name}/{file}: " in texts[0], way


def test_the_others_are_shown_without_a_student_that_is_gone(shown):
    shutil.rmtree(shown.find("two").path)
    focus = {"student": "two", "against": "two", "selection": "cell:two~class 0~class 1"}
    pair = ("class 0", "class 1")
    app = opened(
        "overview", ViewState("teacher", ("one", "two"), pair=pair, race=("two",), **focus)
    )
    app.button(key="frame-others").click().run()
    assert not app.exception
    assert not app.error
    assert app.session_state["view"] == ViewState("teacher", ("one",), pair=pair, race=("two",))


def test_what_does_not_concern_the_gone_student_stays_in_the_view(shown):
    (shown.find("two").path / "predictions-test.npz").unlink()
    focus = {"student": "one", "selection": "class:class 0"}
    app = opened("overview", ViewState("teacher", ("two", "one"), **focus))
    app.button(key="frame-others").click().run()
    assert app.session_state["view"] == ViewState("teacher", ("one",), **focus)


@pytest.mark.parametrize(("gone", "students"), [("teacher", ("one", "x")), ("two", ("two",))])
def test_there_are_no_others_without_the_teacher_or_a_student(shown, gone, students):
    shutil.rmtree(shown.find(gone).path)
    app = opened("overview", ViewState("teacher", students))
    assert app.error
    assert "frame-others" not in [button.key for button in app.button]


def test_a_link_is_neither_shown_nor_downloaded(shown):
    run = shown.find("one")
    secret = shown.own.parent / "secret.txt"
    secret.write_text("the content of another file")
    (run.path / "README.md").unlink()
    (run.path / "README.md").symlink_to(secret)
    (run.path / "best").mkdir()
    (run.path / "best" / "model.safetensors").symlink_to(secret)
    app = opened("runs", ViewState(teacher="teacher", students=("one",), run="one"))
    everything = "\n".join(
        str(element.value) for element in [*app.markdown, *app.code, *app.caption]
    )
    assert "the content of another file" not in everything
    assert (
        "README.md, best/model.safetensors: symbolic links in a run folder are not followed"
        in said(app)
    )
    assert not run.holds("README.md")
    assert not run.holds("best/model.safetensors")
    assert run.holds("predictions-test.npz")


def test_a_run_that_extends_itself_ends(shown):
    run = shown.find("one")
    info = run.info()
    config = info.config.model_copy(update={"extends": "one"})
    run.write_info(info.model_copy(update={"extends": "one", "config": config}))
    for path in ("distill", "runs"):
        opened(path, ViewState(teacher="teacher", students=("one",), run="one"))
