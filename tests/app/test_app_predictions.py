"""Runs that are predictions alone: every page shows them, and says what is missing and why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.plain import JOINER
from app.registry import PAGES
from app.state import ViewState
from bickd_core.importing.matching import match
from bickd_core.importing.prediction_runs import create_runs
from bickd_core.importing.read_process import parse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "importing"))
from layouts import N, columns, ids, logits, names, softmax


@pytest.fixture
def texts(tmp_path, library, monkeypatch):
    """A teacher and a student of texts, without images and with ids that are text."""
    import pandas as pd

    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    both = {**columns("teacher:{}", logits()), **columns("student:{}", softmax(logits(1)))}
    said = [f"the *words* of {i}" for i in range(N)]
    pd.DataFrame({"id": ids(), "text": said, "label": names(), **both}).to_csv(
        tmp_path / "t.csv", index=False
    )
    create_runs(
        match([("t.csv", part) for part in parse(tmp_path / "t.csv")[2]]),
        library,
        teacher="teacher",
    )
    return ViewState(teacher="teacher", students=("student",))


def page(path: str, view: ViewState, **more: str) -> AppTest:
    def script(path: str) -> None:  # its text is run by itself, without this module's imports
        from app import registry
        from app.components import sidebar

        sidebar.show(path)
        next(entry for entry in registry.PAGES if entry.path == path).show()

    app = AppTest.from_function(script, default_timeout=60, args=(path,))
    app.session_state["view"] = ViewState(**{**vars(view), **more})
    app.run()
    assert not app.exception, f"{path}: {app.exception[0].message}"
    return app


def said(app: AppTest) -> str:
    elements = [*app.title, *app.error, *app.warning, *app.info, *app.caption, *app.text]
    return (
        "\n".join(str(element.value) for element in elements).replace("\\", "").replace(JOINER, "")
    )


@pytest.mark.parametrize("path", [entry.path for entry in PAGES])
def test_every_page_shows_predictions_alone(path, texts):
    found = said(page(path, texts, run="student" if path == "runs" else ""))
    missing = {
        "by_epoch": "Only runs trained in this app have epochs",
        "similarity": "the teacher and student have only predictions",
        "runs": "There are no weights, so parameters and latency are unknown",
    }
    assert missing.get(path, "") in found


def test_sample_page_shows_the_text(texts):
    assert "the *words* of 7" in said(page("sample", texts, sample="img007"))
