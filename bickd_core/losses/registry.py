"""Objectives by name."""

from collections.abc import Callable

from pydantic import ValidationError

from bickd_core.losses.bickd import BicKDObjective
from bickd_core.losses.ce import CEObjective
from bickd_core.losses.crd import CRDObjective
from bickd_core.losses.dist import DISTObjective
from bickd_core.losses.dkd import DKDObjective
from bickd_core.losses.kd import KDObjective
from bickd_core.losses.mlkd import MLKDObjective
from bickd_core.losses.nkd import NKDObjective
from bickd_core.losses.objective import Objective
from bickd_core.losses.pkt import PKTObjective
from bickd_core.losses.rkd import RKDObjective
from bickd_core.losses.sp import SPObjective
from bickd_core.naming import not_known
from bickd_core.presets.catalogue import PRESETS
from bickd_core.presets.offered import objective_class
from bickd_core.presets.options import Options

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "ce": CEObjective,
    "kd": KDObjective,
    "dkd": DKDObjective,
    "dist": DISTObjective,
    "mlkd": MLKDObjective,
    "nkd": NKDObjective,
    "sp": SPObjective,
    "rkd": RKDObjective,
    "pkt": PKTObjective,
    "crd": CRDObjective,
    "bickd": BicKDObjective,
}


def create_objective(objective: str | Options, **options: object) -> Objective:
    """An objective from its name and options, or from a validated options object.

    objective: a key of `OBJECTIVES`, or one of the options classes of `bickd_core.presets`.
    options: fields of that objective's options class, for a name only; the rest takes its default.
    Raises ValueError for an unknown name or option (with the nearest) and for a value out of range.

    >>> create_objective("ce").needs_teacher
    False
    """
    if not isinstance(objective, str):
        if options:
            raise ValueError(
                f"options must come inside the options object, got {', '.join(options)} beside it."
            )
        return _class(objective.kind)(objective)
    if objective not in OBJECTIVES and objective not in PRESETS:
        raise ValueError(f"objective {not_known(objective, PRESETS)}")
    chosen = PRESETS[objective].options
    known = [name for name in chosen.model_fields if name != "kind"]
    for name in options:
        if name not in known:
            raise ValueError(f"an option of {objective!r} {not_known(name, known)}")
    try:
        return _class(objective)(chosen.model_validate(options))
    except ValidationError as error:
        raise ValueError(_in_a_sentence(objective, error)) from error


def _class(kind: str) -> Callable[..., Objective]:
    """Return the class of an objective, ours or that of an installed package."""
    return OBJECTIVES[kind] if kind in OBJECTIVES else objective_class(kind)


def _in_a_sentence(objective: str, error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        came = f", got {problem['input']!r}" if where else ""
        parts.append(f"{where or objective}: {problem['msg'].removeprefix('Value error, ')}{came}")
    return "; ".join(parts) + "."
