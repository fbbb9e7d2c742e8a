"""Maps in Plotly: every sample once in each panel, at its position, in the colour of its group."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from bickd_viz import colouring
from bickd_viz.charts.map import map_figure, maps_figure
from bickd_viz.charts.map_scene import Background, MapPanel, MapScene
from bickd_viz.theme import DARK, LIGHT, model_styles

N = 60
RNG = np.random.default_rng(0)
IDS = np.arange(1000, 1000 + N)
LABELS = RNG.integers(0, 5, N)
PREDICTED = RNG.integers(0, 5, N)
NAMES = ["ant", "bee", "cat", "dog", "emu"]
MOVED = RNG.permutation(np.linspace(0, 0.9, N))
STYLES = model_styles(
    [("teacher", "teacher"), ("CE", "ce"), ("KD", "kd"), ("DIST", "dist"), ("BicKD", "bickd")]
)


def scene(count: int = 2, colours: colouring.Colouring | None = None, **more) -> MapScene:
    panels = [
        MapPanel(style, RNG.normal(size=(N, 2)), predicted=PREDICTED, moved=MOVED)
        for style in STYLES[:count]
    ]
    shown = MapScene(
        panels, IDS, colours or colouring.quiet(count, N), class_names=NAMES, labels=LABELS
    )
    return replace(shown, **more)


COLOURINGS = {
    "quiet": colouring.quiet(2, N),
    "class": colouring.by_class([LABELS, PREDICTED], NAMES, LIGHT),
    "some": colouring.highlighted([LABELS, PREDICTED], (1, 4), NAMES, LIGHT),
    "disagreement": colouring.by_disagreement([LABELS, PREDICTED], LABELS, LIGHT),
    "value": colouring.by_value([np.full(N, np.nan), MOVED], "moved", 1.0, LIGHT),
}


def drawn(figure: go.Figure) -> dict[tuple[int, int], tuple[float, float, str, str]]:
    """(panel, id) -> x, y, colour and group of each point."""
    points = {}
    for trace in figure.data:
        if trace.mode == "markers":
            k = int(trace.xaxis[1:] or 1) - 1
            assert np.asarray(trace.customdata).ndim == 1
            for id, x, y in zip(trace.customdata, trace.x, trace.y, strict=True):
                assert (k, int(id)) not in points
                points[k, int(id)] = (x, y, trace.marker.color, trace.name)
    return points


@pytest.mark.parametrize("selected", [None, np.arange(3, 9)], ids=["all", "selected"])
@pytest.mark.parametrize("name", COLOURINGS)
def test_every_sample_is_drawn_once_in_every_panel(name, selected):
    shown = scene(2, COLOURINGS[name], selected=selected)
    points = drawn(maps_figure(shown))
    assert len(points) == 2 * N
    for (k, id), (x, y, _, _) in points.items():
        assert (x, y) == pytest.approx(shown.panels[k].coordinates[id - 1000], abs=1e-6)
    alone = drawn(map_figure(shown, 1))
    assert {id: point[:2] for (_, id), point in alone.items()} == {
        id: point[:2] for (k, id), point in points.items() if k == 1
    }


def test_points_have_the_colours_of_their_groups():
    shown = scene(3, colouring.highlighted([LABELS] * 3, (1, 4), NAMES, LIGHT))
    bee, emu = (shade.colour for shade in shown.colouring.palette)
    for (_, id), (_, _, colour, name) in drawn(maps_figure(shown)).items():
        expected = {1: (bee, "bee"), 4: (emu, "emu")}
        assert (colour, name) == expected.get(LABELS[id - 1000], (LIGHT.quiet, "other"))


def test_classes_beyond_ten_repeat_the_colours_as_diamonds():
    names = [f"class {i}" for i in range(20)]
    classes = np.arange(N) % 20
    figure = map_figure(scene(1, colouring.by_class([classes], names, LIGHT)), 0)
    looks = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == len(figure.data) == 20


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_each_panel_has_its_own_place_and_heading(count):
    figure = maps_figure(scene(count), height=200)
    assert figure.layout.height == (400 if count > 3 else 200)
    headings = [note.text for note in figure.layout.annotations]
    assert headings == [f"<b>{style.name}</b>" for style in STYLES[:count]]
    boxes = []
    for k in range(count):
        number = "" if k == 0 else str(k + 1)
        x, y = figure.layout[f"xaxis{number}"].domain, figure.layout[f"yaxis{number}"].domain
        for other_x, other_y in boxes:
            assert (
                x[0] >= other_x[1] or other_x[0] >= x[1] or y[0] >= other_y[1] or other_y[0] >= y[1]
            )
        boxes.append((x, y))


def test_all_panels_and_a_panel_alone_have_the_frame_of_the_scene():
    shown = scene(2)
    left, right, bottom, top = shown.home
    for figure, axes in ((maps_figure(shown), ("", "2")), (map_figure(shown, 1), ("",))):
        for number in axes:
            x, y = figure.layout[f"xaxis{number}"], figure.layout[f"yaxis{number}"]
            assert (x.range, y.range) == ((left, right), (bottom, top))
            assert (y.scaleanchor, y.scaleratio) == (f"x{number}", 1)
            assert x.showticklabels is False
    assert map_figure(shown, 1).layout.xaxis.fixedrange is True
    assert map_figure(shown, 1, dragmode="pan").layout.xaxis.fixedrange is False


def test_only_selected_samples_have_a_colour_and_hidden_ones_are_left_out():
    shown = scene(2, theme=DARK, selected=np.array([4, 5]))
    shown.panels[1].coordinates[4] = np.nan
    points = drawn(maps_figure(shown))
    assert points[0, 1004][2:] == points[0, 1005][2:] == (DARK.accent, "selected")
    assert points[0, 1006][2] == DARK.quiet
    assert (1, 1004) not in points
    assert len(points) == 2 * N - 1


def test_selected_samples_differ_from_the_coloured_classes():
    chosen = np.concatenate([np.flatnonzero(LABELS == 1)[:2], np.flatnonzero(LABELS == 3)[:2]])
    colours = colouring.highlighted([LABELS], (1,), NAMES, LIGHT)
    traces = map_figure(scene(1, colours, selected=chosen), 0).data
    assert [trace.name for trace in traces] == ["other", "selected", "bee"]
    assert set(traces[1].customdata) == set(IDS[chosen[2:]])
    assert set(traces[2].customdata) == set(IDS[chosen[:2]])
    assert len({trace.marker.color for trace in traces}) == 3


def test_the_legend_names_each_colour_once():
    shown = scene(2, COLOURINGS["some"])
    listed = [trace.name for trace in maps_figure(shown).data if trace.showlegend]
    assert listed == ["bee", "emu"]
    chosen = replace(shown, selected=np.flatnonzero(LABELS == 1))
    listed = [trace.name for trace in maps_figure(chosen).data if trace.showlegend]
    assert listed == ["bee", "emu"]
    listed = [trace.name for trace in map_figure(chosen, 0).data if trace.showlegend]
    assert listed == ["bee"]
    assert not map_figure(chosen, 0, legend=False).layout.showlegend


def test_a_scale_has_one_bar_in_the_first_panel_with_values():
    for values, bars in (([MOVED, MOVED], [True, False]), ([MOVED * np.nan, MOVED], [False, True])):
        shown = scene(2, colouring.by_value(values, "moved", 1.0, LIGHT))
        scaled = [trace for trace in maps_figure(shown).data if trace.marker.colorscale]
        assert [trace.marker.showscale for trace in scaled] == bars
        marker = scaled[1].marker
        assert (marker.cmin, marker.cmax) == (0, 1.0)
        assert list(marker.color) == sorted(marker.color)  # the largest values are drawn last
        of_id = dict(zip(scaled[1].customdata, marker.color, strict=True))
        assert np.abs([of_id[id] for id in IDS] - MOVED).max() < 1 / 31
        assert scaled[bars.index(True)].marker.colorbar.title.text == "moved"


def test_the_background_is_drawn_in_every_panel():
    background = Background(lines=[[(0, 0), (1, 0), (0, 0)]], labels=[(0, 0, "cat")])
    figure = maps_figure(scene(2, background=background))
    assert [trace.xaxis for trace in figure.data if trace.mode == "lines"] == ["x", "x2"]
    assert [note.xref for note in figure.layout.annotations if note.text == "cat"] == ["x", "x2"]


def test_hover_names_the_class_and_what_this_model_and_the_teacher_predict():
    first, second = scene(2).panels
    sure = replace(first, confidence=np.full(N, 0.875), moved=None)
    shown = replace(scene(2), panels=[sure, second])
    trace = map_figure(shown, 1).data[0]
    k = trace.customdata[7] - 1000
    name = NAMES[PREDICTED[k]]
    assert trace.hovertext[7].split("<br>") == [
        f"<b>{NAMES[LABELS[k]]}</b>",
        f"id {1000 + k}",
        f"teacher: {name} 88%",
        f"CE: {name}, moved {MOVED[k]:.2f}",
    ]
    bare = MapScene([MapPanel(STYLES[0], np.zeros((1, 2)))], np.array([7]), colouring.quiet(1, 1))
    assert map_figure(bare, 0).data[0].hovertext == ("sample 7",)


def test_webgl_begins_above_a_thousand_points():
    for count, kind in ((1000, go.Scatter), (1001, go.Scattergl)):
        panel = MapPanel(STYLES[0], RNG.normal(size=(count, 2)))
        shown = MapScene([panel], np.arange(count), colouring.quiet(1, count))
        assert isinstance(maps_figure(shown).data[0], kind)


def test_text_ids_stay_text():
    panel = MapPanel(STYLES[0], np.zeros((2, 2)))
    shown = MapScene([panel], np.array(["a/1", "b/2"]), colouring.quiet(1, 2))
    assert list(maps_figure(shown).data[0].customdata) == ["a/1", "b/2"]


def test_arrays_of_another_shape_are_refused():
    def shown(coordinates: np.ndarray, groups: int) -> MapScene:
        return MapScene([MapPanel(STYLES[2], coordinates)], IDS, colouring.quiet(1, groups))

    with pytest.raises(ValueError, match=r"of 'KD' must be \[N, 2\] with N = 60 ids, got .*60, 3"):
        shown(np.zeros((60, 3)), 60)
    with pytest.raises(ValueError, match="groups of 'KD' must have 60 rows like ids, got 59"):
        shown(np.zeros((60, 2)), 59)
