"""Images or texts of samples. Their files are read once, and again if they change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.data.runs import Fingerprint, fingerprint_of, library
from bickd_core.runs.library import RunFolder, Split
from bickd_core.runs.predictions import PredictionsError
from bickd_core.runs.sample_file import SampleFile
from bickd_core.runs.thumbnails import Thumbnails


def pictures(
    runs: Sequence[RunFolder], dataset: str, split: Split, content: str | None
) -> Thumbnails:
    """Return the images or texts of imported samples if a run has them, else those of the data
    set.

    Args:
        content: of the user's own images that the first run saw.
    """
    samples = samples_fingerprint(runs, split)
    pictures = _pictures(dataset, split, samples, content)
    if pictures.reason is not None:
        _pictures.clear(dataset, split, samples, content)  # look again later: the images may come
    return pictures


def samples_fingerprint(runs: Sequence[RunFolder], split: Split) -> Fingerprint | None:
    """Return the fingerprint of the file of texts and image paths, or None if no run has one."""
    files = [run.samples_path(split) for run in runs]
    return next((fingerprint_of(file) for file in files if file.exists()), None)


@st.cache_resource(max_entries=16, show_spinner=False)
def _pictures(
    dataset: str, split: Split, samples: Fingerprint | None, content: str | None
) -> Thumbnails:
    if samples is not None:
        try:
            return Thumbnails.of_samples(SampleFile.load(Path(samples[0])))
        except (PredictionsError, FileNotFoundError) as error:
            reason = f"The texts and images of the samples cannot be read: {error}"
            return Thumbnails(None, reason, noun="sample")
    shelf = library().shelf / dataset
    return Thumbnails.for_dataset(
        dataset, split, shelf=shelf if shelf.exists() else None, content=content
    )
