"""The data of each chart as a tidy table, from the same arguments as the chart's own function.

Column names have no spaces. A row is one mark of the chart. Unknown values are empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bickd_viz.charts.histogram import Sample, angle_counts, probability_counts
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.reliability import Bins
from bickd_viz.charts.sharpness import Curve
from bickd_viz.charts.training import Line
from bickd_viz.charts.whiskers import Row
from bickd_viz.text.numbers import Interval
from bickd_viz.theme import ModelStyle

Values = Sequence[tuple[ModelStyle, np.ndarray]]


def matrix_table(scene: MatrixScene) -> pd.DataFrame:
    """The matrix as row_class, column_class, value: C * C rows, row by row as shown. A matrix of
    groups also has the number of pairs of classes in each cell.

    >>> scene = MatrixScene(np.array([[1.0, 0.5], [0.25, 1.0]]), ["cat", "dog"])
    >>> matrix_table(scene).values.tolist()[1:3]
    [['cat', 'dog', 0.5], ['dog', 'cat', 0.25]]
    """
    count, places = len(scene.class_names), scene.places
    names = np.array([str(name) for name in scene.class_names], dtype=object)[places]
    columns = {
        "row_class": np.repeat(names, count),
        "column_class": np.tile(names, count),
        column(scene.value_name): np.asarray(scene.values)[np.ix_(places, places)].ravel(),
    }
    if scene.pairs is not None:
        columns["pairs"] = np.asarray(scene.pairs)[np.ix_(places, places)].ravel()
    return pd.DataFrame(columns)


def layers_table(
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    *,
    intervals: Sequence[Sequence[Interval | None]],
    chance: np.ndarray,
    p_values: np.ndarray,
) -> pd.DataFrame:
    """The cells of a `LayerScene` as teacher_layer, student_layer, cka, low, high (the 95%
    interval), chance_95, p_value."""
    cells = []
    for i, row in enumerate(rows):
        for j, column_name in enumerate(columns):
            ends = intervals[i][j]
            low, high = (None, None) if ends is None else (ends.low, ends.high)
            cells.append((row, column_name, values[i, j], low, high, chance[i, j], p_values[i, j]))
    names = ["teacher_layer", "student_layer", "cka", "low", "high", "chance_95", "p_value"]
    return pd.DataFrame(cells, columns=names)


def whisker_table(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows of `whisker_rows` as model, estimate, low, high (the 95% interval). Fractions stay
    fractions.

    A mean over seeds also has seeds and deviation (standard deviation over seeds).
    """
    table = pd.DataFrame(
        [
            (row.style.name, row.estimate, row.low, row.high, row.seeds, row.deviation)
            for row in rows
        ],
        columns=["model", "estimate", "low", "high", "seeds", "deviation"],
    )
    over_seeds = any(row.deviation is not None for row in rows)
    return table if over_seeds else table.drop(columns=["seeds", "deviation"])


def points_table(scene: MapScene, panel: int | None = None) -> pd.DataFrame:
    """The points of a scene's maps, with classes by name.

    The columns are id, x, y, those of true_class, predicted_class, displacement and selected that
    are known, and model.

    Args:
        scene: The maps.
        panel: Position of the only panel to include. Default: all panels.
    """
    panels = scene.panels if panel is None else [scene.panels[panel]]
    return pd.concat([_panel_table(scene, each) for each in panels], ignore_index=True)


def _panel_table(scene: MapScene, panel: MapPanel) -> pd.DataFrame:
    points, names = np.asarray(panel.coordinates), np.array(scene.class_names, dtype=object)
    columns: dict[str, np.ndarray] = {"id": scene.ids, "x": points[:, 0], "y": points[:, 1]}
    if scene.labels is not None:
        columns["true_class"] = names[scene.labels]
    if panel.predicted is not None:
        columns["predicted_class"] = names[panel.predicted]
    if panel.moved is not None:
        columns["displacement"] = panel.moved
    if scene.is_selected.any():
        columns["selected"] = scene.is_selected
    return pd.DataFrame(columns).assign(model=panel.style.name)


def ranking_table(
    models: Values, class_names: Sequence[str], value_name: str = "overlap"
) -> pd.DataFrame:
    """The values of `ranking_plot` as class, model, value, for all classes and not only those in
    the chart."""
    names = [str(name) for name in class_names]
    return pd.concat(
        [
            pd.DataFrame(
                {"class": names, "model": style.name, column(value_name): np.asarray(values)}
            )
            for style, values in models
        ],
        ignore_index=True,
    )


def lines_table(
    series: Sequence[Line], *, value_name: str = "value", x_name: str = "epoch"
) -> pd.DataFrame:
    """The lines of `metric_lines` as model, epoch, value."""
    parts = [
        pd.DataFrame(
            {
                "model": line.style.name,
                column(x_name): list(line.x),
                column(value_name): list(line.y),
            }
        )
        for line in series
    ]
    columns = ["model", column(x_name), column(value_name)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def many_lines(figures: Mapping[str, Sequence[Line]], *, x_name: str = "epoch") -> pd.DataFrame:
    """Several figures over the same x: figure, model, epoch, value."""
    parts = []
    for name, series in figures.items():
        if series:
            part = lines_table(series, x_name=x_name)
            part.insert(0, "figure", name)
            parts.append(part)
    columns = ["figure", "model", column(x_name), "value"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def spectrum_table(models: Values) -> pd.DataFrame:
    """The lines of `spectrum_plot` as model, number (1 is the largest), eigenvalue."""
    parts = []
    for style, values in models:
        sorted_values = np.sort(np.asarray(values, dtype=np.float64).ravel())[::-1]
        number = np.arange(1, len(sorted_values) + 1)
        parts.append(
            pd.DataFrame({"model": style.name, "number": number, "eigenvalue": sorted_values})
        )
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["model", "number", "eigenvalue"])
    )


def curves_table(curves: Sequence[Curve], x_name: str, y_name: str = "overlap") -> pd.DataFrame:
    """The lines of `sharpness_plot` as model, x, y, and whether it is the mark of the model, which
    need not be on its line."""
    columns = ["model", column(x_name), column(y_name), "mark"]
    parts = []
    for curve in curves:
        marks = [] if curve.now is None else [curve.now]
        x, y = [*curve.x, *(mark[0] for mark in marks)], [*curve.y, *(mark[1] for mark in marks)]
        marked = [False] * len(curve.x) + [True] * len(marks)
        parts.append(
            pd.DataFrame(dict(zip(columns, (curve.style.name, x, y, marked), strict=True)))
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def counts_table(rows: Sequence[tuple[str, int]], what: str, number: str) -> pd.DataFrame:
    """Named counts, such as the four parts of `who_is_right`."""
    return pd.DataFrame(rows, columns=[column(what), column(number)])


def classes_table(models: Values, class_names: Sequence[str]) -> pd.DataFrame:
    """The probabilities of several models for one sample as class, model, probability, for every
    class."""
    return ranking_table(models, class_names, "probability")


def angles_table(models: Values, *, bins: int = 45) -> pd.DataFrame:
    """The steps of `angles_plot` as model, from_degrees, to_degrees, pairs.

    `pairs` is the number of class pairs in this range.
    """
    edges, counts = angle_counts([values for _, values in models], bins)
    return _bins([style.name for style, _ in models], edges, counts, ("model", "degrees", "pairs"))


def probability_table(samples: Sequence[Sample], *, bins: int = 25) -> pd.DataFrame:
    """The steps of `probability_plot` as class, from_probability, to_probability, samples."""
    edges, counts = probability_counts(samples, bins)
    return _bins(
        [sample.name for sample in samples], edges, counts, ("class", "probability", "samples")
    )


def reliability_table(models: Sequence[tuple[ModelStyle, Bins]]) -> pd.DataFrame:
    """The bins of `reliability_diagram` as model, from_confidence, to_confidence and samples.

    Bins with samples also have mean confidence, accuracy and its 95% interval.
    """
    rows = []
    for style, bins in models:
        for b, count in enumerate(bins.counts.tolist()):
            known = (
                (bins.confidence[b], bins.accuracy[b], bins.low[b], bins.high[b])
                if count
                else (None,) * 4
            )
            rows.append((style.name, bins.edges[b], bins.edges[b + 1], count, *known))
    columns = [
        "model",
        "from_confidence",
        "to_confidence",
        "samples",
        "confidence",
        "accuracy",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=columns)


def _bins(
    names: Sequence[str],
    edges: np.ndarray,
    counts: Sequence[np.ndarray],
    columns: tuple[str, str, str],
) -> pd.DataFrame:
    name, what, number = columns
    return pd.DataFrame(
        {
            name: np.repeat(np.array(names, dtype=object), len(edges) - 1),
            f"from_{what}": np.tile(edges[:-1], len(names)),
            f"to_{what}": np.tile(edges[1:], len(names)),
            number: np.concatenate(counts) if len(names) else [],
        }
    )


def column(name: str) -> str:
    """A chart's name as a column name: "class overlap" becomes class_overlap."""
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "value"
