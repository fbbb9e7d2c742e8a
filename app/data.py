"""Cached reads of run folders, and the geometry over them, for all pages.

Caches are keyed by the content of files (path, size, time of change) and by plain values, never by arrays. What
they hold is shared by all sessions and frozen; nobody changes it.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.state import MAX_STUDENTS, ViewState
from bickd_core.data import DATASETS
from bickd_core.data.thumbnails import Thumbnails
from bickd_core.geometry import (
    ClassGeometry,
    CrossGeometry,
    Interval,
    Layout,
    RowSimilarity,
    Summary,
    cka_null,
    class_geometry,
    cluster_order,
    cross_gram,
    hellinger,
    pair_contributions,
    paired_mean_difference,
    paired_overlap_difference,
    row_similarity,
    shard_grams,
    stratified_shards,
    summarise,
)
from bickd_core.layouts import stored_layout
from bickd_core.predictions import Predictions, PredictionsError, align
from bickd_core.presets import PRESETS
from bickd_core.runs import Library, RunError, RunFolder, RunInfo, Split

BASE = Path(__file__).resolve().parent.parent
DEFAULT_DATASET = "caltech95"
_SHORT = {"ce": "CE", "kd": "KD", "dist": "DIST", "bickd": "BicKD"}

Fingerprint = tuple[str, int, int]
"""Path, size and time of change of a file: another content is another key."""


def library() -> Library:
    return Library.default(BASE)


def fingerprint(path: Path) -> Fingerprint:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (str(path), 0, 0)
    return (str(path), stat.st_size, stat.st_mtime_ns)


# -- runs ------------------------------------------------------------------------------------------
@st.cache_resource(max_entries=1000, show_spinner=False)
def _info(mark: Fingerprint) -> RunInfo:
    return RunFolder(Path(mark[0]).parent).info()


def info(run: RunFolder) -> RunInfo:
    """run.yaml, read once for each content."""
    return _info(fingerprint(run.path / "run.yaml"))


def readable_runs() -> tuple[list[RunFolder], list[str]]:
    """Every run whose run.yaml can be read, and a sentence for each that cannot."""
    good, problems = [], []
    for run in library().runs():
        try:
            info(run)
            good.append(run)
        except RunError as error:
            problems.append(str(error))
    return good, problems


def label(run: RunFolder) -> str:
    """What charts call a run on its own: its title, or its objective in the field's short form."""
    about = info(run)
    if about.title:
        return about.title
    if about.role == "teacher":
        return "teacher"
    return _SHORT.get(about.objective, about.name)


def described(key: str) -> str:
    """A run in a choice list: one's own by its name, a bundled one by method, seed and model."""
    try:
        about = info(library().find(key))
    except RunError:
        return f"{key} (not there)"
    if "/" not in key:
        return key
    if about.role == "teacher":
        return f"{about.arch} · {about.dataset}"
    seed = "" if about.seed is None else f" s{about.seed}"
    return f"{_SHORT.get(about.objective, about.name)}{seed} · {about.arch}"


def with_predictions(split: Split) -> list[RunFolder]:
    return [run for run in readable_runs()[0] if run.has_predictions(split)]


def default_view(dataset: str = DEFAULT_DATASET) -> ViewState:
    """The bundled comparison on this data: its teacher and seed 0 of each method."""
    keys = [run.key for run in with_predictions("test")]
    students = [f"{dataset}/{method}-s0" for method in PRESETS if f"{dataset}/{method}-s0" in keys]
    teacher = f"{dataset}/teacher"
    if teacher in keys and students:
        return ViewState(teacher=teacher, students=tuple(students[:MAX_STUDENTS]))
    return ViewState()


# -- the comparison --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Model:
    """One model of the comparison."""

    key: str
    name: str
    kind: str
    run: RunFolder
    info: RunInfo
    predictions: Predictions
    mark: Fingerprint

    @property
    def is_teacher(self) -> bool:
        return self.kind == "teacher"

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return "the teacher" if self.is_teacher else self.name


@dataclass(frozen=True)
class Comparison:
    """A teacher and its students on the samples that all of them have.

    Attributes:
        key: stands for the whole content in cache keys.
        n_each: samples of each model before they were aligned, in the order of `models`.
    """

    key: tuple[Fingerprint, ...]
    split: Split
    models: tuple[Model, ...]
    n_each: tuple[int, ...]

    @property
    def teacher(self) -> Model:
        return self.models[0]

    @property
    def students(self) -> tuple[Model, ...]:
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

    @property
    def dataset(self) -> str:
        return self.teacher.info.dataset

    @property
    def complete(self) -> bool:
        return all(n == self.n for n in self.n_each)

    def model(self, key: str) -> Model:
        """The model with this key; the last student for a key that is not of the comparison."""
        return next((model for model in self.models if model.key == key), self.models[-1])


def comparison(view: ViewState) -> Comparison:
    """Load and align what the view names.

    Raises:
        RunError, PredictionsError: one sentence on why these cannot be compared.
    """
    shelf = library()
    if not view.teacher:
        raise RunError("there is no run to show yet; train one on Distill or load weights on Runs.")
    runs = [shelf.find(key) for key in (view.teacher, *view.students)]
    marks = []
    for run in runs:
        path = run.predictions_path(view.split)
        if not path.exists():
            raise RunError(
                f"run '{run.key}' has no predictions on {view.split} yet; take it out or let it finish."
            )
        marks.append(fingerprint(path))
    return _comparison(tuple(run.key for run in runs), tuple(marks), view.split)


@st.cache_resource(max_entries=32, show_spinner=False)
def _comparison(keys: tuple[str, ...], marks: tuple[Fingerprint, ...], split: Split) -> Comparison:
    runs = [library().find(key) for key in keys]
    names = _distinct_names(runs)
    data = {info(run).dataset for run in runs}
    if len(data) > 1:
        raise PredictionsError(
            f"these runs were evaluated on different data ({', '.join(sorted(data))}); compare runs on the same data."
        )
    aligned = align([_predictions(mark) for mark in marks], names)
    models = tuple(
        Model(
            key=run.key,
            name=name,
            kind="teacher" if i == 0 else info(run).objective,
            run=run,
            info=info(run),
            predictions=predictions,
            mark=mark,
        )
        for i, (run, name, predictions, mark) in enumerate(
            zip(runs, names, aligned.predictions, marks, strict=True)
        )
    )
    return Comparison(key=marks, split=split, models=models, n_each=aligned.n_each)


@st.cache_resource(max_entries=128, show_spinner=False)
def _predictions(mark: Fingerprint) -> Predictions:
    return Predictions.load(mark[0])


def _distinct_names(runs: list[RunFolder]) -> list[str]:
    """Short names; where two would be the same, with the seed, and then the run's own name."""
    short = ["teacher", *[label(run) for run in runs[1:]]]
    names = []
    for i, run in enumerate(runs):
        name = short[i]
        if i and short.count(name) > 1:
            seeds = [
                info(other).seed for other, other_name in zip(runs, short, strict=True) if other_name == name
            ]
            seed = info(run).seed
            name = f"{name} s{seed}" if seed is not None and seeds.count(seed) == 1 else info(run).name
        names.append(name)
    return names


# -- figures ---------------------------------------------------------------------------------------
def summary(of: Comparison, model: Model, temperature: float) -> Summary:
    return _summary(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=512, show_spinner=False)
def _summary(key: tuple[Fingerprint, ...], model: str, temperature: float, _of: Comparison) -> Summary:
    return summarise(_of.teacher.predictions, _of.model(model).predictions, T=temperature)


@st.cache_resource(max_entries=256, show_spinner=False)
def _probabilities(
    key: tuple[Fingerprint, ...], model: str, temperature: float, _of: Comparison
) -> np.ndarray:
    return _of.model(model).predictions.probabilities(temperature)


def probabilities(of: Comparison, model: Model, temperature: float) -> np.ndarray:
    """float64 [N, C] at this temperature; shared, do not change it."""
    return _probabilities(of.key, model.key, temperature, of)


def matched_temperature_of(of: Comparison, model: Model, temperature: float) -> float | None:
    """Where this model's mean entropy is the teacher's at T; None where it cannot be reached."""
    matched = summary(of, model, temperature).matched
    return matched.temperature if matched is not None and matched.reached else None


def geometry(of: Comparison, model: Model, temperature: float, *, centred: bool = False) -> ClassGeometry:
    return _geometry(of.key, model.key, temperature, centred, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _geometry(
    key: tuple[Fingerprint, ...], model: str, T: float, centred: bool, _of: Comparison
) -> ClassGeometry:
    return class_geometry(_probabilities(key, model, T, _of), centred=centred)


def cross(of: Comparison, model: Model, temperature: float) -> CrossGeometry:
    """Columns of the teacher (rows of the matrix) against those of `model`."""
    return _cross(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _cross(key: tuple[Fingerprint, ...], model: str, T: float, _of: Comparison) -> CrossGeometry:
    return cross_gram(_probabilities(key, _of.teacher.key, T, _of), _probabilities(key, model, T, _of))


def rows_similarity(of: Comparison, model: Model, temperature: float) -> RowSimilarity:
    """Needs labels. Cosines of the teacher's rows with the model's, binned by true class."""
    return _rows(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _rows(key: tuple[Fingerprint, ...], model: str, T: float, _of: Comparison) -> RowSimilarity:
    assert _of.labels is not None, "pages ask only where there are labels"
    return row_similarity(
        _probabilities(key, _of.teacher.key, T, _of), _probabilities(key, model, T, _of), _of.labels
    )


def class_order(of: Comparison, how: str) -> np.ndarray:
    """ "cluster": the teacher's clusters at T = 4, the same order for every matrix; "index"; "name"."""
    if how == "index":
        return np.arange(len(of.class_names))
    if how == "name":
        return np.argsort(np.array(of.class_names))
    return _cluster_order(of.key, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cluster_order(key: tuple[Fingerprint, ...], _of: Comparison) -> np.ndarray:
    return cluster_order(_geometry(key, _of.teacher.key, 4.0, False, _of).gram)


def displacement(of: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Hellinger distance of the model's probabilities from the teacher's, float64 [N]."""
    return hellinger(probabilities(of, of.teacher, temperature), probabilities(of, model, temperature))


def accuracy_difference(of: Comparison, a: Model, b: Model) -> Interval | None:
    """Accuracy of a minus that of b on the same samples."""
    if of.labels is None:
        return None
    right = [(m.predictions.predicted == of.labels).astype(np.float64) for m in (a, b)]
    return paired_mean_difference(right[0], right[1], of.labels)


def telling_pair(of: Comparison, student: Model, other: Model | None, temperature: float) -> tuple[int, int]:
    """The pair of classes whose cosine falls most from `other` (or the teacher) to the student."""
    before = geometry(of, other or of.teacher, temperature)
    after = geometry(of, student, temperature)
    fall = np.triu(before.gram - after.gram, k=1)
    fall[before.empty | after.empty] = -np.inf
    fall[:, before.empty | after.empty] = -np.inf
    row, column = np.unravel_index(int(fall.argmax()), fall.shape)
    if row == column:
        return 0, min(1, len(of.class_names) - 1)
    return int(row), int(column)


def overlap_difference(
    of: Comparison, a: Model, b: Model, temperature: float, *, matched: bool = False
) -> Interval | None:
    """Overlap of a minus that of b, paired over the same shards of samples."""
    return _overlap_difference(of.key, a.key, b.key, temperature, matched, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _overlap_difference(
    key: tuple[Fingerprint, ...], a: str, b: str, T: float, matched: bool, _of: Comparison
) -> Interval | None:
    shard = stratified_shards(_of.n, _of.labels)
    grams = []
    for name in (a, b):
        model = _of.model(name)
        at = matched_temperature_of(_of, model, T) if matched else T
        if at is None:
            return None
        grams.append(shard_grams(model.predictions.probabilities(at), shard))
    return paired_overlap_difference(*grams)


@dataclass(frozen=True)
class OverSeeds:
    """Runs that differ from a student in their seeds alone: mean and standard deviation over them.

    Attributes:
        seeds: how many runs, the student's own among them.
        figures: field of Summary -> (mean, standard deviation); fields that a run lacks are left out.
    """

    seeds: int
    figures: dict[str, tuple[float, float]]


def over_seeds(of: Comparison, model: Model, temperature: float) -> OverSeeds | None:
    """The spread over seeds, or None where there is one run alone."""
    marks = []
    for run in with_predictions(of.split):
        if _recipe(info(run)) == _recipe(model.info):
            marks.append(fingerprint(run.predictions_path(of.split)))
    if len(marks) < 2:
        return None
    return _over_seeds(of.key[0], tuple(marks), temperature)


def _recipe(about: RunInfo) -> tuple[object, ...]:
    """What two runs share when they differ in their seeds alone."""
    if about.config is None or about.teacher is None:
        return (about.name,)
    config = about.config.model_dump(exclude={"seeds", "threads", "device", "teacher"})
    return (about.teacher.weights_sha256, repr(config))


@st.cache_resource(max_entries=64, show_spinner=False)
def _over_seeds(teacher: Fingerprint, marks: tuple[Fingerprint, ...], T: float) -> OverSeeds:
    found: dict[str, list[float]] = {"accuracy": [], "agreement": [], "overlap": [], "overlap_matched": []}
    for mark in marks:
        both = align([_predictions(teacher), _predictions(mark)]).predictions
        figures = summarise(*both, T=T)
        for name, values in found.items():
            interval = getattr(figures, name)
            if interval is not None:
                values.append(interval.estimate)
    complete = {name: values for name, values in found.items() if len(values) == len(marks)}
    return OverSeeds(
        seeds=len(marks),
        figures={name: (float(np.mean(v)), float(np.std(v, ddof=1))) for name, v in complete.items()},
    )


# -- samples ---------------------------------------------------------------------------------------
def pair_samples(
    of: Comparison, model: Model, pair: tuple[int, int], temperature: float, most: int
) -> np.ndarray:
    """Positions of the samples that carry most of the cosine of two class columns, the first the greatest."""
    share = pair_contributions(probabilities(of, model, temperature), *pair)
    return np.argsort(-share, kind="stable")[:most]


def thumbnails(of: Comparison) -> Thumbnails:
    return _thumbnails(of.dataset, of.split)


@st.cache_resource(max_entries=16, show_spinner=False)
def _thumbnails(dataset: str, split: str) -> Thumbnails:
    shelf = library().shelf / dataset
    return Thumbnails.for_dataset(dataset, split, shelf=shelf if shelf.exists() else None)


def image_credit(of: Comparison) -> str:
    known = DATASETS.get(of.dataset)
    return "" if known is None else f"Images: {known.credit} ({known.licence})."


# -- maps ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class MapView:
    """A stored map of one model, on the samples of the comparison."""

    layout: Layout
    coordinates: np.ndarray


def map_view(of: Comparison, model: Model, method: str) -> MapView | None:
    """The stored map, or None where it has to be made first."""
    marks = tuple(fingerprint(path) for path in _layout_folders(model.run))
    return _map_view(of.key, model.key, method, marks, of)


def _layout_folders(run: RunFolder) -> tuple[Path, Path]:
    return (run.path, library().own / ".layouts")


@st.cache_resource(max_entries=128, show_spinner=False)
def _map_view(
    key: tuple[Fingerprint, ...], model: str, method: str, marks: tuple[Fingerprint, ...], _of: Comparison
) -> MapView | None:
    chosen = _of.model(model)
    split = _of.split
    layout = stored_layout(
        library(),
        chosen.run,
        teacher=_of.teacher.run,
        split=split,
        method=method,
    )
    if layout is None:
        return None
    everyone = _predictions(_of.teacher.mark).ids  # a map's rows are the teacher's samples
    position = {id: i for i, id in enumerate(everyone.tolist())}
    rows = np.array([position[id] for id in _of.teacher.predictions.ids.tolist()])
    return MapView(layout, layout.coordinates[rows])


def start_layout(of: Comparison, model: Model) -> subprocess.Popen[str]:
    """Make the map of `model` (and the teacher's, which it starts from) in a process of its own."""
    shelf = library()
    command = [sys.executable, "-m", "bickd_core.layouts", model.key, "--split", of.split]
    command += [] if model.is_teacher else ["--teacher", of.teacher.key]
    command += ["--shelf", str(shelf.shelf.resolve()), "--own", str(shelf.own.resolve())]
    return subprocess.Popen(command, cwd=BASE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def last_line(job: subprocess.Popen[str]) -> str:
    """What a failed process said last."""
    words = job.stderr.read().strip() if job.stderr is not None else ""
    return words.splitlines()[-1] if words else f"exit code {job.returncode}"


def shuffled_cka(of: Comparison, model: Model) -> float | None:
    """Mean debiased CKA with the teacher's logits when the samples are shuffled: what chance gives."""
    return _shuffled_cka(of.key, model.key, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _shuffled_cka(key: tuple[Fingerprint, ...], model: str, _of: Comparison) -> float | None:
    null = cka_null(_of.teacher.predictions.logits, _of.model(model).predictions.logits, permutations=50)
    return float(np.mean(null.values)) if len(null.values) else None
