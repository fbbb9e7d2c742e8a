"""Decode image files into square uint8 arrays, grey or RGB. docs/data.md lists the formats."""

from __future__ import annotations

import io
import os
import stat
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import numpy as np

from bickd_core.cores import available_cores
from bickd_core.data.errors import DataError
from bickd_core.data.resizing import DEFAULT, Resizing
from bickd_core.naming import first_line

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 256
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that Pillow may open. It knows about 40 others, and one of them starts another
program."""
MAX_PIXELS = 64_000_000
"""Largest image. A larger JPEG is decoded at a half, a quarter or an eighth of its sides; other
formats are refused."""
LARGE_PIXELS = 16_000_000
"""Larger images are decoded one at a time."""
_large = threading.Lock()
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")
_ORIENTATION = 0x0112
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Encoded:
    """An image file: its bytes or its path, and its name in error messages."""

    data: bytes | Path
    name: str


@dataclass(frozen=True)
class Header:
    grey: bool
    width: int
    height: int


def header(encoded: Encoded) -> Header:
    """Read the header of an image file, without decoding the image.

    Raises:
        DataError: it is not an image in one of `FORMATS`, is too large, or has more than 8 bits per
            channel.
    """
    return _opened(encoded, lambda image: Header(image.mode in _GREY, image.width, image.height))


def decode(encoded: Encoded, channels: int, size: int, resizing: Resizing = DEFAULT) -> np.ndarray:
    """Decode an image, turn it upright, make it square and scale it.

    Transparent pixels become white. The pixels of an image of the right size do not change, unless
    `resizing` crops it.

    Returns:
        uint8 [channels, size, size].

    Raises:
        DataError: the file cannot be read; the message names it.
    """

    def use(image: Image.Image) -> np.ndarray:
        with _large if image.width * image.height > LARGE_PIXELS else nullcontext():
            return to_array(image, channels, size, resizing)

    return _opened(encoded, use)


def decode_all(
    encoded: Iterable[Encoded], channels: int, size: int, resizing: Resizing = DEFAULT
) -> Iterator[np.ndarray]:
    """Decode images in order, with one thread for each core.

    Yields:
        uint8 [up to 256, channels, size, size].
    """
    items = iter(encoded)
    with ThreadPoolExecutor(available_cores()) as pool:
        while chunk := list(islice(items, CHUNK)):
            yield np.stack(
                list(pool.map(lambda item: decode(item, channels, size, resizing), chunk))
            )


def to_array(
    image: Image.Image, channels: int, size: int, resizing: Resizing = DEFAULT
) -> np.ndarray:
    """Do the same as `decode`, for an open image."""
    from PIL import Image

    image = _upright(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (size, size) or resizing.crop_share != 1:
        image = _squared(image, size, resizing)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _squared(image: Image.Image, size: int, resizing: Resizing) -> Image.Image:
    from PIL import Image, ImageOps

    method, target = Image.Resampling[resizing.interpolation.upper()], (size, size)
    edge = (1 - resizing.crop_share) / 2
    if resizing.resize == "crop":
        return ImageOps.fit(image, target, method=method, bleed=edge)
    if resizing.resize == "pad":
        return ImageOps.pad(
            image, target, method=method, color=0 if image.mode == "L" else (0, 0, 0)
        )
    width, height = image.size
    box = (edge * width, edge * height, (1 - edge) * width, (1 - edge) * height)
    return image.resize(target, method, box=box)


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image upright, as given by its metadata.

    `ImageOps.exif_transpose` also rewrites the metadata, so it fails on unrelated broken entries.
    """
    from PIL import Image

    image.load()  # Pillow turns a TIFF itself and then removes the orientation from its metadata
    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is missing or cannot be read."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata raise many types of errors, but the pixels are intact
        return 1
    return orientation if isinstance(orientation, int) else 1


def _opened(encoded: Encoded, use: Callable[[Image.Image], _Result]) -> _Result:
    """Open an image, check its size and depth, and use it.

    Raises:
        DataError: in place of any error of Pillow or a codec; it names the image.
    """
    from PIL import Image, UnidentifiedImageError

    name = encoded.name
    try:
        with _file(encoded) as file:
            _check_webp(file, name)
            with Image.open(file, formats=FORMATS) as image:
                _check(image, name)
                return use(image)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(
            f"the image {name} no longer exists; check the path, its disk and the targets of links."
        ) from error
    except UnidentifiedImageError as error:
        formats = ", ".join(FORMATS)
        raise DataError(
            f"the file {name} is not an image that can be read ({formats}); repair, convert or"
            " remove it."
        ) from error
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(name)) from error
    except Exception as error:  # codecs raise many types of errors
        raise DataError(
            f"the image {name} cannot be read ({first_line(error)}); repair or remove it."
        ) from error


@contextmanager
def _file(encoded: Encoded) -> Iterator[IO[bytes]]:
    """Open the image's bytes. Pipes and devices are refused, because they may never answer."""
    if isinstance(encoded.data, bytes):
        yield io.BytesIO(encoded.data)
        return
    with open(
        encoded.data, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(
                f"{encoded.name} is not a regular file; remove it, or put the image itself there."
            )
        yield file


def _too_large(name: str, pixels: int | None = None) -> str:
    much = "too many pixels" if pixels is None else f"{pixels / 1e6:,.0f} million pixels"
    return (
        f"the image {name} has {much}; at most {MAX_PIXELS // 1_000_000} million are read, so scale"
        " it down."
    )


def _check(image: Image.Image, name: str) -> None:
    """Check the size and the bits per channel, and let a large JPEG be decoded smaller.

    Raises:
        DataError: the image is too large or has more than 8 bits per channel.
    """
    pixels = image.width * image.height
    scale = next((scale for scale in (1, 2, 4, 8) if pixels <= MAX_PIXELS * scale**2), 8)
    if scale > 1:
        if image.format in ("JPEG", "MPO"):
            image.draft(None, (image.width // scale, image.height // scale))
        if image.width * image.height > MAX_PIXELS:
            raise DataError(_too_large(name, pixels))
    if image.mode.startswith(_DEEP):
        raise DataError(
            f"the image {name} has more than 8 bits per channel (mode {image.mode}); save it"
            " with 8."
        )
    bits = _bits(image)
    if bits > 8:
        raise DataError(f"the image {name} has {bits} bits per channel; save it with 8.")


def _bits(image: Image.Image) -> int:
    """Return the bits per channel in the file. Pillow opens 16-bit colour as 8-bit, with the high
    byte of each value."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # type: ignore[attr-defined]
    for tile in getattr(image, "tile", ()):
        args = tile.args
        if image.format == "PNG" and isinstance(args, str) and args.endswith(";16B"):
            return 16
        if image.format == "PPM" and isinstance(args, tuple) and isinstance(args[-1], int):
            return int(args[-1]).bit_length()
    return 8


def _check_webp(file: IO[bytes], name: str) -> None:
    """Refuse a WebP whose header says that it is too large. Pillow allocates its pixels as soon as
    it is opened.

    Raises:
        DataError: it is too large.
    """
    start = file.read(30)
    file.seek(0)
    if len(start) < 30 or start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return
    kind = start[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(start[24:27], "little")
        height = 1 + int.from_bytes(start[27:30], "little")
    elif kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", start[26:30]))
    if width * height > MAX_PIXELS:
        raise DataError(_too_large(name, width * height))
