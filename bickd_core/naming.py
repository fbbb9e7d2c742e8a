"""Names in messages: the nearest known name to an unknown one, and safe versions of names from
files."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

SEED = re.compile(r"(.*?[^ ._(-])[ ._(-]+(?:s|seed[ ._=-]?)(\d{1,9})\)?", re.IGNORECASE)


def nearest(given: object, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """Return the known name most like `given`, or None. The case of letters is ignored if nothing
    else is similar.

    Args:
        cutoff: smallest similarity in [0, 1], as in `difflib`.

    >>> nearest("ResNet20", ["resnet8", "resnet20"])
    'resnet20'
    """
    return next(iter(near(given, known, n=1, cutoff=cutoff)), None)


def near(given: object, known: Iterable[str], *, n: int = 3, cutoff: float = 0.5) -> list[str]:
    """Return the known names most like `given`, the nearest first.

    Args:
        n: largest number of names.
        cutoff: as in `nearest`.

    >>> near("kd-s7", ["kd-s0", "bickd-s0", "teacher"])
    ['kd-s0', 'bickd-s0']
    """
    names = list(known)
    for wanted in (str(given), str(given).lower()):
        if matches := difflib.get_close_matches(wanted, names, n=n, cutoff=cutoff):
            return matches
    return []


def not_known(given: object, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the known names, the given and the
    nearest.

    >>> "model " + not_known("resnet9", ["resnet8", "vgg8"])
    "model must be one of resnet8, vgg8, got 'resnet9'; the nearest is 'resnet8'."
    """
    names = list(known)
    close = nearest(given, names)
    hint = f"; the nearest is {close!r}" if close else ""
    return f"must be one of {', '.join(names) or 'none'}, got {given!r:.80}{hint}."


def method_and_seed(name: str) -> tuple[str, int] | None:
    """Divide the name of a run that ends in its seed; None for any other name.

    >>> method_and_seed("kd-s0"), method_and_seed("DIST (seed 12)"), method_and_seed("resnets8")
    (('kd', 0), ('DIST', 12), None)
    """
    match = SEED.fullmatch(name)
    return None if match is None else (match[1], int(match[2]))


def seeds_by_method(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the seeds of each method, from the names that end in a seed.

    >>> seeds_by_method(["kd-s0", "teacher", "kd-s1", "ce-s0"])
    {'kd': [0, 1], 'ce': [0]}
    """
    seeds: dict[str, list[int]] = {}
    for method, seed in filter(None, map(method_and_seed, names)):
        seeds.setdefault(method, []).append(seed)
    return seeds


def seeds_line(seeds: Mapping[str, Sequence[int]]) -> str:
    """Return a sentence about the seeds of each method.

    >>> seeds_line({"kd": [0, 1], "ce": [0]})
    'Seeds, read from the names: kd 0, 1; ce 0.'
    """
    parts = [f"{method} {', '.join(map(str, sorted(found)))}" for method, found in seeds.items()]
    return f"Seeds, read from the names: {'; '.join(parts)}."


def some_names(names: Sequence[str], most: int = 5) -> str:
    """Join the first names, and say how many more there are.

    >>> some_names(["a", "b"]), some_names(list("abcdefg"), most=3)
    ('a, b', 'a, b, c and 4 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def classes_text(count: int, names: Sequence[str] = ()) -> str:
    """Return a number of classes, with the first names if these are known.

    >>> classes_text(2, ["Dataset", "Examples"]), classes_text(95)
    ('2 classes (Dataset, Examples)', '95 classes')
    """
    shown = [repr(name)[1:-1][:40] for name in names]
    return f"{count:,} classes" + (f" ({some_names(shown)})" if shown else "")


def plain_name(name: object) -> str:
    """Return a name from a file for a message: at most 80 letters, digits and `_ . - / :`, with `?`
    for others.

    So a page cannot mistake part of it for markup, a link or an image.

    >>> plain_name("layer1.0.conv1.weight"), plain_name("![x](http://y)")
    ('layer1.0.conv1.weight', '??x??http://y?')
    """
    return re.sub(r"[^\w./:-]", "?", str(name)[:80])


def first_line(error: BaseException, most: int = 500) -> str:
    """Return the first line of an error's message without a full stop, or its type if it has none.

    Args:
        most: characters.

    >>> first_line(ValueError("no header.\\nmore")), first_line(KeyboardInterrupt())
    ('no header', 'KeyboardInterrupt')
    """
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:most].rstrip(".")


def plain_reason(text: str) -> str:
    """Return the first sentence of a library's message, at most 120 characters, without markup.

    >>> plain_reason("PytorchStreamReader failed. [enforce fail at inline]\\nmore")
    'PytorchStreamReader failed'
    """
    first = text.splitlines()[0].split(". ")[0].rstrip(".")[:120]
    return re.sub(r"[^\w .,:;=/'()-]", "?", first)


def as_key(name: str) -> str:
    """Return a run's key, made from a name with any characters. Letters lose their accents.

    >>> as_key("Big BERT (v2)"), as_key("élève-s0"), as_key("模型")
    ('Big-BERT-v2', 'eleve-s0', 'model')
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name)
        if not unicodedata.combining(letter)
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:60] or "model"


def key_of_file(name: str) -> str:
    """Return a run's key, made from a file's name without its suffix.

    >>> [key_of_file(name) for name in ("epoch=7-step=96.ckpt", "C:\\\\w\\\\net.best.pt", ".pt")]
    ['epoch-7-step-96', 'net.best', 'pt']
    """
    return as_key(Path(re.split(r"[\\/]", name)[-1]).stem)


def percent_range(low: float, high: float) -> str:
    """Two shares in per cent, with as many decimals as they need to differ, up to four.

    >>> percent_range(0.5, 0.625), percent_range(0.9951, 0.99996)
    ('50% to 62%', '99.5% to 100.0%')
    """
    decimals = 0
    while decimals < 4 and f"{low:.{decimals}%}" == f"{high:.{decimals}%}":
        decimals += 1
    return f"{low:.{decimals}%} to {high:.{decimals}%}"
