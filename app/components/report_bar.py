"""The foot of the sidebar: a link to this view, and reports on the page or the whole comparison."""

from __future__ import annotations

from app import page_export
from app.components.browser_part import part
from app.data import access
from app.page_export import PageContent
from app.plain import st

_copy = part(
    "copy_link",
    "copy_link.js",
    style="copy_link.css",
    html='<button type="button"></button><span role="status"></span>',
)


def show() -> None:
    """Draw the links. Call it after the page, when the page's exports are known."""
    content = page_export.now()
    with st.sidebar, st.container(key="report-bar"):
        _copy(key="copy-link", data={"label": "Copy link", "done": "Copied"})
        if content.comparison is None or not content.parts:
            return
        with st.popover(
            "Report", icon=":material/description:", type="tertiary", key="report-menu"
        ):
            st.caption("One HTML file that works offline. Making it takes a few seconds.")
            st.download_button(
                "This page", access.in_session(lambda: page_export.page_report(content)),
                f"bickd-{_stem(content)}.html", "text/html",
                key="report-page", on_click="ignore", icon=":material/article:",
            )  # fmt: skip
            comparison, T = content.comparison, content.temperature
            address = page_export.app_address()
            st.download_button(
                "The whole comparison",
                access.in_session(lambda: page_export.comparison_report(comparison, T, address)),
                "bickd-comparison.html",
                "text/html",
                key="report-comparison",
                on_click="ignore",
                icon=":material/library_books:",
            )


def _stem(content: PageContent) -> str:
    from bickd_viz.export.chart_export import file_name

    return file_name(content.page)
