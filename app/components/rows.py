"""A short table whose rows can be chosen by mouse or keyboard. Streamlit's own table needs a
mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.browser_part import part

_component = part(
    "rows", "rows.js", style="rows.css", html='<div><table role="grid"></table></div>'
)


def show(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    key: str,
    on_row: Callable[[int], None],
    label: str,
    numbers: int = 1,
    selected: int | None = None,
) -> None:
    """Draw the table.

    Args:
        columns: Names of the columns.
        rows: Text of each cell.
        key: Key of the component.
        on_row: Called with the index of the chosen row.
        label: Text for screen readers.
        numbers: The first column with numbers. It and all later ones are right-aligned.
        selected: Index of the marked row.
    """

    def chosen() -> None:
        place = st.session_state[key].get("row")
        if place is not None and 0 <= int(place) < len(rows):
            on_row(int(place))

    _component(
        key=key,
        data={
            "columns": list(columns),
            "rows": [list(row) for row in rows],
            "numbers": numbers,
            "selected": selected,
            "label": f"{label}; arrow keys move, Enter chooses a row",
        },
        on_row_change=chosen,
    )
