"""Charts and sentences of class geometry."""

import numpy as np
import pytest

from bickd_viz import tables
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.sharpness import Curve, sharpness_plot
from bickd_viz.charts.training import Line
from bickd_viz.text import class_geometry as words
from bickd_viz.text.classes import isolated
from bickd_viz.theme import DARK, LIGHT, ModelStyle

KD, OURS = ModelStyle("KD", "#E69F00"), ModelStyle("BicKD", "#0072B2")


class Ends:
    def __init__(self, estimate, low=None, high=None):
        self.estimate, self.low, self.high = estimate, low, high


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("log_y", [False, True])
def test_a_curve_a_model_with_its_dot_and_the_mark(theme, log_y):
    x = np.array([0.5, 1.0, 4.0])
    curves = [
        Curve(KD, x, np.array([0.01, 0.1, 0.4]), ["a", "b", "c"], (4.0, 0.4)),
        Curve(OURS, x, np.array([np.nan, 0.05, 0.2]), ["a", "b", "c"]),
    ]
    plot = sharpness_plot(
        curves, x_title="temperature T", rule=(4.0, "now"), log_x=True, log_y=log_y
    )
    fig = plot.figure(theme)
    lines = [trace for trace in fig.data if trace.mode == "lines"]
    assert [trace.name for trace in lines] == ["KD", "BicKD"]
    assert lines[0].y.tolist() == pytest.approx([0.01, 0.1, 0.4])
    dots = [trace for trace in fig.data if trace.mode == "markers"]
    assert (dots[0].x[0], dots[0].y[0]) == (4.0, 0.4)
    assert fig.layout.yaxis.type == ("log" if log_y else None)
    low, high = fig.layout.yaxis.range
    assert low <= (np.log10(0.01) if log_y else 0)
    assert high >= (np.log10(0.4) if log_y else 0.4)
    assert "now" in [note.text for note in fig.layout.annotations]


def test_no_curve_and_a_single_point_still_draw():
    assert len(sharpness_plot([], x_title="T", log_y=True).figure().data) == 0
    nothing = Curve(KD, np.array([1.0]), np.array([np.nan]), [""])
    assert len(sharpness_plot([nothing], x_title="T").figure().data) == 0
    one = Curve(KD, np.array([1.0]), np.array([0.2]), [""])
    assert len(sharpness_plot([one], x_title="T", log_y=True).figure().data) == 1


def test_whiskers_of_a_ranking_are_the_limits():
    values = np.array([0.3, 0.1, 0.2])
    limits = (values - 0.05, values + 0.1)
    models = [(KD, values), (OURS, values / 2)]
    fig = ranking_plot(models, ["a", "b", "c"], limits=[limits, None]).figure()
    dots = [trace for trace in fig.data if trace.mode == "markers"]
    assert list(dots[0].customdata) == [0, 2, 1]
    assert list(dots[0].error_x.array) == pytest.approx([0.1, 0.1, 0.1])
    assert list(dots[0].error_x.arrayminus) == pytest.approx([0.05, 0.05, 0.05])
    assert dots[1].error_x.array is None
    assert fig.layout.xaxis.range[1] >= 0.4


def test_a_cell_is_told_by_who_carries_it():
    truly = ["crab"] * 3 + ["lobster"] * 2 + ["tick", "bass"]
    said = words.sentence_for_cell("KD", "crab", "lobster", carriers=7, n=1208, true_classes=truly)
    assert (
        said
        == "7 of 1,208 images account for 80% of it. Their true classes: 3 crab, 2 lobster, 1 bass,"
        " 1 of other classes."
    )
    numbered = words.sentence_for_cell(
        "KD", "3", "5", carriers=3, n=9, true_classes=["3", "3", "5"]
    )
    assert numbered.endswith("Their true classes: 2 of class 3, 1 of class 5.")
    assert words.sentence_for_cell(
        "KD", "a", "b", carriers=1, n=9, true_classes=None
    ) == "1 of 9 images accounts for 80% of it."  # fmt: skip
    centred = words.sentence_for_cell(
        "KD", "a", "b", carriers=2, n=9, true_classes=["a", "b"], added=0.57, subtracted=0.15
    )
    assert (
        centred
        == "2 of 9 images account for 80% of the 0.57 that images add to it. Their true classes: 1"
        " a, 1 b. Other images subtract 0.15."
    )
    nobody = words.sentence_for_cell("the teacher", "a", "b", carriers=0, n=9, true_classes=[])
    assert nobody == "In the teacher, no image gives probability to both a and b."


def test_names_from_right_to_left_are_isolated_from_the_figures_beside_them():
    cat, dog = "\u0642\u0637\u0629", "\u05db\u05dc\u05d1"
    assert (isolated(cat), isolated("crab")) == (f"\u2068{cat}\u2069", "crab")
    said = words.sentence_for_cell(
        "KD", cat, dog, carriers=5, n=9, true_classes=[cat] * 3 + [dog] * 2
    )
    assert said.endswith(f"3 {isolated(cat)}, 2 {isolated(dog)}.")
    hover = MatrixScene(np.eye(2), [cat, dog]).figure().data[0].hovertext[0][1]
    assert hover == f"<b>{isolated(cat)}</b> × <b>{isolated(dog)}</b>"


def test_figures_are_told_with_their_interval_or_without():
    assert words.figure_with_interval("overlap", None) == "overlap not available"
    assert words.figure_with_interval("overlap", Ends(0.139)) == "overlap 0.139"
    assert (
        words.figure_with_interval("overlap", Ends(0.139, 0.13, 0.148))
        == "overlap 0.139 [0.130, 0.148]"
    )


def test_spectrum_class_overlap_sharpness_and_epoch_sentences_follow_the_figures():
    assert (
        words.sentence_for_spectrum([("the teacher", 50.9, 95), ("KD", 36.0, 95)])
        == "Effective rank out of 95: the teacher 50.9, KD 36.0."
    )
    assert words.sentence_for_spectrum([]) == ""
    assert words.sentence_for_spectrum([("the teacher", 4.5, 5), ("KD", None, 0)]) == (
        "Effective rank: the teacher 4.50 of 5, KD not available."
    )
    assert words.sentence_for_spectrum([("the teacher", 4.5, 5), ("KD", 3.94, 4)]) == (
        "Effective rank: the teacher 4.50 of 5, KD 3.94 of 4."
    )
    assert (
        words.sentence_for_class_overlap("KD", "cannon", 0.184, (0.162, 0.207), 0.094)
        == "In KD, cannon overlaps most with the others: 0.184 [0.162, 0.207]. The median class has"
        " 0.094."
    )
    said = words.sentence_for_sharpness(
        [
            ("the teacher", 0.163, 0.163, 0.163),
            ("CE", 0.446, 0.222, 0.201),
            ("KD", 0.219, None, 0.17),
        ],
        temperature=4,
        entropy=3.54,
    )
    assert (
        said
        == "Overlap at T = 4: the teacher 0.163, CE 0.446, KD 0.219; at the teacher's mean entropy,"
        " 3.54 nats: the teacher 0.163, CE 0.222; with each image at the teacher's entropy for"
        " it: the teacher 0.163, CE 0.201, KD 0.170."
    )
    assert words.sentence_for_sharpness([], temperature=4, entropy=1.0) == ""
    assert words.epoch_title(12, images=190) == "After epoch 12 on 190 validation images"
    assert words.epoch_note(["CE"]) == "CE had ended by then and is shown at the last epoch."
    assert (
        words.epoch_note(["CE", "KD"])
        == "CE, KD had ended by then and are shown at the last epoch."
    )
    assert words.epoch_note([]) == ""


def test_a_gap_is_told_by_its_paired_interval():
    assert words.sentence_for_gap("BicKD", "KD", None) == ""
    assert words.sentence_for_gap("BicKD", "KD", Ends(-0.1)) == ""
    seen = words.sentence_for_gap("BicKD", "KD", Ends(-0.122, -0.129, -0.115))
    assert (
        seen == "Of these two models, BicKD keeps classes further apart than KD: overlap at one"
        " temperature −0.122 [−0.129, −0.115]."
    )
    assert "closer together" in words.sentence_for_gap("CE", "KD", Ends(0.2, 0.1, 0.3))
    none = words.sentence_for_gap("BicKD", "the teacher", Ends(0.003, -0.006, 0.012))
    assert none.startswith(
        "No difference in overlap at one temperature is seen between these two models, BicKD and"
        " the teacher: 0.003 [−0.006, 0.012]."
    )


def test_figures_over_epochs_are_one_long_table():
    line = Line(KD, [1, 2], [0.5, 0.4])
    found = tables.many_lines({"overlap": [line], "accuracy": [], "agreement": [line]})
    assert found.columns.tolist() == ["figure", "model", "epoch", "value"]
    assert found["figure"].tolist() == ["overlap", "overlap", "agreement", "agreement"]
    assert found["value"].tolist() == [0.5, 0.4, 0.5, 0.4]
    assert len(tables.many_lines({})) == 0
