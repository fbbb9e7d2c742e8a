"""A race while it trains: one progress bar, a row for each student, shared charts, and the
results."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pandas as pd

from app import refresh, state
from app.add_to_comparison import together
from app.components import chart, notice, style
from app.data import access
from app.data import runs as runs_data
from app.data.runs import with_predictions
from app.distill import races
from app.distill.form_values import Phase, sentence
from app.pages.distill import curves, live
from app.plain import st
from app.registry import open_page
from bickd_core.data.registry import dataset_title
from bickd_core.launch import local
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.status import Status
from bickd_core.training.divergence import has_diverged
from bickd_core.training.rates import rates_sentence
from bickd_viz.charts.training import Line, metric_lines
from bickd_viz.text import numbers
from bickd_viz.theme import ModelStyle, Theme, model_styles

Racer = tuple[RunFolder, RunInfo]
_CHARTS = (
    ("validation_accuracy", "accuracy on validation", "percent", 280),
    ("validation_agreement", "agreement with the teacher on validation", "percent", 220),
    (
        "validation_overlap",
        f"class overlap at T = {curves.TEMPERATURE:g}, not corrected for the number of images",
        "number",
        220,
    ),
)


def show(racers: list[Racer], more: Callable[[], None]) -> None:
    """Show the race, and refresh it while a run works.

    Args:
        more: draws further buttons.
    """
    phases = [live.current_phase(run) for run, _ in racers]
    first = racers[0][1]
    st.title(races.heading([info for _, info in racers], phases, dataset_title(first.dataset)))
    st.caption(_facts(first))
    busy = any(phase.live for phase in phases)
    seconds = live.REFRESH_SECONDS if busy else None
    refresh.every(seconds, _panel, racers, busy, more, name="race")


def _facts(info: RunInfo) -> str:
    config = info.config
    parts = [] if info.teacher is None else [f"teacher {info.teacher.key}"]
    if config is not None:
        parts += [numbers.counted(config.epochs, "epoch"), f"seed {config.seeds.weights}"]
    parts.append("same batches for all students")
    return html.escape(" · ".join(parts))


def _panel(racers: list[Racer], was_busy: bool, more: Callable[[], None]) -> None:
    try:
        statuses = [run.status() for run, _ in racers]
        phases = [live.current_phase(run) for run, _ in racers]
    except RunError as error:
        st.error(sentence(error))
        return
    looks = _looks(racers)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="race-buttons"
    ):
        _buttons(racers, phases)
        more()
    if was_busy:
        most = max(info.config.epochs for _, info in racers if info.config is not None)
        at = races.standing(statuses, most, [phase.name == "stopping" for phase in phases])
        st.progress(at.fraction, text=at.text or "waiting for its turn, or loading …")
    with st.container(border=True, key="race-students"):
        for (run, info), phase, status in zip(racers, phases, statuses, strict=True):
            _student(run, info, phase, status, looks[run.key])
    if any(phase.live for phase in phases) != was_busy:
        st.rerun()  # behind the buttons: a click that comes with the end would be lost before them
    _charts(racers, looks, was_busy)
    if not was_busy:
        _results(racers, looks)


def _looks(racers: list[Racer]) -> dict[str, ModelStyle]:
    """Return the style of each student, with the colour that it has in the comparison."""
    names = races.names({run.key: info for run, info in racers})
    kinds = [(names[run.key], info.objective) for run, info in racers]
    return {
        run.key: look
        for (run, _), look in zip(racers, model_styles(kinds, style.theme()), strict=True)
    }


# -- what can be done
# ----------------------------------------------------------------------------------
def _buttons(racers: list[Racer], phases: list[Phase]) -> None:
    working = [run for (run, _), phase in zip(racers, phases, strict=True) if _may_stop(run, phase)]
    halted = [
        run for (run, _), phase in zip(racers, phases, strict=True) if _may_resume(run, phase)
    ]
    done = [key for key in (run.key for run, _ in racers) if _comparable(key, racers, phases)]
    if len(working) > 1 and st.button("Stop all", key="race-stop", icon=":material/stop_circle:"):
        _each(working, local.stop)
    if len(halted) > 1 and st.button(
        "Resume all",
        key="race-resume",
        icon=":material/play_arrow:",
        help=(
            "They continue in one worker. Those that are behind catch up first; then all share"
            " batches again."
        ),
    ):
        _resume(halted)
    if done and not any(phase.live for phase in phases):
        help_text = (
            f"A comparison holds up to {state.MAX_STUDENTS} students. Of more runs, it shows one"
            " seed of each method."
        )
        clicked = st.button(
            "Show in comparison",
            key="race-open",
            icon=":material/insights:",
            type="primary",
            help=help_text if len(done) > state.MAX_STUDENTS else None,
        )
        if clicked:
            _compare(done)


def _may_stop(run: RunFolder, phase: Phase) -> bool:
    return phase.name in live.STOPPABLE and not run.read_only


def _may_resume(run: RunFolder, phase: Phase) -> bool:
    return phase.name in live.HALTED and not run.read_only and not has_diverged(run.status())


def _comparable(key: str, racers: list[Racer], phases: list[Phase]) -> bool:
    at = next(i for i, (run, _) in enumerate(racers) if run.key == key)
    return phases[at].name == "finished" and racers[at][0].has_predictions("test")


def _resume(runs: list[RunFolder]) -> None:
    try:
        local.resume(runs[0], access.for_training(len(runs)), *runs[1:])
    except (ValueError, OSError) as error:
        st.error(sentence(error))
        return
    for run in runs:
        live.mark_started(run.key)
    st.rerun()


def _each(runs: list[RunFolder], action: Callable[[RunFolder], None]) -> None:
    problems = []
    for run in runs:
        try:
            action(run)
        except (RunError, OSError) as error:
            problems.append(sentence(error))
    if problems:
        st.error(" ".join(problems))
        return
    st.rerun()


def _compare(keys: list[str]) -> None:
    infos = {run.key: runs_data.info(run) for run in with_predictions("test")}
    before = state.current()
    after = state.update(**vars(together(before, keys, infos)))
    notice.leave(before, after, after.student)
    open_page("overview")


def _student(run: RunFolder, info: RunInfo, phase: Phase, status: Status, look: ModelStyle) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"race-row-{run.key}"
    ):
        st.html(
            f'<span class="bk-dot" style="background:{look.colour}"></span>'
            f'<span class="bk-name">{html.escape(look.name)}</span>',
            width="content",
        )
        st.badge(phase.word, icon=phase.icon, color=phase.colour, width="content")
        st.button(
            "Open", key=f"race-focus-{run.key}", type="tertiary", icon=":material/open_in_full:",
            on_click=_focus, args=(run.key,),
        )  # fmt: skip
        if _may_stop(run, phase) and st.button(
            "Stop", key=f"race-stop-{run.key}", type="tertiary", icon=":material/stop_circle:"
        ):
            _each([run], local.stop)
        if _may_resume(run, phase) and st.button(
            "Resume", key=f"race-resume-{run.key}", type="tertiary", icon=":material/play_arrow:"
        ):
            _resume([run])
    live.show_unreported(run, status)
    if phase.name == "failed":
        live.show_failure(status)


def _focus(key: str) -> None:
    state.update(run=key)


# -- charts and results
# --------------------------------------------------------------------------------
def _charts(racers: list[Racer], looks: dict[str, ModelStyle], busy: bool) -> None:
    # before the records: a line that comes in between is drawn next time
    files = [runs_data.fingerprint_of(run.path / "metrics.jsonl") for run, _ in racers]
    records = {run.key: run.metrics() for run, _ in racers}
    if not any(records.values()):
        if busy:
            st.caption("The charts appear after the first epoch.")
        return
    reference, theme = curves.reference(racers[0][1]), style.theme()
    figures = refresh.kept(
        "race-charts",
        (*files, *looks.values(), reference, theme),
        lambda: _figures(records, looks, reference, theme),
    )
    places = [st.container(), *st.columns(2)]
    for place, (field, _, _, _), figure in zip(places, _CHARTS, figures, strict=True):
        with place:
            chart.show(figure, f"race-{field}")


def _figures(
    records: dict[str, list[dict[str, Any]]],
    looks: dict[str, ModelStyle],
    reference: curves.Reference | None,
    theme: Theme,
) -> list[Any]:
    longest = max(len(lines) for lines in records.values())
    levels = {} if reference is None else {
        "validation_accuracy": reference.accuracy, "validation_overlap": reference.overlap,
    }  # fmt: skip
    dashes = _dashes(looks)
    figures = []
    for field, title, fmt, height in _CHARTS:
        lines = [
            Line(
                looks[key],
                [record["epoch"] + 1 for record in run_records],
                [record.get(field, float("nan")) for record in run_records],
                dash=dashes[key],
            )
            for key, run_records in records.items()
            if run_records
        ]
        figure = metric_lines(lines, title, fmt, theme, height=height, reference=levels.get(field))
        figure.update_xaxes(tick0=1, dtick=max(1, -(-longest // 8)), nticks=None)
        figures.append(figure)
    return figures


def _dashes(looks: dict[str, ModelStyle]) -> dict[str, str]:
    """Return the dash of each student's lines: solid, unless another before it has its colour."""
    seen: set[str] = set()
    dashes = {}
    for key, look in looks.items():
        dashes[key] = "dash" if look.colour in seen else "solid"
        seen.add(look.colour)
    return dashes


def _results(racers: list[Racer], looks: dict[str, ModelStyle]) -> None:
    rows = [races.result_row(looks[run.key].name, run.metrics(), run.status()) for run, _ in racers]
    percent = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="race-results",
        column_config={
            "Accuracy": percent,
            "Agreement": percent,
            "Overlap": st.column_config.NumberColumn(format="%.3f"),
            "Minutes": st.column_config.NumberColumn(format="%.1f", help="Time from start to end."),
        },
    )
    configs = {looks[run.key].name: info.config for run, info in racers if info.config is not None}
    st.caption(rates_sentence(configs))
    st.caption(
        "On validation, after the last epoch. To see which differences are more than chance, open"
        " the comparison: it compares the students on the same test images."
    )
