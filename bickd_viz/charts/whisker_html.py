"""Dots with intervals as HTML, for pages on which Plotly is not loaded yet."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bickd_viz.charts.whiskers import ROW_HEIGHT, Row, known, value_axis
from bickd_viz.scales import stacked, text_width
from bickd_viz.text.numbers import number, percent
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme

# As CSS clip paths: Streamlit takes SVG out of HTML.
_SHAPES = {
    "circle": "circle(46%)",
    "square": "inset(8%)",
    "diamond": "polygon(50% 0,100% 50%,50% 100%,0 50%)",
    "triangle-up": "polygon(50% 6%,98% 92%,2% 92%)",
    "triangle-down": "polygon(50% 94%,98% 8%,2% 8%)",
    "cross": (
        "polygon(33% 6%,67% 6%,67% 33%,94% 33%,94% 67%,67% 67%,67% 94%,33% 94%,33% 67%,6% 67%,6%"
        " 33%,33% 33%)"
    ),
    "x": (
        "polygon(25% 2%,50% 27%,75% 2%,98% 25%,73% 50%,98% 75%,75% 98%,50% 73%,25% 98%,2% 75%,27%"
        " 50%,2% 25%)"
    ),
    "pentagon": "polygon(50% 3%,98% 39%,79% 95%,21% 95%,2% 39%)",
    "star": "polygon(50% 0,62% 35%,98% 36%,70% 58%,80% 94%,50% 73%,20% 94%,30% 58%,2% 36%,38% 35%)",
}


def whisker_html(
    rows: Sequence[Row],
    *,
    fmt: str = "number",
    theme: Theme = LIGHT,
    slots: int | None = None,
) -> str:
    """A dot with its interval for each model, with the value above the dot and the first row at the
    top; see `whisker_rows`.

    The same chart as the Plotly one, built from HTML boxes. It needs no script, so it appears
    together with the text. The title of each row holds the interval, for hover and screen readers.
    """
    if fmt not in ("percent", "number"):
        raise ValueError(f'fmt must be "percent" or "number", got {fmt!r}.')
    names = [stacked(row.style.name, 14) for row in rows]
    left = 14 + max((text_width(line, LABEL_SIZE) for name in names for line in name), default=0)
    axis = value_axis(rows, None, fmt, left)

    def place(value: float) -> str:
        return f"{100 * (value - axis.low) / (axis.high - axis.low):.2f}%"

    lines = "".join(f'<i class="bkw-grid" style="left:{place(tick)}"></i>' for tick in axis.ticks)
    shown = "".join(
        _row(row, name, fmt, theme, place) for row, name in zip(rows, names, strict=True)
    )
    spare = ROW_HEIGHT * (max(slots or 0, len(rows), 1) - len(rows)) / 2
    ticks = "".join(
        f'<span style="left:{place(tick)}">{escape(text)}</span>'
        for tick, text in zip(axis.ticks, axis.texts, strict=True)
    )
    return (
        f'<div class="bkw" style="--bkw-left:{left}px;--bkw-grid:{theme.grid};color:{theme.text};'
        f'font-size:{TEXT_SIZE}px"><div class="bkw-lines">{lines}</div>'
        f'<div style="padding:{spare:g}px 0">{shown}</div>'
        f'<div class="bkw-ticks" style="color:{theme.muted}">{ticks}</div></div>'
    )


def _row(row: Row, name: list[str], fmt: str, theme: Theme, place) -> str:
    show = percent if fmt == "percent" else number
    style = row.style
    shown = "<br>".join(escape(line) for line in name)
    label = f'<span class="bkw-name" style="font-size:{LABEL_SIZE}px">{shown}</span>'
    if not known(row.estimate):
        return (
            f'<div class="bkw-row" title="{escape(style.name)}:'
            f' {escape(row.otherwise)}">{label}<div class="bkw-track"><span class="bkw-none"'
            f' style="color:{theme.muted}">{escape(row.otherwise)}</span></div></div>'
        )
    title = f"{style.name}: {row.described(show)}"
    whisker = ""
    for kind, ends in (("line", (row.low, row.high)), ("spread", row.spread or (None, None))):
        if known(ends[0]) and known(ends[1]):
            sides = f"left:{place(ends[0])};right:calc(100% - {place(ends[1])})"
            whisker += f'<i class="bkw-{kind}" style="{sides};background:{style.colour}"></i>'
    at = place(row.estimate)
    return (
        f'<div class="bkw-row" title="{escape(title)}">{label}<div class="bkw-track">{whisker}<i'
        ' class="bkw-dot"'
        f' style="left:{at};background:{style.colour};clip-path:{_SHAPES[style.symbol]}"></i><span'
        f' class="bkw-value" style="left:{at}">{escape(show(row.estimate))}</span></div></div>'
    )
