"""The selection of the session. Every chart writes it, every page reads it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.data import runs
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.saved_selections import Kept, KeptError, KeptSelections
from bickd_core.comparing.selection import Rule, Scene, Selection, SelectionError, resolve


def select(kind: str, *words: str) -> None:
    """Make this rule the selection: `select("cell", run.key, "crab", "lobster")`."""
    state.update(selection=str(Rule(kind, words)))


def clear() -> None:
    state.update(selection="")


def select_ids(comparison: Comparison, ids: Sequence[int] | Sequence[str]) -> None:
    """Make these samples the selection, as a lasso does. A few are in the link, more are saved
    under a hash."""
    if len(ids) == 0:
        clear()
    elif len(ids) <= 8:
        select("samples", *map(str, ids))
    else:
        select("kept", kept().keep(ids, dataset=comparison.dataset, split=comparison.split))


def kept() -> KeptSelections:
    return KeptSelections(runs.library().own / ".selections")


def selected(comparison: Comparison) -> Selection | None:
    """The samples of the current selection; None if there is none or it does not fit this
    comparison."""
    return read(comparison)[0]


def read(comparison: Comparison) -> tuple[Selection | None, str]:
    """The selection, or one sentence on why the link's selection cannot be shown here."""
    view = state.current()
    if not view.selection:
        return None, ""
    try:
        rule = Rule.parse(view.selection)
        stored: dict[str, Kept] = {}
        if rule.kind == "kept" and rule.words:
            stored[rule.words[0]] = kept().find(
                rule.words[0], dataset=comparison.dataset, split=comparison.split
            )
        mark = tuple((k.ids.tobytes(), k.named, k.origin, k.ranked) for k in stored.values())
        return _resolved(comparison.key, str(rule), view.temperature, mark, comparison, stored), ""
    except (SelectionError, KeptError) as error:
        return None, str(error)


def picked(comparison: Comparison, kind: str, *words: str) -> Selection:
    """The samples of a rule, without making them the selection: for what a page shows by
    default."""
    return _resolved(
        comparison.key, str(Rule(kind, words)), state.current().temperature, (), comparison, {}
    )


@st.cache_resource(max_entries=128, show_spinner=False)
def _resolved(
    key: str,
    rule: str,
    temperature: float,
    mark: tuple[tuple[bytes, bool, str, bool], ...],
    _of: Comparison,
    _kept: dict[str, Kept],
) -> Selection:
    scene = Scene(
        models={model.key: model.predictions for model in _of.models},
        names={model.key: model.called for model in _of.models},
        temperature=temperature,
        kept=_kept,
    )
    return resolve(Rule.parse(rule), scene)
