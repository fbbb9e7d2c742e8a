"""Disagreements without a browser: what it says of two networks, and of their methods."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.state import ViewState
from bickd_core.runs.predictions import Predictions

SHELF = Path(__file__).resolve().parents[2] / "pretrained"


def page() -> None:
    from app.pages.disagreements import page as disagreements

    disagreements.show()


def shown(monkeypatch, teacher: str, *students: str, against: str = "") -> AppTest:
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["view"] = ViewState(teacher=teacher, students=students, against=against)
    app.run()
    assert not app.exception, app.exception
    return app


def right(name: str) -> np.ndarray:
    own = Predictions.load(SHELF / "caltech95" / name / "predictions-test.npz")
    return own.predicted == own.labels


def test_two_networks_do_not_speak_for_their_methods(monkeypatch):
    """Seed 0 of DIST is its best and of KD its worst."""
    app = shown(
        monkeypatch, "caltech95/teacher", "caltech95/kd-s0", "caltech95/dist-s0",
        against="caltech95/kd-s0",
    )  # fmt: skip
    assert app.title[0].value == "Of these two models, DIST is right more often than KD"
    gap = np.mean([right(f"dist-s{s}").mean() - right(f"kd-s{s}").mean() for s in range(3)])
    note = app.caption[0].value.replace("\\", "")
    assert "This is seed 0 of each. Means of 3 seeds each: DIST minus KD " in note
    assert re.search(
        rf"{re.escape(f'{100 * gap:+.1f}')} points \[−.*\], no difference seen\.", note
    )
    first, second = right("dist-s0"), right("kd-s0")
    differ = int((first != second).sum())
    assert any(
        f"On {differ} images, exactly one of the two is right" in c.value for c in app.caption
    )


def test_against_the_teacher_only_the_student_has_seeds(monkeypatch):
    app = shown(monkeypatch, "caltech95/teacher", "caltech95/kd-s0", "caltech95/bickd-s0")
    assert app.title[0].value == "Of these two models, BicKD is right less often than the teacher"
    assert (
        "This is seed 0 of BicKD. Mean of 3 seeds: BicKD minus the teacher" in app.caption[0].value
    )


def test_with_one_run_of_each_seeds_are_not_named(monkeypatch):
    app = shown(monkeypatch, "fashion-mnist/teacher", "fashion-mnist/bickd-s0")
    assert "seed" not in app.caption[0].value


def test_the_difference_of_a_class_follows_from_the_shown_shares(monkeypatch):
    """Halves of a per cent were once rounded to even numbers: 62% and 68% with −5."""
    table = shown(monkeypatch, "caltech95/teacher", "caltech95/bickd-s0").dataframe[-1].value
    found = table["BicKD"] - table["teacher"]
    assert found.tolist() == pytest.approx(table["difference, points"].tolist(), abs=0.1001)
