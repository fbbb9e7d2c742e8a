"""Tables behind charts: every number of the chart stands in its table, at its own class, model or
sample."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.calibration import confidence_and_hits, reliability
from bickd_viz import tables
from bickd_viz.charts.histogram import Sample, angles_plot, probability_plot
from bickd_viz.charts.map import map_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.sharpness import Curve
from bickd_viz.charts.spectrum import spectrum_plot
from bickd_viz.charts.training import Line, metric_lines
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.colouring import quiet
from bickd_viz.export import files
from bickd_viz.theme import model_styles

TEACHER, STUDENT = model_styles([("teacher", "teacher"), ("BicKD, seed 1", "bickd")])


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Through the CSV that a person downloads."""
    return pd.read_csv(io.BytesIO(files.csv(table)), keep_default_na=False, na_values=[""])


@given(count=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_a_matrix_comes_back_from_its_csv(count, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.random((count, count))
    names = [f'{i}, "{i}"' for i in range(count)]  # commas and quotes are part of names
    order = rng.permutation(count)
    scene = MatrixScene(matrix, names, order, value_name="difference")
    table = read_back(tables.matrix_table(scene))
    assert list(table) == ["row_class", "column_class", "difference"]
    for line in table.itertuples():
        assert (
            line.difference == matrix[names.index(line.row_class), names.index(line.column_class)]
        )
    shown = scene.figure().data[0].z
    np.testing.assert_allclose(
        table["difference"].to_numpy().reshape(count, count), shown, rtol=1e-6
    )


def test_whiskers():
    rows = [Row(TEACHER, 0.25, 0.2, 0.3), Row(STUDENT, None)]
    table = read_back(tables.whisker_table(rows))
    assert table.iloc[0].tolist() == ["teacher", 0.25, 0.2, 0.3]
    assert table.iloc[1].isna().tolist() == [False, True, True, True]
    assert whisker_rows(rows).data[-1].x == (0.25,)


def test_points_of_all_maps_with_names_and_everything_that_is_known():
    rng = np.random.default_rng(0)
    ids, labels = np.array([5, 3, 9, 1, 7, 2]), np.array([0, 1, 0, 1, 0, 1])
    moved = rng.random(6)
    panels = [
        MapPanel(TEACHER, rng.random((6, 2)), predicted=labels),
        MapPanel(STUDENT, rng.random((6, 2)), predicted=np.array([1, 1, 0, 0, 0, 1]), moved=moved),
    ]
    scene = MapScene(
        panels,
        ids,
        quiet(2, 6),
        class_names=["cat", "dog"],
        labels=labels,
        selected=np.array([2, 5]),
    )
    table = read_back(tables.points_table(scene))
    assert table["model"].tolist() == [TEACHER.name] * 6 + [STUDENT.name] * 6
    alone = read_back(tables.points_table(scene, 1))
    assert alone["id"].tolist() == ids.tolist()
    assert alone["true_class"].tolist() == ["cat", "dog"] * 3
    assert alone["predicted_class"].tolist() == ["dog", "dog", "cat", "cat", "cat", "dog"]
    assert alone["selected"].tolist() == [False, False, True, False, False, True]
    np.testing.assert_array_equal(alone[["x", "y"]].to_numpy(), panels[1].coordinates)
    np.testing.assert_array_equal(alone["displacement"], moved)
    drawn = {
        int(id): (x, y)
        for trace in map_figure(scene, 1).data
        for id, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }
    for line in alone.itertuples():
        assert drawn[line.id] == pytest.approx((line.x, line.y), rel=1e-6)
    bare = MapScene([MapPanel(TEACHER, np.zeros((6, 2)))], ids, quiet(1, 6))
    assert list(tables.points_table(bare)) == ["id", "x", "y", "model"]


def test_a_ranking_holds_every_class_also_those_that_the_chart_leaves_out():
    values = np.array([0.1, np.nan, 0.3])
    table = read_back(
        tables.ranking_table([(TEACHER, values), (STUDENT, values / 2)], ["a", "b", "c"])
    )
    assert len(table) == 6
    assert table[table["class"] == "b"]["overlap"].isna().all()
    dots = ranking_plot([(TEACHER, values)], ["a", "b", "c"]).series[0]
    assert (
        list(dots.x)
        == table[table.model == "teacher"]["overlap"].dropna().sort_values(ascending=False).tolist()
    )


def test_lines_terms_and_eigenvalues():
    line = Line(STUDENT, [1, 2], [0.5, 0.25])
    table = read_back(tables.lines_table([line], value_name="class overlap"))
    assert table.to_dict("list") == {
        "model": ["BicKD, seed 1"] * 2,
        "epoch": [1, 2],
        "class_overlap": [0.5, 0.25],
    }
    assert metric_lines([line]).data[0].y.tolist() == [0.5, 0.25]
    eigen = tables.spectrum_table([(TEACHER, np.array([0.5, 2.0, 1.0]))])
    assert eigen["eigenvalue"].tolist() == [2.0, 1.0, 0.5]
    line = spectrum_plot([(TEACHER, eigen["eigenvalue"])]).series[0]
    np.testing.assert_allclose(10**line.y, [2.0, 1.0, 0.5])


def test_curves_counts_and_one_samples_classes():
    curve = Curve(TEACHER, np.array([1.0, 2.0]), np.array([0.3, 0.4]), ["", ""], (1.5, 0.2))
    table = tables.curves_table([curve], "entropy (nats)")
    assert table.to_dict("list") == {
        "model": ["teacher"] * 3,
        "entropy_nats": [1.0, 2.0, 1.5],
        "overlap": [0.3, 0.4, 0.2],
        "mark": [False, False, True],
    }
    counts = tables.counts_table([("both right", 3), ("both wrong", 1)], "who is right", "images")
    assert counts.to_dict("list") == {
        "who_is_right": ["both right", "both wrong"],
        "images": [3, 1],
    }
    classes = tables.classes_table([(TEACHER, np.array([0.25, 0.75]))], ["cat", "dog"])
    assert classes["probability"].tolist() == [0.25, 0.75]


def test_reliability_has_a_row_a_bin_and_nothing_where_no_sample_is():
    P = np.array([[0.9, 0.1], [0.6, 0.4], [0.95, 0.05]])
    sides = confidence_and_hits(P, np.array([0, 1, 0]))
    table = tables.reliability_table([(TEACHER, reliability(*sides, bins=10))])
    assert table["samples"].sum() == 3
    for line in table.itertuples():
        inside = [
            i for i, p in enumerate(P.max(axis=1)) if line.from_confidence < p <= line.to_confidence
        ]
        assert line.samples == len(inside)
        if inside:
            assert line.confidence == pytest.approx(np.mean([P[i].max() for i in inside]))
        else:
            assert np.isnan([line.confidence, line.accuracy, line.low, line.high]).all()


def test_histograms_count_what_a_loop_counts():
    rng = np.random.default_rng(1)
    pairs = np.append(90 * rng.random(200), np.nan)
    table = tables.angles_table([(TEACHER, pairs)], bins=9)
    for line in table.itertuples():
        last = line.to_degrees == table["to_degrees"].max()
        inside = [
            a
            for a in pairs
            if line.from_degrees <= a < line.to_degrees or (last and a == line.to_degrees)
        ]
        assert line.pairs == len(inside)
    share = angles_plot([(TEACHER, pairs)], bins=9).series[0].y[:-1]
    np.testing.assert_allclose(share, table["pairs"] / table["pairs"].sum(), rtol=1e-6)
    sample = Sample("crab", rng.random(100), "#000000")
    table = tables.probability_table([sample], bins=10)
    assert table["samples"].sum() == 100
    notes = probability_plot([sample], bins=10).series[0].notes
    assert [int(note.split()[0]) for note in notes] == table["samples"].tolist()


@pytest.mark.parametrize(
    "empty",
    [
        tables.lines_table([]),
        tables.spectrum_table([]),
        tables.curves_table([], "x"),
    ],
)
def test_nothing_to_show_is_a_header_alone(empty):
    assert files.csv(empty).decode().count("\n") == 1


def test_words_become_column_names():
    assert tables.column("Class overlap (T = 4)") == "class_overlap_t_4"
    assert tables.column("1 − cosine") == "1_cosine"
    assert tables.column("–") == "value"


AWKWARD = pd.DataFrame(
    {
        "model": ["a_b & 5 %", "c|d\ne"],
        "ece": np.array([0.123456, np.nan], dtype=np.float32),
        "count": [12345, 7],
        "seconds": [123456.7, 0.00001234],
    }
)


def test_latex_escapes_text_and_sets_numbers_to_the_right():
    lines = files.latex(AWKWARD).decode().splitlines()
    assert lines[0] == r"\begin{tabular}{lrrr}"
    assert r"a\_b \& 5 \% & 0.1235 & 12345 & 123457 \\" in lines
    assert lines[-1] == r"\end{tabular}"


def test_markdown_has_one_line_a_row_and_as_many_cells_as_columns():
    lines = files.markdown(AWKWARD).decode().splitlines()
    assert lines[:3] == [
        "| model | ece | count | seconds |",
        "|---|---:|---:|---:|",
        "| a_b & 5 % | 0.1235 | 12345 | 123457 |",
    ]
    assert lines[3] == r"| c\|d e |  | 7 | 1.234e-05 |"
    assert len(lines) == 4


def test_parquet_of_a_map_has_the_columns_that_embedding_atlas_is_told():
    xy = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    scene = MapScene(
        [MapPanel(TEACHER, xy)],
        np.arange(6),
        quiet(1, 6),
        class_names=["a", "b"],
        labels=np.arange(6) % 2,
    )
    table = tables.points_table(scene)
    back = pd.read_parquet(io.BytesIO(files.parquet(table)))
    assert list(back) == ["id", "x", "y", "true_class", "model"]
    np.testing.assert_array_equal(back[["x", "y"]].to_numpy(), xy)
    assert back["true_class"].tolist() == ["a", "b"] * 3
