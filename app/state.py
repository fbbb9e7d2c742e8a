"""What the person is looking at: one frozen ViewState, kept in the session and in the URL.

Every widget and chart writes it through `update`, every page reads it through `current`, and
nothing else holds such state. A new session starts from the URL; after that the session leads and
the URL follows, because Streamlit drops the query on its own page links. Only the browser's Back
and Forward make the URL lead again (`components/history.py`).
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
"""Fields that take one of a few words."""
WORDS = ("students", "race", "pair")
"""Fields of several words, "~" between them in a link."""
FLAGS = ("present", "centred")
_KEY, _UNREAD, _BEHIND = "view", "view-unread", "view-behind"


@dataclass(frozen=True)
class ViewState:
    """The comparison and the focus on it.

    Attributes:
        teacher: key of the teacher's run; "" stands for the first bundled comparison.
        students: keys of up to four students.
        split: which split's predictions are shown.
        temperature: T of the probabilities.
        student: key of the focused student; "" for the last of them.
        pair: focused pair of class names (row, column), the row of the teacher in a cross Gram.
        run: key of the run that Distill or Runs has open.
        race: keys of the runs that Distill shows together, on one chart.
        epoch: focused epoch, 1 for the first, or None for the end.
        selection: rule of the selected samples, for example "class:crab".
        sample: id of the sample whose own page is open, as text.
        against: key of the model that the focused student is held against on Disagreements; "" for
            the teacher.
        order: how classes are ordered in matrices.
        matching: how the students' entropy follows the teacher's in Grams: "none", "mean" (one
            temperature a model) or "image" (a temperature an image).
        centred: whether their columns are centred (Pearson).
        layout: method of the prediction map.
        colour: what its points are coloured by; "" for what suits the data.
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
    order: str = "cluster"
    matching: Literal["none", "mean", "image"] = "none"
    centred: bool = False
    layout: str = "umap"
    colour: str = ""
    lesson: int = 1
    present: bool = False

    def __post_init__(self) -> None:
        """A run is compared once: no student twice, none that is the teacher, no race with a run
        twice."""
        students = tuple(key for key in dict.fromkeys(self.students) if key != self.teacher)
        object.__setattr__(self, "students", students)
        object.__setattr__(self, "race", tuple(dict.fromkeys(self.race)))

    def to_query(self) -> dict[str, str]:
        """Only what differs from a fresh start, as text; the inverse of `from_query`."""
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
                known = (
                    f" The choices are {', '.join(CHOICES[field.name])}."
                    if field.name in CHOICES
                    else ""
                )
                sentences.append(
                    f"The link's {field.name} “{given:.60}” cannot be shown, so {used or 'none'}"
                    f" is used instead.{known}"
                )
        return sentences

    def _repeats(self, name: str, given: str) -> bool:
        """Whether what was taken differs from the link in runs that it names twice alone."""
        values = _split(given)
        once = [key for key in dict.fromkeys(values) if name == "race" or key != self.teacher]
        return len(once) < len(values) and tuple(once) == getattr(self, name)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> ViewState:
        """Read a link. What cannot be read is left at its default: an old link still opens."""
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
        if (
            query.get("matched") == "1" and "matching" not in query
        ):  # an old link, from when there was one rule
            values["matching"] = "mean"
        values |= {name: True for name in FLAGS if query.get(name) == "1"}
        pair = _split(query.get("pair", ""))
        if len(pair) == 2:
            values["pair"] = pair
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
    """One of several words in a link, which `unquote` reads: "~" stands between them, so that "%"
    marks one inside."""
    return word.replace("%", "%25").replace("~", "%7E")


def _split(text: str) -> tuple[str, ...]:
    """The inverse of joining `_word`s; an old link, whose words are not quoted, reads the same."""
    return tuple(unquote(word) for word in text.split("~"))


def _number(text: str | None) -> float | None:
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def current() -> ViewState:
    """The state of this session; on its first call, what the URL says."""
    if _KEY not in st.session_state:
        read(urlencode(st.query_params.to_dict()))
    return st.session_state[_KEY]


def read(query: str) -> ViewState:
    """Take the state from the query of an address, "?teacher=...", as a new session would."""
    values = dict(parse_qsl(query.removeprefix("?")))
    st.session_state[_KEY] = view = ViewState.from_query(values)
    st.session_state[_UNREAD] = (view.unread(values), None)
    return view


def go(query: str) -> None:
    """`read` where the person went back or forward, and say so in the address in any case."""
    read(query)
    st.session_state[_BEHIND] = True


def unread() -> list[str]:
    """What the link said that cannot be shown, until the person changes something; called once a
    run of the script."""
    view = current()
    sentences, at = st.session_state[_UNREAD]
    if at not in (None, view):
        sentences = []
    st.session_state[_UNREAD] = (sentences, view)
    return sentences


def update(**changes: Any) -> ViewState:
    """Write some fields; the one function that changes the state."""
    changed = replace(current(), **changes)
    st.session_state[_KEY] = changed
    return changed


def show_in_url() -> None:
    """Bring the address bar in line with the state; called at the end of a script run and of a
    fragment that writes the state."""
    query = current().to_query()
    # The run that Back began with may have written what was there before over the address that it
    # was told.
    if st.session_state.pop(_BEHIND, False) or st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
