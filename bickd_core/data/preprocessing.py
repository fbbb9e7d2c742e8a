"""The inputs of a network: how images become square, input size, channel order, mean and std."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bickd_core.data.normalisation import Normalisation, numbers
from bickd_core.data.resizing import Resizing

ChannelOrder = Literal["rgb", "bgr"]
Channels = Literal["same", "repeated", "grey"]
CONVERTED: dict[Channels, str] = {
    "same": "",
    "repeated": "grey images repeated in three channels",
    "grey": "colour images made grey",
}
"""What is done to the channels of the images, in words."""
LARGEST_INPUT = 4096
"""Pixels per side."""


def channels_for(network: int, data: int) -> Channels | None:
    """Return what is done to images of `data` channels for a network that takes `network` channels;
    None if nothing can be done.

    >>> channels_for(3, 1), channels_for(1, 3), channels_for(3, 3), channels_for(4, 3)
    ('repeated', 'grey', 'same', None)
    """
    made: dict[tuple[int, int], Channels] = {(3, 1): "repeated", (1, 3): "grey"}
    return "same" if network == data else made.get((network, data))


class Preprocessing(Normalisation, Resizing):
    """All steps from an image file to a network's input.

    Attributes:
        mean, std: of red, green and blue, in any channel order: (value / 255 - mean) / std.
        channel_order: channel order of the network's input; "rgb" for grey images too.
        channels: "repeated" for a network with three channels on grey images, "grey" for a network
            with one channel on colour images (`LUMA`); "same" for others.
        input_size: pixels per side of the input; None (in older runs) for the size of the run's
            images. Images of another size are scaled to it.
        resize, interpolation, crop_share: see `Resizing`.
    """

    channel_order: ChannelOrder = "rgb"
    channels: Channels = "same"
    input_size: int | None = Field(None, gt=0, le=LARGEST_INPUT)

    @property
    def resizing(self) -> Resizing:
        """The part that changes the images themselves."""
        return Resizing(
            resize=self.resize, interpolation=self.interpolation, crop_share=self.crop_share
        )

    def sentence(self, resized: bool) -> str:
        """Describe the preprocessing.

        Args:
            resized: whether the images were made square here. Those of bundled data sets
                already are.

        >>> own = Preprocessing(name="half", mean=(0.5,), std=(0.5,), input_size=32)
        >>> own.sentence(resized=False)
        'Network input: 32 × 32 pixels, mean 0.5, std 0.5.'
        >>> own.sentence(resized=True).partition(".")[0]
        'Images are cut to the central square (bicubic)'
        """
        size = "" if self.input_size is None else f"{self.input_size} × {self.input_size} pixels, "
        order = "" if len(self.mean) == 1 else f"{self.channel_order.upper()}, "
        start = f"Images are {self.resizing.description}. " if resized else ""
        made = f", {CONVERTED[self.channels]}" if self.channels != "same" else ""
        return f"{start}Network input: {size}{order}{numbers(self.mean, self.std)}{made}."
