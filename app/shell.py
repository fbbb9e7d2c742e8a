"""The script that every session runs: page navigation, sidebar and the current page. `main.py`
starts it."""

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parent.parent)
)  # streamlit puts only this folder on the path

from app import login, page_export, state, threads
from app.components import history, opener, report_bar, sidebar, style
from app.pages.overview import tour
from app.plain import st
from app.registry import PAGES

st.set_page_config(
    page_title="BicKD Explorer",
    page_icon=str(Path(__file__).with_name("assets") / "icon.png"),
    layout="wide",
)
threads.settle()
style.inject()
login.require()
chosen = st.navigation([page.entry() for page in PAGES])
history.follow(chosen.url_path)
opener.follow()
page_export.begin(chosen.title)
sidebar.show(chosen.url_path or "overview")
for sentence in state.unread():
    st.warning(sentence, icon=":material/link_off:")
tour.show()
chosen.run()
report_bar.show()
login.offer_to_leave()
state.show_in_url()
