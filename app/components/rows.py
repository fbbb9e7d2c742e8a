"""A short table whose rows are chosen by a click or by keyboard; Streamlit's own takes a row from the mouse alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.browser_part import part

_component = part("rows", "rows.js", style="rows.css", html='<div><table role="grid"></table></div>')


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
        rows: the text of each cell.
        on_row: called with the place of the chosen row.
        label: what a screen reader says.
        numbers: the first column that holds figures, which stand right.
        selected: the marked row.
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
