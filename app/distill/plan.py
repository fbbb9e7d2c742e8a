"""What the Distill page is about to start, without Streamlit: methods and seeds as runs, and as races of several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.distill.form_values import build_config, plan_sentence, train_images
from bickd_core.config import TrainConfig
from bickd_core.data import dataset_info
from bickd_core.launch import local
from bickd_core.models.catalogue import resolve
from bickd_core.presets import (
    PRESETS,
    RATES_TO_CHOOSE,
    VARIANTS,
    ObjectiveOptions,
    Options,
    own_rate,
    setting_of,
    variant_of,
)
from bickd_core.runs.create import default_name
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, with_a_free_name
from bickd_viz.text import numbers

MAX_SEEDS = 20


@dataclass(frozen=True)
class Method:
    """An objective, or a published setting of one, as the form offers it; `options` are what it starts from."""

    name: str
    title: str
    why: str
    citation: str
    options: Options

    @property
    def rate(self) -> float:
        """The learning rate that did best on caltech95."""
        return own_rate(self.options)

    @property
    def kind(self) -> str:
        return self.options.kind

    @property
    def origin(self) -> str:
        """What its options were published for, and whether its rate was chosen with them, in a sentence or two."""
        setting = setting_of(self.name)
        if not setting:
            return ""
        rate = " Its learning rate was chosen with other options." if self.name in RATES_TO_CHOOSE else ""
        return f"Options: the published {setting} setting.{rate}"


def _methods() -> dict[str, Method]:
    found = {}
    for preset in PRESETS.values():
        found[preset.kind] = Method(
            preset.kind,
            preset.title,
            preset.why,
            preset.citation,
            preset.options.model_validate({}),
        )
        for variant in VARIANTS.values():
            if isinstance(variant.options, preset.options):
                found[variant.name] = Method(
                    variant.name, variant.title, variant.why, variant.citation, variant.options
                )
    return found


METHODS = _methods()
"""Every method by its name; a variant stands behind the objective that it sets."""


def method_of(objective: ObjectiveOptions) -> str:
    """The method that has these very options, or the objective's kind."""
    variant = variant_of(objective)
    return objective.kind if variant is None else variant.name


def read_seeds(typed: str) -> tuple[int, ...]:
    """Seeds out of "0", "0 1 2", "0, 3" or "0-4", each once.

    >>> read_seeds("0-2, 7")
    (0, 1, 2, 7)

    Raises:
        ValueError: a part is no seed, or they are none or more than 20.
    """
    found: list[int] = []
    for part in re.split(r"[\s,;]+", typed.strip()):
        match = re.fullmatch(r"(\d{1,10})(?:[-–](\d{1,10}))?", part)
        if match is None:
            raise ValueError(f"seeds are whole numbers such as 0, or 0 1 2, or 0-4; got '{part:.20}'.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MAX_SEEDS or last >= 2**31:
            raise ValueError(f"at most {MAX_SEEDS} seeds at once, each below 2^31; got '{part:.24}'.")
        found += [seed for seed in range(first, last + 1) if seed not in found]
    if not 1 <= len(found) <= MAX_SEEDS:
        raise ValueError(f"at most {MAX_SEEDS} seeds at once, got {len(found)}; start the others later.")
    return tuple(found)


# -- the plan ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Planned:
    """A run before it has a folder. named: its name was typed, so that a taken one is an error."""

    config: TrainConfig
    name: str
    named: bool


@dataclass(frozen=True)
class Plan:
    """Runs in the order in which they start: a group for each seed, whose runs race each other in one worker."""

    groups: tuple[tuple[Planned, ...], ...]

    @property
    def configs(self) -> tuple[TrainConfig, ...]:
        """Of the first seed: what is measured, and said."""
        return tuple(run.config for run in self.groups[0])

    @property
    def is_race(self) -> bool:
        return len(self.groups[0]) > 1


def build_plan(form: Mapping[str, Any]) -> Plan:
    """The runs of what the form holds: `methods`, `options` by method, `seeds` as typed, and what `build_config` takes.

    Raises:
        ValueError: one sentence on the first thing that is wrong.
    """
    methods = form["methods"] if form["role"] == "student" else ["ce"]
    seeds = read_seeds(form["seeds"])
    many = len(methods) * len(seeds) > 1
    groups = []
    for seed in seeds:
        group = []
        for method in methods:
            kind = METHODS[method].kind
            begin = METHODS[method].options.model_dump(exclude={"kind"})
            options = {**begin, **form.get("options", {}).get(method, {})}
            rate = METHODS[method].rate if uses_own_rates(form) else form["lr"]
            config = build_config({**form, "preset": kind, "options": options, "seed": seed, "lr": rate})
            typed = form.get("name") or ""
            made = re.sub(rf"-{kind}-s(\d+)$", rf"-{method}-s\1", default_name(config))
            told = "teacher" if config.role == "teacher" else method
            name = (f"{typed}-{told}-s{seed}" if many else typed) if typed else made
            group.append(Planned(config, name, bool(typed)))
        groups.append(tuple(group))
    return Plan(tuple(groups))


def uses_own_rates(form: Mapping[str, Any]) -> bool:
    """Whether each method has the learning rate that did best for it: asked for, a student, and with SGD."""
    return bool(form.get("own_rates")) and form["role"] == "student" and form["optimizer"] == "sgd"


def rates_in_words(methods: Iterable[str]) -> str:
    """Each method's own rate, as "KD 0.4; DIST 0.025"."""
    return "; ".join(f"{METHODS[name].title} {METHODS[name].rate:g}" for name in methods)


def start(plan: Plan, library: Library) -> list[list[RunFolder]]:
    """Start a worker for each group; they take their turns in the queue.

    Raises:
        ValueError: a name is taken, or a config cannot be started; of that group nothing is left.
    """
    taken = [
        run.name for group in plan.groups for run in group if run.named and (library.own / run.name).exists()
    ]
    if taken:
        raise RunError(f"a run named '{taken[0]}' is already there; choose another name.")
    return [_submit(group, library) for group in plan.groups]


def _submit(group: Sequence[Planned], library: Library) -> list[RunFolder]:
    def submit() -> list[RunFolder]:
        names = [run.name if run.named else library.free_name(run.name) for run in group]
        return local.submit_race([run.config for run in group], library, names=names)

    return submit() if any(run.named for run in group) else with_a_free_name(submit)


# -- in words ----------------------------------------------------------------------------------------
def told(plan: Plan, teacher: RunInfo | None) -> str:
    """What is about to happen, in a sentence or two."""
    first = plan.configs[0]
    seeds = len(plan.groups)
    if not plan.is_race:
        said = plan_sentence(first, teacher)
        return (
            said
            if seeds == 1
            else f"{said} {seeds} runs, one a seed, which weights, order and augmentation follow; each waits for its turn in the queue."
        )
    titles = [METHODS[method_of_run(run)].title for run in plan.groups[0]]
    listed = f"{', '.join(titles[:-1])} and {titles[-1]}"
    budget = f"{numbers.counted(first.epochs, 'epoch')} over {numbers.counted(train_images(first), 'image')}"
    said = (
        f"{len(titles)} students ({resolve(first.arch).title}) race on {dataset_info(first.dataset).title}: {listed}, {budget} each. They see the same "
        "batches, and the teacher sees each batch once for all of them; each ends with the weights that it has alone."
    )
    if len({config.optimizer.lr for config in plan.configs}) > 1:
        rates = "; ".join(
            f"{title} {config.optimizer.lr:g}" for title, config in zip(titles, plan.configs, strict=True)
        )
        said += f" Learning rates: {rates}."
    return (
        said
        if seeds == 1
        else f"{said} {seeds} races, one a seed, which weights, order and augmentation follow; each waits for its turn in the queue."
    )


def method_of_run(run: Planned) -> str:
    """The name of a planned run's method; with options of its own it is the objective's."""
    return method_of(run.config.objective)
