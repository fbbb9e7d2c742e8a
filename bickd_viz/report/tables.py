"""The tables of a report: the models compared, and every headline figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bickd_core.comparing.figures import FIGURES
from bickd_core.geometry.summary import Summary
from bickd_core.runs.library import RunInfo
from bickd_core.wording import worded
from bickd_viz.text import numbers


def compared_table(
    models: Sequence[tuple[str, str, RunInfo, int]], *, split: str, n: int, noun: str = "image"
) -> pd.DataFrame:
    """Return a row for each model.

    Args:
        models: (name, key, run.yaml, number of its samples) of each, the teacher first.
        n: Number of samples that are shown.
    """
    rows = []
    for i, (name, key, info, own) in enumerate(models):
        seeds = "–"
        if info.config is not None:
            run_seeds = info.config.seeds
            seeds = f"{run_seeds.weights} / {run_seeds.order} / {run_seeds.augmentation}"
        rows.append(
            {
                "model": name,
                "run": key,
                "architecture": info.arch or "not known",
                "objective": "–" if i == 0 else info.objective,
                "seeds (weights / order / augmentation)": seeds,
                "split": split,
                f"{noun}s": numbers.count(n)
                if n == own
                else f"{numbers.count(n)} of {numbers.count(own)}",
            }
        )
    return pd.DataFrame(rows)


def figures_table(models: Sequence[tuple[str, bool, Summary]], noun: str = "image") -> pd.DataFrame:
    """Return every headline figure with its interval, as text.

    Args:
        models: (name, whether it is the teacher, summary) of each.
    """
    lines = []
    for name, is_teacher, summary in models:
        line = {"model": name}
        for figure in FIGURES:
            interval = figure.interval(summary, is_teacher=is_teacher)
            show = numbers.percent if figure.share else numbers.number
            ends = "" if interval is None else numbers.interval_text(interval, figure.fmt)
            line[worded(figure.title, noun)] = (
                "–" if interval is None else f"{show(interval.estimate)} {ends}"
            )
        lines.append(line)
    return pd.DataFrame(lines)
