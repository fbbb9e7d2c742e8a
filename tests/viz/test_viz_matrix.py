"""The matrix chart: a cell shows the right pair of classes, whatever the order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.theme import DARK, LIGHT


def names(count: int) -> list[str]:
    return [f"class {i}" for i in range(count)]


@given(count=st.integers(2, 40), seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_every_cell_has_the_value_and_the_names_of_its_pair(count, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.random((count, count)).astype(
        np.float32
    )  # not symmetric: rows and columns must not swap
    order = rng.permutation(count)
    figure = MatrixScene(matrix, names(count), order).figure()
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, matrix[np.ix_(order, order)])
    for row, column in rng.integers(0, count, (20, 2)):
        c, d = order[row], order[column]
        if heat.hovertext is not None:
            assert heat.hovertext[row][column] == f"<b>class {c}</b> × <b>class {d}</b>"
        else:
            assert figure.layout.yaxis.ticktext[row] == f"class {c}"
            assert figure.layout.xaxis.ticktext[column] == f"class {d}"


def test_blocks_are_parted_by_lines_and_named_where_the_classes_are_not():
    blocks = [("sea", 5), ("land", 20), ("air", 5)]
    many = MatrixScene(np.eye(30), names(30), blocks=blocks).figure()
    lines = {(s.x0, s.x1, s.y0, s.y1) for s in many.layout.shapes}
    assert lines == {
        (-0.5, 29.5, 4.5, 4.5), (4.5, 4.5, -0.5, 29.5), (-0.5, 29.5, 24.5, 24.5), (24.5, 24.5, -0.5, 29.5)
    }  # fmt: skip
    assert [(a.text, a.y) for a in many.layout.annotations] == [
        ("sea", 2.0),
        ("land", 14.5),
        ("air", 27.0),
    ]
    few = MatrixScene(np.eye(10), names(10), blocks=[("sea", 4), ("land", 6)]).figure()
    assert len(few.layout.shapes) == 2
    assert not few.layout.annotations


def test_the_colour_scale_is_fixed_as_given_and_belongs_to_the_theme():
    figure = MatrixScene(np.eye(3), names(3), ends=(-0.4, 0.4), scale="diverging").figure(DARK)
    heat = figure.data[0]
    assert (heat.zmin, heat.zmax) == (-0.4, 0.4)
    assert heat.colorscale[3] == (0.5, DARK.surface)
    assert MatrixScene(np.eye(3), names(3)).figure().data[0].colorscale[0] == (0.0, LIGHT.surface)


@pytest.mark.parametrize("count", [10, 20, 21, 95])
def test_the_hover_names_both_classes_even_where_the_axes_have_no_room(count):
    figure = MatrixScene(
        np.eye(count), [f"a rather long class name {i}" for i in range(count)]
    ).figure()
    (heat,) = figure.data
    labelled = count <= 20
    assert figure.layout.xaxis.showticklabels is labelled
    if labelled:
        assert "%{hovertext}" in heat.hovertemplate
        assert (
            heat.hovertext[1][0]
            == "<b>a rather long class name 1</b> × <b>a rather long class name 0</b>"
        )
    else:
        assert "%{y}" in heat.hovertemplate
        assert "%{x}" in heat.hovertemplate
        assert figure.layout.xaxis.ticktext[count - 1] == f"a rather long class name {count - 1}"
    assert "cosine" in heat.hovertemplate


def test_the_payload_stays_small():
    rng = np.random.default_rng(0)
    large = MatrixScene(rng.random((95, 95)), names(95), rng.permutation(95)).figure().to_json()
    assert len(large) < 250_000
    assert '"dtype":"f4"' in large
    assert len(MatrixScene(rng.random((10, 10)), names(10)).figure().to_json()) < 20_000


def test_values_stand_in_cells_only_where_they_fit():
    small = MatrixScene(np.full((4, 4), 0.126), names(4)).figure()
    assert small.data[0].text[0][0] == ".13"
    assert small.data[0].textfont.size >= 12
    assert MatrixScene(np.full((12, 12), -0.126), names(12)).figure(width=240).data[0].text is None
    assert MatrixScene(np.eye(13), names(13)).figure(height=900, width=900).data[0].text is None


def test_cell_text_is_short_and_keeps_its_sign():
    matrix = np.array([[1.0, -0.25, 0.001], [-0.004, 0.996, 2.5], [0.5, np.nan, -1.0]])
    text = MatrixScene(matrix, names(3)).figure().data[0].text
    assert [list(line) for line in text] == [
        ["1", "−.25", "0"],
        ["0", "1", "2.50"],
        [".50", "", "−1"],
    ]


def test_the_matrix_is_square_zoomable_and_drawn_downwards():
    layout = MatrixScene(np.eye(5), names(5)).figure().layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.range[0] > layout.yaxis.range[1]
    assert layout.dragmode == "zoom"
    assert layout.xaxis.fixedrange is False


def test_very_many_classes_are_shown_as_means_of_groups():
    matrix = np.arange(400 * 400, dtype=np.float64).reshape(400, 400)
    figure = MatrixScene(matrix, names(400)).figure()
    (heat,) = figure.data
    assert heat.z.shape == (200, 200)
    assert heat.z[3, 5] == pytest.approx(matrix[6:8, 10:12].mean())
    assert figure.layout.yaxis.ticktext[3] == "class 6 to class 7 (2)"
    assert "%{z" in heat.hovertemplate
    assert len(figure.to_json()) < 350_000


def test_unknown_cells_stay_empty_and_do_not_count_in_means():
    values = np.full((3, 3), 0.5)
    values[1] = np.nan
    (heat,) = MatrixScene(values, names(3)).figure().data
    assert np.isnan(heat.z[1]).all()
    assert list(heat.text[1]) == [""] * 3
    assert heat.hoverongaps is False
    large = np.full((400, 400), 0.5)
    large[:3] = np.nan
    (heat,) = MatrixScene(large, names(400)).figure().data
    assert np.isnan(heat.z[0]).all()
    assert heat.z[1:] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(values=np.eye(4)), r"3 x 3 like class_names, got shape \(4, 4\)"),
        (dict(order=[0, 0, 1]), r"each class index 0 to 2 once, got \[0, 0, 1\]"),
        (dict(scale="rainbow"), '"sequential" or "diverging", got \'rainbow\''),
    ],
)
def test_mistakes_are_named(change, message):
    arguments = dict(values=np.eye(3), class_names=names(3)) | change
    with pytest.raises(ValueError, match=message):
        MatrixScene(**arguments)


def test_the_colour_bar_has_its_ends_alone_so_that_nothing_meets_its_name():
    bar = (
        MatrixScene(np.eye(3), list("abc"), ends=(-0.6, 0.6), scale="diverging")
        .figure()
        .data[0]
        .colorbar
    )
    assert (bar.tickvals, bar.ticktext) == ((-0.6, 0.6), ("−0.6", "0.6"))


def test_counts_have_no_decimals_in_the_hover():
    template = MatrixScene(np.eye(3), names(3), decimals=0).figure().data[0].hovertemplate
    assert "%{z:.0f}" in template
    assert "%{z:.3f}" in MatrixScene(np.eye(3), names(3)).figure().data[0].hovertemplate


def test_the_title_of_rows_is_left_of_the_names_of_blocks():
    blocks = [("sea", 10), ("a group with a long name", 20)]
    scene = MatrixScene(np.eye(30), names(30), y_title="teacher's classes", blocks=blocks)
    layout = scene.figure().layout
    assert layout.yaxis.title.standoff >= 100
    assert layout.margin.l >= layout.yaxis.title.standoff + 20
