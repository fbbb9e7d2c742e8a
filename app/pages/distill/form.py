"""The form for a training: what to train, on which data, from which teacher and for how long."""

from __future__ import annotations

import math
from typing import Any

from app import state
from app.components import data_form
from app.components.fields import Fields
from app.data.runs import DEFAULT_DATASET, described, info, library, readable_runs
from app.distill.form_values import (
    BUDGETS,
    OPTIMIZERS,
    SCHEDULES,
    Budget,
    form_of,
    teachers_for,
)
from app.distill.model_choice import choices
from app.distill.plan import method_of, rates_in_words
from app.pages.distill import methods as method_form
from app.pages.distill import model_costs
from app.plain import st
from app.run_table import size
from bickd_core.config import TrainConfig
from bickd_core.data.registry import DatasetInfo
from bickd_core.data.resizing import DEFAULT
from bickd_core.runs.library import RunError, RunInfo
from bickd_core.training.rates import have_own_rates
from bickd_viz.text import numbers

_FROM_LABELS = "none"
PRECISIONS = {"auto": "best for the device", "fp32": "fp32", "bf16": "bf16"}


def fill(*configs: TrainConfig) -> None:
    """Fill the form with the settings of these configs, which differ only in their methods."""
    fields, form = _fields(), form_of(configs[0])
    methods = {method_of(config.objective): config.objective for config in configs}
    on, kind = form.pop("dataset"), form["optimizer"]
    data_form.write(fields, on)
    for name in ("image_size", "teacher", "epochs", "batch_size", "train_limit"):
        fields.set(**{fields.scoped(name, on): form.pop(name)})
    if configs[0].role == "student" and configs[0].teacher is None:
        fields.set(**{fields.scoped("teacher", on): _FROM_LABELS})
    fields.set(**{fields.scoped("arch", form["role"], on): form.pop("arch")})
    for name in ("class_order", "resize"):
        if (value := form.pop(name)) is not None:
            fields.set(**{fields.scoped(name, on): value})
    fields.set(**{fields.scoped("lr", kind): form.pop("lr")})
    fields.set(**form, methods=list(methods), own_rates=have_own_rates(configs))
    for name, options in methods.items():
        method_form.write(fields, name, options)


def distil_from(key: str, dataset: str, image_size: int) -> None:
    """Fill the form for a student of this teacher, on the teacher's data."""
    fields = _fields()
    data_form.write(fields, dataset)
    fields.set(
        role="student",
        **{
            fields.scoped("teacher", dataset): key,
            fields.scoped("image_size", dataset): image_size,
        },
    )


def show() -> dict[str, Any] | None:
    """Draw the form.

    Returns:
        Its values for `build_plan`; None, after showing a message, if something is still missing.
    """
    fields = _fields()
    form: dict[str, Any] = {"role": _role(fields)}
    if form["role"] == "student":
        form["methods"] = method_form.methods(fields)
        if not form["methods"]:
            return None
    else:
        form["methods"] = ["ce"]
        st.caption(
            "A teacher learns only from the labels. Choose a larger model than for its students."
        )
    about = data_form.choose(fields, _dataset_of_view())
    if about is None:
        return None
    form |= {"dataset": about.name, "image_size": _image_size(fields, about), "teacher": None}
    teacher = _teacher(fields, form) if form["role"] == "student" else None
    if form["role"] == "student" and teacher is None and form["methods"] != ["ce"]:
        _no_teacher(fields)
        return None
    form["class_order"] = data_form.class_order(fields, about) if form["teacher"] is None else None
    form["resize"] = data_form.resize(fields, about) if form["teacher"] is None else None
    if teacher is not None and teacher.resizing != DEFAULT:
        st.caption(f"Images are {teacher.resizing.words}, as for the teacher.")
    _architecture(fields, form, about, teacher)
    _budget(fields, form, about)
    form["options"] = (
        method_form.options(fields, form["methods"]) if form["role"] == "student" else {}
    )
    _more(fields, form)
    return form


def _fields() -> Fields:
    return Fields("distill")


# -- the parts -------------------------------------------------------------------------------------
def _role(fields: Fields) -> str:
    labels = {"student": "Distil a student", "teacher": "Train a teacher"}
    chosen = st.segmented_control(
        "What to train",
        list(labels),
        default=fields.start("role", "student", list(labels)),
        key=fields.key("role"),
        format_func=lambda role: labels[role],
        required=True,
        width="stretch",
    )
    return fields.keep("role", chosen)


def _image_size(fields: Fields, info: DatasetInfo) -> int:
    if len(info.image_sizes) == 1:
        return info.default_image_size
    name, sizes = fields.scoped("image_size", info.name), list(info.image_sizes)
    chosen = st.segmented_control(
        "Image size",
        sizes,
        default=fields.start(name, info.default_image_size, sizes),
        key=fields.key(name),
        format_func=lambda side: f"{side} × {side}",
        required=True,
    )
    return fields.keep(name, chosen)


def _teacher(fields: Fields, form: dict[str, Any]) -> RunInfo | None:
    runs = [(run, info(run)) for run in readable_runs()[0]]
    keys = teachers_for(runs, form["dataset"], form["image_size"])
    if form["methods"] == ["ce"]:
        keys = [*keys, _FROM_LABELS]
    if not keys:
        return None
    shown, name = state.current().teacher, fields.scoped("teacher", form["dataset"])
    begin = fields.start(name, shown if shown in keys else keys[0], keys)
    chosen = st.selectbox(
        "Teacher",
        keys,
        index=keys.index(begin),
        key=fields.key(name),
        format_func=lambda key: "none" if key == _FROM_LABELS else described(key),
        help=(
            "Finished runs on this data. With “Labels only” the student does not learn from the"
            " teacher, but its agreement with the teacher is measured."
        ),
    )
    fields.keep(name, chosen)
    form["teacher"] = None if chosen == _FROM_LABELS else chosen
    try:
        return None if form["teacher"] is None else info(library().find(chosen))
    except RunError:
        return None


def _no_teacher(fields: Fields) -> None:
    st.info(
        "There is no finished teacher on this data yet. Train one first, then distil students"
        " from it."
    )
    st.button(
        "Train a teacher",
        key="distill-train-teacher",
        icon=":material/school:",
        on_click=lambda: fields.set(role="teacher"),
    )


def _architecture(
    fields: Fields, form: dict[str, Any], info: DatasetInfo, teacher: RunInfo | None
) -> None:
    most = None if teacher is None else size(teacher)
    found = choices(info.num_classes, info.in_channels, form["image_size"], most=most)
    wanted = "resnet8" if form["role"] == "student" else _start_on(info).teacher
    default = (
        wanted
        if wanted in found
        else min(found, key=lambda name: found[name].parameters or math.inf)
    )
    name = fields.scoped("arch", form["role"], info.name)
    begin = fields.start(name, default, list(found))
    form["arch"] = st.selectbox(
        "Student" if form["role"] == "student" else "Model",
        list(found),
        index=list(found).index(begin),
        key=fields.key(name),
        format_func=lambda name: found[name].label,
        help=(
            None
            if most is None
            else (
                "Models that are larger than the teacher in both parameters and multiply-adds are"
                " not listed."
            )
        ),
    )
    fields.keep(name, form["arch"])
    model_costs.show(found, form["arch"], form["image_size"])


def _budget(fields: Fields, form: dict[str, Any], info: DatasetInfo) -> None:
    begin = _start_on(info)
    columns = st.columns(3)
    with columns[0]:
        name = fields.scoped("epochs", info.name)
        form["epochs"] = _whole(
            fields, name, "Epochs", begin.epochs, help="Passes over the training images."
        )
    with columns[1]:
        typed = st.text_input(
            "Seeds",
            value=fields.start("seeds", "0"),
            key=fields.key("seeds"),
            help=(
                "One seed (0), a list (0 1 2) or a range (0-4). Each seed is a separate run, or a"
                " separate race. It sets the initial weights, the image order and the augmentation."
            ),
        )
        form["seeds"] = fields.keep("seeds", typed)
    with columns[2]:
        name = fields.scoped("train_limit", info.name)
        limit = st.number_input(
            "Training images",
            value=fields.start(name, begin.train_limit),
            step=100,
            key=fields.key(name),
            placeholder=f"all {numbers.count(info.train_size)}",
            help="Train on a stratified subset of this size. This is faster, but less accurate.",
        )
        form["train_limit"] = fields.keep(name, limit)


def _more(fields: Fields, form: dict[str, Any]) -> None:
    with st.expander("More settings", icon=":material/settings:", key="distill-more"):
        columns = st.columns(2)
        with columns[0]:
            name = fields.scoped("batch_size", form["dataset"])
            begin = BUDGETS.get(form["dataset"], Budget()).batch_size
            form["batch_size"] = _whole(fields, name, "Batch size", begin)
        with columns[1]:
            optimizers = {"sgd": "SGD with momentum", "adamw": "AdamW"}
            form["optimizer"] = _choice(fields, "optimizer", "Optimiser", optimizers)
        columns = st.columns(2)
        with columns[0]:
            _rates(fields, form)
        with columns[1]:
            schedules = {name: name.capitalize() for name in SCHEDULES}
            form["schedule"] = _choice(fields, "schedule", "Schedule", schedules)
        columns = st.columns(2)
        with columns[0]:
            threads = st.number_input(
                "Threads",
                value=fields.start("threads", None),
                step=1,
                key=fields.key("threads"),
                placeholder="automatic",
                help=(
                    "CPU threads for this run. If empty, the cores are split among the runs that"
                    " may work at once."
                ),
            )
            form["threads"] = fields.keep("threads", threads)
        with columns[1]:
            form["precision"] = _choice(fields, "precision", "Precision", PRECISIONS)
        augment = st.toggle(
            "Augment images",
            value=fields.start("augment", True),
            key=fields.key("augment"),
            help="Random crops, and flips if they suit the data.",
        )
        form["augment"] = fields.keep("augment", augment)
        typed = st.text_input(
            "Run name",
            value=fields.start("name", ""),
            key=fields.key("name"),
            placeholder="derived from data, model, method and seed",
            max_chars=80,
        )
        form["name"] = fields.keep("name", typed).strip()


def _rates(fields: Fields, form: dict[str, Any]) -> None:
    """Ask for the learning rate: the tuned one of each method, or one for all."""
    own = form["role"] == "student" and form["optimizer"] == "sgd"
    if own:
        own = st.toggle(
            "Tuned learning rates",
            value=fields.start("own_rates", True),
            key=fields.key("own_rates"),
            help=(
                "Each method uses the best of five rates, chosen on the validation images of"
                " caltech95 (ResNet-8, batch size 64, 40 epochs). A single rate for all would"
                " favour some methods. On other data another rate may be better."
            ),
        )
        fields.keep("own_rates", own)
    form["own_rates"] = own
    name = fields.scoped("lr", form["optimizer"])
    default = OPTIMIZERS[form["optimizer"]]().lr
    rate: float | None = fields.start(name, default)
    if own:
        st.caption(rates_in_words(form["methods"]))
    else:
        rate = st.number_input(
            "Learning rate", value=rate, step=0.01, format="%g", key=fields.key(name)
        )
        fields.keep(name, default if rate is None else rate)
    form["lr"] = default if rate is None else rate


def _start_on(info: DatasetInfo) -> Budget:
    return BUDGETS.get(info.name, Budget())


def _whole(fields: Fields, name: str, label: str, default: int, *, help: str | None = None) -> int:
    """Ask for a whole number; an empty field gives the default."""
    value = st.number_input(
        label, value=fields.start(name, default), step=1, key=fields.key(name), help=help
    )
    return fields.keep(name, default if value is None else int(value))


def _choice(fields: Fields, name: str, label: str, options: dict[str, str]) -> str:
    names = list(options)
    chosen = st.selectbox(
        label,
        names,
        index=names.index(fields.start(name, names[0], names)),
        key=fields.key(name),
        format_func=lambda name: options[name],
    )
    return fields.keep(name, chosen)


def _dataset_of_view() -> str:
    """Return the data set of the comparison, so that the form starts with its teacher."""
    view = state.current()
    try:
        return info(library().find(view.teacher)).dataset if view.teacher else DEFAULT_DATASET
    except RunError:
        return DEFAULT_DATASET
