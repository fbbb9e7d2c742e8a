"""Pictures or texts of samples, read once for each content of the files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.data.runs import Fingerprint, fingerprint, library
from bickd_core.runs.library import RunFolder, Split
from bickd_core.runs.predictions import PredictionsError
from bickd_core.runs.sample_file import SampleFile
from bickd_core.runs.thumbnails import Thumbnails


def pictures(runs: Sequence[RunFolder], dataset: str, split: Split) -> Thumbnails:
    """From the first run that holds texts or image paths of imported samples, else from the data
    set."""
    return _pictures(dataset, split, samples_mark(runs, split))


def samples_mark(runs: Sequence[RunFolder], split: Split) -> Fingerprint | None:
    """The file of texts and image paths; None where no run has one."""
    files = [run.samples_path(split) for run in runs]
    return next((fingerprint(file) for file in files if file.exists()), None)


@st.cache_resource(max_entries=16, show_spinner=False)
def _pictures(dataset: str, split: Split, samples: Fingerprint | None) -> Thumbnails:
    if samples is not None:
        try:
            return Thumbnails.of_samples(SampleFile.load(Path(samples[0])))
        except (PredictionsError, FileNotFoundError) as error:
            said = f"The texts and images of the samples cannot be read: {error}"
            return Thumbnails(None, said, noun="sample")
    shelf = library().shelf / dataset
    return Thumbnails.for_dataset(dataset, split, shelf=shelf if shelf.exists() else None)
