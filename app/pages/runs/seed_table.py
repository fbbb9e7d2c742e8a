"""Runs over their seeds: a line a recipe, with mean and standard deviation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from app import data
from app.distill.races import method_name
from app.plain import st
from bickd_core.data import dataset_title
from bickd_core.models.catalogue import model_title
from bickd_core.runs.library import RunFolder
from bickd_viz.text import numbers


def show(runs: list[RunFolder]) -> None:
    """The table, or how to come by one."""
    changed = data.changed_between(runs)
    if changed:
        st.warning(
            f"Not averaged with each other, since their images changed in between: {', '.join(changed)}.",
            icon=":material/warning:",
        )
    groups = data.seed_groups(runs)
    if not groups:
        st.info(
            "No two of these runs differ in their seeds alone. Distill takes several seeds at once: 0 1 2."
        )
        return
    st.dataframe(
        pd.DataFrame([seed_row(group) for group in groups]).dropna(axis=1, how="all"),
        hide_index=True,
        key="runs-seeds",
        column_config={"Method": st.column_config.TextColumn(pinned=True)},
    )
    st.caption(
        "On test, with the last weights: mean ± standard deviation over seeds, of runs that are alike in data, teacher, "
        f"model, method and all settings. Overlap at T = {data.SEEDS_TEMPERATURE:g}; minutes of a race are those of the whole race. "
        "What a difference of two students says beyond these images, Overview has: there they are paired."
    )
    if any(group.shared_augmentation for group in groups):
        st.caption(
            "Where seeds say “shared views”, runs saw the same augmented images: their deviation is too small."
        )


def seed_row(group: data.SeedGroup) -> dict[str, Any]:
    """A line by column; figures as text, since each is two numbers."""
    about, count = group.first, len(group.seeds)

    def shown(spread: tuple[float, float] | None, fmt: str = "number") -> str | None:
        return None if spread is None else numbers.with_deviation(*spread, count, fmt).split(" (")[0]

    name = "teacher" if about.role == "teacher" else method_name(about)
    seeds = ", ".join(str(seed) for seed in group.seeds)
    return {
        "Method": name,
        "Test accuracy": shown(group.accuracy, "percent"),
        "Agreement": shown(group.agreement, "percent"),
        "Overlap": shown(group.overlap),
        "Minutes": shown(group.minutes),
        "Seeds": f"{count}: {seeds}{' (shared views)' if group.shared_augmentation else ''}",
        "Model": model_title(about.arch),
        "Data": dataset_title(about.dataset),
        "Images": numbers.count(group.n),
        "Epochs": None if about.config is None else str(about.config.epochs),
        "Teacher": None if about.teacher is None else about.teacher.key,
        "First run": group.keys[0],
    }
