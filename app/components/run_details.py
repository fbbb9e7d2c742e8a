"""One run on Runs: what it is and reached, its card and settings, what can be done with it, and downloads."""

from __future__ import annotations

import streamlit as st
import yaml

from app import state
from app.components import curves, lineage, live
from app.model_choice import millions, milliseconds
from app.registry import open_page
from app.run_table import Figures, card_body, parameters, students_of
from app.state import ViewState
from app.training import sentence
from bickd_core.runs import RunError, RunFolder, RunInfo
from bickd_viz import text

_SAID = "runs-said"


def show(run: RunFolder, about: RunInfo, everyone: list[tuple[RunFolder, RunInfo]], reached: Figures) -> None:
    with st.container(border=True, key="runs-details"):
        st.subheader(live.heading(about))
        st.caption(live.facts(about))
        try:
            now = live.current_phase(run)
        except RunError as error:
            st.error(sentence(error))
            _change(run, students_of(run.key, everyone))
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(now.word, icon=now.icon, color=now.colour)
            live.buttons(run, about, now, "runs")
            if not run.read_only and about.config is not None:
                words = "Watch on Distill" if now.live else "Open on Distill"
                if st.button(words, key="runs-distill", icon=":material/science:"):
                    open_page("distill")
            if not run.read_only and not now.live:
                _change(run, students_of(run.key, everyone))
        lineage.show(run, about, finished=now.name == "finished", prefix="runs")
        if problem := st.session_state.pop(_SAID, None):
            st.error(problem)
        if run.read_only:
            st.caption("A bundled run: it can be compared and downloaded, not changed.")
        if now.name == "failed":
            st.error(sentence(ValueError(run.status().error or "the worker ended without saying why.")))
        _metrics(run, about, reached)
        _tabs(run, about)


def _metrics(run: RunFolder, about: RunInfo, reached: Figures) -> None:
    """Figures that are there; each says on which split."""
    size = parameters(about)
    cost = about.cost
    shown = [
        ("Test accuracy", text.percent(reached.test) if reached.test is not None else None),
        (
            "Validation, last epoch",
            text.percent(reached.validation) if reached.validation is not None else None,
        ),
        ("Validation, best", text.percent(reached.best) if reached.best is not None else None),
        ("Parameters", millions(size) if size else None),
        ("Latency, batch 1", milliseconds(cost.latency_ms) if cost and cost.latency_ms else None),
        (
            "Latency, batch 64",
            milliseconds(cost.latency_batch_ms) if cost and cost.latency_batch_ms else None,
        ),
        ("On disk", f"{run.size_bytes() / 2**20:.1f} MB"),
    ]
    with st.container(horizontal=True, gap="medium", key="runs-figures"):
        for label, value in shown:
            if value is not None:
                st.metric(label, value, width="content")


def _tabs(run: RunFolder, about: RunInfo) -> None:
    card = _read(run, "README.md")
    names = [*(["Card"] if card else []), "Training", "Settings", "Download"]
    tabs = dict(zip(names, st.tabs(names, key=f"runs-tabs-{run.key}"), strict=True))
    if card:
        with tabs["Card"]:
            st.markdown(card_body(card))
    with tabs["Training"]:
        if run.metrics():
            curves.show(run, about, f"runs-{run.key}", small_map=False)
        else:
            st.caption(
                "Its weights were imported: how they were trained is not known."
                if about.config is None
                else "No epoch is done yet."
            )
    with tabs["Settings"]:
        kept = about.model_dump(mode="json", exclude={"cost"}, exclude_none=True)
        st.code(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), language="yaml")
    with tabs["Download"]:
        _downloads(run)


def _read(run: RunFolder, name: str) -> str:
    try:
        return (run.path / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


_FILES = (
    ("model.safetensors", "Weights, last epoch", "weights"),
    ("best/model.safetensors", "Weights, best epoch", "weights-best"),
    ("predictions-test.npz", "Predictions on test", "predictions-test"),
    ("predictions-validation.npz", "Predictions on validation", "predictions-validation"),
    ("metrics.jsonl", "Metrics by epoch", "metrics"),
    ("README.md", "Card", "card"),
)


def _downloads(run: RunFolder) -> None:
    stem = run.key.replace("/", "-")
    there = [(run.path / name, label, key) for name, label, key in _FILES if (run.path / name).exists()]
    if not there:
        st.caption("Nothing to download yet.")
    with st.container(horizontal=True):
        for path, label, key in there:
            st.download_button(
                f"{label} ({_size(path.stat().st_size)})",
                data=path.read_bytes,
                file_name=f"{stem}-{key}{path.suffix}",
                key=f"runs-download-{key}",
                icon=":material/download:",
                on_click="ignore",
            )


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, round(count / 1024))} kB"


# -- changing it -----------------------------------------------------------------------------------
def _change(run: RunFolder, students: list[str]) -> None:
    with st.popover("Rename", icon=":material/edit:", key="runs-rename-open"):
        key = f"runs-new-name-{run.key}"
        st.text_input("New name", value=run.key, key=key, max_chars=80)
        st.button("Rename", key="runs-rename", type="primary", on_click=_rename, args=(run, key))
    with st.popover("Delete", icon=":material/delete:", key="runs-delete-open"):
        st.markdown(f"Delete **{run.key}** with its weights and predictions? This cannot be undone.")
        if students:
            st.caption(
                f"{text.counted(len(students), 'student')} of it will stand without a teacher: "
                f"{', '.join(students[:4])}{' …' if len(students) > 4 else ''}."
            )
        st.button("Delete for good", key="runs-delete", type="primary", on_click=_delete, args=(run,))


def _rename(run: RunFolder, widget: str) -> None:
    name = st.session_state[widget].strip()
    if name == run.key:
        return
    try:
        run.rename(name)
    except (RunError, OSError) as error:
        st.session_state[_SAID] = sentence(error)
        return
    state.update(**vars(renamed(state.current(), run.key, name)))


def _delete(run: RunFolder) -> None:
    try:
        run.delete()
    except (RunError, OSError) as error:
        st.session_state[_SAID] = sentence(error)
        return
    state.update(**vars(renamed(state.current(), run.key, "")))


def renamed(view: ViewState, old: str, new: str) -> ViewState:
    """The view after a run has another name, or none any more (""): no link to it is left."""
    students = tuple(name for key in view.students if (name := new if key == old else key))
    changed = {name: new for name in ("teacher", "student", "run") if getattr(view, name) == old}
    if changed.get("teacher") == "":
        students, changed["student"] = (), ""
    return ViewState(**{**vars(view), **changed, "students": students})
