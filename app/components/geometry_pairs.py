"""The pairs of classes mixed most, as a table: a row is chosen as a cell of the matrix is, by mouse or keyboard."""

from __future__ import annotations

import streamlit as st

from app import data, taking
from app.components import frame, style

MOST = 10
KEY = "geometry-pairs"
_BY = {"own": "by {what}", "difference": "by difference from the teacher"}


def show(
    of: data.Comparison, student: data.Model, lens: data.Lens, most: tuple[int, int] | None = None
) -> None:
    """most: the pair of the title, in focus where none was chosen."""
    if most is None:
        return
    with st.container(border=True, key="geometry-mixed"):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with right:
            by = _choose(lens) if of.students else "own"
        found = data.mixed_pairs(of, student, lens, by, MOST)
        said = (
            f"The {len(found)} pairs whose {lens.what} in {student.called} is "
            + ("highest. " if by == "own" else "furthest from the teacher's, in either direction. ")
            + "Choose a row to see the images behind its cell."
        )
        with left:
            style.card_title("Pairs mixed most", said)
        _table(of, student, lens, found, frame.focused_pair(of, student, lens.temperature, most), said)


def _choose(lens: data.Lens) -> data.By:
    chosen = st.segmented_control(
        "Order of pairs",
        list(_BY),
        default="own",
        format_func=lambda by: _BY[by].format(what=lens.what),
        key=f"{KEY}-by",
        label_visibility="collapsed",
    )
    return "difference" if chosen == "difference" else "own"


def _table(
    of: data.Comparison,
    student: data.Model,
    lens: data.Lens,
    found: tuple[data.MixedPair, ...],
    pair: tuple[int, int],
    said: str,
) -> None:
    import pandas as pd

    from bickd_viz.report import Figures

    rows = []
    for one in found:
        row, column = (of.class_names[c] for c in one.classes)
        shown: dict[str, object] = {"row class": row, "column class": column, student.name: one.own}
        if of.students:
            shown |= {"teacher": one.teacher, "difference": one.difference}
        rows.append(shown)
    table = pd.DataFrame(rows)
    classes = [set(one.classes) for one in found]
    now = [classes.index(set(pair))] if set(pair) in classes else []
    st.session_state[KEY] = {"selection": {"rows": now, "columns": [], "cells": []}}

    def chosen() -> None:
        picked = st.session_state[KEY]["selection"]["rows"]
        if picked:
            frame.on_cell(of, student, lens=lens)(*found[picked[0]].classes)

    signed = st.column_config.NumberColumn(format="%+.3f")
    plain = st.column_config.NumberColumn(format="%.3f", help=f"{lens.what} of the two classes' columns")
    st.dataframe(
        table,
        hide_index=True,
        key=KEY,
        on_select=chosen,
        selection_mode="single-row",
        column_config={student.name: plain, "teacher": plain, "difference": signed},
    )
    taking.part(KEY, Figures("Pairs mixed most", table.round(3), said))
