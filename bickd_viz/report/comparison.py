"""The report on a whole comparison of a teacher and its students, in one file."""

from __future__ import annotations

from urllib.parse import urlencode

import pandas as pd

from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import (
    Comparison,
    inputs_sentence,
    preparation_sentence,
    seen_sentence,
    training_sentence,
)
from bickd_core.comparing.measures import class_order, summary
from bickd_core.comparing.report_data import ReportData
from bickd_core.data.registry import image_credit
from bickd_viz import tables
from bickd_viz.charts.training import Line, metric_lines
from bickd_viz.export.chart_export import ChartExport
from bickd_viz.report import charts, pictures
from bickd_viz.report.build import Figures, Part, Report, Section, versions
from bickd_viz.report.tables import compared_table, figures_table
from bickd_viz.scales import describe_ends
from bickd_viz.text import numbers, seeds
from bickd_viz.text.classes import groups_sentence
from bickd_viz.theme import ModelStyle, model_styles


def comparison_report(data: ReportData, *, address: str = "", created: str = "") -> Report:
    """Build the report on a comparison.

    Args:
        address: Address of the app ("http://host:8501/"), for the link to the same view.
        created: Date, as text.
    """
    comparison, lens = data.comparison, Lens(data.temperature)
    models = comparison.models
    styles = model_styles([(model.name, model.kind) for model in models])
    looks = {model.key: style for model, style in zip(models, styles, strict=True)}
    title, note = _finding(data)
    figures = figures_table(
        [
            (model.name, model.is_teacher, summary(comparison, model, data.temperature))
            for model in models
        ],
        comparison.noun,
    )
    return Report(
        title=title,
        note=note,
        compared=compared_table(
            [(m.name, m.key, m.info, n) for m, n in zip(models, comparison.n_each, strict=True)],
            split=comparison.split,
            n=comparison.n,
            noun=comparison.noun,
            seeds={model.key: data.recipes.seeds(model.key) for model in models},
        ),
        compared_note=compared_note(comparison),
        sections=[
            Section(
                "Every figure with its interval",
                [*charts.overview(data, looks), Figures("", figures), *_differences(data)],
                _scope(data),
            ),
            Section(
                "Which classes share probability",
                charts.grams(comparison, lens),
                _gram_note(data, lens),
            ),
            _over_classes(data, lens, looks),
            *pictures.maps(data),
            *pictures.images(data),
        ],
        link=address + view_query(data),
        versions=versions(),
        created=created,
        credit=image_credit(comparison.dataset),
    )


def view_query(data: ReportData) -> str:
    """The query that opens this comparison in the app. It holds only what differs from the
    defaults."""
    comparison, T = data.comparison, data.temperature
    query = {
        "teacher": comparison.teacher.key,
        "students": "~".join(model.key for model in comparison.students),
    }
    query |= {"split": comparison.split} if comparison.split != "test" else {}
    query |= {"temperature": f"{T:g}"} if T != 4.0 else {}
    return "?" + urlencode({name: value for name, value in query.items() if value}, safe="/~")


def _finding(data: ReportData) -> tuple[str, str]:
    """The title, and the sentences under it."""
    comparison, finding = data.comparison, data.finding
    if finding is None:
        return (
            (
                f"{comparison.teacher.info.arch or 'Predictions of a teacher'} on"
                f" {comparison.data_title}"
            ),
            "",
        )
    sentences = [
        seeds.finding_note(finding, data.temperature, comparison.noun),
        seeds.imported_note(finding),
        *seeds.finding_details(finding, comparison),
        *(f"Left out of the seeds: {reason}" for reason in data.left_out),
    ]
    return seeds.finding_title(finding), " ".join(filter(None, sentences))


def _differences(data: ReportData) -> list[Figures]:
    """The student in focus minus each other model."""
    finding = data.finding
    if finding is None:
        return []
    noun = data.comparison.noun
    rows = seeds.difference_rows(finding.student.name, finding.against_each, noun)
    title = f"{finding.student.name} minus each other model"
    return [Figures(title, pd.DataFrame(rows), " ".join(seeds.differences_note(finding, noun)))]


def compared_note(comparison: Comparison) -> str:
    """What differs between the models besides the method, and which networks were trained on the
    samples."""
    names = [model.name for model in comparison.models]
    infos = [model.info for model in comparison.models]
    sentences = (
        preparation_sentence(names, infos),
        inputs_sentence(names, infos),
        seen_sentence(names, infos, comparison.split),
        training_sentence(names, infos),
    )
    return " ".join(filter(None, sentences))


def _scope(data: ReportData) -> str:
    comparison = data.comparison
    most = max(comparison.n_each)
    shared = "" if comparison.n == most else f" that all models share, out of {numbers.count(most)}"
    return (
        f"{numbers.counted(comparison.n, f'{comparison.split} {comparison.noun}')} of"
        f" {comparison.data_title}{shared}. Probabilities are at T = {data.temperature:g}. The 95%"
        f" intervals are over {comparison.nouns}, not over seeds. If a method has several runs, its"
        " dot is the mean over its seeds and the thick bar is ± their standard deviation. The table"
        " shows the runs named above."
    )


def _gram_note(data: ReportData, lens: Lens) -> str:
    ends = charts.colour_ends(data.comparison, lens)
    scale = f" {describe_ends(ends)}." if ends[0] > 0 else ""
    order = class_order(data.comparison, "cluster")
    groups = charts.group_of_classes(data.comparison, order)
    means = f" {groups_sentence([len(group.members) for group in groups])}" if groups else ""
    cell = "A cosine" if groups else "Each cell"
    difference = ", but that of the difference" if data.comparison.students else ""
    return (
        f"One run of each model, named above, at T = {data.temperature:g}, not matched.{means}"
        f" {cell} is the cosine between two class columns of the probability matrix. Colour off the"
        " diagonal means that two classes share probability. Classes are in the teacher's cluster"
        f" order. All matrices share one colour scale{difference}.{scale} Overlap is corrected for"
        f" the number of {data.comparison.nouns}, matrices are not."
    )


def _over_classes(data: ReportData, lens: Lens, looks: dict[str, ModelStyle]) -> Section:
    comparison = data.comparison
    parts: list[Part] = [
        charts.angles(comparison, lens, looks),
        charts.class_overlap(comparison, lens, looks),
    ]
    lines = []
    for model in comparison.students:
        points = data.overlap_by_epoch.get(model.key, ())
        epochs, overlaps = [epoch for epoch, _ in points], [overlap for _, overlap in points]
        lines += [Line(looks[model.key], epochs, overlaps)] if epochs else []
    if lines:
        parts.append(
            ChartExport(
                "overlap-by-epoch", "Overlap by epoch",
                lambda: metric_lines(lines, "class overlap (mean cosine)", height=280),
                lambda: tables.lines_table(lines, value_name="overlap"),
                sentence="After each epoch, on the validation split at T = 4. "
                "Not corrected for the number of images.",
            )
        )  # fmt: skip
    return Section(
        "Angles, overlap of each class, overlap by epoch"
        if lines
        else "Angles and overlap of each class",
        parts,
    )
