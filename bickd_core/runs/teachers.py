"""The teacher that a run was trained with, unless another network has its name now."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bickd_core.runs.create import file_sha256
from bickd_core.runs.library import RunError, RunFolder, RunInfo


def recorded_teacher(info: RunInfo, find: Callable[[str], RunFolder]) -> RunFolder | None:
    """Return the teacher of a run; None for a run without one.

    If the hash of its weights was not recorded, or its weights are gone, its name decides.

    Args:
        find: the library's `find` or `locate`.

    Raises:
        RunError: it no longer exists, or a run with other weights has its name now.
    """
    if info.teacher is None:
        return None
    key, recorded = info.teacher.key, info.teacher.weights_sha256
    try:
        teacher = find(key)
    except RunError as error:
        raise RunError(f"teacher '{key}' no longer exists.") from error
    path = teacher.weights_path
    replaced = _sha256(path) != recorded if path.exists() else _never_had_weights(teacher)
    if recorded and replaced:
        raise RunError(f"teacher '{key}' has other weights than when '{info.name}' was made.")
    return teacher


def _never_had_weights(run: RunFolder) -> bool:
    return run.info().source.predictions_only


def _sha256(path: Path) -> str:
    """Return the hash of a file, which is read again only if it changes."""
    stat = path.stat()
    return _hashed(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _hashed(path: Path, inode: int, size: int, changed: int) -> str:
    return file_sha256(path)
