"""The tables of a report: the models compared, and every headline figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bickd_core.geometry import Summary
from bickd_core.runs.library import RunInfo
from bickd_core.wording import worded
from bickd_viz.text import numbers

FIGURES = (  # field of Summary, name, how to read it, axis title, format, whether the teacher has it
    ("accuracy", "Accuracy", "Higher is better.", "accuracy (%)", "percent", True),
    ("agreement", "Agreement", "Same top-1 class as the teacher.", "agreement with the teacher (%)", "percent", False),
    (
        "overlap_per_image", "Overlap matched per image", "Each image at the teacher's entropy for it. Lower: classes further apart.",
        "class overlap matched per image (mean cosine)", "number", True,
    ),
    ("overlap", "Class overlap", "Every model at the same T. Lower: classes further apart.", "class overlap (mean cosine)", "number", True),
    (
        "overlap_matched", "Overlap at matched mean entropy", "Each student at the teacher's mean entropy.",
        "class overlap at matched mean entropy (mean cosine)", "number", True,
    ),
    ("kl", "KL from the teacher", "At T, without T².", "KL(teacher ‖ student) (nats)", "number", False),
    ("displacement", "Displacement", "Mean Hellinger distance at T.", "mean Hellinger distance", "number", False),
    ("calibration_error", "ECE", "15 bins, T = 1; lower is better.", "expected calibration error (%)", "percent", True),
    ("cka_logits", "CKA of logits", "Debiased, with the teacher's logits.", "debiased linear CKA", "number", False),
)  # fmt: skip


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
            found = info.config.seeds
            seeds = f"{found.weights} / {found.order} / {found.augmentation}"
        rows.append(
            {
                "model": name,
                "run": key,
                "architecture": info.arch or "not known",
                "objective": "–" if i == 0 else info.objective,
                "seeds (weights / order / augmentation)": seeds,
                "split": split,
                f"{noun}s": numbers.count(n) if n == own else f"{numbers.count(n)} of {numbers.count(own)}",
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
        for field, title, _, _, fmt, with_teacher in FIGURES:
            found = None if is_teacher and not with_teacher else getattr(summary, field)
            show = numbers.percent if fmt == "percent" else numbers.number
            ends = "" if found is None else numbers.interval_text(found, fmt)
            line[worded(title, noun)] = "–" if found is None else f"{show(found.estimate)} {ends}"
        lines.append(line)
    return pd.DataFrame(lines)
