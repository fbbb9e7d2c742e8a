"""Runs grouped over their seeds: a row for each recipe, with mean and standard deviation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from app.data.seeds import TEMPERATURE, SeedGroup, changed_between, seed_groups
from app.distill.races import method_name
from app.plain import st
from bickd_core.data.registry import dataset_title
from bickd_core.models.catalogue import model_title
from bickd_core.runs.library import RunFolder
from bickd_viz.text import numbers


def show(runs: list[RunFolder]) -> None:
    """Show the table, or how to get one."""
    changed = changed_between(runs)
    if changed:
        st.warning(
            "These runs are not averaged together, because their images changed in between:"
            f" {', '.join(changed)}.",
            icon=":material/warning:",
        )
    groups = seed_groups(runs)
    if not groups:
        st.info(
            "No two of these runs differ only in their seed. On Distill you can start several seeds"
            " at once: 0 1 2."
        )
        return
    st.dataframe(
        pd.DataFrame([seed_row(group) for group in groups]).dropna(axis=1, how="all").fillna("–"),
        hide_index=True,
        key="runs-seeds",
        column_config={"Method": st.column_config.TextColumn(pinned=True)},
    )
    st.caption(
        "Mean ± standard deviation over seeds, on test, with the last weights.",
        help=(
            "A row holds runs with the same data, teacher, model, method and settings. Overlap is"
            f" at T = {TEMPERATURE:g}. For a race, the minutes are those of the whole race."
            " Overview compares students pair by pair on the same images."
        ),
    )
    if any(group.shared_augmentation for group in groups):
        st.caption(
            "“shared views”: these runs saw the same augmented images, so their deviation is too"
            " small."
        )


def seed_row(group: SeedGroup) -> dict[str, Any]:
    """Return a row by column. Figures are text, because each is two numbers."""
    info, count = group.first, len(group.seeds)

    def shown(spread: tuple[float, float] | None, fmt: str = "number") -> str | None:
        return (
            None if spread is None else numbers.with_deviation(*spread, count, fmt).split(" (")[0]
        )

    name = "teacher" if info.role == "teacher" else method_name(info)
    seeds = ", ".join(str(seed) for seed in group.seeds)
    return {
        "Method": name,
        "Test accuracy": shown(group.accuracy, "percent"),
        "Agreement": shown(group.agreement, "percent"),
        "Overlap": shown(group.overlap),
        "Minutes": shown(group.minutes),
        "Seeds": f"{count}: {seeds}{' (shared views)' if group.shared_augmentation else ''}",
        "Model": model_title(info.arch),
        "Data": dataset_title(info.dataset),
        "Images": numbers.count(group.n),
        "Epochs": None if info.config is None else str(info.config.epochs),
        "Teacher": None if info.teacher is None else info.teacher.key,
        "First run": group.keys[0],
    }
