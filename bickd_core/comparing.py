"""Everything that is said of a teacher and its students, in one pass and without the app: what a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from bickd_core.data import called, short_name
from bickd_core.data.thumbnails import Thumbnails
from bickd_core.geometry import (
    ClassGeometry,
    CrossGeometry,
    Interval,
    Layout,
    Summary,
    class_geometry,
    cluster_order,
    cross_gram,
    falls,
    greatest_fall,
    hellinger,
    paired_mean_difference,
    paired_overlap_difference,
    shard_grams,
    stratified_shards,
    summarise,
)
from bickd_core.layouts import stored_layout
from bickd_core.over_seeds import ComparedOverSeeds, compare_over_seeds, siblings
from bickd_core.predictions import Predictions, PredictionsError, align
from bickd_core.presets import PRESETS, variant_of
from bickd_core.runs import Library, RunError, RunFolder, RunInfo, Split

ORDER_TEMPERATURE = 4.0  # of the clusters that put classes in order, as on the pages
SHORT = {kind: kind.upper() for kind in PRESETS} | {"bickd": "BicKD"}
"""Objectives as the field writes them."""


class HasPredictions(Protocol):
    """A model with its run and predictions."""

    @property
    def info(self) -> RunInfo: ...

    @property
    def predictions(self) -> Predictions: ...


Compared = TypeVar("Compared", bound=HasPredictions)


@dataclass(frozen=True)
class Aligned(Generic[Compared]):
    """A teacher and its students on the samples that all of them have.

    Attributes:
        models: the teacher first.
        n_each: samples of each model before they were aligned, in the order of `models`.
    """

    split: Split
    models: tuple[Compared, ...]
    n_each: tuple[int, ...]

    @property
    def teacher(self) -> Compared:
        return self.models[0]

    @property
    def dataset(self) -> str:
        """The data set's full name, which of one's own data holds a path."""
        return self.teacher.info.dataset

    @property
    def data_title(self) -> str:
        """The data set in sentences: "digits", "pets (image folder)"."""
        return called(self.dataset)

    @property
    def data_word(self) -> str:
        """The data set in names of files: "digits", "pets"."""
        return short_name(self.dataset)

    @property
    def data_path(self) -> str | None:
        """The full name where the title leaves some of it out, for a tooltip."""
        return None if self.data_title == self.dataset else self.dataset

    @property
    def students(self) -> tuple[Compared, ...]:
        return self.models[1:]

    @property
    def n(self) -> int:
        return len(self.teacher.predictions)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.teacher.predictions.class_names

    @property
    def labels(self) -> np.ndarray | None:
        return self.teacher.predictions.labels


@dataclass(frozen=True)
class Measured:
    """One model beside its teacher, on the samples that all have.

    Attributes:
        kind: "teacher", or the student's objective.
        displacement: Hellinger distance from the teacher at T, float64 [N]; all 0 for the teacher.
        cross: the teacher's columns against its own; None for the teacher.
        overlap_by_epoch: (epoch, overlap on validation at T = 4).
        layout: its stored UMAP, or None.
        coordinates: of the shown samples on it, [N, 2].
    """

    key: str
    name: str
    kind: str
    info: RunInfo
    predictions: Predictions
    summary: Summary
    geometry: ClassGeometry
    displacement: np.ndarray
    cross: CrossGeometry | None
    overlap_by_epoch: tuple[tuple[int, float], ...]
    layout: Layout | None
    coordinates: np.ndarray | None

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return "the teacher" if self.kind == "teacher" else self.name


@dataclass(frozen=True)
class MeasuredComparison(Aligned[Measured]):
    """All figures of a teacher and its students at one temperature."""

    temperature: float
    order: np.ndarray
    pictures: Thumbnails
    library: Library

    def focus(self) -> Measured:
        """The student that sentences are about: BicKD where it is there, else the last one."""
        return next((m for m in self.students if m.kind == "bickd"), self.models[-1])

    def baseline(self) -> Measured:
        """What the focused student is held against: KD, else another student, else the teacher."""
        others = [m for m in self.students if m.key != self.focus().key]
        return next((m for m in others if m.kind == "kd"), others[0] if others else self.teacher)

    def telling_pair(self) -> tuple[int, int]:
        """The two classes whose cosine falls most from the baseline to the focused student."""
        return greatest_fall(self.baseline().geometry, self.focus().geometry)

    def separates(self) -> bool:
        """Whether the focused student separates these two more than the baseline; else it does so with no pair."""
        return falls(self.baseline().geometry, self.focus().geometry, self.telling_pair())

    def overlap_difference(self, a: Measured, b: Measured, *, matched: bool = False) -> Interval | None:
        """Overlap of a minus that of b, over the same shards of samples; at matched entropy where asked."""
        shard = stratified_shards(self.n, self.labels)
        grams = []
        for model in (a, b):
            at = self.temperature
            if matched:
                if model.summary.matched is None or not model.summary.matched.reached:
                    return None
                at = model.summary.matched.temperature
            grams.append(shard_grams(model.predictions.probabilities(at), shard))
        return paired_overlap_difference(*grams)

    def accuracy_difference(self, a: Measured, b: Measured) -> Interval | None:
        """Accuracy of a minus that of b on the same samples; None without labels."""
        if self.labels is None:
            return None
        right = [(m.predictions.predicted == self.labels).astype(np.float64) for m in (a, b)]
        return paired_mean_difference(right[0], right[1], self.labels)

    def compare_over_seeds(self, a: Measured, b: Measured) -> ComparedOverSeeds | None:
        """The same over the seeds of both recipes, where the library has several of each."""
        if self.teacher.key in (a.key, b.key):
            return None
        ours, theirs = siblings(self.library, (a.key, b.key), self.split)
        return compare_over_seeds(self.teacher.predictions, ours, theirs)


def check_same_data(infos: Sequence[RunInfo]) -> None:
    """Refuse runs on different data, or on a folder whose images were others in between.

    Raises:
        PredictionsError: which data, or which runs.
    """
    if len({info.dataset for info in infos}) > 1:
        found = ", ".join(sorted({info.dataset for info in infos}))
        raise PredictionsError(
            f"these runs were evaluated on different data ({found}); compare runs on the same data."
        )
    known = [info for info in infos if info.data_content is not None]
    other = next((info for info in known if info.data_content != known[0].data_content), None)
    if other is not None:
        raise PredictionsError(
            f"the images of {called(other.dataset)} changed between runs '{known[0].name}' and '{other.name}', so the two "
            "did not see the same; make one of them again on the images as they are now."
        )


def measure(
    library: Library,
    teacher: str,
    students: Sequence[str] = (),
    *,
    split: Split = "test",
    temperature: float = 4.0,
) -> MeasuredComparison:
    """Read the runs with these keys (or folders), align them by sample, and work out every figure.

    Raises:
        RunError, PredictionsError: a run that is not there or has no predictions, or runs that cannot be compared.
    """
    runs = [library.locate(key) for key in (teacher, *students)]
    for run in runs:
        if not run.has_predictions(split):
            raise RunError(
                f"run '{run.key}' has no predictions on {split} yet; take it out or let it finish."
            )
    infos = [run.info() for run in runs]
    check_same_data(infos)
    names = shown_names(infos, [not run.read_only for run in runs])
    everyone = runs[0].predictions(split)
    aligned = align([everyone, *(run.predictions(split) for run in runs[1:])], names)
    first = aligned.predictions[0]
    P = first.probabilities(temperature)
    rows = {id: i for i, id in enumerate(everyone.ids.tolist())}
    places = np.array([rows[id] for id in first.ids.tolist()])
    models = tuple(
        _measured(library, run, info, name, runs[0], own, first, P, places, split, temperature)
        for run, info, name, own in zip(runs, infos, names, aligned.predictions, strict=True)
    )
    shelf = library.shelf / infos[0].dataset
    return MeasuredComparison(
        split=split,
        temperature=temperature,
        models=models,
        n_each=aligned.n_each,
        order=cluster_order(class_geometry(first.probabilities(ORDER_TEMPERATURE)).gram),
        pictures=Thumbnails.for_dataset(infos[0].dataset, split, shelf=shelf if shelf.exists() else None),
        library=library,
    )


def _measured(
    library: Library,
    run: RunFolder,
    info: RunInfo,
    name: str,
    teacher_run: RunFolder,
    own: Predictions,
    teacher: Predictions,
    P_teacher: np.ndarray,
    places: np.ndarray,
    split: Split,
    T: float,
) -> Measured:
    is_teacher = own is teacher
    P = P_teacher if is_teacher else own.probabilities(T)
    layout = stored_layout(library, run, teacher=teacher_run, split=split)
    records = [r for r in run.metrics() if r.get("validation_overlap") is not None]
    return Measured(
        key=run.key,
        name=name,
        kind="teacher" if is_teacher else info.objective,
        info=info,
        predictions=own,
        summary=summarise(teacher, own, T=T),
        geometry=class_geometry(P),
        displacement=np.zeros(len(own)) if is_teacher else hellinger(P_teacher, P),
        cross=None if is_teacher else cross_gram(P_teacher, P),
        overlap_by_epoch=tuple((r["epoch"] + 1, float(r["validation_overlap"])) for r in records),
        layout=layout,
        coordinates=None if layout is None else layout.coordinates[places],
    )


def shown_names(infos: Sequence[RunInfo], own: Sequence[bool] = ()) -> list[str]:
    """What to call a teacher and its students, so that no two names are alike.

    A bundled student is called by its method ("KD"), with the seed ("KD s1") where another run of that method is shown.
    One's own student always tells which run it is: "KD (my-run)".

    Args:
        infos: the teacher's, then each student's.
        own: which of them are one's own; none where it is left out.
    """
    mine = list(own) or [False] * len(infos)
    short = ["teacher", *(info.title or short_method(info) for info in infos[1:])]
    names = []
    for i, info in enumerate(infos):
        alike = [infos[k] for k, name in enumerate(short) if name == short[i] and not mine[k] and k]
        if i == 0:
            names.append(short[i])
        elif mine[i]:
            told = info.title or short[i] == info.name
            names.append(short[i] if told else f"{short[i]} ({run_word(info)})")
        elif short.count(short[i]) == 1:
            names.append(short[i])
        elif info.seed is not None and [other.seed for other in alike].count(info.seed) == 1:
            names.append(f"{short[i]} s{info.seed}")
        else:
            names.append(info.name)
    return [
        name if names.count(name) == 1 else f"{short[i]} ({info.name})"
        for i, (name, info) in enumerate(zip(names, infos, strict=True))
    ]


def short_method(info: RunInfo) -> str:
    """The method, or the published variant of it, as the field writes it; the run's name where it is not known."""
    if info.config is None:
        return info.name
    variant = variant_of(info.config.objective)
    return SHORT.get(info.objective, info.objective.upper()) if variant is None else variant.short


def run_word(info: RunInfo) -> str:
    """A run's name without its data and objective, which stand beside it: "resnet8-s0" of "caltech95-resnet8-kd-s0"."""
    said = f"-{info.name}-"
    variant = None if info.config is None else variant_of(info.config.objective)
    for part in (short_name(info.dataset), *([] if variant is None else [variant.name]), info.objective):
        said = said.replace(f"-{part}-", "-", 1)
    return said.strip("-") or info.name
