"""Write a file completely or not at all: temporary file in the same folder, flush, fsync, rename,
fsync of the folder."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = ".tmp"


def boundary(moment: str, path: Path) -> None:
    """Called between the steps of every write, and does nothing. Tests kill a process here."""


def fsync_folder(folder: str | os.PathLike[str]) -> None:
    """Make a rename in `folder` durable. Windows cannot open a folder, and does not need this."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Yield an empty temporary file in the folder of `path`. It becomes `path` at the end of the
    block.

    If the block raises, the temporary file is removed and `path` does not change. The folder must
    exist. The temporary file's name starts with a dot and ends with `.tmp`. Give an open file, not
    the path, to a writer that adds its own suffix (`numpy.savez`):

        with atomic_write("layout.npz") as temporary, open(temporary, "wb") as file:
            numpy.savez(file, xy=xy)

    Args:
        durable: wait until the disk has the file. Without it, a power cut can leave a damaged
            file, which is right for a cache that checks what it reads.
    """
    path = Path(path)
    temporary = path.with_name(
        f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    )
    # Not tempfile.mkstemp: its mode 0600 would hide a finished file from a colleague on the same
    # machine.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    boundary("created", path)
    try:
        yield temporary
        boundary("written", path)
        if durable:
            _fsync(temporary)
        boundary("synced", path)
        os.replace(temporary, path)
        boundary("renamed", path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        fsync_folder(path.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of `path` by `data`, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace the content of `path` by `text` in UTF-8 with plain newlines, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Replace the content of `path` by `value` as indented JSON, atomically.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot store.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
