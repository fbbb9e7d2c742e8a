"""Saved selections: ordered lists of sample ids with a name and an origin, one small file each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.atomic import write_json
from bickd_core.reading import ReadError, read_json

_NAME = re.compile(r"[\w][\w .,+-]{0,59}")
MOST_BYTES = 2**25
"""A selection of a million samples takes 8 MB."""
_HASH = re.compile(r"[0-9a-f]{8}")


class SavedSelectionError(ValueError):
    """A name that is not allowed, or a file that cannot be read; the message explains why."""


@dataclass(frozen=True)
class SavedSelection:
    """A saved selection.

    Attributes:
        ids: in the order in which they were saved.
        named: whether the user chose the name. The name of an unnamed selection, such as a lasso,
            is a hash.
        origin: description of the selection that was saved; "" if it is unknown.
        ranked: whether the ids are ordered, the strongest first.
    """

    ids: np.ndarray
    named: bool = True
    origin: str = ""
    ranked: bool = False


@dataclass(frozen=True)
class SavedSelections:
    """A folder of saved selections, `runs/.selections`. Each belongs to one data set and split.

    The user's own images at another path are the same data, if their content is the same. So the
    methods take the name of the data set and `content`, the record of its images; None if unknown.
    """

    folder: Path

    def save(
        self,
        ids: Sequence[int] | Sequence[str],
        *,
        dataset: str,
        split: str,
        content: str | None = None,
        name: str = "",
        origin: str = "",
        ranked: bool = False,
    ) -> str:
        """Save ids and return the name of the selection. An existing selection of the same data and
        split is replaced.

        Args:
            name: default: a short hash, which is the same for the same ids.
            origin, ranked: see `SavedSelection`.

        Raises:
            SavedSelectionError: there are no ids, or the name is not allowed, or it is that of a
                selection for other data.
        """
        if not len(ids):
            raise SavedSelectionError("a selection must hold at least one sample, got none.")
        named = bool(name)
        if not named:
            name = unnamed(ids, dataset=dataset, split=split)
        if not _NAME.fullmatch(name):
            raise SavedSelectionError(
                "a selection's name takes letters, digits, spaces and . , + - _, at most 60 and a"
                f" letter or digit first; got '{name:.70}'."
            )
        if named and self.has(name):
            stored = self._read(self._path(name))
            if not _fits(stored, dataset, split, content):
                raise SavedSelectionError(
                    f"'{name}' is the name of a selection of {stored['dataset']},"
                    f" {stored['split']}; choose another name."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        comparison = {
            "dataset": dataset,
            "split": split,
            "content": content,
            "named": named,
            "origin": origin,
            "ranked": ranked,
        }
        write_json(self._path(name), {"format": 1, **comparison, "ids": list(ids)})
        return name

    def names(self, *, dataset: str, split: str, content: str | None = None) -> list[str]:
        """Return the names of the user's selections for this data and split, the newest first."""
        files = sorted(self.folder.glob("*.json"), key=lambda path: -path.stat().st_mtime)
        selections = []
        for path in files:
            # a damaged file belongs to no data; `find` explains what is wrong with it
            with contextlib.suppress(SavedSelectionError):
                selections.append((path.stem, self._read(path)))
        return [
            name
            for name, stored in selections
            if _fits(stored, dataset, split, content) and _is_named(name, stored)
        ]

    def has(self, name: str) -> bool:
        """Return whether there is a selection with this name, for any data."""
        return _NAME.fullmatch(name) is not None and self._path(name).exists()

    def find(
        self, name: str, *, dataset: str, split: str, content: str | None = None
    ) -> SavedSelection:
        """Return the selection with this name.

        Raises:
            SavedSelectionError: it does not exist, belongs to other data, or its file is damaged.
        """
        if not self.has(name):
            raise SavedSelectionError(
                f"there is no saved selection '{name:.60}' here; the link may come from another"
                " machine."
            )
        stored = self._read(self._path(name))
        if not _fits(stored, dataset, split, content):
            raise SavedSelectionError(
                f"selection '{name}' is from {stored['dataset']}, {stored['split']}, but the page"
                f" shows {dataset}, {split}."
            )
        return SavedSelection(
            np.array(stored["ids"]),
            named=_is_named(name, stored),
            origin=str(stored.get("origin", "")),
            ranked=bool(stored.get("ranked", False)),
        )

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            stored = read_json(path, MOST_BYTES)
        except (ReadError, FileNotFoundError) as error:
            raise SavedSelectionError(
                f"{path.name} is not a saved selection ({str(error).rstrip('.')}); delete it."
            ) from error
        if not isinstance(stored, dict) or type(stored.get("format")) is not int:
            raise SavedSelectionError(
                f"{path.name} is not a saved selection (it has no format); delete it."
            )
        if stored["format"] != 1:
            raise SavedSelectionError(
                f"{path.name} has another format than 1. Delete it or use a newer version of the"
                " app."
            )
        ids = stored.get("ids")
        if not isinstance(ids, list) or not ids or not (_whole(ids) or _texts(ids)):
            raise SavedSelectionError(
                f"{path.name} is not a saved selection (`ids` must be numbers or texts); delete it."
            )
        if not all(isinstance(stored.get(name), str) for name in ("dataset", "split")):
            raise SavedSelectionError(
                f"{path.name} is not a saved selection (it names no data); delete it."
            )
        return stored


def unnamed(ids: Sequence[int] | Sequence[str], *, dataset: str, split: str) -> str:
    """Return the name of a selection that the user did not name: a hash of its samples."""
    content = json.dumps([dataset, split, sorted(ids)])
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _whole(ids: list[object]) -> bool:
    return all(type(id) is int and abs(id) < 2**63 for id in ids)


def _texts(ids: list[object]) -> bool:
    return all(isinstance(id, str) for id in ids)


def _is_named(name: str, stored: dict) -> bool:
    """Whether the user chose the name. Older files do not store this; there, a name that looks like
    a hash is one."""
    return bool(stored.get("named", not _HASH.fullmatch(name)))


def _fits(stored: dict, dataset: str, split: str, content: str | None) -> bool:
    moved = content is not None and stored.get("content") == content
    return stored["split"] == split and (moved or stored["dataset"] == dataset)
