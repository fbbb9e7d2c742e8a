"""Colours, fonts and layout defaults that all charts share.

Each model has one colour on every page. The hues are those of Okabe and Ito (2008), which are
distinct under the common forms of colour blindness. Each model also has its own marker symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from bickd_viz.scales import letters

FONT = (
    "Source Sans, Segoe UI, Helvetica Neue, Arial, sans-serif"  # Streamlit brings the first along
)
TEXT_SIZE = 12  # the smallest text on any chart, in px
LABEL_SIZE = 13  # names of models and classes, in px

Scale = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Theme:
    """The colours of the light or dark appearance.

    `models` maps an objective's kind to its colour. `fallback` colours all other students in order.
    `sequential` is for magnitudes (low is the surface), `diverging` for differences (0 is the
    surface).
    """

    name: str
    surface: str
    text: str
    muted: str
    grid: str
    card_border: str
    quiet: str
    accent: str
    models: tuple[tuple[str, str], ...]
    fallback: tuple[str, ...]
    categories: tuple[str, ...]
    sequential: Scale
    diverging: Scale

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"


@dataclass(frozen=True)
class ModelStyle:
    """The look of one model on every chart: its name, its colour (hex) and its marker symbol."""

    name: str
    colour: str
    symbol: str = "circle"


LIGHT = Theme(
    name="light",
    surface="#FFFFFF",
    text="#1E293B",
    muted="#64748B",
    grid="#E2E8F0",
    card_border="#E2E8F0",
    quiet="#94A3B8",
    accent="#D55E00",
    models=(
        ("teacher", "#1E293B"),
        ("ce", "#8A8A8A"),
        ("kd", "#E69F00"),
        ("dist", "#009E73"),
        ("bickd", "#0072B2"),
    ),
    fallback=("#D55E00", "#B0508A", "#56B4E9", "#7A6A00", "#6A51A3"),
    categories=(
        "#0072B2",
        "#E69F00",
        "#009E73",
        "#D55E00",
        "#CC79A7",
        "#56B4E9",
        "#8C7A00",
        "#1E293B",
        "#8C4A2F",
        "#7B6FC4",
    ),
    sequential=(
        (0.0, "#FFFFFF"),
        (0.15, "#DEEBF7"),
        (0.35, "#9ECAE1"),
        (0.6, "#4292C6"),
        (0.8, "#1561A9"),
        (1.0, "#08306B"),
    ),
    diverging=(
        (0.0, "#08519C"),
        (0.2, "#3182BD"),
        (0.4, "#BDD7E7"),
        (0.5, "#FFFFFF"),
        (0.6, "#FBD0B5"),
        (0.8, "#E6783B"),
        (1.0, "#A63C00"),
    ),
)

DARK = Theme(
    name="dark",
    surface="#0E1117",
    text="#E6EAF0",
    muted="#9AA7B8",
    grid="#2A313C",
    card_border="#2A313C",
    quiet="#6B7A90",
    accent="#FF8A3D",
    models=(
        ("teacher", "#F1F5F9"),
        ("ce", "#9A9A9A"),
        ("kd", "#E69F00"),
        ("dist", "#1DB488"),
        ("bickd", "#56B4E9"),
    ),
    fallback=("#F0743A", "#DA8FBA", "#A7D8F5", "#D9CC4A", "#A99BE8"),
    categories=(
        "#56B4E9",
        "#E69F00",
        "#1DB488",
        "#F0743A",
        "#DA8FBA",
        "#A7D8F5",
        "#D9CC4A",
        "#F1F5F9",
        "#C08A6E",
        "#A99BE8",
    ),
    sequential=(
        (0.0, "#0E1117"),
        (0.15, "#0F2540"),
        (0.35, "#174A80"),
        (0.6, "#3B8BC9"),
        (0.8, "#8CC4EA"),
        (1.0, "#F0F8FF"),
    ),
    diverging=(
        (0.0, "#9BD3F7"),
        (0.2, "#3B8BC9"),
        (0.4, "#123456"),
        (0.5, "#0E1117"),
        (0.6, "#4A2410"),
        (0.8, "#D5662A"),
        (1.0, "#FFC49A"),
    ),
)

THEMES = {"light": LIGHT, "dark": DARK}

_SYMBOLS = {
    "teacher": "circle",
    "ce": "square",
    "kd": "diamond",
    "dist": "triangle-up",
    "bickd": "circle",
}
_FALLBACK_SYMBOLS = ("cross", "x", "triangle-down", "pentagon", "star")


def theme_named(name: str) -> Theme:
    """The theme "light" or "dark". Another name raises a ValueError."""
    if name not in THEMES:
        raise ValueError(f"name must be one of {', '.join(THEMES)}, got {name!r}.")
    return THEMES[name]


def model_colour(kind: str, index: int, theme: Theme = LIGHT) -> str:
    """The colour of a model of `kind` ("teacher", "ce", "kd", "dist", "bickd" or any other).

    Unknown kinds get the fallback colour at `index`, modulo the number of colours. So a student
    keeps its colour while it keeps its position.
    """
    return dict(theme.models).get(kind, theme.fallback[index % len(theme.fallback)])


def model_style(name: str, kind: str, index: int, theme: Theme = LIGHT) -> ModelStyle:
    """The style of a model shown as `name`: colour by `model_colour`, symbol by the same rule."""
    symbol = _SYMBOLS.get(kind, _FALLBACK_SYMBOLS[index % len(_FALLBACK_SYMBOLS)])
    return ModelStyle(name, model_colour(kind, index, theme), symbol)


def model_styles(models: list[tuple[str, str]], theme: Theme = LIGHT) -> list[ModelStyle]:
    """Styles for a whole comparison, given (name, kind) pairs. No two of up to four students share
    a colour.

    The first model of each known kind gets that kind's colour. Others of the same kind (another
    seed, another option) and unknown kinds get the fallback colours in order.
    """
    known = {kind for kind, _ in theme.models}
    styles, seen, spare = [], set(), 0
    for name, kind in models:
        if kind in known and kind not in seen:
            seen.add(kind)
            styles.append(model_style(name, kind, 0, theme))
        else:
            styles.append(model_style(name, "", spare, theme))
            spare += 1
    return styles


def faded(colour: str, alpha: float) -> str:
    """The hex colour `colour` ("#RRGGBB") as an rgba() string with opacity `alpha` in [0, 1]."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def layout_defaults(
    fig: go.Figure,
    theme: Theme,
    *,
    height: int,
    left: int = 8,
    right: int = 8,
    top: int = 8,
    bottom: int = 8,
    dragmode: str | bool = False,
) -> go.Figure:
    """Set the shared layout on a new figure, in place, and return it.

    The background is transparent, the font is the system's sans, margins are in px. There is no
    legend and no grid. The template is empty, so that the defaults of Plotly and Streamlit do not
    change the chart. The layout is assigned as a whole: updating it takes eight times as long, 14
    ms per chart.

    Args:
        dragmode: False (static, so that a phone can scroll over the chart), "zoom", "pan", "lasso"
            or "select".
    """
    axis = dict(
        showgrid=False,
        zeroline=False,
        showline=False,
        ticks="",
        tickfont=dict(size=TEXT_SIZE, color=theme.text),
        title=dict(font=dict(size=TEXT_SIZE, color=theme.muted)),
        gridcolor=theme.grid,
        fixedrange=dragmode is False,
    )
    fig.layout = dict(
        template=go.layout.Template(),
        height=height,
        margin=dict(l=left, r=right, t=top, b=bottom, pad=0),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font=dict(family=FONT, size=TEXT_SIZE, color=theme.text),
        showlegend=False,
        dragmode=dragmode,
        hovermode="closest",
        hoverlabel=dict(
            bgcolor=theme.surface,
            bordercolor=theme.card_border,
            align="left",
            font=dict(family=FONT, size=LABEL_SIZE, color=theme.text),
        ),
        modebar=dict(bgcolor="rgba(0,0,0,0)", color=theme.muted, activecolor=theme.text),
        xaxis=axis,
        yaxis=axis,
    )
    return fig


def legend_below(fig: go.Figure, theme: Theme) -> go.Figure:
    """Show a legend in rows along the figure's lower edge. The caller leaves the room for it."""
    return _legend(fig, theme, "bottom")


def legend_above(fig: go.Figure, theme: Theme) -> go.Figure:
    """Show a legend in rows along the figure's upper edge. The caller leaves the room for it."""
    return _legend(fig, theme, "top")


def _legend(fig: go.Figure, theme: Theme, edge: str) -> go.Figure:
    fig.update_layout(
        showlegend=True,
        legend=dict(
            orientation="h",
            xref="container",
            x=0,
            xanchor="left",
            yref="container",
            y=1 if edge == "top" else 0,
            yanchor=edge,
            bgcolor="rgba(0,0,0,0)",
            font=dict(size=LABEL_SIZE, color=theme.text),
            itemsizing="constant" if edge == "bottom" else "trace",
        ),
    )
    return fig


def legend_height(names: Sequence[str]) -> int:
    """Px of a legend above or below a figure of 400 px width.

    Plotly makes all entries as wide as the longest.
    """
    if not names:
        return 0
    columns = max(1, int(400 // (50 + 8 * max(map(letters, names)))))
    return 12 + 22 * -(-len(names) // columns)


def colour_bar(theme: Theme, title: str) -> dict:
    """Settings of a thin horizontal colour bar under the plot."""
    return dict(
        orientation="h",
        thickness=8,
        len=0.7,
        x=0.5,
        xanchor="center",
        y=0,
        yanchor="top",
        ypad=10,
        outlinewidth=0,
        nticks=5,
        tickfont=dict(size=TEXT_SIZE, color=theme.muted),
        title=dict(text=title, side="bottom", font=dict(size=TEXT_SIZE, color=theme.muted)),
    )
