"""The four matrices of class geometry: teacher, student, difference and cross Gram, for all classes
or groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from app.components import frame, matrix, style
from app.data import class_groups
from app.data.class_groups import Group
from app.plain import st
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.orthogonality import group_means
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.scales import describe_ends, overlap_ends
from bickd_viz.text import class_geometry as text

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
    """One matrix over all classes, and its card.

    Attributes:
        cell: The kind of selection that a click on a cell writes.
        empty: Which classes the model, or one of both models, never predicts, [C].
    """

    key: str
    name: str
    note: str
    model: Model
    scene: MatrixScene
    empty: np.ndarray
    cell: str = "cell"


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
    groups = class_groups.class_groups(comparison, how)
    ends = _ends(comparison, student, lens)
    tiles = _tiles(comparison, student, lens, ends)
    if part == GROUPS:
        drawn = [(_by_group(tile, groups), _zoom_into(groups)) for tile in tiles]
    else:
        members = _members(comparison, how, part, groups)
        blocks = _blocks(members, groups) if how == "hierarchy" else []
        pair = None
        if len(comparison.class_names) > 1:
            pair = frame.focused_pair(comparison, student, lens.temperature, most)
        drawn = [
            (
                _of_classes(tile.scene, members, pair, blocks),
                _choose_cell(frame.on_cell(comparison, tile.model, tile.cell, lens), members),
            )
            for tile in tiles
        ]
    looks = style.styles(comparison)
    columns = [column for _ in range(0, len(tiles), 2) for column in st.columns(2, gap="small")]
    for column, tile, (scene, on_cell) in zip(columns, tiles, drawn, strict=False):
        with column, st.container(border=True):
            style.model_title(looks[tile.model.key], tile.note, tile.name)
            matrix.show(
                scene,
                f"geometry-gram-{tile.key}",
                theme=style.theme(),
                on_cell=on_cell,
                height=430 if len(scene.class_names) > FEW else 460,
            )
    _how_to(comparison, part, ends, lens)


def _ends(comparison: Comparison, student: Model, lens: Lens) -> tuple[float, float]:
    """The ends of the colour scale that all Grams share."""
    grams = [class_geometry.gram(comparison, comparison.teacher, lens).gram]
    if comparison.students:
        grams.append(class_geometry.gram(comparison, student, lens).gram)
        grams.append(class_geometry.cross_gram(comparison, student, lens).gram)
    return overlap_ends(grams)


def _tiles(
    comparison: Comparison, student: Model, lens: Lens, ends: tuple[float, float]
) -> list[Tile]:
    teacher = class_geometry.gram(comparison, comparison.teacher, lens)
    gram = MatrixScene(
        teacher.gram,
        comparison.class_names,
        ends=(-ends[1], ends[1]) if lens.centred else ends,
        scale="diverging" if lens.centred else "sequential",
        value_name=lens.what,
    )
    note = f"class Gram, {text.at_temperature(lens.at(comparison, comparison.teacher))}"
    tiles = [Tile("teacher", "Teacher", note, comparison.teacher, gram, teacher.empty)]
    if comparison.students:
        own = class_geometry.gram(comparison, student, lens)
        across = class_geometry.cross_gram(comparison, student, lens)
        consistency = class_geometry.cross_gram_figures(comparison, student, lens).consistency
        either = teacher.empty | own.empty
        note = f"class Gram, {text.at_temperature(lens.at(comparison, student))}"
        difference = replace(
            gram,
            values=own.gram - teacher.gram,
            ends=(-0.4, 0.4),
            scale="diverging",
            value_name=f"difference in {lens.what}",
        )
        cross = replace(
            gram,
            values=across.gram,
            x_title=f"{student.name}'s classes",
            y_title="teacher's classes",
        )
        diagonal = "" if consistency is None else f", diagonal {consistency.text(2)}"
        tiles += [
            Tile("student", student.name, note, student, replace(gram, values=own.gram), own.empty),
            Tile(
                "difference",
                f"{student.name} − teacher",
                "below 0: further apart",
                student,
                difference,
                either,
            ),
            Tile(
                "cross",
                f"Teacher × {student.name}",
                f"cross Gram{diagonal}",
                student,
                cross,
                either,
                "cross",
            ),
        ]
    return [
        replace(tile, scene=replace(tile.scene, label=f"{tile.name}: {tile.note}"))
        for tile in tiles
    ]


def _of_classes(
    scene: MatrixScene,
    members: list[int],
    pair: tuple[int, int] | None,
    blocks: list[tuple[str, int]],
) -> MatrixScene:
    """The part of the matrix with these classes, in their order."""
    selected = None
    if pair is not None and set(pair) <= set(members):
        selected = (members.index(pair[0]), members.index(pair[1]))
    return replace(
        scene,
        values=scene.values[np.ix_(members, members)],
        class_names=[scene.class_names[c] for c in members],
        selected=selected,
        blocks=blocks,
    )


def _blocks(members: list[int], groups: tuple[Group, ...]) -> list[tuple[str, int]]:
    """The name and the size of each superclass that is shown in full."""
    if len(groups) > MOST_BLOCKS:
        return []
    shown = set(members)
    return [(group.name, len(group.members)) for group in groups if shown >= set(group.members)]


def _by_group(tile: Tile, groups: tuple[Group, ...]) -> MatrixScene:
    """Mean over all pairs of classes from two groups; 0 if there is no pair."""
    scene = tile.scene
    group_of = [""] * len(scene.class_names)
    for i, group in enumerate(groups):
        for c in group.members:
            group_of[c] = str(i)
    means, places = group_means(scene.values, tile.empty, group_of)
    back = np.argsort([int(place) for place in places])
    difference = tile.key == "difference"
    return replace(
        scene,
        values=np.nan_to_num(means[np.ix_(back, back)]),
        class_names=[group.name for group in groups],
        value_name=scene.value_name if difference else f"mean {scene.value_name}",
    )


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
            f" its classes one by one. {describe_ends(ends)}.",
            help=f"The groups hold {count:,} classes. A class is never paired with itself.",
        )
        return
    scale = ""
    if ends != (0.0, 1.0) and not lens.centred:
        scale = f" {describe_ends(ends)}; the diagonal is 1."
    st.caption(
        f"Click a cell to see its {comparison.nouns}. Drag to zoom, double-click to zoom out."
        f"{scale}"
    )
