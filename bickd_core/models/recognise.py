"""Which network a set of weights belongs to, from the tensors' names and shapes alone; without
torch.

Trainers save networks under other names: with a prefix, beside a teacher, or with the head called
otherwise. Each way to read the names is tried, and one is taken only where every name and shape is
then the network's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bickd_core.models.catalogue import MODELS, ModelInfo

COUNTER = "num_batches_tracked"
"""Batch norm's counter: files older than torch 0.4.1 have none."""
STATISTICS = ("running_mean", "running_var")
"""Ends of the names of batch norm's statistics, which a file of parameters alone does not have."""
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
"""Prefixes in the order in which they are tried, where a file holds several networks; others
follow."""
_WRAPPERS = ("module.", "_orig_mod.")
_LAST = ("teacher", "model_t", "ema", "model_ema")
_MOST_READINGS = 60
_HEADS = ("fc", "linear", "classifier", "head")
"""What trainers call the last linear layer."""
_SHORTCUTS = (".downsample.", ".shortcut.")
"""What trainers call the convolution beside a block."""
_AVERAGED = "ema"
"""In the name of a table of averaged weights (exponential moving average)."""

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Reading:
    """One way to read a table of tensors as a network.

    under: the prefix that its tensors have in the file. names: the network's names -> those in the
    file. others: first parts of the names that are left out.
    """

    under: str
    names: dict[str, str]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recognised(ModelInfo):
    """A network of the catalogue with what its tensors say: num_classes C and in_channels of the
    images.

    reading: how its names were found.
    """

    num_classes: int
    in_channels: int
    reading: Reading = field(default_factory=lambda: Reading("", {}), compare=False)


def readings(names: Iterable[str]) -> Iterator[Reading]:
    """The ways to read a table's names, those that leave out nothing first.

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
        found = waiting.pop(0)
        for spelt in _spellings(found):
            yield spelt
            given += 1
        groups: dict[str, dict[str, str]] = {}
        for name, stored in found.names.items():
            first, dot, rest = name.partition(".")
            if dot:
                groups.setdefault(first, {})[rest] = stored
        whole = len(groups) == 1 and len(next(iter(groups.values()))) == len(found.names)
        below = []
        for first in sorted(groups, key=_rank):
            others = (
                () if whole else tuple(sorted({n.partition(".")[0] for n in found.names} - {first}))
            )
            if found.under.count(".") < 4:
                below.append(
                    Reading(f"{found.under}{first}.", groups[first], found.others or others)
                )
        waiting += below


def _rank(first: str) -> tuple[int, str]:
    if first in _FIRST:
        return _FIRST.index(first), ""
    return len(_FIRST) + (first in _LAST), first


def _spellings(found: Reading) -> Iterator[Reading]:
    """The reading itself, and with the last linear layer or the shortcuts called otherwise."""
    heads = [head for head in _HEADS if f"{head}.weight" in found.names]
    renamings: list[tuple[str, str]] = [("", "")]
    if len(heads) == 1:
        renamings += [(f"{heads[0]}.", f"{head}.") for head in _HEADS if head != heads[0]]
    shortcuts = [part for part in _SHORTCUTS if any(part in name for name in found.names)]
    for old, new in renamings:
        names = {
            new + name.removeprefix(old) if name.startswith(old) else name: stored
            for name, stored in found.names.items()
        }
        yield Reading(found.under, names, found.others)
        if len(shortcuts) == 1:
            other = _SHORTCUTS[1 - _SHORTCUTS.index(shortcuts[0])]
            names = {name.replace(shortcuts[0], other): stored for name, stored in names.items()}
            yield Reading(found.under, names, found.others)


@dataclass(frozen=True)
class Part:
    """One network in a file: the key under which the file has its table of tensors, and how the
    names are read."""

    where: str
    reading: Reading

    @property
    def label(self) -> str:
        """How a person names it: the key and the prefix, such as `model/student`; "" for the whole
        file."""
        return "/".join(part for part in (self.where, self.reading.under.rstrip(".")) if part)

    @property
    def averaged(self) -> bool:
        """Whether it holds averaged weights (EMA), by its name."""
        return _AVERAGED in self.label.lower()


def without_prefixes(names: Iterable[str]) -> dict[str, str]:
    """Names without what data parallelism and torch.compile put before all of them -> the names as
    they are.

    >>> without_prefixes(["module._orig_mod.fc.weight", "module._orig_mod.fc.bias"])
    {'fc.weight': 'module._orig_mod.fc.weight', 'fc.bias': 'module._orig_mod.fc.bias'}
    """
    found = {name: name for name in names}
    while prefix := next(
        (p for p in _WRAPPERS if found and all(name.startswith(p) for name in found)), None
    ):
        found = {name.removeprefix(prefix): stored for name, stored in found.items()}
    return found


def parts_of(tables: Mapping[str, Shapes], expected: Shapes) -> list[Part]:
    """The networks in a file that have the expected tensors, the likeliest first.

    Args:
        tables: for each table of tensors in the file, its names and shapes.
        expected: the network's names and shapes. Names count; shapes decide between several that
            have them. Where none has all, those are taken that lack batch norms' statistics and
            nothing else.

    >>> tables = {"model": {"student.a": (2,), "teacher.a": (3,)}, "ema": {"a": (2,)}}
    >>> [part.label for part in parts_of(tables, {"a": (2,)})]
    ['model/student', 'ema']
    """
    wanted = {name: tuple(shape) for name, shape in expected.items() if not name.endswith(COUNTER)}
    parameters = {name: shape for name, shape in wanted.items() if not name.endswith(STATISTICS)}
    return _parts(tables, wanted) or _parts(tables, parameters)


def _parts(tables: Mapping[str, Shapes], wanted: Mapping[str, tuple[int, ...]]) -> list[Part]:
    """The parts with exactly these names; if some have the shapes too, only those."""
    found, exact = [], []
    for where, shapes in tables.items():
        seen: set[frozenset[str]] = set()
        for reading in readings(shapes):
            stored = frozenset(reading.names.values())
            if reading.names.keys() != wanted.keys() or stored in seen:
                continue
            seen.add(stored)
            found.append(Part(where, reading))
            if all(tuple(shapes[reading.names[name]]) == shape for name, shape in wanted.items()):
                exact.append(found[-1])
    return exact or found


def recognise(names_and_shapes: Shapes) -> list[Recognised]:
    """The catalogue's networks that have these tensors and no other; classes and channels are read
    from them.

    Args:
        names_and_shapes: a state dict's names and shapes. Names may have a prefix, such as
            `module.` or `student.`, other networks may be there under other prefixes, and batch
            norm's counters may be missing, or all its statistics. No two networks of the catalogue
            have the same tensors, so at most one is found; none for any other set.

    >>> found = recognise({f"module.{k}": s for x in MODELS["vgg8"].layers(7, 1) for k,
    ...     s in x.tensors.items()})
    >>> [(model.name, model.num_classes, model.in_channels, model.reading.under) for model in found]
    [('vgg8', 7, 1, 'module.')]
    """
    return next(iter(networks_in(names_and_shapes)), [])


def networks_in(names_and_shapes: Shapes) -> list[list[Recognised]]:
    """Every network of the catalogue in a table of tensors, as `recognise` finds the first; those
    of a student first.

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
        found = [
            match for info in MODELS.values() if (match := _match(info, came, reading)) is not None
        ]
        if found:
            seen.add(stored)
            every.append(found)
    return every


@dataclass(frozen=True)
class Near:
    """A network that shares tensors with a file.

    same: of its tensors, how many the file has with name and shape. count: how many it has.
    missing, unexpected: a name that only the network has, and one that only the file has; "" where
    there is none.
    """

    info: ModelInfo
    same: int
    count: int
    missing: str
    unexpected: str


def nearest_networks(names_and_shapes: Shapes, most: int = 3) -> list[Near]:
    """The catalogue's networks that share most tensors, the nearest first, for a message where none
    fits.

    The classifier's and the stem's shapes count by name alone, since classes and channels are free.

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
    ranked = sorted(best.values(), key=lambda one: -one[0])
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
