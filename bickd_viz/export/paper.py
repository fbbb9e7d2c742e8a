"""A figure for a paper: exact size in millimetres, one text size in points, safe for printing."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import plotly.graph_objects as go

from bickd_viz.contrast import hex_colour, rgb
from bickd_viz.export.recolour import recoloured
from bickd_viz.plotly_text import plotly_text
from bickd_viz.theme import LIGHT, TEXT_SIZE, Theme

PX_PER_MM = 96 / 25.4
PX_PER_PT = 96 / 72
Palette = Literal["colour", "grey"]

GREY: Theme = dataclasses.replace(
    LIGHT,
    name="grey",
    text="#000000",
    muted="#404040",
    grid="#DDDDDD",
    card_border="#DDDDDD",
    quiet="#C8C8C8",
    accent="#000000",
    models=(
        ("teacher", "#000000"),
        ("ce", "#B4B4B4"),
        ("kd", "#909090"),
        ("dist", "#6C6C6C"),
        ("bickd", "#484848"),
    ),
    fallback=("#202020", "#7E7E7E", "#A2A2A2", "#5A5A5A", "#363636"),
    categories=(
        "#484848", "#909090", "#6C6C6C", "#202020", "#A2A2A2", "#B4B4B4", "#5A5A5A", "#000000",
        "#363636", "#7E7E7E",
    ),
    sequential=((0.0, "#FFFFFF"), (0.15, "#E3E3E3"), (0.35, "#B8B8B8"), (0.6, "#7C7C7C"), (0.8,
    "#404040"), (1.0, "#000000")),
    diverging=(
        (0.0, "#FFFFFF"), (0.2, "#E0E0E0"), (0.4, "#BEBEBE"), (0.5, "#A8A8A8"), (0.6, "#8A8A8A"),
        (0.8, "#444444"),
        (1.0, "#000000"),
    ),
)  # fmt: skip
"""Shades of grey for print; a difference runs from white (below 0) through grey to black (above
0)."""

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_PX = {
    "standoff", "xshift", "yshift", "ax", "ay", "thickness", "xpad", "ypad", "ticklen",
    "tickwidth", "gridwidth",
    "linewidth", "zerolinewidth", "borderwidth", "borderpad", "outlinewidth", "arrowwidth",
    "tracegroupgap", "entrywidth",
}  # fmt: skip
_WHOLE_PX = {"ticklabelstandoff"}  # Plotly takes whole numbers only
_FONTS = {"font", "tickfont", "textfont", "insidetextfont", "outsidetextfont", "grouptitlefont"}


def paper(
    figure: go.Figure,
    width_mm: float = 85.0,
    height_mm: float | None = None,
    font_pt: float = 8.0,
    palette: Palette = "colour",
    *,
    x_title: str = "",
    y_title: str = "",
) -> go.Figure:
    """A copy of `figure` for print. Nothing is computed again.

    The result is in px of 1/96 inch: `bickd_viz.export.files` writes it as SVG in mm, PDF in
    points, PNG at 300 dpi. The background is white, whatever the figure's theme.

    Args:
        figure: The figure.
        width_mm: 85 fits one column of most journals, 174 fits two.
        height_mm: Default: as tall as on the screen at this text size.
        font_pt: Size of all text in points. Lines, marks and margins scale with it.
        palette: "colour" (the hues of Okabe and Ito, which colour-blind readers can distinguish) or
            "grey" (shades, symbols and dashes).
        x_title: Title of the x axis with its unit, if the figure has none.
        y_title: Title of the y axis with its unit, if the figure has none.

    Raises:
        ValueError: A size outside 20 to 500 mm or 4 to 24 pt.

    >>> figure = paper(go.Figure(layout_height=240), width_mm=85, height_mm=60, font_pt=9)
    >>> round(figure.layout.width / 96 * 25.4, 6), figure.layout.font.size
    (85.0, 12.0)
    """
    _check(width_mm, height_mm, font_pt, palette)
    if palette == "grey":
        copy = recoloured(figure, GREY, unknown=_as_grey)
        _tell_apart(copy)
    else:
        copy = recoloured(figure, LIGHT)
    _titles(copy, x_title, y_title)
    tall = copy.layout.height or 300
    text_px = font_pt * PX_PER_PT
    factor = text_px / TEXT_SIZE
    spec = copy.to_dict()
    _scale(spec, factor, text_px)
    spec["layout"]["width"] = width_mm * PX_PER_MM
    spec["layout"]["height"] = tall * factor if height_mm is None else height_mm * PX_PER_MM
    for name in ("paper_bgcolor", "plot_bgcolor"):
        spec["layout"][name] = "#FFFFFF"
    spec["layout"].setdefault("font", {})["size"] = text_px
    return go.Figure(spec)


def _check(width_mm: float, height_mm: float | None, font_pt: float, palette: str) -> None:
    for name, value in (("width_mm", width_mm), ("height_mm", height_mm)):
        if value is not None and not 20 <= value <= 500:
            raise ValueError(f"{name} must be from 20 to 500 mm, got {value}.")
    if not 4 <= font_pt <= 24:
        raise ValueError(f"font_pt must be from 4 to 24 points, got {font_pt}.")
    if palette not in ("colour", "grey"):
        raise ValueError(f'palette must be "colour" or "grey", got {palette!r}.')


def _titles(figure: go.Figure, x_title: str, y_title: str) -> None:
    """Set the titles of axes that have none, and make room for them."""
    margin = figure.layout.margin
    if x_title and not figure.layout.xaxis.title.text:
        figure.update_xaxes(title=dict(text=plotly_text(x_title), standoff=4))
        side = "t" if figure.layout.xaxis.side == "top" else "b"
        figure.update_layout(margin={side: (getattr(margin, side) or 0) + 20})
        figure.update_layout(height=(figure.layout.height or 300) + 20)
    if y_title and not figure.layout.yaxis.title.text:
        figure.update_yaxes(title=dict(text=plotly_text(y_title), standoff=4))
        figure.update_layout(margin=dict(l=(margin.l or 0) + 20))


def _tell_apart(figure: go.Figure) -> None:
    """In grey: a different dash for each line, and a different symbol for each group of points with
    equal symbols. All panels have the symbols of the legend."""
    lines = [
        trace
        for trace in figure.data
        if trace.name and "lines" in (getattr(trace, "mode", None) or "")
    ]
    solid = [trace for trace in lines if trace.line.dash in (None, "solid")]
    taken = {trace.line.dash for trace in lines} - {"solid"}
    free = [dash for dash in _DASHES if dash not in taken]
    for k, trace in enumerate(solid):
        trace.line.dash = free[k % len(free)]
    groups: dict[str, list[go.Scatter]] = {}
    for trace in figure.data:
        if trace.name and getattr(trace, "mode", None) == "markers":
            groups.setdefault(trace.legendgroup or trace.name, []).append(trace)
    listed = [
        traces
        for traces in groups.values()
        if any(trace.showlegend is not False for trace in traces)
    ]
    if len({str(traces[0].marker.symbol) for traces in listed}) < len(listed):
        for k, traces in enumerate(listed):
            for trace in traces:
                trace.marker.symbol = _SYMBOLS[k % len(_SYMBOLS)]
    for trace in figure.data:
        if (
            trace.type == "bar"
            and isinstance(trace.marker.color, str)
            and trace.textposition == "inside"
        ):
            trace.textfont.color = GREY.text if _shade(trace.marker.color) > 120 else GREY.surface
    dark = dict(color=GREY.text)  # a name beside a light line must still be read
    figure.for_each_annotation(lambda note: note.update(font=dark))


def enlarged(figure: go.Figure, factor: float) -> go.Figure:
    """A copy of `figure` with the same outer size, and text, marks, lines and margins scaled by
    `factor`.

    It is for a projector: the chart's area is fixed, and its text must be readable from the last
    row.

    >>> enlarged(go.Figure(layout=dict(height=300, font_size=12)), 1.5).layout.font.size
    18.0
    """
    if not factor > 0:
        raise ValueError(f"factor must be above 0, got {factor!r}.")
    spec = figure.to_dict()
    _scale(spec, factor, None)
    return go.Figure(spec)


def _shade(grey: str) -> float:
    """0 (black) to 255 of a grey, "#RRGGBB" or rgba(), on white paper."""
    if grey.startswith("#"):
        return int(grey[1:3], 16)
    level, _, _, alpha = (float(part) for part in grey.removeprefix("rgba(").rstrip(")").split(","))
    return level * alpha + 255 * (1 - alpha)


def _as_grey(colour: str) -> str:
    """The shade of the same lightness (luma of ITU-R BT.601)."""
    red, green, blue = rgb(colour)
    return hex_colour([0.299 * red + 0.587 * green + 0.114 * blue] * 3)


def _scale(node: Any, factor: float, text_px: float | None, parent: str = "") -> None:
    """Multiply every length in px by `factor`, in place. Set all text to one size, or scale it by
    the same factor."""
    if isinstance(node, list | tuple):
        for item in node:
            _scale(item, factor, text_px, parent)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "size" and parent in _FONTS:
                node[key] = value * factor if text_px is None else text_px
            elif _is_length(parent, key) and isinstance(value, int | float):
                node[key] = value * factor
            elif _is_length(parent, key) and isinstance(value, list | tuple):
                node[key] = [size * factor for size in value]
            elif key in _WHOLE_PX and value is not None:
                node[key] = round(value * factor)
            else:
                _scale(value, factor, text_px, key)


def _is_length(parent: str, key: str) -> bool:
    if parent == "margin":
        return key != "autoexpand"
    if key == "size":
        return parent == "marker"
    if key == "width":
        return parent in ("line", "error_x", "error_y")
    return key in _PX
