"""Similarity by layer: debiased CKA of each stage of the teacher with each stage of the student."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.components import export_menu, frame, style
from app.data import layers
from app.data.layers import LayerView
from app.plain import Markdown, lines, md, st
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.runs.stages import PROBE_SPLIT
from bickd_viz import tables
from bickd_viz.charts.layers import LayerScene
from bickd_viz.text import numbers
from bickd_viz.text import similarity as text

if TYPE_CHECKING:
    import pandas as pd


@frame.linked
def show(comparison: Comparison, student: Model) -> None:
    st.subheader("Layer by layer")
    view = layers.layers(comparison, student)
    if view is None:
        st.info(layers.why_no_layers(comparison, student))
        return
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(border=True):
        style.model_title(
            style.styles(comparison)[student.key],
            f"teacher's layers × {student.name}'s",
            "Debiased CKA",
        )
        _matrix(student, view)
    with right:
        st.write(
            text.layers_sentence(
                student.name,
                view.cka.estimates,
                view.teacher,
                view.student,
                chance=view.cka.chance,
                shuffles=len(view.cka.null),
            )
        )
        _against_baseline(comparison, student, view)
        st.caption(
            "Outlined: the student's layer that is most similar to this layer of the teacher.",
            help=(
                "Each feature map is averaged over its positions. The last stage holds the"
                f" penultimate features. {numbers.count(view.n)} {PROBE_SPLIT} images, as many of"
                " each class as possible."
            ),
        )
        with st.expander("Table with intervals and chance"):
            st.markdown(_table(view))


def _matrix(student: Model, view: LayerView) -> None:
    """Draw the matrix as an HTML table. The Plotly version is drawn only for an export."""
    theme = style.theme()
    scene = LayerScene(
        view.cka.estimates,
        view.teacher,
        view.student,
        _notes(view),
        f"{student.name}'s layers",
        "teacher's layers",
    )
    with st.container(key="similarity-layers"):
        st.html(scene.html(theme))
    export_menu.offer(
        "similarity-layers",
        f"CKA of the teacher's layers with {student.name}'s",
        lambda: scene.figure(theme),
        lambda: _data(view),
    )


def _notes(view: LayerView) -> list[list[str]]:
    """The hover text of each cell."""
    notes = []
    for i in range(len(view.teacher)):
        line = []
        for j in range(len(view.student)):
            cell = view.cka.cell(i, j)
            if cell is None:
                line.append("not defined: the layer is constant")
                continue
            high = float(np.quantile(view.cka.null[:, i, j], 0.95))
            line.append(
                f"{numbers.estimate_text(cell.interval())}, 95% of"
                f" shuffles below {numbers.number(high)}, p = {view.cka.p_values[i, j]:.3f}"
            )
        notes.append(line)
    return notes


def _against_baseline(comparison: Comparison, student: Model, view: LayerView) -> None:
    other = frame.baseline(comparison, student)
    if other is None:
        return
    differences = []
    for _, _, name in view.shared:
        difference = layers.layer_difference(comparison, student, other, name)
        if difference is not None and difference.low is not None:
            differences.append((name, difference))
    if differences:
        st.write(text.layer_differences(student.name, other.name, differences))


def _data(view: LayerView) -> pd.DataFrame:
    cells = [
        [view.cka.cell(i, j) for j in range(len(view.student))] for i in range(len(view.teacher))
    ]
    ends = [[None if cell is None else cell.interval() for cell in line] for line in cells]
    chance = np.quantile(view.cka.null, 0.95, axis=0)
    return tables.layers_table(
        view.teacher,
        view.student,
        view.cka.estimates,
        intervals=ends,
        chance=chance,
        p_values=view.cka.p_values,
    )


def _table(view: LayerView) -> Markdown:
    rows = [
        md("| teacher | student | CKA | 95% interval | chance (95%) | p |"),
        md("|---|---|---|---|---|---|"),
    ]
    for i, row in enumerate(view.teacher):
        for j, column in enumerate(view.student):
            cell = view.cka.cell(i, j)
            if cell is None:
                rows.append(md("| {row} | {column} | not defined | | | |", row=row, column=column))
                continue
            high = float(np.quantile(view.cka.null[:, i, j], 0.95))
            rows.append(
                md(
                    "| {row} | {column} | {estimate} | {interval} | {chance} | {p} |",
                    row=row,
                    column=column,
                    estimate=numbers.number(cell.estimate),
                    interval=numbers.interval_text(cell.interval()) or "–",
                    chance=numbers.number(high),
                    p=f"{view.cka.p_values[i, j]:.3f}",
                )
            )
    return lines(*rows)
