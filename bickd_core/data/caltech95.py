"""caltech95: 95 of the 101 object classes of Caltech-101 at 64 x 64, bundled with the library.

Source: Li, F.-F., Andreeto, M., Ranzato, M., Perona, P. (2022), Caltech 101, CaltechDATA; CC BY
4.0. files/README.md describes the changes.
"""

import hashlib
import io
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bickd_core.data.base import Augmentation, Source, Split
from bickd_core.data.cache import cached_array

if TYPE_CHECKING:
    import pyarrow

FILES = Path(__file__).parent / "files"
SHA256 = {
    "train": "4c353032b073b9fb5e36b6fc0bf8964ae4a8e2f4f34d28e846c5a0ecbf20c55e",
    "test": "eafc2bbbbada9fcf987a16c06d931a383782b4eea7357a6926763f2af3c76162",
}
STORED_SIZE = 64


def parquet_path(split: str) -> Path:
    """Return the bundled file that contains `split`. Validation is in the train file."""
    return FILES / f"caltech95-{STORED_SIZE}-{_part(split)}.parquet"


def _part(split: str) -> str:
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split must be one of train, validation, test, not {split!r}")
    return "test" if split == "test" else "train"


@cache
def _verify(path: Path, expected: str) -> None:
    """Check the file, once in each process."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The bundled file {path.name} is missing from {path.parent}; install or clone the"
            " project again."
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        hint = " (a Git LFS pointer?)" if len(data) < 1000 else ""
        raise ValueError(
            f"The bundled file {path.name} is damaged{hint}: its sha256 should be"
            f" {expected[:16]}..., it is {digest[:16]}... at {len(data):,} bytes; install or clone"
            " the project again."
        )


def read_columns(split: str, columns: list[str]) -> "pyarrow.Table":
    """Read columns ("image", "label", "path") of the file that contains `split`, after checking its
    sha256."""
    import pyarrow.parquet

    path = parquet_path(split)
    _verify(path, SHA256[_part(split)])
    # Starting threads would take longer than reading these small columns.
    return pyarrow.parquet.read_table(path, columns=columns, use_threads=False)


def encoded_images(split: str) -> "pyarrow.BinaryArray":
    """Return the WebP bytes of all images in the file that contains `split`, in order of ids."""
    return read_columns(split, ["image"])["image"].combine_chunks().field("bytes")


def paths(split: str) -> tuple[str, ...]:
    """Return class folder and file name in the original Caltech-101, in order of ids."""
    return tuple(read_columns(split, ["path"])["path"].to_pylist())


def halve(images: np.ndarray) -> np.ndarray:
    """Halve the sides by 2 x 2 means, rounding up: uint8 [N, ch, 2H, 2W] to uint8 [N, ch, H, W].

    >>> halve(np.array([[[[0, 1], [1, 0]]]], dtype=np.uint8)).tolist()
    [[[[1]]]]
    """
    total = images[..., 0::2, 0::2].astype(np.uint16)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        total += images[..., row::2, column::2]
    return ((total + 2) >> 2).astype(np.uint8)


def _decode(split: str, image_size: int) -> np.ndarray:
    from PIL import Image

    encoded = encoded_images(split)
    images = np.empty((len(encoded), STORED_SIZE, STORED_SIZE, 3), dtype=np.uint8)
    for row, item in enumerate(encoded):
        with Image.open(io.BytesIO(item.as_buffer()), formats=("WEBP",)) as image:
            images[row] = np.asarray(image.convert("RGB"))
    chosen = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return chosen if image_size == STORED_SIZE else halve(chosen)


def _load_part(split: str, image_size: int) -> tuple[Split, tuple[str, ...]]:
    table = read_columns(split, ["label"])
    labels = table["label"].to_numpy().astype(np.int64)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    names = tuple(name.replace("_", " ") for name in features["label"]["names"])
    images = cached_array(
        f"caltech95-{split}-{image_size}-{SHA256[split][:16]}",
        (len(labels), 3, image_size, image_size),
        lambda: _decode(split, image_size),
    )
    return Split(images, labels, np.arange(len(labels), dtype=np.int64)), names


def load(image_size: int) -> Source:
    """Load the data at 64 pixels, or at 32 by 2 x 2 means. Validation has 502 of 5,023 images."""
    train, class_names = _load_part("train", image_size)
    test, _ = _load_part("test", image_size)
    return Source(
        train=train,
        test=test,
        class_names=class_names,
        validation_size=502,
        augmentation=Augmentation(pad=image_size // 8, flip=True),
    )
