"""Structure of every chart: what a click carries, what the hover says, what the axes hold."""

import json
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.probabilities import softmax
from bickd_viz.charts.histogram import Sample, angles_plot, probability_plot
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.spectrum import spectrum_plot
from bickd_viz.charts.training import Line, loss_terms, metric_lines
from bickd_viz.charts.whiskers import Row, value_axis, whisker_rows
from bickd_viz.scales import describe_ends, overlap_ends, text_width
from bickd_viz.text.numbers import fixed
from bickd_viz.theme import DARK, LIGHT, ModelStyle, model_styles

STYLES = model_styles([("teacher", "teacher"), ("KD", "kd"), ("BicKD", "bickd")])
EPOCHS = np.arange(1, 11)


def text_sizes(figure: go.Figure) -> list[float]:
    """Every font size named anywhere in the figure."""
    sizes = []

    def walk(node) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if (
                    key in ("font", "textfont", "tickfont")
                    and isinstance(value, dict)
                    and "size" in value
                ):
                    sizes.append(value["size"])
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json.loads(figure.to_json()))
    return sizes


def every_chart(theme):
    rng = np.random.default_rng(0)
    t, kd, bickd = model_styles([("teacher", "teacher"), ("KD", "kd"), ("BicKD", "bickd")], theme)
    class_overlap = rng.random(20)
    return {
        "whiskers": whisker_rows(
            [Row(t, 0.67, 0.64, 0.7), Row(kd, None)], fmt="percent", theme=theme
        ),
        "bars": ranking_plot([(kd, class_overlap)], [f"c{i}" for i in range(20)]).figure(theme),
        "dots": ranking_plot(
            [(kd, class_overlap), (t, class_overlap / 2)], [f"c{i}" for i in range(20)]
        ).figure(theme),
        "lines": metric_lines([Line(kd, EPOCHS, EPOCHS / 20.0)], "accuracy", "percent", theme),
        "losses": loss_terms({"ce": EPOCHS / 9, "kl": 1 / EPOCHS}, EPOCHS, theme),
        "probabilities": probability_plot([Sample("a", rng.random(50), kd.colour)]).figure(theme),
        "angles": angles_plot([(bickd, 90 * rng.random(50))]).figure(theme),
        "spectrum": spectrum_plot([(bickd, rng.random(10))]).figure(theme),
    }


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda t: t.name)
@pytest.mark.parametrize("name", list(every_chart(LIGHT)))
def test_every_chart_has_a_height_readable_text_and_a_clear_background(name, theme):
    figure = every_chart(theme)[name]
    assert figure.layout.height >= 60
    assert min(text_sizes(figure)) >= 12
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.font.color == theme.text
    assert "Source Sans" in figure.layout.font.family
    assert figure.layout.template.layout.to_plotly_json() == {}


def test_whiskers_stand_in_the_given_order_with_the_first_on_top():
    figure = whisker_rows([Row(STYLES[2], 0.2, 0.1, 0.3), Row(STYLES[0], 0.4, 0.35, 0.5)])
    axis = figure.layout.yaxis
    assert axis.ticktext == ("BicKD", "teacher")
    assert axis.range[0] > axis.range[1]  # downwards
    dots = figure.data[-1]
    assert list(dots.y) == [0, 1]
    assert list(dots.customdata) == [0, 1]
    assert list(dots.marker.color) == [STYLES[2].colour, STYLES[0].colour]


def test_whiskers_keep_all_ends_and_values_inside_the_axis():
    rows = [
        Row(STYLES[0], 0.139, 0.12, 0.14),
        Row(STYLES[1], 0.175, 0.161, 0.174),
    ]  # estimate outside its own interval
    figure = whisker_rows(rows, reference=0.3)
    low, high = figure.layout.xaxis.range
    assert low < 0.12
    assert high > 0.3
    assert list(figure.data[1].x) == [0.161, 0.174]
    assert list(figure.data[-1].text) == ["0.139", "0.175"]
    assert "0.161 to 0.174" in figure.data[-1].hovertext[1]


def test_a_missing_estimate_is_written_out():
    figure = whisker_rows([Row(STYLES[0], float("nan")), Row(STYLES[1], 0.5)])
    assert [a.text for a in figure.layout.annotations] == ["not available"]
    assert list(figure.data[-1].customdata) == [1]


def test_whiskers_with_no_spread_or_no_rows_still_have_an_axis():
    for rows in ([], [Row(STYLES[0], 0.0)], [Row(STYLES[0], 1.0), Row(STYLES[1], 1.0)]):
        low, high = whisker_rows(rows).layout.xaxis.range
        assert low < high


def test_the_dot_of_a_single_epoch_is_whole_on_the_axis():
    figure = metric_lines(
        [Line(STYLES[1], [1], [0.5]), Line(STYLES[2], [1, 2, 3], [0.4, 0.5, 0.6])], "accuracy"
    )
    assert figure.data[0].mode == "markers"
    assert figure.data[0].cliponaxis is False


@pytest.mark.parametrize(
    ("low", "high", "fmt"),
    [
        (0.79, 0.997, "percent"),
        (0.99992, 0.99994, "number"),
        (0.1, 0.6, "percent"),
        (0, 0.04, "number"),
    ],
)
@pytest.mark.parametrize("left", [50, 85, 110])
def test_the_ticks_of_a_narrow_card_keep_apart(low, high, fmt, left):
    axis = value_axis([Row(STYLES[0], low), Row(STYLES[1], high)], None, fmt, left)
    scale = max(170 - left, 60) / (axis.high - axis.low)
    ends = [
        (scale * t - text_width(s) / 2, scale * t + text_width(s) / 2)
        for t, s in zip(axis.ticks, axis.texts, strict=True)
    ]
    assert len(ends) >= 1
    assert all(before[1] < after[0] for before, after in pairwise(ends))


def test_whiskers_refuse_an_unknown_format():
    with pytest.raises(ValueError, match='"percent" or "number", got \'per cent\''):
        whisker_rows([], fmt="per cent")


def test_class_overlap_ranks_the_greatest_first_and_leaves_unpredicted_classes_out():
    class_overlap = np.array([0.1, np.nan, 0.5, 0.3])
    figure = ranking_plot([(STYLES[1], class_overlap)], ["a", "b", "c", "d"], top=2).figure()
    assert figure.layout.yaxis.ticktext == ("c", "d")
    assert list(figure.data[0].customdata) == [2, 3]
    assert figure.data[0].x.tolist() == pytest.approx([0.5, 0.3])
    assert list(figure.data[0].text) == ["0.500", "0.300"]
    assert figure.data[0].hovertext[0] == "c: overlap 0.500"


@pytest.mark.parametrize("values", [[-0.3, -0.01, -0.0001], [0.2, -0.1, -0.4], [0.5, 0.0, -0.01]])
def test_bars_below_0_are_inside_their_axis_which_includes_0(values):
    figure = ranking_plot([(STYLES[1], np.array(values))], ["a", "b", "c"]).figure()
    low, high = figure.layout.xaxis.range
    assert low < min(values) < max(values) < high
    assert low < 0 < high
    bars = figure.data[0]
    assert sorted(bars.x.tolist()) == pytest.approx(sorted(values))
    assert list(bars.text) == [fixed(value) for value in sorted(values, reverse=True)]
    assert not any("-" in text for text in (*bars.text, *bars.hovertext))


def test_axes_of_equal_values_have_a_length():
    figure = ranking_plot([(STYLES[1], np.zeros(3))], ["a", "b", "c"]).figure()
    low, high = figure.layout.xaxis.range
    assert (low, high) == (0.0, 0.01)
    rows = [Row(style, v) for style, v in zip(STYLES, (1e-9, 3e-8), strict=False)]
    axis = value_axis(rows, None, "number", 60)
    assert axis.texts == ["0"]
    assert axis.high - axis.low > 0.003


def test_class_overlap_of_several_models_is_ranked_by_the_one_named():
    first, second = np.array([0.1, 0.9, 0.5]), np.array([0.8, 0.1, np.nan])
    models = [(STYLES[1], first), (STYLES[2], second)]
    figure = ranking_plot(models, ["a", "b", "c"], order_by=1).figure()
    assert figure.layout.yaxis.ticktext == ("a", "b")
    assert [trace.name for trace in figure.data[1:]] == ["KD", "BicKD"]
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        ranking_plot([(STYLES[1], first[:2])], ["a", "b", "c"])


def test_lines_carry_their_names_at_their_ends_and_a_legend_where_they_do_not_fit():
    lines = [
        Line(s, EPOCHS, np.full(10, v)) for s, v in zip(STYLES, (0.67, 0.61, 0.612), strict=True)
    ]
    figure = metric_lines(lines, "accuracy", "percent")
    named = {a.text: a.y for a in figure.layout.annotations}
    assert set(named) == {"teacher", "KD", "BicKD", "accuracy"}
    assert not figure.layout.showlegend
    low, high = figure.layout.yaxis.range
    unit = (high - low) / (figure.layout.height - figure.layout.margin.t - figure.layout.margin.b)
    assert named["BicKD"] - named["KD"] >= 15.9 * unit
    assert metric_lines(lines * 5, height=120).layout.showlegend


def test_lines_survive_gaps_a_single_epoch_and_nothing_at_all():
    gap = metric_lines([Line(STYLES[1], [1, 2, 3], [0.1, np.nan, 0.3])])
    assert len(gap.data) == 1
    assert metric_lines([Line(STYLES[1], [1], [0.5])]).data[0].mode == "markers"
    assert len(metric_lines([Line(STYLES[1], [1], [np.nan])]).data) == 0
    assert loss_terms({}, []).layout.height > 0


def test_a_reference_is_named_and_lies_inside_the_axis():
    figure = metric_lines([Line(STYLES[1], EPOCHS, EPOCHS / 100)], reference=0.67)
    assert "teacher" in [a.text for a in figure.layout.annotations]
    assert figure.layout.yaxis.range[1] > 0.67


def test_loss_terms_stack_only_when_every_value_can_be_stacked():
    assert loss_terms({"ce": [1.0, 2.0], "kl": [3.0, 4.0]}, [1, 2]).data[0].stackgroup == "loss"
    assert loss_terms({"ce": [1.0, 2.0], "kl": [3.0, 4.0]}, [1, 2]).layout.yaxis.range[1] >= 6
    assert loss_terms({"ce": [1.0, -2.0]}, [1, 2]).data[0].stackgroup is None
    assert loss_terms({"ce": [1.0, np.nan]}, [1, 2]).data[0].stackgroup is None


def test_a_histogram_counts_every_finite_value_once():
    values = np.array([0.0, 0.1, 0.55, 1.0, np.nan])
    figure = probability_plot([Sample("a", values, "#0072B2")], bins=10).figure()
    assert list(figure.data[0].y[:-1]) == [1, 1, 0.5, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 1]
    assert figure.data[0].hovertext[1:3] == ("1 images, 0.10 to 0.20", "0 images, 0.20 to 0.30")


def test_angles_are_shares_and_drop_classes_without_an_angle():
    angles = np.array([[np.nan, 80.0], [85.0, np.nan]])
    figure = angles_plot([(STYLES[1], angles)], bins=4).figure()
    assert figure.data[0].y[:-1].sum() == pytest.approx(1.0)
    assert list(figure.layout.xaxis.range) == [80.0, 90.0]


def test_of_a_thousand_eigenvalues_a_line_keeps_the_largest_and_the_last():
    values = np.linspace(3.0, 0.1, 1000)
    (series,) = spectrum_plot([(STYLES[2], values)]).series
    assert len(series.x) == len(series.y) == len(series.notes) == 200
    assert list(series.x[:50]) == list(range(1, 51))
    assert series.notes[-1] == "0.1, eigenvalue 1000"


def test_a_spectrum_is_sorted_and_floors_zeros_for_the_log_axis():
    figure = spectrum_plot([(STYLES[2], np.array([0.0, 2.0, 1.0]))]).figure()
    assert list(figure.data[0].y) == pytest.approx([2.0, 1.0, 2e-4])
    assert figure.data[0].hovertext[0] == "2, eigenvalue 1"
    assert figure.data[0].hovertext[2] == "0, eigenvalue 3"


def test_colours_of_overlap_follow_the_data_where_the_usual_scale_would_be_one_block():
    rng = np.random.default_rng(0)
    usual = rng.uniform(0, 0.3, (40, 40))
    assert overlap_ends([usual]) == (0.0, 0.6)
    assert overlap_ends([usual[:10, :10]]) == (0.0, 1.0)
    high = rng.uniform(0.94, 0.95, (40, 40))
    np.fill_diagonal(high, 1.0)
    low, top = overlap_ends([high, high])
    assert 0.93 < low < 0.9405
    assert 0.9495 < top < 0.96
    assert "from 0.94 to 0.95" in describe_ends((low, top))
    assert describe_ends((0.0, 0.6)) == "The colour scale ends at 0.6"


def test_random_logits_are_told_apart():
    """10,000 x 100 random logits: cosines near one another, far above 0.6."""
    logits = np.random.default_rng(1).normal(size=(10_000, 100)).astype(np.float32)
    gram = class_geometry(softmax(logits, 4.0)).gram
    low, top = overlap_ends([gram])
    shown = gram[~np.eye(100, dtype=bool)]
    assert low > 0.6
    assert np.mean((shown > low) & (shown < top)) > 0.9
    assert np.ptp(np.quantile(shown, [0.1, 0.9])) > 0.1 * (top - low)


@pytest.mark.parametrize(
    "values", [(0.9996, 0.9997), (0.0123, 0.0124), (12.0, 12.5), (0.55, 0.95), (0.1, 0.1)]
)
def test_an_axis_of_values_has_two_ticks_at_least(values):
    look = ModelStyle("a model", "#000000")
    rows = [Row(look, value, value - 0.0001, value + 0.0001) for value in values]
    assert len(value_axis(rows, None, "number", 60).ticks) >= 2


@pytest.mark.parametrize(
    ("lowest", "bins", "first"),
    [
        (0.0, 45, "0° to 2°"),
        (60.0, 45, "60.0° to 60.7°"),
        (80.0, 45, "80.0° to 80.2°"),
        (80.0, 200, "80.00° to 80.05°"),
        (0.0, 50, "0.0° to 1.8°"),
    ],
)
def test_the_hover_of_angles_tells_the_ends_of_a_bin_apart(lowest, bins, first):
    plot = angles_plot([(STYLES[1], np.array([lowest, 90.0]))], bins=bins)
    assert plot.series[0].notes[0] == f"50.0% of pairs, {first}"
    ends = [note.split(", ")[1].split(" to ") for note in plot.series[0].notes]
    assert all(start != end for start, end in ends[:-1])
