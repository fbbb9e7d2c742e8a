"""Images that stay in a file and are read when they are needed, with a checksum for each row."""

from __future__ import annotations

import threading
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bickd_core.data.errors import DataError

CHUNK_BYTES = 8 << 20
"""Bytes that are read at once in a pass over all rows."""


class RowFile:
    """A file with a header and M rows of uint8 of the same shape, with a CRC-32 for each row.

    It is read by position, not memory-mapped. Mapped pages would count as the process's own memory,
    and the process would be killed if another program truncated the file.

    Args:
        offset: bytes of the header.
        shape: of a row, (ch, H, W).
        checks: uint32 [M], the CRC-32 of each row.
    """

    def __init__(
        self, path: Path, *, offset: int, shape: tuple[int, int, int], checks: np.ndarray
    ) -> None:
        self.path = path
        self.shape = shape
        self._checks = checks
        self._offset = offset
        self._bytes = int(np.prod(shape))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._checks)

    @cached_property
    def _file(self) -> BinaryIO:
        file = open(self.path, "rb", buffering=0)  # noqa: SIM115, closed with this object
        weakref.finalize(self, file.close)
        return file

    def read(self, positions: np.ndarray, out: np.ndarray) -> None:
        """Read the rows at `positions`. Neighbouring rows are read together.

        Args:
            out: uint8 [B, ch, H, W], contiguous; filled with the rows.

        Raises:
            DataError: a row is damaged. The file is then removed, so that the images are decoded
                again.
        """
        if not len(positions):
            return
        flat = memoryview(out.reshape(-1))  # type: ignore[arg-type]
        size = self._bytes
        starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
        for start, stop in zip(
            starts.tolist(), [*starts[1:].tolist(), len(positions)], strict=True
        ):
            first = int(positions[start])
            self._fill(first, flat[start * size : stop * size])
            for row in range(start, stop):
                if (
                    zlib.crc32(flat[row * size : (row + 1) * size])
                    != self._checks[first + row - start]
                ):
                    self._damaged(first + row - start)

    def _fill(self, first: int, out: memoryview) -> None:
        try:
            with self._lock:
                self._file.seek(self._offset + first * self._bytes)
                done = 0
                while done < len(out):
                    got = self._file.readinto(out[done:])  # type: ignore[attr-defined]
                    if not got:
                        self._damaged(first + done // self._bytes)
                    done += got
        except OSError as error:
            raise DataError(
                f"the decoded images in {self.path} cannot be read ({error.strerror}); start again"
                " to decode them anew."
            ) from error

    def _damaged(self, row: int) -> None:
        with suppress(OSError):
            self.path.unlink()
        raise DataError(
            f"the decoded image {row} in {self.path} is damaged, so that file was removed; "
            "start or resume the run, and it is made again from the source."
        )


class Rows:
    """Some rows of a `RowFile` in any order, used like an array uint8 [N, ch, H, W].

    Indexing with a number, a slice or positions int64 [B] reads these rows into a new array. `take`
    reads nothing.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, file: RowFile, positions: np.ndarray | None = None) -> None:
        self._file = file
        self._positions = np.arange(len(file)) if positions is None else positions

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), *self._file.shape)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape))

    def take(self, positions: np.ndarray | slice) -> Rows:
        """Return the rows at `positions` in that order, without reading them."""
        return Rows(self._file, self._positions[positions])

    def __getitem__(self, key: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(key, int | np.integer):
            return self[np.array([key])][0]
        out = np.empty((len(self._positions[key]), *self._file.shape), dtype=np.uint8)
        self._file.read(self._positions[key], out)
        return out

    def read_into(self, out: np.ndarray) -> None:
        """Read all rows into `out`, uint8 [N, ch, H, W], without a second copy in memory."""
        if out.shape != self.shape:
            raise ValueError(f"out must be {list(self.shape)}, not {list(out.shape)}")
        for part in self._parts():
            self._file.read(self._positions[part], out[part])

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield all rows in order, some megabytes at a time."""
        return (self[part] for part in self._parts())

    def _parts(self) -> Iterator[slice]:
        step = max(1, CHUNK_BYTES // max(1, int(np.prod(self._file.shape))))
        return (slice(start, min(start + step, len(self))) for start in range(0, len(self), step))
