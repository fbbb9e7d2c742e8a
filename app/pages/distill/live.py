"""One run while it trains: state, progress, charts and buttons. It redraws itself while the run
works."""

from __future__ import annotations

import html
import time
from collections.abc import Callable

from app import refresh, settings, state
from app.add_to_comparison import opened
from app.components import notice, run_figures
from app.data import access, reached, runs
from app.distill.form_values import Phase, phase, progress_text, sentence, unreported
from app.pages.distill import curves, form
from app.pages.runs import lineage
from app.plain import st
from app.registry import open_page
from bickd_core.data.registry import dataset_title
from bickd_core.launch import local
from bickd_core.models.catalogue import model_title
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.status import Status
from bickd_core.training.divergence import has_diverged
from bickd_viz.text import numbers

REFRESH_SECONDS = 1.0
_STARTED = "live-started"
STOPPABLE = ("queued", "running", "starting")
HALTED = ("stopped", "failed", "lost")
"""Phases in which a run can be stopped, and those from which it can be resumed."""


def panel(run: RunFolder, info: RunInfo, more: Callable[[], None]) -> None:
    """Show the run's state and charts, and refresh them while the run works.

    Args:
        more: draws further buttons after those for the run's state.
    """
    now = current_phase(run)
    seconds = REFRESH_SECONDS if now.live else None
    refresh.every(seconds, _panel, run, info, now.live, more, name="live")


def current_phase(run: RunFolder) -> Phase:
    stopping, started = run.stop_requested(), _started_at(run)
    return phase(run.status(), stopping=stopping, started_at=started, now=time.time())


def _started_at(run: RunFolder) -> float | None:
    return st.session_state.setdefault(_STARTED, {}).get(run.key)


def show_unreported(run: RunFolder, status: Status) -> bool:
    """Warn about a worker that this session started and that wrote nothing, with the log. Return
    whether there is one."""
    silent = unreported(status, started_at=_started_at(run), now=time.time())
    if silent:
        st.warning("The worker that you started did not report; the disk may be full.")
        _log(run)
    return silent


def mark_started(key: str) -> None:
    """Remember that this session started a worker on the run, whose old status is out of date until
    it writes."""
    st.session_state.setdefault(_STARTED, {})[key] = time.time()


def _panel(run: RunFolder, info: RunInfo, was_live: bool, more: Callable[[], None]) -> None:
    try:
        status, now = run.status(), current_phase(run)
    except RunError as error:
        st.error(sentence(error))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(now.word, icon=now.icon, color=now.colour)
        buttons(run, info, now, "distill")
        more()
    lineage.show(run, info, finished=now.name == "finished", prefix="distill")
    if now.live != was_live:
        # the whole page, as the refresh begins or ends; a click that came with it is done by now
        st.rerun()
    _progress(run, status, now)
    if now.name == "finished":
        run_figures.show(run, info, reached.reached(run), "distill")
    if not run.metrics():
        if now.live:
            st.caption("The charts appear after the first epoch.")
        return
    curves.show(run, info, f"live-{run.key}")


def _progress(run: RunFolder, status: Status, now: Phase) -> None:
    """Show the progress bar, or the sentence that explains how the run ended."""
    at = status.progress
    if now.live or now.name in ("stopped", "lost"):
        text = progress_text(status, stopping=now.name == "stopping")
        st.progress(at.fraction, text=text or _waiting(now, status))
    if now.name == "queued":
        st.caption(_waiting(now, status))
    elif now.name in ("running", "ending") and status.message and status.message != "training":
        st.caption(status.message[:1].upper() + status.message[1:] + " …")
    if status.silent():
        st.caption(
            "The worker has not reported for a while, but its process is still there. The machine"
            " may have slept, or the disk may be slow or full."
        )
    silent = show_unreported(run, status)
    if now.name == "failed":
        show_failure(status)
    elif now.name == "lost" and not silent:
        st.warning(
            "The worker ended without a message: it was killed, or the machine was restarted."
            " Resume continues from the last saved step."
        )
    elif now.name == "stopped":
        st.info("The run was stopped and its state is saved. Resume continues from the same step.")
    elif now.name == "finished":
        st.caption(f"Took {numbers.duration(status.seconds)}.")
    if status.device:
        st.caption(f"Runs on: {status.device}." if now.live else f"Ran on: {status.device}.")
    if now.name in ("failed", "lost") and not silent:
        _log(run)


def show_failure(status: Status) -> None:
    """Show why a run failed."""
    st.error(sentence(ValueError(status.error or "the worker ended without an error message.")))


def _waiting(now: Phase, status: Status) -> str:
    if now.name == "starting":
        return "starting a worker …"
    where = "its" if status.worker is not None and not status.worker.here else "this"
    return f"All slots on {where} machine are in use. The run starts when one is free."


def _log(run: RunFolder) -> None:
    lines = run.last_log_lines(15)
    if lines:
        with st.expander("Last lines of the log"):
            st.code("\n".join(lines), language=None)


# -- what can be done with it ----------------------------------------------------------------------
def buttons(run: RunFolder, info: RunInfo, now: Phase, prefix: str) -> None:
    """Draw the buttons that the run's state allows: stop, resume, use as teacher, show in the
    comparison."""
    may_stop = now.name in STOPPABLE and not run.read_only
    if may_stop and st.button("Stop", key=f"{prefix}-stop", icon=":material/stop_circle:"):
        _do(run, local.stop)
    halted = now.name in HALTED and not run.read_only
    may_resume = halted and info.config is not None and not has_diverged(run.status())
    if may_resume and st.button(
        "Resume", key=f"{prefix}-resume", icon=":material/play_arrow:", type="primary"
    ):
        _do(run, lambda chosen: local.resume(chosen, access.for_training(1)), started=True)
    teaches = (
        info.role == "teacher"
        and now.name == "finished"
        and run.weights_path.exists()
        and run.has_predictions("validation")
        and not settings.read_only()
    )
    if teaches and st.button(
        "Distil a student",
        key=f"{prefix}-distil",
        icon=":material/school:",
        type="primary",
        help="Opens the Distill form with this teacher and its data.",
    ):
        form.distil_from(run.key, info.dataset, info.image_shape[1])
        state.update(run="", race=())
        open_page("distill")
    if run.has_predictions("test") and now.name == "finished":
        key = "runs-show" if prefix == "runs" else "distill-open"
        shown = st.button(
            "Show in comparison",
            key=key,
            icon=":material/insights:",
            type="secondary" if teaches else "primary",
        )
        if shown:
            open_in_comparison(run, info)


def _do(run: RunFolder, action: Callable[[RunFolder], None], *, started: bool = False) -> None:
    try:
        action(run)
    except (RunError, OSError) as error:
        st.error(sentence(error))
        return
    if started:
        mark_started(run.key)
    st.rerun()


def open_in_comparison(run: RunFolder, info: RunInfo) -> None:
    others = [(other.key, runs.info(other)) for other in runs.with_predictions("test")]
    before = state.current()
    after = state.update(**vars(opened(before, run.key, info, others)))
    notice.leave(before, after, run.key)
    open_page("overview")


# -- what it is ------------------------------------------------------------------------------------
def heading(info: RunInfo) -> str:
    """Describe a run in one line."""
    model = model_title(info.arch)
    on = dataset_title(info.dataset)
    if info.source.predictions_only:
        return f"Predictions of a {info.role} on {on}"
    if info.role == "teacher":
        return f"{model} as a teacher on {on}"
    how = PRESETS[info.objective].title if info.objective in PRESETS else "Imported weights"
    return f"{how}: {model} on {on}"


def facts(info: RunInfo) -> str:
    """Return the line under the heading: name, teacher, epochs, images and seed."""
    parts = [info.name]
    if info.teacher is not None:
        parts.append(f"teacher {info.teacher.key}")
    if info.config is not None:
        config = info.config
        if config.extends is None:
            parts.append(numbers.counted(config.epochs, "epoch"))
        else:
            parts.append(f"{numbers.counted(config.epochs, 'more epoch')} after {config.extends}")
        if config.train_limit:
            parts.append(numbers.counted(config.train_limit, "training image"))
        parts.append(f"seed {config.seeds.weights}")
    return html.escape(" · ".join(parts))
