"""Prepare a prediction file for its reader: decompress gzip, and convert UTF-16 to UTF-8."""

from __future__ import annotations

import gzip
import shutil
import zlib
from pathlib import Path

from bickd_core.reading import opened
from bickd_core.runs.predictions import PredictionsError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
RATIO, BASE_BYTES = 100, 1 << 24
"""A file may become BASE_BYTES plus this multiple of its compressed size. Tables of predictions
become about five times as large."""
_CHUNK = 1 << 20


def plain_copy(path: Path, folder: Path, most: int) -> Path:
    """Return the path of a file that is neither compressed nor UTF-16: the file itself, or a copy
    in an empty folder, named like the file without `.gz`.

    Args:
        most: largest size of a decompressed file, in bytes.

    Raises:
        PredictionsError: it cannot be decompressed, or is not UTF-16 as its first bytes say.
        ReadError: it cannot be opened.
    """
    if path.suffix.lower() == ".gz":
        path = _decompressed(path, folder, most)
    if path.suffix.lower() in TEXT_SUFFIXES and _is_utf16(path):
        path = _as_utf8(path, folder)
    return path


def _decompressed(path: Path, folder: Path, most: int) -> Path:
    inner = Path(path.stem).suffix
    if not inner or inner.lower() == ".tar":
        raise PredictionsError(
            "expected one compressed table, named as in predictions.csv.gz, got"
            f" '{inner}.gz'; {'unpack the archive' if inner else 'rename the file'}."
        )
    copy = folder / path.stem
    likely = BASE_BYTES + RATIO * path.stat().st_size
    with opened(path) as file, gzip.open(file) as source, open(copy, "wb") as target:
        try:
            written = 0
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > most:
                    raise PredictionsError(
                        f"expected at most {most:,} bytes after decompression, got more."
                    )
                if written > likely:
                    raise PredictionsError(
                        f"expected a compressed table, but it becomes more than {RATIO} times as"
                        " large; decompress it yourself if you trust it."
                    )
                target.write(chunk)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise PredictionsError(
                f"expected a gzip file, but it cannot be decompressed ({error}); write or download"
                " it again."
            ) from error
    return copy


def _is_utf16(path: Path) -> bool:
    with opened(path) as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def _as_utf8(path: Path, folder: Path) -> Path:
    (folder / "utf-8").mkdir()
    copy = folder / "utf-8" / path.name
    with (
        open(path, encoding="utf-16", newline="") as source,
        open(copy, "w", encoding="utf-8", newline="") as target,
    ):
        try:
            shutil.copyfileobj(source, target, _CHUNK)
        except UnicodeError as error:
            raise PredictionsError(
                f"expected text in UTF-16, as its first bytes say, but reading failed ({error});"
                " save the file as UTF-8."
            ) from error
    return copy
