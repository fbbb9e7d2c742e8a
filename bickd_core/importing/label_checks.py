"""Warn about labels that do not seem to be the true classes of a model's rows, in its order."""

from __future__ import annotations

from collections.abc import Sequence

from bickd_core.importing.class_order import CLEAR, PERMUTED, at_chance, other_order
from bickd_core.runs.predictions import Predictions

FEWEST = 100
"""Samples that are needed to judge labels."""


def label_warnings(models: Sequence[tuple[str, Predictions]]) -> list[str]:
    """Return a warning for each model whose labels are its own predictions, or whose accuracy
    suggests another order of its classes or rows.

    Args:
        models: names and predictions.
    """
    return [
        f"{name}: {sentence}" for name, predictions in models if (sentence := _warning(predictions))
    ]


def are_own_predictions(predictions: Predictions) -> bool:
    """Return whether all labels are the predicted classes, on enough samples to be no accident."""
    labels = predictions.labels
    enough = labels is not None and len(labels) >= FEWEST and predictions.num_classes > 1
    return enough and bool((predictions.predicted == labels).all())


def _warning(predictions: Predictions) -> str:
    truth = predictions.labels
    if truth is None or len(truth) < FEWEST or predictions.num_classes < 2:
        return ""
    predicted = predictions.predicted
    right = float((predicted == truth).mean())
    if are_own_predictions(predictions):
        return (
            f"the labels of all {len(truth):,} samples are the classes that it predicts. Check that"
            " they are the true classes, and not its predictions."
        )
    names = predictions.class_names
    earlier = float((predicted == truth - 1).mean())
    if truth.min() >= 1 and earlier >= max(PERMUTED, right + CLEAR):
        return (
            f"its accuracy is {right:.1%}. It would be {earlier:.1%} if the labels counted from 1;"
            " if they do, subtract 1 from them."
        )
    order = other_order(predicted, truth, len(names))
    if order is not None:
        shown = ", ".join(f"{names[a]} as {names[b]}" for a, b in order.moved[:3])
        more = " and so on" if len(order.moved) > 3 else ""
        return (
            f"its accuracy is {right:.1%}. It would be {order.accuracy:.1%} with its classes in"
            f" another order ({shown}{more}). Check the order of the columns, of the class names"
            " and of the numbers in the labels."
        )
    if at_chance(right, len(truth), len(names)):
        return (
            f"its accuracy is {right:.1%}, no better than chance for {len(names):,} classes. Check"
            " that scores and labels have the same order of samples and of classes."
        )
    return ""
