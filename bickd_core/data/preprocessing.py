"""What a network's inputs are: how images become square, their size, the order of channels, mean and deviation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bickd_core.data.normalisation import Normalisation, numbers
from bickd_core.data.resizing import Resizing

ChannelOrder = Literal["rgb", "bgr"]
LARGEST_INPUT = 4096
"""Pixels a side."""


class Preprocessing(Normalisation, Resizing):
    """A network's inputs, from a file of an image on.

    mean, std: of red, green and blue, whatever the channel order; (value / 255 - mean) / std. channel_order: in which the
    network takes them; "rgb" for grey images too. input_size: pixels a side that the network gets; None (in older runs)
    for those of the run's images. Images of another size are scaled to it. resize, interpolation, crop_share: see
    `Resizing`.
    """

    channel_order: ChannelOrder = "rgb"
    input_size: int | None = Field(None, gt=0, le=LARGEST_INPUT)

    @property
    def resizing(self) -> Resizing:
        """The part that the images themselves depend on."""
        return Resizing(resize=self.resize, interpolation=self.interpolation, crop_share=self.crop_share)

    def sentence(self, resized: bool) -> str:
        """All of it in one sentence.

        Args:
            resized: whether the images were made square here; those of the sets that come along are so by themselves.

        >>> own = Preprocessing(name="half", mean=(0.5,), std=(0.5,), input_size=32)
        >>> own.sentence(resized=False)
        'The network takes images of 32 × 32 pixels, with mean 0.5, deviation 0.5.'
        >>> own.sentence(resized=True)[:60]
        'Images are cut to the central square (bicubic); the network '
        """
        size = "" if self.input_size is None else f" of {self.input_size} × {self.input_size} pixels"
        order = "" if len(self.mean) == 1 else f" in the order {' '.join(self.channel_order.upper())}"
        start = (
            f"Images are {self.resizing.words}; the network takes them"
            if resized
            else "The network takes images"
        )
        return f"{start}{size}{order}, with {numbers(self.mean, self.std)}."
