"""Turn the methods and seeds of the Distill form into runs and races, without Streamlit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.distill.form_values import build_config, form_of, plan_sentence, train_images
from bickd_core.config import RESIZING, TrainConfig
from bickd_core.data.registry import dataset_info
from bickd_core.launch import local
from bickd_core.models.catalogue import resolve
from bickd_core.presets.catalogue import (
    PRESETS,
    RATES_TO_CHOOSE,
    SETTINGS,
    VARIANTS,
    ObjectiveOptions,
    own_rate,
    setting_of,
    variant_of,
)
from bickd_core.presets.options import Options
from bickd_core.runs.create import default_name
from bickd_core.runs.library import Library, NameTaken, RunFolder, RunInfo, with_a_free_name
from bickd_core.training.rates import have_own_rates
from bickd_viz.text import numbers

MAX_SEEDS = 20


@dataclass(frozen=True)
class Method:
    """An objective or a named setting of one, as the form offers it, with its initial `options`."""

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
        """Where its options come from, if that is not ours, and whether its learning rate was
        tuned with them."""
        setting = setting_of(self.name)
        if setting == "none" and self.name in PRESETS:
            return ""
        parts = [] if setting == "none" else [f"Options: {SETTINGS[setting]}."]
        if self.name in RATES_TO_CHOOSE:
            parts.append("The learning rate was tuned with other options.")
        return " ".join(parts)


def _methods() -> dict[str, Method]:
    methods = {}
    for preset in PRESETS.values():
        methods[preset.kind] = Method(
            preset.kind,
            preset.title,
            preset.why,
            preset.citation,
            preset.options.model_validate({}),
        )
        for variant in VARIANTS.values():
            if isinstance(variant.options, preset.options):
                methods[variant.name] = Method(
                    variant.name, variant.title, variant.why, variant.citation, variant.options
                )
    return methods


METHODS = _methods()
"""Every method by its name. A variant follows the objective that it belongs to."""


def method_of(objective: ObjectiveOptions) -> str:
    """Return the method with exactly these options, else the objective's kind."""
    variant = variant_of(objective)
    return objective.kind if variant is None else variant.name


def read_seeds(typed: str) -> tuple[int, ...]:
    """Read seeds such as "0", "0 1 2", "0, 3" or "0-4", without duplicates.

    >>> read_seeds("0-2, 7")
    (0, 1, 2, 7)

    Raises:
        ValueError: a part is not a seed, or there are none or more than 20.
    """
    seeds: list[int] = []
    for part in re.split(r"[\s,;]+", typed.strip()):
        match = re.fullmatch(r"(\d{1,10})(?:[-–](\d{1,10}))?", part)
        if match is None:
            raise ValueError(
                f"seeds must be whole numbers such as 0, 0 1 2 or 0-4, got '{part:.20}'."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MAX_SEEDS or last >= 2**31:
            raise ValueError(
                f"seeds must be at most {MAX_SEEDS}, each below 2^31, got '{part:.24}'."
            )
        seeds += [seed for seed in range(first, last + 1) if seed not in seeds]
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise ValueError(
            f"seeds must be at most {MAX_SEEDS}, got {len(seeds)}; start the others later."
        )
    return tuple(seeds)


# -- the plan
# ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Planned:
    """A run before it has a folder.

    Attributes:
        method: the method that was chosen. Its options may have been changed.
        named: whether the user typed the name. It is then an error if the name already exists.
    """

    config: TrainConfig
    name: str
    method: str
    named: bool


@dataclass(frozen=True)
class Plan:
    """Runs in their starting order: one group for each seed. The runs of a group race in one
    worker."""

    groups: tuple[tuple[Planned, ...], ...]

    @property
    def configs(self) -> tuple[TrainConfig, ...]:
        """The configs of the first seed, which the page measures and describes."""
        return tuple(run.config for run in self.groups[0])

    @property
    def is_race(self) -> bool:
        return len(self.groups[0]) > 1


def build_plan(form: Mapping[str, Any]) -> Plan:
    """Return the runs for the form's values.

    Args:
        form: `methods`, `options` by method, `seeds` as typed, and the fields of `build_config`.

    Raises:
        ValueError: the first field that is wrong, in one sentence.
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
            config = build_config(
                {**form, "preset": kind, "options": options, "seed": seed, "lr": rate}
            )
            typed = form.get("name") or ""
            label = "teacher" if config.role == "teacher" else method
            named = f"{typed}-{label}-s{seed}" if many else typed
            name = named if typed else default_name(config, method)
            group.append(Planned(config, name, method, bool(typed)))
        groups.append(tuple(group))
    return Plan(tuple(groups))


def not_reused(configs: Sequence[TrainConfig]) -> list[str]:
    """Return the settings of these runs that the form cannot show, so that new runs have others.

    Args:
        configs: of one run, or of the runs of a race.
    """
    first, own_rates = configs[0], have_own_rates(configs)
    objectives = {method_of(config.objective): config.objective for config in configs}
    names: list[str] = []
    for config in configs:
        objective = objectives[method_of(config.objective)]
        form = {
            **form_of(first),
            "preset": objective.kind,
            "options": objective.model_dump(exclude={"kind"}),
            "seed": first.seeds.weights,
            "lr": (config if own_rates else first).optimizer.lr,
        }
        try:
            names += _differences(config, build_config(form))
        except ValueError:
            return []  # the form shows what is wrong with these settings
    return list(dict.fromkeys(names))


def _differences(config: TrainConfig, again: TrainConfig) -> Iterator[str]:
    # images are made square as for the teacher, and a size that is not set is the data's
    same = {*(RESIZING if config.teacher else ()), *(() if config.image_size else ("image_size",))}
    for name in TrainConfig.model_fields:
        value, other = getattr(config, name), getattr(again, name)
        if value == other or name in same:
            continue
        if type(value) is type(other) and isinstance(value, BaseModel):
            yield from (part for part, it in value if getattr(other, part) != it)
        else:
            yield name


def uses_own_rates(form: Mapping[str, Any]) -> bool:
    """Return whether each method uses its tuned learning rate: if requested, for a student, with
    SGD."""
    return bool(form.get("own_rates")) and form["role"] == "student" and form["optimizer"] == "sgd"


def rates_text(methods: Iterable[str]) -> str:
    """List the tuned rates, as "KD 0.4; DIST 0.025"."""
    return "; ".join(f"{METHODS[name].title} {METHODS[name].rate:g}" for name in methods)


def start(plan: Plan, library: Library) -> list[list[RunFolder]]:
    """Start a worker for each group, or queue it.

    Raises:
        ValueError: a name already exists, a config cannot be started, or the library is read-only.
            That group leaves nothing behind.
    """
    existing = [
        run.name for group in plan.groups for run in group if run.named and library.taken(run.name)
    ]
    if existing:
        raise NameTaken(existing[0])
    return [_submit(group, library) for group in plan.groups]


def _submit(group: Sequence[Planned], library: Library) -> list[RunFolder]:
    def submit() -> list[RunFolder]:
        names = [run.name if run.named else library.free_name(run.name) for run in group]
        return local.submit_race([run.config for run in group], library, names=names)

    return submit() if any(run.named for run in group) else with_a_free_name(submit)


# -- in words
# ----------------------------------------------------------------------------------------
def plan_text(plan: Plan, teacher: RunInfo | None) -> str:
    """Describe what the plan will train."""
    first = plan.configs[0]
    seeds = len(plan.groups)
    if not plan.is_race:
        text = plan_sentence(first, teacher)
        return text if seeds == 1 else f"{text} There are {seeds} runs, one for each seed."
    titles = [METHODS[name].title for name in method_labels(plan.groups[0])]
    commas = any("," in title for title in titles)
    listed = "; ".join(titles) if commas else f"{', '.join(titles[:-1])} and {titles[-1]}"
    budget = (
        f"{numbers.counted(first.epochs, 'epoch')} over"
        f" {numbers.counted(train_images(first), 'image')}"
    )
    text = (
        f"{len(titles)} students ({resolve(first.arch).title}) race: {listed}. Data:"
        f" {dataset_info(first.dataset).title}. Training: {budget}, on the same batches for all."
        " Each student ends with the same weights as in a run of its own on as many threads."
    )
    if len({config.optimizer.lr for config in plan.configs}) > 1:
        rates = "; ".join(
            f"{title} {config.optimizer.lr:g}"
            for title, config in zip(titles, plan.configs, strict=True)
        )
        text += f" Learning rates: {rates}."
    return text if seeds == 1 else f"{text} There are {seeds} races, one for each seed."


def method_labels(runs: Sequence[Planned]) -> list[str]:
    """Return the method of each run of a race, or its objective if the options were changed. If two
    are the same then, return the methods that were chosen."""
    names = [method_of(run.config.objective) for run in runs]
    return names if len(set(names)) == len(names) else [run.method for run in runs]
