"""A `Plot` for the browser and as a Plotly figure: the same marks, ranges, ticks and names."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from bickd_viz.charts.histogram import Sample, angles_plot, probability_plot
from bickd_viz.charts.plot import Plot
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.sharpness import Curve, sharpness_plot
from bickd_viz.charts.spectrum import spectrum_plot
from bickd_viz.theme import DARK, LIGHT, ModelStyle, legend_height

KD = ModelStyle("KD", "#E69F00", "diamond")
OURS = ModelStyle("BicKD", "#0072B2")
RNG = np.random.default_rng(0)
NAMES = [f"class {i}" for i in range(30)]
OVERLAPS = [(KD, RNG.random(30)), (OURS, RNG.random(30) / 2)]
LIMITS = [None, (OVERLAPS[1][1] - 0.01, OVERLAPS[1][1] + 0.02)]
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

PLOTS: dict[str, Plot] = {
    "ranking": ranking_plot(OVERLAPS, NAMES, top=8, order_by=1, limits=LIMITS),
    "bars": ranking_plot(OVERLAPS[:1], NAMES, top=8),
    "probabilities": probability_plot(SAMPLES),
    "angles": angles_plot(ANGLES),
    "spectrum": spectrum_plot(EIGEN),
    "few eigenvalues": spectrum_plot([(KD, RNG.random(9))]),
    "temperature": sharpness_plot(CURVES, x_title="T", rule=(2.0, "now"), log_x=True, log_y=True),
    "entropy": sharpness_plot(CURVES, x_title="H"),
}


def in_axis_units(values, axis) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return np.log10(values) if axis.type == "log" else values


@pytest.mark.parametrize("name", PLOTS)
def test_the_figure_has_the_values_notes_ranges_and_ticks_of_the_plot(name: str):
    plot = PLOTS[name]
    figure = plot.figure()
    traces = {trace.name: trace for trace in figure.data if trace.name is not None}
    assert list(traces) == [series.name for series in plot.series]
    axes = figure.layout.xaxis, figure.layout.yaxis
    for series in plot.series:
        trace = traces[series.name]
        np.testing.assert_allclose(series.x, in_axis_units(trace.x, axes[0]), atol=1e-6)
        np.testing.assert_allclose(series.y, in_axis_units(trace.y, axes[1]), atol=1e-6)
        assert trace.hovertext[: len(series.notes)] == tuple(
            note.replace("\n", "<br>") for note in series.notes
        )
        assert len(trace.hovertext) == len(series.x)
        if series.kind != "bars":
            assert trace.marker.symbol == series.symbol
    for drawn, axis in ((plot.x, axes[0]), (plot.y, axes[1])):
        np.testing.assert_allclose([drawn.low, drawn.high], axis.range, atol=1e-6)
        np.testing.assert_allclose(drawn.ticks, in_axis_units(axis.tickvals, axis), atol=1e-6)
        assert list(drawn.texts) == list(axis.ticktext)
        assert axis.showgrid is drawn.grid
    assert axes[0].title.text == plot.x.title
    texts = [note.text for note in figure.layout.annotations]
    for text in (plot.y.title, *(rule for *_, rule in plot.rules)):
        assert not text or text in texts
    for theme in (LIGHT, DARK):
        sent = plot.data(theme)
        assert json.loads(json.dumps(sent, allow_nan=False)) == sent


@pytest.mark.parametrize("name", PLOTS)
def test_the_names_of_all_models_are_in_the_figure(name: str):
    plot = PLOTS[name]
    figure = plot.figure()
    if plot.names == "ends":
        texts = [note.text for note in figure.layout.annotations]
        assert {series.name for series in plot.series} <= set(texts)
        assert figure.layout.height == plot.height
    elif plot.names:
        assert figure.layout.showlegend
        margin = figure.layout.margin
        room = margin.t if plot.names == "above" else margin.b
        assert room >= 12 + 22 + 10
        assert figure.layout.height - margin.t - margin.b >= plot.height - 70
    else:
        assert len(plot.series) == 1


def test_long_names_get_a_row_of_the_legend_each():
    assert legend_height([]) == 0
    assert legend_height(["KD", "CE"]) == 34
    assert legend_height(["KD", "BicKD (a run with a very long name)"]) == 56


def test_names_are_escaped_in_the_figure():
    risky = ModelStyle("<b>a</b>", "#000000")
    plot = ranking_plot([(risky, OVERLAPS[0][1]), OVERLAPS[1]], ["<i>c</i>", *NAMES[1:]], top=30)
    figure = plot.figure()
    shown = figure.to_json()
    assert "<i>c</i>" not in json.loads(shown)["layout"]["yaxis"]["ticktext"]
    assert "&lt;i&gt;c&lt;/i&gt;" in figure.layout.yaxis.ticktext
    assert any("&lt;i&gt;c" in note for note in figure.data[1].hovertext)
    assert figure.data[1].name == "&lt;b&gt;a&lt;/b&gt;"


def test_a_rankings_marks_carry_their_class_and_whiskers():
    plot = PLOTS["ranking"]
    order = np.argsort(-OVERLAPS[1][1], kind="stable")[:8]
    assert list(plot.series[1].ids) == order.tolist()
    assert plot.first == 1
    low, high = LIMITS[1]
    error = plot.figure().data[2].error_x
    np.testing.assert_allclose(error.array, (high - OVERLAPS[1][1])[order])
    np.testing.assert_allclose(error.arrayminus, (OVERLAPS[1][1] - low)[order])
    np.testing.assert_allclose(plot.series[1].whiskers, np.stack([low[order], high[order]], axis=1))
    for row, least, most in plot.spans:
        both = [values[order[int(row)]] for _, values in OVERLAPS]
        assert (least, most) == (min(both), max(both))


def test_where_a_model_stands_now_is_a_dot_of_its_own_in_the_axes_units():
    plot = PLOTS["temperature"]
    assert plot.series[0].now is not None
    np.testing.assert_allclose(plot.series[0].now[:2], np.log10([2.0, 0.2]))
    assert plot.series[1].now is None
    line, dot, _ = plot.figure().data
    assert (dot.x[0], dot.y[0]) == pytest.approx((2.0, 0.2))
    assert (dot.marker.symbol, dot.marker.color) == (KD.symbol, line.line.color)
    assert dot.hovertext == ("now: overlap 0.200",)
    assert plot.rules == [("x", np.log10(2.0), "now")]


EMPTY: dict[str, Callable[[], Plot]] = {
    "ranking of nothing": lambda: ranking_plot([(KD, np.full(3, np.nan)), (OURS, np.full(3, np.nan))], list("abc")),
    "no samples": lambda: probability_plot([]),
    "no angles": lambda: angles_plot([(KD, np.zeros(0))]),
    "no eigenvalues": lambda: spectrum_plot([(KD, np.full(2, np.nan))]),
    "no curves": lambda: sharpness_plot([], x_title="T", rule=(1.0, ""), log_x=True, log_y=True),
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
