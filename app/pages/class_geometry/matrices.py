"""The four matrices of class geometry: teacher, student, difference and cross Gram, for all classes
or groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.components import class_parts, frame, matrix, style
from app.plain import st
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.class_groups import Part
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.scales import describe_ends, overlap_ends
from bickd_viz.text import class_geometry as text

FEW = 20
"""Up to this many rows, a matrix is drawn higher, because its names take room."""


@dataclass(frozen=True)
class Tile:
    """One matrix over all classes, and its card.

    Attributes:
        cell: The kind of selection that a click on a cell writes.
        empty: Which classes the model, or one of both models, never predicts, [C].
        ordered: Whether the rows are another model's classes than the columns.
    """

    key: str
    name: str
    note: str
    model: Model
    scene: MatrixScene
    empty: np.ndarray
    cell: str = "cell"
    ordered: bool = False


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
    part = class_parts.choose(comparison, how, "geometry-part", always=True)
    ends = _ends(comparison, student, lens)
    tiles = _tiles(comparison, student, lens, ends)
    pair = None
    if len(comparison.class_names) > 1:
        pair = frame.focused_pair(comparison, student, lens.temperature, most)
    looks = style.styles(comparison)
    columns = [column for _ in range(0, len(tiles), 2) for column in st.columns(2, gap="small")]
    for column, tile in zip(columns, tiles, strict=False):
        scene = class_parts.scene_of(
            part, replace(tile.scene, selected=pair), empty=tile.empty, ordered=tile.ordered
        )
        with column, st.container(border=True):
            style.model_title(looks[tile.model.key], tile.note, tile.name)
            matrix.show(
                scene,
                f"geometry-gram-{tile.key}",
                theme=style.theme(),
                on_cell=class_parts.on_cell(
                    part, frame.on_cell(comparison, tile.model, tile.cell, lens)
                ),
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
            values=class_geometry.gram_difference(own, teacher),
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
                ordered=True,
            ),
        ]
    return [
        replace(tile, scene=replace(tile.scene, label=f"{tile.name}: {tile.note}"))
        for tile in tiles
    ]


def _how_to(comparison: Comparison, part: Part, ends: tuple[float, float], lens: Lens) -> None:
    if part.groups:
        class_parts.explain(part)
        st.caption(f"{describe_ends(ends)}.")
        return
    scale = ""
    if ends != (0.0, 1.0) and not lens.centred:
        scale = f" {describe_ends(ends)}; the diagonal is 1."
    st.caption(
        f"Click a cell to see its {comparison.nouns}. Drag to zoom, double-click to zoom out."
        f"{scale}"
    )
