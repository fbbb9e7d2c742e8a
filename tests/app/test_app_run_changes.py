"""What the pages keep in step when runs, images and selections change."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import state
from app.data import pictures
from app.pages.distill import race
from app.pages.runs.details import cannot_resume, renamed
from app.pages.sample import page as sample_page
from app.run_table import needing
from app.state import ViewState
from bickd_core.runs.library import TeacherRef
from bickd_core.runs.thumbnails import Thumbnails
from bickd_viz.theme import model_styles

VIEW = ViewState(
    teacher="t", students=("old", "b"), student="old", against="old", run="old",
    race=("b", "old"), selection="cell:old~crab~old",
)  # fmt: skip


def test_a_view_follows_a_run_that_is_renamed():
    assert renamed(VIEW, "old", "new") == ViewState(
        teacher="t", students=("new", "b"), student="new", against="new", run="new",
        race=("b", "new"), selection="cell:new~crab~old",
    )  # fmt: skip


def test_a_view_forgets_a_run_that_is_deleted():
    assert renamed(VIEW, "old", "") == ViewState(teacher="t", students=("b",), race=("b",))


def test_unfinished_runs_that_need_a_deleted_one_are_named(make_run):
    taught = {"teacher": TeacherRef(key="t")}
    infos = {"done": taught, "student": taught, "longer": {"extends": "t"}, "other": {}}
    made = [
        make_run(name, state="finished" if name == "done" else "stopped", info=info)
        for name, info in infos.items()
    ]
    everyone = [(run, run.info()) for run in made]
    assert needing("t", everyone) == ["student", "longer"]
    assert cannot_resume(["b"]) == "b is not finished and cannot be resumed without it."
    made[2].resume_path.parent.mkdir()
    made[2].resume_path.touch()
    assert needing("t", everyone) == ["student"]


@pytest.mark.parametrize(
    ("ids", "opened"), [([3, 7], "7"), ([2, 3], "2"), ([7], "7"), ([3], None), ([], None)]
)
def test_a_point_that_is_added_to_the_sample_is_opened(monkeypatch, ids, opened):
    updates: list[dict[str, str]] = []
    monkeypatch.setattr(state, "update", lambda **changed: updates.append(changed))
    sample_page._open("3", np.array(ids).tolist())
    assert updates == ([] if opened is None else [{"sample": opened}])


def test_missing_pictures_are_looked_for_again(monkeypatch):
    answers = [Thumbnails(None, "not here"), Thumbnails(lambda: lambda id: b"png")]
    monkeypatch.setattr(pictures, "library", lambda: SimpleNamespace(shelf=pictures.Path("none")))
    monkeypatch.setattr(Thumbnails, "for_dataset", lambda *_, **__: answers.pop(0))
    assert pictures.pictures([], "some data", "test", None).reason == "not here"
    found = pictures.pictures([], "some data", "test", None)
    assert found.reason is None
    assert pictures.pictures([], "some data", "test", None) is found  # stored, as no answer is left


def test_no_two_lines_of_a_race_look_alike():
    kinds = ["dkd", "mlkd", "nkd", "sp", "rkd", "pkt", "crd", "bickd"]
    styles = model_styles([(kind, kind) for kind in kinds])
    dashes = race._dashes(dict(zip(kinds, styles, strict=True)))
    looks = {(look.colour, dashes[kind]) for kind, look in zip(kinds, styles, strict=True)}
    assert len(looks) == len(kinds)


def loaded(run: str) -> None:
    import streamlit

    from app.imports.process import ImportState
    from app.pages.runs import import_form

    if "begun" not in streamlit.session_state:
        streamlit.session_state["begun"] = True
        streamlit.session_state["runs-import-outcome"] = ImportState(run=run)
    import_form._outcome()
    streamlit.text(str("runs-import-outcome" in streamlit.session_state))


@pytest.mark.parametrize("run", ["kd", "gone"])
def test_what_was_loaded_is_told_until_its_run_is_renamed_or_deleted(
    library, make_run, monkeypatch, run
):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    make_run("kd")
    app = AppTest.from_function(loaded, args=(run,), default_timeout=60).run()
    assert not app.exception, app.exception
    assert not app.error
    there = run == "kd"
    assert any("was checked" in one.value for one in app.markdown) == there
    assert [text.value for text in app.text] == [str(there)]
