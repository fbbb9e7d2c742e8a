"""Sum the figures of training steps. On a GPU they are read only now and then, because reading
waits for the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bickd_core.training.divergence import diverged_sentence
from bickd_core.training.state import Position, TrainingError

STEPS_ON_GPU = 50
"""Steps between two readings on a GPU. This many may follow a step with a loss that is not finite;
none is saved."""
TERM = "loss_"


@dataclass(frozen=True)
class StepValues:
    """The figures of one step, on its device.

    Attributes:
        values: [len(names)].
    """

    names: tuple[str, ...]
    values: Tensor
    learning_rate: float

    @classmethod
    def of(
        cls, loss: Tensor, terms: dict[str, Tensor], accuracy: Tensor, learning_rate: float
    ) -> StepValues:
        names = ("loss", *(f"{TERM}{name}" for name in terms), "train_accuracy")
        parts = [loss, *terms.values(), accuracy]
        return cls(names, torch.stack([part.detach().double() for part in parts]), learning_rate)

    def figures(self) -> dict[str, float]:
        """Return the figures by name. This waits until the step is done."""
        figures = dict(zip(self.names, self.values.tolist(), strict=True))
        return {**figures, "learning_rate": self.learning_rate}


class Tally:
    """Sums the figures of an epoch's steps in `at.sums`. They are up to date after `settle`."""

    def __init__(self, at: Position, device: torch.device) -> None:
        self._at = at
        self._every = 1 if device.type == "cpu" else STEPS_ON_GPU
        self._waiting: list[tuple[int, StepValues]] = []

    def add(self, values: StepValues) -> None:
        """Add the figures of the step at `at`.

        Raises:
            TrainingError: as for `settle`.
        """
        self._waiting.append((self._at.step, values))
        if len(self._waiting) == self._every:
            self.settle()

    def settle(self) -> None:
        """Read the waiting figures.

        Raises:
            TrainingError: the loss of one of these steps is not finite; the message names it and
                its terms.
        """
        waiting, self._waiting = self._waiting, []
        for step, values in waiting:
            figures = values.figures()
            if not math.isfinite(figures["loss"]):
                parts = ", ".join(
                    f"{name.removeprefix(TERM)} {figure:.3g}"
                    for name, figure in figures.items()
                    if name.startswith(TERM)
                )
                what = (
                    f"the loss is not finite in epoch {self._at.epoch + 1}, step {step + 1}"
                    f" ({parts})"
                )
                raise TrainingError(diverged_sentence(what))
            for name, figure in figures.items():
                self._at.sums[name] = self._at.sums.get(name, 0.0) + figure
