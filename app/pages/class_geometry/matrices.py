"""The four matrices of class geometry: teacher, student, difference and cross Gram, for all classes
or groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.components import frame, matrix, style
from app.data import class_groups
from app.data.class_groups import Group
from app.plain import st
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.orthogonality import group_means
from bickd_viz import ModelStyle
from bickd_viz.scales import overlap_ends, said_ends
from bickd_viz.text import class_geometry as words

MOST_CLASSES = 200
"""Up to this many classes, a matrix shows each class. With more, it starts with groups of
classes."""
FEW = 20
"""Up to this many classes, there is no choice of groups."""
MOST_BLOCKS = 30
"""Up to this many superclasses, lines are drawn between them."""
EVERYTHING, GROUPS = "all classes", "groups of classes"


@dataclass(frozen=True)
class Tile:
    """One matrix: its values [C, C], the classes to leave out, and how to draw it."""

    key: str
    name: str
    note: str
    style: ModelStyle
    model: Model
    values: np.ndarray
    empty: np.ndarray
    difference: bool = False


def show(
    comparison: Comparison,
    student: Model,
    lens: Lens,
    how: str,
    most: tuple[int, int] | None = None,
) -> None:
    """Draw the matrices, two in a row. A click on a class cell focuses that pair, a click on a
    group's cell zooms in.

    Args:
        most: The pair in the title. It is outlined if no pair was chosen.
    """
    part = _choose_part(comparison, how)
    tiles = _tiles(comparison, student, lens)
    ends = overlap_ends([tile.values for tile in tiles if not tile.difference])
    pair = (
        frame.focused_pair(comparison, student, lens.temperature, most)
        if len(comparison.class_names) > 1
        else None
    )
    for start in range(0, len(tiles), 2):
        for place, tile in zip(st.columns(2, gap="small"), tiles[start : start + 2], strict=False):
            with place, st.container(border=True):
                style.model_title(tile.style, tile.note, tile.name)
                _draw(comparison, student, lens, how, tile, part, ends, pair)
    _how_to(comparison, part, ends, lens)


def _tiles(comparison: Comparison, student: Model, lens: Lens) -> list[Tile]:
    looks = style.styles(comparison)
    teacher = class_geometry.gram(comparison, comparison.teacher, lens)
    tiles = [
        Tile(
            "teacher", "Teacher",
            f"class Gram, {words.at_temperature(lens.at(comparison, comparison.teacher))}",
            looks[comparison.teacher.key], comparison.teacher, teacher.gram, teacher.empty,
        )
    ]  # fmt: skip
    if not comparison.students:
        return tiles
    own, across = (
        class_geometry.gram(comparison, student, lens),
        class_geometry.cross_gram(comparison, student, lens),
    )
    consistency = class_geometry.cross_gram_figures(comparison, student, lens).consistency
    look, either = looks[student.key], teacher.empty | own.empty
    return [
        *tiles,
        Tile(
            "student", student.name,
            f"class Gram, {words.at_temperature(lens.at(comparison, student))}",
            look, student, own.gram, own.empty,
        ),
        Tile(
            "difference", f"{student.name} − teacher", "below 0: further apart",
            look, student, own.gram - teacher.gram, either, difference=True,
        ),
        Tile(
            "cross", f"Teacher × {student.name}",
            "cross Gram" if consistency is None else f"cross Gram, diagonal {consistency.text(2)}",
            look, student, across.gram, either,
        ),
    ]  # fmt: skip


def _draw(
    comparison: Comparison,
    student: Model,
    lens: Lens,
    how: str,
    tile: Tile,
    part: str,
    ends: tuple[float, float],
    pair: tuple[int, int] | None,
) -> None:
    groups = class_groups.class_groups(comparison, how)
    blocks: list[tuple[str, int]] = []
    if part == GROUPS:
        values, names = _by_group(tile, groups, len(comparison.class_names))
        order, selected, on_cell = None, None, _zoom_into(groups)
    else:
        members = _members(comparison, how, part, groups)
        place = {c: i for i, c in enumerate(members)}
        if how == "hierarchy" and len(groups) <= MOST_BLOCKS:
            blocks = [(g.name, len(g.members)) for g in groups if place.keys() >= set(g.members)]
        values = tile.values[np.ix_(members, members)]
        names, order = [comparison.class_names[c] for c in members], None
        inside = pair is not None and pair[0] in place and pair[1] in place
        selected = (place[pair[0]], place[pair[1]]) if pair is not None and inside else None
        on_cell = _choose_cell(
            frame.on_cell(comparison, tile.model, "cross" if tile.key == "cross" else "cell", lens),
            members,
        )
    low, high, scale = *ends, "sequential"
    if tile.difference:
        low, high, scale = -0.4, 0.4, "diverging"
    elif lens.centred:
        low, high, scale = -ends[1], ends[1], "diverging"
    across = tile.key == "cross"
    what = lens.what
    matrix.show(
        values,
        names,
        key=f"geometry-gram-{tile.key}",
        theme=style.theme(),
        order=order,
        zmin=low,
        zmax=high,
        scale=scale,
        selected=selected,
        x_title=f"{student.name}'s classes" if across else "",
        y_title="teacher's classes" if across else "",
        value_name=(
            f"difference in {what}"
            if tile.difference
            else (f"mean {what}" if part == GROUPS else what)
        ),
        on_cell=on_cell,
        blocks=blocks,
        label=f"{tile.name}: {tile.note}",
        height=430 if len(names) > FEW else 460,
    )


def _by_group(tile: Tile, groups: tuple[Group, ...], count: int) -> tuple[np.ndarray, list[str]]:
    """Mean over all pairs of classes from two groups; 0 if there is no pair."""
    label = [""] * count
    for i, group in enumerate(groups):
        for c in group.members:
            label[c] = str(i)
    means, found = group_means(tile.values, tile.empty, label)
    back = np.argsort([int(name) for name in found])
    return np.nan_to_num(means[np.ix_(back, back)]), [group.name for group in groups]


def _members(comparison: Comparison, how: str, part: str, groups: tuple[Group, ...]) -> list[int]:
    if part == EVERYTHING:
        return class_groups.order_of_classes(comparison, how).tolist()
    wanted = part.split(" with ")
    return [
        c for group in groups if group.name in wanted or group.name == part for c in group.members
    ]


def _choose_part(comparison: Comparison, how: str) -> str:
    """Choose the classes that all four matrices show."""
    count = len(comparison.class_names)
    if count <= FEW:
        return EVERYTHING
    names = [group.name for group in class_groups.class_groups(comparison, how)]
    options = [*([EVERYTHING] if count <= MOST_CLASSES else []), GROUPS, *names]
    key = "geometry-part"
    now = str(st.session_state.get(key, ""))
    if now not in options:
        first, _, second = now.partition(" with ")
        if first in names and second in names:
            options.append(now)
        else:
            st.session_state[key] = options[0]
    return st.selectbox(
        "Classes shown",
        options,
        key=key,
        width=420,
        format_func=lambda part: f"all {count} classes" if part == EVERYTHING else part,
        help=(
            "Show all classes, the means over groups of classes, or one or two groups in full."
            " Groups are superclasses, branches of the teacher's dendrogram, or neighbours in the"
            " chosen order."
        ),
    )


def _zoom_into(groups: tuple[Group, ...]) -> Callable[[int, int], None]:
    def clicked(row: int, column: int) -> None:
        names = dict.fromkeys((groups[row].name, groups[column].name))
        st.session_state["geometry-part"] = " with ".join(names)

    return clicked


def _choose_cell(
    chosen: Callable[[int, int], None], members: list[int]
) -> Callable[[int, int], None]:
    return lambda row, column: chosen(members[row], members[column])


def _how_to(comparison: Comparison, part: str, ends: tuple[float, float], lens: Lens) -> None:
    count = len(comparison.class_names)
    if part == GROUPS:
        st.caption(
            "Each cell is the mean over all pairs of classes from two groups. Click a cell to see"
            f" its classes one by one. {said_ends(ends)}.",
            help=f"The groups hold {count:,} classes. A class is never paired with itself.",
        )
        return
    said = (
        f"{said_ends(ends)}; the diagonal is 1." if ends != (0.0, 1.0) and not lens.centred else ""
    )
    st.caption(
        f"Click a cell to see its {comparison.nouns}. Drag to zoom, double-click to zoom out."
        f" {said}"
    )
