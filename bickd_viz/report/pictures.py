"""Single samples in the report on a comparison: maps, and the images behind the most separated pair
of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.comparing.comparison import Model
from bickd_core.comparing.finding import separated_pair
from bickd_core.comparing.measures import displacement
from bickd_core.comparing.report_data import ReportData
from bickd_core.geometry.orthogonality import pair_contributions
from bickd_core.geometry.probabilities import class_probabilities
from bickd_core.wording import worded
from bickd_viz import tables
from bickd_viz.charts.map import map_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.colouring import highlighted
from bickd_viz.export.chart_export import ChartExport, file_name
from bickd_viz.report.build import Part, Section, Strip
from bickd_viz.text import numbers, seeds
from bickd_viz.text.class_geometry import PAIR_CHOSEN, separated_pair_title
from bickd_viz.text.classes import isolated
from bickd_viz.theme import LIGHT, model_styles

_MOST_IMAGES = 16


def maps(data: ReportData) -> list[Section]:
    """Return the stored maps of teacher, baseline and focused student, if all three have one."""
    comparison = data.comparison
    shown = {model.key for model in (comparison.teacher, comparison.baseline(), comparison.focus())}
    models = [model for model in comparison.models if model.key in shown and model.key in data.maps]
    if len(models) < len(shown):
        return []
    layout = data.maps[comparison.teacher.key].layout
    row, column = pair = separated_pair(comparison, data.temperature).classes
    scene = _scene(data, models, pair)
    note = numbers.sentence_for_map(
        method="UMAP",
        shown=comparison.n,
        total=max(comparison.n_each),
        seed=layout.seed,
        started_from_teacher=bool(comparison.students),
        noun=comparison.noun,
    )
    names = comparison.class_names
    return [
        Section(
            "Prediction maps",
            [_map(scene, k) for k in range(len(models))],
            f"{note} In colour: {names[row]} and {names[column]}.{_trustworthiness(data, models)}",
        )
    ]


def _trustworthiness(data: ReportData, models: Sequence[Model]) -> str:
    """The trustworthiness of each map; "" if none was measured."""
    found = [
        f"{model.name} {value:.2f}"
        for model in models
        if (value := data.maps[model.key].layout.trustworthiness) is not None and np.isfinite(value)
    ]
    return f" Trustworthiness: {', '.join(found)}." if found else ""


def _scene(data: ReportData, models: Sequence[Model], pair: tuple[int, int]) -> MapScene:
    comparison, T = data.comparison, data.temperature
    styles = model_styles([(model.name, model.kind) for model in models])
    predicted = [model.predictions.predicted for model in models]
    true = predicted if comparison.labels is None else [comparison.labels] * len(models)
    panels = [
        MapPanel(
            style=style,
            coordinates=data.maps[model.key].coordinates,
            key=model.key,
            predicted=model.predictions.predicted,
            moved=None if model.is_teacher else displacement(comparison, model, T),
        )
        for model, style in zip(models, styles, strict=True)
    ]
    return MapScene(
        panels,
        comparison.teacher.predictions.ids,
        highlighted(true, tuple(dict.fromkeys(pair)), comparison.class_names, LIGHT),
        class_names=comparison.class_names,
        labels=comparison.labels,
    )


def _map(scene: MapScene, k: int) -> ChartExport:
    name = scene.panels[k].style.name
    return ChartExport(
        file_name(f"map-{name}"),
        name,
        lambda: map_figure(scene, k, height=360, dragmode="pan"),
        lambda: tables.points_table(scene, k),
    )


def images(data: ReportData) -> list[Section]:
    """Return the images or texts behind the most separated pair, and those on which the student
    moved most."""
    comparison, T = data.comparison, data.temperature
    if not (data.pictures.any or data.pictures.texts) or not comparison.students:
        return []
    student, baseline = comparison.focus(), comparison.baseline()
    pair = separated_pair(comparison, T)
    row, column = pair.classes
    P = class_probabilities(baseline.predictions.logits, T, (row, column))
    carried = np.argsort(-pair_contributions(P, 0, 1), kind="stable")[:_MOST_IMAGES]
    moved = np.argsort(-displacement(comparison, student, T), kind="stable")[:_MOST_IMAGES]
    names = comparison.class_names
    predicted = [model.predictions.predicted for model in (comparison.teacher, student)]
    first = [f"{P[i, 0]:.0%} | {P[i, 1]:.0%}" for i in carried]
    second = [" | ".join(isolated(names[classes[i]]) for classes in predicted) for i in moved]
    title = separated_pair_title(
        student.name, baseline.called, names[row], names[column], separated=pair.separated
    )
    whole = ""
    if pair.separated and (finding := data.finding) is not None:
        whole = f"{seeds.pair_and_whole(finding, T, comparison.noun)} ".lstrip()
    strips: list[Part] = [
        _strip(
            data, f"{names[row]} and {names[column]}", carried, first,
            f"{title}. {whole}These {comparison.nouns} add most to the cosine in "
            f"{baseline.called}. Under each: its true class, then {baseline.called}'s probability "
            f"of the two classes at T = {T:g}. {worded(PAIR_CHOSEN, comparison.noun)}",
        ),
        _strip(
            data, f"Where {student.name} and the teacher differ most", moved, second,
            "Largest Hellinger distance in the full space of probabilities. Under each: "
            f"its true class, then the top-1 classes of the teacher and of {student.name}.",
        ),
    ]  # fmt: skip
    return [Section(f"{comparison.nouns.capitalize()} where the models differ", strips)]


def _strip(
    data: ReportData, title: str, places: np.ndarray, quiet: Sequence[str], sentence: str
) -> Strip:
    comparison, pictures = data.comparison, data.pictures
    ids, labels = comparison.teacher.predictions.ids[places].tolist(), comparison.labels
    lines = (
        [str(id) for id in ids]
        if labels is None
        else [comparison.class_names[c] for c in labels[places]]
    )
    shown = [
        (pictures.data_uri(id), line, more)
        for id, line, more in zip(ids, lines, quiet, strict=True)
    ]
    return Strip(title, shown, sentence, [pictures.caption(id) for id in ids])
