"""What to call the models of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from bickd_core.data.registry import short_name
from bickd_core.presets.catalogue import PRESETS, variant_of
from bickd_core.runs.info import RunInfo

SHORT = {kind: kind.upper() for kind in PRESETS} | {"bickd": "BicKD"}
"""Objectives as the field writes them."""


def shown_names(infos: Sequence[RunInfo], own: Sequence[bool] = ()) -> list[str]:
    """What to call a teacher and its students, so that no two names are alike.

    A bundled student is called by its method ("KD"), with the seed ("KD s1") where another run of
    that method is shown. One's own student always tells which run it is: "KD (my-run)".

    Args:
        infos: the teacher's, then each student's.
        own: which of them are one's own; none where it is left out.
    """
    mine = list(own) or [False] * len(infos)
    short = ["teacher", *(info.title or short_method(info) for info in infos[1:])]
    names = []
    for i, info in enumerate(infos):
        alike = [infos[k] for k, name in enumerate(short) if name == short[i] and not mine[k] and k]
        if i == 0:
            names.append(short[i])
        elif mine[i]:
            told = info.title or short[i] == info.name
            names.append(short[i] if told else f"{short[i]} ({run_word(info)})")
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
    """The method, or the published variant of it, as the field writes it; the run's name where it
    is not known."""
    if info.config is None:
        return info.name
    variant = variant_of(info.config.objective)
    return SHORT.get(info.objective, info.objective.upper()) if variant is None else variant.short


def run_word(info: RunInfo) -> str:
    """A run's name without its data and objective, which stand beside it: "resnet8-s0" of
    "caltech95-resnet8-kd-s0"."""
    said = f"-{info.name}-"
    variant = None if info.config is None else variant_of(info.config.objective)
    for part in (
        short_name(info.dataset),
        *([] if variant is None else [variant.name]),
        info.objective,
    ):
        said = said.replace(f"-{part}-", "-", 1)
    return said.strip("-") or info.name
