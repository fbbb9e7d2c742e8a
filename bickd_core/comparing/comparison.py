"""A teacher and its students on the samples that all of them have. Pages, reports and notebooks
share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bickd_core.comparing.cache import Cache, MemoryCache
from bickd_core.comparing.names import shown_names
from bickd_core.data.registry import called, made_square, short_name
from bickd_core.data.resizing import Resizing
from bickd_core.runs.library import RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.thumbnails import Thumbnails
from bickd_core.wording import Noun

TEACHER = "teacher"
BASELINES = ("kd", "bickd", "dist")
"""Objectives of the student that the focused one is compared with, the first that there is."""


@dataclass(frozen=True, eq=False)
class Model:
    """One model of a comparison.

    Attributes:
        key: identifies the model in the comparison.
        name: what it is called in charts and tables.
        kind: "teacher", or the objective of a student; it decides the colour.
        predictions: on the samples of the comparison.
        folder: the run folder; None for predictions that a notebook passed.
    """

    key: str
    name: str
    kind: str
    info: RunInfo
    predictions: Predictions
    folder: RunFolder | None = None

    @property
    def is_teacher(self) -> bool:
        return self.kind == TEACHER

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return "the teacher" if self.is_teacher else self.name

    @property
    def run(self) -> RunFolder:
        """The run folder of a model that has one."""
        assert self.folder is not None, f"'{self.name}' has predictions only"
        return self.folder


@dataclass(frozen=True, eq=False)
class Comparison:
    """A teacher and its students on the samples that all of them have.

    Figures are functions of a comparison, see `measures`. Each is computed once, through `cache`.

    Attributes:
        key: identifies the content of all models in `cache`. It may be any text if the cache is
            this comparison's alone.
        models: the teacher first.
        n_each: samples of each model before they were aligned, in the order of `models`.
        noun: what a sample is called; see `bickd_core.wording`.
    """

    key: str
    split: Split
    models: tuple[Model, ...]
    n_each: tuple[int, ...]
    noun: Noun = "image"
    cache: Cache = field(default_factory=MemoryCache, repr=False)

    @property
    def nouns(self) -> str:
        return f"{self.noun}s"

    @property
    def teacher(self) -> Model:
        return self.models[0]

    @property
    def students(self) -> tuple[Model, ...]:
        return self.models[1:]

    @property
    def dataset(self) -> str:
        """The full name of the data set. For an image folder it holds a path."""
        return self.teacher.info.dataset

    @property
    def data_title(self) -> str:
        """The data set in sentences: "digits", "pets (image folder)"."""
        return called(self.dataset)

    @property
    def data_word(self) -> str:
        """The data set in file names: "digits", "pets"."""
        return short_name(self.dataset)

    @property
    def data_path(self) -> str | None:
        """The full name for a tooltip, if the title leaves some of it out."""
        return None if self.data_title == self.dataset else self.dataset

    @property
    def n(self) -> int:
        return len(self.teacher.predictions)

    @property
    def complete(self) -> bool:
        """Whether every model has exactly these samples."""
        return all(n == self.n for n in self.n_each)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.teacher.predictions.class_names

    @property
    def labels(self) -> np.ndarray | None:
        return self.teacher.predictions.labels

    def model(self, key: str) -> Model:
        """Return the model with this key; the last one if there is none."""
        return next((model for model in self.models if model.key == key), self.models[-1])

    def focus(self, key: str = "") -> Model:
        """Return the student that sentences are about.

        Args:
            key: of the student that was chosen. If it is not of this comparison, BicKD is in focus,
                else the last student, else the teacher.
        """
        for model in self.students:
            if model.key == key:
                return model
        return next((model for model in self.students if model.kind == "bickd"), self.models[-1])

    def baseline(self, student: Model | None = None) -> Model:
        """Return the model that a student is compared with.

        KD if it is there, else BicKD or DIST, else the first other student, else the teacher.

        Args:
            student: the student in focus by default.
        """
        key = (student or self.focus()).key
        others = [model for model in self.students if model.key != key]
        for kind in BASELINES:
            for model in others:
                if model.kind == kind:
                    return model
        return others[0] if others else self.teacher


def assemble(
    runs: Sequence[RunFolder],
    infos: Sequence[RunInfo],
    predictions: Sequence[Predictions],
    split: Split,
    pictures: Thumbnails,
    *,
    key: str = "",
    cache: Cache | None = None,
) -> Comparison:
    """Align the predictions of runs by sample and class, and name the runs.

    Args:
        runs: the teacher first, with their infos and predictions in the same order.
        pictures: of the samples; they decide what a sample is called.
        key, cache: see `Comparison`; a cache of its own by default.

    Raises:
        PredictionsError: the runs cannot be compared.
    """
    check_same_data(infos)
    names = shown_names(infos, [not run.read_only for run in runs])
    aligned = align(list(predictions), names)
    models = tuple(
        Model(run.key, name, info.objective if i else TEACHER, info, own, run)
        for i, (run, name, info, own) in enumerate(
            zip(runs, names, infos, aligned.predictions, strict=True)
        )
    )
    noun = sample_noun(pictures, infos)
    return Comparison(key, split, models, aligned.n_each, noun, cache or MemoryCache())


def check_same_data(infos: Sequence[RunInfo]) -> None:
    """Refuse runs on different data, or on a folder whose images were others in between.

    Images of another size, or made square in another way, are other inputs of the same samples:
    such runs are compared, and `preparation_sentence` says so. Whether their images changed in
    between cannot be told.

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
                f"the images of {called(info.dataset)} changed between runs '{same.name}' and"
                f" '{info.name}', so the two did not see the same; make one of them again on the"
                " images as they are now."
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


def sample_noun(pictures: Thumbnails, infos: Iterable[RunInfo]) -> Noun:
    """What a sample is called: runs that are trained or evaluated here saw images, whether they are
    at hand or not."""
    saw_images = any(info.source.kind != "predictions" for info in infos)
    return "image" if pictures.noun == "sample" and saw_images else pictures.noun
