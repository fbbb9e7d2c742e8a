"""A read-only server: every page opens, shows no control that writes, and writes nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_helpers import random_predictions, small_config
from streamlit.testing.v1 import AppTest

from app.registry import PAGES
from app.state import ViewState
from bickd_core.launch import local
from bickd_core.runs.library import Library
from bickd_core.runs.status import Progress, Status, Worker

WRITING = {
    *("Train one now", "Bring your own", "Load weights"),
    *("Start", "Stop", "Stop all", "Resume", "Resume all", "Cancel", "New run", "Distil a student"),
    *("Check and load", "Rename", "Delete permanently", "Extend", "Reuse these settings"),
    *("Import and compare", "Add to the runs", "Make the maps", "Measure it"),
    *("Save these samples", "Remove my file"),
}
"""The buttons that train, import, change or save, or that lead to such a form."""
VIEW = ViewState(teacher="teacher", students=("student",), temperature=1.0)
CHANGED = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.utime", "os.chmod")
STARTED = ("subprocess.Popen", "os.posix_spawn", "os.fork")
_watched: list[tuple[Path, list[str]]] = []


def _hook(event: str, arguments: tuple) -> None:
    """Note what is written below the watched folder, and which processes start."""
    if not _watched:
        return
    folder, noted = _watched[-1]
    writes = event == "open" and any(letter in str(arguments[1] or "") for letter in "wax+")
    if writes or event in CHANGED:
        paths = [str(each) for each in arguments if isinstance(each, str | bytes | Path)]
        if any(path.startswith(str(folder)) for path in paths):
            noted.append(f"{event} {arguments}")
    elif event in STARTED:
        noted.append(f"{event} {arguments[:2]}")


sys.addaudithook(_hook)  # cannot be removed again; it does nothing without a watched folder


@pytest.fixture
def runs(library, make_run, monkeypatch) -> Library:
    """A server's runs: a comparison, and a run in each state that has buttons."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    options = {"role": "teacher"}
    first = random_predictions(60)
    second = replace(first, logits=random_predictions(60, seed=1).logits)
    make_run("teacher", info=options, state="finished", predictions=first)
    make_run("student", state="finished", predictions=second)
    progress, worker = Progress(1, 4, 0, 6), Worker("elsewhere", 1, 1.0)
    working = Status("running", progress, worker, heartbeat=time.time() + 3600)
    make_run("working", status=working, config=small_config(epochs=4))
    make_run("halted", status=Status("stopped", progress), config=small_config(epochs=4))
    return library


@pytest.fixture
def noted(runs) -> Iterator[list[str]]:
    """What was written among the runs, and which processes were started, while pages were open."""
    changes: list[str] = []
    _watched.append((runs.own, changes))
    yield changes
    _watched.pop()


def page(path: str) -> None:
    import importlib

    from app.components import sidebar

    sidebar.show(path)
    importlib.import_module(f"app.pages.{path}.page").show()


def opened(path: str, view: ViewState = VIEW, **changes: object) -> AppTest:
    app = AppTest.from_function(page, args=(path,), default_timeout=60)
    for name, value in ViewState(**{**vars(view), **changes}).to_query().items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def writing(app: AppTest) -> set[str]:
    """The controls that write: labels of buttons, and uploads."""
    labels = {button.label for button in app.button} & WRITING
    return labels | {"upload" for _ in app.get("file_uploader")}


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in (*app.info, *app.caption, *app.warning))


LINKS = [
    *((each.path, {}) for each in PAGES),
    ("runs", {"run": "teacher"}),
    ("runs", {"run": "halted"}),
    ("distill", {"run": "working"}),
    ("distill", {"run": "halted"}),
    ("distill", {"race": ("working", "halted")}),
    ("class_geometry", {"selection": "class:class 1"}),
]


@pytest.mark.parametrize(("path", "link"), LINKS)
def test_every_page_opens_without_a_control_that_writes_and_writes_nothing(
    noted, monkeypatch, path, link
):
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    app = opened(path, **link)
    assert not app.title or app.title[0].value != "This comparison cannot be shown"
    assert writing(app) == set()
    assert noted == []


@pytest.mark.parametrize(
    ("path", "link", "expected"),
    [
        ("overview", {}, {"Train one now"}),
        ("runs", {"run": "halted"}, {"upload", "Rename", "Delete permanently", "Resume"}),
        ("distill", {"run": "working"}, {"Stop", "New run"}),
        ("class_geometry", {"selection": "class:class 1"}, {"upload", "Save these samples"}),
        ("bring_your_own", {}, {"upload"}),
    ],
)
def test_another_server_has_these_controls(runs, path, link, expected):
    assert expected <= writing(opened(path, **link))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("distill", "so you cannot train here."),
        ("bring_your_own", "so you cannot import predictions here."),
        ("runs", "so you cannot load weights or change runs here."),
        ("class_geometry", "so you cannot upload superclasses here."),
        ("prediction_map", "so you cannot make maps here."),
    ],
)
def test_a_line_says_why_a_form_is_absent(runs, monkeypatch, path, expected):
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    assert f"This server is read-only, {expected}" in said(opened(path))


def test_trainings_are_still_seen(runs, monkeypatch):
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    app = opened("distill")
    assert [b.label for b in app.button if b.key == "distill-watch-working"] == ["working"]
    assert "25%" in said(opened("distill"))


@pytest.mark.parametrize(
    ("fixed", "expected"), [("0", ["All", "Mine", "Bundled"]), ("1", ["All", "Shared", "Bundled"])]
)
def test_the_table_of_runs_has_no_view_that_is_always_empty(runs, monkeypatch, fixed, expected):
    monkeypatch.setenv("BICKD_READ_ONLY", fixed)
    (views,) = (group for group in opened("runs").segmented_control if group.key == "runs-filter")
    assert [option for option in views.options if option != "Over seeds"] == expected


def test_bring_your_own_is_not_listed(monkeypatch):
    def listed() -> set[str]:
        return {each.path for each in PAGES if not each.is_hidden}

    before = listed()
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    assert before - listed() == {"bring_your_own"}


def lasso(count: int) -> None:
    import streamlit

    from app import selection, state
    from app.components import frame

    comparison = frame.load_comparison()
    assert comparison is not None
    ids = comparison.teacher.predictions.ids[:count]
    selection.select_ids(comparison, ids.tolist())
    chosen, problem = selection.read(comparison)
    assert chosen is not None, problem
    streamlit.session_state["got"] = chosen.positions
    streamlit.session_state["rule"] = state.current().selection


def test_a_lasso_lasts_for_the_session_without_a_file(noted, monkeypatch):
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    app = AppTest.from_function(lasso, args=(20,), default_timeout=60)
    app.session_state["view"] = VIEW
    app.run()
    assert not app.exception, app.exception
    assert np.array_equal(app.session_state["got"], np.arange(20))
    assert app.session_state["rule"].startswith("kept:")
    assert noted == []


def test_the_hook_notes_what_is_written(runs, noted):
    local.stop(runs.find("working"))
    assert any("control" in each for each in noted)
