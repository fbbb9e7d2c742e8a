"""Measure the CPU time to import 50,000 x 1,000 predictions of two models: `python
benchmarks/import_predictions.py`."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bickd_core.importing.prediction_runs import create_runs
from bickd_core.importing.predictions import match_files, read_files
from bickd_core.runs.library import Library

T = TypeVar("T")


def cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(step: str, run: Callable[[], T]) -> T:
    """What the step gives, after a row of the table with its seconds."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    found = run()
    print(f"| {step} | {cpu_seconds() - cpu:.1f} | {time.perf_counter() - begin:.1f} |", flush=True)
    return found


def write(path: Path, scores: np.ndarray, labels: np.ndarray) -> None:
    """A file of predictions; its suffix says how, a column for each class where it is a table."""
    if path.suffix == ".npz":
        np.savez(path, scores=scores, labels=labels)
        return
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    columns = {"label": labels, **{f"logit_{i}": scores[:, i] for i in range(scores.shape[1])}}
    save = pyarrow.parquet.write_table if path.suffix == ".parquet" else pyarrow.csv.write_csv
    save(pa.table(columns), path)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--samples", type=int, default=50_000)
    options.add_argument("--classes", type=int, default=1_000)
    options.add_argument("--scale", choices=("logits", "probabilities"), default="logits")
    options.add_argument("--format", choices=("npz", "parquet", "csv"), default="npz")
    asked = options.parse_args()
    rng = np.random.default_rng(0)
    labels = rng.integers(0, asked.classes, asked.samples)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in ("teacher", "student"):
            scores = rng.normal(0, 3, (asked.samples, asked.classes)).astype(np.float32)
            if asked.scale == "probabilities":
                np.exp(scores, out=scores)
                scores /= scores.sum(axis=1, keepdims=True)
            write(folder / f"{model}.{asked.format}", scores, labels)
        del scores
        print(
            f"two models, {asked.samples:,} x {asked.classes:,} {asked.scale} in {asked.format}"
            " files\n"
        )
        print("| step | CPU s | wall s |\n|---|---|---|")
        files = [folder / f"{model}.{asked.format}" for model in ("teacher", "student")]
        contents = measured("read both files, each in its process", lambda: read_files(files))
        imported = measured("match rows, classes and labels", lambda: match_files(contents))
        library = Library(shelf=folder / "shelf", own=folder / "runs")
        library.own.mkdir()
        runs = measured("save both runs", lambda: create_runs(imported, library, teacher="teacher"))
        measured("load one run again", lambda: runs[0].predictions("test"))


if __name__ == "__main__":
    main()
