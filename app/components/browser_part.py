"""Components that run in the browser, made from the scripts and styles in `frontend/`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FRONTEND = Path(__file__).parent / "frontend"
_IMPORT = re.compile(r"^import \{[^}]*\} from '\./(\w+\.js)';\n", re.MULTILINE)
_UNPACK = """
export default component => {
  const {data} = component;
  return drawComponent({...component, data: Array.isArray(data) ? data[0] : data});
};
"""
_EXPORT = re.compile(r"^export default ", re.MULTILINE)


def part(
    name: str, script: str, *, style: str | None = None, html: str | None = None
) -> Callable[..., Any]:
    """Register a component with Streamlit, as `bickd_<name>`, and return the function that draws
    it.

    Args:
        script: the file in `frontend/` whose default export is the component.
        style: a style sheet in `frontend/`.
        html: what the component's place contains at first.
    """
    draw = st.components.v2.component(
        f"bickd_{name}",
        html=html,
        css=None if style is None else source(style),
        js=_unpacked(module(script)),
    )

    def drawn(*, data: dict[str, Any] | bytes | None = None, **arguments: Any) -> Any:
        # Streamlit looks for data frames among the values of a dictionary, for which it imports
        # pandas. It passes on a list or bytes as they are.
        return draw(data=[data] if isinstance(data, dict) else data, **arguments)

    return drawn


def _unpacked(text: str) -> str:
    """Let a script's default export take a dictionary out of the list that `drawn` puts it in."""
    return f"{_EXPORT.sub('const drawComponent = ', text)}{_UNPACK}"


def module(script: str) -> str:
    """Return a script and every script that it imports as one text.

    Streamlit takes one text for each component. An imported file comes in front of the file that
    imports it, once, and the import lines are left out. All names at the top level therefore share
    one scope and must differ.
    """
    texts: dict[str, str] = {}
    _collect(script, texts)
    return "\n".join(texts.values())


def _collect(script: str, texts: dict[str, str]) -> None:
    text = source(script)
    for imported in _IMPORT.findall(text):
        if imported not in texts:
            _collect(imported, texts)
    texts[script] = _IMPORT.sub("", text)


def source(name: str) -> str:
    """Return the text of a file in `frontend/`."""
    return (FRONTEND / name).read_text(encoding="utf-8")
