"""Names for the models of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from bickd_core.data.registry import short_name
from bickd_core.presets.catalogue import PRESETS, variant_of
from bickd_core.runs.info import RunInfo

SHORT = {kind: kind.upper() for kind in PRESETS} | {"bickd": "BicKD"}
"""Objective -> its usual spelling."""


def shown_names(infos: Sequence[RunInfo], own: Sequence[bool] = ()) -> list[str]:
    """Return a different name for each model, the teacher first.

    A bundled student has the name of its method ("KD"), with the seed ("KD s1") if another run of
    that method is shown. The name of a user's student includes the run: "KD (my-run)". An imported
    student with a known seed has the name of its method, if no other run of it is shown.

    Args:
        infos: the teacher's, then each student's.
        own: for each run, whether it is the user's own. Default: all are bundled.
    """
    is_own = list(own) or [False] * len(infos)
    short = [
        "teacher",
        *(info.source.method or info.title or short_method(info) for info in infos[1:]),
    ]
    names = []
    for i, info in enumerate(infos):
        alike = [
            infos[k] for k, name in enumerate(short) if name == short[i] and not is_own[k] and k
        ]
        if i == 0:
            names.append(short[i])
        elif info.source.method:
            alone = short.count(short[i]) == 1
            names.append(short[i] if alone else info.title or info.name)
        elif is_own[i]:
            is_enough = info.title or short[i] == info.name
            names.append(short[i] if is_enough else f"{short[i]} ({run_word(info)})")
        elif short.count(short[i]) == 1:
            names.append(short[i])
        elif info.seed is not None and [other.seed for other in alike].count(info.seed) == 1:
            names.append(f"{short[i]} s{info.seed}")
        else:
            names.append(info.name)
    return [
        name if names.count(name) == 1 else f"{short[i]} ({info.name})"
        for i, (name, info) in enumerate(zip(names, infos, strict=True))
    ]


def short_method(info: RunInfo) -> str:
    """Return the short name of the method or of its named setting, or the run's name if the
    method is unknown."""
    if info.config is None:
        return info.source.method or info.name
    variant = variant_of(info.config.objective)
    return SHORT.get(info.objective, info.objective.upper()) if variant is None else variant.short


def run_word(info: RunInfo) -> str:
    """Return a run's name without its data and objective: "resnet8-s0" for
    "caltech95-resnet8-kd-s0"."""
    name = f"-{info.name}-"
    variant = None if info.config is None else variant_of(info.config.objective)
    for part in (
        short_name(info.dataset),
        *([] if variant is None else [variant.name]),
        info.objective,
    ):
        name = name.replace(f"-{part}-", "-", 1)
    return name.strip("-") or info.name
