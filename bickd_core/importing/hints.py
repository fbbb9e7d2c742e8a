"""Find out why an imported network has a low accuracy: its inputs or classes may differ from its
training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bickd_core.data.normalisation import TITLES, Choice
from bickd_core.data.preprocessing import ChannelOrder
from bickd_core.importing.inputs import clearly_better

if TYPE_CHECKING:
    from torch import nn

    from bickd_core.data.base import Dataset, Split

LOW = 0.5
"""Accuracy below which other normalisations and sizes are tried for hints."""
CLEAR = 0.2
"""How much a change must raise the accuracy to be worth a hint."""
PERMUTED = 0.6
"""Smallest accuracy for a hint on the class order. The best order reaches about 0.4 by chance."""
_SMALLEST_CLASS = 5
"""Images for each class that are needed to judge the class order."""
_SIDES = (32, 64, 96, 128)
_FEW = 200
"""Number of images on which other sizes are tried."""


def hints(
    model: nn.Module,
    part: Split,
    dataset: Dataset,
    right: float,
    tried: Mapping[Choice, float],
    chosen: Choice,
    *,
    swapped: nn.Module | None = None,
    order: ChannelOrder = "rgb",
    unscaled: nn.Module | None = None,
    any_size: bool = False,
    predicted: np.ndarray | None = None,
) -> tuple[str, ...]:
    """Return one sentence for each change that would clearly raise the accuracy on these images.

    Args:
        model: the network for inputs that are normalised with the data's statistics.
        part: the images on which changes are tried.
        right: the current accuracy, in [0, 1].
        tried: the accuracy with each usual normalisation, of which `chosen` is applied.
        swapped: the network with its channels in the other order than `order`; None for images
            without colour.
        unscaled: the network for images of any size, if `model` scales them; `model` itself if not
            given.
        predicted: int64 [N], the network's answers, if already known.
        any_size: whether the images are available in other sizes.
    """
    low = right < LOW
    found = [_normalisation(right, tried, chosen) if low else ""]
    predicted = _predicted(model, part, dataset) if predicted is None else predicted
    if swapped is not None:
        other = _predicted(swapped, part, dataset)
        found.append(_channels(predicted == part.labels, other == part.labels, order))
    found.append(_classes(predicted, part.labels, dataset.class_names))
    found.append(_size(unscaled or model, part, dataset, right, any_size) if low else "")
    return tuple(sentence for sentence in found if sentence)


def _normalisation(right: float, tried: Mapping[Choice, float], chosen: Choice) -> str:
    best = max(tried, key=lambda name: tried[name], default=chosen)
    if best == chosen or tried[best] < right + CLEAR:
        return ""
    return (
        f"Normalisation: with {TITLES[best]} the accuracy is {tried[best]:.0%} instead of"
        f" {right:.0%}."
    )


def _predicted(model: nn.Module, part: Split, dataset: Dataset) -> np.ndarray:
    from bickd_core.training.evaluate import predict

    return predict(model, part, dataset, features=False).predicted


def _channels(right: np.ndarray, swapped: np.ndarray, order: ChannelOrder) -> str:
    """Return a hint if the accuracy is clearly higher with the other channel order, else "".

    Args:
        right, swapped: bool [N], whether the answers are right with the current and with the other
            order.
    """
    better: ChannelOrder = "bgr" if order == "rgb" else "rgb"
    if clearly_better({order: right, better: swapped}, order) is None:
        return ""
    order_text = {"rgb": "red, green, blue", "bgr": "blue, green, red"}
    return (
        f"Channel order: with {order_text[better]} instead of {order_text[order]} the accuracy is"
        f" {swapped.mean():.0%} and not {right.mean():.0%}; import it with the channel order"
        f" {better.upper()} (--channel-order {better})."
    )


def _classes(predicted: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> str:
    """Return a hint if the outputs are the classes in another order, else ""."""
    from scipy.optimize import linear_sum_assignment

    classes, right = len(class_names), float((predicted == truth).mean())
    if len(truth) < _SMALLEST_CLASS * classes:
        return ""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predicted, truth), 1)
    outputs, labels = linear_sum_assignment(counts, maximize=True)
    best = counts[outputs, labels].sum() / len(truth)
    if best < max(PERMUTED, right + CLEAR):
        return ""
    moved = [
        (output, label) for output, label in zip(outputs, labels, strict=True) if output != label
    ]
    names = ", ".join(f"output {output} is {class_names[label]}" for output, label in moved[:3])
    return (
        f"Class order: with its outputs in another order the accuracy is {best:.0%} instead of"
        f" {right:.0%} ({names}, and so on); use the class order of its training, for example with"
        " --class-order text or by renaming the class folders."
    )


def _size(model: nn.Module, part: Split, dataset: Dataset, right: float, any_size: bool) -> str:
    """Return a hint if the accuracy is clearly higher on images of another size, else ""."""
    import torch
    import torch.nn.functional as F

    from bickd_core.data.base import Split
    from bickd_core.runs.stages import probe_positions

    few = part.take(probe_positions(part.labels, _FEW))
    images = torch.tensor(np.asarray(few.images)).float()
    accuracies = {}
    for side in _SIDES:
        if side == dataset.image_size:
            continue
        scaled = (
            F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
            .round()
            .to(torch.uint8)
        )
        try:
            answers = _predicted(model, Split(scaled.numpy(), few.labels, few.ids), dataset)
            accuracies[side] = float((answers == few.labels).mean())
        except (RuntimeError, ValueError):  # a network of one size alone
            continue
    best = max(accuracies, key=lambda side: accuracies[side], default=0)
    if not best or accuracies[best] < right + CLEAR:
        return ""
    option = (
        f"image size {best} (--image-size {best})"
        if any_size
        else f"input size {best} (--input-size {best})"
    )
    return (
        f"Input size: with images scaled to {best} pixels the accuracy is {accuracies[best]:.0%}"
        f" instead of {right:.0%}; import it with the {option}."
    )
