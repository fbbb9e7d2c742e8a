"""What both kinds of programs give: logits of a batch, and what is known of their input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

OUT_OF_MEMORY = "asks for more memory than is left for it; choose a smaller image size"


class ProgramError(ValueError):
    """A program that cannot be read or run; the message is one sentence without the file's name."""


@dataclass(frozen=True)
class Input:
    """The form of a program's images; None where it takes any.

    channels_last: whether they are [B, H, W, ch].
    """

    batch: int | None
    channels: int | None
    height: int | None
    width: int | None
    channels_last: bool = False

    @property
    def side(self) -> int | None:
        """Pixels a side, where it takes squares of one size alone."""
        return self.height if self.height == self.width else None


class Program(ABC):
    """A network that was saved with its computation.

    input: of its images.
    """

    input: Input

    @abstractmethod
    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits float32 [B, C], and the features [B, D] that its last linear layer takes; None
        where it has none.

        Args:
            images: float32 [B, ch, H, W], as the program wants them. B is `input.batch` where that
                is fixed.

        Raises:
            ProgramError: it fails, or puts out something else.
        """


def input_of(sides: list[int | None]) -> Input:
    """The form of images whose four sides are known or not.

    >>> input_of([None, 3, 32, 32])
    Input(batch=None, channels=3, height=32, width=32, channels_last=False)
    >>> input_of([1, 224, 224, 3]).channels_last
    True

    Raises:
        ProgramError: these are not four.
    """
    if len(sides) != 4:
        raise ProgramError(
            f"takes an input with {len(sides)} sides, but images are [batch, channels, height,"
            " width]"
        )
    batch, *rest = sides
    if rest[2] in (1, 3) and rest[0] not in (1, 3, None):
        return Input(batch, rest[2], rest[0], rest[1], channels_last=True)
    return Input(batch, rest[0], rest[1], rest[2])


def checked_logits(values: np.ndarray, batch: int) -> np.ndarray:
    """Logits as float32 [B, C].

    Raises:
        ProgramError: they have another form, or are not finite.
    """
    if values.ndim != 2 or len(values) != batch or values.shape[1] < 2:
        raise ProgramError(
            f"returns shape {list(values.shape)} instead of logits [{batch}, classes]"
        )
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ProgramError("returns numbers that are not finite")
    return values
