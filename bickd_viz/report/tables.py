"""The tables of a report: the models compared, and every headline figure with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bickd_core.comparing.figures import FIGURES
from bickd_core.geometry.summary import Summary
from bickd_core.runs.library import RunInfo
from bickd_core.wording import worded
from bickd_viz.text import numbers


def compared_table(
    models: Sequence[tuple[str, str, RunInfo, int]],
    *,
    split: str,
    n: int,
    noun: str = "image",
    seeds: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return a row for each model.

    Args:
        models: (name, key, run.yaml, number of its samples) of each, the teacher first.
        n: Number of samples that are shown.
        seeds: By key, the number of runs that its means are over. Default: one each.
    """
    rows = []
    for i, (name, key, info, own) in enumerate(models):
        run_seeds = "–"
        if info.config is not None:
            drawn = info.config.seeds
            run_seeds = f"{drawn.weights} / {drawn.order} / {drawn.augmentation}"
        others = (seeds or {}).get(key, 1) - 1
        rows.append(
            {
                "model": name,
                "run": f"{key} and {numbers.counted(others, 'other seed')}" if others else key,
                "architecture": info.arch or "not known",
                "objective": "–" if i == 0 else info.objective,
                "seeds (weights / order / augmentation)": run_seeds,
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
            line[worded(figure.title, noun)] = (
                "–" if interval is None else numbers.estimate_text(interval, figure.fmt)
            )
        lines.append(line)
    return pd.DataFrame(lines)
