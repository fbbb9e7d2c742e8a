"""Start the app's server: `streamlit run app/main.py`. Each session runs `shell.py`.

A thread imports the modules of the first page while the browser loads Streamlit's front end. This
saves half a second. Then it removes old stored figures.
"""

import importlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.auth_util import get_secrets_auth_section
from streamlit.runtime.pages_manager import PagesManager

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # streamlit puts only this folder on the path

from app import settings
from app.guard import Guard, answer_own_names

FIRST_PAGE = (
    "app.pages.overview.page",
    "app.login",
    "app.components.history",
    "app.components.opener",
    "app.components.sidebar",
    "app.components.report_bar",
    "app.threads",
    "bickd_viz.export.chart_export",
    "streamlit.material_icon_names",
    "PIL.PngImagePlugin",  # for the icon of the browser's tab
)
"""Modules that the first chart needs. Importing others would delay it."""

PagesManager.uses_pages_directory = False
"""`st.navigation` sets this too, but only in the first session. That session would then look for a
link's page in `pages/` and report that it does not exist."""


def warm() -> None:
    for name in FIRST_PAGE:
        importlib.import_module(name)
    store = importlib.import_module("bickd_core.comparing.store")
    store.sweep(store.default_folder())


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    settings.check_environment(signs_in=bool(get_secrets_auth_section()))
    answer_own_names()
    threading.Thread(target=warm, name="warm", daemon=True).start()
    yield


app = st.App("shell.py", lifespan=lifespan, middleware=[Middleware(Guard)])
