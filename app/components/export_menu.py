"""The download menu of a chart: PNG, SVG, PDF, an HTML file, and the data as CSV, LaTeX or
Markdown.

A closed menu sends only its button. Its content is sent when it is opened, and a file is made when
it is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from app import page_export
from app.data import access
from app.plain import md, st

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from bickd_viz.charts.whiskers import Row
    from bickd_viz.export.chart_export import ChartExport
    from bickd_viz.export.paper import Palette
    from bickd_viz.theme import Theme

_SIZE = "paper-size"
_DEFAULT: dict[str, object] = {"width": 85, "points": 8.0, "palette": "colour"}
_TABLES = (
    ("CSV", "csv", "csv", "text/csv"),
    ("LaTeX", "latex", "tex", "text/x-tex"),
    ("Markdown", "markdown", "md", "text/markdown"),
    ("Parquet", "parquet", "parquet", "application/vnd.apache.parquet"),
)
"""Label, function of `bickd_viz.export.files`, suffix and type of each table. The last is only for
maps."""
_KINDS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


def offer(
    key: str,
    title: str,
    figure: Callable[[], go.Figure],
    table: Callable[[], pd.DataFrame],
    *,
    sentence: str = "",
    x_title: str = "",
    y_title: str = "",
    parquet: bool = False,
) -> None:
    """Add a chart to the page's exports, and a download menu to the corner of the current card.

    Args:
        key: Key of the chart on the page. If it begins with "low-", the menu is in the lower
            corner.
        title: See `bickd_viz.export.chart_export.ChartExport`, also for the arguments below.
        parquet: Whether to offer the data as parquet too.
    """
    from bickd_viz.export.chart_export import ChartExport, file_name

    chart_export = ChartExport(file_name(title), title, figure, table, sentence, x_title, y_title)
    page_export.add_chart(key, chart_export)
    with st.container(key=f"export-{key}"):
        _menu(key, chart_export, parquet)


def offer_whiskers(
    key: str,
    title: str,
    rows: Sequence[Row],
    *,
    theme: Theme,
    fmt: str = "number",
    sentence: str = "",
    x_title: str = "",
) -> None:
    """`offer` for dots with intervals that the page shows as HTML.

    Args:
        theme: The theme of the colours in `rows`.
    """

    def figure() -> go.Figure:
        from bickd_viz.charts.whiskers import whisker_rows

        return whisker_rows(rows, fmt=fmt, theme=theme)

    def table() -> pd.DataFrame:
        from bickd_viz.tables import whisker_table

        return whisker_table(rows)

    offer(key, title, figure, table, sentence=sentence, x_title=x_title)


@st.fragment
def _menu(key: str, chart_export: ChartExport, parquet: bool) -> None:
    menu = st.popover(
        "", icon=":material/download:", type="tertiary", key=f"exportmenu-{key}", on_change="rerun",
        help="Download this chart",
    )  # fmt: skip
    if menu.open:
        with menu:
            _choices(key, chart_export, parquet)


def _choices(key: str, chart_export: ChartExport, parquet: bool) -> None:
    from bickd_viz.export import files as export

    st.markdown(md("**{title}**", title=chart_export.title))
    size = {**_DEFAULT, **st.session_state.get(_SIZE, {})}
    drawable = export.browser() is not None
    if drawable:
        width, points, palette = _size_of(key, size)
    else:
        st.caption(export.NO_BROWSER)
        width, points, palette = 85.0, 8.0, "colour"
    st.caption("Image for print, on white:")
    with st.container(horizontal=True, gap="small"):
        for kind, mime in _KINDS.items():
            st.download_button(
                kind.upper(),
                access.in_session(_image(chart_export, kind, width, points, palette)),
                f"{chart_export.name}.{kind}",
                mime,
                key=f"take-{kind}-{key}",
                on_click="ignore",
                disabled=not drawable,
            )
    link = page_export.now().link
    st.caption("Data, and the interactive chart:")
    with st.container(horizontal=True, gap="small"):
        for label, write, suffix, mime in _TABLES[: None if parquet else -1]:
            st.download_button(
                label,
                access.in_session(partial(_table, chart_export, write)),
                f"{chart_export.name}.{suffix}",
                mime,
                key=f"take-{suffix}-{key}",
                on_click="ignore",
            )
        st.download_button(
            "HTML",
            access.in_session(_page(chart_export, link)),
            f"{chart_export.name}.html",
            "text/html",
            key=f"take-html-{key}",
            on_click="ignore",
        )


def _table(chart_export: ChartExport, write: str) -> bytes:
    from bickd_viz.export import files as export

    content: bytes = getattr(export, write)(chart_export.table())
    return content


def _size_of(key: str, size: dict) -> tuple[float, float, Palette]:
    """Choose the settings of an image for print. All charts of the session share them."""
    left, right = st.columns(2, gap="small")
    width = left.number_input("Width, mm", 40, 300, int(size["width"]), 5, key=f"take-width-{key}")
    points = right.number_input(
        "Text, pt", 5.0, 20.0, float(size["points"]), 0.5, key=f"take-points-{key}", format="%g"
    )
    palette = st.segmented_control(
        "Colours",
        ["colour", "grey"],
        default=size["palette"],
        key=f"take-palette-{key}",
        width="stretch",
    )
    chosen: Palette = "grey" if palette == "grey" else "colour"
    st.session_state[_SIZE] = {"width": width, "points": points, "palette": chosen}
    return float(width), float(points), chosen


def _image(
    chart_export: ChartExport, kind: str, width: float, points: float, palette: Palette
) -> Callable[[], bytes]:
    def draw() -> bytes:
        from bickd_viz.export import files as export

        return export.images([(chart_export.paper(width, None, points, palette), kind)])[0]

    return draw


def _page(chart_export: ChartExport, link: str) -> Callable[[], bytes]:
    def write() -> bytes:
        from bickd_viz.report.build import chart_html

        return chart_html(chart_export, link=link)

    return write
