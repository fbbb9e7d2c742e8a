"""Runs of ONNX and torch.export programs: every page shows them, and Runs says what they are and
what was noted."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.imports.inspect import look
from app.plain import JOINER
from app.registry import PAGES
from app.state import ViewState
from bickd_core.runs.info import Source, TeacherRef

NOTE = (
    "Its accuracy is at chance level: 9.7% of *144* validation images are right, among 10 classes."
)


@pytest.fixture
def view(teacher, library, make_run, monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    source = Source(kind="program", file="model.onnx", notes=(NOTE,))
    info = {"arch": "", "config": None, "source": source, "teacher": TeacherRef(key="teacher")}
    make_run("program", info=info, predictions=teacher.predictions("test"))
    return ViewState(teacher="teacher", students=("program",), run="program")


@pytest.mark.parametrize("path", [entry.path for entry in PAGES])
def test_every_page_shows_a_program(path, view):
    def script(path: str) -> None:
        from app import registry
        from app.components import sidebar

        sidebar.show(path)
        next(entry for entry in registry.PAGES if entry.path == path).show()

    app = AppTest.from_function(script, default_timeout=60, args=(path,))
    app.session_state["view"] = view
    app.run()
    assert not app.exception, f"{path}: {app.exception[0].message}"
    said = "\n".join(
        str(each.value) for each in (*app.title, *app.error, *app.warning, *app.caption)
    )
    said = said.replace("\\", "").replace(JOINER, "")
    if path == "runs":
        assert "The program model.onnx made these predictions." in said
        assert NOTE in said
    if path == "by_epoch":
        assert "Only runs trained in this app have epochs" in said


def test_an_uploaded_program_is_told_where_it_goes():
    assert (
        look(b"\x08\x09", "net.onnx").problem
        == "net.onnx is an ONNX program, not weights: the command `bickd import net.onnx --dataset"
        " DATA` makes a run of what it predicts."
    )
