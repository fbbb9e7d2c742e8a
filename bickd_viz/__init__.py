"""Charts, text, exports and reports. It knows no Streamlit, and reads no files.

`compare` compares predictions in a notebook.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bickd_viz.notebook.compare import compare

__all__ = ["compare"]


def __getattr__(name: str) -> Any:
    """Import `compare` when it is first used."""
    if name != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bickd_viz.notebook.compare import compare

    return compare
