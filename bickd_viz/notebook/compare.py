"""Compare predictions in Python, for example in a notebook: figures as data frames, charts as on
the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bickd_core.atomic import atomic_write
from bickd_core.comparing.comparison import TEACHER, Comparison, Model
from bickd_core.comparing.figures import FIGURES, Figure
from bickd_core.comparing.measures import summary
from bickd_core.comparing.report_data import ReportData
from bickd_core.comparing.seeds import Recipes, Scored, scored
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.summary import Summary
from bickd_core.naming import not_known
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.info import Source
from bickd_core.runs.library import RunInfo
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.thumbnails import Thumbnails

if TYPE_CHECKING:
    import pandas as pd

    from bickd_viz.notebook.charts import Plots

_DATA = "the given predictions"
"""What reports call the data."""
NO_LABELS = "no model has any; pass `labels` to Predictions.from_arrays."
"""The end of a sentence on what needs true labels."""


def compare(
    teacher: Predictions,
    students: Mapping[str, Predictions] | Iterable[Predictions] | Predictions = (),
    *,
    temperature: float = 1.0,
    theme: Literal["light", "dark"] = "light",
) -> NotebookComparison:
    """Compare a teacher with its students on the samples that they share.

    Samples are matched by id and classes by name.

    Args:
        teacher: predictions of the teacher.
        students: {name: predictions}; or a list, whose members are called "student 1", "student 2",
            ...; or one student. Names of methods ("KD", "BicKD") have their colours of the pages.
        temperature: T of the overlaps, KL and score, above 0; the pages open imported predictions
            at 1 as well. Accuracy, agreement and ECE do not depend on it.
        theme: of the charts.

    Raises:
        PredictionsError: the models have other classes, no sample in common, labels that
            contradict, or other numbers of samples and no ids.
    """
    if isinstance(students, Predictions):
        students = [students]
    named = students if isinstance(students, Mapping) else _numbered(list(students))
    models = {TEACHER: teacher, **{str(name): own for name, own in named.items()}}
    if TEACHER in map(str, named):
        raise PredictionsError(f"a student must have another name than '{TEACHER}'; rename it.")
    for name, own in models.items():
        if not isinstance(own, Predictions):
            raise PredictionsError(
                f"{name} must be Predictions, got {type(own).__name__}; make them with "
                "Predictions.from_arrays."
            )
    if not temperature > 0:
        raise PredictionsError(f"`temperature` must be above 0, got {temperature}.")
    if theme not in ("light", "dark"):
        raise PredictionsError(f"`theme` {not_known(theme, ('light', 'dark'))}")
    _check_counts(models)
    aligned = align(list(models.values()), list(models))
    return NotebookComparison(
        dict(zip(models, aligned.predictions, strict=True)),
        aligned.n_each,
        float(temperature),
        theme,
    )


def _check_counts(models: Mapping[str, Predictions]) -> None:
    """Raise PredictionsError if models without ids have different numbers of samples, because their
    order may differ."""
    counts = {name: len(own) for name, own in models.items()}
    if len(set(counts.values())) > 1 and all(_is_numbered(own.ids) for own in models.values()):
        listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise PredictionsError(
            f"the models have different numbers of samples ({listed}) and no ids; pass `ids` to"
            " Predictions.from_arrays, the same for the same sample."
        )


def _is_numbered(ids: np.ndarray) -> bool:
    return ids.dtype.kind in "iu" and np.array_equal(ids, np.arange(len(ids)))


def _numbered(students: Sequence[Predictions]) -> dict[str, Predictions]:
    if len(students) == 1:
        return {"student": students[0]}
    return {f"student {i}": own for i, own in enumerate(students, 1)}


@dataclass(frozen=True, repr=False)
class NotebookComparison:
    """A teacher and its students. Made by `compare`.

    Attributes:
        predictions: name -> predictions on the same samples and classes, the teacher first.
        n_each: samples of each model before they were matched.
        temperature: T of the figures that depend on it.
        theme: of the charts.
    """

    predictions: dict[str, Predictions]
    n_each: tuple[int, ...]
    temperature: float
    theme: Literal["light", "dark"] = "light"

    @property
    def n(self) -> int:
        """Samples that all models have."""
        return len(self.predictions[TEACHER])

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Name -> headline figures."""
        comparison = self.data.comparison
        return {
            model.name: summary(comparison, model, self.temperature) for model in comparison.models
        }

    @cached_property
    def data(self) -> ReportData:
        """The comparison that pages and reports show, with what a report adds."""
        models = tuple(
            Model(
                key=name,
                name=name,
                kind=TEACHER if name == TEACHER else _kind(name),
                info=RunInfo(
                    name=name,
                    role="student",
                    num_classes=own.num_classes,
                    dataset=_DATA,
                    source=Source(kind="predictions"),
                ),
                predictions=own,
            )
            for name, own in self.predictions.items()
        )
        comparison = Comparison("", "test", models, self.n_each, noun="sample")
        runs: dict[str, tuple[Scored, ...]] = {
            model.key: (scored(comparison, model, self.temperature),) for model in models
        }
        return ReportData(
            comparison=comparison,
            temperature=self.temperature,
            recipes=Recipes(TEACHER, runs, comparison.labels),
            pictures=Thumbnails(
                None, "There are no images: the models came as predictions.", noun="sample"
            ),
        )

    def figures(self) -> pd.DataFrame:
        """Return the figures of the Overview page, a row for each figure of each model.

        Columns: `model`, `figure`, `estimate`, and the limits `low` and `high` of its 95% interval
        over samples. Shares are fractions. A limit is NaN if there are too few samples for an
        interval. `left_out` has the reasons for figures that are missing.
        """
        import pandas as pd

        rows = [
            (name, figure.title, interval.estimate, interval.low, interval.high)
            for name in self.predictions
            for figure in FIGURES
            if (interval := self._interval(name, figure)) is not None
        ]
        table = pd.DataFrame(rows, columns=["model", "figure", "estimate", "low", "high"])
        return table.astype({"estimate": float, "low": float, "high": float})

    def differences(self, student: str | None = None) -> pd.DataFrame:
        """Return one student's figures minus those of each other model, on the same samples.

        Columns: `minus` (the other model), `figure`, `estimate`, `low` and `high` of the paired 95%
        interval, and `p`, with Holm's correction for the number of other models.

        Args:
            student: its name; "BicKD" if there is one, else the last student by default.

        Raises:
            PredictionsError: there is no such student.
        """
        import pandas as pd

        own = self.student(student)
        others = [model for model in self.data.comparison.models if model is not own]
        compared = self.data.recipes.against(own.key, [other.key for other in others])
        titles = {figure.field: figure.title for figure in FIGURES}
        rows = [
            (
                other.name,
                titles[field],
                difference.interval.estimate,
                difference.interval.low,
                difference.interval.high,
                difference.adjusted,
            )
            for other in others
            for field, difference in compared[other.key].figures.items()
        ]
        return pd.DataFrame(rows, columns=["minus", "figure", "estimate", "low", "high", "p"])

    @property
    def left_out(self) -> dict[str, str]:
        """Figures that are missing, each with the reason."""
        reasons = {}
        for figure in FIGURES:
            missing = [
                name
                for name in self.predictions
                if self._interval(name, figure) is None and (figure.of_teacher or name != TEACHER)
            ]
            if missing:
                reasons[figure.title] = _reason(
                    figure, missing, self.predictions[TEACHER].labels is None
                )
        return reasons

    def report(self, path: str | Path) -> None:
        """Write figures and charts as one HTML file that needs no network, as `bickd report`
        does."""
        from bickd_viz.notebook.charts import report  # imports Plotly

        with atomic_write(path) as temporary:
            Path(temporary).write_bytes(report(self.data))

    @property
    def plot(self) -> Plots:
        """Charts of this comparison, as Plotly figures."""
        from bickd_viz.notebook.charts import Plots  # imports Plotly

        return Plots(self)

    def student(self, name: str | None = None) -> Model:
        """Return a student by name; "BicKD" if there is one, else the last student by default.

        Raises:
            PredictionsError: there is no such student.
        """
        students = {model.name: model for model in self.data.comparison.students}
        if name is None and students:
            return self.data.comparison.focus()
        if name not in students:
            raise PredictionsError(f"`student` {not_known(name, students)}")
        return students[name]

    def _interval(self, name: str, figure: Figure) -> Interval | None:
        """Return a model's figure, or None if it does not have it, or if it would compare the
        teacher with itself."""
        return figure.interval(self.summaries[name], is_teacher=name == TEACHER)

    def _scope(self) -> str:
        most = max(self.n_each)
        samples = f"{self.n:,}" if self.n == most else f"{self.n:,} of {most:,}"
        classes = self.predictions[TEACHER].num_classes
        return f"{samples} samples, {classes:,} classes, T = {self.temperature:g}"

    def __repr__(self) -> str:
        students = ", ".join(name for name in self.predictions if name != TEACHER) or "no students"
        return f"<Comparison of the teacher with {students}: {self._scope()}>"

    def _repr_html_(self) -> str:
        import pandas as pd

        names = list(self.predictions)
        shown = [
            figure for figure in FIGURES if any(self._interval(name, figure) for name in names)
        ]
        table = pd.DataFrame(
            {
                name: [_text(self._interval(name, figure), share=figure.share) for figure in shown]
                for name in names
            },
            index=[figure.title + (" (%)" if figure.share else "") for figure in shown],
        )
        notes = [f"{self._scope()}. In brackets: 95% intervals over samples."]
        notes += [f"{title} is left out: {reason}" for title, reason in self.left_out.items()]
        return table.to_html() + "".join(f"<p>{escape(note)}</p>" for note in notes)


def _kind(student: str) -> str:
    """Return the method that a student is named after, which decides its colour; else "student"."""
    return student.lower() if student.lower() in PRESETS else "student"


def _text(interval: Interval | None, *, share: bool) -> str:
    if interval is None:
        return "–"
    return interval.text(1, 100) if share else interval.text()


def _reason(figure: Figure, missing: Sequence[str], unlabelled: bool) -> str:
    """Return why models do not have this figure, as the end of a sentence."""
    names = ", ".join(missing)
    if unlabelled and figure.field in ("accuracy", "calibration_error"):
        return f"it needs true labels, and {NO_LABELS}"
    if figure.field == "overlap_per_image":
        return f"no temperature gives any sample of {names} the teacher's entropy."
    if figure.field == "overlap_matched":
        return f"no temperature gives {names} the teacher's mean entropy."
    if figure.field in ("overlap", "score"):
        return f"fewer than two classes have probability in {names}."
    return f"the samples are too few or all alike in {names}."
