"""Loading weights: the form, the check in a process of its own with its progress, and the outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import ValidationError

from app import data, imports, state
from app.components import data_form, live
from app.looking import Look, look, unfit
from app.model_choice import choices
from app.training import sentence, teachers_for
from bickd_core.data import DATASETS, DatasetInfo
from bickd_core.importing import ImportRequest
from bickd_core.models import Recognised
from bickd_core.runs import RunError
from bickd_viz import text

_FOLDER = "runs-import-folder"
_OUTCOME = "runs-import-outcome"
_LOOK = "runs-import-look"
_NAMED = "runs-import-named"
_SIZE_OF = "runs-import-size-of"
_WANTED = "runs-load-wanted"
_NO_TEACHER = "none"


def sweep() -> None:
    """Remove what interrupted imports of earlier sessions left."""
    library = data.library()
    library.sweep_unfinished()
    imports.sweep(library, keep=_folder())


def _folder() -> Path | None:
    return st.session_state.get(_FOLDER)


def open_next() -> None:
    """Let the box be open when Runs is shown next, and until something was loaded."""
    st.session_state[_WANTED] = True


def show(first: bool) -> None:
    """The form, or the progress of the check that is going on; above it what the last one came to."""
    _outcome()
    busy = _folder() is not None
    expanded = first or busy or st.session_state.get(_WANTED, False)
    with st.expander("Load weights", icon=":material/upload:", expanded=expanded, key="runs-load-open"):
        if busy:
            st.fragment(_progress, run_every=0.5)()
        _form(busy)  # while it is checked, too: a form that goes loses its file


def _outcome() -> None:
    found: imports.ImportState | None = st.session_state.get(_OUTCOME)
    if found is None:
        return
    if found.error:
        st.error(sentence(ValueError(found.error)))
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="runs-loaded"):
        st.markdown(f":material/check_circle: **{found.run}** is checked, evaluated and among your runs.")
        if st.button(
            "Show in comparison", key="runs-show-loaded", type="primary", icon=":material/insights:"
        ):
            st.session_state.pop(_OUTCOME)
            try:
                run = data.library().find(found.run)
                live.open_in_comparison(run, data.info(run))
            except RunError as error:
                st.error(sentence(error))


def _form(busy: bool) -> None:
    st.caption(
        "A file of weights becomes a run: it is read without running any code in it, checked against the "
        "architecture and the data, and evaluated on validation and test."
    )
    upload = st.file_uploader(
        "Weights file", type=list(imports.SUFFIXES), key="runs-upload", on_change=_forget
    )
    problem = _look_inside(upload)
    left, right = st.columns(2)
    with left:
        about = data_form.choose("runs", data.DEFAULT_DATASET)
        size = _size(about)
        arch = _architecture(about, size)
    with right:
        role = st.segmented_control(
            "Role", ["teacher", "student"], key="runs-role", default="teacher", required=True, width="stretch"
        )
        teacher = _NO_TEACHER
        if role == "student":
            pairs = [(run, data.info(run)) for run in data.readable_runs()[0]]
            keys = [*([] if about is None else teachers_for(pairs, about.name, size)), _NO_TEACHER]
            teacher = st.selectbox(
                "Its teacher",
                keys,
                key="runs-teacher",
                help="The run that it is compared with.",
                format_func=lambda key: "none" if key == _NO_TEACHER else data.described(key),
            )
        name = st.text_input(
            "Name of the run", key="runs-name", placeholder="from the file's name", max_chars=80
        )
    if upload is not None and not problem:
        problem = _unfit(about)
    if not st.button(
        "Check and load",
        key="runs-load",
        type="primary",
        icon=":material/fact_check:",
        disabled=busy or bool(problem) or about is None,
    ):
        return
    st.session_state.pop(_OUTCOME, None)
    if upload is None or about is None:
        st.error("Choose a weights file first.")
        return
    try:
        request = ImportRequest(
            arch=arch,
            dataset=about.name,
            image_size=size,
            role=role or "teacher",
            teacher=None if teacher == _NO_TEACHER else teacher,
            name=name.strip() or data.library().free_name(imports.name_for(upload.name)),
        )
        st.session_state[_FOLDER] = imports.start(upload.getbuffer(), upload.name, request, data.library())
    except (RunError, OSError, ValidationError) as error:
        st.error(sentence(error))
        return
    st.rerun()


def _size(about: DatasetInfo | None) -> int:
    """Pixels a side, asked for where there is a choice."""
    if about is None:
        return DATASETS[data.DEFAULT_DATASET].default_image_size
    if len(about.image_sizes) == 1:
        return about.default_image_size
    if st.session_state.get(_SIZE_OF) != about.name or "runs-size" not in st.session_state:
        st.session_state[_SIZE_OF] = about.name
        st.session_state["runs-size"] = about.default_image_size
    chosen = st.segmented_control(
        "Image size",
        about.image_sizes,
        key="runs-size",
        required=True,
        format_func=lambda side: f"{side} × {side}",
    )
    return chosen or about.default_image_size


def _architecture(about: DatasetInfo | None, size: int) -> str:
    """One of all networks, by family and size, each with what it costs on these data."""
    shape = about or DATASETS[data.DEFAULT_DATASET]
    found = choices(shape.num_classes, shape.in_channels, size)
    return st.selectbox(
        "Architecture", list(found), key="runs-arch", format_func=lambda name: found[name].label
    )


def _unfit(about: DatasetInfo | None) -> str:
    """The sentence that refuses data which the file's network was not made for, shown as well; or ""."""
    network = st.session_state[_LOOK][1].network
    problem = "" if about is None or network is None else unfit(network, about)
    if problem:
        st.error(problem)
    return problem


def _forget() -> None:
    st.session_state.pop(_OUTCOME, None)


def _look_inside(upload: Any) -> str:
    """Let a new file choose architecture, data and name by its tensors; the sentence that refuses it, or ""."""
    if upload is None:
        return ""
    looked: tuple[str, Look] | None = st.session_state.get(_LOOK)
    if looked is None or looked[0] != upload.file_id:
        with st.spinner("Looking at its tensors …"):
            found = look(upload.getbuffer(), upload.name)
        _choose(found, None if looked is None else looked[1])
        looked = (upload.file_id, found)
        st.session_state[_LOOK] = looked
    found = looked[1]
    if found.problem:
        st.error(sentence(ValueError(found.problem)))
    elif found.network is not None:
        network = found.network
        tensors = (
            f"Its tensors are those of {network.title} for {text.counted(network.num_classes, 'class', 'classes')} "
            f"and {text.counted(network.in_channels, 'channel')}"
        )
        if found.datasets:
            st.caption(f":material/check: {tensors}.")
        else:
            st.caption(f"{tensors}; no data that come along have these, so point to images of your own.")
    return found.problem


def _choose(found: Look, before: Look | None) -> None:
    """Write what was found into the form; a name that was typed stays."""
    if found.network is not None:
        st.session_state["runs-arch"] = found.network.name
        _choose_data(found.network, found.datasets)
    if st.session_state.get("runs-name", "") in (
        "",
        "" if before is None else st.session_state.get(_NAMED, ""),
    ):
        st.session_state[_NAMED] = st.session_state["runs-name"] = data.library().free_name(found.name)


def _choose_data(network: Recognised, fitting: tuple[str, ...]) -> None:
    """The first set with the network's classes and channels: one that comes along, else one's own of another run.

    A path that was typed stays.
    """
    chosen = st.session_state.get("runs-dataset")
    if chosen in fitting or (chosen == data_form.OWN and st.session_state.get("runs-own")):
        return
    if fitting:
        st.session_state["runs-dataset"] = fitting[0]
        return
    known = (data.info(run) for run in data.readable_runs()[0])
    shape = (network.num_classes, network.in_channels)
    st.session_state["runs-own"] = next(
        (a.dataset for a in known if a.dataset not in DATASETS and (a.num_classes, a.in_channels) == shape),
        "",
    )
    st.session_state["runs-dataset"] = data_form.OWN


def _progress() -> None:
    folder = _folder()
    if folder is None:
        st.rerun()
    found = imports.state(folder)
    if found.ended:
        imports.remove(folder)
        del st.session_state[_FOLDER]
        st.session_state[_OUTCOME] = found
        if found.run:
            state.update(run=found.run)
            st.session_state.pop(_WANTED, None)
        st.rerun()
    st.progress(min(1.0, found.share), text=f"{found.message[:1].upper()}{found.message[1:]} …")
    if st.button("Cancel", key="runs-cancel", icon=":material/close:"):
        imports.remove(folder)
        del st.session_state[_FOLDER]
        st.rerun()
