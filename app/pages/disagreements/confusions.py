"""The difference of two models' confusion matrices, and its largest cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from app import selection
from app.components import class_parts, matrix, style
from app.plain import st
from bickd_core.comparing import calibration
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.class_groups import Part
from bickd_viz.charts.matrix import MatrixScene

FEW = 10
"""If the largest cell has fewer images, the page calls single cells weak evidence."""
LARGEST = 12
"""Rows of the table beside the matrix."""


def show(comparison: Comparison, first: Model, second: Model) -> None:
    """Show the matrix and the table. A cell or a row selects the samples of the model that has more
    of them there."""
    shares = st.segmented_control(
        "Cells show",
        [False, True],
        default=False,
        format_func=lambda shares: "share of the true class" if shares else comparison.nouns,
        key="confusion-shares",
    )
    left, right = st.columns([4, 3], gap="small")
    with left, st.container(border=True):
        part = class_parts.choose(comparison, class_parts.order(comparison), "confusion-part")
        _matrix(comparison, first, second, part, bool(shares))
    with right, st.container(border=True):
        _largest(comparison, first, second)


def _matrix(comparison: Comparison, first: Model, second: Model, part: Part, shares: bool) -> None:
    confusion = calibration.disagreement(comparison, first, second).confusion
    right = "Correct answers are left out" if part.groups else "The diagonal shows correct answers"
    style.card_title(
        f"{first.name} − {second.name}",
        f"Above 0: {first.called} makes this confusion more often. Rows are true classes. {right}.",
    )
    by_class = confusion.shares if shares and not part.groups else confusion.counts

    def clicked(row: int, column: int) -> None:
        _select(comparison, first, second, row, column)

    scene = MatrixScene(
        by_class.astype(np.float64),
        comparison.class_names,
        scale="diverging",
        x_title="predicted class",
        y_title="true class",
        value_name="difference of shares" if shares else "difference",
        decimals=2 if shares else 0,
        selected=_selected(comparison),
        label=f"Confusions of {first.name} minus those of {second.name}",
    )
    samples = confusion.first.sum(axis=1) if shares else None
    scene = class_parts.scene_of(part, scene, ordered=True, total=True, per_row=samples)
    limit = _limit(scene, part, shares)
    matrix.show(
        replace(scene, ends=(-limit, limit)),
        "confusion-matrix",
        theme=style.theme(),
        on_cell=class_parts.on_cell(part, clicked),
        group="",
        height=470,
    )
    class_parts.explain_counts(part, shares=shares)
    if part.groups:
        return
    st.caption(
        f"Click a cell to select its {comparison.nouns}. Drag to zoom, double-click to zoom out.",
        help=(
            f"A cell selects the {comparison.nouns} of the model that makes this confusion more"
            " often."
        ),
    )


def _limit(scene: MatrixScene, part: Part, shares: bool) -> float:
    """The end of the colour scale. Correct answers on the diagonal do not count for it."""
    values = np.asarray(scene.values)
    off = np.nan_to_num(np.abs(values if part.groups else off_diagonal(values)))
    if shares:
        return max(float(off.max(initial=0.0)), 0.01) if part.groups else 0.5
    return max(float(off.max(initial=0.0)), 1.0)


def _select(comparison: Comparison, first: Model, second: Model, row: int, column: int) -> None:
    confusion = calibration.disagreement(comparison, first, second).confusion
    more = first if confusion.first[row, column] >= confusion.second[row, column] else second
    selection.select(
        "confusion", more.key, comparison.class_names[row], comparison.class_names[column]
    )


def _selected(comparison: Comparison) -> tuple[int, int] | None:
    """The cell of the current selection, or None if the selection is not a cell."""
    rule = selection.rule()
    names = comparison.class_names
    if rule is None or rule.kind != "confusion" or len(rule.arguments) != 3:
        return None
    _, true, predicted = rule.arguments
    if true not in names or predicted not in names:
        return None
    return names.index(true), names.index(predicted)


def _largest(comparison: Comparison, first: Model, second: Model) -> None:
    confusion = calibration.disagreement(comparison, first, second).confusion
    style.card_title(
        "Confusions that differ most", f"Choose a row to select its {comparison.nouns}."
    )
    off = np.abs(off_diagonal(confusion.counts))
    order = np.argsort(-off, axis=None, kind="stable")[:LARGEST]
    cells = [divmod(int(cell), len(comparison.class_names)) for cell in order]
    cells = [(row, column) for row, column in cells if off[row, column]]
    if not cells:
        st.caption(f"{first.name} and {second.name} confuse the same classes equally often.")
        return
    rows = [
        {
            "true": comparison.class_names[row],
            "predicted": comparison.class_names[column],
            first.name: int(confusion.first[row, column]),
            second.name: int(confusion.second[row, column]),
        }
        for row, column in cells
    ]

    def chosen() -> None:
        picked = st.session_state["confusion-largest"]["selection"]["rows"]
        if picked:
            _select(comparison, first, second, *cells[picked[0]])

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="confusion-largest",
        height=36 * (len(rows) + 1),
        on_select=chosen,
        selection_mode="single-row",
    )
    most = int(
        max(
            (off_diagonal(counts).max(initial=0) for counts in (confusion.first, confusion.second)),
            default=0,
        )
    )
    st.caption(
        f"Counts of {comparison.nouns}. No cell has more than {most}, so single cells are weak"
        " evidence. McNemar's test above uses all answers."
        if most < FEW
        else f"Counts of {comparison.nouns}."
    )


def off_diagonal(counts: np.ndarray) -> np.ndarray:
    """The matrix with a diagonal of 0, so that only wrong answers are left."""
    return counts - np.diag(np.diag(counts))
