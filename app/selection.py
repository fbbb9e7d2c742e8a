"""The selection of samples, which all pages share."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.data import runs
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.saved_selections import (
    SavedSelection,
    SavedSelectionError,
    SavedSelections,
)
from bickd_core.comparing.selection import Rule, Scene, Selection, SelectionError, resolve


def select(kind: str, *arguments: str) -> None:
    """Select the samples of a rule: `select("cell", run.key, "crab", "lobster")`."""
    state.update(selection=str(Rule(kind, arguments)))


def clear() -> None:
    state.update(selection="")


def select_ids(comparison: Comparison, ids: Sequence[int] | Sequence[str]) -> None:
    """Select these samples. The link holds up to eight ids; more are saved under a hash."""
    if len(ids) == 0:
        clear()
    elif len(ids) <= 8:
        select("samples", *map(str, ids))
    else:
        select("kept", saved().save(ids, dataset=comparison.dataset, split=comparison.split))


def saved() -> SavedSelections:
    return SavedSelections(runs.library().own / ".selections")


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
            stored[rule.arguments[0]] = saved().find(
                rule.arguments[0], dataset=comparison.dataset, split=comparison.split
            )
        content = tuple((k.ids.tobytes(), k.named, k.origin, k.ranked) for k in stored.values())
        return _resolved(
            comparison.key, str(rule), view.temperature, content, comparison, stored
        ), ""
    except (SelectionError, SavedSelectionError) as error:
        return None, str(error)


def picked(comparison: Comparison, kind: str, *arguments: str) -> Selection:
    """Return the samples of a rule without selecting them, for a page's default."""
    return _resolved(
        comparison.key, str(Rule(kind, arguments)), state.current().temperature, (), comparison, {}
    )


@st.cache_resource(max_entries=128, show_spinner=False)
def _resolved(
    key: str,
    rule: str,
    temperature: float,
    content: tuple[tuple[bytes, bool, str, bool], ...],
    _comparison: Comparison,
    _saved: dict[str, SavedSelection],
) -> Selection:
    scene = Scene(
        models={model.key: model.predictions for model in _comparison.models},
        names={model.key: model.called for model in _comparison.models},
        temperature=temperature,
        saved=_saved,
        match=lambda key, matching: (
            measures.matched(_comparison, _comparison.model(key), temperature, matching).T
        ),
    )
    return resolve(Rule.parse(rule), scene)
