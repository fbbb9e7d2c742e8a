"""A component of our own, from its scripts and styles in `frontend/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

FRONTEND = Path(__file__).parent / "frontend"


def part(name: str, *scripts: str, style: str | None = None, html: str | None = None) -> Any:
    """What Streamlit mounts as `bickd_<name>`; scripts stand in one text, the last one exports the component."""
    return st.components.v2.component(
        f"bickd_{name}",
        html=html,
        css=None if style is None else source(style),
        js="\n".join(source(script) for script in scripts),
    )


def source(name: str) -> str:
    return (FRONTEND / name).read_text(encoding="utf-8")
