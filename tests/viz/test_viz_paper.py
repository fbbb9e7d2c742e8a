"""A figure for print: its size, its one text size, its colours, whatever theme and page it came
from."""

import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_viz import colouring
from bickd_viz.charts.map import maps_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.outcomes import who_is_right
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.training import Line, metric_lines
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.export.paper import GREY, paper
from bickd_viz.export.recolour import recoloured, theme_of
from bickd_viz.theme import DARK, LIGHT, THEMES, Theme, model_styles

MODELS = [("teacher", "teacher"), ("CE", "ce"), ("KD", "kd"), ("BicKD", "bickd"), ("mine", "")]
COLOUR = re.compile(r"#[0-9A-Fa-f]{6}|rgba?\([^)]*\)")


def point_map(colours: colouring.Colouring, theme: Theme) -> go.Figure:
    n = len(colours.groups[0])
    xy = np.random.default_rng(0).random((n, 2))
    style = model_styles(MODELS[:1], theme)[0]
    return maps_figure(MapScene([MapPanel(style, xy)], np.arange(n), colours, theme=theme))


def charts(theme: Theme) -> dict[str, go.Figure]:
    rng = np.random.default_rng(0)
    styles = model_styles(MODELS, theme)
    names = [f"class {i}" for i in range(30)]
    return {
        "whiskers": whisker_rows([Row(s, 0.5, 0.4, 0.6) for s in styles], theme=theme),
        "matrix": MatrixScene(rng.random((30, 30)), names).figure(theme),
        "difference": MatrixScene(rng.random((30, 30)), names, ends=(-1, 1), scale="diverging").figure(theme),
        "map": point_map(colouring.highlighted([np.arange(50) % 30], (1, 2), names, theme), theme),
        "bars": who_is_right(dict(both=5, first=2, second=3, neither=1), styles[1], styles[3], theme=theme),
        "lines": metric_lines([Line(s, [1, 2, 3], rng.random(3)) for s in styles], theme=theme),
        "ranking": ranking_plot([(s, rng.random(30)) for s in styles], names).figure(theme),
    }  # fmt: skip


RANKING = charts(LIGHT)["ranking"]


def colours(figure: go.Figure) -> list[str]:
    return [colour.upper() for colour in COLOUR.findall(figure.to_json())]


@pytest.mark.parametrize("name", charts(LIGHT))
def test_a_dark_figure_becomes_the_light_one(name):
    dark, light = charts(DARK)[name], charts(LIGHT)[name]
    assert theme_of(dark) is DARK
    assert theme_of(light) is LIGHT
    assert json.loads(recoloured(dark, LIGHT).to_json()) == json.loads(light.to_json())


@pytest.mark.parametrize("name", charts(LIGHT))
def test_a_light_figure_becomes_a_dark_one_with_the_same_colours_of_models(name):
    """One colour may have two roles in the light theme (the teacher's is that of text): marks come
    first."""
    dark, made = charts(DARK)[name], recoloured(charts(LIGHT)[name], DARK)
    assert theme_of(made) is DARK
    assert not {LIGHT.surface, LIGHT.text, LIGHT.muted, LIGHT.grid} & set(colours(made))
    for is_, wanted in zip(made.data, dark.data, strict=True):
        if is_.type == "scatter" and is_.line.color:
            assert is_.line.color == wanted.line.color


@given(width=st.floats(20, 500), height=st.floats(20, 500), points=st.floats(4, 24))
@settings(max_examples=20)
def test_size_and_text_size_are_exact(width, height, points):
    figure = paper(RANKING, width, height, points)
    assert figure.layout.width / 96 * 25.4 == pytest.approx(width)
    assert figure.layout.height / 96 * 25.4 == pytest.approx(height)
    assert [size * 72 / 96 for size in text_sizes(figure)] == [pytest.approx(points, rel=1e-5)]


def text_sizes(figure: go.Figure) -> set[float]:
    """Every size under a key that ends in `font`."""
    found = set()

    def walk(node, parent):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "size" and parent.endswith("font"):
                    found.add(round(value, 6))
                walk(value, key)
        elif isinstance(node, list | tuple):
            for item in node:
                walk(item, parent)

    walk(json.loads(figure.to_json()), "")
    return found


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", charts(LIGHT))
def test_it_is_white_and_light_whatever_the_page_was(name, theme):
    figure = paper(charts(theme)[name])
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "#FFFFFF"
    only_dark = {DARK.surface, DARK.text, DARK.muted, DARK.grid, DARK.accent}
    assert not only_dark & set(colours(figure))


@pytest.mark.parametrize("name", charts(LIGHT))
def test_grey_is_grey_and_keeps_models_apart(name):
    for colour in colours(paper(charts(DARK)[name], palette="grey")):
        parts = (
            re.findall(r"[0-9A-F]{2}", colour)
            if colour[0] == "#"
            else re.findall(r"\d+", colour)[:3]
        )
        assert len(set(parts)) == 1, colour


def test_steps_between_the_stops_of_a_scale_find_their_place():
    """Maps coloured by a value have 32 interpolated steps, none of which is a stop of the theme's
    scale."""
    values = [np.linspace(0, 1, 32)]

    def steps(theme: Theme) -> go.Figure:
        return point_map(colouring.by_value(values, "moved", 1.0, theme), theme)

    def shades(figure: go.Figure) -> np.ndarray:
        scale = next(t for t in figure.data if t.marker.colorscale is not None).marker.colorscale
        return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for _, c in scale])

    assert np.abs(shades(recoloured(steps(DARK), LIGHT)) - shades(steps(LIGHT))).max() <= 4
    grey = shades(paper(steps(DARK), palette="grey"))
    assert (np.diff(grey[:, 0]) <= 0).all()
    assert (grey == grey[:, :1]).all()


def test_grey_lines_differ_in_dash_and_shade():
    figure = paper(charts(LIGHT)["lines"], palette="grey")
    lines = [(trace.line.dash, trace.line.color) for trace in figure.data if trace.mode == "lines"]
    assert (
        len(lines) == len({dash for dash, _ in lines}) == len({colour for _, colour in lines}) == 5
    )


def test_a_dash_that_a_grey_line_has_already_is_not_given_to_another():
    lines = [Line(style, [1, 2], [0.1, 0.2]) for style in model_styles(MODELS, LIGHT)]
    lines[0] = replace(lines[0], dash="dash")
    dashes = [trace.line.dash for trace in paper(metric_lines(lines), palette="grey").data]
    assert dashes[:2] == ["dash", "solid"]
    assert len(set(dashes)) == len(lines)


def test_grey_maps_have_the_symbols_of_the_legend_in_every_panel():
    n = 40
    xy, labels = np.random.default_rng(0).random((n, 2)), np.arange(n) % 4
    names = [f"class {i}" for i in range(4)]
    colours = colouring.highlighted([labels, labels], (1, 2), names, LIGHT)
    panels = [MapPanel(style, xy) for style in model_styles(MODELS[:2], LIGHT)]
    maps = maps_figure(MapScene(panels, np.arange(n), colours, theme=LIGHT))
    symbols: dict[str, list[str]] = {}
    for trace in paper(maps, palette="grey").data:
        if trace.name in ("class 1", "class 2"):
            symbols.setdefault(trace.name, []).append(trace.marker.symbol)
    assert [len(drawn) for drawn in symbols.values()] == [2, 2]
    first, second = (set(drawn) for drawn in symbols.values())
    assert len(first) == len(second) == 1
    assert first != second


def test_words_on_a_bar_are_read_in_grey():
    for bar in paper(charts(LIGHT)["bars"], palette="grey").data:
        parts = [float(part) for part in re.findall(r"[\d.]+", bar.marker.color)]
        if bar.marker.color[0] == "#":
            shade = int(bar.marker.color[1:3], 16)
        else:
            shade = parts[0] * parts[3] + 255 * (1 - parts[3])
        assert abs(shade - int(bar.textfont.color[1:3], 16)) > 110


def test_shades_of_the_scales_run_from_white_to_black_without_turning():
    for scale in (GREY.sequential, GREY.diverging):
        shades = [int(colour[1:3], 16) for _, colour in scale]
        assert shades[0] == 255
        assert shades[-1] == 0
        assert shades == sorted(shades, reverse=True)


def test_axes_get_their_title_only_where_they_have_none():
    titled = paper(charts(LIGHT)["ranking"], x_title="other")
    assert titled.layout.xaxis.title.text == "overlap"
    bare = charts(LIGHT)["whiskers"]
    named = paper(bare, x_title="accuracy (%)")
    assert named.layout.xaxis.title.text == "accuracy (%)"
    assert named.layout.height > paper(bare).layout.height
    assert bare.layout.xaxis.title.text is None  # the page's own figure stays


def test_lengths_follow_the_text():
    small, large = (paper(charts(LIGHT)["whiskers"], font_pt=points) for points in (6, 12))
    assert large.layout.margin.l == pytest.approx(2 * small.layout.margin.l)
    assert large.data[0].line.width == pytest.approx(2 * small.data[0].line.width)
    assert large.data[-1].marker.size == pytest.approx(2 * small.data[-1].marker.size)
    assert large.layout.height == pytest.approx(2 * small.layout.height)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width_mm": 5}, "width_mm must be from 20 to 500 mm, got 5"),
        ({"height_mm": 900}, "height_mm must be from 20 to 500"),
        ({"font_pt": 2}, "font_pt must be from 4 to 24 points, got 2"),
        ({"palette": "rainbow"}, 'palette must be "colour" or "grey", got'),
    ],
)
def test_wrong_sizes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        paper(go.Figure(), **arguments)
