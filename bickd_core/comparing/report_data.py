"""Read the content of a report on a comparison from run folders, without the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bickd_core.comparing.comparison import Comparison, assemble
from bickd_core.comparing.finding import Finding, finding
from bickd_core.comparing.seeds import Recipes, Scored, score, scored, siblings
from bickd_core.geometry.layout import Layout, on_teacher
from bickd_core.maps.store import stored_layout
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split
from bickd_core.runs.thumbnails import Thumbnails


@dataclass(frozen=True)
class StoredMap:
    """The stored UMAP of one model.

    Attributes:
        coordinates: of the samples of the comparison, [N, 2].
    """

    layout: Layout
    coordinates: np.ndarray


@dataclass(frozen=True)
class ReportData:
    """A comparison at one temperature, with everything else that a report shows.

    Attributes:
        recipes: the models with all of their seeds in the library.
        left_out: a sentence for each reason why runs are not counted as seeds.
        maps: key of a model -> its stored UMAP. Models without one are missing.
        overlap_by_epoch: key of a model -> (epoch, overlap on validation at T = 4).
    """

    comparison: Comparison
    temperature: float
    recipes: Recipes
    pictures: Thumbnails
    left_out: tuple[str, ...] = ()
    maps: dict[str, StoredMap] = field(default_factory=dict)
    overlap_by_epoch: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)

    @property
    def finding(self) -> Finding | None:
        """The finding that the report's title states; None without students."""
        return finding(self.comparison, self.recipes)


def read_report_data(
    library: Library,
    teacher: str,
    students: Sequence[str] = (),
    *,
    split: Split = "test",
    temperature: float = 4.0,
) -> ReportData:
    """Read the runs with these keys (or folders) and align them by sample.

    Raises:
        RunError, PredictionsError: a run does not exist or has no predictions, or the runs cannot
            be compared.
    """
    runs = [library.locate(key) for key in (teacher, *students)]
    _check_runs(runs, split)
    infos = [run.info() for run in runs]
    pictures = _pictures(library, runs, infos[0], split)
    predictions = [run.predictions(split) for run in runs]
    comparison = assemble(runs, infos, predictions, split, pictures)
    left_out: list[str] = []
    recipes = _recipes(library, students, comparison, temperature, left_out.append)
    return report_data(
        library,
        comparison,
        temperature,
        recipes,
        pictures,
        teacher_ids=predictions[0].ids,
        left_out=left_out,
    )


def report_data(
    library: Library,
    comparison: Comparison,
    temperature: float,
    recipes: Recipes,
    pictures: Thumbnails,
    *,
    teacher_ids: np.ndarray,
    left_out: Sequence[str] = (),
) -> ReportData:
    """Add the stored maps and the figures by epoch of a comparison of runs.

    Args:
        recipes, pictures, left_out: as in `ReportData`.
        teacher_ids: of all samples of the teacher, which are the rows of stored maps.
    """
    rows = {id: i for i, id in enumerate(teacher_ids.tolist())}
    places = np.array([rows[id] for id in comparison.teacher.predictions.ids.tolist()])
    teacher = comparison.teacher.run
    layouts = {
        model.key: stored_layout(library, model.run, teacher=teacher, split=comparison.split)
        for model in comparison.models
    }
    base = layouts[comparison.teacher.key]
    return ReportData(
        comparison=comparison,
        temperature=temperature,
        recipes=recipes,
        pictures=pictures,
        left_out=tuple(left_out),
        maps={
            key: StoredMap(layout, on_teacher(base, layout)[places])
            for key, layout in layouts.items()
            if layout is not None
        },
        overlap_by_epoch={model.key: _overlap_by_epoch(model.run) for model in comparison.models},
    )


def _check_runs(runs: Sequence[RunFolder], split: Split) -> None:
    folders = [run.path.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise RunError(
                f"run '{run.key}' is named twice; name the teacher and each student once, since a"
                " run is not compared with itself."
            )
    for run in runs:
        if not run.has_predictions(split):
            raise RunError(
                f"run '{run.key}' has no predictions on {split} yet; remove it or let it finish."
            )


def _pictures(
    library: Library, runs: Sequence[RunFolder], info: RunInfo, split: Split
) -> Thumbnails:
    """Return the images or texts of imported samples if a run has them, else those of the data
    set."""
    imported = next((run for run in runs if run.samples_path(split).exists()), None)
    if imported is not None:
        return Thumbnails.of_samples(imported.samples(split))
    shelf = library.shelf / info.dataset
    return Thumbnails.for_dataset(
        info.dataset,
        split,
        shelf=shelf if shelf.exists() else None,
        content=info.data_content,
    )


def _recipes(
    library: Library,
    students: Sequence[str],
    comparison: Comparison,
    T: float,
    left_out: Callable[[str], object],
) -> Recipes:
    """Score the models and their other seeds.

    Args:
        left_out: called with the reason why a run is not counted.
    """
    teacher = comparison.teacher
    alike = siblings(library, students, comparison.split, left_out, teacher=teacher.run)
    runs: dict[str, tuple[Scored, ...]] = {teacher.key: (scored(comparison, teacher, T),)}
    for model, (_, *others) in zip(comparison.students, alike, strict=True):
        seeds = [score(teacher.predictions, run, T) for run in others]
        runs[model.key] = (scored(comparison, model, T), *filter(None, seeds))
    return Recipes(teacher.key, runs, comparison.labels)


def _overlap_by_epoch(run: RunFolder) -> tuple[tuple[int, float], ...]:
    records = [record for record in run.metrics() if record.get("validation_overlap") is not None]
    return tuple((record["epoch"] + 1, float(record["validation_overlap"])) for record in records)
