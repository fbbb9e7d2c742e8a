"""Everything that is said of a teacher and its students, in one pass and without the app: what a report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from bickd_core.comparing.seeds import Recipes, RecipesCompared, Scored, score, siblings
from bickd_core.data import called, made_square, short_name
from bickd_core.data.resizing import Resizing
from bickd_core.data.thumbnails import Thumbnails
from bickd_core.geometry import (
    ClassGeometry,
    CrossGeometry,
    Layout,
    Summary,
    class_figures,
    class_geometry,
    cluster_order,
    cross_gram,
    falls,
    greatest_fall,
    hellinger,
    shard_grams,
    stratified_shards,
    summarise,
)
from bickd_core.maps.store import stored_layout
from bickd_core.presets import PRESETS, variant_of
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.wording import Noun

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
        noun: what a sample is called; see `bickd_core.wording`.
    """

    split: Split
    models: tuple[Compared, ...]
    n_each: tuple[int, ...]
    noun: Noun = field(default="image", kw_only=True)

    @property
    def nouns(self) -> str:
        return f"{self.noun}s"

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
        leakage: mean cosine of each class with all others, corrected for the bias of few samples [C];
            NaN for a class that it never predicts.
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
    leakage: np.ndarray
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
    """All figures of a teacher and its students at one temperature.

    Attributes:
        order: of the classes in matrices.
        recipes: the models with all seeds that the library has of them.
        left_out: why runs of the library are not counted as seeds, a sentence each.
    """

    temperature: float
    order: np.ndarray
    pictures: Thumbnails
    recipes: Recipes
    left_out: tuple[str, ...]

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

    def compared(self) -> dict[str, RecipesCompared]:
        """The focused student against the baseline first, and then against the other students, by their names."""
        if not self.students:
            return {}
        student, baseline = self.focus(), self.baseline()
        others = [m for m in self.students if m.key not in (student.key, baseline.key)]
        against = [baseline, *others]
        found = self.recipes.against(student.key, [m.key for m in against])
        return {m.called: found[m.key] for m in against}


def check_same_data(infos: Sequence[RunInfo]) -> None:
    """Refuse runs on different data, or on a folder whose images were others in between.

    Images of another size, or made square in another way, are other inputs of the same samples: such runs are compared,
    and `preparation_sentence` says so. Whether their images changed in between cannot be told.

    Raises:
        PredictionsError: which data, or which runs.
    """
    if len({info.dataset for info in infos}) > 1:
        found = ", ".join(sorted({info.dataset for info in infos}))
        raise PredictionsError(
            f"these runs were evaluated on different data ({found}); compare runs on the same data."
        )
    known = [info for info in infos if info.data_content is not None]
    first: dict[tuple[int | None, Resizing], RunInfo] = {}
    for info in known:
        same = first.setdefault(info.prepared, info)
        if info.data_content != same.data_content:
            raise PredictionsError(
                f"the images of {called(info.dataset)} changed between runs '{same.name}' and '{info.name}', so the two "
                "did not see the same; make one of them again on the images as they are now."
            )


def preparation_sentence(names: Sequence[str], infos: Sequence[RunInfo]) -> str:
    """In which size and shape each model saw the samples; "" if it is the same for all.

    Args:
        names: what each model is called.
    """
    if any(info.image_size is None for info in infos):
        return ""

    def words(info: RunInfo) -> str:
        resized = f", {info.resizing.words}" if made_square(info.dataset) else ""
        return f"{info.image_size} × {info.image_size} pixels{resized}"

    groups: dict[str, list[str]] = {}
    for name, info in zip(names, infos, strict=True):
        groups.setdefault(words(info), []).append(name)
    if len(groups) < 2:
        return ""
    forms = "; ".join(f"{', '.join(each)} at {form}" for form, each in groups.items())
    return f"The models saw the same samples in different forms: {forms}."


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
    folders = [run.path.resolve() for run in runs]
    twice = next(
        (run.key for run, folder in zip(runs, folders, strict=True) if folders.count(folder) > 1), None
    )
    if twice is not None:
        raise RunError(
            f"run '{twice}' is named twice; name the teacher and each student once, since a run is not compared with itself."
        )
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
    left_out: list[str] = []
    pictures = _pictures(runs, infos[0].dataset, split, shelf if shelf.exists() else None)
    return MeasuredComparison(
        split=split,
        temperature=temperature,
        models=models,
        n_each=aligned.n_each,
        order=teacher_order(first),
        pictures=pictures,
        noun=sample_noun(pictures, infos),
        recipes=_recipes(
            library,
            (teacher, *students),
            [model.key for model in models],
            first,
            split,
            temperature,
            left_out,
        ),
        left_out=tuple(left_out),
    )


def sample_noun(pictures: Thumbnails, infos: Iterable[RunInfo]) -> Noun:
    """What a sample is called: runs that are trained or evaluated here saw images, whether they are at hand or not."""
    saw_images = any(info.source.kind != "predictions" for info in infos)
    return "image" if pictures.noun == "sample" and saw_images else pictures.noun


def _pictures(runs: Sequence[RunFolder], dataset: str, split: Split, shelf: Path | None) -> Thumbnails:
    """From the first run that holds paths or texts of imported samples, else from the data set."""
    found = next((run for run in runs if run.samples_path(split).exists()), None)
    if found is not None:
        return Thumbnails.of_samples(found.samples(split))
    return Thumbnails.for_dataset(dataset, split, shelf=shelf)


def _recipes(
    library: Library,
    asked: Sequence[str],
    keys: Sequence[str],
    teacher: Predictions,
    split: Split,
    T: float,
    left_out: list[str],
) -> Recipes:
    """Teacher and students with their seeds; reasons why a run is left out are added to `left_out`."""
    own = score(teacher, teacher, T)
    assert own is not None, "a teacher has its own samples"
    runs: dict[str, tuple[Scored, ...]] = {keys[0]: (own,)}
    for key, alike in zip(keys[1:], siblings(library, asked[1:], split, left_out.append), strict=True):
        runs[key] = tuple(one for run in alike if (one := score(teacher, run, T)) is not None)
    return Recipes(keys[0], runs, teacher.labels)


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
    layout = stored_layout(library, run, teacher=teacher_run, split=split)
    records = [r for r in run.metrics() if r.get("validation_overlap") is not None]
    return Measured(
        key=run.key,
        name=name,
        kind="teacher" if own is teacher else info.objective,
        info=info,
        overlap_by_epoch=tuple((r["epoch"] + 1, float(r["validation_overlap"])) for r in records),
        layout=layout,
        coordinates=None if layout is None else layout.coordinates[places],
        **figures_beside(teacher, own, P_teacher, T),
    )


def figures_beside(
    teacher: Predictions,
    own: Predictions,
    P_teacher: np.ndarray,
    T: float,
    summary: Summary | None = None,
) -> dict[str, Any]:
    """Return the fields of `Measured` that follow from predictions alone.

    Args:
        teacher: on the samples that are compared.
        own: of the model, aligned with the teacher's; the same object for the teacher itself.
        P_teacher: the teacher's probabilities at T, [N, C].
        T: temperature.
        summary: `summarise(teacher, own, T=T)`, if it is there already.
    """
    is_teacher = own is teacher
    P = P_teacher if is_teacher else own.probabilities(T)
    geometry = class_geometry(P)
    band = class_figures(
        shard_grams(P, stratified_shards(len(P), teacher.labels)), effective_rank=False
    ).leakage
    return {
        "predictions": own,
        "summary": summarise(teacher, own, T=T) if summary is None else summary,
        "geometry": geometry,
        "displacement": np.zeros(len(own)) if is_teacher else hellinger(P_teacher, P),
        "leakage": np.where(geometry.empty, np.nan, 0.0 if band is None else band.estimate),
        "cross": None if is_teacher else cross_gram(P_teacher, P),
    }


def teacher_order(teacher: Predictions) -> np.ndarray:
    """Return the order of the classes in matrices: clusters of the teacher's columns at T = 4."""
    return cluster_order(class_geometry(teacher.probabilities(ORDER_TEMPERATURE)).gram)


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
