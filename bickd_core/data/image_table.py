"""`csv:PATH`: a table with one line for each image: file, class and, optionally, part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bickd_core.data.annotations import image_named, images_by_name, label_rows, rows_once
from bickd_core.data.errors import DataError
from bickd_core.data.folders import IMAGE_SUFFIXES, as_text, parts_in, subfolders
from bickd_core.data.listing import Listing, side_and_channels
from bickd_core.data.pixels import Encoded, decode_all, header
from bickd_core.data.resizing import Resizing


def files(path: Path) -> list[Path]:
    """Return the table and the image files that are read."""
    return [path, *(image for image, _, _ in _images(path))]


def listing(path: Path) -> Listing:
    """List the images. Classes are the labels, sorted as text. Ids are positions in a part."""
    every = _images(path)
    names = tuple(sorted({label for _, label, _ in every}))
    place = {name: index for index, name in enumerate(names)}
    chosen = {
        part: [(image, label) for image, label, of in every if of == part]
        for part in sorted({part for _, _, part in every})
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
    """Return file, class and part of each image; see `parts_of` for the parts.

    Files are in the table's folder. If a row's file is not there, it is looked for by its name in
    the folders next to the table; see `_in_folders`.

    Raises:
        DataError: the table cannot be read, an image does not exist or is outside the table's
            folder, a part is unknown, or see `rows_once`.
    """
    if not path.is_file():
        raise DataError(
            f"the table {as_text(path)} does not exist; check the path and that its disk is"
            " mounted."
        )
    root, images = path.parent, list[Path]()
    rows = label_rows(path)
    in_folders: dict[str, Path] | None = None
    for number, row in enumerate(rows, 1):
        named = root / row.image.replace("\\", "/")
        if ".." in named.parts or not named.is_relative_to(root):
            raise DataError(
                f"{as_text(path)} names {row.image!r} in row {number}; images must be in the"
                " table's folder or in a folder below it."
            )
        file: Path | None = named
        if not named.is_file():
            in_folders = _in_folders(path) if in_folders is None else in_folders
            file = image_named(row.image, in_folders)
        if file is None:
            raise DataError(
                f"{as_text(path)} names the image {row.image!r} in row {number}, but there is no"
                f" such file in {as_text(root)}, and not exactly one in the folders there; correct"
                " the name, or put the image there."
            )
        images.append(file)
    return [(images[i], rows[i].label, rows[i].part) for i in rows_once(path, rows, images)]


def _in_folders(path: Path) -> dict[str, Path]:
    """Return the images in the folders next to a table, by name. Of several with the same name it
    is that of the folder `images`, or else of the folder of the table's part, such as
    `train_images` for `train.csv`."""
    below = subfolders(path.parent)
    part = parts_in(path.stem)
    first = [folder for folder in below if part and parts_in(folder.name) == part]
    first += [folder for folder in below if folder.name.lower() == "images"]
    images = images_by_name(path.parent, IMAGE_SUFFIXES)
    for folder in first:
        images |= images_by_name(folder, IMAGE_SUFFIXES)
    return images
