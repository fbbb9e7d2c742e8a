"""Find out why an imported network has a low accuracy.

Its inputs or classes may differ from those of its training, or it is no better than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bickd_core.data.normalisation import TITLES
from bickd_core.data.preprocessing import ChannelOrder
from bickd_core.importing.class_order import CLEAR, at_chance, other_order
from bickd_core.importing.inputs import TriedInputs, clearly_better, swapped

if TYPE_CHECKING:
    from torch import nn

    from bickd_core.data.base import Dataset, Split

LOW = 0.5
"""Accuracy below which other normalisations and sizes are tried for hints."""
_SIDES = (32, 64, 96, 128)
_FEW = 200
"""Number of images on which other sizes are tried."""


def hints(
    network: nn.Module,
    part: Split,
    dataset: Dataset,
    tried: TriedInputs,
    *,
    any_size: bool = False,
) -> tuple[str, ...]:
    """Return one sentence for each change that would clearly raise the accuracy on these images.

    Args:
        network: the network, without its preprocessing.
        part: the images on which changes are tried.
        tried: the network's inputs, and their trial on `part`.
        any_size: whether the images are available in other sizes.
    """
    from bickd_core.training.setup import renormalised

    sentences = [
        _channels(network, part, dataset, tried),
        _classes(tried.predicted, part.labels, dataset.class_names),
    ]
    if tried.accuracy < LOW:
        unscaled = tried.chosen.model_copy(update={"input_size": None})
        model = renormalised(network, unscaled, dataset)
        sentences = [
            _normalisation(tried),
            *sentences,
            _size(model, part, dataset, tried.accuracy, any_size),
        ]
    return tuple(filter(None, sentences))


def _normalisation(tried: TriedInputs) -> str:
    """Return a hint if the accuracy is clearly higher with another normalisation, else ""."""
    best = max(tried.accuracies, key=lambda name: tried.accuracies[name])
    if best == tried.chosen.name or tried.accuracies[best] < tried.accuracy + CLEAR:
        return ""
    return (
        f"Normalisation: with {TITLES[best]}, the accuracy rises from {tried.accuracy:.0%} to"
        f" {tried.accuracies[best]:.0%}."
    )


def _predicted(model: nn.Module, part: Split, dataset: Dataset) -> np.ndarray:
    from bickd_core.training.evaluate import predict

    return predict(model, part, dataset, features=False).predicted


def _channels(network: nn.Module, part: Split, dataset: Dataset, tried: TriedInputs) -> str:
    """Return a hint if the accuracy is clearly higher with the other channel order, else ""."""
    other = swapped(network, tried.chosen, dataset)
    if other is None:
        return ""
    order = tried.chosen.channel_order
    better: ChannelOrder = "bgr" if order == "rgb" else "rgb"
    right = {
        order: tried.predicted == part.labels,
        better: _predicted(other, part, dataset) == part.labels,
    }
    if clearly_better(right, order) is None:
        return ""
    order_text = {"rgb": "red, green, blue", "bgr": "blue, green, red"}
    return (
        f"Channel order: with {order_text[better]} instead of {order_text[order]}, the accuracy"
        f" rises from {right[order].mean():.0%} to {right[better].mean():.0%}; import it with the"
        f" channel order {better.upper()} (--channel-order {better})."
    )


def _classes(predicted: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> str:
    """Return a hint if the outputs are the classes in another order, else ""."""
    order = other_order(predicted, truth, len(class_names))
    if order is None:
        return ""
    right = float((predicted == truth).mean())
    names = ", ".join(f"output {a} is {class_names[b]}" for a, b in order.moved[:3])
    return (
        f"Class order: with its outputs in another order, the accuracy rises from {right:.0%} to"
        f" {order.accuracy:.0%} ({names}, and so on); use the class order of its training, for"
        " example with --class-order text or by renaming the class folders."
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
        f"Input size: with images scaled to {best} pixels, the accuracy rises from {right:.0%} to"
        f" {accuracies[best]:.0%}; import it with the {option}."
    )


def chance_note(right: float, count: int, classes: int, images: str) -> str:
    """Return the warning for a network at chance level, or "".

    Args:
        right: share of right answers in [0, 1].
        count: number of images.
        images: these, as `tried_images` describes them.

    >>> chance_note(0.12, 500, 10, "500 validation images")[:75]
    'Its accuracy is at chance level: 12.0% of 500 validation images are right, '
    >>> chance_note(0.2, 500, 10, "500 validation images")
    ''
    """
    if not at_chance(right, count, classes):
        return ""
    return (
        f"Its accuracy is at chance level: {100 * right:.1f}% of {images} are right,"
        f" among {classes:,} classes. Either the network is not trained, or it was trained"
        " with other inputs or classes."
    )
