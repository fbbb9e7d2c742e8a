"""Charts (geometry result -> Plotly figure) and wording; no Streamlit, no file is read here.

`compare` compares predictions in a notebook.
"""

from typing import TYPE_CHECKING, Any

from bickd_viz.theme import (
    DARK,
    LIGHT,
    ModelStyle,
    Theme,
    model_colour,
    model_style,
    model_styles,
    theme_named,
)

if TYPE_CHECKING:
    from bickd_viz.notebook.compare import compare

__all__ = [
    "DARK",
    "LIGHT",
    "ModelStyle",
    "Theme",
    "compare",
    "model_colour",
    "model_style",
    "model_styles",
    "theme_named",
]


def __getattr__(name: str) -> Any:
    """Import `compare` when it is first used."""
    if name != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bickd_viz.notebook.compare import compare

    return compare
