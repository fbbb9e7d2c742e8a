"""Seeded mutations of files, and a count of what a reader makes of them.

A reader of files that somebody else wrote may accept a file or refuse it with a sentence of ours.
Any other exception fails the test, and so does a reader that does not end or asks for gigabytes.
The test then names the mutation.
CI runs `COUNT` mutations of each kind; `BICKD_FUZZ=100000 pytest tests/fuzz` runs more.

    def test_mutated_weights_get_a_sentence(tmp_path):
        read = from_file(tmp_path / "w.pt", read_weights)
        found = outcomes(read, [content], mutate_bytes)
        assert found["sentence"] > COUNT // 2
"""

from __future__ import annotations

import io
import os
import random
import re
import resource
import signal
import struct
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

COUNT = int(os.environ.get("BICKD_FUZZ", "2000"))
SECONDS = 30.0
"""How long a reader may take over one file on a busy machine."""
GIB = 2**30
ROOT = Path(__file__).resolve().parents[2]
OURS = ("bickd_core", "bickd_cli", "bickd_viz", "app")
REPORTED = 5
"""How many failures are described before the test ends."""

Mutate = Callable[[Sequence[bytes], int], bytes]
"""(whole files of one kind, number) -> the mutated file; the same bytes for the same number."""

INTEGERS = (
    0, 1, -1, 2, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40,
    2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
"""Values at which counts, sizes and signs change their meaning."""


def mutate_bytes(seeds: Sequence[bytes], number: int) -> bytes:
    """One to three changes: bits, runs of bytes, length, order, or a number that a header may hold.

    >>> mutate_bytes([b"some bytes"], 7) == mutate_bytes([b"some bytes"], 7)
    True
    """
    rng = random.Random(f"bytes {number}")
    content = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_BYTE_CHANGES)(bytearray(content), rng, seeds)
    return content


def mutate_zip(seeds: Sequence[bytes], number: int) -> bytes:
    """A whole zip file with right checksums in which one member is changed, missing, renamed or
    twice there."""
    rng = random.Random(f"zip {number}")
    with zipfile.ZipFile(io.BytesIO(rng.choice(seeds))) as archive:
        members = [(member.filename, archive.read(member)) for member in archive.infolist()]
    at = rng.randrange(len(members))
    name, content = members[at]
    change = rng.choice(("content",) * 7 + ("missing", "renamed", "twice"))
    if change == "content":
        members[at] = (name, mutate_bytes([content or b"\0"], number))
    elif change == "missing":
        del members[at]
    elif change == "renamed":
        members[at] = (rng.choice((f"{name}x", f"../{name}", f"x/{name}", "")), content)
    else:
        members.append((name, mutate_bytes([content or b"\0"], number)))
    buffer = io.BytesIO()
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)  # no warning about a name that is there twice
            info.compress_type = how
            archive.NameToInfo.pop(name, None)
            archive.writestr(info, content)
    return buffer.getvalue()


def mutate_text(seeds: Sequence[bytes], number: int) -> bytes:
    """YAML, JSON or JSON lines in UTF-8 with tokens changed; one time in eight its bytes
    instead."""
    rng = random.Random(f"text {number}")
    if rng.random() < 1 / 8:
        return mutate_bytes(seeds, number)
    text = rng.choice(seeds).decode("utf-8")
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = rng.choice(_TEXT_CHANGES)(text, rng)
    return text.encode("utf-8", "surrogatepass")


def outcomes(
    read: Callable[[bytes], object],
    seeds: Sequence[bytes],
    mutate: Mutate,
    *,
    count: int | None = None,
    errors: tuple[type[Exception], ...] = (ValueError,),
    extra_gib: float = 1.0,
) -> Counter[str]:
    """Let a reader loose on mutated files and count "accepted" and "sentence".

    Args:
        read: gets a file's bytes; returns, or raises.
        seeds: whole files of the kind.
        mutate: one of the functions above.
        count: how many mutations; `COUNT` if not given.
        errors: the types that a refusal may have. It counts as a sentence when our own code raised
            it, on one line that ends with a full stop.
        extra_gib: how much address space a reader may take beyond what the process has.

    Raises:
        AssertionError: for any other outcome, with the number of the mutation.
    """
    found: Counter[str] = Counter()
    failures: list[str] = []
    with _memory(extra_gib):
        for number in range(COUNT if count is None else count):
            content = mutate(seeds, number)
            started = time.monotonic()
            try:
                with _time_limit():
                    read(content)
                found["accepted"] += 1
            except errors as error:
                if complaint := _no_sentence(error):
                    failures.append(f"{mutate.__name__}(seeds, {number}): {complaint}")
                else:
                    found["sentence"] += 1
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                failures.append(
                    f"{mutate.__name__}(seeds, {number}): {type(error).__name__}:"
                    f" {str(error)[:200]} ({Path(last.filename).name}:{last.lineno}, after"
                    f" {time.monotonic() - started:.1f} s)"
                )
            if len(failures) == REPORTED:
                break
    assert not failures, "neither accepted nor refused in a sentence:\n" + "\n".join(failures)
    return found


def from_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of bytes out of a reader of files: the bytes are written to `path` first."""

    def read_bytes(content: bytes) -> object:
        path.write_bytes(content)
        return read(path)

    return read_bytes


class TookTooLong(BaseException):
    """The reader did not end; no reader's `except Exception` makes a sentence of it."""


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TookTooLong(f"no outcome within {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory(extra_gib: float) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + int(extra_gib * GIB)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _no_sentence(error: Exception) -> str:
    """What speaks against an error as a sentence of ours; "" where nothing does."""
    text = str(error)
    raised = Path(traceback.extract_tb(error.__traceback__)[-1].filename).resolve()
    ours = raised.is_relative_to(ROOT) and raised.relative_to(ROOT).parts[0] in OURS
    if not ours:
        return f"{type(error).__name__} came from {raised.name}, not from our code: {text[:200]}"
    if not text.endswith(".") or "\n" in text:
        return f"no sentence on one line: {text[:200]!r}"
    return ""


# Changes of bytes


def _flip_bits(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if content else 0):
        content[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(content)


def _replace_run(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    start, length = _place(content, rng), rng.choice((1, 2, 4, 8, 16, 64, 512))
    length = len(content[start : start + length])
    fill = rng.choice((bytes(length), b"\xff" * length, b"[" * length, rng.randbytes(length)))
    content[start : start + length] = fill
    return bytes(content)


def _truncate(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    return bytes(content[: rng.randrange(len(content) + 1)])


def _delete_run(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    start = _place(content, rng)
    del content[start : start + rng.choice((1, 2, 3, 8, 100, 5000))]
    return bytes(content)


def _repeat_run(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    start = _place(content, rng)
    run = content[start : start + rng.choice((1, 2, 4, 16, 100))]
    content[start:start] = run * rng.choice((1, 1, 2, 50))
    return bytes(content)


def _splice(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    return bytes(content[: _place(content, rng)]) + other[_place(other, rng) :]


def _write_integer(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    size, form = rng.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
    start = _place(content, rng)
    value = rng.choice(INTEGERS) % 2 ** (8 * size)
    packed = struct.pack(rng.choice("<>") + form, value)
    content[start : start + size] = packed[: len(content[start : start + size])]
    return bytes(content)


def _write_digits(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Another number in place of one that is written in digits, as in the headers of safetensors
    and npy."""
    numbers = list(re.finditer(rb"-?\d+", bytes(content[:65536])))
    if not numbers:
        return bytes(content)
    at = rng.choice(numbers)
    value = rng.choice((*map(str, INTEGERS), "1e309", "10" * 40, "-0", "0.5", "NaN", "[]")).encode()
    if rng.random() < 0.5:  # of the same length, so that what a header says of itself stays right
        value = value[: at.end() - at.start()].rjust(at.end() - at.start(), b" ")
    content[at.start() : at.end()] = value
    return bytes(content)


_BYTE_CHANGES = (
    _flip_bits, _replace_run, _truncate, _delete_run, _repeat_run, _splice, _write_integer, _write_integer,
    _write_digits,
)  # fmt: skip


def _place(content: bytes | bytearray, rng: random.Random) -> int:
    """A position: anywhere, or near the start or the end, where most formats keep their headers."""
    size = len(content)
    if not size:
        return 0
    near = min(size, 512)
    return rng.choice((rng.randrange(size), rng.randrange(near), size - 1 - rng.randrange(near)))


# Changes of text

_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|[^\w\s]|[ \t]+|\n')
VALUES = (
    "null", "~", "yes", "no", "true", "1e309", "-1e309", ".inf", "-.inf", ".nan", "NaN", "Infinity", "-1", "0",
    "-0.0", "1_000", "0x1F", "1:30", "2001-01-01", "2001-01-01T00:00:00Z", "1000000000000", "18446744073709551616",
    "9" * 400, '""', "''", "[]", "{}", "[1]", "{a: 1}", '"\\u0000"', "\0", "\ufeff", "\u202e", "é" * 300,
    "[" * 1500, "{a: " * 500, "]" * 20, "- " * 500, "&a [*a]", "*a", "&a {b: *a}", "<<: *a", "!!bool foo",
    "!!int ''", "!!float ''", "!!timestamp 'x'", "!!binary '='", "!!set {a}", "!!python/object/apply:os.getcwd []",
    "{a: &a [x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b], "
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d], f: [*e,*e,*e,*e,*e,*e,*e,*e]}",
    "---", "...", "? a", "|", ">", "%YAML 9.9", "../../etc/passwd", "<b>x</b>", "![](http://x/)", "a: b: c",
)  # fmt: skip
"""What a hand or an enemy may write where a value stood."""


def _swap_token(text: str, rng: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    places = [i for i, token in enumerate(tokens) if token.strip()]
    if not places:
        return text
    tokens[rng.choice(places)] = rng.choice(VALUES)
    return "".join(tokens)


def _swap_value(text: str, rng: random.Random) -> str:
    """Another value after the colon of one line of YAML, or of one key of JSON."""
    places = list(re.finditer(r"(?<=: )[^,}\n]+", text))
    if not places:
        return _swap_token(text, rng)
    at = rng.choice(places)
    return text[: at.start()] + rng.choice(VALUES) + text[at.end() :]


def _move_tokens(text: str, rng: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    if len(tokens) < 2:
        return text
    a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    if rng.random() < 0.5:
        tokens[a], tokens[b] = tokens[b], tokens[a]
    else:
        tokens[a] = tokens[b]
    return "".join(tokens)


def _change_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    change = rng.choice(("delete", "twice", "indent", "tab", "cut"))
    if change == "delete":
        del lines[at]
    elif change == "twice":
        lines.insert(at, lines[at])
    elif change == "cut":
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    else:
        lines[at] = ("  " if change == "indent" else "\t") + lines[at]
    return "\n".join(lines)


def _cut_text(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


_TEXT_CHANGES = (
    _swap_value,
    _swap_value,
    _swap_value,
    _swap_token,
    _move_tokens,
    _change_lines,
    _cut_text,
)
