"""The page Runs: a table of all runs, the details of one, and the form that loads weights."""

from __future__ import annotations

from typing import Any

import pandas as pd

from app import refresh, settings, state
from app.data import access, reached
from app.data.cache import memory_use
from app.data.runs import info, readable_runs
from app.pages.distill import live
from app.pages.runs import details, import_form, seed_table
from app.plain import st
from app.run_table import COLUMNS, ordered, row
from bickd_core.runs.library import Origin, RunError, RunFolder, RunInfo
from bickd_viz.text import numbers

_SEEDS = "seeds"
_VIEWS = {
    "all": "All",
    "own": "Mine",
    "shared": "Shared",
    "bundled": "Bundled",
    _SEEDS: "Over seeds",
}
_REFRESH_SECONDS = 2.0
SPARE = ("Validation", "Created")
"""Columns that are hidden at first, so that the others fit beside the sidebar."""
_ROW_PX = 36


def show() -> None:
    import_form.sweep()
    runs, problems = readable_runs()
    pairs = [(run, info(run)) for run in runs]
    origins = [run.origin for run in runs]
    own_count = origins.count("own")
    st.title(_title(len(runs), own_count, origins.count("shared")))
    if settings.read_only():
        st.info(settings.refusal("load weights or change runs"), icon=":material/lock:")
    else:
        import_form.show(first=not own_count)
    if problems:
        _broken(problems)
    if not pairs:
        if not settings.read_only():
            st.info("Train a teacher on Distill, or load weights above. Each becomes a run.")
        return
    which = st.segmented_control(
        "Show",
        _views(origins),
        key="runs-filter",
        format_func=lambda which: _VIEWS[which],
        required=True,
        default="all",
    )
    if which == _SEEDS:
        seed_table.show(runs)
        return
    shown = ordered(pairs, which or "all")
    if not shown and settings.read_only():
        st.info("None yet.")
    elif not shown:
        st.info("None yet. Train one on Distill, or load weights above.")
    else:
        busy = any(_live(run) for run, _ in shown)
        refresh.every(_REFRESH_SECONDS if busy else None, _table, shown, busy, name="runs")
    _chosen(pairs)
    used, budget = memory_use()
    st.caption(
        f"Memory for predictions and figures: {used / 1e9:.1f} of {budget / 1e9:.1f} GB, shared by"
        " all sessions.",
        help="When it is full, the least recently used are dropped, and computed again when needed."
        " `BICKD_MEMORY_GB` sets the limit.",
    )
    if (disk := access.disk_use()) is not None:
        st.caption(
            f"Disk for your runs: {disk[0] / 1e9:.1f} of {disk[1] / 1e9:.1f} GB.",
            help="When it is full, no training or import starts until you delete runs."
            " `BICKD_MAX_DISK_GB` sets the limit.",
        )


def _views(origins: list[Origin]) -> list[str]:
    """Return the views of the table, without those that can only be empty."""
    empty = {"shared", *(("own",) if settings.read_only() else ())} - set(origins)
    return [view for view in _VIEWS if view not in empty]


def _title(total: int, own_count: int, shared_count: int) -> str:
    if not total:
        return "No runs yet"
    if own_count:
        return f"{numbers.counted(total, 'run')}, {own_count} of them yours"
    if shared_count:
        return numbers.counted(total, "run")
    return numbers.counted(total, "bundled run")


def _live(run: RunFolder) -> bool:
    try:
        return live.current_phase(run).live
    except RunError:
        return False


def _broken(problems: list[str]) -> None:
    folders = numbers.counted(len(problems), "run folder")
    with st.expander(f"{folders} cannot be read", icon=":material/warning:", key="runs-broken"):
        for problem in problems:
            st.warning(problem)


# -- the table -------------------------------------------------------------------------------------
def _table(shown: list[tuple[RunFolder, RunInfo]], was_busy: bool) -> None:
    if was_busy and not any(_live(run) for run, _ in shown):
        st.rerun()
    rows = [row(run, run_info, reached.reached(run)) for run, run_info in shown]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["Seed"] = frame["Seed"].astype("Int64")
    frame["Parameters"] = frame["Parameters"].astype("Int64")
    keys = tuple(run.key for run, _ in shown)
    # other rows are another table: a position never means another run
    key = f"runs-table-{abs(hash(keys))}"

    def chosen() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        state.update(run=keys[picked[0]] if picked else "")
        st.session_state["runs-chosen"] = True

    with st.container(key="runs-table"):
        st.dataframe(
            frame,
            key=key,
            hide_index=True,
            on_select=chosen,
            selection_mode="single-row",
            selection_default={"selection": {"rows": [keys.index(state.current().run)]}}
            if state.current().run in keys
            else None,
            height=min(12, len(rows) + 1) * _ROW_PX + 2,
            column_config=_config(frame),
            column_order=[name for name in COLUMNS if name not in SPARE],
            placeholder="",
        )
    st.caption(f"{' and '.join(SPARE)} are hidden. Click the eye above the table to show them.")
    if st.session_state.pop("runs-chosen", False):
        st.rerun()


def _config(frame: pd.DataFrame) -> dict[str, Any]:
    percent: dict[str, Any] = {"format": "%.1f %%", "width": 62}
    config: dict[str, Any] = {
        "Run": st.column_config.TextColumn(pinned=True, width=150),
        "Test": st.column_config.NumberColumn(**percent, help="Test accuracy of the last weights."),
        "Validation": st.column_config.NumberColumn(
            **percent, help="Validation accuracy after the last epoch."
        ),
        "Best validation": st.column_config.NumberColumn(
            format="%.1f %%", width=104, help="Best validation accuracy of all epochs."
        ),
        "State": st.column_config.TextColumn(width=72),
        "Role": st.column_config.TextColumn(width=62),
        "Method": st.column_config.TextColumn(width=150),
        "Model": st.column_config.TextColumn(width=88),
        "Data": st.column_config.TextColumn(width=84),
        "Seed": st.column_config.NumberColumn(width=46),
        "Parameters": st.column_config.NumberColumn(format="localized", width=84),
        "Minutes": st.column_config.NumberColumn(
            format="%.1f", width=62, help="Total time of its worker processes."
        ),
    }
    return {name: value for name, value in config.items() if name in frame}


# -- the chosen run --------------------------------------------------------------------------------
def _chosen(pairs: list[tuple[RunFolder, RunInfo]]) -> None:
    keys = [run.key for run, _ in pairs]
    key = state.current().run
    if key and key not in keys:
        st.warning(f"The run '{key}' no longer exists.")
    st.session_state["runs-open"] = key if key in keys else None

    def opened() -> None:
        state.update(run=st.session_state["runs-open"] or "")

    st.selectbox(
        "Open a run",
        keys,
        key="runs-open",
        on_change=opened,
        placeholder="Select a row above, or a run here",
    )
    opened_run = dict((run.key, (run, run_info)) for run, run_info in pairs).get(key)
    if opened_run is not None:
        details.show(*opened_run, pairs, reached.reached(opened_run[0]))
