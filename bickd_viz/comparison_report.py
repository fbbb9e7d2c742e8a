"""The report on a whole comparison: what the pages say of a teacher and its students, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import numpy as np

from bickd_core.comparing import Measured, MeasuredComparison
from bickd_core.data import image_credit
from bickd_core.geometry import Interval
from bickd_viz import comparison_pictures, tables, text
from bickd_viz.charts import (
    Line,
    Row,
    angles,
    leakage_ranking,
    matrix_figure,
    metric_lines,
    whisker_rows,
)
from bickd_viz.exhibit import Exhibit, file_name
from bickd_viz.report import Figures, Part, Report, Section, versions
from bickd_viz.report_tables import FIGURES, compared_table, figures_table
from bickd_viz.seeds_text import accuracy_note
from bickd_viz.theme import ModelStyle, model_styles

_CARDS = 4


def comparison_report(of: MeasuredComparison, *, address: str = "", made: str = "") -> Report:
    """The report on `of`.

    address: of the app ("http://host:8501/"), for the link that shows the same; made: date, as text.
    """
    looks = dict(
        zip((m.key for m in of.models), model_styles([(m.name, m.kind) for m in of.models]), strict=True)
    )
    title, note = _finding(of)
    return Report(
        title=title,
        note=note,
        compared=compared_table(
            [(m.name, m.key, m.info, n) for m, n in zip(of.models, of.n_each, strict=True)],
            split=of.split,
            n=of.n,
        ),
        sections=[
            Section("Every figure with its interval", _figures(of, looks), _scope(of)),
            Section("How each model overlaps its classes", _grams(of, looks), _gram_note(of)),
            Section("What the matrices add up to", _over_classes(of, looks)),
            *comparison_pictures.maps(of),
            *comparison_pictures.images(of),
        ],
        link=address + view_query(of),
        versions=versions(),
        made=made,
        credit=image_credit(of.dataset),
    )


def view_query(of: MeasuredComparison) -> str:
    """What stands after the app's address to open this comparison: only what differs from its defaults."""
    query = {"teacher": of.teacher.key, "students": "~".join(m.key for m in of.students)}
    query |= {"split": of.split} if of.split != "test" else {}
    query |= {"temperature": f"{of.temperature:g}"} if of.temperature != 4.0 else {}
    return "?" + urlencode({name: value for name, value in query.items() if value}, safe="/~")


def _finding(of: MeasuredComparison) -> tuple[str, str]:
    student, other = of.focus(), of.baseline()
    mine, theirs = student.summary, other.summary
    if not of.students or mine.overlap is None or theirs.overlap is None:
        return f"{of.teacher.info.arch} on {of.data_title}", ""
    matched = [None if s.overlap_matched is None else s.overlap_matched.estimate for s in (mine, theirs)]
    title = text.headline(
        student.name,
        other.called,
        mine.overlap.estimate,
        theirs.overlap.estimate,
        difference=of.overlap_difference(student, other),
        agreement=None if mine.agreement is None else mine.agreement.estimate,
        baseline_agreement=None
        if other.kind == "teacher" or theirs.agreement is None
        else theirs.agreement.estimate,
        matched=matched[0],
        baseline_matched=matched[1],
        matched_difference=of.overlap_difference(student, other, matched=True),
    )
    note = text.headline_note(
        mine.overlap,
        theirs.overlap,
        temperature=of.temperature,
        images=of.n,
        split=of.split,
        matched=matched[0],
        baseline_matched=matched[1],
    )
    gain = of.accuracy_difference(student, other)
    if gain is not None and mine.accuracy is not None and theirs.accuracy is not None:
        ours, their_own = mine.accuracy.estimate, theirs.accuracy.estimate
        over = of.compare_over_seeds(student, other)
        note += " " + accuracy_note(student.name, other.called, ours, their_own, gain, over)
    if any(m.kind == "bickd" for m in (student, other)):
        note += " BicKD here is a reconstruction from the paper's abstract."
    return title, note


def _scope(of: MeasuredComparison) -> str:
    most = max(of.n_each)
    of_all = "" if of.n == most else f" that all models have, of {text.count(most)}"
    return (
        f"{text.counted(of.n, f'{of.split} image')} of {of.data_title}{of_all}; probabilities at T = {of.temperature:g}; "
        "95% intervals over images, not over seeds."
    )


def _of(model: Measured, field: str, with_teacher: bool) -> Interval | None:
    return None if model.kind == "teacher" and not with_teacher else getattr(model.summary, field)


def _figures(of: MeasuredComparison, looks: dict[str, ModelStyle]) -> list[Part]:
    parts: list[Part] = []
    for field, title, note, axis, fmt, with_teacher in FIGURES[:_CARDS]:
        rows = []
        for model in of.models:
            found = _of(model, field, with_teacher)
            if found is not None or with_teacher or model.kind != "teacher":
                known = (None, None, None) if found is None else (found.estimate, found.low, found.high)
                rows.append(Row(looks[model.key], *known))
        parts.append(
            whisker_exhibit(field.replace("_", "-"), title, rows, fmt=fmt, sentence=note, x_title=axis)
        )
    table = figures_table([(m.name, m.kind == "teacher", m.summary) for m in of.models])
    return [*parts, Figures("", table)]


def whisker_exhibit(
    name: str, title: str, rows: Sequence[Row], *, fmt: str = "number", sentence: str = "", x_title: str = ""
) -> Exhibit:
    """Dots with whiskers and their table."""
    return Exhibit(
        name,
        title,
        lambda: whisker_rows(rows, fmt=fmt),
        lambda: tables.whisker_table(rows),
        sentence=sentence,
        x_title=x_title,
    )


def _gram_note(of: MeasuredComparison) -> str:
    return (
        "Cosine between the class columns of the probability matrix, classes in the teacher's cluster order, one "
        "scale. Colour off the diagonal means two classes that share probability."
    )


def _grams(of: MeasuredComparison, looks: dict[str, ModelStyle]) -> list[Part]:
    top = 0.6 if len(of.class_names) > 20 else 1.0
    student = of.focus()
    found: list[tuple[str, str, np.ndarray, str, float, float]] = []
    for model in of.models:
        overlap = "" if model.geometry.overlap is None else f", overlap {text.number(model.geometry.overlap)}"
        found.append((model.name, f"{model.name}{overlap}", model.geometry.gram, "cosine", 0.0, top))
    if student.cross is not None:
        less = student.geometry.gram - of.teacher.geometry.gram
        title = f"{student.name} − teacher (below 0: further apart)"
        found.append((f"{student.name}-minus-teacher", title, less, "difference", -0.4, 0.4))
        title = f"Teacher (rows) × {student.name} (columns)"
        found.append((f"teacher-by-{student.name}", title, student.cross.gram, "cosine", 0.0, top))
    return [_matrix(of, *each) for each in found]


def _matrix(
    of: MeasuredComparison, name: str, title: str, values: np.ndarray, what: str, low: float, high: float
) -> Exhibit:
    return Exhibit(
        file_name(f"gram-{name}"),
        title,
        lambda: matrix_figure(
            values,
            of.class_names,
            order=of.order,
            zmin=low,
            zmax=high,
            scale="diverging" if low < 0 else "sequential",
            value_name=what,
            clickable=False,
        ),
        lambda: tables.matrix_table(values, of.class_names, order=of.order, value_name=what),
        x_title="class",
        y_title="class",
    )


def _over_classes(of: MeasuredComparison, looks: dict[str, ModelStyle]) -> list[Part]:
    pairs = []
    for model in of.models:
        used = np.flatnonzero(~model.geometry.empty)
        gram = model.geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        pairs.append((looks[model.key], np.degrees(np.arccos(cosines))))
    leaks = [(looks[m.key], np.where(m.geometry.empty, np.nan, m.geometry.leakage)) for m in of.models]
    parts: list[Part] = [
        Exhibit(
            "angles", "Angles between classes", lambda: angles(pairs, height=300), lambda: tables.angles_table(pairs),
            sentence="All pairs of classes; 90° is orthogonal.", y_title="share of class pairs (%)",
        ),
        Exhibit(
            "leakage", "Classes that leak most",
            lambda: leakage_ranking(leaks, of.class_names, top=10, x_title="leakage (mean cosine)"),
            lambda: tables.ranking_table(leaks, of.class_names),
            sentence="Mean cosine of a class with all others, ordered by the teacher.",
        ),
    ]  # fmt: skip
    lines = []
    for model in of.students:
        epochs, overlaps = [e for e, _ in model.overlap_by_epoch], [o for _, o in model.overlap_by_epoch]
        lines += [Line(looks[model.key], epochs, overlaps)] if epochs else []
    if lines:
        parts.append(
            Exhibit(
                "overlap-by-epoch", "Overlap while they learned",
                lambda: metric_lines(lines, "class overlap (mean cosine)", height=280),
                lambda: tables.lines_table(lines, value_name="overlap"),
                sentence="On the validation split at T = 4, after each epoch.",
            )
        )  # fmt: skip
    return parts
