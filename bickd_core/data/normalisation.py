"""Normalisation of a network's inputs: (value / 255 - mean) / std, channel by channel.

A network trained here uses the statistics of its data. An imported one may need others, so its run
records them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, model_validator

Preset = Literal["data", "imagenet", "cifar10", "cifar100", "half", "none"]
Choice = Literal[Preset, "given"]
"""A preset, or a mean and std given as numbers."""
CHOICES: tuple[Preset, ...] = get_args(Preset)
TRIED: tuple[Preset, ...] = ("data", "imagenet", "half", "none")
"""What an import tries. CIFAR's values are too close to ImageNet's to be distinguished."""
TITLES: dict[Choice, str] = {
    "data": "the data's own mean and std",
    "imagenet": "ImageNet's mean and std",
    "cifar10": "CIFAR-10's mean and std",
    "cifar100": "CIFAR-100's mean and std",
    "half": "mean 0.5 and std 0.5",
    "none": "no normalisation (values from 0 to 1)",
    "given": "the given mean and std",
}
NOTABLE = 0.02
"""The gain in accuracy from which a run's page mentions another normalisation."""
_KNOWN: dict[Choice, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
"""Published mean and std of red, green and blue. Grey images use their average over the three
channels."""


class Normalisation(BaseModel):
    """A normalisation of images with ch channels.

    Attributes:
        name: name of the preset, or "given".
        mean, std: ch values each, on the scale from 0 to 1; std above 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Choice
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Normalisation:
        figures = (*self.mean, *self.std)
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(
                f"expected one mean and one std for each channel, got {len(self.mean)} and"
                f" {len(self.std)}."
            )
        if not all(map(math.isfinite, figures)) or min(self.std) <= 0:
            raise ValueError(
                f"expected finite means and std above 0, got {self.mean} and {self.std}."
            )
        return self


def usual(mean: Sequence[float], std: Sequence[float]) -> dict[Choice, Normalisation]:
    """Return the usual normalisations by name, for images with these statistics.

    Args:
        mean, std: `Dataset.mean` and `Dataset.std`, ch values each.

    >>> usual((0.3,), (0.2,))["half"].mean, list(usual((0.3,) * 3, (0.2,) * 3))
    ((0.5,), ['data', 'imagenet', 'cifar10', 'cifar100', 'half', 'none'])
    """
    channels = len(mean)
    known: dict[Choice, tuple[tuple[float, ...], tuple[float, ...]]] = {
        "data": (tuple(mean), tuple(std))
    }
    if channels in (1, 3):
        known |= (
            _KNOWN if channels == 3 else {name: _grey(*figures) for name, figures in _KNOWN.items()}
        )
    known["half"] = (0.5,) * channels, (0.5,) * channels
    known["none"] = (0.0,) * channels, (1.0,) * channels
    return {
        name: Normalisation(name=name, mean=known[name][0], std=known[name][1])
        for name in CHOICES
        if name in known
    }


LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, as in Pillow's mode L)."""


def converted(
    mean: Sequence[float], std: Sequence[float], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std of images whose channels are converted: grey to three, or colour to one.

    Three channels become one by LUMA. Its std is exact if they are equal, and too large otherwise.

    Args:
        mean, std: of the images, for each channel.
        channels: number of channels after the conversion.

    >>> converted((0.3,), (0.2,), 3)
    ((0.3, 0.3, 0.3), (0.2, 0.2, 0.2))
    >>> converted((0.3, 0.3, 0.3), (0.2, 0.2, 0.2), 1)
    ((0.3,), (0.2,))
    """
    if channels == len(mean):
        return tuple(mean), tuple(std)
    if channels == 1:
        one, other = (
            round(sum(w * v for w, v in zip(LUMA, values, strict=True)), 6)
            for values in (mean, std)
        )
        return (one,), (other,)
    return tuple(mean) * channels, tuple(std) * channels


def _grey(mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[tuple[float], tuple[float]]:
    """Return mean and std for grey images, from those of three channels.

    >>> _grey(*_KNOWN["imagenet"])
    ((0.449,), (0.226,))
    """
    return (round(sum(mean) / 3, 4),), (round(sum(std) / 3, 4),)


def numbers(mean: Sequence[float], std: Sequence[float]) -> str:
    """Describe the mean and std of each channel.

    >>> numbers((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), numbers((0.5,), (0.5,))
    ('mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)', 'mean 0.5, std 0.5')
    """
    listed = [", ".join(f"{value:.4g}" for value in values) for values in (mean, std)]
    return "mean {}, std {}".format(*(f"({text})" if "," in text else text for text in listed))


def described(name: Choice, channels: int = 3) -> str:
    """Describe a preset with its numbers, for lists of choices.

    >>> described("cifar10")
    "CIFAR-10's: mean (0.4914, 0.4822, 0.4465), std (0.247, 0.2435, 0.2616)"
    >>> described("half", 1), described("data")
    ('Mean 0.5, std 0.5', "The data's own mean and std")
    """
    title = TITLES[name][:1].upper() + TITLES[name][1:]
    if name in ("data", "given"):
        return title
    option = usual((0.0,) * channels, (1.0,) * channels).get(name)
    if option is None:
        return title
    figures = numbers(option.mean, option.std)
    if name == "half":
        return figures[:1].upper() + figures[1:]
    return f"{title.removesuffix(' mean and std').partition(' (')[0]}: {figures}"


def comparison(
    name: Choice,
    tried: Mapping[Choice, float],
    images: str,
    *,
    before: Choice,
) -> str:
    """Compare two normalisations in a sentence without a full stop.

    Args:
        name, before: the better one and the other one.
        tried: share of right answers by normalisation.
        images: as `tried_images` describes them.

    >>> tried = {"data": 0.444, "half": 0.92}
    >>> comparison("half", tried, "500 validation images", before="data")[:71]
    'with mean 0.5 and std 0.5, 92.0% of 500 validation images are right, bu'
    """
    return (
        f"with {TITLES[name]}, {100 * tried[name]:.1f}% of {images} are right,"
        f" but with {TITLES[before]} only {100 * tried[before]:.1f}%"
    )


def tried_images(count: int, train: int, split: str) -> str:
    """Describe the images of a trial.

    Args:
        count: number of images.
        train: how many of them are train images.
        split: split of the others.

    >>> tried_images(500, 0, "validation"), tried_images(300, 270, "validation")
    ('500 validation images', '30 validation and 270 train images')
    """
    rest = f" and {train:,} train" if train else ""
    return f"{count - train:,} {split}{rest} images"


def applied(chosen: Normalisation, tried: Mapping[Choice, float], images: str) -> str:
    """Describe the normalisation of a run's inputs, and the accuracy with the others.

    Args:
        tried: share of right answers by normalisation.
        images: as `tried_images` describes them.

    >>> tried = {"data": 0.444, "half": 0.92}
    >>> applied(usual((0.3,), (0.2,))["half"], tried, "500 validation images")[-82:]
    "92.0% of 500 validation images are right (44.4% with the data's own mean and std)."
    """
    start = f"Inputs were normalised with {TITLES[chosen.name]}"
    if chosen.name == "none":
        start = "Inputs were not normalised (values from 0 to 1)"
    if chosen.name not in tried:
        return f"{start}."
    others = ", ".join(
        f"{100 * share:.1f}% with {TITLES[name]}"
        for name, share in tried.items()
        if name != chosen.name
    )
    sentence = f"{start}: {100 * tried[chosen.name]:.1f}% of {images} are right ({others})."
    best = max(tried, key=lambda name: tried[name])
    if tried[best] > tried[chosen.name] + NOTABLE:
        sentence += (
            f" The accuracy is higher with {TITLES[best]}. To use it, import the file again under"
            f" another name with the normalisation '{best}'."
        )
    return sentence


def undecided_sentence(chosen: Choice, others: Sequence[Choice], *, of_teacher: bool) -> str:
    """Say that a trial did not decide between normalisations, which one was taken, and how to set
    another; "" if it decided.

    Args:
        others: those that may be right as often as the chosen one.
        of_teacher: whether the chosen one was taken because the teacher has it.

    >>> print(undecided_sentence("imagenet", ["data"], of_teacher=True))  # doctest: +ELLIPSIS
    These images do not decide between ImageNet's mean and std and the data's own mean and std...
    """
    if not others:
        return ""
    *first, last = [TITLES[name] for name in (chosen, *others)]
    why = (
        "its teacher has it"
        if of_teacher
        else "the network gives the true classes a higher likelihood with it"
    )
    names = " or ".join(f"'{name}'" for name in others)
    return (
        f"These images do not decide between {', '.join(first)} and {last}: the difference in"
        f" accuracy may be chance. The first was taken, because {why}. If the network was trained"
        f" with another one, import the file again under another name with the normalisation"
        f" {names} (--normalisation on the command line)."
    )
