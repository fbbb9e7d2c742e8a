"""The light canvas's charts say what their Plotly twins say: the same marks, range and words at the
ticks."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import pytest

from bickd_viz import DARK, LIGHT, ModelStyle
from bickd_viz.charts.bars import leakage_ranking, ranking_plot
from bickd_viz.charts.eigen import spectrum, spectrum_plot
from bickd_viz.charts.histogram import (
    Sample,
    angles,
    angles_plot,
    probability_histogram,
    probability_plot,
)
from bickd_viz.charts.plot import Plot
from bickd_viz.charts.sharpness import Curve, sharpness_curves, sharpness_plot

KD = ModelStyle("KD", "#E69F00", "diamond")
OURS = ModelStyle("BicKD", "#0072B2")
RNG = np.random.default_rng(0)
NAMES = [f"class {i}" for i in range(30)]
LEAKAGE = [(KD, RNG.random(30)), (OURS, RNG.random(30) / 2)]
LIMITS = [None, (LEAKAGE[1][1] - 0.01, LEAKAGE[1][1] + 0.02)]
SAMPLES = [
    Sample("crab", RNG.random(300) ** 4, "#D55E00"),
    Sample("lobster", RNG.random(300) ** 6, "#0072B2"),
]
ANGLES = [(KD, 60 + 30 * RNG.random(400)), (OURS, 70 + 20 * RNG.random(400))]
EIGEN = [(KD, RNG.random(30) ** 3), (OURS, RNG.random(30))]
T = np.array([0.5, 1.0, 2.0, 4.0])
CURVES = [
    Curve(KD, T, np.array([0.01, 0.05, 0.2, 0.4]), ["a"] * 4, (2.0, 0.2)),
    Curve(OURS, T, T / 20, ["b"] * 4),
]

TWINS: dict[str, tuple[Plot, go.Figure]] = {
    "ranking": (
        ranking_plot(LEAKAGE, NAMES, top=8, order_by=1, limits=LIMITS),
        leakage_ranking(LEAKAGE, NAMES, top=8, order_by=1, limits=LIMITS),
    ),
    "bars": (ranking_plot(LEAKAGE[:1], NAMES, top=8), leakage_ranking(LEAKAGE[:1], NAMES, top=8)),
    "probabilities": (probability_plot(SAMPLES), probability_histogram(SAMPLES)),
    "angles": (angles_plot(ANGLES), angles(ANGLES)),
    "spectrum": (spectrum_plot(EIGEN), spectrum(EIGEN)),
    "temperature": (
        sharpness_plot(CURVES, x_title="T", mark=2.0, log_x=True, log_y=True),
        sharpness_curves(CURVES, x_title="T", mark=2.0, log_x=True, log_y=True),
    ),
    "entropy": (sharpness_plot(CURVES, x_title="H"), sharpness_curves(CURVES, x_title="H")),
}  # fmt: skip


def in_axis_units(values, axis) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return np.log10(values) if axis.type == "log" else values


@pytest.mark.parametrize("name", TWINS)
def test_marks_range_and_ticks_are_those_of_the_plotly_twin(name: str):
    plot, figure = TWINS[name]
    traces = {t.name: t for t in figure.data if t.name is not None} or {
        plot.series[0].name: figure.data[0]
    }
    assert list(traces) == [
        series.name for series in plot.series
    ]  # bars are of one model, without a name
    axes = figure.layout.xaxis, figure.layout.yaxis
    for series in plot.series:
        trace = traces[series.name]
        np.testing.assert_allclose(series.x, in_axis_units(trace.x, axes[0]), atol=1e-6)
        np.testing.assert_allclose(series.y, in_axis_units(trace.y, axes[1]), atol=1e-6)
    for drawn, axis in ((plot.x, axes[0]), (plot.y, axes[1])):
        np.testing.assert_allclose([drawn.low, drawn.high], axis.range, atol=1e-6)
        if axis.tickvals is not None and axis.ticktext is not None:
            np.testing.assert_allclose(drawn.ticks, in_axis_units(axis.tickvals, axis), atol=1e-9)
            assert list(drawn.texts) == list(axis.ticktext)
    for theme in (LIGHT, DARK):
        sent = plot.data(theme)
        assert json.loads(json.dumps(sent, allow_nan=False)) == sent


def test_a_rankings_marks_carry_their_class_and_whiskers():
    plot, _ = TWINS["ranking"]
    order = np.argsort(-LEAKAGE[1][1], kind="stable")[:8]
    assert list(plot.series[1].ids) == order.tolist()
    assert plot.first == 1
    low, high = LIMITS[1]
    np.testing.assert_allclose(plot.series[1].whiskers, np.stack([low[order], high[order]], axis=1))
    for row, least, most in plot.spans:
        both = [values[order[int(row)]] for _, values in LEAKAGE]
        assert (least, most) == (min(both), max(both))


def test_where_a_model_stands_now_is_a_dot_of_its_own_in_the_axes_units():
    plot, _ = TWINS["temperature"]
    assert plot.series[0].now is not None
    np.testing.assert_allclose(plot.series[0].now[:2], np.log10([2.0, 0.2]))
    assert plot.series[1].now is None
    assert plot.rules == [("x", np.log10(2.0), "")]


EMPTY: dict[str, Callable[[], Plot]] = {
    "ranking of nothing": lambda: ranking_plot([(KD, np.full(3, np.nan)), (OURS, np.full(3, np.nan))], list("abc")),
    "no samples": lambda: probability_plot([]),
    "no angles": lambda: angles_plot([(KD, np.zeros(0))]),
    "no eigenvalues": lambda: spectrum_plot([(KD, np.full(2, np.nan))]),
    "no curves": lambda: sharpness_plot([], x_title="T", mark=1.0, log_x=True, log_y=True),
    "a gap": lambda: sharpness_plot([Curve(KD, T, np.array([0.0, 0.1, np.nan, 0.2]), [""] * 4)], x_title="T", log_y=True),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_charts_of_nothing_can_be_sent(name: str):
    sent = EMPTY[name]().data(LIGHT)
    json.dumps(sent, allow_nan=False)
    assert all(None not in (sent[axis]["low"], sent[axis]["high"]) for axis in ("x", "y"))  # type: ignore[index]


def test_names_that_do_not_fit_at_the_ends_become_a_legend():
    many = [(ModelStyle(f"model {i}", "#000000"), RNG.random(5)) for i in range(30)]
    assert spectrum_plot(many).data(LIGHT)["names"] == "below"
    assert spectrum_plot(many[:2]).data(LIGHT)["names"] == "ends"
