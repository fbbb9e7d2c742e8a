"""Page registry and sidebar: what a session runs, started by `main.py`."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # streamlit puts only this folder on the path

from app import state, taking, threads
from app.components import history, opener, report_bar, sidebar, style
from app.registry import PAGES
from app.views import tour

st.set_page_config(
    page_title="BicKD Explorer", page_icon=str(Path(__file__).with_name("assets") / "icon.png"), layout="wide"
)
threads.settle()
style.inject()
chosen = st.navigation([page.entry() for page in PAGES])
history.follow(chosen.url_path)
opener.follow()
taking.begin(chosen.title)
sidebar.show(chosen.url_path or "overview")
for sentence in state.unread():
    st.warning(sentence, icon=":material/link_off:")
tour.show()
chosen.run()
report_bar.show()
state.show_in_url()
