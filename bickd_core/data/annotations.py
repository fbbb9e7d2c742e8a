"""Read text files with the labels of images or with the names of classes.

Examples are Tiny-ImageNet's `val_annotations.txt`, GTSRB's csv files and ImageNet's `words.txt`.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bickd_core.data.errors import DataError
from bickd_core.data.folders import as_text, parts_in, same_name, subfolders, unreadable, walk
from bickd_core.data.notes import note
from bickd_core.data.table_parts import parts_of

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 2**20
"""Largest size of a file of labels or names. That of ImageNet's 50,000 val images has 2 MB."""
_FILE_COLUMNS = (
    "filename", "file", "path", "image", "filepath", "file_name", "image_path", "img", "imageid",
    "image_id", "image_name",
    "id", "id_code",
)  # fmt: skip
_LABEL_COLUMNS = (
    "classid", "class_id", "label", "class", "target", "category", "wnid", "synset", "class_name",
    "predictionstring", "diagnosis",
)  # fmt: skip
_SUFFIXES = (".csv", ".tsv", ".txt")
_START = 2**14
"""Number of bytes that are read to find a file's first rows."""
_NAMES = (
    "class_to_idx.json",
    "words.txt",
    "labels.txt",
    "classes.txt",
    "class_names.txt",
    "LOC_synset_mapping.txt",
)


def labels_file(folder: Path, root: Path, suffixes: Collection[str]) -> Path | None:
    """Return the file with the labels of the images in a part's folder, or None.

    The file is in that folder, in its only subfolder, or at the root. Either its first row names an
    image of the folder, or its own name identifies it: `val_annotations.txt`, a csv in the folder,
    `Test.csv` next to `Test`. If there are several, files with a matching first row and with
    classes come first. Files at the root that are called like another part, or a submission for
    Kaggle with classes that are no true ones, are left out.
    """
    below = subfolders(folder)
    inside = [folder, *(below if len(below) == 1 else [])]
    names = {name.rsplit("/", 1)[-1] for name in images_by_name(folder, suffixes)}
    candidates: list[tuple[int, Path]] = []
    for place in [*inside, *([root] if root not in inside else [])]:
        try:
            files = sorted(file for file in place.iterdir() if file.suffix.lower() in _SUFFIXES)
        except OSError as error:
            raise unreadable(place, error) from error
        for file in files:
            if not file.is_file() or (place not in inside and _is_for_others(file, folder)):
                continue
            rows = _first_rows(file)
            named = "annotation" in file.name.lower() or (
                file.suffix.lower() != ".txt" and place in inside
            )
            first = _first_name(rows) or ""
            if first in names and (
                file.name not in _NAMES or Path(first).suffix.lower() in suffixes
            ):
                candidates.append((int(_has_no_classes(rows)), file))
            elif named or file.stem.lower() == folder.name.lower():
                candidates.append((2, file))
    return min(candidates, key=lambda candidate: candidate[0], default=(0, None))[1]


def _is_for_others(file: Path, folder: Path) -> bool:
    """Return whether a file's name says that its labels are not those of a part's folder."""
    part, parts = parts_in(folder.name), parts_in(file.stem)
    return bool(part and parts and not part & parts) or "submission" in file.stem.lower()


def images_by_name(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the images of a folder by relative path, and by name and by stem where these are
    unique."""
    images = walk(folder, suffixes)
    names = Counter(path.name for path in images)
    stems = Counter(path.stem for path in images)
    below = len(folder.as_posix().rstrip("/")) + 1
    return (
        {path.stem: path for path in images if stems[path.stem] == 1}
        | {path.name: path for path in images if names[path.name] == 1}
        | {path.as_posix()[below:]: path for path in images}
    )


def image_named(name: str, images: Mapping[str, Path]) -> Path | None:
    """Return the image that a row names: by its path, or by the longest end of the path that is in
    `images`; None if there is none."""
    pieces = re.split(r"[\\/]", name)
    ends = ("/".join(pieces[start:]) for start in range(len(pieces)))
    return next((images[end] for end in ends if end in images), None)


def _first_rows(file: Path) -> list[list[str]]:
    """Return the first rows of a file; an empty list if it is not a table."""
    try:
        with file.open("rb") as opened:
            start = opened.read(_START).decode("utf-8-sig", "replace")
        return _rows([line for line in start.splitlines()[:4] if line.strip()][:2])
    except (OSError, csv.Error):
        return []


def _first_name(rows: list[list[str]]) -> str | None:
    """Return the name of the image in the first row below the column names, or None."""
    if not rows or any(len(row) < 2 for row in rows):
        return None
    head = _head(rows)
    column = next((head.index(each) for each in _FILE_COLUMNS if each in head), 0)
    row = rows[-1] if any(each in head for each in (*_FILE_COLUMNS, *_LABEL_COLUMNS)) else rows[0]
    return re.split(r"[\\/]", row[column].strip())[-1] if len(row) > column else None


def _has_no_classes(rows: list[list[str]]) -> bool:
    """Return whether a table has a column of images but no column of classes, like that of GTSRB's
    test images."""
    head = _head(rows)
    return any(each in head for each in _FILE_COLUMNS) and not any(
        each in head for each in _LABEL_COLUMNS
    )


def only_lists_images(file: Path) -> bool:
    """Return whether a file has no classes, like Kaggle's `test.csv`: it has one column, or none
    that is called like a class."""
    rows = _first_rows(file)
    if not rows or "annotation" in file.name.lower():
        return False
    return all(len(row) == 1 for row in rows) or _has_no_classes(rows)


class LabelRow(NamedTuple):
    """A row of a file of labels: an image's name, class and part (see `parts_of`)."""

    image: str
    label: str
    part: str


def labelled(
    file: Path, folder: Path, suffixes: Collection[str], *, all_test: bool = False
) -> dict[str, dict[str, list[Path]]]:
    """Return the images of a folder by part and class. The file of labels also defines the classes.

    Args:
        file, folder, suffixes: see `annotated`.
        all_test: whether all images are test, whatever the file says about parts.

    Returns:
        The parts "train", "test" and perhaps "validation", each with all classes, or only "all" or
        "test".

    Raises:
        DataError: see `annotated` and `parts_of`.
    """
    rows = label_rows(file, parts=not all_test)
    if all_test:
        rows = [row._replace(part="test") for row in rows]
    rows, images = _images(file, folder, rows, suffixes)
    classes = sorted({row.label for row in rows})
    paths: dict[str, dict[str, list[Path]]] = {}
    for part in ("train", "validation", "test", "all"):
        if any(row.part == part for row in rows):
            paths[part] = {name: [] for name in classes}
    for row, image in zip(rows, images, strict=True):
        paths[row.part][row.label].append(image)
    return {part: _sorted(by_class) for part, by_class in paths.items()}


def annotated(
    file: Path, folder: Path, classes: Collection[str], suffixes: Collection[str]
) -> dict[str, list[Path]]:
    """Return the images of a folder by class, as given by a file of labels.

    Args:
        file: text with one line for each image: name and class, separated by tabs, semicolons,
            commas or spaces. The first line may name the columns.
        folder: searched for images at any depth.
        classes: names of the class folders. A whole number in the file stands for the folder of the
            same number.
        suffixes: suffixes of image files.

    Raises:
        DataError: the file cannot be read, or names an image or a class that does not exist.
    """
    rows, images = _images(file, folder, label_rows(file, parts=False), suffixes)
    known = {same_name(name): name for name in classes}
    numbers = {int(name): name for name in classes if name.isascii() and name.isdigit()}
    paths_by_class: dict[str, list[Path]] = {name: [] for name in classes}
    for number, (row, image) in enumerate(zip(rows, images, strict=True), 1):
        chosen = known.get(same_name(row.label))
        if chosen is None and row.label.isascii() and row.label.isdigit():
            chosen = numbers.get(int(row.label))
        if chosen is None:
            raise DataError(
                f"{as_text(file)} names the class {row.label!r} in row {number}, but the train part"
                " has no such class folder."
            )
        paths_by_class[chosen].append(image)
    return _sorted(paths_by_class)


def _sorted(paths_by_class: dict[str, list[Path]]) -> dict[str, list[Path]]:
    return {name: sorted(paths) for name, paths in paths_by_class.items()}


def _images(
    file: Path, folder: Path, rows: Sequence[LabelRow], suffixes: Collection[str]
) -> tuple[list[LabelRow], list[Path]]:
    """Return the rows without repeated images, and the image of each.

    Raises:
        DataError: the folder has no such image, or see `rows_once`.
    """
    by_name = images_by_name(folder, suffixes)
    images = []
    for number, row in enumerate(rows, 1):
        image = image_named(row.image, by_name)
        if image is None:
            raise DataError(
                f"{as_text(file)} names the image {row.image!r} in row {number}, but"
                f" {as_text(folder)} has no such image."
            )
        images.append(image)
    first = rows_once(file, rows, images)
    left = len(set(by_name.values())) - len(first)
    if left > 0:
        note(logger, f"{as_text(file)} names no class for {left} images, which are left out.")
    return [rows[i] for i in first], [images[i] for i in first]


def rows_once(file: Path, rows: Sequence[LabelRow], images: Sequence[Path]) -> list[int]:
    """Return the position of each image's first row. A table of boxes has a row for each box, and a
    repeated image would be in train and in test.

    Raises:
        DataError: two rows give an image another class or part.
    """
    first: dict[Path, int] = {}
    for i, (row, image) in enumerate(zip(rows, images, strict=True)):
        before = rows[first.setdefault(image, i)]
        if (row.label, row.part) != (before.label, before.part):
            what, values = "classes", (before.label, row.label)
            if row.label == before.label:
                what, values = "parts", (before.part, row.part)
            raise DataError(
                f"{as_text(file)} gives the image {row.image!r} the {what} {values[0]!r} (row"
                f" {first[image] + 1:,}) and {values[1]!r} (row {i + 1:,}); keep one row for each"
                " image."
            )
    repeats = len(rows) - len(first)
    if repeats:
        note(
            logger,
            f"{repeats:,} rows of {as_text(file)} repeat an image, and are left out.",
        )
    return list(first.values())


def label_rows(file: Path, *, parts: bool = True) -> list[LabelRow]:
    """Return the rows of a file of labels.

    Kaggle's ImageNet has a class and boxes in one cell ("n01440764 12 30 180 200"). The first word
    is the class.

    Args:
        parts: whether to read the column of parts; else, every part is "all".

    Raises:
        DataError: the file cannot be read, or see `parts_of`.
    """
    rows = _rows_of(file)
    name, label, body = _columns(file, rows)
    if not body:
        raise DataError(
            f"{as_text(file)} has only column names; add a line for each image with its name and"
            " class."
        )
    head = _head(rows) if body is not rows else []
    boxes = bool(head) and head[label] == "predictionstring"
    labels = [row[label].strip() for row in body]
    if boxes:
        labels = [(text.split() or [""])[0] for text in labels]
    images = [row[name].strip() for row in body]
    of_rows = parts_of(file, head if parts else [], body)
    return [LabelRow(*row) for row in zip(images, labels, of_rows, strict=True)]


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DataError(
                f"{as_text(file)} is larger than {MOST_BYTES // 2**20} MB, which is too large for a"
                " file of labels or names."
            )
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{as_text(file)} must be UTF-8 text; save it again as such.") from error


def _rows_of(file: Path) -> list[list[str]]:
    lines = [line for line in _text(file).splitlines() if line.strip()]
    if not lines:
        raise DataError(
            f"{as_text(file)} is empty; expected a line for each image with its name and class."
        )
    try:
        rows = _rows(lines)
    except csv.Error as error:
        raise DataError(f"{as_text(file)} is not a table of text: {error}.") from error
    short = next((number for number, row in enumerate(rows, 1) if len(row) < 2), None)
    if short is not None:
        raise DataError(
            f"{as_text(file)} must have at least two columns, an image's name and its class; line"
            f" {short} has one."
        )
    return rows


def _rows(lines: Sequence[str]) -> list[list[str]]:
    """Split lines into cells at tabs, semicolons or commas, or else at the last space.

    >>> _rows(["ILSVRC2012_val_00000001.JPEG 65"])
    [['ILSVRC2012_val_00000001.JPEG', '65']]
    """
    separator = next((each for each in "\t;," if lines and each in lines[0]), None)
    if separator is None:
        return [line.rsplit(maxsplit=1) for line in lines]
    return list(csv.reader(lines, delimiter=separator))


def _head(rows: list[list[str]]) -> list[str]:
    return [cell.strip().lower() for cell in rows[0]]


def _columns(file: Path, rows: list[list[str]]) -> tuple[int, int, list[list[str]]]:
    """Return the columns of names and classes, and the rows without the line of column names."""
    head = _head(rows)
    name = next((head.index(each) for each in _FILE_COLUMNS if each in head), None)
    label = next((head.index(each) for each in _LABEL_COLUMNS if each in head), None)
    if name is None and label is None:
        return 0, 1, rows
    if name is None or label is None:
        raise DataError(
            f"{as_text(file)} has the columns {', '.join(head[:8])}; expected one of"
            f" {', '.join(_FILE_COLUMNS[:3])} and one of {', '.join(_LABEL_COLUMNS[:4])}."
        )
    least = max(name, label) + 1
    short = next((number for number, row in enumerate(rows[1:], 1) if len(row) < least), None)
    if short is not None:
        raise DataError(f"{as_text(file)} has fewer than {least} columns in row {short}.")
    return name, label, rows[1:]


def names_file(root: Path, below: Collection[Path] = ()) -> Path | None:
    """Return the file that names the classes, at the root or in one of the parts, or None."""
    return next(
        (
            folder / name
            for name in _NAMES
            for folder in (root, *below)
            if (folder / name).is_file()
        ),
        None,
    )


def class_names(
    file: Path, folders: Sequence[str], *, part_of_classes: bool = False
) -> tuple[list[str], dict[str, str]] | None:
    """Return the folders in the order of their classes, and the class name of each folder.

    `class_to_idx.json` maps folders to positions. A text file has one line for each class: a folder
    and its name, or a folder and its position, in any order. If the folders are numbered from 0,
    names are enough, with or without a WordNet id. If a class has several names, the first one is
    used unless another class has it too.

    Args:
        part_of_classes: whether `class_to_idx.json` and `LOC_synset_mapping.txt` may list more
            classes than there are folders. All of them are then returned, because a network has an
            output for each.

    Returns:
        None if the file lists other folders.

    Raises:
        DataError: the file cannot be read.
    """
    if file.suffix == ".json":
        return _from_json(file, folders, part_of_classes)
    lines = [line.strip() for line in _text(file).splitlines() if line.strip()]
    pairs = [re.split(r"[\t ,]+", line, maxsplit=1) for line in lines]
    listed = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    order = _in_numbers(listed, folders) or _in_numbers({b: a for a, b in listed.items()}, folders)
    if order is not None:
        every = order if part_of_classes else [name for name in order if name in folders]
        return every, {name: name for name in every}
    if all(folder in listed for folder in folders):
        every = sorted(listed) if part_of_classes and file.name == _NAMES[-1] else list(folders)
        return every, _short({folder: listed[folder] for folder in every})
    if part_of_classes and file.name == _NAMES[-1]:  # val.txt has numbers, of some classes perhaps
        every = [str(number) for number in range(len(lines))]
        if {*folders} <= {*every}:
            return every, _short(dict(zip(every, map(_without_id, lines), strict=True)))
    numbers = sorted(
        folders, key=lambda name: int(name) if name.isascii() and name.isdigit() else -1
    )
    if len(lines) == len(folders) and [
        int(n) if n.isascii() and n.isdigit() else -1 for n in numbers
    ] == [*range(len(lines))]:
        names = map(_without_id, lines)
        return numbers, _short(dict(zip(numbers, names, strict=True)))
    return None


def _without_id(line: str) -> str:
    """Return a line of class names without the WordNet id at its start."""
    return re.sub(r"^n\d{8}[\t ]+", "", line)


def _in_numbers(listed: Mapping[str, str], folders: Sequence[str]) -> list[str] | None:
    """Return the folders of a file by their numbers; None unless each has one from 0, and all
    folders are listed.

    >>> _in_numbers({"eel": "1", "dog": "0"}, ["dog", "eel"])
    ['dog', 'eel']
    """
    numbers = {str(number): number for number in range(len(listed))}
    if {*listed.values()} != {*numbers} or not {*folders} <= {*listed}:
        return None
    return sorted(listed, key=lambda name: numbers[listed[name]])


def _from_json(
    file: Path, folders: Sequence[str], part_of_classes: bool
) -> tuple[list[str], dict[str, str]] | None:
    try:
        listed = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{as_text(file)} must be JSON that maps class folders to numbers from 0."
        ) from error
    if not isinstance(listed, dict) or any(type(value) is not int for value in listed.values()):
        raise DataError(f"{as_text(file)} must be JSON that maps class folders to numbers from 0.")
    fits = set(listed) >= set(folders) if part_of_classes else set(listed) == set(folders)
    if not fits or sorted(listed.values()) != [*range(len(listed))]:
        return None
    order = sorted(listed, key=lambda folder: listed[folder])
    return order, {folder: folder for folder in order}


def _short(names: Mapping[str, str]) -> dict[str, str]:
    """Shorten each class's names to the first one. Where two classes would have the same name, keep
    all names, and add the folder if that is not enough."""
    short_names: dict[str, str] = {}
    ways = (lambda folder: names[folder].split(",")[0].strip(), lambda folder: names[folder])
    left = list(names)
    for way in ways:
        called = {folder: way(folder) for folder in left}
        counts: dict[str, int] = {}
        for name in called.values():
            counts[same_name(name)] = counts.get(same_name(name), 0) + 1
        short_names |= {
            folder: name for folder, name in called.items() if counts[same_name(name)] == 1
        }
        left = [folder for folder in left if folder not in short_names]
    return short_names | {folder: f"{names[folder]} ({folder})" for folder in left}
