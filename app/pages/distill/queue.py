"""The queue on this machine: open, stop or cancel a run. It refreshes while runs work or wait."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from app import refresh, state
from app.data import access
from app.data.runs import info, library, runs_with_info
from app.distill import queue
from app.distill.form_values import sentence
from app.distill.queue import Entry
from app.distill.speed import guess_seconds
from app.pages.distill import live
from app.plain import md, st
from bickd_core.config import TrainConfig
from bickd_core.launch import local
from bickd_core.launch.slots import default_slots
from bickd_core.runs.library import RunError
from bickd_viz.text import numbers

REFRESH_SECONDS = 2.0
_PROBLEM = "queue-said"


def show(but: Sequence[str] = ()) -> None:
    """Show the queue without the runs that the page shows itself; nothing if no other runs are
    left.

    Args:
        but: keys of the runs to leave out.
    """
    if others := _without(entries(), but):
        before = tuple(entry.keys for entry in others)
        refresh.every(REFRESH_SECONDS, _list, tuple(but), before, name="queue")


def entries() -> list[Entry]:
    """Return the working and waiting runs of all users."""
    active = []
    for run in access.queue_runs():
        with contextlib.suppress(RunError):  # Runs shows what is wrong with its own
            active.append((run, info(run)))
    return queue.entries(active, _expected)


def _without(all_entries: list[Entry], but: Sequence[str]) -> list[Entry]:
    return [entry for entry in all_entries if not set(entry.keys) & set(but)]


def _expected(configs: Sequence[TrainConfig]) -> float | None:
    own = str(library().own)
    return _guessed(own, tuple(config.model_dump_json() for config in configs))


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _guessed(own: str, configs: tuple[str, ...]) -> float | None:
    """Return the expected seconds, from the runs that the user with this folder sees."""
    parsed = [TrainConfig.model_validate_json(config) for config in configs]
    return guess_seconds(parsed, runs_with_info())


def _list(but: tuple[str, ...], before: tuple[tuple[str, ...], ...]) -> None:
    every = entries()
    others = _without(every, but)
    if tuple(entry.keys for entry in others) != before:
        st.rerun()
    with st.container(border=True, key="distill-running"):
        done = queue.all_done(every)
        head = "Also on this machine" if but else "On this machine now"
        when = md("") if done is None else md(" · all done in {time}", time=numbers.duration(done))
        slots = default_slots()
        here = queue.on_this_machine(others)
        if here:
            st.markdown(
                md("**{head}**{when}", head=head, when=when),
                help=(
                    f"Up to {numbers.counted(slots, 'worker')} at once, limited by cores and"
                    " memory. A race is one worker. The others wait and start in the order in which"
                    " you started them. BICKD_SLOTS sets another limit."
                ),
            )
        for entry in here:
            _entry(entry)
        elsewhere = [entry for entry in others if entry not in here]
        if elsewhere:
            st.markdown(md("**On other machines**"))
        for entry in elsewhere:
            _entry(entry)
        if problem := st.session_state.pop(_PROBLEM, None):
            st.error(problem)


def _entry(entry: Entry) -> None:
    first = entry.keys[0]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"queue-{first}"
    ):
        if entry.of_another:
            st.caption(f"{entry.title} · {entry.progress}", width="content")
            return
        st.button(
            entry.title,
            key=f"distill-watch-{first}",
            icon=live.current_phase(entry.runs[0][0]).icon,
            on_click=_watch,
            args=(entry.keys,),
        )
        st.caption(entry.progress, width="content")
        if any(run.read_only for run, _ in entry.runs):
            return
        st.button(
            "Stop" if entry.working else "Cancel",
            key=f"queue-stop-{first}",
            type="tertiary",
            icon=":material/stop_circle:" if entry.working else ":material/cancel:",
            help="The run stays on Runs as stopped. Resume there continues it.",
            disabled=all(run.stop_requested() for run, _ in entry.runs),
            on_click=_stop,
            args=(entry,),
        )


def _watch(keys: tuple[str, ...]) -> None:
    if len(keys) == 1:
        state.update(run=keys[0], race=())
    else:
        state.update(run="", race=keys[: state.MAX_RACE])


def _stop(entry: Entry) -> None:
    for run, _ in entry.runs:
        try:
            local.stop(run)
        except (RunError, OSError) as error:
            st.session_state[_PROBLEM] = sentence(error)
