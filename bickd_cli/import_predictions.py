"""`bickd import-predictions`: import the predictions of models that were trained elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from bickd_core.importing.words import split_names
from bickd_core.naming import seeds_by_method, seeds_line
from bickd_core.runs.library import Library

if TYPE_CHECKING:
    from bickd_core.importing.matching import Imported
    from bickd_core.importing.read_process import FileContent


@dataclass
class ImportPredictions:
    """Import predictions of models trained elsewhere from npz, npy, csv, tsv, parquet, feather,
    json or jsonl.

    Example: `bickd import-predictions models.csv --teacher teacher`. Give one file for each model,
    or one file with several models. A file of labels or of class names (txt) adds these to the
    other files. The meaning of the columns is detected; `--dry-run` shows it without importing. See
    docs/bring-your-own.md.
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """The prediction files."""
    teacher: str | None = None
    """The teacher: a model in the files, or the key of an existing run. Not needed for one model or
    with `--dry-run`."""
    names: tuple[str, ...] = ()
    """Names for the models, one for each in the order of `--dry-run`. Run keys are derived from
    them."""
    classes: str | None = None
    """Class names in the order of the columns, for files without them: a,b,c or a txt file with one
    name in each line."""
    data: str | None = None
    """A label for the data. Runs with the same label can be compared. If not set: derived from ids,
    labels and classes."""
    split: Literal["test", "validation"] = "test"
    """The split of the rows, if the file has no column `split`. Validation predictions are added to
    runs that already have test predictions; Calibration fits its temperature on them."""
    images: Path | None = None
    """A folder with the samples' images, found by path or by id."""
    label: str | None = None
    """The column of true classes; "" for none."""
    id: str | None = None
    """The column that identifies a sample; "" for none."""
    path: str | None = None
    """The column of image paths; "" for none."""
    text: str | None = None
    """The column of texts; "" for none."""
    ignore: tuple[str, ...] = ()
    """Columns to ignore."""
    scale: Literal["logits", "probabilities", "percent", "log-probabilities"] | None = None
    """What the scores are. If not set: detected from the sums of the rows."""
    seeds: bool = True
    """Whether names that end in a seed, such as kd-s0 and kd-s1, are runs of one method. Pages then
    compare methods over seeds."""
    dry_run: bool = False
    """Show how the files are read, without importing them."""

    def run(self, library: Library) -> int:
        from bickd_core.importing.add_validation import add_validation
        from bickd_core.importing.layout import Hints
        from bickd_core.importing.prediction_runs import check_runs, create_runs
        from bickd_core.importing.predictions import match_files, read_files
        from bickd_core.runs.predictions import PredictionsError

        if not self.files:
            raise PredictionsError("expected one or several files of predictions, got none.")
        hints = Hints(
            self.label,
            self.id,
            self.path,
            self.text,
            ignore=self.ignore,
            scale=self.scale,
            rows_of=self.split,
        )
        contents = read_files(self.files, hints=hints)
        imported = match_files(contents, _class_names(self.classes))
        _show(contents, imported)
        models = [model.name for model in imported.models]
        if self.names and len(self.names) != len(models):
            raise PredictionsError(
                f"--names must hold one name for each of the {len(models)} models"
                f" ({', '.join(models)}), got {len(self.names)}."
            )
        names = dict(zip(models, self.names, strict=bool(self.names)))
        students = [name for model in models if (name := names.get(model, model)) != self.teacher]
        found = seeds_by_method(students)
        if self.seeds and found and imported.split == "test":
            print(f"- {seeds_line(found)}")
        renamed = dict(zip(self.names, models, strict=False))
        teacher = self.teacher or (models[0] if len(models) == 1 else None)
        teacher = renamed.get(teacher or "", teacher)
        if self.dry_run:
            if teacher is not None and imported.split == "test":
                check_runs(imported, library, teacher=teacher, names=names, dataset=self.data)
            print("Nothing was imported (--dry-run).")
            return 0
        if imported.split == "validation":
            for run in add_validation(imported, library, names=names, images=self.images):
                print(f"validation predictions added to {run.path}")
            return 0
        if teacher is None:
            raise PredictionsError(f"--teacher must be one of {', '.join(models)}, got none.")
        runs = create_runs(
            imported,
            library,
            teacher=teacher,
            names=names,
            dataset=self.data,
            images=self.images,
            seeds=self.seeds,
        )
        if self.images is not None:
            pictures = len(runs[0].samples().paths)
            print(f"{pictures:,} of {len(imported.models[0].predictions):,} samples have an image.")
        for run in runs:
            print(f"run folder: {run.path}")
        return 0


def _class_names(given: str | None) -> tuple[str, ...]:
    """Return the names of `--classes`: from a file if it exists, else split at commas."""
    from bickd_core.importing.read_process import read_file
    from bickd_core.runs.predictions import PredictionsError

    if given is None:
        return ()
    if os.path.isfile(given):  # also False if it is too long for a path
        names = next(
            (part.class_names for part in read_file(Path(given)).parts if part.class_names), ()
        )
        if not names:
            raise PredictionsError(
                f"--classes: expected class names in '{given}', got a file without class names."
            )
        return names
    names = split_names(given)
    if len(names) < 2:
        raise PredictionsError(
            f"--classes must be a file or names such as a,b,c, got '{given[:80]}'."
        )
    return names


def _show(contents: list[FileContent], imported: Imported) -> None:
    """Print the layout of each file and the models that were read."""
    from rich.table import Table

    from bickd_cli.train import print_table

    for content in contents:
        layout = content.layout
        table = Table(title=content.file)
        table.add_column("what")
        table.add_column("columns")
        for group in layout.models:
            table.add_row(f"scores of {group.name}", some(group.columns))
        for what, column in {**layout.roles, "classes": layout.classes}.items():
            if column:
                table.add_row(what, column)
        if layout.tidy:
            table.add_row("class of each row", layout.tidy)
        print_table(table)
    table = Table("model", "scores", "samples", "classes", "labels")
    for model in imported.models:
        predictions = model.predictions
        labels = "yes" if predictions.labels is not None else "no"
        table.add_row(
            model.name, model.scale, f"{len(predictions):,}", some(predictions.class_names), labels
        )
    print_table(table)
    print(imported.summary())
    for warning in imported.warnings:
        print(f"warning: {warning}")
    for note in imported.notes:
        print(f"- {note}")


def some(names: tuple[str, ...], most: int = 4) -> str:
    """Join the first names, with the total count if there are more.

    >>> some(("a", "b")), some(tuple("abcdefg"))
    ('a, b', 'a, b, c, ... g (7)')
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])}, ... {names[-1]} ({len(names):,})"
