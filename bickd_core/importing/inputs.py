"""Choose the inputs of an imported network: as requested, with the normalisation that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bickd_core.data.normalisation import (
    TRIED,
    Choice,
    Normalisation,
    comparison,
    converted,
    usual,
)
from bickd_core.data.preprocessing import ChannelOrder, Preprocessing, channels_for
from bickd_core.geometry.proper_scores import nll
from bickd_core.models.catalogue import TIMM, TORCHVISION

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from bickd_core.data.base import Dataset, Split
    from bickd_core.importing.statistics import Statistics
    from bickd_core.importing.weights import ImportRequest
    from bickd_core.runs.predictions import Predictions

Way = TypeVar("Way", bound=str)
CLEARLY, LEAST = 3.0, 0.01
"""Another way is clearly better if it has this many standard errors, and at least this share, more
right answers."""
CHANCE = 2.0
"""A difference of up to this many standard errors may be chance."""


@dataclass(frozen=True)
class TriedInputs:
    """The inputs of a network, with the accuracies and predictions of a trial on some images.

    Attributes:
        chosen: the inputs.
        accuracies: accuracy in [0, 1] with each normalisation that was tried.
        predicted: int64 [N], the predicted classes with the chosen inputs.
        undecided: other normalisations that may be right as often, if none was requested.
        of_teacher: whether the chosen one of these was taken because the teacher has it.
    """

    chosen: Preprocessing
    accuracies: Mapping[Choice, float]
    predicted: np.ndarray
    undecided: tuple[Choice, ...] = ()
    of_teacher: bool = False

    @property
    def accuracy(self) -> float:
        """Accuracy in [0, 1] with the chosen inputs."""
        return self.accuracies[self.chosen.name]


class OtherNormalisation(ValueError):
    """Another normalisation than the expected one is clearly better, so nothing was imported.

    Attributes:
        better: name of the better normalisation.
        tried: share of right answers with each normalisation.
    """

    def __init__(
        self,
        better: Choice,
        tried: Mapping[Choice, float],
        images: str,
        before: Choice,
    ) -> None:
        super().__init__(
            f"{comparison(better, tried, images, before=before)}; import it again with the"
            f" normalisation '{better}'."
        )
        self.better = better
        self.tried = tried


def expected_normalisation(arch: str) -> Choice:
    """Return the normalisation that a network was probably trained with: ImageNet's for timm and
    torchvision.

    >>> expected_normalisation("timm:resnet18"), expected_normalisation("resnet8")
    ('imagenet', 'data')
    """
    return (
        "imagenet" if arch.startswith((TIMM, TORCHVISION)) or arch.endswith("-imagenet") else "data"
    )


def preprocessing(request: ImportRequest, option: Normalisation, dataset: Dataset) -> Preprocessing:
    """Combine a normalisation with the requested inputs."""
    return Preprocessing(
        **option.model_dump(),
        **request.resizing.model_dump(),
        channel_order=request.channel_order,
        channels=channels_for(len(option.mean), dataset.in_channels) or "same",
        input_size=request.input_size or dataset.image_size,
    )


def choose_inputs(
    model: nn.Module,
    part: Split,
    dataset: Dataset,
    request: ImportRequest,
    statistics: Statistics,
    *,
    channels: int,
    images: str,
    teacher: Normalisation | None = None,
) -> TriedInputs:
    """Choose the inputs, and try each usual normalisation on the images of `part`.

    Batch norm statistics that the file lacks are estimated for each normalisation.

    Args:
        channels: of the network's input.
        images: what `part` is, as `tried_images` describes it.
        teacher: the normalisation of a student's teacher, if it is known.

    Raises:
        OtherNormalisation: none was requested and one is clearly better than the expected one.
        ValueError: the requested normalisation or channel order does not fit the number of
            channels.
    """
    from bickd_core.training.evaluate import predict
    from bickd_core.training.setup import renormalised

    options, wanted = _options(request, dataset, channels), request.normalisation
    of_teacher = None
    if teacher is not None and channels_for(channels, len(teacher.mean)) in ("repeated", "grey"):
        mean, std = converted(teacher.mean, teacher.std, channels)
        teacher = teacher.model_copy(update={"mean": mean, "std": std})
    if teacher is not None and wanted is None and len(teacher.mean) == channels:
        same = [n for n, option in options.items() if _numbers(option) == _numbers(teacher)]
        of_teacher = same[0] if same else teacher.name
        options.setdefault(of_teacher, teacher)
    base = wanted or expected_normalisation(request.arch)
    base = base if base in options else "data"
    answers: dict[Choice, Predictions] = {}
    for name, option in options.items():
        if name in (*TRIED, base, of_teacher):
            under = renormalised(model, preprocessing(request, option, dataset), dataset)
            statistics.estimate(under)
            answers[name] = predict(under, part, dataset, features=False)
    right = {name: answer.predicted == part.labels for name, answer in answers.items()}
    accuracies = {name: round(float(are_right.mean()), 4) for name, are_right in right.items()}
    better = clearly_better(right, base)
    if wanted is None and better is not None:
        raise OtherNormalisation(better, accuracies, images, base)
    similar = [base] if wanted is not None else similar_to_best(right, base)
    chosen = (
        of_teacher
        if of_teacher is not None and of_teacher in similar
        else max(similar, key=lambda name: _log_likelihood(answers[name]))
    )
    return TriedInputs(
        preprocessing(request, options[chosen], dataset),
        accuracies,
        answers[chosen].predicted,
        undecided=tuple(name for name in similar if name != chosen),
        of_teacher=len(similar) > 1 and chosen == of_teacher,
    )


def _numbers(option: Normalisation) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in (*option.mean, *option.std))


def _log_likelihood(answers: Predictions) -> float:
    """Return the mean logarithm of the true class's probability at T = 1."""
    assert answers.labels is not None
    return -float(nll(answers.logits, answers.labels).mean())


def _options(
    request: ImportRequest, dataset: Dataset, channels: int
) -> dict[Choice, Normalisation]:
    """Return the presets for a network with these channels, and the given mean and std.

    Raises:
        ValueError: the request does not fit the number of channels.
    """
    options = usual(*converted(dataset.mean, dataset.std, channels))
    if request.channel_order == "bgr" and (fewest := min(channels, dataset.in_channels)) != 3:
        raise ValueError(
            f"the channel order 'bgr' needs images with 3 channels, got {fewest}; leave it out."
        )
    if request.mean is not None and request.std is not None:
        if len(request.mean) != channels or len(request.std) != channels:
            raise ValueError(
                f"`mean` and `std` must have a number for each of {channels} channels, got"
                f" {len(request.mean)} and {len(request.std)}."
            )
        options["given"] = Normalisation(name="given", mean=request.mean, std=request.std)
    if request.normalisation is not None and request.normalisation not in options:
        raise ValueError(
            f"normalisation '{request.normalisation}' needs images with 1 or 3 channels, got"
            f" {channels}; choose one of {', '.join(options)}."
        )
    return options


def swapped(model: nn.Module, inputs: Preprocessing, dataset: Dataset) -> nn.Module | None:
    """Return the network with its channels in the other order than `inputs`; None if images or
    network do not have three channels."""
    from bickd_core.training.setup import renormalised

    if dataset.in_channels != 3 or inputs.channels != "same":
        return None
    other: ChannelOrder = "rgb" if inputs.channel_order == "bgr" else "bgr"
    return renormalised(model, inputs.model_copy(update={"channel_order": other}), dataset)


def clearly_better(right: Mapping[Way, np.ndarray], current: Way) -> Way | None:
    """Return the best way to prepare inputs if it is clearly better than the current one, else
    None.

    If b images are right only with the best way and c only with the current one, b - c must exceed
    CLEARLY times its standard deviation sqrt(b + c), and LEAST times the number of images.

    Args:
        right: bool [N] for each way, such as a normalisation: whether the answer is right.
        current: the way to compare with.
    """
    best = max(right, key=lambda name: int(right[name].sum()))
    gained, lost = _only(right[best], right[current])
    clear = gained - lost > max(CLEARLY * (gained + lost) ** 0.5, LEAST * len(right[current]))
    return best if clear else None


def similar_to_best(right: Mapping[Way, np.ndarray], current: Way) -> list[Way]:
    """Return the ways that may be right as often as the best one: the difference is at most CHANCE
    standard errors. The current way is always among them, and first.

    Args:
        right, current: as for `clearly_better`, which must have returned None.
    """
    best = max(right, key=lambda name: int(right[name].sum()))
    similar = [current]
    for name in right:
        gained, lost = _only(right[best], right[name])
        if name != current and gained - lost <= CHANCE * (gained + lost) ** 0.5:
            similar.append(name)
    return similar


def _only(one: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Return on how many images only the one is right, and only the other."""
    return int((one & ~other).sum()), int((other & ~one).sum())
