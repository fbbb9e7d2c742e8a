"""Store figures on disk, under the content of their models.

A file is named by the hash of its `Figure.key`, in a folder named by the hash of the code that
computes figures. So a figure of another content or of another version is not found, and is computed
again. A figure that takes no longer to compute than to read is not stored.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

import bickd_core
from bickd_core.atomic import TEMPORARY_SUFFIX, atomic_write
from bickd_core.comparing.cache import Figure, MemoryCache, n_bytes
from bickd_core.comparing.figure_codec import decode, encode
from bickd_core.disk import explain_os_error, lock_if_writable
from bickd_core.npz import load_npz
from bickd_core.places import cache_folder
from bickd_core.reading import ReadError

T = TypeVar("T")
MISSING: Final = object()
LARGEST = 2**26
"""Bytes of the largest figure that is stored: a matrix of 2,896 x 2,896 classes."""
KEPT_BYTES = 4 * 10**9
"""Bytes of all stored figures. `sweep` removes those that were read longest ago."""
QUICK_SECONDS = 0.005
"""Reading a stored figure takes about as long."""
_SECONDS_A_DAY = 86_400
_TREE = "tree"


def default_folder() -> Path:
    """Return the folder of stored figures, below `BICKD_CACHE`."""
    return cache_folder() / "figures"


class FigureStore:
    """Figures in a folder, which is created when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, figure: Figure) -> Any:
        """Return a stored figure, or MISSING. A damaged file counts as missing, and is replaced."""
        path = self._path(figure)
        try:
            stored = load_npz(path)
            arrays = [stored[str(number)] for number in range(len(stored) - 1)]
            value = decode(json.loads(stored[_TREE].item()), arrays)
        except (FileNotFoundError, ReadError, KeyError, TypeError, ValueError):
            return MISSING
        with contextlib.suppress(OSError):  # another account's file, or one that was just removed
            os.utime(path)
        return value

    def put(self, figure: Figure, value: Any) -> None:
        """Store a figure, unless it is larger than `LARGEST`.

        Raises:
            TypeError: it holds something that cannot be stored.
        """
        if n_bytes(value) > LARGEST:
            return
        tree, arrays = encode(value)
        path = self._path(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        named = {str(number): array for number, array in enumerate(arrays)}
        with atomic_write(path, durable=False) as temporary, open(temporary, "wb") as file:
            np.savez(file, **{_TREE: np.array(json.dumps(tree))}, **named)  # type: ignore[arg-type]

    def computing(self, figure: Figure) -> AbstractContextManager[OSError | None]:
        """Let one process at a time compute a figure. If the folder cannot be written to, each
        process computes for itself."""
        return lock_if_writable(self._path(figure).with_suffix(".lock"))

    def _path(self, figure: Figure) -> Path:
        name = hashlib.sha256(repr(figure.key).encode()).hexdigest()[:40]
        return self.folder / code_version() / name[:2] / f"{name}.npz"


class StoredCache:
    """Figures from memory, else from disk, else computed and written to disk.

    Args:
        quick: seconds; what is computed in less time is not written.
        shared: whether other processes compute figures too. What one computes, others wait for.
    """

    def __init__(
        self,
        memory: MemoryCache,
        store: FigureStore,
        *,
        quick: float = QUICK_SECONDS,
        shared: bool = False,
    ) -> None:
        self.memory = memory
        self.store = store
        self.quick = quick
        self.shared = shared

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        return self.memory(key, lambda: self._stored(make))

    def _stored(self, make: Callable[[], T]) -> T:
        if not isinstance(make, Figure) or not make.stored:
            return make()
        value = self.store.get(make)
        if value is not MISSING:
            return value
        if not self.shared:
            return self._computed(make)
        with self.store.computing(make):
            value = self.store.get(make)  # another process may have been first
            return self._computed(make) if value is MISSING else value

    def _computed(self, figure: Figure) -> Any:
        began = time.perf_counter()
        value = figure()
        if figure.comparison.large:
            figure.comparison.release()
        if time.perf_counter() - began >= self.quick:
            self._store(figure, value)
        return value

    def _store(self, figure: Figure, value: Any) -> None:
        try:
            self.store.put(figure, value)
        except OSError as error:  # the figure is there all the same
            warnings.warn(f"figures are not stored: {explain_os_error(error)}", stacklevel=2)


@functools.cache
def code_version() -> str:
    """Return a hash of the code that computes figures."""
    package = Path(bickd_core.__file__).parent
    digest = hashlib.sha256()
    for folder in ("comparing", "geometry", "maps", "runs"):
        for file in sorted((package / folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def sweep(folder: Path, kept_bytes: int = KEPT_BYTES) -> None:
    """Remove figures of other versions that were not read for a day, and the oldest figures above
    `kept_bytes`."""
    with contextlib.suppress(FileNotFoundError):  # another process removes them too
        _sweep(folder, kept_bytes)


def _sweep(folder: Path, kept_bytes: int) -> None:
    now = time.time()
    for version in folder.glob("*/"):
        if version.name != code_version():
            newest = max((f.stat().st_mtime for f in version.rglob("*.npz")), default=0.0)
            if now - newest > _SECONDS_A_DAY:
                shutil.rmtree(version, ignore_errors=True)
    for pattern in (f"*{TEMPORARY_SUFFIX}", "*.lock"):
        for left in folder.rglob(pattern):  # of a process that has ended
            if now - left.stat().st_mtime > _SECONDS_A_DAY:
                left.unlink(missing_ok=True)
    stats = [(file, file.stat()) for file in folder.rglob("*.npz")]
    total = sum(stat.st_size for _, stat in stats)
    for file, stat in sorted(stats, key=lambda each: each[1].st_mtime):
        if total <= kept_bytes:
            break
        file.unlink(missing_ok=True)
        total -= stat.st_size
