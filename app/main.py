"""The app's server: `streamlit run app/main.py`. What each session runs is `shell.py`.

While the browser still loads Streamlit's front end, a thread imports what the first page needs: half a second that the
first chart need not wait for.
"""

import importlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
FIRST_PAGE = ("app.views.overview", "app.components.sidebar", "app.components.report_bar", "app.threads")


def warm() -> None:
    for name in FIRST_PAGE:
        importlib.import_module(name)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    sys.path.insert(0, str(ROOT))  # streamlit puts only this folder on the path
    threading.Thread(target=warm, name="warm", daemon=True).start()
    yield


app = st.App("shell.py", lifespan=lifespan)
