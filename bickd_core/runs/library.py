"""The library of run folders: `pretrained/` with the bundled runs, and `runs/` with the user's own.

On a server with a folder for each user, the user's own runs are in `runs/.users/NAME`, and the runs
directly in `runs/` are shared. `folder` reads and writes one run folder, `info` describes run.yaml.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bickd_core.naming import near, some_names
from bickd_core.places import bundle_folder, folder_from_environment
from bickd_core.runs.folder import NameTaken, Origin, RunFolder
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
    "Origin",
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
USERS = ".users"
"""The folder in a server's runs folder that has a folder of runs for each user. No run can have
this name."""


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
    """All runs: the bundled ones (`pretrained/`, read-only), the user's own (`runs/`), and on a
    server with a folder for each user the shared ones (read-only).

    A key identifies a run in links: `caltech95/kd-s0` for a bundled run, a plain name for the
    user's own and for shared runs. The user's own come first.

    Attributes:
        shelf: the folder of the bundled runs.
        own: the folder of the user's runs. To write, ask for `home()`.
        writable: whether anything in `own` may be written. Its runs are read-only if not.
    """

    shelf: Path
    own: Path
    writable: bool = True

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

    @property
    def root(self) -> Path:
        """The folder that all users of a server have in common; without users, that of the runs."""
        return self.own.parents[1] if self.own.parent.name == USERS else self.own

    @property
    def shared(self) -> Path | None:
        """The folder of the shared runs, or None if `own` is not a user's folder on a server."""
        return None if self.root == self.own else self.root

    def home(self) -> Path:
        """Return the folder in which new runs and files are created. Everything that writes asks
        here.

        Raises:
            RunError: the library is read-only.
        """
        if not self.writable:
            raise RunError(
                "this server is read-only, so nothing can be trained, imported or changed here."
            )
        return self.own

    def places(self, name: str) -> list[Path]:
        """Return where a file or folder is looked up: among the user's runs, then the shared
        ones."""
        return [folder / name for folder in (self.own, self.shared) if folder is not None]

    def taken(self, name: str) -> bool:
        """Return whether one of the user's runs or of the shared ones has this name. No run has a
        name that is not valid."""
        valid = NAME.fullmatch(name) is not None
        return valid and any(path.exists() for path in self.places(name))

    def runs(self) -> list[RunFolder]:
        """Return every run folder, sorted by key: the bundled ones, the shared ones that no run of
        the user's own hides, and the user's own."""
        bundled = self._scan(self.shelf, "*/*/run.yaml", "bundled")
        own = list(self._scan(self.own, "*/run.yaml", self._origin))
        shared: list[RunFolder] = []
        if self.shared is not None:
            hidden = {run.key for run in own}
            found = self._scan(self.shared, "*/run.yaml", "shared")
            shared = [run for run in found if run.key not in hidden]
        return [*bundled, *shared, *own]

    def everyones(self) -> list[RunFolder]:
        """Return the runs of all users of this server, without the bundled ones.

        The runs of other users have the origin "other" and keys that name nothing. Use them for the
        queue only.
        """
        runs = [run for run in self.runs() if run.origin != "bundled"]
        own = self.own.absolute()
        files = sorted(self.root.glob(f"{USERS}/*/*/run.yaml"))
        others = [
            file.parent
            for file in files
            if file.parent.parent.absolute() != own and not file.parent.name.startswith(".")
        ]
        return runs + [
            RunFolder(path, key=f".other-{number}", origin="other", read_only=True)
            for number, path in enumerate(others)
        ]

    @property
    def _origin(self) -> Origin:
        """The origin of the runs in `own`. On a read-only server without users, they are
        nobody's own."""
        return "own" if self.writable or self.shared is not None else "shared"

    def _run(self, path: Path, key: str, origin: Origin) -> RunFolder:
        writable = self.writable and origin == "own"
        return RunFolder(path, key=key, origin=origin, read_only=not writable)

    def _scan(self, root: Path, pattern: str, origin: Origin) -> Iterator[RunFolder]:
        for file in sorted(root.glob(pattern)):
            key = file.parent.relative_to(root).as_posix()
            if not any(part.startswith(".") for part in Path(key).parts):
                yield self._run(file.parent, key, origin)

    def find(self, key: str) -> RunFolder:
        """Return the run with this key. Keys come from links, so only the library's folders are
        searched.

        Raises:
            RunError: it does not exist; the message names the nearest key.
        """
        parts = key.split("/")
        if len(parts) <= 2 and all(NAME.fullmatch(part) for part in parts):
            origins: list[Origin] = [self._origin, "shared"] if len(parts) == 1 else ["bundled"]
            paths = self.places(key) if len(parts) == 1 else [self.shelf / key]
            for path, origin in zip(paths, origins, strict=False):
                if (path / "run.yaml").exists():
                    return self._run(path, key, origin)
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
        self.check_path(path)
        for run in self.runs():
            if run.path.resolve() == path:
                return run
        return RunFolder(path, key=str(path))

    def check_path(self, path: Path) -> None:
        """Check that a typed path (`~` is a home) is not in another user's folder.

        Raises:
            RunError: it is.
        """
        if self.shared is None:
            return
        place = Path(os.path.expanduser(path)).resolve()
        users = (self.shared / USERS).resolve()
        if place.is_relative_to(users) and not place.is_relative_to(self.own.resolve()):
            raise RunError(
                f"'{path!s:.200}' is in the folder of another user of this server; choose a path"
                " of your own."
            )

    def free_name(self, wanted: str) -> str:
        """Return `wanted`, or `wanted-2`, `wanted-3`, ... if it exists. A long name is cut to fit
        the number."""
        name, n = wanted, 1
        while self.taken(name):
            n += 1
            name = f"{wanted[: 79 - len(str(n))]}-{n}"
        return name

    def sweep_unfinished(self, older_than: float = 3600.0) -> None:
        """Remove hidden folders that a killed `create`, `delete` or import left more than an hour
        ago. A read-only library is left as it is."""
        if not self.writable:
            return
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
    own = [run.key for run in runs if run.origin != "bundled"]
    bundled = [run.key for run in runs if run.origin == "bundled"]
    alike = near(key, own + bundled, cutoff=0.6)
    if alike:
        *others, last = [f"'{name}'" for name in sorted(alike, key=own.__contains__, reverse=True)]
        return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    known = near(key, own, n=len(own) or 1, cutoff=0.0) + bundled
    return f"the runs are {some_names(known, most=6)}." if known else "there are no runs yet."
