"""Maps side by side: every point in its model's panel, at its place, in the colour of its group."""

import numpy as np
import pytest

from bickd_viz import colouring
from bickd_viz.charts.side_by_side import MapPanel, maps_figure
from bickd_viz.theme import LIGHT, model_styles

STYLES = model_styles(
    [("teacher", "teacher"), ("CE", "ce"), ("KD", "kd"), ("DIST", "dist"), ("BicKD", "bickd")]
)
NAMES = ["a", "b", "c"]


def panels(count: int, n: int = 30) -> list[MapPanel]:
    rng = np.random.default_rng(count)
    return [MapPanel(style, rng.random((n, 2))) for style in STYLES[:count]]


def drawn(figure) -> dict[tuple[int, int], tuple[float, float, str, str]]:
    """(panel, id) -> x, y, colour and group of each point."""
    found = {}
    for trace in figure.data:
        if trace.mode == "markers" and trace.x is not None:
            k = int(trace.xaxis[1:] or 1) - 1
            for id, x, y in zip(trace.customdata or (), trace.x, trace.y, strict=True):
                assert (k, id) not in found
                found[k, id] = (x, y, trace.marker.color, trace.name)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_sample_stands_once_in_every_panel(count):
    shown, ids = panels(count), np.arange(30) + 7
    classes = np.arange(30) % 3
    coloured = colouring.highlighted([classes] * count, (0, 2), NAMES, LIGHT)
    figure = maps_figure(shown, ids=ids, colouring=coloured)
    points = drawn(figure)
    assert len(points) == 30 * count
    colours = {0: coloured.palette[0].colour, 1: LIGHT.quiet, 2: coloured.palette[1].colour}
    for k, panel in enumerate(shown):
        for i, id in enumerate(ids.tolist()):
            x, y, colour, _ = points[k, id]
            assert (x, y) == pytest.approx(tuple(panel.coordinates[i]), rel=1e-6)
            assert colour == colours[classes[i]]
    heads = [note.text for note in figure.layout.annotations]
    assert heads == [f"<b>{style.name}</b>" for style in STYLES[:count]]


def test_panels_do_not_lie_on_each_other():
    figure = maps_figure(panels(5), ids=np.arange(30), colouring=colouring.quiet(5, 30), height=200)
    assert figure.layout.height == 400
    boxes = []
    for k in range(5):
        number = "" if k == 0 else str(k + 1)
        boxes.append(
            (figure.layout[f"xaxis{number}"].domain, figure.layout[f"yaxis{number}"].domain)
        )
    for i, (x, y) in enumerate(boxes):
        for other_x, other_y in boxes[:i]:
            assert (
                x[0] >= other_x[1] or other_x[0] >= x[1] or y[0] >= other_y[1] or other_y[0] >= y[1]
            )


def test_a_selection_alone_has_colour_and_lost_samples_are_left_out():
    shown = panels(2)
    shown[1].coordinates[4] = np.nan
    figure = maps_figure(
        shown, ids=np.arange(30), colouring=colouring.quiet(2, 30), selected=np.array([4, 5])
    )
    points = drawn(figure)
    assert points[0, 4][3] == points[0, 5][3] == "selected"
    assert points[0, 6][2] == LIGHT.quiet
    assert (1, 4) not in points
    assert len(points) == 59


def test_a_scale_shows_values_with_one_bar():
    values = [np.linspace(0, 1, 30), np.full(30, np.nan)]
    figure = maps_figure(
        panels(2),
        ids=np.arange(30),
        colouring=colouring.by_value(values, "displacement", 1.0, LIGHT),
    )
    scaled = [trace for trace in figure.data if trace.marker.colorscale is not None]
    assert [trace.marker.showscale for trace in scaled] == [True, False]
    assert np.abs(np.array(scaled[0].marker.color) - values[0]).max() < 1 / 31
    assert len(scaled[1].x) == 0


def test_the_bar_of_a_scale_goes_with_the_first_map_that_has_values():
    values = [np.full(30, np.nan), np.linspace(0, 1, 30)]
    figure = maps_figure(
        panels(2),
        ids=np.arange(30),
        colouring=colouring.by_value(values, "displacement", 1.0, LIGHT),
    )
    assert [trace.marker.showscale for trace in figure.data if trace.marker.colorscale] == [
        False,
        True,
    ]


def test_lines_and_labels_lie_under_every_panel():
    figure = maps_figure(
        panels(2),
        ids=np.arange(30),
        colouring=colouring.quiet(2, 30),
        lines=[[(0, 0), (1, 0), (0, 0)]],
        labels=[(0, 0, "cat")],
    )
    assert [trace.xaxis for trace in figure.data if trace.mode == "lines"] == ["x", "x2"]
    assert [note.xref for note in figure.layout.annotations if note.text == "cat"] == ["x", "x2"]
