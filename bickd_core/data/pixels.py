"""Image files as square uint8 arrays: any format that Pillow reads, grey or RGB, scaled with antialiasing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.launch.slots import available_cores

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 256
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Encoded:
    """An image file: its bytes or where it lies, and what to call it when it cannot be read."""

    data: bytes | Path
    name: str


@dataclass(frozen=True)
class Header:
    grey: bool
    width: int
    height: int


def header(encoded: Encoded) -> Header:
    """What an image file says of itself, without decoding it.

    Raises:
        DataError: it is no image, or has more than 8 bits a channel.
    """
    return _opened(encoded, lambda image: Header(image.mode in _GREY, image.width, image.height))


def decode(encoded: Encoded, channels: int, size: int) -> np.ndarray:
    """uint8 [channels, size, size]: turned upright, cut to its central square, scaled (bicubic, antialiased).

    What is transparent becomes white. An image of that size already keeps its pixels.

    Raises:
        DataError: the file cannot be read; the message names it.
    """
    return _opened(encoded, lambda image: to_array(image, channels, size))


def decode_all(encoded: Iterable[Encoded], channels: int, size: int) -> Iterator[np.ndarray]:
    """uint8 [up to 256, channels, size, size] after one another, decoded by as many threads as there are cores."""
    items = iter(encoded)
    with ThreadPoolExecutor(available_cores()) as pool:
        while chunk := list(islice(items, CHUNK)):
            yield np.stack(list(pool.map(lambda item: decode(item, channels, size), chunk)))


def to_array(image: Image.Image, channels: int, size: int) -> np.ndarray:
    """What `decode` says, for an open image."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _opened(encoded: Encoded, use: Callable[[Image.Image], _Result]) -> _Result:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(
            encoded.data if isinstance(encoded.data, Path) else io.BytesIO(encoded.data)
        ) as image:
            if image.mode.startswith(_DEEP):
                raise DataError(
                    f"the image {encoded.name} has more than 8 bits a channel (mode {image.mode}); save it with 8."
                )
            return use(image)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(
            f"the image {encoded.name} is gone; was its folder moved, or its disk taken away?"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"the file {encoded.name} is not an image that can be read; repair or remove it."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"the image {encoded.name} cannot be read ({reason}); repair or remove it."
        ) from error
