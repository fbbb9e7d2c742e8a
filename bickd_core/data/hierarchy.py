"""Class hierarchies: a small file with the groups of each class.

A hierarchy orders and groups classes in a matrix. Its groups may have groups of their own.

- CSV with the columns `class,superclass` and, if there are more levels, further columns from broad
  to narrow: `class,group,subgroup`.
- CSV with the columns `class,parent` and, if wanted, `name`: a tree as WordNet has it. Rows of
  groups give their parents. `name` is what an id is called.
- JSON or YAML: a mapping `class: superclass`, or `superclass: [class, class]`. Mappings may be
  nested: `animal: {bird: [crane, kite]}`.

Classes may be written as models name them. WordNet ids also match: `n01440764`, `tench` and
`tench, Tinca tinca` find each other, if they are unique and the file or the model has both the id
and the name.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bickd_core.naming import nearest, some_names
from bickd_core.reading import ReadError, parse_yaml

FILES = Path(__file__).parent / "files"
ENDINGS = (".csv", ".tsv", ".json", ".yaml", ".yml")
MAX_BYTES = 4 * 2**20
MOST_LEVELS = 32
_SHOWN = 8
_GUESSED = 20
"""For so many wrong names, the message has the nearest known name."""
_UNREADABLE = (
    "the file cannot be read as a mapping; write one line 'class: superclass' for each class."
)
_WORDNET_ID = re.compile(r"(?<![A-Za-z0-9])n\d{8}(?![0-9])")


class HierarchyError(ValueError):
    """A hierarchy file that cannot be used. `problems` has one sentence for each, and the message
    has the first of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = len(problems) - _SHOWN
        super().__init__(" ".join(problems[:_SHOWN]) + (f" And {more} more." if more > 0 else ""))


@dataclass(frozen=True)
class Hierarchy:
    """A class hierarchy.

    Attributes:
        name: of the file it was read from.
        paths: the groups of each class, the broadest first, in the order of the class names. Every
            class has at least one.
    """

    name: str
    paths: tuple[tuple[str, ...], ...]

    @property
    def superclass(self) -> tuple[str, ...]:
        """The broadest group of each class."""
        return tuple(path[0] for path in self.paths)

    @property
    def groups(self) -> tuple[str, ...]:
        """The superclasses, in the order of their first class."""
        return tuple(dict.fromkeys(self.superclass))

    @property
    def levels(self) -> int:
        """The number of groups of the class that has most."""
        return max(map(len, self.paths), default=0)

    def members(self, group: str) -> tuple[int, ...]:
        """Return the positions of the classes of a superclass."""
        return tuple(c for c, name in enumerate(self.superclass) if name == group)


@dataclass(frozen=True)
class _Row:
    """A row of a file.

    Attributes:
        where: its place in the file.
        name: a class, or a group.
        groups: that hold it, the broadest first; of a tree, its parent.
        title: what it is called, if the name is an id.
    """

    where: str
    name: str
    groups: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True)
class _Content:
    """The rows of a file. `tree`: they are those of a tree, which may hold more than these
    classes, and a name may have several parents, of which the first counts."""

    rows: list[_Row]
    problems: list[str]
    tree: bool = False


def read_hierarchy(content: str | bytes, filename: str, class_names: Sequence[str]) -> Hierarchy:
    """Read and check a hierarchy for these classes.

    Levels that change nothing are left out: a group with the same classes as one of its own groups,
    and a group of all classes that has groups.

    Args:
        content: the file's content, UTF-8.
        filename: ends in .csv, .tsv, .json, .yaml or .yml.
        class_names: each needs a group. Only a file with the columns class and parent may name
            other classes.

    Raises:
        HierarchyError: a row is wrong, or classes are missing.
    """
    if len(content) > MAX_BYTES:
        raise HierarchyError([f"the file must be at most 4 MB, got {len(content) / 2**20:.1f} MB."])
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise HierarchyError(
            [f"the file must be UTF-8 text: {error.reason} at byte {error.start}."]
        ) from error
    found = _content(text, filename)
    assigned, above, problems = _assigned(found, class_names)
    missing = [name for c, name in enumerate(class_names) if c not in assigned]
    if missing and not problems:
        problems.append(
            f"{len(missing)} of {len(class_names)} classes have no superclass:"
            f" {some_names(missing)}; add a row for each."
        )
    if problems:
        raise HierarchyError(problems)
    titles = {row.name: _first_word(row.title) for row in found.rows if row.title}
    paths = []
    for c, class_name in enumerate(class_names):
        groups = assigned[c].groups
        full = (*_above(groups[0], above), *groups)
        if len(full) > MOST_LEVELS:
            raise HierarchyError(
                [f"a class may have at most {MOST_LEVELS} groups, got more for '{class_name:.60}'."]
            )
        paths.append(tuple(titles.get(name, name) for name in full))
    return Hierarchy(filename, _telling(paths))


def _assigned(
    found: _Content, class_names: Sequence[str]
) -> tuple[dict[int, _Row], dict[str, _Row], list[str]]:
    """Return the row of each class, the row of each group that has groups, and what is wrong."""
    problems = list(found.problems)
    known = _Names(class_names)
    used = {row.groups[0] for row in found.rows}
    assigned, above, by_word = dict[int, _Row](), dict[str, _Row](), dict[int, list[_Row]]()
    unknown = 0
    for row in found.rows:
        if found.tree and row.name in used and not row.groups[0] and not known.by_name(row):
            continue  # the name of a root
        if not row.name or not all(row.groups):
            problems.append(
                f"{row.where} needs a class and a superclass, got '{row.name}' and"
                f" '{row.groups[0]}'."
            )
            continue
        c, word = known.by_name(row), known.by_word(row)
        before = above.get(row.name) if c is None else assigned.get(c)
        if c is None and word is not None:
            by_word.setdefault(word, []).append(row)
        if c is None and word is None and row.name not in used and not found.tree:
            unknown += 1
            problems.append(
                f"{row.where} names class '{row.name:.60}', which these models do not"
                f" have{_near(row.name, class_names) if unknown <= _GUESSED else '.'}"
            )
        elif before is not None and before.groups != row.groups and not found.tree:
            problems.append(_conflict(row, before))
        elif c is None:
            above.setdefault(row.name, row)
        else:
            assigned.setdefault(c, row)
    for c, rows in by_word.items():
        first = rows[0]
        other = next((row for row in rows if row.name != first.name), None)
        if c in assigned:
            continue
        if other is not None:
            problems.append(
                f"{first.where} and {other.where} may both be class '{class_names[c]:.60}'; write"
                " the class as the models do."
            )
        assigned[c] = first
    return assigned, above, problems or _circles(above)


def _conflict(row: _Row, before: _Row) -> str:
    return (
        f"{row.where} puts '{row.name}' under '{row.groups[-1]:.60}', but {before.where} under"
        f" '{before.groups[-1]:.60}'."
    )


class _Names:
    """The classes, by their names, WordNet ids and first synonyms. What two classes share finds
    neither."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = {name: c for c, name in enumerate(class_names)}
        self._ids = _unique(map(_ids, class_names))
        self._words = _unique(map(_words, class_names))

    def by_name(self, row: _Row) -> int | None:
        """Return the class with this name or WordNet id."""
        if row.name in self._names:
            return self._names[row.name]
        return next((self._ids[id] for id in _ids(row.name) if id in self._ids), None)

    def by_word(self, row: _Row) -> int | None:
        """Return the class whose first synonym is that of the row."""
        words = (*_words(row.name), *_words(row.title))
        return next((self._words[word] for word in words if word in self._words), None)


def _unique(keys: Iterable[Sequence[str]]) -> dict[str, int]:
    """Key -> the position that has it, for keys that one position has."""
    each = [set(some) for some in keys]
    counts = Counter(key for some in each for key in some)
    return {key: c for c, some in enumerate(each) for key in some if counts[key] == 1}


def _ids(name: str) -> list[str]:
    return _WORDNET_ID.findall(name)


def _words(name: str) -> list[str]:
    """The first synonym, without a WordNet id.

    >>> _words("n01440764 tench, Tinca tinca"), _words("Great_White shark"), _words("n01440764")
    (['tench'], ['great white shark'], [])
    """
    word = _first_word(_WORDNET_ID.sub("", name)).replace("_", " ").strip(" -").lower()
    return [word] if word else []


def _first_word(title: str) -> str:
    return title.split(",")[0].strip()


def _above(group: str, above: dict[str, _Row]) -> list[str]:
    """Return the groups that hold a group, the broadest first."""
    path: list[str] = []
    while group in above and len(path) <= MOST_LEVELS:
        path[:0] = above[group].groups
        group = above[group].groups[0]
    return path


def _circles(above: dict[str, _Row]) -> list[str]:
    """Return a problem for a group that is, over its groups, in itself."""
    safe: set[str] = set()
    for start in above:
        path, group = dict[str, None](), start
        while group in above and group not in safe:
            if group in path:
                return [f"{above[group].where} puts '{group:.60}' under one of its own groups."]
            path[group] = None
            group = above[group].groups[0]
        safe.update(path)
    return []


def _telling(paths: list[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Leave out levels that change nothing.

    >>> _telling([("all", "thing", "animal", "bird"), ("all", "thing", "tool", "hammer")])
    (('bird',), ('hammer',))
    """
    sizes = Counter(path[: k + 1] for path in paths for k in range(len(path)))
    told = [
        tuple(
            name
            for k, name in enumerate(path)
            if k + 1 == len(path) or sizes[path[: k + 1]] != sizes[path[: k + 2]]
        )
        for path in paths
    ]
    while len({path[0] for path in told}) == 1 and all(len(path) > 1 for path in told):
        told = [path[1:] for path in told]
    return tuple(told)


def bundled_hierarchy(dataset: str, class_names: Sequence[str]) -> Hierarchy | None:
    """Return the bundled hierarchy of a data set; None if there is none, or it has other
    classes."""
    path = FILES / f"{dataset}-hierarchy.csv"
    if "/" in dataset or not path.exists():
        return None
    try:
        return read_hierarchy(path.read_bytes(), path.name, class_names)
    except HierarchyError:
        return None


def to_csv(class_names: Sequence[str], paths: Sequence[Sequence[str]] | None = None) -> str:
    """Return a hierarchy as CSV, or a template to fill in if there are no groups.

    Args:
        paths: the groups of each class, the broadest first.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    levels = max(map(len, paths or [[""]]))
    writer.writerow(["class", "superclass", *(f"level {k}" for k in range(2, levels + 1))])
    for name, path in zip(class_names, paths or [[""]] * len(class_names), strict=True):
        writer.writerow([name, *path, *[""] * (levels - len(path))])
    return out.getvalue()


def _content(text: str, filename: str) -> _Content:
    ending = Path(filename).suffix.lower()
    if ending in (".csv", ".tsv"):
        return _from_csv(text)
    if ending not in ENDINGS:
        raise HierarchyError(
            [f"the file must end in .csv, .tsv, .json or .yaml, got '{filename:.60}'."]
        )
    try:
        content = json.loads(text) if ending == ".json" else parse_yaml(text.encode(), aliases=True)
    except json.JSONDecodeError as error:
        raise HierarchyError([f"line {error.lineno} is not valid JSON: {error.msg}."]) from error
    except ReadError as error:
        raise HierarchyError([f"the file is not usable YAML: {error}"]) from error
    except (ValueError, RecursionError) as error:
        raise HierarchyError([_UNREADABLE]) from error
    return _from_mapping(content)


def _from_csv(text: str) -> _Content:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        tree = header[1:] in (["parent"], ["parent", "name"])
        if header[:1] != ["class"] or not (tree or header[1:2] in (["superclass"], ["group"])):
            raise HierarchyError(
                [
                    "line 1 must read 'class,superclass', 'class,group,subgroup' or"
                    f" 'class,parent', got '{first.strip():.60}'."
                ]
            )
        rows, problems = [], []
        for cells in reader:
            where = f"line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            texts = [cell.strip() for cell in cells]
            if len(cells) < 2 or any(texts[len(header) :]):
                count = {2: "two", 3: "three"}.get(len(header), str(len(header)))
                problems.append(
                    f"{where} must have {count} columns, got {len(cells)}; quote names with a"
                    " comma."
                )
                continue
            name, *others = texts[: len(header)]
            if tree:
                rows.append(_Row(where, name, (others[0],), "".join(others[1:])))
            else:
                depth = max((k for k, text in enumerate(others, 1) if text), default=1)
                rows.append(_Row(where, name, tuple(others[:depth])))
    except csv.Error as error:
        raise HierarchyError([f"line {reader.line_num} is not valid CSV: {error}."]) from error
    return _Content(rows, problems, tree)


def _from_mapping(content: object) -> _Content:
    if not isinstance(content, dict) or not content:
        kind = type(content).__name__
        raise HierarchyError(
            [f"the file must map each class to its superclass, got a {kind} at the top."]
        )
    rows, problems = [], []
    waiting: list[tuple[tuple[str, ...], dict]] = [((), content)]
    while waiting:
        groups, mapping = waiting.pop()
        for key, value in mapping.items():
            where, name = f"entry '{key!s:.60}'", str(key).strip()
            if isinstance(value, str) and not groups:
                rows.append(_Row(where, name, (value.strip(),)))
            elif isinstance(value, list) and all(isinstance(each, str) for each in value):
                rows += [_Row(where, each.strip(), (*groups, name)) for each in value]
            elif isinstance(value, dict) and value:
                waiting.append(((*groups, name), value))
            else:
                problems.append(
                    f"{where} must hold a superclass or a list of classes, got a"
                    f" {type(value).__name__}."
                )
    return _Content(rows, problems)


def _near(name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    return f"; did you mean '{near}'?" if near else "."
