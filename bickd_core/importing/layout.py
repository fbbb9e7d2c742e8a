"""The layout of a file of predictions: which columns hold scores, labels, ids, paths and texts."""

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
    """The columns with the scores of one model.

    Args:
        name: the model's name.
        columns: one column for each class, or a single column with a list for each sample.
        classes: the class of each column or list entry; empty if the file does not name them.
        scale: the scale of the scores; None to detect it from the sums of the rows.
        ranked: columns with the class index of each score, if scores are sorted by value (timm with
            `--topk`); empty if the scores are in class order.
        features: columns of features, or one column of lists; empty if there are none.
        binary: whether the only column holds the score of the second of two classes.
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
    """The columns of a file by what they hold; "" if the file has no such column.

    Args:
        models: the scores of each model; empty for a file that holds only labels or class names.
        label: true class, as a number or a name.
        id: id of the sample, the same in every file.
        path: path of the sample's image.
        text: text of the sample, shown in place of an image.
        model: name of the model of each row, if there are several rows for each sample.
        classes: an array of class names (npz).
        tidy: the column of classes, in a table with a row for each sample and class.
        split: the split of each row: train (not used), validation or test.
        rows_of: the split of all rows, if no column says it.
        notes: sentences on the columns that are not used.
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
    notes: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The columns that hold no scores, by what they hold; "" where the file has none."""
        return {role: getattr(self, role) for role in ROLES}


@dataclass(frozen=True)
class Hints:
    """The user's choices about a file. None means to guess, "" means that there is no such column.

    Args:
        ignore: columns that are not used.
        scale: the scale of the scores of all models.
        rows_of: as in `Layout`.
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
    """Return the fields as JSON types. `LAYOUT` and `HINTS` read them."""
    adapter: TypeAdapter[Any] = LAYOUT if isinstance(value, Layout) else HINTS
    return adapter.dump_python(value, mode="json")
