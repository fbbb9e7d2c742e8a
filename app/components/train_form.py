"""The form of a training: what to train, on what, from whom and for how long. Its values outlive other pages."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import data, state
from app.components import data_form, method_form, model_costs
from app.model_choice import choices
from app.plan import have_own_rates, method_of, rates_in_words
from app.run_table import parameters
from app.training import (
    BUDGETS,
    OPTIMIZERS,
    SCHEDULES,
    Budget,
    form_of,
    teachers_for,
)
from bickd_core.data import dataset_info
from bickd_core.runs import RunError, RunInfo
from bickd_core.training.config import TrainConfig
from bickd_viz import text

_STORE = "distill-form"
_FROM_LABELS = "none"
PRECISIONS = {"auto": "best for the device", "fp32": "fp32", "bf16": "bf16"}


def fill(*configs: TrainConfig) -> None:
    """Let the form begin with the settings of this config; several differ in their methods alone."""
    methods = {method_of(config.objective): config.objective for config in configs}
    st.session_state[_STORE] = form_of(configs[0]) | {
        "methods": list(methods),
        "options": {name: options.model_dump(exclude={"kind"}) for name, options in methods.items()},
        "own_rates": have_own_rates(configs),
    }
    for key in [key for key in st.session_state if str(key).startswith("distill-")]:
        if key != _STORE:
            del st.session_state[key]


def show() -> dict[str, Any] | None:
    """Draw the form; its values, or None where there is no teacher to learn from yet."""
    form = st.session_state.setdefault(_STORE, {"dataset": _dataset_of_view()})
    role = _keep("role", "student", ["student", "teacher"])
    labels = {"student": "Distil a student", "teacher": "Train a teacher"}
    role = st.segmented_control(
        "What to train",
        list(labels),
        key="distill-role",
        format_func=lambda role: labels[role],
        required=True,
        width="stretch",
    )
    form["role"] = role
    if role == "student":
        if not method_form.methods(form):
            return None
    else:
        st.caption("A teacher learns from the labels alone. Choose a model larger than the students to come.")
    if not _data(form):
        return None
    found = _teacher(form) if role == "student" else None
    if role == "student" and found is None and form["methods"] != ["ce"]:
        _no_teacher()
        return None
    _architecture(form, found)
    _budget(form)
    if role == "student":
        method_form.options(form)
    _more(form)
    return form


# -- the parts -------------------------------------------------------------------------------------
def _data(form: dict[str, Any]) -> bool:
    """Data and image size; False where they are one's own and not there yet, which is then said."""
    before = form.get("dataset")
    about = data_form.choose("distill", before or data.DEFAULT_DATASET)
    if about is None:
        return False
    form["dataset"] = about.name
    if form["dataset"] != before or "epochs" not in form:
        _begin(form, BUDGETS.get(about.name, Budget(20)))
    if len(about.image_sizes) > 1:
        _keep("image_size", about.default_image_size, list(about.image_sizes))
        form["image_size"] = st.segmented_control(
            "Image size",
            list(about.image_sizes),
            key="distill-image_size",
            format_func=lambda side: f"{side} × {side}",
            required=True,
        )
    else:
        form["image_size"] = about.default_image_size
    return True


def _begin(form: dict[str, Any], budget: Budget) -> None:
    """Another data set: the budget, the size and the teacher begin anew."""
    form |= {"epochs": budget.epochs, "batch_size": budget.batch_size, "train_limit": budget.train_limit}
    for name in ("epochs", "batch_size", "train_limit", "image_size", "teacher", "own_rates"):
        st.session_state.pop(f"distill-{name}", None)
        st.session_state.pop(f"distill-{_WIDGETS.get(name, name)}", None)
    for name in ("image_size", "own_rates"):
        form.pop(name, None)


def _teacher(form: dict[str, Any]) -> RunInfo | None:
    runs = [(run, data.info(run)) for run in data.readable_runs()[0]]
    keys = teachers_for(runs, form["dataset"], form["image_size"])
    if form["methods"] == ["ce"]:
        keys = [*keys, _FROM_LABELS]
    if not keys:
        return None
    shown = state.current().teacher
    _keep("teacher", shown if shown in keys else keys[0], keys)
    chosen = st.selectbox(
        "Teacher",
        keys,
        key="distill-teacher",
        format_func=lambda key: "none" if key == _FROM_LABELS else data.described(key),
        help="Finished runs on this data. With labels only, a teacher is not learnt from: agreement with it is measured.",
    )
    form["teacher"] = None if chosen == _FROM_LABELS else chosen
    try:
        return None if form["teacher"] is None else data.info(data.library().find(chosen))
    except RunError:
        return None


def _no_teacher() -> None:
    st.info(
        "There is no finished teacher on this data yet. Train one first; it is there to learn from when it is done."
    )

    def train_one() -> None:
        st.session_state["distill-role"] = "teacher"

    st.button("Train a teacher", key="distill-train-teacher", icon=":material/school:", on_click=train_one)


def _architecture(form: dict[str, Any], teacher: RunInfo | None) -> None:
    about = dataset_info(form["dataset"])
    most = None if teacher is None else parameters(teacher)
    found = choices(about.num_classes, about.in_channels, form["image_size"], most=most)
    wanted = "resnet8" if form["role"] == "student" else "resnet14x2"
    default = wanted if wanted in found else min(found, key=lambda name: found[name].parameters)
    _keep("arch", default, list(found))
    form["arch"] = st.selectbox(
        "Student" if form["role"] == "student" else "Model",
        list(found),
        key="distill-arch",
        format_func=lambda name: found[name].label,
        help=None if most is None else "Models with at most as many parameters as the teacher.",
    )
    model_costs.show(found, form["arch"], form["image_size"])


def _budget(form: dict[str, Any]) -> None:
    about = dataset_info(form["dataset"])
    columns = st.columns(3)
    with columns[0]:
        _number(form, "epochs", "Epochs", 20, help="Passes over the training images.")
    with columns[1]:
        _keep("seeds", "0")
        form["seeds"] = st.text_input(
            "Seeds",
            key="distill-seeds",
            help="One (0), a list (0 1 2) or a range (0-4). Each is a run, or a race, of its own in the queue. Initial "
            "weights, order and augmentation all follow it.",
        )
    with columns[2]:
        _keep("train_limit", None)
        form["train_limit"] = st.number_input(
            "Training images",
            value=None,
            step=100,
            key="distill-limit",
            placeholder=f"all {text.count(about.train_size)}",
            help="Train on a stratified part of them: quicker, and less accurate.",
        )


def _more(form: dict[str, Any]) -> None:
    with st.expander("More", icon=":material/settings:", key="distill-more"):
        columns = st.columns(2)
        with columns[0]:
            _number(form, "batch_size", "Batch size", 64)
        with columns[1]:
            _choice(form, "optimizer", "Optimiser", {"sgd": "SGD with momentum", "adamw": "AdamW"})
        columns = st.columns(2)
        with columns[0]:
            kind = form["optimizer"]
            key = f"distill-lr-{kind}"
            if key not in st.session_state:
                st.session_state[key] = (
                    form["lr"] if form.get("lr_of", kind) == kind and "lr" in form else OPTIMIZERS[kind]().lr
                )
            if _own_rates(form):
                st.caption(rates_in_words(form["methods"]))
                rate = st.session_state[key]
            else:
                rate = st.number_input("Learning rate", step=0.01, format="%g", key=key)
            form |= {"lr": OPTIMIZERS[kind]().lr if rate is None else rate, "lr_of": kind}
        with columns[1]:
            _choice(form, "schedule", "Schedule", {name: name.capitalize() for name in SCHEDULES})
        columns = st.columns(2)
        with columns[0]:
            _keep("threads", None)
            form["threads"] = st.number_input(
                "Threads",
                step=1,
                key="distill-threads",
                placeholder="its share",
                help="CPU threads of the run. Empty: the cores, shared among the runs that may work at once.",
            )
        with columns[1]:
            _choice(form, "precision", "Precision", PRECISIONS)
        _keep("augment", True)
        form["augment"] = st.toggle(
            "Augment images", key="distill-augment", help="Random crop and, where it fits the data, flip."
        )
        form["name"] = st.text_input(
            "Name of the run",
            key="distill-name",
            placeholder="made from data, model, method and seed",
            max_chars=80,
        ).strip()


def _own_rates(form: dict[str, Any]) -> bool:
    """Whether each method has its own learning rate; asked where it can be."""
    if form["role"] != "student" or form["optimizer"] != "sgd":
        return False
    _keep("own_rates", form["dataset"] == data.DEFAULT_DATASET)
    form["own_rates"] = st.toggle(
        "Own learning rates",
        key="distill-own_rates",
        help="Of five rates the best for each method on the validation images of caltech95 (ResNet-8, batch 64, 40 epochs). "
        "One rate for all favours some methods; on other data another may be better still.",
    )
    return bool(form["own_rates"])


# -- values that outlive their widgets ----------------------------------------------------------------
_WIDGETS = {"train_limit": "limit"}
"""Fields whose widget has another name."""


def _keep(name: str, default: Any, options: list[Any] | None = None) -> Any:
    """Give the field's widget its stored value, or the default where that is none of the options any more."""
    key = f"distill-{_WIDGETS.get(name, name)}"
    value = st.session_state[key] if key in st.session_state else st.session_state[_STORE].get(name, default)
    if options is not None and value not in options:
        value = default
    st.session_state[key] = value
    return value


def _number(form: dict[str, Any], name: str, label: str, default: int, *, help: str | None = None) -> None:
    _keep(name, default)
    value = st.number_input(label, step=1, key=f"distill-{name}", help=help)
    form[name] = default if value is None else int(value)


def _choice(form: dict[str, Any], name: str, label: str, options: dict[str, str]) -> None:
    _keep(name, next(iter(options)), list(options))
    form[name] = st.selectbox(
        label, list(options), key=f"distill-{name}", format_func=lambda name: options[name]
    )


def _dataset_of_view() -> str:
    """The data of the comparison, so that its teacher stands in the form."""
    view = state.current()
    try:
        return data.info(data.library().find(view.teacher)).dataset if view.teacher else data.DEFAULT_DATASET
    except RunError:
        return data.DEFAULT_DATASET
