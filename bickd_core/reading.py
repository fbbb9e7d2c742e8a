"""Read small documents from untrusted sources, with limits of size and depth.

A run folder may come from a colleague's zip file or a shared disk, so nothing in it is trusted.
Links are not followed. Every function returns a value or raises a `ReadError` that says what was
expected.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

DOCUMENT_BYTES = 2**18
"""Largest document. Our largest run.yaml has 3 kB, our largest status.json 1 kB."""
DEPTH = 20
"""Largest nesting of a document; run.yaml has four levels."""
NODES = 20_000
"""Largest number of values in a YAML document, with aliases expanded."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


LFS = b"version https://git-lfs"
"""The begin of the file that Git has in place of a large one."""


class ReadError(ValueError):
    """A file that cannot be read. The message says what was expected, without the file's name."""


@contextmanager
def opened(path: Path | str) -> Iterator[BinaryIO]:
    """Open a regular file for reading, without following links or waiting for a pipe.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: it is a link or not a regular file, or opening it fails.
    """
    flags = (
        os.O_RDONLY
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_NONBLOCK", 0)
        | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    except OSError as error:
        if Path(path).is_symlink():
            raise ReadError(
                "expected a file, got a link; links in a run folder are not followed."
            ) from error
        raise ReadError(
            f"expected a readable file, but opening it failed ({reason(error)})."
        ) from error
    except ValueError as error:  # a name with a null character
        raise ReadError("expected a file's name without null characters.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ReadError("expected a plain file, got a folder, a pipe or a device.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is the pointer of Git LFS to a large file, which was not fetched."""
    with open(path, "rb") as file:
        return file.read(len(LFS)) == LFS


def reason(error: OSError) -> str:
    """Return the system's message for an error, without number and path."""
    return error.strerror or type(error).__name__


def read_bytes(path: Path | str, most: int = DOCUMENT_BYTES) -> bytes:
    """Return the content of a regular file.

    Args:
        most: largest accepted size in bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: the file is larger, or cannot be read.
    """
    with opened(path) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise ReadError(
                f"expected a readable file, but reading it failed ({reason(error)})."
            ) from error
    if len(content) > most:
        raise ReadError(f"expected at most {most:,} bytes, got more.")
    return content


def read_json(path: Path | str, most: int = DOCUMENT_BYTES) -> Any:
    """Read a JSON document with finite numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: the file is not such a document.
    """
    return parse_json(read_bytes(path, most))


def parse_json(content: bytes) -> Any:
    """Parse JSON in UTF-8 with finite numbers, at most `DEPTH` levels deep.

    >>> parse_json(b'{"epoch": 3}')
    {'epoch': 3}

    Raises:
        ReadError: the content is not such JSON.
    """
    try:
        value = json.loads(
            content.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise ReadError(
            f"expected JSON, but it cannot be parsed ({_first_line(error)})."
        ) from error
    if not shallow(value):
        raise ReadError(f"expected JSON of at most {DEPTH} levels, got a deeper one.")
    return value


def shallow(value: Any, depth: int = DEPTH) -> bool:
    """Return whether lists and mappings are nested at most `depth` levels deep."""
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits:.20} is too large")
    return value


def read_yaml(path: Path | str, most: int = DOCUMENT_BYTES, *, aliases: bool = False) -> Any:
    """Read a YAML document without tags, at most `DEPTH` levels deep.

    Args:
        aliases: accept anchors and aliases, as in a file that a person wrote, if they expand to few
            values.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: the file is not such a document.
    """
    return parse_yaml(read_bytes(path, most), aliases=aliases)


def parse_yaml(content: bytes, *, aliases: bool = False) -> Any:
    """Parse YAML in UTF-8; see `read_yaml`.

    >>> parse_yaml(b"name: kd-s0")
    {'name': 'kd-s0'}
    """
    try:
        text = content.decode("utf-8")
        _check_events(text, aliases)
        return yaml.load(text, Loader=_LOADER)
    except ReadError:
        raise
    except (
        Exception
    ) as error:  # yaml's constructors raise whatever the text makes them stumble over
        raise ReadError(
            f"expected YAML, but it cannot be parsed ({_first_line(error)})."
        ) from error


def _check_events(text: str, aliases: bool) -> None:
    """Refuse YAML that would need much time or memory, or that names types, before it is loaded."""
    depth = 0
    values = 0
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            if not aliases:
                raise ReadError(
                    "expected YAML without anchors and aliases; write each value where it belongs."
                )
            values += sizes.get(event.anchor, NODES)
        elif isinstance(event, yaml.NodeEvent):
            if event.anchor is not None and not aliases:
                raise ReadError(
                    "expected YAML without anchors and aliases; write each value where it belongs."
                )
            if event.tag is not None:
                raise ReadError(
                    f"expected YAML without tags, got '{event.tag:.40}'; write the value alone."
                )
            values += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                open_anchors.append((event.anchor, values))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            anchor, before = open_anchors.pop()
            if anchor is not None:
                sizes[anchor] = values - before + 1
        if depth > DEPTH or values > NODES:
            raise ReadError(
                f"expected YAML of at most {DEPTH} levels and {NODES:,} values, got more."
            )


def _first_line(error: BaseException) -> str:
    """Return the first line of a parser's message, with the position if it is known."""
    position = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if position is not None and problem:
        return f"line {position.line + 1}: {problem:.80}"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:120].rstrip(".:")
