"""The interface of imported programs: run a batch of images, and describe the input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

OUT_OF_MEMORY = "needs more memory than is available; choose a smaller image size"


class ProgramError(ValueError):
    """A program that cannot be read or run.

    The message is a predicate, such as "takes 2 inputs"; the caller adds the file's name in front.
    """


@dataclass(frozen=True)
class Input:
    """The shape of a program's input. A dimension is None if the program accepts any size.

    Attributes:
        channels_last: whether the input is [B, H, W, ch] instead of [B, ch, H, W].
    """

    batch: int | None
    channels: int | None
    height: int | None
    width: int | None
    channels_last: bool = False

    @property
    def side(self) -> int | None:
        """Pixels per side, if the program accepts only squares of one size; else None."""
        return self.height if self.height == self.width else None


class Program(ABC):
    """A network that was saved with its computation, such as an ONNX file.

    Attributes:
        input: the shape of its input.
    """

    input: Input

    @abstractmethod
    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return logits and, if known, features of a batch of images.

        Args:
            images: float32 [B, ch, H, W], normalised as the program expects. B must be
                `input.batch` if that is fixed.

        Returns:
            Logits, float32 [B, C], and the input of the last linear layer, float32 [B, D], or None.

        Raises:
            ProgramError: the program fails, or does not return logits.
        """


def input_of(sides: list[int | None]) -> Input:
    """Return the input of a program from its four dimensions, where None is an unknown size.

    The last dimension counts as the channels if only it can be.

    >>> input_of([None, 3, 32, 32])
    Input(batch=None, channels=3, height=32, width=32, channels_last=False)
    >>> input_of([1, 224, 224, 3]).channels_last
    True
    >>> input_of([None, None, None, 3])  # of any size, as tf2onnx writes networks of Keras
    Input(batch=None, channels=3, height=None, width=None, channels_last=True)

    Raises:
        ProgramError: there are not four dimensions.
    """
    if len(sides) != 4:
        raise ProgramError(
            f"takes an input with {len(sides)} dimensions, but images are [batch, channels,"
            " height, width]"
        )
    batch, *rest = sides
    if rest[2] in (1, 3) and rest[0] not in (1, 3):
        return Input(batch, rest[2], rest[0], rest[1], channels_last=True)
    return Input(batch, rest[0], rest[1], rest[2])


def checked_logits(values: np.ndarray, batch: int) -> np.ndarray:
    """Return logits as float32 [B, C].

    Raises:
        ProgramError: the shape is not [batch, classes], or a value is not finite.
    """
    if values.ndim != 2 or len(values) != batch or values.shape[1] < 2:
        raise ProgramError(
            f"returns shape {list(values.shape)} instead of logits [{batch}, classes]"
        )
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ProgramError("returns numbers that are not finite")
    return values
