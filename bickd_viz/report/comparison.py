"""The report on a whole comparison of a teacher and its students, in one file."""

from __future__ import annotations

from urllib.parse import urlencode

from bickd_core.comparing.comparison import MeasuredComparison, preparation_sentence
from bickd_core.data import image_credit
from bickd_viz import tables
from bickd_viz.charts import Line, metric_lines
from bickd_viz.export.chart_export import Exhibit
from bickd_viz.report import charts, pictures
from bickd_viz.report.build import Figures, Part, Report, Section, versions
from bickd_viz.report.tables import compared_table, figures_table
from bickd_viz.scales import said_ends
from bickd_viz.text import numbers, seeds
from bickd_viz.theme import ModelStyle, model_styles


def comparison_report(of: MeasuredComparison, *, address: str = "", made: str = "") -> Report:
    """Build the report on a comparison.

    Args:
        address: Address of the app ("http://host:8501/"), for the link to the same view.
        made: Date, as text.
    """
    looks = dict(
        zip((m.key for m in of.models), model_styles([(m.name, m.kind) for m in of.models]), strict=True)
    )
    title, note = _finding(of)
    figures = figures_table([(m.name, m.kind == "teacher", m.summary) for m in of.models], of.noun)
    return Report(
        title=title,
        note=note,
        compared=compared_table(
            [(m.name, m.key, m.info, n) for m, n in zip(of.models, of.n_each, strict=True)],
            split=of.split,
            n=of.n,
            noun=of.noun,
        ),
        sections=[
            Section(
                "Every figure with its interval",
                [*charts.overview(of, looks), Figures("", figures)],
                _scope(of),
            ),
            Section("Which classes each model mixes", charts.grams(of), _gram_note(of)),
            Section("Angles, leakage and overlap by epoch", _over_classes(of, looks)),
            *pictures.maps(of),
            *pictures.images(of),
        ],
        link=address + view_query(of),
        versions=versions(),
        made=made,
        credit=image_credit(of.dataset),
    )


def view_query(of: MeasuredComparison) -> str:
    """The query that opens this comparison in the app. It holds only what differs from the defaults."""
    query = {"teacher": of.teacher.key, "students": "~".join(m.key for m in of.students)}
    query |= {"split": of.split} if of.split != "test" else {}
    query |= {"temperature": f"{of.temperature:g}"} if of.temperature != 4.0 else {}
    return "?" + urlencode({name: value for name, value in query.items() if value}, safe="/~")


def _finding(of: MeasuredComparison) -> tuple[str, str]:
    compared = of.compared()
    if not compared:
        return f"{of.teacher.info.arch or 'Predictions of a teacher'} on {of.data_title}", ""
    student, other = of.focus(), of.baseline()
    found = compared[other.called]
    sentences = [
        seeds.note(student.name, other.called, found, of.noun),
        seeds.note_detail(found, of.noun),
        seeds.against_all(student.name, compared) if len(compared) > 1 else "",
        seeds.how(student.name, other.called, found, n=of.n, split=of.split, noun=of.noun),
        *(f"Left out of the seeds: {reason}" for reason in of.left_out),
        "BicKD is a reconstruction from the paper's abstract."
        if any(m.kind == "bickd" for m in (student, other))
        else "",
    ]
    title = seeds.headline(student.name, other.called, found)
    return title, " ".join(filter(None, sentences))


def _scope(of: MeasuredComparison) -> str:
    most = max(of.n_each)
    shared = "" if of.n == most else f" that all models share, out of {numbers.count(most)}"
    return (
        f"{numbers.counted(of.n, f'{of.split} {of.noun}')} of {of.data_title}{shared}. Probabilities are at T = {of.temperature:g}. "
        f"The 95% intervals are over {of.nouns}, not over seeds. If a method has several runs, its dot is the mean over its "
        "seeds and the thick bar is ± their standard deviation. The table shows the runs named above."
        f" {preparation_sentence([m.name for m in of.models], [m.info for m in of.models])}".rstrip()
    )


def _gram_note(of: MeasuredComparison) -> str:
    ends = charts.colour_ends(of)
    said = f" {said_ends(ends)}." if ends[0] > 0 else ""
    return (
        "Each cell is the cosine between two class columns of the probability matrix. Colour off the diagonal means that "
        "two classes share probability. Classes are in the teacher's cluster order. All matrices share one colour scale."
        f"{said}"
    )


def _over_classes(of: MeasuredComparison, looks: dict[str, ModelStyle]) -> list[Part]:
    parts: list[Part] = [charts.angles(of, looks), charts.leakage(of, looks)]
    lines = []
    for model in of.students:
        epochs, overlaps = [e for e, _ in model.overlap_by_epoch], [o for _, o in model.overlap_by_epoch]
        lines += [Line(looks[model.key], epochs, overlaps)] if epochs else []
    if lines:
        parts.append(
            Exhibit(
                "overlap-by-epoch", "Overlap by epoch",
                lambda: metric_lines(lines, "class overlap (mean cosine)", height=280),
                lambda: tables.lines_table(lines, value_name="overlap"),
                sentence="After each epoch, on the validation split at T = 4. Not corrected for the number of images.",
            )
        )  # fmt: skip
    return parts
