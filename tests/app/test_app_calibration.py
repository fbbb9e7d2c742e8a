"""Calibration, disagreements and the sample page without a browser: figures, missing labels, text
ids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from run_helpers import random_predictions
from streamlit.testing.v1 import AppTest

from app.data import best_temperature
from app.data import comparison as comparisons
from app.pages.calibration.page import Controls
from app.state import ViewState
from bickd_core.comparing import calibration, measures
from bickd_core.geometry.agreement import hellinger
from bickd_core.geometry.calibration import confidence_and_hits, reliability
from bickd_core.geometry.probabilities import softmax
from bickd_core.runs.info import Source

SECONDS = 60.0


@pytest.fixture
def compare(make_run, library, monkeypatch):
    """A teacher and two students; `change` alters each model's predictions."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def make(change=lambda predictions: predictions) -> ViewState:
        whole = random_predictions(60, 4)
        info = {"num_classes": 4, "dataset": "made up", "config": None}
        for seed, name in enumerate(("teacher-x", "student-a", "student-b")):
            logits = random_predictions(60, 4, seed=seed).logits
            role = "teacher" if seed == 0 else "student"
            run = make_run(
                name, predictions=change(replace(whole, logits=logits)), info={**info, "role": role}
            )
            if seed == 1:
                change(replace(whole, logits=logits)).save(run.predictions_path("validation"))
        return ViewState(teacher="teacher-x", students=("student-a", "student-b"))

    return make


def test_cached_figures_are_the_plain_ones(compare):
    comparison = comparisons.comparison(compare())
    first, second = comparison.students
    said = [model.predictions.predicted for model in (first, second)]
    found = calibration.disagreement(comparison, first, second)
    assert (
        found.outcomes.first
        == ((said[0] == comparison.labels) & (said[1] != comparison.labels)).sum()
    )
    assert found.confusion.first.sum() == comparison.n
    P, Q = (softmax(model.predictions.logits, 2.0) for model in (first, second))
    np.testing.assert_allclose(measures.distance(comparison, first, second, 2.0), hellinger(P, Q))
    calibrated = calibration.calibration(comparison, first, 2.0)
    assert calibrated.ece_width.raw == pytest.approx(
        reliability(*confidence_and_hits(P, comparison.labels)).error
    )
    gap = calibration.calibration_gap(comparison, first, second, (2.0, 2.0))
    other = calibration.calibration(comparison, second, 2.0)
    assert gap.nll.estimate == pytest.approx(calibrated.nll.estimate - other.nll.estimate)
    assert gap.ece_mass.estimate == pytest.approx(
        calibrated.ece_mass.estimate - other.ece_mass.estimate
    )


def test_a_best_temperature_needs_predictions_on_validation(compare):
    comparison = comparisons.comparison(compare())
    fitted = best_temperature.best_temperature(comparison.students[0])
    assert fitted is not None
    assert (fitted.split, fitted.n) == ("validation", 60)
    assert fitted.shown == round(fitted.fitted.temperature.estimate, 3)
    assert best_temperature.best_temperature(comparison.teacher) is None


def test_a_model_without_a_best_temperature_is_shown_as_it_is_used(compare, library):
    view = compare()
    run = library.find("student-a")
    own = run.predictions("validation")
    logits = np.eye(4, dtype=np.float32)[own.labels] * 4
    replace(own, logits=logits).save(run.predictions_path("validation"))
    comparison = comparisons.comparison(view)
    fitted = best_temperature.best_temperature(comparison.students[0]).fitted
    assert not fitted.reached
    assert Controls("width", True).at(comparison.students[0]) == 1.0


@pytest.mark.parametrize("kind", ["trained", "predictions"])
def test_of_other_networks_nothing_is_said_about_validation(compare, library, kind):
    view = compare()
    for run in library.runs():
        run.write_info(run.info().model_copy(update={"source": Source(kind=kind)}))
        run.predictions("test").save(run.predictions_path("validation"))
    app = opened("calibration", replace(view, split="validation"))
    assert not any("probably trained on" in text.value for text in (*app.caption, *app.info))


def test_where_imported_networks_saw_validation_is_said(compare, library):
    view = compare()
    run = library.find("student-a")
    run.write_info(run.info().model_copy(update={"source": Source(kind="imported")}))
    app = opened("calibration", view)
    said = [text.value for text in app.caption if "probably trained on these images" in text.value]
    assert len(said) == 1
    assert "was imported, so it was probably trained" in said[0]
    assert not any("probably trained on it" in text.value for text in app.info)
    for run in library.runs():
        run.predictions("test").save(run.predictions_path("validation"))
    app = opened("calibration", replace(view, split="validation"))
    assert any("probably trained on it" in text.value for text in app.info)


def page(name: str, view) -> None:
    import importlib

    import streamlit

    from app import state

    if "opened" not in streamlit.session_state:
        streamlit.session_state["opened"] = True
        state.update(
            teacher=view.teacher,
            students=view.students,
            selection=view.selection,
            sample=view.sample,
            split=view.split,
        )
    importlib.import_module(f"app.pages.{name}.page").show()


def opened(name: str, view: ViewState) -> AppTest:
    app = AppTest.from_function(page, args=(name, view), default_timeout=SECONDS)
    app.run()
    assert not app.exception, app.exception
    return app


@pytest.mark.parametrize("name", ["disagreements", "calibration", "sample"])
def test_pages_open(compare, name):
    assert opened(name, compare()).title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("disagreements", "disagree on"),
        ("calibration", "Calibration needs true labels"),
        ("sample", "teacher predicts"),
    ],
)
def test_pages_say_what_they_cannot_without_labels(compare, name, title):
    def unlabelled(predictions):
        return replace(
            predictions, labels=None, ids=np.array([f"img {i}" for i in predictions.ids])
        )

    assert title in opened(name, compare(unlabelled)).title[0].value


@pytest.mark.parametrize("name", ["disagreements", "calibration", "sample"])
def test_a_teacher_alone_is_judged_where_it_can_be(compare, name):
    app = opened(name, replace(compare(), students=()))
    assert app.title


def test_a_count_is_a_button_that_selects(compare):
    app = opened("disagreements", compare())
    app.button(key="outcome-neither").click().run()
    assert not app.exception
    view = app.session_state["view"]
    assert view.selection == "outcome:student-b~teacher-x~neither"


def test_the_sample_page_walks_through_the_selection(compare):
    view = replace(compare(), selection="class:class 1")
    comparison = comparisons.comparison(view)
    members = comparison.teacher.predictions.ids[comparison.labels == 1].tolist()
    app = opened("sample", view)
    assert app.button(key="sample-previous").disabled
    app.button(key="sample-next").click().run()
    assert app.session_state["view"].sample == str(members[1])
    assert "2 of" in app.caption[0].value
