"""Recognise a network by the names and shapes of its tensors, without torch.

Training programs change these names: they add a prefix, save a teacher too, or rename the head.
Each possible reading of the names is tried. It counts only if every name and shape fits the
network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bickd_core.models.catalogue import MODELS, ModelInfo

COUNTER = "num_batches_tracked"
"""Batch norm's counter. Files of torch before 0.4.1 do not have it."""
STATISTICS = ("running_mean", "running_var")
"""Suffixes of batch norm's statistics. A file with only the parameters does not have them."""
_FIRST = (
    "student",
    "model_s",
    "model",
    "module",
    "_orig_mod",
    "net",
    "network",
    "backbone",
    "encoder",
)
"""Prefixes that are tried first, in this order, if a file contains several networks."""
_WRAPPERS = ("module.", "_orig_mod.")
_LAST = ("teacher", "model_t", "ema", "model_ema")
_MOST_READINGS = 60
_HEADS = ("fc", "linear", "classifier", "head")
"""Names of the last linear layer."""
_BODIES = ("backbone", "encoder")
"""Names of all layers before the last one, if the last one is beside them."""
_SHORTCUTS = (".downsample.", ".shortcut.")
"""Names of the convolution in a shortcut."""
_AVERAGED = "ema"
"""Part of the name of averaged weights (exponential moving average)."""

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Reading:
    """A way to read a table of tensors as a network.

    Attributes:
        under: the prefix of its tensors in the file.
        names: the network's names -> names in the file.
        others: first parts of the names that are left out.
    """

    under: str
    names: dict[str, str]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recognised(ModelInfo):
    """A network of the catalogue that was recognised in a file.

    Attributes:
        num_classes, in_channels: read from the shapes.
        reading: how the file's names were read.
    """

    num_classes: int
    in_channels: int
    reading: Reading = field(default_factory=lambda: Reading("", {}), compare=False)


def readings(names: Iterable[str]) -> Iterator[Reading]:
    """Yield the ways to read a table's names. Those that leave out nothing come first.

    >>> for found in readings(["student.stem.weight", "student.stem.bias", "teacher.stem.weight"]):
    ...     print(repr(found.under), list(found.names), found.others)
    '' ['student.stem.weight', 'student.stem.bias', 'teacher.stem.weight'] ()
    'student.' ['stem.weight', 'stem.bias'] ('teacher',)
    'teacher.' ['stem.weight'] ('student',)
    'student.stem.' ['weight', 'bias'] ('teacher',)
    'teacher.stem.' ['weight'] ('student',)
    """
    start = Reading("", {name: name for name in names if not name.endswith(COUNTER)})
    waiting, given = [start], 0
    while waiting and given < _MOST_READINGS:
        reading = waiting.pop(0)
        for spelt in _spellings(reading):
            yield spelt
            given += 1
        groups: dict[str, dict[str, str]] = {}
        for name, stored in reading.names.items():
            first, dot, rest = name.partition(".")
            if dot:
                groups.setdefault(first, {})[rest] = stored
        whole = len(groups) == 1 and len(next(iter(groups.values()))) == len(reading.names)
        below = list(_bodies_with_heads(reading, groups))
        for first in sorted(groups, key=_rank):
            others = (
                ()
                if whole
                else tuple(sorted({n.partition(".")[0] for n in reading.names} - {first}))
            )
            if reading.under.count(".") < 4:
                below.append(
                    Reading(f"{reading.under}{first}.", groups[first], reading.others or others)
                )
        waiting += below


def _bodies_with_heads(reading: Reading, groups: Mapping[str, dict[str, str]]) -> Iterator[Reading]:
    """Yield readings of a body and a head that are beside each other, such as `backbone.` with
    `head.fc.` (mmpretrain) or with `fc.`.

    >>> groups = {"backbone": {"conv1.weight": "a"}, "head": {"fc.weight": "b"}}
    >>> [found.names for found in _bodies_with_heads(Reading("", {}), groups)]
    [{'conv1.weight': 'a', 'fc.weight': 'b'}]
    """
    for body in _BODIES:
        for head in _HEADS:
            if body in groups and head in groups:
                own = "" if "weight" not in groups[head] else f"{head}."
                last = {f"{own}{name}": stored for name, stored in groups[head].items()}
                others = tuple(sorted({n.partition(".")[0] for n in reading.names} - {body, head}))
                if last.keys().isdisjoint(groups[body]):
                    yield Reading(reading.under, groups[body] | last, reading.others or others)


def _rank(first: str) -> tuple[int, str]:
    if first in _FIRST:
        return _FIRST.index(first), ""
    return len(_FIRST) + (first in _LAST), first


def _spellings(reading: Reading) -> Iterator[Reading]:
    """Yield a reading, then variants with other names for the last linear layer and shortcuts."""
    heads = [head for head in _HEADS if f"{head}.weight" in reading.names]
    renamings: list[tuple[str, str]] = [("", "")]
    if len(heads) == 1:
        renamings += [(f"{heads[0]}.", f"{head}.") for head in _HEADS if head != heads[0]]
    shortcuts = [part for part in _SHORTCUTS if any(part in name for name in reading.names)]
    for old, new in renamings:
        names = {
            new + name.removeprefix(old) if name.startswith(old) else name: stored
            for name, stored in reading.names.items()
        }
        yield Reading(reading.under, names, reading.others)
        if len(shortcuts) == 1:
            other = _SHORTCUTS[1 - _SHORTCUTS.index(shortcuts[0])]
            names = {name.replace(shortcuts[0], other): stored for name, stored in names.items()}
            yield Reading(reading.under, names, reading.others)


@dataclass(frozen=True)
class Part:
    """A network in a file.

    Attributes:
        where: the key of its table of tensors.
        reading: how its names are read.
    """

    where: str
    reading: Reading

    @property
    def label(self) -> str:
        """Its name in the app: key and prefix, such as `model/student`; "" for the whole file."""
        return "/".join(part for part in (self.where, self.reading.under.rstrip(".")) if part)

    @property
    def averaged(self) -> bool:
        """Whether its name says that it contains averaged weights (EMA)."""
        return _AVERAGED in self.label.lower()


def without_prefixes(names: Iterable[str]) -> dict[str, str]:
    """Map names without the prefixes of data parallelism and torch.compile to the names as they
    are.

    >>> without_prefixes(["module._orig_mod.fc.weight", "module._orig_mod.fc.bias"])
    {'fc.weight': 'module._orig_mod.fc.weight', 'fc.bias': 'module._orig_mod.fc.bias'}
    """
    stored_names = {name: name for name in names}
    while prefix := next(
        (p for p in _WRAPPERS if stored_names and all(name.startswith(p) for name in stored_names)),
        None,
    ):
        stored_names = {name.removeprefix(prefix): stored for name, stored in stored_names.items()}
    return stored_names


def parts_of(tables: Mapping[str, Shapes], expected: Shapes) -> list[Part]:
    """Return the networks in a file that have the expected tensors, the likeliest first.

    Names must fit. If several networks have them, shapes decide. If there is none, networks that
    lack only batch norm statistics are returned.

    Args:
        tables: names and shapes of each table of tensors in the file.
        expected: names and shapes of the network.

    >>> tables = {"model": {"student.a": (2,), "teacher.a": (3,)}, "ema": {"a": (2,)}}
    >>> [part.label for part in parts_of(tables, {"a": (2,)})]
    ['model/student', 'ema']
    """
    wanted = {name: tuple(shape) for name, shape in expected.items() if not name.endswith(COUNTER)}
    parameters = {name: shape for name, shape in wanted.items() if not name.endswith(STATISTICS)}
    return _parts(tables, wanted) or _parts(tables, parameters)


def _parts(tables: Mapping[str, Shapes], wanted: Mapping[str, tuple[int, ...]]) -> list[Part]:
    """Return the parts with these names; only those with the same shapes, if there are any."""
    parts, exact = [], []
    for where, shapes in tables.items():
        seen: set[frozenset[str]] = set()
        for reading in readings(shapes):
            stored = frozenset(reading.names.values())
            if reading.names.keys() != wanted.keys() or stored in seen:
                continue
            seen.add(stored)
            parts.append(Part(where, reading))
            if all(tuple(shapes[reading.names[name]]) == shape for name, shape in wanted.items()):
                exact.append(parts[-1])
    return exact or parts


def recognise(names_and_shapes: Shapes) -> list[Recognised]:
    """Return the catalogue's networks that have exactly these tensors.

    No two networks of the catalogue have the same tensors, so there is at most one.

    Args:
        names_and_shapes: of a state dict. Names may have a prefix, such as `module.` or `student.`.
            Other networks may be present under other prefixes. Batch norm's counters or all its
            statistics may be missing.

    >>> found = recognise({f"module.{k}": s for x in MODELS["vgg8"].layers(7, 1) for k,
    ...     s in x.tensors.items()})
    >>> [(model.name, model.num_classes, model.in_channels, model.reading.under) for model in found]
    [('vgg8', 7, 1, 'module.')]
    """
    return next(iter(networks_in(names_and_shapes)), [])


def networks_in(names_and_shapes: Shapes) -> list[list[Recognised]]:
    """Return every network of the catalogue in a table of tensors, students first; see
    `recognise`.

    >>> two = {f"{who}.{k}": s for who in ("a", "b") for x in MODELS["vgg8"].layers(7) for k,
    ...     s in x.tensors.items()}
    >>> [found[0].reading.under for found in networks_in(two)]
    ['a.', 'b.']
    """
    every: list[list[Recognised]] = []
    seen: set[frozenset[str]] = set()
    for reading in readings(names_and_shapes):
        stored = frozenset(reading.names.values())
        if stored in seen:
            continue
        came = {name: tuple(names_and_shapes[stored]) for name, stored in reading.names.items()}
        matches = [
            match for info in MODELS.values() if (match := _match(info, came, reading)) is not None
        ]
        if matches:
            seen.add(stored)
            every.append(matches)
    return every


@dataclass(frozen=True)
class Near:
    """A network that shares tensors with a file.

    Attributes:
        same: number of its tensors that the file has, with name and shape.
        count: number of its tensors.
        missing, unexpected: a name that only the network has, and one that only the file has; or
            "".
    """

    info: ModelInfo
    same: int
    count: int
    missing: str
    unexpected: str


def nearest_networks(names_and_shapes: Shapes, most: int = 3) -> list[Near]:
    """Return the catalogue's networks that share most tensors, the nearest first.

    Shapes of the classifier and the stem are ignored, because they depend on classes and channels.

    >>> half = {k: s for x in MODELS["vgg8"].layers(7)[:4] for k, s in x.tensors.items()}
    >>> [near.info.family for near in nearest_networks(half, most=2)]
    ['vgg', 'vgg']
    """
    listed = []
    for info in MODELS.values():
        layers = info.layers(2)
        expected = {name: shape for layer in layers for name, shape in layer.tensors.items()}
        listed.append((info, expected, {*layers[0].tensors, *layers[-1].tensors}))
    best: dict[str, tuple[float, Near]] = {}
    for reading in readings(names_and_shapes):
        came = {name: tuple(names_and_shapes[stored]) for name, stored in reading.names.items()}
        for info, expected, free in listed:
            wrong = [
                n
                for n, shape in expected.items()
                if n not in came or (n not in free and came[n] != shape)
            ]
            same = len(expected) - len(wrong)
            share = same / (len(expected) + len(came) - sum(name in came for name in expected))
            if same and share > best.get(info.name, (0.0,))[0]:
                unexpected = next((name for name in came if name not in expected), "")
                best[info.name] = (
                    share,
                    Near(info, same, len(expected), next(iter(wrong), ""), unexpected),
                )
    ranked = sorted(best.values(), key=lambda entry: -entry[0])
    return [near for _, near in ranked[:most]]


def _match(
    info: ModelInfo, came: Mapping[str, tuple[int, ...]], reading: Reading
) -> Recognised | None:
    layers = info.layers(2)
    stem = came.get(f"{layers[0].name}.weight", ())
    head = came.get(f"{layers[-1].name}.weight", ())
    if len(stem) != 4 or len(head) != 2 or stem[1] < 1 or head[0] < 2:
        return None
    expected: dict[str, tuple[int, ...]] = {}
    for layer in info.layers(head[0], stem[1]):
        expected |= layer.tensors
    if came not in (
        expected,
        {key: s for key, s in expected.items() if not key.endswith(STATISTICS)},
    ):
        return None
    return Recognised(
        info.name, info.family, info.title, info.depth, info.widths, head[0], stem[1], reading
    )
