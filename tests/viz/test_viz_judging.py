"""Reliability, paired bars, who is right: what they draw, and the sentences beside them."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.disagreement import outcomes
from bickd_viz import tables
from bickd_viz.charts.outcomes import outcome_names, who_is_right, who_is_right_html
from bickd_viz.charts.paired import paired_bars, paired_html, top_classes
from bickd_viz.charts.reliability import bin_from_code, reliability_diagram
from bickd_viz.contrast import contrast, rgb
from bickd_viz.text import calibration as words
from bickd_viz.text import numbers
from bickd_viz.text.similarity import layer_differences
from bickd_viz.theme import DARK, LIGHT, THEMES, model_styles

TEACHER, KD, BICKD = model_styles([("teacher", "teacher"), ("KD", "kd"), ("BicKD", "bickd")])
NAMES = ("crab", "lobster", "<ant>", "sea horse", "a very long name of a class")


def bins(counts=(0, 20, 50, 30)):
    counts = np.array(counts)
    return SimpleNamespace(
        edges=np.linspace(0, 1, len(counts) + 1),
        counts=counts,
        confidence=np.where(counts, (np.arange(len(counts)) + 0.6) / len(counts), 0.0),
        accuracy=np.where(counts, 0.5, 0.0),
        low=np.where(counts, 0.3, np.nan),
        high=np.where(counts, 0.7, np.nan),
    )


def difference(estimate, low, high):
    return SimpleNamespace(estimate=estimate, low=low, high=high)


def lines(figure: go.Figure) -> list:
    return [trace for trace in figure.data if trace.mode == "lines+markers"]


def test_a_point_of_the_reliability_diagram_names_its_model_and_bin():
    figure = reliability_diagram([(TEACHER, bins()), (KD, bins((1, 0, 0, 9)))])
    first, second = lines(figure)
    assert [bin_from_code(code) for code in first.customdata] == [(0, 1), (0, 2), (0, 3)]
    assert [bin_from_code(code) for code in second.customdata] == [(1, 3)]
    (rare,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert [bin_from_code(code) for code in rare.customdata] == [(1, 0)], (
        "one image: a point without a line"
    )
    assert rare.marker.color == LIGHT.surface
    assert "accuracy 50.0% (30.0% to 70.0%) on 50" in first.hovertext[1]
    assert "confidence 50% to 75%" in first.hovertext[1]


def test_bands_are_drawn_for_two_models_or_for_the_one_in_focus():
    def bands(figure):
        return [trace for trace in figure.data if trace.fill == "toself"]

    assert len(bands(reliability_diagram([(TEACHER, bins()), (KD, bins())]))) == 2
    assert len(bands(reliability_diagram([(TEACHER, bins()), (KD, bins()), (BICKD, bins())]))) == 0
    (band,) = bands(
        reliability_diagram([(TEACHER, bins()), (KD, bins()), (BICKD, bins())], focus=1)
    )
    assert list(band.y) == [0.3] * 3 + [0.7] * 3


def test_the_strip_counts_every_bin_and_the_selected_point_is_outlined():
    figure = reliability_diagram([(TEACHER, bins())], selected=(0, 2))
    (strip,) = [trace for trace in figure.data if trace.yaxis == "y2"]
    assert list(strip.y) == [0, 20, 50, 30, 30]
    assert list(lines(figure)[0].marker.line.width) == [1, 3, 1]


def test_the_table_of_a_reliability_diagram_holds_every_bin():
    table = tables.reliability_table([(TEACHER, bins()), (KD, bins((1, 0, 0, 9)))])
    assert table["samples"].tolist() == [0, 20, 50, 30, 1, 0, 0, 9]
    assert table["from_confidence"].tolist() == [0, 0.25, 0.5, 0.75] * 2
    assert table["accuracy"].isna().tolist() == (table["samples"] == 0).tolist()
    assert table["high"].dropna().tolist() == [0.7] * 5


def test_bins_without_any_sample_leave_an_empty_chart():
    figure = reliability_diagram([(TEACHER, bins((0, 0)))])
    assert len(lines(figure)[0].x) == 0


def test_top_classes_are_each_models_first_ones_and_the_true_one():
    rows = [np.array([0.6, 0.3, 0.1, 0.0, 0.0]), np.array([0.0, 0.1, 0.2, 0.7, 0.0])]
    assert top_classes(rows, top=1) == [3, 0]
    assert top_classes(rows, top=2) == [3, 0, 1, 2]
    assert top_classes(rows, top=2, most=2) == [3, 0]
    assert top_classes(rows, top=1, true_class=4) == [3, 0, 4]
    assert top_classes(rows, top=1, most=2, true_class=4) == [3, 4]
    assert top_classes(rows[:1], top=9) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_paired_bars_have_a_bar_a_model_in_one_order(theme):
    rows = [np.array([0.6, 0.3, 0.1, 0.0, 0.0]), np.array([0.001, 0.099, 0.2, 0.7, 0.0])]
    figure = paired_bars(
        [(TEACHER, rows[0]), (KD, rows[1])], NAMES, top=2, true_class=1, theme=theme
    )
    assert [trace.name for trace in figure.data] == ["teacher", "KD"]
    assert figure.layout.yaxis.ticktext == ("sea horse", "crab", "<b>✓ lobster</b>", "&lt;ant&gt;")
    assert list(figure.data[1].x) == [0.7, 0.001, 0.099, 0.2]
    assert list(figure.data[1].text) == ["70%", "<1%", "10%", "20%"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_paired_html_escapes_and_marks_the_true_class():
    rows = [np.array([0.6, 0.3, 0.1, 0.0, 0.0]), np.array([0.0, 0.1, 0.7, 0.2, 0.0])]
    html = paired_html([(TEACHER, rows[0]), (KD, rows[1])], NAMES, top=1, true_class=0)
    assert "&lt;ant&gt;" in html
    assert "<ant>" not in html
    assert "✓ crab" in html
    assert html.count("bkp-bar") == 4
    assert f"background:{KD.colour}" in html
    assert "bkp-legend" not in html


def test_paired_html_of_one_sample_names_its_models():
    odd = replace(KD, name="<b>")
    html = paired_html([(TEACHER, np.eye(5)[0]), (odd, np.eye(5)[1])], NAMES, legend=True)
    assert html.count('<span><i style="background:') == 2
    assert "teacher</span>" in html
    assert "&lt;b&gt;</span>" in html
    assert "<b>" not in html


def test_who_is_right_as_html_has_the_same_parts():
    counts = {"both": 60, "first": 32, "second": 3, "neither": 5}
    html = who_is_right_html(counts, replace(TEACHER, name="<b>"), KD, selected="first")
    assert [f"flex:{n} 0 0" in html for n in counts.values()] == [True] * 4
    assert ["60%<" in html, "32%<" in html, "3%<" in html] == [True, True, False]
    assert "only &lt;b&gt; right: 32 of 100, 32.0%" in html
    assert html.count("box-shadow") == 1


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_a_share_on_a_bar_has_the_colour_that_is_read_best(theme):
    counts = {"both": 25, "first": 25, "second": 25, "neither": 25}
    looks = model_styles([(name, name) for name, _ in theme.models], theme)
    for look in looks:
        bar = who_is_right(counts, look, looks[0], theme=theme).data[1]
        chosen, others = bar.textfont.color, {theme.text, theme.surface}
        assert contrast(rgb(chosen), rgb(look.colour)) == max(
            contrast(rgb(other), rgb(look.colour)) for other in others
        )
        html = who_is_right_html(counts, look, looks[0], theme=theme)
        assert f"background:{look.colour};color:{chosen}" in html


def test_who_is_right_is_one_bar_over_all_samples():
    counts = {"both": 60, "first": 20, "second": 3, "neither": 17}
    figure = who_is_right(counts, TEACHER, KD, selected="first")
    assert [trace.customdata[0] for trace in figure.data] == list(counts)
    assert [trace.x[0] for trace in figure.data] == list(counts.values())
    assert [trace.text[0] for trace in figure.data] == ["60%", "20%", "3%", "17%"]
    assert [trace.marker.line.width for trace in figure.data] == [1, 3, 1, 1]
    assert list(figure.layout.xaxis.range) == [0, 100]
    assert outcome_names("a", "b")["second"] == "only b right"


def test_the_title_of_who_is_right_follows_mcnemar():
    assert (
        words.outcome_title("KD", "the teacher", 64, 125, 1e-5)
        == "Of these two models, KD is right less often than the teacher"
    )
    assert (
        words.outcome_title("KD", "CE", 125, 64, 1e-5)
        == "Of these two models, KD is right more often than CE"
    )
    assert (
        words.outcome_title("KD", "CE", 64, 66, 0.9)
        == "No difference seen in how often these two models, KD and CE, are right"
    )
    assert (
        words.outcome_note("KD", "the teacher", 64, 125)
        == "Only KD is right on 64 images, only the teacher on 125."
    )
    assert words.outcome_title("KD", "CE", 0, 0, 1.0) == "KD and CE are right on the same images"
    assert words.outcome_title("KD", "CE", 0, 0, 1.0, "text").endswith("on the same texts")


def test_mcnemars_sentence_says_n_p_and_the_finding():
    seen = words.mcnemar_sentence("KD", "CE", 2, 12, 0.0129, 0.0074)
    assert seen.startswith("On 14 images, exactly one of the two is right (2 to 12).")
    assert words.mcnemar_sentence("KD", "CE", 1, 0, 1.0, 0.5, "text").startswith("On 1 text, ")
    assert (
        "test: p = 0.013 (mid-p: p = 0.0074), so a difference between these two models is seen."
        in seen
    )
    assert words.mcnemar_sentence("KD", "CE", 5, 6, 1.0, 0.77).endswith(
        "no difference is seen between these two models."
    )
    assert "cannot be used here" in words.mcnemar_sentence("KD", "CE", 0, 0, 1.0, 1.0)
    assert words.p_text(1e-9) == "p < 0.0001"
    assert (words.p_text(0.0042), words.p_text(0.43), words.p_text(1.0)) == (
        "p = 0.0042",
        "p = 0.43",
        "p = 1",
    )


@pytest.mark.parametrize(
    ("p", "text"), [(0.0498, "0.0498"), (0.04999, "0.04999"), (0.0502, "0.0502"), (0.05, "0.05")]
)
def test_a_p_value_shows_its_side_of_5_percent(p, text):
    assert words.p_text(p) == f"p = {text}"


def test_classes_are_read_beside_what_chance_gives():
    assert words.classes_sentence(2, 3, 95, "KD", "CE").startswith(
        "Of these two models, KD is clearly better than CE on 2 of 95 classes and clearly worse on"
        " 3."
    )
    assert "so read single classes with care" in words.classes_sentence(2, 3, 95, "KD", "CE")
    assert "care" not in words.classes_sentence(2, 30, 95, "KD", "CE")
    assert "Fewer than one such difference is expected by chance." in words.classes_sentence(
        2, 1, 10, "KD", "CE"
    )
    assert (
        words.classes_sentence(0, 0, 95, "KD", "CE")
        == "None of 95 classes differs clearly between these two models, KD and CE."
    )


def test_sureness_needs_an_interval_clear_of_zero():
    assert (
        words.sureness_title("the teacher", difference(0.1, 0.05, 0.15), 0.8, 0.7)
        == "The teacher is overconfident: mean confidence 80.0%, accuracy 70.0%"
    )
    assert "underconfident" in words.sureness_title("KD", difference(-0.1, -0.2, -0.01), 0.6, 0.7)
    assert (
        "No difference seen between mean confidence (71.0%) and accuracy (70.0%) of KD"
        in words.sureness_title("KD", difference(0.01, -0.02, 0.03), 0.71, 0.7)
    )


def test_a_gap_says_which_way_is_better_or_that_none_is_seen():
    assert "KD is lower (better) than CE" in words.gap_sentence(
        "NLL", "KD", "CE", difference(-1, -2, -0.5)
    )
    assert "higher (worse)" in words.gap_sentence("NLL", "KD", "CE", difference(1, 0.5, 2))
    assert "no difference seen" in words.gap_sentence("NLL", "KD", "CE", difference(1, -0.5, 2))
    said = words.gap_sentence("ECE", "KD", "CE", difference(0.012, 0.004, 0.02), fmt="percent")
    assert said.endswith("(+1.2 points, +0.4 to +2.0 points).")


def test_without_limits_nothing_is_seen_and_nothing_is_denied():
    few = difference(0.3, None, None)
    sentences = (
        words.gap_sentence("ECE", "KD", "CE", few, fmt="percent"),
        words.gap_sentence("NLL", "KD", "CE", few),
        words.sureness_title("KD", few, 0.71, 0.7),
        numbers.comparison_sentence("Accuracy", "KD", "CE", (0.6, 0.5), few),
        layer_differences("KD", "CE", [("stage 1", few)]),
    )
    assert not any("seen" in sentence for sentence in sentences)
    assert "too few images for an interval" in sentences[0]


def test_the_temperatures_sentence_names_the_split_it_was_fitted_on():
    T = difference(2.14, 2.0, 2.28)
    said = words.temperature_sentence(
        "KD", T, split="validation", n=502, shown="test", reached=True
    )
    assert (
        said
        == "KD: best temperature 2.14 [2.00, 2.28], fitted on 502 validation images and evaluated"
        " on test."
    )
    few = words.temperature_sentence(
        "KD", difference(2.14, None, None), split="validation", n=9, shown="test", reached=True
    )
    assert few.startswith("KD: best temperature 2.14, fitted on 9 validation images")
    same = words.temperature_sentence(
        "KD", T, split="validation", n=502, shown="validation", reached=True
    )
    assert "too optimistic" in same
    assert "no best temperature" in words.temperature_sentence(
        "KD", T, split="validation", n=502, shown="test", reached=False
    )


def test_a_samples_title_groups_the_models_by_what_they_say():
    said = [("the teacher", "crab"), ("KD", "lobster"), ("BicKD", "crab")]
    assert (
        words.sample_title("ant", said)
        == "ant: the teacher and BicKD predict crab, KD predicts lobster"
    )
    assert (
        words.sample_title("crab", [(m, "crab") for m, _ in said])
        == "crab: every model predicts crab"
    )
    assert words.sample_title(None, said[:1]) == "The teacher predicts crab"


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=25
    )
)
@settings(max_examples=200)
def test_title_interval_and_mcnemar_say_the_same_of_small_sets(rows):
    first, second, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = outcomes(first, second, labels)
    title = words.outcome_title("A", "B", found.first, found.second, found.p_value)
    interval = numbers.comparison_sentence("Accuracy", "A", "B", found.accuracies, found.difference)
    test = words.mcnemar_sentence("A", "B", found.first, found.second, found.p_value, found.mid_p)
    seen = found.p_value < 0.05
    assert bool(re.search("no difference (is )?seen", interval, re.I)) != seen
    if found.first + found.second:
        assert bool(re.search("no difference (is )?seen", test)) != seen
        assert bool(re.search("no difference (is )?seen", title, re.I)) != seen
    if seen:
        assert ("higher" in interval) == ("more often" in title)


def test_ends_in_points_are_not_rounded_to_0_if_the_interval_excludes_it():
    near = difference(0.024, 0.0004, 0.0476)
    said = words.gap_sentence("ECE", "KD", "CE", near, fmt="percent")
    assert said.endswith("(+2.40 points, +0.04 to +4.76 points).")
    assert words.error_note(near, near).endswith("accuracy: +2.40 points (+0.04 to +4.76 points).")
    assert words.error_note(near, difference(0.3, None, None)).endswith("accuracy: +30.0 points.")
