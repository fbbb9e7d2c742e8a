"""The pages of the app, in the order of the sidebar. A new page is one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app import settings


@dataclass(frozen=True)
class Page:
    """A page of the app. Its module, `app.pages.PATH.page`, has a function `show`.

    The module is imported when the page is first opened. A hidden page is not in the sidebar; links
    lead to it. A page that only writes is hidden on a read-only server.
    """

    path: str
    title: str
    icon: str
    default: bool = False
    hidden: bool = False
    only_writes: bool = False

    @property
    def show(self) -> Callable[[], None]:
        def run() -> None:
            importlib.import_module(f"app.pages.{self.path}.page").show()

        run.__name__ = self.path  # Streamlit tells pages apart by the name of their function
        return run

    @property
    def is_hidden(self) -> bool:
        return self.hidden or (self.only_writes and settings.read_only())

    def entry(self) -> StreamlitPage:
        """The page for `st.navigation`."""
        return st.Page(
            self.show,
            title=self.title,
            icon=self.icon,
            url_path=self.path,
            default=self.default,
            visibility="hidden" if self.is_hidden else "visible",
        )


PAGES = (
    Page("bring_your_own", "Bring your own", ":material/upload_file:", only_writes=True),
    Page("overview", "Overview", ":material/insights:", default=True),
    Page("class_geometry", "Class geometry", ":material/grid_on:"),
    Page("by_epoch", "By epoch", ":material/timeline:"),
    Page("similarity", "Similarity", ":material/compare:"),
    Page("prediction_map", "Prediction map", ":material/scatter_plot:"),
    Page("disagreements", "Disagreements", ":material/call_split:"),
    Page("calibration", "Calibration", ":material/speed:"),
    Page("distill", "Distill", ":material/science:"),
    Page("runs", "Runs", ":material/folder_open:"),
    Page("sample", "Sample", ":material/image:", hidden=True),
    Page("learn", "Learn", ":material/school:"),
)


def open_page(path: str) -> None:
    """Go to another page. The session keeps the view's state and writes it to the new page's
    URL."""
    st.switch_page(next(page for page in PAGES if page.path == path).entry())
