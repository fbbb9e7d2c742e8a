"""`compare` in Python: its figures are those of reports and pages, its charts the same Plotly
charts."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from run_helpers import random_predictions

from bickd_core import Predictions, PredictionsError
from bickd_core.comparing import measures
from bickd_core.comparing.class_geometry import Lens, gram_difference
from bickd_core.comparing.figures import FIGURES
from bickd_core.comparing.measures import class_order, geometry, summary
from bickd_core.comparing.report_data import read_report_data
from bickd_viz import compare
from bickd_viz.charts.grid import Panel, grid_figure
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.whiskers import whisker_rows
from bickd_viz.report import charts as report_charts
from bickd_viz.text.numbers import number
from bickd_viz.theme import DARK, LIGHT

ROOT = Path(__file__).resolve().parents[2]


def three(n=120, c=4):
    """A teacher and two students on the same samples."""
    teacher = random_predictions(n, c, seed=1)
    noise = np.random.default_rng(2).normal(0, 1.5, (2, n, c)).astype(np.float32)
    students = [replace(teacher, logits=teacher.logits + noise[i]) for i in range(2)]
    return teacher, {"KD": students[0], "mine": students[1]}


@pytest.fixture(scope="module")
def compared():
    return compare(*three(), temperature=4.0)


def test_the_figures_are_those_of_a_report_on_runs(make_run, library):
    teacher, students = three()
    make_run("teacher", predictions=teacher, info={"role": "teacher", "num_classes": 4})
    make_run("kd", predictions=students["KD"], info={"num_classes": 4})
    expected = read_report_data(library, "teacher", ["kd"], temperature=2.0)
    table = compare(teacher, [students["KD"]], temperature=2.0).figures()
    assert set(table.model) == {"teacher", "student"}
    for model, name in zip(expected.comparison.models, ("teacher", "student"), strict=True):
        for row in table[table.model == name].itertuples():
            field = next(figure.field for figure in FIGURES if figure.title == row.figure)
            interval = getattr(summary(expected.comparison, model, 2.0), field)
            assert (row.estimate, row.low, row.high) == (
                interval.estimate,
                interval.low,
                interval.high,
            )
    assert len(table) == 10 + 6


def test_the_differences_are_paired_and_corrected(compared):
    table = compared.differences("mine")
    assert set(table.minus) == {"teacher", "KD"}
    own = compared.data.recipes.against("mine", ["teacher", "KD"])
    for row in table[table.figure == "Accuracy"].itertuples():
        difference = own[row.minus].figures["accuracy"]
        assert row.estimate == difference.interval.estimate
        assert row.p == difference.adjusted
    assert compared.differences().equals(table)  # the last student by default
    with pytest.raises(PredictionsError, match="`student` must be one of KD, mine, got 'min'"):
        compared.differences("min")


def test_samples_are_matched_by_id_and_classes_by_name(compared):
    teacher, students = three()
    order = np.random.default_rng(3).permutation(len(teacher))
    mixed = students["KD"].take(order).with_class_order(teacher.class_names[::-1])
    again = compare(teacher, {"KD": mixed, "mine": students["mine"]}, temperature=4.0)
    pd.testing.assert_frame_equal(again.figures(), compared.figures())
    fewer = compare(teacher, [mixed.take(np.arange(100))])
    assert repr(fewer).endswith("100 of 120 samples, 4 classes, T = 1>")
    assert compare(teacher, mixed).predictions.keys() == {"teacher", "student"}


def test_without_labels_the_rest_is_there_with_the_reason():
    teacher, students = three()
    bare = compare(
        replace(teacher, labels=None), {k: replace(s, labels=None) for k, s in students.items()}
    )
    assert set(bare.left_out) == {"Accuracy", "ECE"}
    assert bare.left_out["ECE"].startswith(
        "it needs true labels, and no model has any; pass `labels`"
    )
    shown = set(bare.figures().figure)
    assert shown == {figure.title for figure in FIGURES} - {"Accuracy", "ECE"}
    html = bare._repr_html_()
    assert "Accuracy is left out: it needs true labels" in html
    titles = [note.text for note in bare.plot.overview().layout.annotations]
    assert "<b>Accuracy</b>" not in titles
    assert "<b>Agreement</b>" in titles
    with pytest.raises(PredictionsError, match="calibration needs true labels"):
        bare.plot.calibration()


def test_few_samples_have_figures_without_intervals():
    teacher, students = three(n=20)
    table = compare(teacher, students).figures()
    overlap = table[table.figure == "Overlap, unmatched"]
    assert overlap.estimate.notna().all()
    assert overlap.low.isna().all()


def test_a_teacher_alone_and_figures_nobody_has():
    teacher = random_predictions(60, 1)
    alone = compare(teacher)
    assert (
        alone.left_out["Orthogonality score"]
        == "fewer than two classes have probability in teacher."
    )
    assert "Overlap, unmatched" not in set(alone.figures().figure)


def test_the_table_shows_names_as_text():
    teacher, students = three()
    html = compare(teacher, {"<b>bold</b>": students["KD"]})._repr_html_()
    assert "&lt;b&gt;bold" in html
    assert "<b>bold" not in html
    assert "120 samples, 4 classes, T = 1. In brackets: 95% intervals over samples." in html
    assert re.search(r"Accuracy \(%\)</th>\s*<td>\d+\.\d \[\d", html)


def test_class_geometry_is_the_pages_four_matrices(compared):
    figure = compared.plot.class_geometry("KD")
    comparison = compared.data.comparison
    teacher, kd = (geometry(comparison, model, 4.0).gram for model in comparison.models[:2])
    cross = measures.cross(comparison, comparison.students[0], 4.0).gram
    order = np.ix_(*[class_order(comparison, "cluster")] * 2)
    for trace, values in zip(figure.data, (teacher, kd, kd - teacher, cross), strict=True):
        np.testing.assert_allclose(trace.z, values[order], atol=1e-6)
    assert [trace.xaxis for trace in figure.data] == ["x", "x2", "x3", "x4"]
    assert figure.layout.paper_bgcolor == LIGHT.surface
    assert len(compare(three()[0]).plot.class_geometry().data) == 1


@pytest.mark.parametrize(
    ("matching", "field"), [("mean", "overlap_matched"), ("image", "overlap_per_image")]
)
def test_class_geometry_at_the_teachers_entropy(compared, matching, field):
    figure = compared.plot.class_geometry("KD", matching)
    titles = [note.text for note in figure.layout.annotations]
    overlap = getattr(compared.summaries["KD"], field).estimate
    assert f"<b>KD, overlap {number(overlap)}</b>" in titles
    plain = compared.plot.class_geometry("KD")
    np.testing.assert_array_equal(figure.data[0].z, plain.data[0].z)
    inside = ~np.eye(4, dtype=bool)
    assert figure.data[1].z[inside].mean() == pytest.approx(overlap, abs=0.02)
    with pytest.raises(
        PredictionsError, match="`matching` must be one of none, mean, image, got 'per"
    ):
        compared.plot.class_geometry("KD", "per image")


def test_overview_shows_every_model_with_its_interval(compared):
    figure = compared.plot.overview()
    table = compared.figures()
    dots = [trace for trace in figure.data if trace.mode == "markers+text"]
    assert len(dots) == 5
    accuracy = table[table.figure == "Accuracy"].estimate
    np.testing.assert_allclose(dots[0].x, accuracy)
    assert compare(*three(), theme="dark").plot.overview().layout.paper_bgcolor == DARK.surface


def test_the_other_charts_have_a_trace_of_each_model(compared):
    for chart in (
        compared.plot.angles(),
        compared.plot.class_overlap(),
        compared.plot.calibration(),
    ):
        assert {"teacher", "KD", "mine"} <= {trace.name for trace in chart.data}


def test_a_report_is_one_file_without_a_link_to_the_app(compared, tmp_path):
    compared.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "120 test samples of the given predictions" in page
    assert "The same view in the app" not in page


def test_panels_of_a_grid_do_not_overlap():
    matrix = MatrixScene(np.eye(3), ["a", "b", "c"]).figure()
    panels = [Panel("one", "a note that is longer than its panel is wide " * 2, matrix)] * 3
    figure = grid_figure([*panels, Panel("dots", "", whisker_rows([]))], columns=2, width=600)
    x, y = [], []
    for k in ("", "2", "3", "4"):
        x.append(figure.layout[f"xaxis{k}"].domain)
        y.append(figure.layout[f"yaxis{k}"].domain)
    assert x[0] == x[2]
    assert x[0][1] < x[1][0]
    assert y[2][1] < y[0][0]
    bars = [trace.colorbar for trace in figure.data if trace.type == "heatmap"]
    for bar, domain, below in zip(bars, x, y, strict=False):
        assert bar.x == pytest.approx(sum(domain) / 2)
        assert bar.y == below[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"students": {"teacher": random_predictions()}}, "must have another name than 'teacher'"),
        (
            {"students": [np.zeros((2, 2))]},
            "student must be Predictions, got ndarray; make them with",
        ),
        ({"temperature": 0}, "`temperature` must be above 0, got 0."),
        ({"theme": "drak"}, "`theme` must be one of light, dark, got 'drak'"),
        ({"students": [random_predictions(c=4)]}, "student has 4 classes and teacher has 3"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(PredictionsError, match=re.escape(message)):
        compare(random_predictions(), **changes)


def test_samples_without_ids_must_be_as_many():
    teacher, student = (
        Predictions.from_arrays(logits=3 * np.eye(3)[np.arange(n) % 3]) for n in (9, 6)
    )
    with pytest.raises(
        PredictionsError, match=re.escape("(teacher 9, student 6) and no ids; pass `ids`")
    ):
        compare(teacher, student)


def test_figures_need_no_torch_plotly_or_streamlit():
    script = """
import sys, numpy as np
from bickd_core import Predictions
from bickd_viz import compare
P = np.random.default_rng(0).dirichlet(np.ones(3), 60)
compare(Predictions.from_arrays(probabilities=P)).figures()
print(sorted({"torch", "plotly", "streamlit", "umap"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_many_classes_are_shown_as_groups_without_pairs_of_a_class_with_itself():
    n, c = 420, 210
    labels = np.arange(n) % c
    logits = np.zeros((n, c), dtype=np.float32)
    logits[np.arange(n), labels] = 30.0  # each class has its own samples: every cosine is 0
    one = Predictions(
        logits=logits, class_names=[f"class {i}" for i in range(c)], ids=np.arange(n), labels=labels
    )
    comparison = compare(one, [one]).data.comparison
    first, *_ = report_charts.grams(comparison, Lens(1.0))
    drawn = first.figure().data[0].z
    assert len(drawn) < 41
    assert np.abs(drawn).max() < 1e-3


def test_a_class_that_one_model_never_predicts_has_no_difference():
    def gram(*empty: int) -> SimpleNamespace:
        mask = np.isin(np.arange(3), empty)
        return SimpleNamespace(gram=np.full((3, 3), 0.4 - 0.1 * len(empty)), empty=mask)

    difference = gram_difference(gram(1), gram())
    assert difference[1].tolist() == difference[:, 1].tolist() == [0, 0, 0]
    assert difference[0, 2] == pytest.approx(-0.1)
