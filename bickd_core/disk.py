"""The size of folders, and disk errors explained in a sentence, by their error number, because the
text differs between systems."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

# errno -> (what is wrong, what to do)
_MEANINGS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: (
        "the disk quota of this account is used up",
        "remove files or ask for a larger quota",
    ),
    errno.ENOENT: ("a file or its folder does not exist", "check the path, or create the folder"),
    errno.EROFS: ("the disk is read-only", "choose a folder that can be written to"),
    errno.EACCES: (
        "this account has no permission",
        "change the permissions or choose another folder",
    ),
    errno.EPERM: (
        "this account has no permission",
        "change the permissions or choose another folder",
    ),
    errno.ESTALE: ("the network disk lost its connection to the file", "mount the disk again"),
    errno.EMFILE: ("this process has too many files open", "raise the limit with `ulimit -n`"),
    errno.ENFILE: ("the system has too many files open", "close other programs"),
    errno.EIO: ("the disk reports a hardware error", "check the disk"),
    errno.EFBIG: ("the file is larger than the disk allows", "choose another disk"),
    errno.ENAMETOOLONG: ("a file's name is too long", "choose a shorter name or folder"),
    errno.ENOTDIR: ("part of the path is a file, not a folder", "choose another folder"),
    errno.ETIMEDOUT: ("the disk does not respond", "check its connection"),
    errno.ENODEV: ("the disk is no longer connected", "connect it again"),
    errno.ENOTCONN: ("the network disk is not connected", "mount the disk again"),
}


def size_of(folder: Path, *, without: Path | None = None) -> int:
    """Return the bytes of all files in a folder.

    Files that disappear in the meantime do not count, and links are not followed.

    Args:
        without: a folder in it that does not count.
    """
    total = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) != without]
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def explain_os_error(error: OSError, then: str = "try again") -> str:
    """Explain the error and what to do, in one sentence.

    Args:
        then: what to do after the cause is fixed, such as "resume the run".

    >>> explain_os_error(OSError(errno.ENOSPC, "No space left", "runs/a/status.json"),
    ...     "resume the run")
    'the disk is full (runs/a/status.json); free some space, then resume the run.'
    """
    named = isinstance(error.filename, str | bytes) and error.filename
    name = f" ({os.fsdecode(error.filename)})" if named else ""
    if error.errno in _MEANINGS:
        what, remedy = _MEANINGS[error.errno]
        return f"{what}{name}; {remedy}, then {then}."
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    return f"the system refused access to a file{name}: {reason}; fix this, then {then}."


@contextlib.contextmanager
def lock_if_writable(path: Path, timeout: float = -1) -> Iterator[OSError | None]:
    """Hold a lock that other processes wait for; the lock of a killed process is free.

    In a folder that cannot be made or written to, no lock is held, and the error is yielded.

    Args:
        timeout: seconds to wait; -1 for no limit.

    Raises:
        Timeout: another process still holds the lock.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout)
    except Timeout:
        raise
    except OSError as error:
        yield error
        return
    try:
        yield None
    finally:
        lock.release()
