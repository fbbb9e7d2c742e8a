"""What lies in a folder of data: which files and folders count, names as text, and which part a
word means."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection
from pathlib import Path

from bickd_core.data.errors import DataError

PARTS = {
    "train": ("train", "training", "final_training"),
    "test": ("test", "testing", "final_test"),
    "validation": ("val", "valid", "validation", "dev"),
}
"""The words that name a part of a data set, in any case."""

CLUTTER = frozenset(
    (
        "$recycle.bin", "@eadir", "__macosx", "__pycache__", "desktop.ini", "ehthumbs.db",
        "lost+found",
        "system volume information", "thumbs.db",
    )
)  # fmt: skip
"""What operating systems and tools leave in folders, in lower case. Names that begin with a dot do
not count either."""


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or was left by an operating system or a
    tool.

    >>> [is_clutter(name) for name in ("cat", ".DS_Store", "._cat.png", "@eaDir", "Thumbs.db")]
    [False, True, True, True, True]
    """
    return name.startswith(".") or name.lower() in CLUTTER


def part_of(word: str) -> str | None:
    """The part that a word names: "train", "test", "validation", or None.

    >>> part_of("Training"), part_of("VAL"), part_of("cat")
    ('train', 'validation', None)
    """
    return next((part for part, words in PARTS.items() if word.lower() in words), None)


def as_text(path: str | Path) -> str:
    r"""A path that can be printed and stored: bytes that are not UTF-8 are written as `\xNN`.

    >>> as_text("caf\udce9.png")
    'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def same_name(name: str) -> str:
    r"""The form of a name to compare: Unicode's NFC, without white space at its ends.

    >>> same_name("cafe\u0301 ") == same_name("caf\xe9")
    True
    """
    return unicodedata.normalize("NFC", name).strip()


def subfolders(folder: Path) -> list[Path]:
    """The folders directly below `folder` in order of their names, links to folders included,
    clutter left out.

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
    """Whether a file with one of these endings lies directly in `folder`."""
    try:
        with os.scandir(folder) as entries:
            return any(_wanted(entry, suffixes) for entry in entries)
    except OSError as error:
        raise unreadable(folder, error) from error


def walk(folder: Path, suffixes: Collection[str], *, above: Collection[Path] = ()) -> list[Path]:
    """The files with these endings at any depth, sorted by path.

    Links to files and to folders are followed. A folder is read once, however many links lead to
    it, so a loop of links ends. Only regular files count: a pipe or a device is not opened. A link
    that leads nowhere counts, so that whoever reads it can name it.

    Args:
        suffixes: endings in lower case, with their dot.
        above: folders that are not entered by a link, such as those that `folder` lies in.

    Raises:
        DataError: a folder cannot be read.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    try:
        seen.update(_identity(path) for path in above)
    except OSError as error:
        raise unreadable(folder, error) from error
    waiting, linked = (
        [folder],
        list[Path](),
    )  # links last: a folder keeps its own path where it has one here
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
                        found.append(Path(entry.path))
        except OSError as error:
            raise unreadable(here, error) from error
    return sorted(found)


def _wanted(entry: os.DirEntry[str], suffixes: Collection[str]) -> bool:
    if is_clutter(entry.name) or os.path.splitext(entry.name)[1].lower() not in suffixes:
        return False
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))


def _identity(folder: Path) -> tuple[int, int]:
    about = os.stat(folder)
    return about.st_dev, about.st_ino


def unreadable(path: str | Path, error: OSError) -> DataError:
    """The sentence for a path that the operating system does not let us read."""
    name = as_text(error.filename or path)
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{name} no longer exists; check the path, its disk and the targets of links."
        )
    reason = error.strerror or type(error).__name__
    return DataError(
        f"{name} cannot be read ({reason}); check the path, its permissions and its disk."
    )
