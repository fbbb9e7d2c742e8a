"""The page Distill: choose methods, data, teacher and student, see the expected time, start and
watch."""

from __future__ import annotations

from typing import Any

from app import refresh, settings, state
from app.data import access
from app.data.runs import info, library, runs_with_info
from app.distill import queue as queueing
from app.distill.form_values import sentence
from app.distill.measuring import Measurements, SpeedMeter
from app.distill.plan import Plan, build_plan, plan_text, start
from app.distill.ray_submit import HOW, ray_address, start_on_ray, sweep_name
from app.distill.speed import Guess, Speed, finished_runs, guess, guess_seconds
from app.pages.distill import form as train_form
from app.pages.distill import live, queue, race
from app.plain import md, st
from bickd_core.config import TrainConfig
from bickd_core.launch.slots import default_slots
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_viz.text import numbers

_ERROR = "distill-start-error"
_TURN = "distill-turn"
_SENT = "distill-sent"
_HERE, _RAY = "here", "ray"


def show() -> None:
    opened = _open_run()
    if opened is None:
        racers = _open_race()
        if racers:
            queue.show(but=[run.key for run, _ in racers])
            race.show(racers, lambda: _leave([run_info for _, run_info in racers]))
        else:
            _new()
        return
    run, run_info = opened
    st.title(live.heading(run_info))
    st.caption(live.facts(run_info))
    queue.show(but=[run.key])
    live.panel(run, run_info, lambda: _leave([]))


def _open_run() -> tuple[RunFolder, RunInfo] | None:
    """Return the run in the view if it was trained here. Bundled and imported runs open on Runs."""
    key = state.current().run
    if not key:
        return None
    try:
        run = library().find(key)
        run_info = info(run)
        run.status()
    except RunError as error:
        st.warning(f"The run in this link cannot be opened: {sentence(error)}")
        return None
    here = run.origin != "bundled" and run_info.config is not None
    return (run, run_info) if here else None


def _open_race() -> list[tuple[RunFolder, RunInfo]]:
    """Return the existing runs of the race in the view. A single run in the view has priority."""
    racers = []
    for key in state.current().race:
        try:
            run = library().find(key)
            run_info = info(run)
            run.status()
        except RunError:
            continue
        if run.origin != "bundled" and run_info.config is not None:
            racers.append((run, run_info))
    return racers


def _leave(infos: list[RunInfo]) -> None:
    """Draw the buttons that go back to the race or to the form, as it was or with these runs'
    settings."""
    view = state.current()
    if view.run in view.race and st.button(
        "Back to the race", key="distill-race", icon=":material/flag:"
    ):
        state.update(run="")
        st.rerun()
    if settings.read_only():
        return
    if st.button("New run", key="distill-new", icon=":material/add:"):
        state.update(run="", race=())
        st.rerun()
    if infos and st.button(
        "Reuse these settings",
        key="distill-again",
        icon=":material/content_copy:",
        help="Opens the form with these settings, so that you can change some and start a new run.",
    ):
        train_form.fill(*(run_info.config for run_info in infos if run_info.config is not None))
        state.update(run="", race=())
        st.rerun()


# -- a new run
# ---------------------------------------------------------------------------------------
def _new() -> None:
    st.title("Distil a student and watch it learn")
    st.caption(
        "Training runs in a separate process. You can close this page and come back to it later."
    )
    if settings.read_only():
        st.info(settings.refusal("train"), icon=":material/lock:")
        queue.show()
        return
    queue.show()
    left, right = st.columns([3, 2], gap="large")
    with left:
        form = train_form.show()
    with right, st.container(border=True, key="distill-plan"):
        st.subheader("Before you start", help=None if ray_address() else HOW)
        if form is None:
            st.caption("Choose data that has a teacher, or train a teacher first.")
        else:
            _plan(form)


def _plan(form: dict[str, Any]) -> None:
    try:
        plan = build_plan(form)
    except ValueError as error:
        st.error(sentence(error))
        return
    st.write(plan_text(plan, _teacher_of(plan.configs[0])))
    meter = st.session_state.setdefault("distill-meter", SpeedMeter(library(), _measurements()))
    waiting = meter.ask(plan.configs) is None
    refresh.every(1.0 if waiting else None, _estimate, plan, waiting, name="estimate")
    busy = queueing.until_free(queue.entries()) != 0
    refresh.every(queue.REFRESH_SECONDS if busy else None, _turn_of, name="turn")
    turn = st.session_state.setdefault(_TURN, 0)
    address = ray_address()
    where = None if address is None else _where(address)
    st.button(
        "Start",
        key="distill-start",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(plan, turn, form.get("name") or sweep_name(form["arch"]) if where == _RAY else ""),
    )
    if sent := st.session_state.pop(_SENT, None):
        st.success(sent)
    if problem := st.session_state.pop(_ERROR, None):
        st.error(problem)


def _where(address: str) -> str:
    """Ask where to run the plan; only called if a cluster is configured."""
    places = {_HERE: "This machine", _RAY: f"Ray at {address}"}
    chosen = st.radio(
        "Run on",
        list(places),
        key="distill-where",
        format_func=lambda place: places[place],
        help=(
            "On Ray each run is a separate job, and the cluster needs a shared disk. Times are"
            " measured on this machine."
        ),
    )
    return chosen or _HERE


def _start(plan: Plan, turn: int, sweep: str) -> None:
    """Start the plan.

    Args:
        turn: when the button was drawn; a second click on the same button does nothing.
        sweep: the name of the sweep on Ray; "" for this machine.
    """
    if st.session_state.get(_TURN) != turn:
        return
    try:
        allowed = access.for_training(sum(map(len, plan.groups)))
        if sweep:
            name = start_on_ray(plan, sweep, allowed)
            st.session_state[_TURN] = turn + 1
            st.session_state[_SENT] = (
                f"The sweep {name} was submitted to Ray. Its runs appear on Runs when they start."
            )
            return
        started = start(plan, allowed)
    except (ValueError, OSError) as error:
        st.session_state[_ERROR] = sentence(error)
        return
    st.session_state[_TURN] = turn + 1
    if meter := st.session_state.get("distill-meter"):
        meter.close()
    for run in (run for group in started for run in group):
        live.mark_started(run.key)
    first = [run.key for run in started[0]]
    if plan.is_race:
        state.update(run="", race=tuple(first))
    else:
        state.update(run=first[0], race=())


@st.cache_resource(show_spinner=False)
def _measurements() -> Measurements:
    """Return the measurements of this server, which all sessions share."""
    return Measurements()


def _estimate(plan: Plan, was_waiting: bool) -> None:
    configs = plan.configs
    speed = st.session_state["distill-meter"].ask(configs)
    if speed is not None and was_waiting:
        st.rerun()
    with st.container(key="distill-estimate"):
        if isinstance(speed, Speed):
            finished = finished_runs(configs[0], runs_with_info())
            making = speed.making_views([group[0].config for group in plan.groups])
            _time(plan, speed.seconds(configs[0], finished) + making / len(plan.groups))
            pace = (
                f"{numbers.number(speed.images_per_second)}"
                f" images/s{' for all students together' if plan.is_race else ''}"
            )
            st.caption(
                f"{pace}, measured on this machine. Start-up, evaluation and the map "
                f"take {numbers.duration(speed.beside(configs[0], finished))} of the time"
                f"{', based on your finished runs' if finished else ''}."
            )
            if making:
                st.caption(
                    "The teacher's outputs that are not stored yet take"
                    f" {numbers.duration(making)} in all."
                )
            st.caption(f"Device: {speed.device}.")
            return
        if isinstance(speed, str):
            st.warning(sentence(ValueError(speed)))
            return
        _first_guess(plan)
        st.caption(
            md(
                ":material/progress_activity: Measuring the speed on this machine. "
                "You do not need to wait for it."
            )
        )


def _first_guess(plan: Plan) -> None:
    runs = runs_with_info()
    rough = guess_seconds(plan.configs, runs)
    if rough is None:
        st.metric("Estimated time", "measuring …")
        return
    _time(plan, rough)
    first: Guess | None = guess(plan.configs[0], runs)
    assert first is not None
    if plan.is_race:
        st.caption(
            "First estimate: the sum of separate runs. A race can be faster, because it computes"
            " the teacher's outputs once."
        )
    else:
        which, why = "", "That run may be from another machine."
        if first.own:
            why = "It is too long if the machine was busy with other work then."
            if first.similar > 1:
                which = f", the fastest of {first.similar} similar runs"
        st.caption(
            f"First estimate at the speed of run {first.key}{which}:"
            f" {numbers.number(first.images_per_second)} images/s. {why} Start-up, evaluation and"
            f" the map take {numbers.duration(first.beside)} of the time."
        )


def _time(plan: Plan, seconds: float) -> None:
    """Show the time of the whole plan, from the seconds of one run or race."""
    slots, groups = default_slots(), len(plan.groups)
    st.metric("Estimated time", _spoken(queueing.plan_seconds(groups, seconds, slots)))
    if groups > 1:
        st.caption(queueing.several(groups, seconds, slots, race=plan.is_race))


def _turn_of() -> None:
    """If the machine is busy, show when the plan will start."""
    wait = queueing.until_free(queue.entries())
    if wait == 0:
        return
    when = "when one is free" if wait is None else f"in {numbers.duration(wait)}"
    st.caption(
        f"All slots on this machine are in use. A new run waits in the queue and starts {when}."
    )


def _spoken(seconds: float) -> str:
    text = numbers.duration(seconds)
    return text[:1].upper() + text[1:]


def _teacher_of(config: TrainConfig) -> RunInfo | None:
    try:
        return None if config.teacher is None else info(library().find(config.teacher))
    except RunError:
        return None
