"""The lessons' data: the stored maps belong to the bundled run, and what is said of them is
measured on them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.data import comparison as comparisons
from app.data import lessons as facts
from app.pages.learn import orthogonality, page, three_losses
from app.state import LESSONS, ViewState
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.geometry.reseeding import reseeding_displacement
from bickd_core.maps.store import content_key
from bickd_core.runs.predictions import Predictions
from bickd_viz.theme import ModelStyle

BASE = Path(__file__).resolve().parents[2]
FILE = BASE / "app" / "assets" / "lesson-maps.npz"


@pytest.fixture
def bundled(monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(BASE / "pretrained"))


def test_the_stored_maps_are_small_and_of_the_bundled_predictions():
    maps = facts.seed_maps()
    assert FILE.stat().st_size < 300_000
    stored = Predictions.load(BASE / "pretrained" / maps.meta["source"] / "predictions-test.npz")
    assert content_key(stored) == maps.meta["predictions"], "run docs/lesson_maps.py again"
    assert set(maps.ids.tolist()) <= set(stored.ids.tolist())
    assert len(maps.meta["seeds"]) == 5


def test_displacement_is_that_of_the_maps_that_are_shown():
    maps = facts.seed_maps()
    for at in ((0, 3), (1, 6)):
        shown = reseeding_displacement(list(maps.coordinates[at]))
        assert maps.displacement[at] == pytest.approx(shown, rel=1e-3)
        assert np.ptp(maps.coordinates[at], axis=1).max(axis=-1) == pytest.approx(
            np.ones(5), abs=1e-4
        )


def test_the_wandering_pair_is_found_by_trying_all(bundled):
    maps = facts.seed_maps()
    known = facts.samples_of(maps)
    layouts = maps.coordinates[0, 3]
    a, b, distances = facts.wandering_pair(layouts, known.labels)

    def spread(c: int, d: int) -> float:
        apart = []
        for layout in layouts:
            ends = [np.median(layout[known.labels == k], axis=0) for k in (c, d)]
            apart.append(float(np.hypot(*(ends[0] - ends[1]))))
        return max(apart) - min(apart)

    best = max(spread(c, d) for c in known.classes for d in known.classes if c < d)
    assert spread(a, b) == pytest.approx(best, rel=1e-5)
    assert float(np.ptp(distances)) == pytest.approx(best, rel=1e-5)


SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest

def page():
    from app.components import sidebar
    from app.pages.learn import page
    sidebar.show()
    page.show()

for number in "12345":
    app = AppTest.from_function(page, default_timeout=120)
    app.query_params["lesson"] = number
    app.run()
    assert not app.exception, app.exception[0].value
    app.button("learn-present").click().run()
    assert not app.exception, app.exception[0].value
    assert app.session_state["view"].present and str(app.session_state["view"].lesson) == number
    app.button("learn-leave").click().run()
    assert not app.session_state["view"].present
    if number != "5":
        app.button("learn-next").click().run()
        assert str(app.session_state["view"].lesson) == str(int(number) + 1)
loaded = {"torch", "sklearn", "umap", "numba"} & set(sys.modules)
assert not loaded, loaded
"""


def test_lessons_run_present_and_turn_without_torch_or_umap(tmp_path):
    """In a process of its own, whose imports are the page's alone."""
    script = tmp_path / "lessons.py"
    script.write_text(SCRIPT)
    places = {
        "BICKD_RUNS": str(tmp_path / "runs"),
        "BICKD_SHELF": str(BASE / "pretrained"),
        "PYTHONPATH": str(BASE),
    }
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, **places}, capture_output=True, text=True, timeout=300
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_lesson_has_its_number_in_the_link():
    assert [str(k + 1) for k in range(len(page.LESSONS))] == list(LESSONS)
    assert {"lesson", "present"} <= {field.name for field in fields(ViewState)}
    for lesson in page.LESSONS:
        assert lesson.question.endswith("?")
        assert lesson.exercise.endswith(("?", "."))
        assert len(lesson.answer) > 80


@pytest.mark.parametrize("matching", ["mean", "image"])
def test_zoomed_lines_pass_through_the_overlap_at_the_teachers_mean_entropy(bundled, matching):
    comparison = comparisons.comparison(
        ViewState(teacher="caltech95/teacher", students=("caltech95/kd-s0", "caltech95/dist-s0"))
    )
    looks = {model.key: ModelStyle(model.key, "#000000") for model in comparison.models}
    rule = class_geometry.entropy_at(comparison, comparison.teacher, Lens(4.0))
    curves = orthogonality.curves_of(comparison, Lens(4.0, matching), looks)
    for model, curve in zip(comparison.models, curves, strict=True):
        expected = class_geometry.overlap(comparison, model, Lens(4.0, "mean"))
        assert np.interp(rule, curve.x, curve.y) == pytest.approx(expected, abs=1e-6)
        if matching == "mean":
            assert curve.now == pytest.approx((rule, expected), abs=1e-6)


def test_every_image_of_the_first_lesson_can_be_chosen(bundled):
    """Two of five are bags; of two equal labels, a browser's press chooses the last."""

    def lesson():
        from app.components import sidebar
        from app.pages.learn import page

        sidebar.show()
        page.show()

    at = AppTest.from_function(lesson, default_timeout=120)
    for name, value in {
        "lesson": "1",
        "teacher": "fashion-mnist/teacher",
        "students": "fashion-mnist/kd-s0",
    }.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    labels = [option.content for option in at.segmented_control(key="learn-image").proto.options]
    assert len(set(labels)) == 5
    assert {"Bag 1", "Bag 2"} <= set(labels)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_triangle_has_images_of_all_its_classes(bundled, labelled):
    """Columns of classes without images are nearly parallel."""
    whole = comparisons.comparison(
        ViewState(teacher="caltech95/teacher", students=("caltech95/bickd-s0",))
    )
    teacher = whole.teacher.predictions
    shown = teacher.labels if labelled else teacher.predicted
    at = np.flatnonzero(np.isin(shown, [3, 20, 41, 60, 77]))
    models = tuple(
        replace(
            model,
            predictions=replace(
                model.predictions.take(at),
                **({} if labelled else {"labels": None}),
            ),
        )
        for model in whole.models
    )
    few = replace(whole, models=models, n_each=(len(at),) * 2)
    found = facts.triangle(few, few.students[0])
    assert set(found.truth) == {0, 1, 2}


@pytest.mark.parametrize("labelled", [True, False])
def test_the_table_of_pulls_has_whole_names(bundled, monkeypatch, labelled):
    comparison = comparisons.comparison(
        ViewState(teacher="caltech95/teacher", students=("caltech95/kd-s0",))
    )
    if not labelled:
        monkeypatch.setattr(type(comparison), "labels", None)
    found = facts.batch_pulls(comparison, comparison.students[0], 0)
    table = three_losses._table(comparison, found, "kd")
    first, *classes = table.columns
    assert first == ("true_class" if labelled else "sample")
    assert classes == [comparison.class_names[c] for c in found.columns]
    assert table[first].str.startswith("sample ").all() != labelled
    np.testing.assert_allclose(
        table[classes].to_numpy(), -found.pulls["kd"].gradient[np.ix_(found.rows, found.columns)]
    )
