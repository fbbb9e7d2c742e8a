"""Class hierarchies: a small file with the superclass of each class.

A hierarchy orders and groups classes in a matrix. As CSV it has the columns `class,superclass`; as
JSON or YAML it is a mapping `class: superclass`, or `superclass: [class, class]`.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bickd_core.reading import ReadError, parse_yaml

FILES = Path(__file__).parent / "files"
MAX_BYTES = 4 * 2**20
_SHOWN = 8
_UNREADABLE = (
    "the file cannot be read as a mapping; write one line 'class: superclass' for each class."
)


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
        superclass: of each class, in the order of the class names.
    """

    name: str
    superclass: tuple[str, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The superclasses, in the order of their first class."""
        return tuple(dict.fromkeys(self.superclass))

    def members(self, group: str) -> tuple[int, ...]:
        """Return the positions of the classes of a superclass."""
        return tuple(c for c, name in enumerate(self.superclass) if name == group)


def read_hierarchy(content: str | bytes, filename: str, class_names: Sequence[str]) -> Hierarchy:
    """Read and check a hierarchy for these classes.

    Args:
        content: the file's content, UTF-8.
        filename: ends in .csv, .tsv, .json, .yaml or .yml.
        class_names: each needs exactly one superclass. The file must not name other classes.

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
    rows, problems = _rows(text, filename)
    known, assigned = set(class_names), dict[str, tuple[str, str]]()
    for where, name, superclass in rows:
        if not name or not superclass:
            problems.append(
                f"{where} needs a class and a superclass, got '{name}' and '{superclass}'."
            )
        elif name not in known:
            problems.append(
                f"{where} names class '{name:.60}', which these models do not"
                f" have{_near(name, known)}"
            )
        elif name in assigned and assigned[name][0] != superclass:
            problems.append(
                f"{where} puts '{name}' under '{superclass:.60}', but {assigned[name][1]} under"
                f" '{assigned[name][0]:.60}'."
            )
        else:
            assigned.setdefault(name, (superclass, where))
    missing = [name for name in class_names if name not in assigned]
    if missing and not problems:
        names = ", ".join(missing[:5]) + (
            f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        )
        problems.append(
            f"{len(missing)} of {len(class_names)} classes have no superclass: {names}; add a row"
            " for each."
        )
    if problems:
        raise HierarchyError(problems)
    return Hierarchy(filename, tuple(assigned[name][0] for name in class_names))


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


def to_csv(class_names: Sequence[str], superclass: Sequence[str] | None = None) -> str:
    """Return a hierarchy as CSV, or a template to fill in if there are no superclasses."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["class", "superclass"])
    writer.writerows(zip(class_names, superclass or [""] * len(class_names), strict=True))
    return out.getvalue()


Row = tuple[str, str, str]
"""Place in the file, class, superclass."""


def _rows(text: str, filename: str) -> tuple[list[Row], list[str]]:
    ending = Path(filename).suffix.lower()
    if ending in (".csv", ".tsv"):
        return _from_csv(text)
    if ending not in (".json", ".yaml", ".yml"):
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


def _from_csv(text: str) -> tuple[list[Row], list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if header[:2] != ["class", "superclass"]:
            raise HierarchyError(
                [f"line 1 must read 'class,superclass', got '{first.strip():.60}'."]
            )
        rows, problems = [], []
        for cells in reader:
            where = f"line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < 2 or any(cell.strip() for cell in cells[2:]):
                problems.append(
                    f"{where} must have two columns, got {len(cells)}; quote names with a comma."
                )
                continue
            rows.append((where, cells[0].strip(), cells[1].strip()))
    except csv.Error as error:
        raise HierarchyError([f"line {reader.line_num} is not valid CSV: {error}."]) from error
    return rows, problems


def _from_mapping(content: object) -> tuple[list[Row], list[str]]:
    if not isinstance(content, dict) or not content:
        kind = type(content).__name__
        raise HierarchyError(
            [f"the file must map each class to its superclass, got a {kind} at the top."]
        )
    rows, problems = [], []
    for key, value in content.items():
        where = f"entry '{key!s:.60}'"
        if isinstance(value, str):
            rows.append((where, str(key).strip(), value.strip()))
        elif isinstance(value, list) and all(isinstance(name, str) for name in value):
            rows += [(where, name.strip(), str(key).strip()) for name in value]
        else:
            problems.append(
                f"{where} must hold a superclass or a list of classes, got a"
                f" {type(value).__name__}."
            )
    return rows, problems


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else "."
