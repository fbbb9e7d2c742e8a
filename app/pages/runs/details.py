"""The details of one run on Runs: state, figures, card, settings, downloads, and buttons to change
it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import yaml

from app import state
from app.card_text import card_markdown
from app.components import run_export_menu, run_figures
from app.data.runs import library
from app.distill.form_values import sentence
from app.pages.distill import curves, live
from app.pages.runs import lineage
from app.plain import md, st
from app.registry import open_page
from app.run_table import Figures, card_body, needing, students_of
from app.state import ViewState
from bickd_core.comparing.selection import with_renamed_run
from bickd_core.data.normalisation import TITLES
from bickd_core.importing.weights import HELD_OUT
from bickd_core.reading import ReadError, opened, read_bytes
from bickd_core.runs.inputs import inputs_sentence, undecided_inputs
from bickd_core.runs.library import NameTaken, RunError, RunFolder, RunInfo
from bickd_viz.text import numbers

_PROBLEM = "runs-said"
_FIXED = {
    "bundled": "This is a bundled run. You can compare and download it, but not change it.",
    "shared": "This is a shared run. You can compare and download it, but not change it.",
}
"""Why a run cannot be changed, by its origin."""


def show(
    run: RunFolder, info: RunInfo, everyone: list[tuple[RunFolder, RunInfo]], reached: Figures
) -> None:
    with st.container(border=True, key="runs-details"):
        st.subheader(live.heading(info))
        st.caption(live.facts(info))
        try:
            now = live.current_phase(run)
        except RunError as error:
            st.error(sentence(error))
            if not run.read_only:
                _change(run, everyone)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(now.word, icon=now.icon, color=now.colour)
            live.buttons(run, info, now, "runs")
            if run.origin != "bundled" and info.config is not None:
                label = "Watch on Distill" if now.live else "Open on Distill"
                if st.button(label, key="runs-distill", icon=":material/science:"):
                    open_page("distill")
            run_export_menu.show(run)
            if not run.read_only and not now.live:
                _change(run, everyone)
        lineage.show(run, info, finished=now.name == "finished", prefix="runs")
        if problem := st.session_state.pop(_PROBLEM, None):
            st.error(problem)
        if run.origin in _FIXED:
            st.caption(_FIXED[run.origin])
        if now.name == "failed":
            live.show_failure(run.status())
        for problem in reached.problems:
            st.warning(problem, icon=":material/warning:")
        run_figures.show(run, info, reached, "runs")
        if info.source.kind == "predictions":
            st.caption(
                f"The predictions were imported from {info.source.file}. There are no weights, so "
                "parameters and latency are unknown."
            )
        if info.source.kind == "program":
            st.caption(
                md(
                    "The program {file} made these predictions. The run has no weights: you can"
                    " compare it, but it cannot be a teacher for training.",
                    file=str(info.source.file),
                )
            )
        if info.source.imported_network:
            if info.source.part:
                st.caption(md("The weights are {part} in the file.", part=info.source.part))
            show_inputs(info)
            if run.held_out_path.exists():
                st.caption(
                    md(
                        ":material/info: {text} The list of images is under Download.",
                        text=HELD_OUT,
                    )
                )
        _tabs(run, info)


def show_inputs(info: RunInfo) -> None:
    """Show how an imported network's inputs were prepared, with notes and hints."""
    st.caption(_inputs(info))
    if undecided := undecided_inputs(info):
        st.info(undecided, icon=":material/balance:")
    for note in info.source.notes:
        st.warning(md("{note}", note=note), icon=":material/warning:")
    for hint in info.source.hints:
        st.caption(md(":material/lightbulb: {hint}", hint=hint))


def _inputs(info: RunInfo) -> str:
    return inputs_sentence(info) or (
        f"Inputs were normalised with {TITLES['data']}. No other normalisation was tried. If the"
        " figures are lower than you expect, load the file again: the import now tries four."
    )


def _tabs(run: RunFolder, info: RunInfo) -> None:
    card = _read(run, "README.md")
    names = [*(["Card"] if card else []), "Training", "Settings", "Download"]
    tabs = dict(zip(names, st.tabs(names, key=f"runs-tabs-{run.key}"), strict=True))
    if card:
        with tabs["Card"]:
            st.markdown(card_markdown(card_body(card)))
    with tabs["Training"]:
        if run.metrics():
            curves.show(run, info, f"runs-{run.key}", small_map=False)
        else:
            st.caption(_untrained(info))
    with tabs["Settings"]:
        settings = info.model_dump(mode="json", exclude={"cost"}, exclude_none=True)
        st.code(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), language="yaml")
    with tabs["Download"]:
        _downloads(run)


def _untrained(info: RunInfo) -> str:
    """Explain why there are no training curves."""
    if info.source.predictions_only:
        return "There are no training curves, because the predictions were imported."
    if info.config is None:
        return "There are no training curves, because the weights were imported."
    return "The first epoch is not finished yet."


def _read(run: RunFolder, name: str) -> str:
    try:
        return read_bytes(run.path / name).decode("utf-8", errors="replace")
    except (ReadError, FileNotFoundError):
        return ""


_FILES = (
    ("predictions-test.npz", "Predictions on test", "predictions-test"),
    ("predictions-validation.npz", "Predictions on validation", "predictions-validation"),
    ("metrics.jsonl", "Metrics by epoch", "metrics"),
    ("README.md", "Card", "card"),
    ("held-out.csv", "Held-out images", "held-out"),
)


def _downloads(run: RunFolder) -> None:
    stem = run.key.replace("/", "-")
    there = [(run.path / name, label, key) for name, label, key in _FILES if run.holds(name)]
    if not there:
        st.caption("Nothing to download yet.")
    if run.holds("model.safetensors"):
        st.caption("Weights are under Export, with the files that you need to load them.")
    if links := run.links():
        st.caption(
            f"{', '.join(links[:5])}: symbolic links in a run folder are not followed, so their"
            " targets are neither shown nor downloaded."
        )
    with st.container(horizontal=True):
        for path, label, key in there:
            st.download_button(
                f"{label} ({_size(path.stat().st_size)})",
                data=partial(_content, path),
                file_name=f"{stem}-{key}{path.suffix}",
                key=f"runs-download-{key}",
                icon=":material/download:",
                on_click="ignore",
            )


def _content(path: Path) -> bytes:
    """Read the file when the button is pressed. A symbolic link is not followed."""
    with opened(path) as file:
        return file.read()


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, round(count / 1024))} kB"


# -- changing it -----------------------------------------------------------------------------------
def _change(run: RunFolder, everyone: list[tuple[RunFolder, RunInfo]]) -> None:
    students, unfinished = students_of(run.key, everyone), needing(run.key, everyone)
    with st.popover("Rename", icon=":material/edit:", key="runs-rename-open"):
        key = f"runs-new-name-{run.key}"
        st.text_input("New name", value=run.key, key=key, max_chars=80)
        st.button("Rename", key="runs-rename", type="primary", on_click=_rename, args=(run, key))
    with st.popover("Delete", icon=":material/delete:", key="runs-delete-open"):
        st.markdown(
            md(
                "Delete **{run}** with its weights and predictions? This cannot be undone.",
                run=run.key,
            )
        )
        if students:
            st.caption(
                f"{numbers.counted(len(students), 'student')} will be left without a teacher: "
                f"{_some(students)}."
            )
        if unfinished:
            st.caption(cannot_resume(unfinished))
        st.button(
            "Delete permanently", key="runs-delete", type="primary", on_click=_delete, args=(run,)
        )


def cannot_resume(keys: list[str]) -> str:
    """Say which unfinished runs need the run that is to be deleted."""
    verb = "is" if len(keys) == 1 else "are"
    return f"{_some(keys)} {verb} not finished and cannot be resumed without it."


def _some(keys: list[str]) -> str:
    return f"{', '.join(keys[:4])}{' …' if len(keys) > 4 else ''}"


def _rename(run: RunFolder, widget: str) -> None:
    name = st.session_state[widget].strip()
    if name == run.key:
        return
    try:
        if library().taken(name):
            raise NameTaken(name)
        run.rename(name)
    except (RunError, OSError) as error:
        st.session_state[_PROBLEM] = sentence(error)
        return
    state.update(**vars(renamed(state.current(), run.key, name)))


def _delete(run: RunFolder) -> None:
    try:
        run.delete()
    except (RunError, OSError) as error:
        st.session_state[_PROBLEM] = sentence(error)
        return
    state.update(**vars(renamed(state.current(), run.key, "")))


def renamed(view: ViewState, old: str, new: str) -> ViewState:
    """Return the view after a run was renamed, or deleted (`new` is ""), without references to the
    old name."""
    students, race = (
        tuple(name for key in keys if (name := new if key == old else key))
        for keys in (view.students, view.race)
    )
    one = ("teacher", "student", "run", "against")
    changed = {name: new for name in one if getattr(view, name) == old}
    if changed.get("teacher") == "":
        students, changed["student"] = (), ""
    return ViewState(
        **{
            **vars(view),
            **changed,
            "students": students,
            "race": race,
            "selection": with_renamed_run(view.selection, old, new),
        }
    )
