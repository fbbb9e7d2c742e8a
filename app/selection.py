"""The selection of samples, which all pages share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from app import settings, state
from app.data import runs
from app.data.cache import figures_cache
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.saved_selections import (
    SavedSelection,
    SavedSelectionError,
    SavedSelections,
    unnamed,
)
from bickd_core.comparing.selection import Rule, Scene, Selection, SelectionError, resolve

FOLDER = ".selections"
"""The folder among the runs."""
_LASSOS = "selection-lassos"
"""Selections of this session on a read-only server, by name, data and split."""
_MOST_LASSOS = 8


def select(kind: str, *arguments: str) -> None:
    """Select the samples of a rule: `select("cell", run.key, "crab", "lobster")`."""
    state.update(selection=str(Rule(kind, arguments)))


def clear() -> None:
    state.update(selection="")


def leave_data() -> None:
    """Clear a selection of bare ids: on other data or another split they are other samples."""
    if (now := rule()) is not None and now.kind == "samples":
        clear()


def select_ids(comparison: Comparison, ids: Sequence[int] | Sequence[str]) -> None:
    """Select these samples. The link holds up to eight ids; more are saved under a hash. A
    read-only server remembers them only for this session."""
    if len(ids) == 0:
        clear()
    elif len(ids) <= 8:
        select("samples", *map(str, ids))
    elif settings.read_only():
        name = unnamed(ids, dataset=comparison.dataset, split=comparison.split)
        lassos = st.session_state.setdefault(_LASSOS, {})
        lassos[name, comparison.dataset, comparison.split] = SavedSelection(
            np.array(ids), named=False
        )
        for old in list(lassos)[:-_MOST_LASSOS]:
            del lassos[old]
        select("kept", name)
    else:
        select("kept", save(comparison, ids))


def save(
    comparison: Comparison,
    ids: Sequence[int] | Sequence[str],
    *,
    name: str = "",
    origin: str = "",
    ranked: bool = False,
) -> str:
    """Save ids among the user's runs; see `SavedSelections.save`.

    Raises:
        RunError: this server is read-only.
        SavedSelectionError: the name is not allowed, or is that of a selection for other data.
    """
    return SavedSelections(runs.library().home() / FOLDER).save(
        ids,
        **_data(comparison),
        name=name,
        origin=origin,
        ranked=ranked,
    )


def saved_names(comparison: Comparison) -> list[str]:
    """Return the names of the user's selections for this data and split, then those of shared ones.

    Raises:
        SavedSelectionError: a folder cannot be read.
    """
    names = [
        name
        for folder in runs.library().places(FOLDER)
        for name in SavedSelections(folder).names(**_data(comparison))
    ]
    return list(dict.fromkeys(names))


def _find(comparison: Comparison, name: str) -> SavedSelection:
    """Return the selection with this name: this session's, the user's or a shared one."""
    lassos: dict[tuple[str, str, str], SavedSelection] = st.session_state.get(_LASSOS, {})
    if lasso := lassos.get((name, comparison.dataset, comparison.split)):
        return lasso
    folders = [SavedSelections(folder) for folder in runs.library().places(FOLDER)]
    *others, last = [folder for folder in folders if folder.has(name)] or folders[:1]
    for folder in others:  # the user's may be of other data, and a shared one of these
        with suppress(SavedSelectionError):
            return folder.find(name, **_data(comparison))
    return last.find(name, **_data(comparison))


def _data(comparison: Comparison) -> dict[str, Any]:
    """What identifies the data that a selection belongs to."""
    return {
        "dataset": comparison.dataset,
        "split": comparison.split,
        "content": comparison.teacher.info.data_content,
    }


def rule() -> Rule | None:
    """Return the rule of the current selection, or None if there is none or it cannot be read."""
    try:
        return Rule.parse(state.current().selection)
    except SelectionError:
        return None


def selected(comparison: Comparison) -> Selection | None:
    """Return the current selection, or None if there is none or it does not fit this comparison."""
    return read(comparison)[0]


def read(comparison: Comparison) -> tuple[Selection | None, str]:
    """Return the selection, or an error message if the link's selection cannot be shown here."""
    view = state.current()
    if not view.selection:
        return None, ""
    try:
        rule = Rule.parse(view.selection)
        stored: dict[str, SavedSelection] = {}
        if rule.kind == "kept" and rule.arguments:
            stored[rule.arguments[0]] = _find(comparison, rule.arguments[0])
        content = tuple(
            (hashlib.sha256(k.ids.tobytes()).digest(), k.named, k.origin, k.ranked)
            for k in stored.values()
        )
        return _resolved(comparison, str(rule), view.temperature, content, stored), ""
    except (SelectionError, SavedSelectionError) as error:
        return None, str(error)


def picked(comparison: Comparison, kind: str, *arguments: str) -> Selection:
    """Return the samples of a rule without selecting them, for a page's default."""
    return _resolved(comparison, str(Rule(kind, arguments)), state.current().temperature, (), {})


def _resolved(
    comparison: Comparison,
    rule: str,
    temperature: float,
    content: tuple[tuple[bytes, bool, str, bool], ...],
    saved: dict[str, SavedSelection],
) -> Selection:
    """What a rule picks, from the memory that all sessions share.

    Args:
        content: Identifies what is in `saved`.
    """
    scene = Scene(
        models={model.key: model.predictions for model in comparison.models},
        names={model.key: model.called for model in comparison.models},
        temperature=temperature,
        saved=saved,
        match=lambda key, matching: (
            measures.matched(comparison, comparison.model(key), temperature, matching).T
        ),
    )
    key = ("selection", comparison.key, rule, temperature, content)
    return figures_cache(key, lambda: resolve(Rule.parse(rule), scene))
