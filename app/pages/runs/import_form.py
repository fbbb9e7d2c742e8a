"""Load weights: the form, the progress of the check, and its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app import refresh, state
from app.components import data_form, inputs_form
from app.components.fields import Fields
from app.data import access, runs
from app.data.runs import DEFAULT_DATASET
from app.distill.form_values import sentence, teachers_for
from app.distill.model_choice import choices
from app.imports import process
from app.imports.inspect import Look, fitting_sets, look, unfit
from app.pages.distill import live
from app.pages.runs import details
from app.plain import md, st
from bickd_core.data.normalisation import TITLES, Choice
from bickd_core.data.preprocessing import CONVERTED, channels_for
from bickd_core.data.registry import (
    DATASETS,
    DatasetInfo,
    held_out,
    held_out_table,
    short_name,
)
from bickd_core.importing.weights import HELD_OUT, ImportRequest
from bickd_core.models.recognise import Recognised
from bickd_core.naming import key_of_file
from bickd_core.runs.library import RunError
from bickd_viz.text import numbers

_FOLDER = "runs-import-folder"
_OUTCOME = "runs-import-outcome"
_LOOK = "runs-import-look"
_NAMED = "runs-import-named"
_WANTED = "runs-load-wanted"
_AGAIN = "runs-load-again"
_NO_TEACHER = "none"


def sweep() -> None:
    """Remove what interrupted imports of earlier sessions left behind."""
    library = runs.library()
    library.sweep_unfinished()
    process.sweep(library, current=_folder())


def _folder() -> Path | None:
    return st.session_state.get(_FOLDER)


def open_next() -> None:
    """Open the box when Runs is shown next, until something is loaded."""
    st.session_state[_WANTED] = True


def show(first: bool) -> None:
    """Show the result of the last check, the progress of a running one, and the form."""
    _outcome()
    busy = _folder() is not None
    expanded = first or busy or st.session_state.get(_WANTED, False)
    with st.expander(
        "Load weights", icon=":material/upload:", expanded=expanded, key="runs-load-open"
    ):
        if busy:
            refresh.every(0.5, _progress, name="import")
        _form(busy)  # also during the check: a form that is not drawn loses its file


def _outcome() -> None:
    outcome: process.ImportState | None = st.session_state.get(_OUTCOME)
    if outcome is None:
        return
    if outcome.error:
        with st.container(border=True, key="runs-refused"):
            st.error(sentence(ValueError(outcome.error)))
            if outcome.better is not None:
                st.button(
                    f"Load it with {TITLES[outcome.better]}",
                    key="runs-load-better",
                    type="primary",
                    on_click=_use,
                    args=(outcome.better,),
                )
        return
    try:
        run = runs.library().find(outcome.run)
        info = runs.info(run)
    except RunError:
        st.session_state.pop(_OUTCOME)  # the run was renamed or deleted since
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="runs-loaded"):
        st.markdown(
            md(
                ":material/check_circle: **{run}** was checked, evaluated and added to your runs.",
                run=outcome.run,
            )
        )
        details.show_inputs(info)
        if st.button(
            "Show in comparison", key="runs-show-loaded", type="primary", icon=":material/insights:"
        ):
            st.session_state.pop(_OUTCOME)
            live.open_in_comparison(run, info)


def _use(better: Choice) -> None:
    """Choose this normalisation in the form and load the file again."""
    Fields("runs").set(normalisation=better)
    st.session_state[_AGAIN] = True


def _form(busy: bool) -> None:
    st.caption(
        "Import a weights file as a run. The file is checked against the architecture and the data,"
        " then evaluated on validation and test. No code in it is run."
    )
    fields = Fields("runs")
    upload = st.file_uploader(
        "Weights file",
        key="runs-upload",
        on_change=_forget,
        help=(
            "A safetensors file, a torch file (.pt, .pth, .ckpt, .bin, .th, .tar or no suffix) or"
            " an .npz file."
        ),
    )
    problem = _look_inside(fields, upload)
    part = _part(fields) if upload is not None and not problem else None
    left, right = st.columns(2)
    with left:
        data = data_form.choose(fields, DEFAULT_DATASET)
        size = _size(fields, data)
        resize = None if data is None else data_form.resize(fields, data)
        arch = _architecture(fields, data, size)
    with right:
        role = fields.segmented("role", "Role", ["teacher", "student"], width="stretch")
        teacher = _NO_TEACHER
        if role == "student":
            keys = [] if data is None else teachers_for(runs.runs_with_info(), data.name, size)
            keys.append(_NO_TEACHER)
            teacher = fields.select(
                fields.scoped("teacher", "" if data is None else data.name),
                "Teacher",
                keys,
                help="The run that this student is compared with.",
                title=lambda key: "none" if key == _NO_TEACHER else runs.described(key),
            )
        order = (
            None if data is None or teacher != _NO_TEACHER else data_form.class_order(fields, data)
        )
        name = fields.text(
            "name", "Run name", placeholder="derived from the file name", max_chars=80
        )
        network = None if upload is None or problem else _network(fields)
        inputs = inputs_form.ask(fields, data, None if network is None else network.in_channels)
    if data is not None and data.carved:
        _held_out(data)
    if upload is not None and not problem:
        problem = _unfit(fields, data)
    pressed = st.button(
        "Check and load",
        key="runs-load",
        type="primary",
        icon=":material/fact_check:",
        disabled=busy or bool(problem) or data is None,
    )
    if not (st.session_state.pop(_AGAIN, False) or pressed):
        return
    st.session_state.pop(_OUTCOME, None)
    if upload is None or data is None:
        st.error("Choose a weights file first.")
        return
    try:
        request = ImportRequest(
            arch=arch,
            dataset=data.name,
            image_size=size,
            class_order=order,
            role=role,
            teacher=None if teacher == _NO_TEACHER else teacher,
            name=name or runs.library().free_name(key_of_file(upload.name)),
            part=part,
            **inputs,
            **({} if resize is None else {"resize": resize}),
        )
        st.session_state[_FOLDER] = process.start(
            upload.getbuffer(), upload.name, request, access.for_import(upload.size)
        )
    except (RunError, OSError, ValidationError) as error:
        st.error(sentence(error))
        return
    st.rerun()


def _held_out(info: DatasetInfo) -> None:
    """Explain that the app held out the test images, and offer the list of them."""
    st.caption(md(":material/info: {text}", text=HELD_OUT))
    if not info.name.startswith("folder:"):
        return  # rows have no names; their numbers are listed once they are decoded
    st.download_button(
        f"Held-out images ({numbers.count(info.test_size)})",
        data=lambda: held_out_table(held_out(info.name) or []).encode(),
        file_name=f"{short_name(info.name)}-held-out.csv",
        key="runs-held-out",
        icon=":material/download:",
        on_click="ignore",
    )


def _size(fields: Fields, info: DatasetInfo | None) -> int:
    """Return the pixels per side, from a control if there is a choice."""
    if info is None:
        return DATASETS[DEFAULT_DATASET].default_image_size
    if len(info.image_sizes) == 1:
        return info.default_image_size
    input_size = fields.get("input_size") if info.any_size else None
    sizes = sorted({*info.image_sizes, *([] if input_size is None else [input_size])})
    return fields.segmented(
        fields.scoped("size", info.name),
        "Image size",
        sizes,
        default=info.default_image_size,
        title=lambda side: f"{side} × {side}",
    )


def _architecture(fields: Fields, info: DatasetInfo | None, size: int) -> str:
    """Ask for one of all networks, listed by family and size with their cost on this data."""
    shape = info or DATASETS[DEFAULT_DATASET]
    models = choices(shape.num_classes, shape.in_channels, size)
    return fields.select(
        "arch", "Architecture", list(models), title=lambda name: models[name].label
    )


def _part(fields: Fields) -> str | None:
    """Ask which network of the file to load; None for a file with one network.

    The choice also sets architecture and data in the form.
    """
    parts = st.session_state[_LOOK][1].parts
    if len(parts) < 2:
        return None
    labels = list(parts)
    name = fields.scoped("part", st.session_state[_LOOK][0])
    before = fields.start(name, labels[0], labels)
    chosen = fields.select(
        name,
        "Network in the file",
        labels,
        title=lambda label: f"{label or 'the whole file'} · {parts[label].title}",
        help="The file holds several networks. Each is named by the key and prefix of its tensors.",
    )
    if chosen != before:
        fields.set(arch=parts[chosen].name)
        _choose_data(fields, parts[chosen], fitting_sets(parts[chosen]))
    return chosen


def _network(fields: Fields) -> Recognised | None:
    """Return the chosen network of the file, or None if none is recognised."""
    look = st.session_state[_LOOK][1]
    chosen = fields.get(fields.scoped("part", st.session_state[_LOOK][0]))
    return look.parts.get(chosen, look.network)


def _unfit(fields: Fields, info: DatasetInfo | None) -> str:
    """Show and return the error if the data does not fit the file's network; otherwise ""."""
    network = _network(fields)
    problem = "" if info is None or network is None else unfit(network, info)
    if problem:
        st.error(problem)
    elif info is not None and network is not None:
        made = channels_for(network.in_channels, info.in_channels)
        if made in ("repeated", "grey"):
            st.caption(md(":material/info: The network gets {images}.", images=CONVERTED[made]))
    return problem


def _forget() -> None:
    st.session_state.pop(_OUTCOME, None)


def _look_inside(fields: Fields, upload: Any) -> str:
    """Set architecture, data and name from the tensors of a new file; returns an error message or
    ""."""
    if upload is None:
        return ""
    looked: tuple[str, Look] | None = st.session_state.get(_LOOK)
    if looked is None or looked[0] != upload.file_id:
        with st.spinner("Reading the names of its tensors …"):
            current = look(upload.getbuffer(), upload.name)
        _choose(fields, current, None if looked is None else looked[1])
        looked = (upload.file_id, current)
        st.session_state[_LOOK] = looked
    current = looked[1]
    if current.problem:
        st.error(sentence(ValueError(current.problem)))
    elif current.network is not None:
        network = current.network
        tensors = (
            f"Recognised {network.title} with"
            f" {numbers.counted(network.num_classes, 'class', 'classes')} and"
            f" {numbers.counted(network.in_channels, 'channel')}"
        )
        if current.place and len(current.parts) < 2:  # else the list below names the parts
            tensors += f" ({current.place})"
        if current.datasets:
            st.caption(md(":material/check: {tensors}.", tensors=tensors))
        else:
            st.caption(f"{tensors}. No bundled data set has this shape, so choose your own images.")
    return current.problem


def _choose(fields: Fields, current: Look, before: Look | None) -> None:
    """Write what was recognised into the form. A name that the user typed stays."""
    if current.network is not None:
        fields.set(arch=current.network.name)
        _choose_data(fields, current.network, current.datasets)
    if fields.get("name", "") in ("", "" if before is None else st.session_state.get(_NAMED, "")):
        st.session_state[_NAMED] = runs.library().free_name(current.name)
        fields.set(name=st.session_state[_NAMED])


def _choose_data(fields: Fields, network: Recognised, fitting: tuple[str, ...]) -> None:
    """Choose the first data set with the network's classes and channels: a bundled one, else one of
    another run.

    A path that the user typed stays.
    """
    chosen = fields.get("dataset")
    typed = fields.get("own") if chosen == data_form.OWN else chosen in data_form.known_sets()
    if chosen in fitting or typed:
        return
    if fitting:
        data_form.write(fields, fitting[0])
        return
    shape = (network.num_classes, network.in_channels)
    fitting_runs = (
        info.dataset
        for _, info in runs.runs_with_info()
        if info.dataset not in DATASETS and (info.num_classes, info.in_channels) == shape
    )
    data_form.write(fields, next(fitting_runs, ""))


def _progress() -> None:
    folder = _folder()
    if folder is None:
        st.rerun()
    import_state = process.state(folder)
    if import_state.ended:
        process.remove(folder)
        del st.session_state[_FOLDER]
        st.session_state[_OUTCOME] = import_state
        if import_state.run:
            state.update(run=import_state.run)
            st.session_state.pop(_WANTED, None)
        st.rerun()
    st.progress(
        min(1.0, import_state.share),
        text=f"{import_state.message[:1].upper()}{import_state.message[1:]} …",
    )
    if st.button("Cancel", key="runs-cancel", icon=":material/close:"):
        process.remove(folder)
        del st.session_state[_FOLDER]
        st.rerun()
