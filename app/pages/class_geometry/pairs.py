"""The most mixed pairs of classes, as a table. Choosing a row works like choosing a cell of the
matrix."""

from __future__ import annotations

from app import page_export
from app.components import frame, rows, style
from app.plain import st
from bickd_core.comparing import class_ranking
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.class_ranking import By, MixedPair
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz.text import numbers as text

MOST = 10
KEY = "geometry-pairs"
_TITLES: dict[By, str] = {
    "own": "Pairs that share most probability",
    "difference": "Pairs that differ most from the teacher",
}
_BY = {"own": "by {what}", "difference": "by difference from the teacher"}


def show(
    comparison: Comparison, student: Model, lens: Lens, most: tuple[int, int] | None = None
) -> None:
    """Show the table.

    Args:
        most: The pair in the title. It is in focus if no pair was chosen.
    """
    if most is None:
        return
    with st.container(border=True, key="geometry-mixed"):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with right:
            by = _choose(lens) if comparison.students else "own"
        found = class_ranking.mixed_pairs(comparison, student, lens, by, MOST)
        pairs = text.counted(len(found), "pair")
        said = (
            f"The {pairs} with the highest {lens.what} in {student.called}. "
            if by == "own"
            else (
                f"The {pairs} where {student.called} differs most from"
                " the teacher, in either direction. "
            )
        ) + f"Choose a row to see its {comparison.nouns}."
        with left:
            style.card_title(_TITLES[by], said)
        _table(
            comparison,
            student,
            lens,
            found,
            frame.focused_pair(comparison, student, lens.temperature, most),
            said,
            _TITLES[by],
        )


def _choose(lens: Lens) -> By:
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
    comparison: Comparison,
    student: Model,
    lens: Lens,
    found: tuple[MixedPair, ...],
    pair: tuple[int, int],
    said: str,
    title: str,
) -> None:
    columns = ["row class", "column class", student.name]
    columns += ["teacher", "difference"] if comparison.students else []
    numbers = [
        [one.own, *([one.teacher, one.difference] if comparison.students else [])] for one in found
    ]
    classes = [[comparison.class_names[c] for c in one.classes] for one in found]
    pairs = [set(one.classes) for one in found]
    rows.show(
        columns,
        [
            [*names, *(text.number(v) for v in values[:2]), *(text.signed(v) for v in values[2:])]
            for names, values in zip(classes, numbers, strict=True)
        ],
        key=KEY,
        on_row=lambda place: frame.on_cell(comparison, student, lens=lens)(*found[place].classes),
        label=title,
        numbers=2,
        selected=pairs.index(set(pair)) if set(pair) in pairs else None,
    )
    _keep(
        columns,
        [[*names, *values] for names, values in zip(classes, numbers, strict=True)],
        said,
        title,
    )


def _keep(columns: list[str], lines: list[list[object]], said: str, title: str) -> None:
    import pandas as pd

    from bickd_viz.report.build import Figures

    page_export.part(
        KEY,
        Figures(title, pd.DataFrame(lines, columns=columns).round(3), said),
    )
