"""The comparison of the view. It is loaded once, and again if its files change."""

from __future__ import annotations

from app.data.cache import figures_cache
from app.data.pictures import pictures, samples_fingerprint
from app.data.runs import Fingerprint, fingerprint_of, info, library
from app.state import ViewState
from bickd_core.comparing.comparison import Comparison, assemble, content_key
from bickd_core.runs.library import RunError, RunFolder, Split
from bickd_core.runs.predictions import Predictions, PredictionsError


def comparison(view: ViewState) -> Comparison:
    """Load and align the runs of the view.

    Raises:
        RunError, PredictionsError: the runs cannot be compared; the message explains why.
    """
    shelf = library()
    if not view.teacher:
        raise RunError("there is no run to show yet; train one on Distill or load weights on Runs.")
    runs = [shelf.find(key) for key in (view.teacher, *view.students)]
    fingerprints = []
    for run in runs:
        path = run.predictions_path(view.split)
        if not path.exists():
            raise RunError(
                f"run '{run.key}' has no predictions on {view.split} yet; remove it or let it"
                " finish."
            )
        fingerprints.append(fingerprint_of(path))
    changing = (
        samples_fingerprint(runs, view.split),
        *(fingerprint_of(run.path / "run.yaml") for run in runs),
    )
    return _comparison(tuple(run.key for run in runs), tuple(fingerprints), changing, view.split)


def _comparison(
    keys: tuple[str, ...],
    fingerprints: tuple[Fingerprint, ...],
    changing: tuple[Fingerprint | None, ...],
    split: Split,
) -> Comparison:
    key = ("comparison", keys, fingerprints, changing, split)
    return figures_cache(key, lambda: _load(keys, fingerprints, split))


def _load(keys: tuple[str, ...], fingerprints: tuple[Fingerprint, ...], split: Split) -> Comparison:
    runs = [library().find(key) for key in keys]
    infos = [info(run) for run in runs]
    return assemble(
        runs,
        infos,
        [predictions_at(fingerprint) for fingerprint in fingerprints],
        split,
        pictures(runs, infos[0].dataset, split, infos[0].data_content),
        key=content_key(runs, split),
        cache=figures_cache,
    )


def file_of(comparison: Comparison, run: RunFolder) -> Fingerprint:
    """Return the fingerprint of the file with a run's predictions on the comparison's split."""
    return fingerprint_of(run.predictions_path(comparison.split))


def predictions_at(fingerprint: Fingerprint) -> Predictions:
    """Return the predictions in a file, which is read once.

    Raises:
        PredictionsError: the file cannot be read; the message names it.
    """
    key = ("predictions", fingerprint)
    predictions = figures_cache(key, lambda: _predictions_at(fingerprint))
    if isinstance(predictions, PredictionsError):
        raise PredictionsError(str(predictions))
    return predictions


def _predictions_at(fingerprint: Fingerprint) -> Predictions | PredictionsError:
    """Return the predictions or the error, so that a damaged file is not read again at every
    click."""
    try:
        return Predictions.load(fingerprint.path)
    except PredictionsError as error:
        return error
