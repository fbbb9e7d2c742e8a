"""The charts of one training: accuracy, loss terms, agreement and overlap by epoch, and a small
map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app import refresh
from app.components import chart, style
from app.data import runs
from app.data.cache import figures_cache
from app.data.runs import Fingerprint
from app.plain import st
from bickd_core.config import TrainConfig
from bickd_core.geometry.layout import align_to
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.predictions import Predictions, PredictionsError
from bickd_core.runs.teachers import recorded_teacher
from bickd_viz import colouring
from bickd_viz.charts.map import map_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.training import Line, loss_terms, metric_lines
from bickd_viz.text import numbers
from bickd_viz.theme import ModelStyle, Theme, model_style

TEMPERATURE = 4.0
"""Of the overlap in metrics.jsonl, and of the small map."""
_HEIGHT = 210
_COLOURED_CLASSES = 12


@dataclass(frozen=True)
class Reference:
    """The teacher's accuracy and overlap on validation, drawn as a reference line."""

    accuracy: float | None
    overlap: float | None


def show(run: RunFolder, info: RunInfo, key: str, *, small_map: bool = True) -> None:
    """Draw all charts that the run has records for; nothing before its first epoch."""
    file = runs.fingerprint_of(run.path / "metrics.jsonl")  # before the records that are drawn
    metrics = run.metrics()
    if not metrics:
        return
    earlier = earlier_records(info)
    theme = style.theme()
    kind = "teacher" if info.role == "teacher" else info.objective
    looks = model_style("validation", kind, 0, theme)
    level = reference(info)
    charts = refresh.kept(
        "curves",
        (file, len(earlier), looks, level, theme),
        lambda: _metric_charts(earlier, metrics, looks, level, theme),
    )
    for row in range(0, len(charts), 2):
        for column, (name, figure) in zip(st.columns(2), charts[row : row + 2], strict=False):
            with column:
                chart.show(figure, f"{key}-{name}")
    if earlier:
        st.caption(
            f"Left of the dashed line: {numbers.counted(len(earlier), 'epoch')} of {info.extends},"
            " which this run extends."
        )
    if small_map:
        _small_map(run, info, key, theme)


def earlier_records(info: RunInfo) -> list[dict[str, Any]]:
    """Return the records of the runs that this one extends, the oldest first; missing runs are left
    out."""
    records: list[dict[str, Any]] = []
    seen: set[str] = set()
    while (before := runs.extended(info)) is not None and before.key not in seen:
        seen.add(before.key)
        info = runs.info(before)
        records = continued(before.metrics(), records)
    return records


def continued(earlier: list[dict[str, Any]], later: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return both lists joined, with the epochs numbered from 0."""
    return [{**record, "epoch": epoch} for epoch, record in enumerate([*earlier, *later])]


def _metric_charts(
    earlier: list[dict[str, Any]],
    metrics: list[dict[str, Any]],
    looks: ModelStyle,
    reference: Reference | None,
    theme: Theme,
) -> list[tuple[str, Any]]:
    records = continued(earlier, metrics)
    epochs = [record["epoch"] + 1 for record in records]

    def line(field: str, name: str, dash: str = "solid") -> Line:
        values = [record.get(field, float("nan")) for record in records]
        return Line(ModelStyle(name, looks.colour, looks.symbol), epochs, values, dash)

    accuracy = metric_lines(
        [line("validation_accuracy", "validation"), line("train_accuracy", "train", "dot")],
        "accuracy",
        "percent",
        theme,
        height=_HEIGHT,
        reference=None if reference is None else reference.accuracy,
    )
    names = sorted({name for record in records for name in record if name.startswith("loss_")})
    terms = {n.removeprefix("loss_"): [r.get(n, float("nan")) for r in records] for n in names}
    charts = [("accuracy", accuracy), ("loss", loss_terms(terms, epochs, theme, height=_HEIGHT))]
    if any("validation_agreement" in record for record in records):
        agreement = metric_lines(
            [line("validation_agreement", "validation")],
            "agreement with the teacher",
            "percent",
            theme,
            height=_HEIGHT,
        )
        charts.append(("agreement", agreement))
    spread = metric_lines(
        [line("validation_overlap", "validation")],
        f"class overlap at T = {TEMPERATURE:g}, not corrected for the number of images",
        "number",
        theme,
        height=_HEIGHT,
        reference=None if reference is None else reference.overlap,
    )
    charts.append(("overlap", spread))
    for _, figure in charts:
        if earlier:
            border = {"color": theme.muted, "width": 1, "dash": "dash"}
            figure.add_vline(x=len(earlier) + 0.5, line=border)
        figure.update_xaxes(tick0=1, dtick=max(1, -(-len(records) // 8)), nticks=None)
    return charts


def teacher_run(info: RunInfo) -> RunFolder | None:
    """Return the run's teacher; None without one, or if it was deleted or replaced."""
    try:
        return recorded_teacher(info, runs.library().find)
    except (RunError, OSError):
        return None


def reference(info: RunInfo) -> Reference | None:
    """Return the teacher's figures, or None if it has no predictions on this run's validation
    images."""
    teacher = teacher_run(info)
    if teacher is None or not teacher.has_predictions("validation"):
        return None
    if _validation(info) != _validation(runs.info(teacher)):
        return None
    return _measured(runs.fingerprint_of(teacher.predictions_path("validation")))


def _validation(info: RunInfo) -> tuple[int, int | None, int]:
    """Return the settings that choose the validation images. Imported runs have the defaults."""
    config = TrainConfig() if info.config is None else info.config
    return config.validation_seed, config.validation_folds, config.validation_fold


@st.cache_data(max_entries=64, show_spinner=False)
def _measured(fingerprint: Fingerprint) -> Reference | None:
    try:
        teacher = Predictions.load(fingerprint.path)
    except PredictionsError:
        return None
    shard = stratified_shards(len(teacher), teacher.labels)
    overlap = streamed_overlap(teacher.logits, TEMPERATURE, shard)
    return Reference(teacher.accuracy, None if overlap is None else overlap.value)


# -- the small map ---------------------------------------------------------------------------------
def _small_map(run: RunFolder, info: RunInfo, key: str, theme: Theme) -> None:
    teacher = teacher_run(info)
    fingerprints = [runs.fingerprint_of(run.path / "trajectory.npz")]
    if teacher is not None and teacher.has_predictions("validation"):
        fingerprints.append(runs.fingerprint_of(teacher.predictions_path("validation")))
    views = figures_cache(("probe maps", *fingerprints), lambda: _probe_maps(fingerprints, run))
    if views is None:
        return
    figures = refresh.kept(
        "probe-maps",
        (*fingerprints, theme),
        lambda: _map_figures(views, _class_names(info, teacher), theme),
    )
    kind = "This student" if info.role == "student" else "This teacher"
    columns = st.columns(2)
    for column, figure, (name, view) in zip(columns, figures, views.items(), strict=False):
        with column:
            lead = f"{kind} after epoch {view.epoch}" if name == "student" else "Its teacher"
            st.caption(f"{lead}: {len(view.ids)} validation images, PCA of √P at T = 4")
            chart.show(figure, f"{key}-map-{name}")


def _map_figures(views: dict[str, ProbeMap], class_names: Sequence[str], theme: Theme) -> list[Any]:
    few = len(class_names) <= _COLOURED_CLASSES
    scene = _probe_scene(views, class_names, few=few, theme=theme)
    return [map_figure(scene, k, height=240, legend=not few) for k in range(len(views))]


def _probe_scene(
    views: dict[str, ProbeMap], class_names: Sequence[str], *, few: bool, theme: Theme
) -> MapScene:
    """The maps of the probe set, coloured by true class if there are `few` classes, else by
    disagreement with the teacher."""
    panels = [
        MapPanel(ModelStyle(name, theme.text), view.coordinates, predicted=view.predicted)
        for name, view in views.items()
    ]
    predicted = [view.predicted for view in views.values()]
    view = views["student"]
    if few and view.labels is not None:
        colours = colouring.by_class([view.labels] * len(views), class_names, theme)
    elif "teacher" in views:
        colours = colouring.by_disagreement(predicted, views["teacher"].predicted, theme)
    else:
        colours = colouring.quiet(len(views), len(view.ids))
    return MapScene(
        panels, view.ids, colours, theme=theme, class_names=class_names, labels=view.labels
    )


@dataclass(frozen=True)
class ProbeMap:
    """The probe set in two dimensions.

    Attributes:
        coordinates: [P, 2].
        ids: Sample ids [P].
        labels: True classes [P], or None.
        predicted: Top-1 classes [P].
        epoch: The epoch of the student's predictions, from 1.
    """

    coordinates: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None
    predicted: np.ndarray
    epoch: int


def _probe_maps(fingerprints: Sequence[Fingerprint], run: RunFolder) -> dict[str, ProbeMap] | None:
    try:
        stored = run.trajectory()
        teacher = Predictions.load(fingerprints[1].path) if len(fingerprints) > 1 else None
    except PredictionsError:
        return None
    return None if stored is None else probe_maps(stored, teacher)


def probe_maps(stored: dict[str, np.ndarray], teacher: Predictions | None) -> dict[str, ProbeMap]:
    """Return the last epoch's map of the probe set, rotated to match the teacher's map if there is
    one.

    Args:
        stored: A trajectory: logits [E, P, C], ids [P], epochs [E], and labels [P] if they are
            known.
        teacher: The teacher's predictions on validation; ignored if they lack samples of the
            probe set.
    """
    logits, ids = stored["logits"][-1].astype(np.float32), stored["ids"]
    coordinates = pca_plane(softmax(logits, TEMPERATURE))
    maps: dict[str, ProbeMap] = {}
    epoch = int(stored["epochs"][-1]) + 1
    labels = stored.get("labels")
    if teacher is not None:
        position = {id: i for i, id in enumerate(teacher.ids.tolist())}
        if all(id in position for id in ids.tolist()) and teacher.num_classes == logits.shape[1]:
            probe = teacher.take(np.array([position[id] for id in ids.tolist()]))
            base = pca_plane(softmax(probe.logits, TEMPERATURE))
            coordinates = align_to(base, coordinates)
            maps["teacher"] = ProbeMap(base, ids, labels, probe.predicted, epoch)
    maps["student"] = ProbeMap(coordinates, ids, labels, logits.argmax(axis=1), epoch)
    return maps


def pca_plane(P: np.ndarray) -> np.ndarray:
    """Project square-rooted probabilities [N, C] on their first two principal components, float32
    [N, 2]."""
    space = np.sqrt(P)
    space = space - space.mean(axis=0)
    directions = np.linalg.eigh(space.T @ space)[1][:, ::-1][:, :2]
    return (space @ directions).astype(np.float32)


def _class_names(info: RunInfo, teacher: RunFolder | None) -> tuple[str, ...]:
    if teacher is not None and teacher.has_predictions("validation"):
        names = _names(runs.fingerprint_of(teacher.predictions_path("validation")))
        if len(names) == info.num_classes:
            return names
    return tuple(str(c) for c in range(info.num_classes))


@st.cache_data(max_entries=64, show_spinner=False)
def _names(fingerprint: Fingerprint) -> tuple[str, ...]:
    try:
        return Predictions.load(fingerprint.path).class_names
    except PredictionsError:
        return ()
