"""Single samples in the report on a comparison: maps, and the images behind the most separated pair of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.comparing.comparison import Measured, MeasuredComparison
from bickd_core.geometry import pair_contributions
from bickd_viz import tables
from bickd_viz.charts import prediction_map, shared_frame
from bickd_viz.export.chart_export import Exhibit, file_name
from bickd_viz.report.build import Part, Section, Strip
from bickd_viz.text import numbers
from bickd_viz.text.class_geometry import telling_pair_title

_MOST_IMAGES = 16


def maps(of: MeasuredComparison) -> list[Section]:
    """Return the stored maps of teacher, baseline and focused student, if all three have one."""
    shown = list(dict.fromkeys(m.key for m in (of.teacher, of.baseline(), of.focus())))
    models = [m for m in of.models if m.key in shown and m.coordinates is not None]
    first = of.teacher.layout
    if first is None or len(models) < len(shown):
        return []
    pair = of.telling_pair()
    limits = shared_frame([m.coordinates for m in models if m.coordinates is not None])
    note = numbers.sentence_for_map(
        method="UMAP", shown=of.n, total=max(of.n_each), seed=first.seed, started_from_teacher=True,
        trustworthiness=first.trustworthiness, noun=of.noun,
    )  # fmt: skip
    row, column = (of.class_names[c] for c in pair)
    return [
        Section(
            "Prediction maps",
            [_map(of, m, pair, limits) for m in models],
            f"{note} In colour: {row} and {column}.",
        )
    ]


def _map(of: MeasuredComparison, model: Measured, pair: tuple[int, int], limits) -> Exhibit:
    assert model.coordinates is not None
    xy = model.coordinates
    ids = of.teacher.predictions.ids
    said, names = model.predictions.predicted, of.class_names
    return Exhibit(
        file_name(f"map-{model.name}"),
        model.name,
        lambda: prediction_map(
            xy, ids=ids, labels=of.labels, predicted=said, class_names=names,
            highlight_classes=tuple(dict.fromkeys(pair)), frame=limits, height=360, dragmode="pan",
        ),
        lambda: tables.points_table(
            xy, ids=ids, labels=of.labels, predicted=said, class_names=names, displacement=model.displacement
        ),
    )  # fmt: skip


def images(of: MeasuredComparison) -> list[Section]:
    """Return the images or texts behind the most separated pair, and those on which the student moved most."""
    if not (of.pictures.any or of.pictures.texts) or not of.students:
        return []
    student, other, (row, column) = of.focus(), of.baseline(), of.telling_pair()
    P = other.predictions.probabilities(of.temperature)
    carried = np.argsort(-pair_contributions(P, row, column), kind="stable")[:_MOST_IMAGES]
    moved = np.argsort(-student.displacement, kind="stable")[:_MOST_IMAGES]
    names = of.class_names
    said = [m.predictions.predicted for m in (of.teacher, student)]
    first = [f"{P[i, row]:.0%} | {P[i, column]:.0%}" for i in carried]
    second = [" | ".join(names[who[i]] for who in said) for i in moved]
    strips: list[Part] = [
        _strip(
            of, f"{names[row]} and {names[column]}", carried, first,
            f"{telling_pair_title(student.name, other.called, names[row], names[column], separated=of.separates())}. These {of.nouns} "
            f"add most to the cosine in {other.called}. Under each: its true class, then {other.called}'s probability of the "
            f"two classes at T = {of.temperature:g}.",
        ),
        _strip(
            of, f"Where {student.name} and the teacher differ most", moved, second,
            "Largest Hellinger distance in the full space of probabilities. Under each: its true class, then the top-1 "
            f"classes of the teacher and of {student.name}.",
        ),
    ]  # fmt: skip
    return [Section(f"{of.nouns.capitalize()} where the models differ", strips)]


def _strip(
    of: MeasuredComparison, title: str, places: np.ndarray, quiet: Sequence[str], sentence: str
) -> Strip:
    ids = of.teacher.predictions.ids[places].tolist()
    lines = [str(id) for id in ids] if of.labels is None else [of.class_names[c] for c in of.labels[places]]
    pictures = [
        (of.pictures.data_uri(id), line, more) for id, line, more in zip(ids, lines, quiet, strict=True)
    ]
    return Strip(title, pictures, sentence, [of.pictures.words(id) for id in ids])
