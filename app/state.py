"""The view: one frozen ViewState, stored in the session and in the URL.

Widgets and charts write it with `update`, pages read it with `current`, and nothing else stores
such state. A new session starts from the URL. After that, the URL follows the session, because
Streamlit drops the query on its page links. Only Back and Forward in the browser take the state
from the URL again (`components/history.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlencode

import streamlit as st

MAX_STUDENTS = 4
MAX_RACE = 8
TEMPERATURES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
DEFAULT_TEMPERATURE = 4.0
LESSONS = ("1", "2", "3", "4", "5")
CHOICES = {
    "split": ("validation", "test"),
    "order": ("cluster", "hierarchy", "index", "name"),
    "matching": ("none", "mean", "image"),
    "layout": ("umap", "transform", "aligned", "pca", "simplex"),
    "colour": ("highlight", "true", "predicted", "disagreement", "displacement"),
}
"""Fields with a fixed set of values."""
WORDS = ("students", "race", "pair", "group")
"""Fields with several values, which a link separates by "~"."""
FLAGS = ("present", "centred")
_KEY, _UNREAD, _BEHIND = "view", "view-unread", "view-behind"


@dataclass(frozen=True)
class ViewState:
    """The comparison and the focus on it.

    Attributes:
        teacher: key of the teacher's run; "" for the first bundled comparison.
        students: keys of up to four students.
        split: which split's predictions are shown.
        temperature: T of the probabilities.
        student: key of the focused student; "" for the default.
        pair: focused pair of class names (row, column), the row of the teacher in a cross Gram.
        run: key of the run that Distill or Runs has open.
        race: keys of the runs that Distill shows together, on one chart.
        epoch: focused epoch, 1 for the first; None for the last.
        selection: rule of the selected samples, for example "class:crab".
        sample: id of the sample whose page is open, as text.
        against: key of the model that Disagreements compares with the focused student; "" for the
            teacher.
        order: how classes are ordered in matrices; "" for the usual order.
        group: names of the groups of classes, one or two, that matrices show class by class; () for
            what they begin with.
        matching: how the students' entropy is matched to the teacher's in Grams: "none", "mean"
            (one temperature for each model) or "image" (a temperature for each image).
        centred: whether their columns are centred (Pearson).
        layout: method of the prediction map.
        colour: what colours its points; "" for the default.
        lesson: number of the lesson that Learn shows, from 1.
        present: whether Learn fills the screen, for a projector.
    """

    teacher: str = ""
    students: tuple[str, ...] = ()
    split: Literal["validation", "test"] = "test"
    temperature: float = DEFAULT_TEMPERATURE
    student: str = ""
    pair: tuple[str, str] | None = None
    run: str = ""
    race: tuple[str, ...] = ()
    epoch: int | None = None
    selection: str = ""
    sample: str = ""
    against: str = ""
    order: str = ""
    group: tuple[str, ...] = ()
    matching: Literal["none", "mean", "image"] = "none"
    centred: bool = False
    layout: str = "umap"
    colour: str = ""
    lesson: int = 1
    present: bool = False

    def __post_init__(self) -> None:
        """Remove runs that are named twice, and students that are the teacher."""
        students = tuple(key for key in dict.fromkeys(self.students) if key != self.teacher)
        object.__setattr__(self, "students", students)
        object.__setattr__(self, "race", tuple(dict.fromkeys(self.race)))

    def to_query(self) -> dict[str, str]:
        """Return the fields that differ from the defaults, as text. The inverse of `from_query`."""
        changed = [
            field.name for field in fields(self) if getattr(self, field.name) != field.default
        ]
        return {name: self._text(name) for name in changed}

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        if value is None or isinstance(value, bool):
            return "1" if value else ""
        if isinstance(value, tuple):
            return "~".join(_word(word) for word in value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def unread(self, query: Mapping[str, str]) -> list[str]:
        """Return one sentence for each field of a link that `from_query` could not use, with its
        replacement."""
        sentences = []
        for field in fields(self):
            given, used = query.get(field.name, ""), self._text(field.name)
            same_number = _number(given) is not None and _number(given) == _number(used)
            same_values = field.name in WORDS and _split(given) == getattr(self, field.name)
            if given and given != used and not same_number and not same_values:
                if field.name in ("students", "race") and self._repeats(field.name, given):
                    sentences.append("The link names a run twice. Each run is compared once.")
                    continue
                instead = "the default" if field.name in CHOICES else "none"
                known = (
                    f" The choices are {', '.join(CHOICES[field.name])}."
                    if field.name in CHOICES
                    else ""
                )
                sentences.append(
                    f"The link's {field.name} “{given:.60}” cannot be shown, so {used or instead}"
                    f" is used instead.{known}"
                )
        return sentences

    def _repeats(self, name: str, given: str) -> bool:
        """Return whether the only difference from the link is that it names runs twice."""
        values = _split(given)
        once = [key for key in dict.fromkeys(values) if name == "race" or key != self.teacher]
        return len(once) < len(values) and tuple(once) == getattr(self, name)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> ViewState:
        """Read a link. Values that cannot be read get their defaults, so that old links still
        open."""
        values: dict[str, Any] = {
            name: query[name]
            for name in ("teacher", "student", "run", "selection", "sample", "against")
            if name in query
        }
        for name, most in (("students", MAX_STUDENTS), ("race", MAX_RACE)):
            if query.get(name):
                own = query.get("teacher") if name == "students" else None
                keys = dict.fromkeys(word for word in _split(query[name]) if word != own)
                values[name] = tuple(keys)[:most]
        values |= {name: query[name] for name, known in CHOICES.items() if query.get(name) in known}
        if query.get("matched") == "1" and "matching" not in query:  # an old link
            values["matching"] = "mean"
        values |= {name: True for name in FLAGS if query.get(name) == "1"}
        pair = _split(query.get("pair", ""))
        if len(pair) == 2:
            values["pair"] = pair
        group = _split(query.get("group", ""))
        if group != ("",):
            values["group"] = group[:2]
        temperature = _number(query.get("temperature"))
        if temperature is not None:
            values["temperature"] = min(TEMPERATURES, key=lambda t: abs(t - temperature))
        epoch = _number(query.get("epoch"))
        if epoch is not None and epoch >= 0:
            values["epoch"] = int(epoch)
        if query.get("lesson", "") in LESSONS:
            values["lesson"] = int(query["lesson"])
        return cls(**values)


def _word(word: str) -> str:
    """Quote one of several values in a link: "~" separates them, so it is written with "%" in a
    value."""
    return word.replace("%", "%25").replace("~", "%7E")


def _split(text: str) -> tuple[str, ...]:
    """Split values that were joined with "~". It also reads old links, whose values are not
    quoted."""
    return tuple(unquote(word) for word in text.split("~"))


def _number(text: str | None) -> float | None:
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def current() -> ViewState:
    """Return the state of this session. The first call reads it from the URL."""
    if _KEY not in st.session_state:
        read(urlencode(st.query_params.to_dict()))
    return st.session_state[_KEY]


def read(query: str) -> ViewState:
    """Take the state from a query such as "?teacher=...", as a new session does."""
    values = dict(parse_qsl(query.removeprefix("?")))
    st.session_state[_KEY] = view = ViewState.from_query(values)
    st.session_state[_UNREAD] = (view.unread(values), None)
    return view


def go(query: str) -> None:
    """Take the state from a query after Back or Forward. The next `show_in_url` writes the URL in
    any case."""
    read(query)
    st.session_state[_BEHIND] = True


def unread() -> list[str]:
    """Return sentences about parts of the link that cannot be shown, until the state changes. Call
    it once in each run of the script."""
    view = current()
    sentences, at = st.session_state[_UNREAD]
    if at not in (None, view):
        sentences = []
    st.session_state[_UNREAD] = (sentences, view)
    return sentences


def update(**changes: Any) -> ViewState:
    """Write some fields. Only this function changes the state."""
    changed = replace(current(), **changes)
    st.session_state[_KEY] = changed
    return changed


def show_in_url() -> None:
    """Write the state to the URL. Call it at the end of a script run, and of a fragment that writes
    the state."""
    query = current().to_query()
    # After Back, an earlier run of the script may have overwritten the address.
    if st.session_state.pop(_BEHIND, False) or st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
