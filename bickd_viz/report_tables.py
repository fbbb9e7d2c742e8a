"""The tables of a report: what was compared, and every headline figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bickd_core.geometry import Summary
from bickd_core.runs import RunInfo
from bickd_viz import text

FIGURES = (  # field of Summary, what to call it, how to read it, axis title, format, known of the teacher
    ("accuracy", "Accuracy", "Higher is better.", "accuracy (%)", "percent", True),
    ("agreement", "Agreement", "Same top-1 class as the teacher.", "agreement with the teacher (%)", "percent", False),
    ("overlap", "Class overlap", "Lower is more orthogonal.", "class overlap (mean cosine)", "number", True),
    (
        "overlap_matched", "Overlap at matched entropy", "The same without sharpness.",
        "class overlap at matched entropy (mean cosine)", "number", True,
    ),
    ("kl", "KL from the teacher", "At T, without T².", "KL(teacher ‖ student) (nats)", "number", False),
    ("displacement", "Displacement", "Mean Hellinger distance at T.", "mean Hellinger distance", "number", False),
    ("calibration_error", "ECE", "15 bins, T = 1; lower is better.", "expected calibration error (%)", "percent", True),
    ("cka_logits", "CKA of logits", "Debiased, with the teacher.", "debiased linear CKA", "number", False),
)  # fmt: skip


def compared_table(models: Sequence[tuple[str, str, RunInfo, int]], *, split: str, n: int) -> pd.DataFrame:
    """A row a model, given (name, key, run.yaml, its samples), the teacher first; n: samples that are shown."""
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
                "architecture": info.arch,
                "objective": "–" if i == 0 else info.objective,
                "seeds (weights / order / augmentation)": seeds,
                "split": split,
                "images": text.count(n) if n == own else f"{text.count(n)} of {text.count(own)}",
            }
        )
    return pd.DataFrame(rows)


def figures_table(models: Sequence[tuple[str, bool, Summary]]) -> pd.DataFrame:
    """Every headline figure with its interval as text, given (name, whether it is the teacher, summary)."""
    lines = []
    for name, is_teacher, summary in models:
        line = {"model": name}
        for field, title, _, _, fmt, with_teacher in FIGURES:
            found = None if is_teacher and not with_teacher else getattr(summary, field)
            show = text.percent if fmt == "percent" else text.number
            line[title] = "–" if found is None else f"{show(found.estimate)} {text.interval_text(found, fmt)}"
        lines.append(line)
    return pd.DataFrame(lines)
