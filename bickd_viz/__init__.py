"""Charts (geometry result -> Plotly figure) and wording; no Streamlit, no file is read here."""

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

__all__ = [
    "DARK",
    "LIGHT",
    "ModelStyle",
    "Theme",
    "model_colour",
    "model_style",
    "model_styles",
    "theme_named",
]
