"""The definition of a sweep: one validated YAML file, and the runs that follow from it. Without
torch."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, create_model
from pydantic import model_validator as validator

from bickd_core.atomic import write_text
from bickd_core.config import SGD, AdamW, Seeds, Strict, TrainConfig, one_sentence
from bickd_core.naming import first_line, not_known
from bickd_core.presets.catalogue import PRESETS, VARIANTS, ObjectiveOptions, own_rate
from bickd_core.reading import read_yaml
from bickd_core.runs.info import NAME, RunError, check_name
from bickd_core.sweeps.search import Distribution, draw

Seed = Annotated[int, Field(ge=0, lt=2**31)]


SWEPT = ("arch", "role", "teacher", "objective", "seeds", "extends", "validation_fold")
"""Fields of a run's config that a sweep sets itself or does not use. The other fields are the same
in all runs."""

Shared: type[BaseModel] = create_model(  # type: ignore[call-overload]
    "Shared",
    __base__=Strict,
    __doc__="What all runs of a sweep share.",
    **{
        name: (field.annotation, copy.copy(field))
        for name, field in TrainConfig.model_fields.items()
        if name not in SWEPT
    },
)


def _slug(label: str) -> str:
    """Return a label as part of a run's name.

    >>> _slug("kd+standardize")
    'kd-standardize'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-")


class Method(Strict):
    """An objective with its options and a label, by default the objective's kind.

    Attributes:
        train: settings of this method, such as a learning rate, in place of those that all runs
            share.
        search: distributions of options of the objective, and of `lr`, the learning rate. The
            method then becomes as many methods as the sweep has `configurations`, called LABEL-00,
            LABEL-01 and so on. Options without a distribution keep their values.
    """

    label: str = ""
    objective: ObjectiveOptions
    train: dict[str, Any] = Field(
        {}, description="fields of a run's config that are this method's own"
    )
    search: dict[str, Distribution] = Field({}, description="distributions to draw options from")

    @property
    def shown(self) -> str:
        return self.label or self.objective.kind

    @validator(mode="after")
    def _searches_its_own_options(self) -> Method:
        known = ["lr", *(name for name in type(self.objective).model_fields if name != "kind")]
        for name in self.search:
            if name not in known:
                raise ValueError(f"`search` of {self.shown}: an option {not_known(name, known)}")
        return self


def _method(given: Any) -> Any:
    """Expand the name of an objective or of a published variant to a mapping: `kd`,
    `kd-standardize`."""
    if not isinstance(given, str):
        return given
    if given in VARIANTS:
        return {"label": given, "objective": VARIANTS[given].options}
    if given not in PRESETS:
        raise ValueError(f"a method {not_known(given, [*PRESETS, *VARIANTS])}")
    return {"objective": {"kind": given}}


class Pair(Strict):
    """A teacher (key or folder of a finished run) and the model of its students."""

    teacher: str
    student: str
    label: str = Field(
        "", description="its part of the runs' names; made of both where there are several pairs"
    )

    @property
    def shown(self) -> str:
        return self.label or f"{self.teacher.strip('/').rpartition('/')[2]}-{self.student}"


class Sweep(Strict):
    """Methods x seeds x pairs. A run is called `NAME-METHOD-sSEED`, with the pair after NAME if
    there are several.

    All three seeds of a run are its seed, so each run has its own augmentation stream. With
    `shared_augmentation`, all runs use the stream of the first seed: they share the teacher's
    views, and the deviation over seeds is too small.

    If the shared `train` has `validation_folds`, a run's validation split is the fold of its seed:
    seed modulo the number of folds.
    """

    name: str
    pairs: tuple[Pair, ...] = Field(min_length=1)
    methods: tuple[Annotated[Method, BeforeValidator(_method)], ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    shared_augmentation: bool = False
    own_rates: bool | None = Field(
        None,
        description=(
            "whether a method without an optimizer in its own `train` takes its preset's learning"
            " rate; if not set: only with sgd and without an `lr`"
        ),
    )
    train: dict[str, Any] = Field({}, description="what all runs share: fields of a run's config")
    configurations: int | None = Field(
        None, ge=1, le=100, description="how many configurations of each method with a `search`"
    )
    search_seed: Seed = Field(0, description="chooses the configurations")
    results_on: Literal["test", "validation"] = Field(
        "test", description="the split of the figures in the result lines"
    )
    corruptions: bool = Field(
        False, description="whether the result lines have the accuracy on corrupted test images"
    )

    @validator(mode="after")
    def _names_are_apart(self) -> Sweep:
        check_name(self.name)
        if self.corruptions and self.results_on != "test":
            raise ValueError(
                "`corruptions` are of test images, but `results_on` is validation; leave one out."
            )
        searched = [method.shown for method in self.methods if method.search]
        if bool(searched) != (self.configurations is not None):
            raise ValueError(
                f"a `search`, here of {searched[0]}, needs the number of `configurations`."
                if searched
                else "`configurations` needs a method with a `search`; leave it out, or add one."
            )
        try:
            names = [run.name for run in planned_runs(self)]
        except ValidationError as error:
            raise ValueError(f"in `train`: {one_sentence(error)}") from error
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(
                f"two runs would be named '{twice[0]}'; give methods of one kind a `label` each,"
                " pairs too, and name no seed twice."
            )
        if wrong := [name for name in names if not NAME.fullmatch(name)]:
            raise ValueError(
                f"'{wrong[0]}' cannot be a run's name; shorten the sweep's name or its labels."
            )
        return self


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep, before it has a folder."""

    name: str
    method: str
    """Label of the method."""
    pair: str
    config: TrainConfig

    @property
    def title(self) -> str:
        """The run's name in charts; "" if the charts can derive it from the run."""
        plain = self.method == self.config.objective.kind
        return "" if plain else f"{self.method}, seed {self.config.seeds.weights}"


def planned_runs(sweep: Sweep) -> list[PlannedRun]:
    """Return the sweep's runs in their order. Seeds are the outer loop, so that finished runs can
    be compared early."""
    common = []
    methods = [each for method in sweep.methods for each in _configured(method, sweep)]
    for method in methods:
        shared = Shared.model_validate({**sweep.train, **method.train})
        settings = {name: getattr(shared, name) for name in shared.model_fields_set}
        optimizer = shared.optimizer  # type: ignore[attr-defined]
        if _takes_own_rate(method, optimizer, sweep):
            settings["optimizer"] = optimizer.model_copy(update={"lr": own_rate(method.objective)})
        common.append(settings)
    planned = []
    for seed in sweep.seeds:
        seeds = Seeds.all(seed)
        if sweep.shared_augmentation:
            seeds = seeds.model_copy(update={"augmentation": sweep.seeds[0]})
        for pair in sweep.pairs:
            place = _slug(pair.label or (pair.shown if len(sweep.pairs) > 1 else ""))
            for method, settings in zip(methods, common, strict=True):
                parts = [sweep.name, *([place] if place else []), _slug(method.shown), f"s{seed}"]
                config = TrainConfig(
                    arch=pair.student,
                    teacher=pair.teacher,
                    objective=method.objective,
                    seeds=seeds,
                    validation_fold=seed % (settings.get("validation_folds") or 1),
                    **settings,
                )
                planned.append(PlannedRun("-".join(parts), method.shown, pair.shown, config))
    return planned


def _takes_own_rate(method: Method, optimizer: SGD | AdamW, sweep: Sweep) -> bool:
    """Return whether a method takes its preset's learning rate.

    Args:
        optimizer: the method's own, or that of all runs.

    Raises:
        ValueError: `own_rates` is requested with another optimizer than sgd.
    """
    if sweep.own_rates is False:
        return False
    if sweep.own_rates and "optimizer" not in method.train:
        if optimizer.kind != "sgd":
            raise ValueError(
                f"own_rates are learning rates of sgd, got the optimizer {optimizer.kind};"
                " leave one of them out."
            )
        return True
    return optimizer.kind == "sgd" and "lr" not in optimizer.model_fields_set


def _configured(method: Method, sweep: Sweep) -> list[Method]:
    """Return the method, or its configurations if it has a `search`."""
    if not method.search or sweep.configurations is None:
        return [method]
    methods = []
    drawn = draw(method.search, sweep.configurations, seed=sweep.search_seed, label=method.shown)
    for number, options in enumerate(drawn):
        train = dict(method.train)
        if "lr" in options:
            shared = train.get("optimizer", sweep.train.get("optimizer", {"kind": "sgd"}))
            if not isinstance(shared, Mapping):
                raise ValueError(
                    "in `train`: `optimizer` must be a mapping such as {kind: sgd}, got"
                    f" {str(shared)[:40]!r}."
                )
            train["optimizer"] = {**shared, "lr": options.pop("lr")}
        try:
            objective = type(method.objective).model_validate(
                {**method.objective.model_dump(), **options}
            )
        except ValidationError as error:
            raise ValueError(f"`search` of {method.shown}: {one_sentence(error)}") from error
        label = f"{method.shown}-{number:02d}"
        methods.append(Method(label=label, objective=objective, train=train))
    return methods


def rates_of_flags(train: Mapping[str, Any], one_rate: float | None) -> dict[str, Any]:
    """Return `train` and `own_rates` of a sweep whose settings are flags.

    Args:
        train: settings that all runs share. Its optimizer has an `lr` only if it was given.
        one_rate: learning rate of all methods. If neither gives one, each method uses its own.

    Raises:
        ValueError: both give a learning rate.
    """
    optimizer = dict(train["optimizer"])
    if one_rate is not None:
        if "lr" in optimizer:
            raise ValueError(
                f"--one-rate {one_rate:g} and --lr {optimizer['lr']:g} both give the learning rate;"
                " leave one out."
            )
        optimizer["lr"] = one_rate
    own_rates = optimizer["kind"] == "sgd" and "lr" not in optimizer
    return {"train": {**train, "optimizer": optimizer}, "own_rates": own_rates}


def read_sweep(path: Path) -> Sweep:
    """Read a sweep from a YAML file.

    Raises:
        RunError: there is no such file, or it is not a valid sweep; the message names the field.
    """
    try:
        return Sweep.model_validate(read_yaml(path, aliases=True))
    except FileNotFoundError as error:
        raise RunError(f"{path} is not a valid sweep: there is no such file.") from error
    except ValueError as error:
        problem = one_sentence(error) if isinstance(error, ValidationError) else first_line(error)
        raise RunError(f"{path} is not a valid sweep: {problem.rstrip('.')}.") from error


def sweep_path(own: Path, name: str) -> Path:
    """Return the path of a sweep's definition, next to its runs."""
    return own / f"{name}.sweep.yaml"


def write_sweep(sweep: Sweep, own: Path) -> Path:
    """Write the definition next to the sweep's runs. One with the same name is replaced."""
    own.mkdir(parents=True, exist_ok=True)
    path = sweep_path(own, sweep.name)
    text = yaml.safe_dump(sweep.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_text(path, text)
    return path
