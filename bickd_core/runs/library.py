"""The library of run folders: `pretrained/` with the bundled runs, and `runs/` with the user's own.

`folder` reads and writes one run folder, `info` describes run.yaml.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bickd_core.naming import near
from bickd_core.places import bundle_folder, folder_from_environment
from bickd_core.runs.folder import NameTaken, RunFolder
from bickd_core.runs.info import (
    NAME,
    Cost,
    RunError,
    RunInfo,
    Source,
    Split,
    TeacherRef,
    check_name,
)

__all__ = [
    "Cost",
    "Library",
    "NameTaken",
    "RunError",
    "RunFolder",
    "RunInfo",
    "Source",
    "Split",
    "TeacherRef",
    "check_name",
]


Created = TypeVar("Created")
TRIES = 1000


def with_a_free_name(make: Callable[[], Created]) -> Created:
    """Return the result of `make`. Call it again if another process took the free name in the
    meantime.

    Raises:
        NameTaken: this happened a thousand times.
    """
    for _ in range(TRIES):
        try:
            return make()
        except NameTaken:
            continue
    return make()


@dataclass(frozen=True)
class Library:
    """All runs: the bundled ones (`pretrained/`, read-only) and the user's own (`runs/`).

    A key identifies a run in links: `caltech95/kd-s0` for a bundled run, a plain name for the
    user's own.
    """

    shelf: Path
    own: Path

    @classmethod
    def default(cls, base: Path | None = None) -> Library:
        """Return the bundled runs, and `runs/` in `base` (the current folder if None).

        BICKD_SHELF and BICKD_RUNS set other folders.
        """
        base = Path.cwd() if base is None else base
        return cls(
            shelf=folder_from_environment("BICKD_SHELF") or bundle_folder() / "pretrained",
            own=folder_from_environment("BICKD_RUNS") or base / "runs",
        )

    def runs(self) -> list[RunFolder]:
        """Return every run folder, bundled ones first, sorted by key."""
        return list(self._scan(self.shelf, "*/*/run.yaml", True)) + list(
            self._scan(self.own, "*/run.yaml", False)
        )

    def _scan(self, root: Path, pattern: str, read_only: bool) -> Iterator[RunFolder]:
        for file in sorted(root.glob(pattern)):
            key = file.parent.relative_to(root).as_posix()
            if not any(part.startswith(".") for part in Path(key).parts):
                yield RunFolder(file.parent, key=key, read_only=read_only)

    def find(self, key: str) -> RunFolder:
        """Return the run with this key. Keys come from links, so only the two folders are searched.

        Raises:
            RunError: it does not exist; the message names the nearest key.
        """
        parts = key.split("/")
        if len(parts) <= 2 and all(NAME.fullmatch(part) for part in parts):
            root, read_only = (self.shelf, True) if len(parts) == 2 else (self.own, False)
            if (root / key / "run.yaml").exists():
                return RunFolder(root / key, key=key, read_only=read_only)
        raise RunError(f"there is no run '{key:.100}'; {_known(key, self.runs())}")

    def locate(self, key_or_folder: str) -> RunFolder:
        """Return the run with this key, or the run folder at this path. Use it for typed input,
        never for links.

        Raises:
            RunError: it does not exist; the message names the nearest key.
        """
        try:
            return self.find(key_or_folder)
        except RunError:
            folder = Path(key_or_folder).expanduser()
            if not key_or_folder or len(key_or_folder) > 4000 or not (folder / "run.yaml").exists():
                raise
        path = folder.resolve()
        for run in self.runs():
            if run.path.resolve() == path:
                return run
        return RunFolder(path, key=str(path))

    def free_name(self, wanted: str) -> str:
        """Return `wanted`, or `wanted-2`, `wanted-3`, ... if it exists. A long name is cut to fit
        the number."""
        name, n = wanted, 1
        while (self.own / name).exists():
            n += 1
            name = f"{wanted[: 79 - len(str(n))]}-{n}"
        return name

    def sweep_unfinished(self, older_than: float = 3600.0) -> None:
        """Remove hidden folders that a killed `create`, `delete` or import left more than an hour
        ago."""
        for path in [
            path
            for what in ("making", "deleted", "importing")
            for path in self.own.glob(f".{what}-*")
        ]:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > older_than:
                    shutil.rmtree(path, ignore_errors=True)


def _known(key: str, runs: list[RunFolder]) -> str:
    """List the runs most similar to `key`, or some existing ones. The user's own come before
    bundled ones."""
    own = [run.key for run in runs if not run.read_only]
    bundled = [run.key for run in runs if run.read_only]
    alike = near(key, own + bundled, cutoff=0.6)
    if alike:
        *others, last = [f"'{name}'" for name in sorted(alike, key=own.__contains__, reverse=True)]
        return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    known = near(key, own, n=len(own) or 1, cutoff=0.0) + bundled
    more = f" and {len(known) - 6} more" if len(known) > 6 else ""
    return f"the runs are {', '.join(known[:6])}{more}." if known else "there are no runs yet."
