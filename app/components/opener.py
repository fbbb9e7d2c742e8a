"""A click on a sample's image opens the sample's page in the same session.

Images are plain links (`thumbs.py`), so they also work in a new tab and by keyboard. By default, a
browser would load the whole app again. One listener in the browser catches plain clicks on them.
Another closes a phone's sidebar after a page was chosen.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from app import state
from app.plain import st
from app.registry import open_page

_JS = """
export default function ({setTriggerValue}) {
  const clicked = event => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target.closest?.('a.bk-open');
    if (!link) return;
    event.preventDefault();
    setTriggerValue('sample', new URL(link.href).searchParams.get('sample'));
  };
  // Where the sidebar lies over the page, it makes way for the page that was chosen.
  const chose = event => {
    if (innerWidth > 768 || !event.target.closest?.('[data-testid="stSidebarNavLink"]')) return;
    setTimeout(() => document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click(), 60);
  };
  document.addEventListener('click', clicked);
  document.addEventListener('click', chose);
  return () => {
    document.removeEventListener('click', clicked);
    document.removeEventListener('click', chose);
  };
}
"""
_component = st.components.v2.component(
    "bickd_opener", html="<i></i>", js=_JS, isolate_styles=False
)


def follow() -> None:
    """Go to the page of the clicked sample. Call it once, before any page runs."""
    with st.container(key="opener"):
        sample = _component(key="open-sample", on_sample_change=lambda: None).get("sample")
    if sample:
        state.update(sample=str(sample))
        open_page("sample")


def link(id: int | str) -> str:
    """The address of a sample's page, with the whole view in its query."""
    query = {**state.current().to_query(), "sample": str(id)}
    return f"sample?{urlencode(query, quote_via=quote)}"
