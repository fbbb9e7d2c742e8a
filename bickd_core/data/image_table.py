"""`csv:PATH`: a table with one line for each image: file, class and, optionally, part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bickd_core.data.annotations import columns, rows_of
from bickd_core.data.errors import DataError
from bickd_core.data.folders import as_text, part_of
from bickd_core.data.listing import Listing, side_and_channels
from bickd_core.data.pixels import Encoded, decode_all, header
from bickd_core.data.resizing import Resizing

_PART_COLUMNS = ("split", "part", "subset", "set")


def files(path: Path) -> list[Path]:
    """Return the table and the image files that it names."""
    return [path, *(image for image, _, _ in _images(path))]


def listing(path: Path) -> Listing:
    """List the images. Classes are the labels, sorted as text. Ids are positions in a part."""
    every = _images(path)
    names = tuple(sorted({label for _, label, _ in every}))
    place = {name: index for index, name in enumerate(names)}
    parts = {"train", "test"} if {part for _, _, part in every} == {"train", "test"} else {"all"}
    chosen = {
        part: [(image, label) for image, label, of in every if part in ("all", of)]
        for part in sorted(parts)
    }
    encoded = {
        part: [Encoded(image, as_text(image)) for image, _ in rows] for part, rows in chosen.items()
    }
    side, channels = side_and_channels(
        [header(item) for items in encoded.values() for item in items]
    )

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return decode_all(iter(encoded[part]), channels, size, resizing)

    return Listing(
        class_names=names,
        labels={
            part: np.array([place[label] for _, label in rows], dtype=np.int64)
            for part, rows in chosen.items()
        },
        channels=channels,
        side=side,
        read=read,
        paths={
            part: tuple(as_text(image.relative_to(path.parent)) for image, _ in rows)
            for part, rows in chosen.items()
        },
        sorted_names=True,
    )


def _images(path: Path) -> list[tuple[Path, str, str]]:
    """Return file, class and part ("train", "test" or "") of each image.

    Raises:
        DataError: the table cannot be read, an image does not exist or is outside the table's
            folder, or a part is unknown.
    """
    if not path.is_file():
        raise DataError(
            f"the table {as_text(path)} does not exist; check the path and that its disk is"
            " mounted."
        )
    rows = rows_of(path)
    name, label, body = columns(path, rows)
    head = [cell.strip().lower() for cell in rows[0]] if body is not rows else []
    part_column = next((head.index(each) for each in _PART_COLUMNS if each in head), None)
    root, images = path.parent, []
    for number, row in enumerate(body, 1):
        file = root / row[name].strip().replace("\\", "/")
        if ".." in file.parts or not file.is_relative_to(root):
            raise DataError(
                f"{as_text(path)} names {row[name]!r} in row {number}; images must be in the"
                " table's folder or in a folder below it."
            )
        if not file.is_file():
            raise DataError(
                f"{as_text(path)} names the image {row[name]!r} in row {number}, but there is no"
                " such file."
            )
        part = ""
        if part_column is not None:
            word = row[part_column].strip() if len(row) > part_column else ""
            known = part_of(word)
            if known is None:
                raise DataError(
                    f"{as_text(path)} names the part {word!r} in row {number}; expected train, test"
                    " or validation."
                )
            part = "train" if known == "train" else "test"
        images.append((file, row[label].strip(), part))
    return images
