"""A teacher and its students on the samples that they share. Pages, reports and notebooks use the
same comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bickd_core import npz
from bickd_core.comparing.cache import Cache, MemoryCache
from bickd_core.comparing.names import shown_names
from bickd_core.data.normalisation import TITLES, Normalisation, numbers, usual
from bickd_core.data.preprocessing import CONVERTED
from bickd_core.data.registry import called, made_square, short_name
from bickd_core.data.resizing import Resizing
from bickd_core.runs.library import RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.same_data import same_data
from bickd_core.runs.thumbnails import Thumbnails
from bickd_core.wording import Noun

TEACHER = "teacher"
BASELINES = ("kd", "bickd", "dist")
"""Objectives of the baseline, in order of preference."""
LARGE = 2_000_000
"""Above this number of probabilities (N x C) a comparison is large: figures of all models take
seconds."""


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
        """The model's name in a sentence."""
        return "the teacher" if self.is_teacher else self.name

    @property
    def run(self) -> RunFolder:
        """The run folder of a model that has one."""
        assert self.folder is not None, f"'{self.name}' has predictions only"
        return self.folder


@dataclass(frozen=True, eq=False)
class Comparison:
    """A teacher and its students on the samples that they share.

    Figures are functions of a comparison, see `measures`. Each is computed once and stored in
    `cache`.

    Attributes:
        key: identifies the content of all models in `cache`, see `content_key`. If no other
            comparison uses the cache, any text will do.
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

    def release(self) -> None:
        """Give back the memory of predictions that are mapped from files."""
        for model in self.models:
            npz.release(model.predictions.logits)

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
        """The full name for a tooltip; None if the title already is the full name."""
        return None if self.data_title == self.dataset else self.dataset

    @property
    def n(self) -> int:
        return len(self.teacher.predictions)

    @property
    def large(self) -> bool:
        """Whether figures are computed in float32, stored on disk, and made by other processes."""
        return self.n * len(self.class_names) > LARGE

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
        """Return the student in focus.

        Args:
            key: key of the chosen student. Without such a student, the focus is on BicKD, else on
                the last student, else on the teacher.
        """
        for model in self.students:
            if model.key == key:
                return model
        return next((model for model in self.students if model.kind == "bickd"), self.models[-1])

    def baseline(self, student: Model | None = None) -> Model:
        """Return the model that a student is compared with.

        It is KD, else BicKD, else DIST, else the first other student, else the teacher.

        Args:
            student: default: the student in focus.
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
        key, cache: see `Comparison`. Default: a new cache.

    Raises:
        PredictionsError: the runs cannot be compared.
    """
    check_same_data(infos)
    names = shown_names(infos, [run.origin != "bundled" for run in runs])
    aligned = align(list(predictions), names)
    models = tuple(
        Model(run.key, name, info.objective if i else TEACHER, info, own, run)
        for i, (run, name, info, own) in enumerate(
            zip(runs, names, infos, aligned.predictions, strict=True)
        )
    )
    noun = sample_noun(pictures, infos)
    return Comparison(key, split, models, aligned.n_each, noun, cache or MemoryCache())


def content_key(runs: Sequence[RunFolder], split: Split) -> str:
    """Return a key of the content of a comparison of these runs, the teacher first."""
    content = [(run.key, npz.content_key(run.predictions_path(split))) for run in runs]
    return hashlib.sha256(repr(content).encode()).hexdigest()[:20]


def check_same_data(infos: Sequence[RunInfo]) -> None:
    """Check that runs were evaluated on the same data.

    Runs can be compared if they saw the same images in different sizes or shapes;
    `preparation_sentence` describes the difference. In that case it is unknown whether the images
    changed between the runs.

    Raises:
        PredictionsError: the data differ, or the images of a folder changed between two runs.
    """
    if not all(same_data(infos[0], info) for info in infos):
        datasets = ", ".join(sorted({info.dataset for info in infos}))
        raise PredictionsError(
            f"these runs were evaluated on different data ({datasets}); compare runs on the same"
            " data."
        )
    known = [info for info in infos if info.data_content is not None]
    first: dict[tuple[int | None, Resizing], RunInfo] = {}
    for info in known:
        same = first.setdefault(info.prepared, info)
        if info.data_content != same.data_content:
            raise PredictionsError(
                f"the images of {called(info.dataset)} changed between the runs '{same.name}' and"
                f" '{info.name}', so they cannot be compared; run one of them again on the current"
                " images."
            )


def preparation_sentence(names: Sequence[str], infos: Sequence[RunInfo]) -> str:
    """Describe the size and shape of each model's inputs; "" if they are the same for all models.

    Args:
        names: the models' names, in the order of `infos`.
    """
    if any(info.image_size is None for info in infos):
        return ""

    def form_of(info: RunInfo) -> str:
        resized = f", {info.resizing.description}" if made_square(info.dataset) else ""
        return f"{info.image_size} × {info.image_size} pixels{resized}"

    groups: dict[str, list[str]] = {}
    for name, info in zip(names, infos, strict=True):
        groups.setdefault(form_of(info), []).append(name)
    if len(groups) < 2:
        return ""
    forms = "; ".join(f"{', '.join(each)} at {form}" for form, each in groups.items())
    return f"The models saw the same samples in different sizes or shapes: {forms}."


def inputs_sentence(names: Sequence[str], infos: Sequence[RunInfo]) -> str:
    """Describe the normalisation, channel order and input size of each network; "" if they are the
    same for all networks. Predictions are left out, because their inputs are not known.

    Args:
        names: the models' names, in the order of `infos`.
    """
    groups: dict[str, list[str]] = {}
    for name, info in zip(names, infos, strict=True):
        if info.source.kind != "predictions":
            groups.setdefault(_inputs_text(info), []).append(name)
    if len(groups) < 2:
        return ""
    forms = "; ".join(f"{', '.join(each)}: {text}" for text, each in groups.items())
    return f"The networks got different inputs. {forms}."


def _inputs_text(info: RunInfo) -> str:
    inputs = info.preprocessing
    if inputs is None:  # an older run
        return TITLES["data"]
    text = TITLES[inputs.name]
    if inputs.name == "given":
        presets = usual(inputs.mean, inputs.std)
        given = presets.pop("data")
        same = [name for name, preset in presets.items() if _figures(preset) == _figures(given)]
        text = TITLES[same[0]] if same else numbers(inputs.mean, inputs.std)
    order = ", BGR" if inputs.channel_order == "bgr" else ""
    side = inputs.input_size
    scaled = "" if side in (None, info.image_size) else f", scaled to {side} × {side} pixels"
    made = f", {CONVERTED[inputs.channels]}" if inputs.channels != "same" else ""
    return f"{text}{order}{made}{scaled}"


def _figures(option: Normalisation) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return option.mean, option.std


def seen_sentence(names: Sequence[str], infos: Sequence[RunInfo], split: Split) -> str:
    """Say which networks were probably trained on the samples of a split; "" if none was.

    Validation is split off from the training images, unless the data have a validation part. A
    network that was trained elsewhere has probably been trained on all of them.

    Args:
        names: the models' names, in the order of `infos`.
    """
    if split != "validation":
        return ""
    seen = [name for name, info in zip(names, infos, strict=True) if info.source.saw_validation]
    if not seen:
        return ""
    return (
        "Validation is a part of the training images, so imported networks were probably trained on"
        f" it ({', '.join(seen)}). Their figures on it are then better than on new images."
    )


def training_sentence(names: Sequence[str], infos: Sequence[RunInfo]) -> str:
    """Say how long each student was trained; "" if it is the same for all that were trained here.

    Epochs of the runs that a student extends count too.

    Args:
        names: the models' names, in the order of `infos`.
    """
    trained = {
        name: (info.config.epochs + (info.epochs_before or 0), info.config.train_limit)
        for name, info in zip(names, infos, strict=True)
        if info.role == "student"
        and info.config is not None
        and (info.extends is None or info.epochs_before is not None)  # else its epochs are unknown
    }
    groups: dict[str, list[str]] = {}
    for name, (epochs, limit) in trained.items():
        length = f"{epochs:,} epoch{'' if epochs == 1 else 's'}"
        if len({of for _, of in trained.values()}) > 1:
            length += " of all images" if limit is None else f" of at most {limit:,} images"
        groups.setdefault(length, []).append(name)
    if len(groups) < 2:
        return ""
    lengths = "; ".join(f"{', '.join(each)} for {length}" for length, each in groups.items())
    return f"The students were not trained equally long: {lengths}."


def sample_noun(pictures: Thumbnails, infos: Iterable[RunInfo]) -> Noun:
    """Return what a sample is called. Runs that were trained or evaluated here saw images, even if
    the images are missing now."""
    saw_images = any(info.source.kind != "predictions" for info in infos)
    return "image" if pictures.noun == "sample" and saw_images else pictures.noun
