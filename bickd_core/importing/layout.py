"""How a file of predictions is laid out: which columns hold scores, labels, ids, paths and
texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

FileSplit = Literal["test", "validation"]
Scale = Literal["logits", "probabilities", "percent", "log-probabilities"]
SCALES: tuple[Scale, ...] = get_args(Scale)
FILE_SPLITS: tuple[FileSplit, ...] = get_args(FileSplit)
ROLES = ("id", "path", "text", "label", "model", "split")
"""Fields of `Layout` and `Hints` that name a column."""


@dataclass(frozen=True)
class ScoreColumns:
    """The scores of one model.

    Args:
        name: what to call the model.
        columns: one column for each class, or a single column that holds a list for each sample.
        classes: the class of each column (or list entry); empty if the file does not name them.
        scale: what the scores are; None to recognise it from the rows' sums.
        ranked: columns with the class index of each score, for scores sorted by value (timm with
            `--topk`); empty if the scores are in class order.
        features: columns of features, or one that holds a list; empty if there are none.
        binary: whether the one column holds the score of the second of two classes.
    """

    name: str
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    scale: Scale | None = None
    ranked: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    binary: bool = False


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold what; "" where the file has no such column.

    Args:
        models: the scores of each model; empty for a file of labels or class names alone.
        label: true class, as a number or a name.
        id: what identifies a sample in every file.
        path: of the sample's image.
        text: shown where a picture would be.
        model: names the model of each row, for files with several rows a sample.
        classes: an array of class names (npz).
        tidy: the column of classes in a table with a row for each sample and class.
        split: names the split of each row: train (not used), validation or test.
        rows_of: the split of all rows, where no column names it.
    """

    models: tuple[ScoreColumns, ...] = ()
    label: str = ""
    id: str = ""
    path: str = ""
    text: str = ""
    model: str = ""
    classes: str = ""
    tidy: str = ""
    split: str = ""
    rows_of: FileSplit = "test"

    @property
    def roles(self) -> dict[str, str]:
        """The columns that hold no scores, by what they hold; "" where the file has none."""
        return {role: getattr(self, role) for role in ROLES}


@dataclass(frozen=True)
class Hints:
    """What the user knows better than the guess; None leaves a field to the guess, "" means none.

    Args:
        ignore: columns that are not used.
        scale: what the scores of every model are.
        rows_of: as of `Layout`.
    """

    label: str | None = None
    id: str | None = None
    path: str | None = None
    text: str | None = None
    model: str | None = None
    ignore: tuple[str, ...] = field(default_factory=tuple)
    scale: Scale | None = None
    split: str | None = None
    rows_of: FileSplit = "test"


LAYOUT = TypeAdapter(Layout)
HINTS = TypeAdapter(Hints)


def to_json(value: Layout | Hints) -> dict[str, Any]:
    """The fields as JSON types; `LAYOUT` and `HINTS` read them back."""
    adapter: TypeAdapter[Any] = LAYOUT if isinstance(value, Layout) else HINTS
    return adapter.dump_python(value, mode="json")
