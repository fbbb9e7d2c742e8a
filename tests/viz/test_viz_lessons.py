"""The lessons' charts and sentences."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

from bickd_viz.charts.class_vectors import class_vectors
from bickd_viz.charts.pulls import pull_matrix
from bickd_viz.charts.sharpness import Curve, sharpness_plot, with_point, zoom_to_dots
from bickd_viz.charts.soft_targets import soft_targets
from bickd_viz.export.paper import enlarged
from bickd_viz.text import lessons
from bickd_viz.theme import DARK, LIGHT, ModelStyle


def test_bars_hold_all_probability_and_mark_the_true_class():
    p = np.array([0.1, 0.5, 0.02, 0.3, 0.08])
    fig = soft_targets(p, list("abcde"), top=3, truth=3, colour="#D55E00")
    bars = fig.data[0]
    assert list(bars.x) == pytest.approx([0.5, 0.3, 0.1, 0.1])
    assert sum(bars.x) == pytest.approx(1.0)
    assert list(fig.layout.yaxis.ticktext) == ["b", "d", "a", "2 others"]
    assert bars.marker.color[1] == "#D55E00"
    assert bars.marker.color[0] != "#D55E00"


def test_bars_of_few_classes_have_no_others():
    assert len(soft_targets(np.array([0.2, 0.8]), ["a", "b"]).data[0].x) == 2
    five = soft_targets(np.full(5, 0.2), list("abcde"), top=4)
    assert five.layout.yaxis.ticktext[-1] == "1 other"
    with pytest.raises(ValueError, match="shape"):
        soft_targets(np.zeros(3), ["a", "b"])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize(("cosine", "degrees"), [(1.0, "0°"), (0.5, "60°"), (0.0, "90°")])
def test_the_angle_between_the_arrows_is_that_of_the_cosine(cosine, degrees, theme):
    fig = class_vectors(
        cosine, ("crab", "lobster"), colour="#0072B2", reference=("teacher", 0.7), theme=theme
    )
    assert degrees in [note.text for note in fig.layout.annotations]
    arms = [t for t in fig.data if t.mode == "lines" and t.line.width == 4]
    first, second = (np.array([t.x[1], t.y[1]]) for t in arms)
    assert first @ second / (np.linalg.norm(first) * np.linalg.norm(second)) == pytest.approx(
        cosine
    )


def test_pulls_are_drawn_with_their_sign_and_the_true_class():
    fig = pull_matrix(
        np.array([[0.2, -0.1, 0.0], [0.0, 0.1, -0.3]]), ["a", "b"], ["x", "y", "z"], largest=0.3, truths=[0, None]
    )  # fmt: skip
    assert fig.data[0].z[0, 0] == pytest.approx(0.2)
    assert (fig.data[0].zmin, fig.data[0].zmax) == (-0.3, 0.3)
    assert (list(fig.data[1].x), list(fig.data[1].y)) == ([0], [0])
    with pytest.raises(ValueError, match="like its names"):
        pull_matrix(np.zeros((2, 2)), ["a"], ["x", "y"], largest=1)


def test_an_enlarged_figure_keeps_its_place():
    fig = go.Figure(
        go.Scatter(x=[1], y=[2], marker_size=10, line_width=2),
        layout=dict(height=300, font_size=12),
    )
    fig.update_layout(margin=dict(l=10))
    twice = enlarged(fig, 2.0)
    assert (twice.layout.height, twice.layout.font.size, twice.layout.margin.l) == (300, 24, 20)
    assert (twice.data[0].marker.size, twice.data[0].line.width) == (20, 4)
    assert fig.layout.font.size == 12
    with pytest.raises(ValueError, match="factor must be above 0"):
        enlarged(fig, 0)


def words(truth: str, first: str) -> str:
    return lessons.sentence_for_temperature(
        truth=truth, first=first, probability=0.24, entropy=0.69, overlap=0.163, temperature=4, n=1208, split="test"
    )  # fmt: skip


def test_the_teacher_is_right_wrong_or_not_judged():
    assert words("pizza", "brain").startswith(
        "The teacher predicts brain, but the true class is pizza. At T = 4, brain has a probability"
        " of 24%"
    )
    assert words("pizza", "pizza").startswith("The teacher predicts pizza, which is right.")
    assert words("", "pizza").startswith("The teacher predicts pizza. At T = 4")
    assert "Over all 1,208 test images, the overlap of the classes is 0.163." in words(
        "pizza", "pizza"
    )


def interval(estimate, low, high):
    return SimpleNamespace(estimate=estimate, low=low, high=high)


def test_what_each_rule_of_matching_leaves_of_a_gap_is_said_and_nothing_where_none_is_seen():
    say = partial(lessons.sentence_for_matching, temperature=4, n=1208, split="test")

    def mean(both, difference):
        return say("BicKD", "KD", (0.1, 0.2), [("at matched mean entropy", both, difference)])

    two = [
        ("at matched mean entropy", (0.17, 0.2), interval(-0.03, -0.04, -0.02)),
        ("matched per image", (0.18, 0.188), interval(-0.008, -0.01, -0.006)),
    ]
    assert (
        say("BicKD", "KD", (0.1, 0.2), two)
        == "Overlap on 1,208 test images at T = 4: BicKD 0.100, KD 0.200. At matched mean entropy:"
        " 0.170 and 0.200 (30% of the gap is left). Matched per image: 0.180 and 0.188 (8% of"
        " the gap is left)."
    )
    assert "(no difference seen)" in mean((0.19, 0.2), interval(-0.01, -0.03, 0.01))
    assert "(the gap changes its sign)" in mean((0.25, 0.2), interval(0.05, 0.04, 0.06))
    assert "At matched mean entropy: not available for one of them." in mean(None, None)


def test_the_cost_names_what_goes_against_a_model():
    text = lessons.sentence_for_cost(
        "BicKD", "KD", interval(-0.01, -0.03, 0.01), (0.27, 0.17), (0.219, 0.17)
    )
    assert "no difference seen in accuracy, −1.0 points [−3.0, +1.0]" in text
    assert "0.270 against 0.170 nats" in text
    assert "21.9% against 17.0%" in text
    rounded = interval(-0.0001, -0.03, 0.0296)
    none = lessons.sentence_for_cost("BicKD", "KD", rounded, None, None)
    assert "no difference seen in accuracy, 0.0 points [−3.0, +3.0]" in none
    alone = interval(0.02, None, None)
    assert lessons.sentence_for_cost("BicKD", "KD", alone, None, None) == ""
    assert lessons.sentence_for_cost("BicKD", "KD", None, None, None) == ""
    small = lessons.sentence_for_cost(
        "BicKD", "KD", None, None, None, interval(-0.03, -0.04, -0.02)
    )
    assert (
        small
        == "BicKD compared with KD, one run each, so this is about these two models and not about their methods: overlap matched per image −0.030 [−0.040,"
        " −0.020]."
    )


@pytest.mark.parametrize(
    ("cosine", "said"),
    [
        (0.95, "nearly the same direction"),
        (0.7, "partly"),
        (0.1, "little relation"),
        (-0.5, "against"),
    ],
)
def test_directions_in_words(cosine, said):
    same = {("kd", "dist"): 0.7, ("kd", "bickd"): cosine}
    text = lessons.sentence_for_pulls(
        same, {"kd": 0.38, "dist": 0.43, "bickd": 0.38}, 0.41, n=64, split="test"
    )
    assert said in text.split("KD (cosine")[0]
    assert "get 38% of KD's pull, 43% of DIST's and 38% of BicKD's" in text


def test_the_sentence_is_about_the_part_of_bickd_that_is_shown():
    same = {("kd", "dist"): 0.7, ("kd", "bickd"): 0.9, ("kd", "sample"): 0.2, ("kd", "class"): -0.4}
    shares = {"kd": 0.38, "dist": 0.43, "bickd": 0.38, "sample": 0.11, "class": 0.22}
    rows, columns = (
        lessons.sentence_for_pulls(same, shares, 0.4, part=part, n=64, split="test")
        for part in ("sample", "class")
    )
    assert (
        "BicKD's row contrast pulls in a direction with little relation to KD (cosine 0.20)" in rows
    )
    assert rows.count("11% of the row contrast's") == 1
    assert "BicKD's column contrast pulls against KD (cosine −0.40)" in columns
    assert "22% of the column contrast's" in columns


def test_seeds_in_words():
    text = lessons.sentence_for_seeds(
        n=270, displacement=0.182, neighbours=15, trust=[0.978, 0.98], pair=("ketch", "Leopards"), distances=[0.3, 0.97]
    )  # fmt: skip
    assert "0.182 map widths" in text
    assert "ketch and Leopards are 0.300 widths apart with one seed and 0.970 with another" in text


def test_a_zoomed_chart_shows_the_surroundings_of_the_dots():
    look = ModelStyle("a", "#000000")
    curves = [
        Curve(look, [0.5, 2.0, 4.5], [0.0, 0.1, 0.8], ["", "", ""], (3.5, 0.165)),
        Curve(look, [0.5, 2.0, 4.5], [0.0, 0.1, 0.9], ["", "", ""], (3.5, 0.205)),
    ]
    plot = sharpness_plot(curves, x_title="x")
    whole, near = plot.figure().layout, zoom_to_dots(plot).figure().layout
    assert whole.yaxis.range[1] - whole.yaxis.range[0] > 0.8
    assert near.yaxis.range == pytest.approx((0.149, 0.221))
    assert near.xaxis.range == pytest.approx((3.5 - 4 / 24, 3.5 + 4 / 24))
    at_the_end = [0.1 + rise * (3.5 + 4 / 24 - 2) / 2.5 for rise in (0.7, 0.8)]
    assert [end.y for end in zoom_to_dots(plot).ends] == pytest.approx(at_the_end)


def test_a_chart_with_one_dot_is_not_zoomed():
    curve = Curve(ModelStyle("a", "#000000"), [0.5, 2.0], [0.0, 0.1], ["", ""], (1.0, 0.05))
    plot = sharpness_plot([curve], x_title="x")
    assert zoom_to_dots(plot) is plot


def test_a_curve_takes_a_point_between_two_temperatures():
    curve = Curve(ModelStyle("a", "#000000"), [1.0, 3.0], [0.0, 1.0], ["T = 1", "T = 2"])
    found = with_point(curve, 2.0, 0.2)
    assert (list(found.x), list(found.y)) == ([1.0, 2.0, 3.0], [0.0, 0.2, 1.0])
    assert found.note == ["T = 1", "at the teacher's mean entropy", "T = 2"]
