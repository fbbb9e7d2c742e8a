"""The decisions and sentences of the Distill page, without Streamlit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from app.distill.model_choice import millions
from bickd_core.config import SGD, AdamW, Cosine, Seeds, Step, TrainConfig, one_sentence
from bickd_core.data.class_order import ClassOrder, listed
from bickd_core.data.registry import DatasetInfo, dataset_info
from bickd_core.disk import explain_os_error
from bickd_core.models.catalogue import MODELS, resolve
from bickd_core.presets.catalogue import PRESETS
from bickd_core.presets.options import Options
from bickd_core.runs.library import RunFolder, RunInfo
from bickd_core.runs.same_data import is_data_of
from bickd_core.runs.status import Status
from bickd_viz.text import numbers

OPTIMIZERS: dict[str, type[SGD] | type[AdamW]] = {"sgd": SGD, "adamw": AdamW}
SCHEDULES = {"cosine": Cosine, "step": Step}
STARTING_SECONDS = 20.0
"""How long a page shows a worker as starting before it reports it as lost."""


@dataclass(frozen=True)
class Budget:
    """The form's initial values for a data set, chosen for a run of minutes on two cores.

    Attributes:
        teacher: the initial model for "Train a teacher", several times larger than the student's
            ResNet-8.
    """

    epochs: int = 20
    batch_size: int = 64
    train_limit: int | None = None
    teacher: str = "resnet14x2"


BUDGETS = {
    "caltech95": Budget(40),
    "fashion-mnist": Budget(15, train_limit=6000, teacher="resnet14"),
    "fashion-mnist-pairs": Budget(20),
    "digits": Budget(20, teacher="resnet14"),
}


# -- the form --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class OptionField:
    """One loss option in the form: a number, one of several words, or a switch.

    Attributes:
        default: None for a number that may be left empty.
        rare: whether the form shows it apart, under "More loss options".
    """

    name: str
    label: str
    help: str
    default: float | str | bool | None
    step: float = 0.1
    choices: tuple[str, ...] = ()
    rare: bool = False

    @property
    def is_switch(self) -> bool:
        return isinstance(self.default, bool)


def option_fields(options: type[Options]) -> tuple[OptionField, ...]:
    """Return the fields of a loss's options, in order, without `kind`."""
    return tuple(
        replace(_field(name, field), rare=name in options.rare)
        for name, field in options.model_fields.items()
        if name != "kind"
    )


def _field(name: str, field: FieldInfo) -> OptionField:
    label = name.replace("_", " ").capitalize()
    if isinstance(field.default, bool):
        return OptionField(
            name,
            label,
            f"{field.description or label} Default: {'on' if field.default else 'off'}.",
            field.default,
        )
    if field.default is None:
        return OptionField(name, label, field.description or label, None, 0.5)
    shown = (
        field.default.replace("_", " ")
        if isinstance(field.default, str)
        else f"{field.default:.6g}"
    )
    help = f"{field.description or label} Default: {shown}."
    if get_origin(field.annotation) is Literal:
        return OptionField(name, label, help, field.default, choices=get_args(field.annotation))
    if isinstance(field.default, int):
        return OptionField(name, label, help, field.default, max(field.default // 8, 1))
    return OptionField(name, label, help, float(field.default), 0.05 if field.default < 1 else 0.5)


def unused_options(kind: str, options: Mapping[str, Any]) -> frozenset[str]:
    """Return the options that have no effect with the current values of the others."""
    if kind != "bickd":
        return frozenset()
    sample, classes = options.get("lambda_sample"), options.get("lambda_class")
    unused = {"tau", "anchors"} if options.get("form") == "gram" else {"gram_weight"}
    if options.get("repel") != "above_margin":
        unused.add("margin")
    if not sample:
        unused.add("same_class")
    if not classes:
        unused |= {"absent", "queue", "column_weights", "off_diagonal", "repel", "margin"}
    if not (sample or classes):
        unused |= {"form", "tau", "gram_weight", "contrast_temperature", "vectors", "anchors"}
    return frozenset(unused)


RANGES = {
    "epochs": ("epochs", 1, 2000),
    "batch_size": ("batch size", 2, 8192),
    "threads": ("threads", 1, 256),
    "lr": ("the learning rate", 1e-6, 10),
}
"""The name in messages, the minimum and the maximum of each number in the form."""


def check_numbers(form: Mapping[str, Any]) -> None:
    """Check the form's numbers. The widgets accept any number, so that the page can explain what is
    wrong.

    Raises:
        ValueError: the number that is out of range, and its range.
    """
    info = dataset_info(form["dataset"])
    limit = ("training images", info.num_classes, info.train_size)
    for name, (called, low, high) in {**RANGES, "train_limit": limit}.items():
        value = form[name]
        if value is not None and not low <= value <= high:
            why = " (at least one for each class)" if name == "train_limit" else ""
            raise ValueError(
                f"{called} must be from {low:,g} to {high:,}{why}, got {value:,g}; correct it in"
                " the form."
            )


def build_config(form: Mapping[str, Any]) -> TrainConfig:
    """Return the validated config for the form's values.

    Args:
        form: role, dataset, image_size, teacher, arch, preset, options, epochs, batch_size, seed,
            train_limit, optimizer, lr, schedule, augment, precision, threads; also class_order if
            classes are named by whole numbers, and resize for the user's own images.

    Raises:
        ValueError: the first field that is wrong, in one sentence.
    """
    check_numbers(form)
    student = form["role"] == "student"
    objective = {"kind": form["preset"], **form["options"]} if student else {"kind": "ce"}
    try:
        return TrainConfig.model_validate(
            {
                "dataset": form["dataset"],
                "image_size": form["image_size"],
                "class_order": form.get("class_order"),
                "resize": form.get("resize"),
                "train_limit": form["train_limit"],
                "arch": form["arch"],
                "role": form["role"],
                "teacher": form["teacher"] if student else None,
                "objective": objective,
                "epochs": form["epochs"],
                "batch_size": form["batch_size"],
                "augment": form["augment"],
                "optimizer": {"kind": form["optimizer"], "lr": form["lr"]},
                "schedule": {"kind": form["schedule"]},
                "seeds": Seeds.all(form["seed"]).model_dump(),
                "precision": form["precision"],
                "threads": form["threads"],
            }
        )
    except ValidationError as error:
        raise ValueError(sentence(error)) from error


def data_sentences(info: DatasetInfo) -> list[str]:
    """Describe the user's own data: sizes, classes, their order, and classes without a test
    image."""
    parts = (
        f"{numbers.count(info.train_size)} training, {numbers.count(info.validation_size)}"
        f" validation and {numbers.counted(info.test_size, 'test image')}."
    )
    if info.all_test:
        parts = (
            f"{numbers.counted(info.test_size, 'image')}, all for test, so you cannot train on this"
            " data."
        )
    colours = "grey" if info.in_channels == 1 else "RGB"
    sizes = f"{numbers.counted(info.num_classes, 'class', 'classes')}, {colours}: {parts}"
    order = (
        " The names are whole numbers. New runs sort them by value, and students keep their"
        " teacher's order."
        if info.natural
        else ""
    )
    sentences = [sizes, f"Classes: {listed(info.class_names)}.{order}"]
    if info.absent:
        sentences.append(
            f"Classes without test images: {listed(info.absent)}. Test figures do not cover them."
        )
    return sentences


def order_labels(info: DatasetInfo) -> dict[ClassOrder, str]:
    """Return labels for the two orders of classes named by numbers, with the first classes that
    differ."""
    text_order = sorted(info.class_names)
    pairs = zip(info.class_names, text_order, strict=True)
    shown = next(i for i, (by_value, by_text) in enumerate(pairs) if by_value != by_text) + 1
    return {
        "natural": f"by value ({', '.join(info.class_names[:shown][-3:])})",
        "text": f"as text ({', '.join(text_order[:shown][-3:])})",
    }


def form_of(config: TrainConfig) -> dict[str, Any]:
    """Return the form's values for this config, without its method.

    Settings that the form does not show, such as momentum and milestones, are lost.
    """
    return {
        "role": config.role,
        "dataset": config.dataset,
        "image_size": config.image_size or _default_size(config.dataset),
        "class_order": config.class_order,
        "resize": config.resize,
        "teacher": config.teacher,
        "arch": config.arch,
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "seeds": str(config.seeds.weights),
        "train_limit": config.train_limit,
        "optimizer": config.optimizer.kind,
        "lr": config.optimizer.lr,
        "schedule": config.schedule.kind,
        "augment": config.augment,
        "precision": config.precision,
        "threads": config.threads,
    }


def _default_size(dataset: str) -> int | None:
    try:
        return dataset_info(dataset).default_image_size
    except ValueError:  # the user's own data no longer exists; the form shows a message
        return None


def sentence(error: Exception) -> str:
    """Return the message of any error as one sentence for the user."""
    if isinstance(error, OSError) and error.errno:
        text = explain_os_error(error)
    else:
        text = one_sentence(error) if isinstance(error, ValidationError) else str(error).strip()
    text = text.splitlines()[0] if text else type(error).__name__
    if re.match(r"[a-z'-]+[ ,;:]", text):  # a file's name stays as it is
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def plan_sentence(config: TrainConfig, teacher: RunInfo | None) -> str:
    """Describe what one run will train."""
    data, model = dataset_info(config.dataset), resolve(config.arch)
    images = numbers.counted(train_images(config), "image")
    rest = f"Data: {data.title}. Training: {numbers.counted(config.epochs, 'epoch')} over {images}."
    learner = model.title
    if model.name in MODELS:
        learner += f" ({millions(model.parameters(data.num_classes, data.in_channels))} parameters)"
    if config.role == "teacher" or teacher is None:
        return f"{learner} learns from the labels. {rest}"
    big = MODELS.get(teacher.arch)
    teacher_size = (
        "" if big is None else f" ({millions(big.parameters(data.num_classes, data.in_channels))})"
    )
    named = teacher.arch if big is None else big.title
    if config.objective.kind == "ce":
        return (
            f"{learner} learns from the labels, and is compared with {named}{teacher_size}. {rest}"
        )
    method = PRESETS[config.objective.kind].title
    return f"{learner} learns from {named}{teacher_size}. Method: {method}. {rest}"


def train_images(config: TrainConfig) -> int:
    size = dataset_info(config.dataset).train_size
    return min(config.train_limit or size, size)


# -- a run's state ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Phase:
    """The state of a run as shown: a word, its colour and icon, and whether it can change by
    itself."""

    name: str
    word: str
    colour: Literal["blue", "green", "red", "orange", "gray", "violet"]
    icon: str
    live: bool


_PHASES = {
    phase.name: phase
    for phase in (
        Phase("queued", "waiting for its turn", "violet", ":material/hourglass_empty:", True),
        Phase("starting", "starting", "violet", ":material/hourglass_empty:", True),
        Phase("running", "running", "blue", ":material/play_circle:", True),
        Phase("ending", "running", "blue", ":material/play_circle:", True),
        Phase("stopping", "stopping", "orange", ":material/pause_circle:", True),
        Phase("finished", "finished", "green", ":material/check_circle:", False),
        Phase("stopped", "stopped", "orange", ":material/pause_circle:", False),
        Phase("failed", "failed", "red", ":material/error:", False),
        Phase("lost", "worker lost", "red", ":material/link_off:", False),
    )
}


def phase(
    status: Status, *, stopping: bool = False, started_at: float | None = None, now: float
) -> Phase:
    """Return the phase to show for a status.

    Args:
        stopping: whether a stop was requested.
        started_at: when this session started a worker on the run, if it did. The old status is
            ignored until the worker has written its first one.
    """
    stale = status.stale(now)
    if _unanswered(status, started_at, now) and 0 <= now - (started_at or 0) < STARTING_SECONDS:
        return _PHASES["starting"]
    if stale:
        return _PHASES["lost"]
    if status.state == "queued" and status.worker is None and not stopping:
        return _PHASES["starting"]  # a worker that waits for a slot has written so
    if status.state == "running" and 0 < status.progress.epochs <= status.progress.epoch:
        return _PHASES[
            "ending"
        ]  # training is done; the last measurements take a minute and cannot be stopped
    if stopping and status.active:
        return _PHASES["stopping"]
    return _PHASES[status.state]


def unreported(status: Status, *, started_at: float | None, now: float) -> bool:
    """Return whether a worker that this session started at this time should have written its first
    status by now, but has not."""
    late = started_at is not None and now - started_at >= STARTING_SECONDS
    return late and _unanswered(status, started_at, now)


def _unanswered(status: Status, started_at: float | None, now: float) -> bool:
    quiet = not status.active or status.stale(now)
    return quiet and started_at is not None and status.heartbeat < started_at


def progress_text(status: Status, *, stopping: bool = False) -> str:
    """Return the text of the progress bar: epoch, step, speed and, unless the run is being stopped,
    the remaining time."""
    at = status.progress
    if not at.epochs:
        return status.message
    if at.epoch >= at.epochs:
        if status.message not in ("", "training"):
            return status.message
        finishing = ", finishing" if status.active else ""
        return f"all {numbers.counted(at.epochs, 'epoch')} done{finishing}"
    parts = [f"epoch {at.epoch + 1} of {at.epochs}"]
    if at.steps:
        parts.append(f"step {at.step} of {at.steps}")
    if at.images_per_second:
        parts.append(f"{numbers.number(at.images_per_second)} images/s")
    if at.seconds_left is not None and status.active and not stopping:
        parts.append(f"{numbers.duration(at.seconds_left)} left")
    return " · ".join(parts)


# -- teachers
# ---------------------------------------------------------------------------------------
def teachers_for(
    runs: Iterable[tuple[RunFolder, RunInfo]], dataset: str, image_size: int
) -> list[str]:
    """Return the keys of runs that can teach on this data: teachers first, then students."""
    fit = [
        (info.role != "teacher", "/" not in run.key, run.key)
        for run, info in runs
        if info.image_size == image_size
        and is_data_of(info, dataset, decode=False)
        and run.weights_path.exists()
        and run.has_predictions("validation")
    ]
    return [key for *_, key in sorted(fit)]
