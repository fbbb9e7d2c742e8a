"""The form for a training: what to train, on which data, from which teacher and for how long."""

from __future__ import annotations

import math
from typing import Any

from app import state
from app.components import data_form
from app.components.fields import Fields
from app.data.runs import DEFAULT_DATASET, described, info, library, runs_with_info
from app.distill.form_values import (
    BUDGETS,
    OPTIMIZERS,
    SCHEDULES,
    Budget,
    form_of,
    teachers_for,
)
from app.distill.model_choice import choices
from app.distill.plan import method_of, not_reused, rates_text
from app.pages.distill import methods as method_form
from app.pages.distill import model_costs
from app.plain import st
from app.run_table import size
from bickd_core.config import TrainConfig
from bickd_core.data.registry import DatasetInfo, dataset_info
from bickd_core.data.resizing import DEFAULT
from bickd_core.runs.library import RunError, RunInfo
from bickd_core.runs.same_data import is_data_of
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
    order, resize = form.pop("class_order"), form.pop("resize")
    if configs[0].teacher is None:  # with a teacher, both are the teacher's; older runs have "text"
        fields.set(**{fields.scoped("class_order", on): order or "text"})
        fields.set(**{fields.scoped("resize", on): resize or "crop"})
    fields.set(**{fields.scoped("lr", kind): form.pop("lr")})
    fields.set(not_reused=[*not_reused(configs), *_not_offered(configs[0])])
    fields.set(**form)
    if configs[0].role == "teacher":
        return  # the form asks for methods and tuned rates only for students
    if kind == "sgd":
        fields.set(own_rates=have_own_rates(configs))
    fields.set(methods=list(methods))
    for name, options in methods.items():
        method_form.write(fields, name, options)


def _not_offered(config: TrainConfig) -> list[str]:
    """Return "teacher" and "arch" if the form does not offer the config's now."""
    try:
        data = dataset_info(config.dataset)
    except ValueError:
        return []  # the form says what is wrong with the data
    side = config.image_size or data.default_image_size
    teachers = teachers_for(runs_with_info(), config.dataset, side)
    if config.teacher is not None and config.teacher not in teachers:
        return ["teacher"]  # another one decides which models are offered
    most = None if config.teacher is None else size(info(library().find(config.teacher)))
    models = choices(data.num_classes, data.in_channels, side, most=most)
    return [] if config.arch in models else ["arch"]


def distil_from(key: str, dataset: str, image_size: int) -> None:
    """Fill the form for a student of this teacher, on the teacher's data."""
    fields = _fields()
    data_form.write(fields, dataset)
    fields.set(
        role="student",
        not_reused=[],
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
    if lost := fields.get("not_reused"):
        st.caption(f"Not in the form, so not reused: {', '.join(lost)}.")
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
    data = data_form.choose(fields, _dataset_of_view())
    if data is None:
        return None
    form |= {"dataset": data.name, "image_size": _image_size(fields, data), "teacher": None}
    teacher = _teacher(fields, form) if form["role"] == "student" else None
    if form["role"] == "student" and teacher is None and form["methods"] != ["ce"]:
        _no_teacher(fields)
        return None
    form["class_order"] = data_form.class_order(fields, data) if form["teacher"] is None else None
    form["resize"] = data_form.resize(fields, data) if form["teacher"] is None else None
    if teacher is not None and teacher.resizing != DEFAULT:
        st.caption(f"Images are {teacher.resizing.description}, as for the teacher.")
    _architecture(fields, form, data, teacher)
    _budget(fields, form, data)
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
    return fields.segmented(
        "role", "What to train", list(labels), title=labels.__getitem__, width="stretch"
    )


def _image_size(fields: Fields, info: DatasetInfo) -> int:
    if len(info.image_sizes) == 1:
        return info.default_image_size
    name = fields.scoped("image_size", info.name)
    sizes = {*info.image_sizes, *(_sizes_of_runs(info.name) if info.any_size else ())}
    if info.any_size and (chosen := fields.get(name)):
        sizes.add(chosen)
    return fields.segmented(
        name,
        "Image size",
        sorted(sizes),
        default=info.default_image_size,
        title=lambda side: f"{side} × {side}",
    )


def _sizes_of_runs(dataset: str) -> set[int]:
    """Return the image sizes of the runs with weights on this data, which can teach."""
    return {
        run_info.image_size
        for run, run_info in runs_with_info()
        if run_info.image_size is not None
        and run.weights_path.exists()
        and is_data_of(run_info, dataset, decode=False)
    }


def _teacher(fields: Fields, form: dict[str, Any]) -> RunInfo | None:
    keys = teachers_for(runs_with_info(), form["dataset"], form["image_size"])
    if form["methods"] == ["ce"]:
        keys = [*keys, _FROM_LABELS]
    if not keys:
        return None
    shown = state.current().teacher
    chosen = fields.select(
        fields.scoped("teacher", form["dataset"]),
        "Teacher",
        keys,
        default=shown if shown in keys else keys[0],
        title=lambda key: "none" if key == _FROM_LABELS else described(key),
        help=(
            "Finished runs on this data. With “Labels only” the student does not learn from the"
            " teacher, but its agreement with the teacher is measured."
        ),
    )
    form["teacher"] = None if chosen == _FROM_LABELS else chosen
    try:
        return None if form["teacher"] is None else info(library().find(chosen))
    except RunError:
        return None


def _no_teacher(fields: Fields) -> None:
    st.info(
        "There is no finished teacher for this data and image size yet. Train one first, then"
        " distil students from it."
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
    models = choices(info.num_classes, info.in_channels, form["image_size"], most=most)
    wanted = "resnet8" if form["role"] == "student" else _start_on(info).teacher
    default = (
        wanted
        if wanted in models
        else min(models, key=lambda name: models[name].parameters or math.inf)
    )
    form["arch"] = fields.select(
        fields.scoped("arch", form["role"], info.name),
        "Student" if form["role"] == "student" else "Model",
        list(models),
        default=default,
        title=lambda name: models[name].label,
        help=(
            None
            if most is None
            else (
                "Models that are larger than the teacher in both parameters and multiply-adds are"
                " not listed."
            )
        ),
    )
    model_costs.show(models, form["arch"], form["image_size"])


def _budget(fields: Fields, form: dict[str, Any], info: DatasetInfo) -> None:
    begin = _start_on(info)
    columns = st.columns(3)
    with columns[0]:
        name = fields.scoped("epochs", info.name)
        form["epochs"] = _whole(
            fields, name, "Epochs", begin.epochs, help="Passes over the training images."
        )
    with columns[1]:
        form["seeds"] = fields.text(
            "seeds",
            "Seeds",
            default="0",
            help=(
                "One seed (0), a list (0 1 2) or a range (0-4). Each seed is a separate run, or a"
                " separate race. It sets the initial weights, the image order and the augmentation."
            ),
        )
    with columns[2]:
        form["train_limit"] = fields.number(
            fields.scoped("train_limit", info.name),
            "Training images",
            default=begin.train_limit,
            step=100,
            placeholder=f"all {numbers.count(info.train_size)}",
            help="Train on a stratified subset of this size. This is faster, but less accurate.",
        )


def _more(fields: Fields, form: dict[str, Any]) -> None:
    with st.expander("More settings", icon=":material/settings:", key="distill-more"):
        columns = st.columns(2)
        with columns[0]:
            name = fields.scoped("batch_size", form["dataset"])
            begin = BUDGETS.get(form["dataset"], Budget()).batch_size
            form["batch_size"] = _whole(fields, name, "Batch size", begin)
        with columns[1]:
            optimizers = {"sgd": "SGD with momentum", "adamw": "AdamW"}
            form["optimizer"] = fields.select(
                "optimizer", "Optimiser", list(optimizers), title=optimizers.__getitem__
            )
        columns = st.columns(2)
        with columns[0]:
            _rates(fields, form)
        with columns[1]:
            form["schedule"] = fields.select(
                "schedule", "Schedule", list(SCHEDULES), title=str.capitalize
            )
        columns = st.columns(2)
        with columns[0]:
            form["threads"] = fields.number(
                "threads",
                "Threads",
                default=None,
                step=1,
                placeholder="automatic",
                help=(
                    "CPU threads for this run. If empty, the cores are split among the runs that"
                    " may train at once."
                ),
            )
        with columns[1]:
            form["precision"] = fields.select(
                "precision", "Precision", list(PRECISIONS), title=PRECISIONS.__getitem__
            )
        form["augment"] = fields.toggle(
            "augment",
            "Augment images",
            default=True,
            help="Random crops, and flips if they suit the data.",
        )
        form["name"] = fields.text(
            "name",
            "Run name",
            placeholder="derived from data, model, method and seed",
            max_chars=80,
        )


def _rates(fields: Fields, form: dict[str, Any]) -> None:
    """Ask for the learning rate: the tuned one of each method, or one for all."""
    own = form["role"] == "student" and form["optimizer"] == "sgd"
    if own:
        own = fields.toggle(
            "own_rates",
            "Tuned learning rates",
            default=True,
            help=(
                "Each method uses the best of five rates, chosen on the validation images of"
                " caltech95 (ResNet-8, batch size 64, 40 epochs). For the methods named “tuned”,"
                " our study tuned the rate together with the options. A single rate for all would"
                " favour some methods. On other data another rate may be better."
            ),
        )
    form["own_rates"] = own
    name = fields.scoped("lr", form["optimizer"])
    default = OPTIMIZERS[form["optimizer"]]().lr
    if own:
        st.caption(rates_text(form["methods"]))
        form["lr"] = fields.start(name, default)
        return
    rate = fields.number(name, "Learning rate", default=default, step=0.01, format="%g")
    form["lr"] = fields.store(name, default if rate is None else rate)


def _start_on(info: DatasetInfo) -> Budget:
    return BUDGETS.get(info.name, Budget())


def _whole(fields: Fields, name: str, label: str, default: int, *, help: str | None = None) -> int:
    """Ask for a whole number; an empty field gives the default."""
    value = fields.number(name, label, default=default, step=1, help=help)
    return fields.store(name, default if value is None else int(value))


def _dataset_of_view() -> str:
    """Return the data set of the comparison, so that the form starts with its teacher."""
    view = state.current()
    try:
        return info(library().find(view.teacher)).dataset if view.teacher else DEFAULT_DATASET
    except RunError:
        return DEFAULT_DATASET
