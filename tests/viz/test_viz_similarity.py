"""The heat map of layers, and the sentences on similarity: each says what the figures say, and no
more."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

from bickd_viz.charts.layers import LayerScene
from bickd_viz.contrast import rgb
from bickd_viz.tables import layers_table
from bickd_viz.text import similarity as words
from bickd_viz.theme import DARK, LIGHT

ROWS, COLUMNS = ("stem", "stage 1", "logits"), ("stem", "stage 1", "stage 2", "logits")


@dataclass
class Ends:
    estimate: float
    low: float | None
    high: float | None


def some_values():
    return np.array([[0.9, 0.3, 0.2, 0.1], [0.4, 0.5, 0.7, 0.2], [0.1, np.nan, 0.3, 0.8]])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_heat_map_shows_every_value_and_outlines_the_best_of_each_row(theme):
    values = some_values()
    hover = [[f"{i}{j}" for j in range(4)] for i in range(3)]
    fig = LayerScene(values, ROWS, COLUMNS, hover).figure(theme)
    heat = fig.data[0]
    np.testing.assert_allclose(np.asarray(heat.z, dtype=float), values, atol=1e-6)
    assert (heat.zmin, heat.zmax) == (0.0, 1.0)
    assert heat.hovertext[1][2] == "<b>stage 1</b> of the teacher × <b>stage 2</b><br>12"
    written = {
        (y, x): words
        for x, y, words in zip(fig.data[1].x, fig.data[1].y, fig.data[1].text, strict=True)
    }
    assert written[(1, 2)] == "0.70"
    assert len(written) == 11
    assert (2, 1) not in written
    assert [(s.x0 + s.x1) / 2 for s in fig.layout.shapes] == [0, 2, 3]
    assert fig.data[1].textfont.size >= 12
    assert tuple(fig.layout.yaxis.range) == (2.5, -0.5)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_table_of_the_page_has_the_cells_of_the_heat_map(theme):
    values = some_values()
    hover = [[f"{i}<{j}" for j in range(4)] for i in range(3)]
    scene = LayerScene(values, ROWS, COLUMNS, hover, "KD's layers", "<b>")
    html, fig = scene.html(theme), scene.figure(theme)
    assert fig.data[0].hovertext[1][2].endswith("<br>1&lt;2")
    cells = re.findall(r'<td title="([^"]*)"(?: style="([^"]*)")?>([^<]*)</td>', html)
    assert [words for *_, words in cells if words] == list(fig.data[1].text)
    inks = [re.search(r";color:([^;]+)", look)[1] for _, look, words in cells if words]
    assert inks == list(fig.data[1].textfont.color)
    outlined = [k for k, (_, look, _) in enumerate(cells) if "outline" in look]
    assert outlined == [0, 4 + 2, 8 + 3]
    assert cells[6][0] == "stage 1 of the teacher × stage 2: 1&lt;2"
    assert (cells[9][1], cells[9][2], "<b>" in html) == ("", "", False)
    first = re.search(r"background:(#\w{6});", cells[8][1])[1]
    gaps = np.subtract(rgb(first), rgb(theme.sequential[0][1]))
    assert np.abs(gaps).max() < 40 / 255  # 0.1 lies near the scale's low end


def test_ink_changes_with_the_cell():
    for theme in (LIGHT, DARK):
        scene = LayerScene(np.array([[0.02, 0.98]]), ("a",), ("b", "c"), [["", ""]])
        fig = scene.figure(theme)
        light, dark = fig.data[1].textfont.color
        assert light != dark


def test_a_layer_that_is_nowhere_defined_is_not_outlined():
    fig = LayerScene(np.full((1, 2), np.nan), ("a",), ("b", "c"), [["", ""]]).figure()
    assert not fig.layout.shapes
    with pytest.raises(
        ValueError, match=r"values must be 1 x 2 like rows and columns, got shape \(2, 2\)"
    ):
        LayerScene(np.zeros((2, 2)), ("a",), ("b", "c"), [["", ""]])


@pytest.mark.parametrize(
    ("measure", "ends", "said"),
    [
        (
            "cka",
            Ends(0.03, 0.01, 0.05),
            (
                "Of these two models, BicKD is more similar to the teacher than KD: +0.030 [0.010,"
                " 0.050]."
            ),
        ),
        (
            "cka",
            Ends(-0.03, -0.05, -0.01),
            (
                "Of these two models, BicKD is less similar to the teacher than KD: −0.030 [−0.050,"
                " −0.010]."
            ),
        ),
        (
            "procrustes",
            Ends(-0.03, -0.05, -0.01),
            "Of these two models, BicKD is more similar to the teacher than KD",
        ),
        (
            "rsa",
            Ends(0.004, -0.012, 0.014),
            "No difference seen between these two models, BicKD and KD: +0.004 [−0.012, 0.014].",
        ),
        (
            "rsa",
            Ends(0.004, None, None),
            "BicKD minus KD: +0.00400. There are too few images for an interval.",
        ),
        ("rsa", None, ""),
    ],
)
def test_who_is_more_like_the_teacher(measure, ends, said):
    assert words.difference_sentence(measure, "BicKD", "KD", ends).startswith(said)


def test_chance_is_said_from_the_shuffles():
    shuffled = np.linspace(-0.05, 0.05, 49)
    best = words.chance_sentence("cka", "CE", 0.67, shuffled, 1 / 50)
    assert (
        best
        == "All are beyond chance (nearest to it: CE, plain value 0.670, best of 49 shuffles: 0.050)."
    )
    alone = words.chance_sentence("procrustes", "CE", 0.4, 0.9 + shuffled, 1 / 50, alone=True)
    assert alone == "CE is beyond chance (plain value 0.400, best of 49 shuffles: 0.850)."
    some = words.chance_sentence("cka", "CE", 0.045, shuffled, 0.04)
    assert (
        some == "CE, the nearest to chance, is beyond chance: plain value 0.045, p = 0.04 from 49"
        " shuffles of the images."
    )
    none = words.chance_sentence("cka", "CE", 0.01, shuffled, 0.4)
    assert (
        none == "CE, the nearest to chance, shows no difference from chance: plain value 0.010,"
        " p = 0.40 from 49 shuffles of the images."
    )


def test_which_layers_go_together():
    said = words.layers_sentence("KD", some_values(), ROWS, COLUMNS, chance=0.15, shuffles=200)
    assert (
        said
        == "2 of the teacher's 3 layers are most similar to KD's layer of the same name. Exception:"
        " stage 1 (most similar to stage 2). The two models differ most at stage 1 (CKA 0.50). 9"
        " of 11 cells are above chance: in 95% of 200 shuffles, no cell reached 0.150."
    )
    same = words.layers_sentence("KD", np.eye(2), ("a", "b"), ("a", "b"), chance=-0.5, shuffles=9)
    assert same.startswith(
        "Each of the teacher's 2 layers is most similar to KD's layer of the same name."
    )
    assert "All cells are above chance" in same
    other = words.layers_sentence("KD", np.eye(2), ("a", "b"), ("c", "d"), chance=0.1, shuffles=9)
    assert other == "2 of 4 cells are above chance: in 95% of 9 shuffles, no cell reached 0.100."
    fewer = words.layers_sentence("KD", np.eye(3)[:, :2], "abc", "ab", chance=-0.5, shuffles=9)
    assert fewer.startswith("Each of the 2 layers that both have is most similar to KD's layer of")
    one = words.layers_sentence("KD", np.eye(2)[:1], "a", "ab", chance=-0.5, shuffles=9)
    assert one.startswith(
        "The teacher's layer a is most similar to KD's layer of the same name. The"
    )
    partly = np.array([[np.nan, 0.5], [np.nan, 0.7]])
    constant = words.layers_sentence(
        "KD", partly, ("s0", "s1"), ("s0", "s1"), chance=0.1, shuffles=9
    )
    assert "differ most at s1 (CKA 0.70). CKA is not defined at s0, where KD is" in constant
    assert "nan" not in constant
    nothing = words.layers_sentence(
        "KD", np.full((1, 1), np.nan), ("a",), ("a",), chance=0, shuffles=9
    )
    assert nothing.startswith("Every layer is constant")


def test_at_which_layers_two_students_differ():
    up, down, none = Ends(0.03, 0.01, 0.05), Ends(-0.03, -0.05, -0.01), Ends(0.0, -0.1, 0.1)
    both = words.layer_differences("B", "A", [("stem", up), ("stage 1", down), ("logits", none)])
    assert (
        both
        == "Of these two models, B is more similar to the teacher than A at stem (+0.030 [0.010,"
        " 0.050]) and less similar at stage 1 (−0.030 [−0.050, −0.010]). No difference seen at"
        " logits."
    )
    near = words.layer_differences("B", "A", [("stem", Ends(0.03, 0.0001, 0.06))])
    assert "at stem (+0.0300 [0.0001, 0.0600])" in near
    assert words.layer_differences("B", "A", [("stem", down)]).startswith(
        "Of these two models, B is less similar to the teacher than A at stem"
    )
    assert (
        words.layer_differences("B", "A", [("stem", none)])
        == "No difference seen between these two models, B and A, at any layer of the same name."
    )


def test_the_layers_as_a_table():
    values, chance = some_values(), np.full((3, 4), 0.1)
    ends = [[None if np.isnan(v) else Ends(v, v - 0.1, v + 0.1) for v in line] for line in values]
    found = layers_table(ROWS, COLUMNS, values, intervals=ends, chance=chance, p_values=chance / 2)
    assert len(found) == 12
    assert found.iloc[6].to_dict() == {
        "teacher_layer": "stage 1",
        "student_layer": "stage 2",
        "cka": 0.7,
        "low": pytest.approx(0.6),
        "high": pytest.approx(0.8),
        "chance_95": 0.1,
        "p_value": 0.05,
    }
    assert found.iloc[9][["cka", "low", "high"]].isna().all()


def test_the_title_says_where_the_student_differs_or_that_it_does_not():
    assert (
        words.title("KD", "crab", 0.79, 0.89)
        == "In this run, KD differs most from its teacher on crab: cosine 0.79 (mean 0.89)"
    )
    assert words.title("KD", "crab", 0.79, None).endswith("on crab: cosine 0.79")
    same = words.title("KD", "crab", 1 - 1e-12, 1.0)
    assert same == "KD gives every class the same probabilities as its teacher"
