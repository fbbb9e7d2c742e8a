"""Read folders of data: which files and folders to use, and which part a folder's name means."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from bickd_core.data.errors import DataError

PARTS = {
    "train": ("train", "training", "final_training"),
    "test": ("test", "testing", "final_test"),
    "validation": ("val", "valid", "validation", "dev"),
}
"""Names for a part of a data set, in lower case."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
"""Suffixes of files that are images."""

CLUTTER = frozenset(
    (
        "$recycle.bin", "@eadir", "__macosx", "__pycache__", "desktop.ini", "ehthumbs.db",
        "lost+found",
        "system volume information", "thumbs.db",
    )
)  # fmt: skip
"""Files and folders that operating systems and tools create, in lower case. Names that begin with
a dot are ignored too."""


def is_clutter(name: str) -> bool:
    """Return whether a name is hidden, or belongs to an operating system or a tool.

    >>> [is_clutter(name) for name in ("cat", ".DS_Store", "._cat.png", "@eaDir", "Thumbs.db")]
    [False, True, True, True, True]
    """
    return name.startswith(".") or name.lower() in CLUTTER


def part_of(word: str) -> str | None:
    """Return the part that a word means: "train", "test", "validation", or None.

    >>> part_of("Training"), part_of("VAL"), part_of("cat")
    ('train', 'validation', None)
    """
    return next((part for part, names in PARTS.items() if word.lower() in names), None)


def parts_in(name: str) -> set[str]:
    """Return the parts that words of a name mean.

    >>> parts_in("training_set"), parts_in("LOC_val_solution"), parts_in("testimony")
    ({'train'}, {'validation'}, set())
    """
    words = re.split(r"[^a-z]+", name.lower())
    return {part for word in (name, *words) if (part := part_of(word))}


def as_text(path: str | Path) -> str:
    r"""Return a path that can be printed and stored. Bytes that are not UTF-8 become `\xNN`.

    >>> as_text("caf\udce9.png")
    'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def same_name(name: str) -> str:
    r"""Return a name for comparisons: in Unicode's NFC, without surrounding white space.

    >>> same_name("cafe\u0301 ") == same_name("caf\xe9")
    True
    """
    return unicodedata.normalize("NFC", name).strip()


def check_path(path: Path) -> None:
    """Raise a DataError if a path is neither a file nor a folder."""
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path and that its disk is mounted.")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path} must be a file or a folder, got a pipe or a device.")


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly below `folder`, sorted by name. Links to folders count, clutter
    does not.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.is_dir() and not is_clutter(entry.name)
            )
    except OSError as error:
        raise unreadable(folder, error) from error


def has_files(folder: Path, suffixes: Collection[str]) -> bool:
    """Return whether `folder` itself contains a file with one of these suffixes."""
    try:
        with os.scandir(folder) as entries:
            return any(_wanted(entry, suffixes) for entry in entries)
    except OSError as error:
        raise unreadable(folder, error) from error


def walk(folder: Path, suffixes: Collection[str], *, above: Collection[Path] = ()) -> list[Path]:
    """Return the files with these suffixes at any depth, sorted by path.

    Links to files and folders are followed. Each folder is read only once, so loops of links are no
    problem. Pipes and devices are left out. Broken links are returned, so that the code that reads
    them can name them in its error message.

    Args:
        suffixes: in lower case, with the dot.
        above: folders that links must not lead into, such as the parents of `folder`.

    Raises:
        DataError: a folder cannot be read.
    """
    files: list[Path] = []
    seen: set[tuple[int, int]] = set()
    try:
        seen.update(_identity(path) for path in above)
    except OSError as error:
        raise unreadable(folder, error) from error
    # Links come last, so that a folder inside `folder` is listed under its own path.
    waiting, linked = [folder], list[Path]()
    while waiting or linked:
        here = waiting.pop() if waiting else linked.pop(0)
        try:
            identity = _identity(here)
            if identity in seen:
                continue
            seen.add(identity)
            with os.scandir(here) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if is_clutter(entry.name):
                        continue
                    if entry.is_dir():
                        (linked if entry.is_symlink() else waiting).append(Path(entry.path))
                    elif _wanted(entry, suffixes):
                        files.append(Path(entry.path))
        except OSError as error:
            raise unreadable(here, error) from error
    return sorted(files)


def _wanted(entry: os.DirEntry[str], suffixes: Collection[str]) -> bool:
    if is_clutter(entry.name) or os.path.splitext(entry.name)[1].lower() not in suffixes:
        return False
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))


def _identity(folder: Path) -> tuple[int, int]:
    info = os.stat(folder)
    return info.st_dev, info.st_ino


def unreadable(path: str | Path, error: OSError) -> DataError:
    """Return the error for a path that cannot be read."""
    name = as_text(error.filename or path)
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{name} no longer exists; check the path, its disk and the targets of links."
        )
    reason = error.strerror or type(error).__name__
    return DataError(
        f"{name} cannot be read ({reason}); check the path, its permissions and its disk."
    )
