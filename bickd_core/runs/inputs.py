"""Sentences about the inputs of an imported network, and the trial in which they were chosen."""

from __future__ import annotations

from bickd_core.data.normalisation import applied, tried_images, undecided_sentence
from bickd_core.data.registry import made_square, tried_split
from bickd_core.runs.info import RunInfo


def inputs_sentence(info: RunInfo) -> str:
    """Describe a run's inputs and the accuracies of the trial; "" for an older run without them."""
    inputs, source = info.preprocessing, info.source
    if inputs is None:
        return ""
    images = tried_images(source.tried_on, source.tried_train, tried_split(info.dataset))
    tried = applied(inputs, source.tried, images)
    return f"{tried} {inputs.sentence(made_square(info.dataset))}"


def undecided_inputs(info: RunInfo) -> str:
    """Say that the trial did not decide between normalisations; "" if it did."""
    if info.preprocessing is None:
        return ""
    source = info.source
    return undecided_sentence(
        info.preprocessing.name, source.undecided, of_teacher=source.teachers_inputs
    )
