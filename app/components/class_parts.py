"""The part of the classes that matrices show: all, means over groups, or one or two groups.

A matrix of many classes begins with groups. A click on a cell opens its groups, and a button leads
back.
All pages share the choice, and it is part of the page's link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app import state
from app.data import class_groups
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.class_groups import (
    EVERYTHING,
    GROUPS,
    MOST_CLASSES,
    Part,
    group_matrix,
    part_of,
)
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.text import classes as text

FEW = 20
"""Up to this many classes, there is no choice of groups."""

OnCell = Callable[[int, int], None]


def scene_of(
    part: Part,
    scene: MatrixScene,
    *,
    empty: np.ndarray | None = None,
    ordered: bool = False,
    total: bool = False,
    per_row: np.ndarray | None = None,
) -> MatrixScene:
    """This part of a matrix over all classes. A cell of groups without a pair of classes is NaN.

    Args:
        part: what is shown.
        scene: a matrix of all classes; its selected cell is that of two classes.
        empty: [C] bool, classes that take no part in the means.
        ordered: whether (c, d) and (d, c) are two pairs of classes.
        total: whether a cell of groups is a sum, for counts.
        per_row: [C] samples of each row class, if a cell of groups is a share of them.
    """
    if not part.groups:
        members = list(part.members)
        return replace(
            scene,
            values=np.asarray(scene.values)[np.ix_(members, members)],
            class_names=[scene.class_names[c] for c in members],
            order=None,
            selected=part.places(scene.selected),
            blocks=list(part.blocks),
        )
    found = group_matrix(
        scene.values, part.groups, empty, ordered=ordered, total=total, per_row=per_row
    )
    keeps_name = total or per_row is not None
    return replace(
        scene,
        values=found.values,
        pairs=found.pairs,
        class_names=[group.name for group in part.groups],
        order=None,
        value_name=scene.value_name if keeps_name else text.mean_of(scene.value_name),
        selected=part.places(scene.selected),
        blocks=[],
    )


def on_cell(part: Part, chosen: OnCell) -> OnCell:
    """The click handler of a matrix: a cell of groups opens them, a cell of classes is `chosen`."""
    if part.groups:
        return lambda row, column: open_groups(part.groups[row].name, part.groups[column].name)
    return lambda row, column: chosen(part.members[row], part.members[column])


def explain(part: Part, *, ordered: bool = False, clickable: bool = True) -> None:
    """Say what a cell of groups is, if groups are shown.

    Args:
        ordered: whether (c, d) and (d, c) are two pairs of classes.
        clickable: whether a click on a cell opens its groups.
    """
    if part.groups:
        sizes = [len(group.members) for group in part.groups]
        how_to = "Click a cell" if clickable else "Choose a group above"
        st.caption(
            f"{text.groups_sentence(sizes, ordered=ordered)} {how_to} to see its classes one by"
            " one.",
            help=text.groups_help(len(part.members)),
        )


def explain_counts(part: Part, *, shares: bool) -> None:
    """Say what a cell of groups of a confusion matrix is, if groups are shown."""
    if part.groups:
        sizes = [len(group.members) for group in part.groups]
        st.caption(
            f"{text.confusion_groups_sentence(sizes, shares=shares)} Click a cell to see its"
            " classes one by one.",
            help=text.groups_help(len(part.members)),
        )


def open_groups(*names: str) -> None:
    """Show one or two groups class by class; without names, what matrices begin with."""
    state.update(group=tuple(dict.fromkeys(names)))


def order(comparison: Comparison) -> str:
    """The order of the view on pages without a control for it. There, few classes are always in
    the order of the teacher's clusters."""
    if len(comparison.class_names) <= MOST_CLASSES:
        return "cluster"
    return state.current().order or class_groups.usual_order(comparison)


def part(comparison: Comparison, how: str, most: int = MOST_CLASSES) -> Part:
    """Return the part that the view shows.

    Args:
        how: the order of classes, see `class_groups`.
        most: a matrix with more classes begins with groups.
    """
    root = class_groups.class_groups(comparison, how)
    return part_of(root, state.current().group, parted=how == "hierarchy", most=most)


def choose(
    comparison: Comparison, how: str, key: str, *, most: int = MOST_CLASSES, always: bool = False
) -> Part:
    """Show the choice of the part, with a button that leads back to the groups.

    Args:
        how: the order of classes.
        key: key of the select box.
        most: a matrix with more classes begins with groups.
        always: also show it for fewer classes.
    """
    count = len(comparison.class_names)
    root = class_groups.class_groups(comparison, how)
    if count <= (FEW if always else most):
        return part_of(root, (), parted=how == "hierarchy")
    now = part(comparison, how, most)
    start = (GROUPS,) if count > most else (EVERYTHING,)
    options = [*dict.fromkeys((*start, GROUPS)), *(group.name for group, _ in root.walk())]
    shown = text.both(now.names) if now.names else start[0]
    if shown not in options:
        options.append(shown)
    st.session_state[key] = shown

    def chosen() -> None:
        name = st.session_state[key]
        if name and name != shown:
            state.update(group=() if name == start[0] else (name,))

    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="small", key=f"{key}-choice"
    ):
        st.selectbox(
            "Classes shown",
            options,
            key=key,
            width=420,
            format_func=lambda name: f"all {count:,} classes" if name == EVERYTHING else name,
            on_change=chosen,
            help=(
                "Show all classes, the means over groups of classes, or one or two groups in full."
                " Groups come from a hierarchy if there is one, else from the teacher's clusters"
                " or, in another order, from neighbours."
            ),
        )
        if now.names and now.names != (GROUPS,):
            above = root.above(now.names[0])
            back = (above.name,) if above.name != root.name else (GROUPS,)
            st.button(
                "Back to the groups" if above is root else f"Back to {above.name}",
                key=f"{key}-back",
                icon=":material/arrow_back:",
                on_click=open_groups,
                args=() if back == start else back,
            )
    return now
