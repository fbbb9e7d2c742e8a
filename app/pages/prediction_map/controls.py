"""The controls of the prediction map: layout, colours and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import state
from app.components import bound, frame
from app.components.fields import Fields
from app.data.maps import third_class
from app.plain import st
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz import colouring
from bickd_viz.text import maps

COLOURS = {
    "highlight": "some classes",
    "true": "true class",
    "predicted": "predicted class",
    "disagreement": "disagreement",
    "displacement": "displacement",
}
METHODS = ("umap", "transform", "aligned", "pca", "simplex")
LEAST_SHARES = (0.0, 0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Choices:
    """The values of the controls.

    Attributes:
        method: The layout.
        colour: What the colours show.
        classes: Positions of the coloured classes, or of the triangle's classes.
        least: Samples with a smaller share of probability on the three classes are hidden.
    """

    method: str
    colour: str
    classes: tuple[int, ...]
    least: float = 0.0


def show(comparison: Comparison, student: Model, T: float) -> Choices:
    """Draw the controls and read them."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        methods = [m for m in METHODS if m != "simplex" or len(comparison.class_names) >= 3]
        if not comparison.students:
            methods = [m for m in methods if m not in ("transform", "aligned")]
        method = bound.one_of(
            "layout",
            "Layout",
            methods,
            "map-method",
            names=maps.METHODS,
            otherwise="umap",
            as_pills=True,
        )
        few = len(comparison.class_names) <= colouring.MAX_COLOURED
        choices = [c for c in COLOURS if few or c not in ("true", "predicted")]
        if comparison.labels is None and "true" in choices:
            choices.remove("true")
        if not comparison.students:
            choices = [c for c in choices if c not in ("disagreement", "displacement")]
        default = "true" if "true" in choices else "highlight"
        colour = bound.one_of(
            "colour",
            "Colour by",
            choices,
            "map-colour",
            names=COLOURS,
            otherwise=default,
            as_pills=True,
        )
    if method == "simplex":
        return _choose_three(comparison, student, T, colour)
    classes = _choose_classes(comparison, student, T) if colour == "highlight" else ()
    return Choices(method, colour, classes)


def _choose_classes(comparison: Comparison, student: Model, T: float) -> tuple[int, ...]:
    """Choose up to six coloured classes. The default is the focused pair."""
    names = comparison.class_names
    fields = Fields("map")
    focus = [names[c] for c in dict.fromkeys(frame.focused_pair(comparison, student, T))]
    chosen = st.multiselect(
        "Classes in colour",
        sorted(names),
        default=_following(fields, "classes", focus, names),
        key=fields.key("classes"),
        max_selections=colouring.MAX_HIGHLIGHTED,
        placeholder="Choose up to six classes",
    )
    fields.store("classes", chosen)
    return tuple(names.index(name) for name in chosen)


def _choose_three(comparison: Comparison, student: Model, T: float, colour: str) -> Choices:
    """Choose the corners of the triangle.

    The default is the focused pair and the class that gets most of the remaining probability of
    their samples.
    """
    names = comparison.class_names
    pair = tuple(dict.fromkeys(frame.focused_pair(comparison, student, T)))
    fields = Fields("map")
    begin = _following(fields, "three", [names[c] for c in third_class(comparison, pair, T)], names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Classes at the corners",
            sorted(names),
            default=begin,
            key=fields.key("three"),
            max_selections=3,
            placeholder="Choose three",
        )
        least = st.select_slider(
            "Minimum share of the three classes",
            LEAST_SHARES,
            value=fields.start("least", 0.05, LEAST_SHARES),
            format_func=lambda share: f"{share:.0%}",
            key=fields.key("least"),
            width=240,
            help="Samples below this share are hidden, because their position would mean little.",
        )
    fields.store("three", chosen)
    fields.store("least", least)
    return Choices("simplex", colour, tuple(names.index(name) for name in chosen), least)


def _following(fields: Fields, name: str, focus: list[str], names: Sequence[str]) -> list[str]:
    """The default of a choice of classes: the focus. If another page changes the pair, the choice
    follows; if only the default focus moves, it does unless the user chose classes."""
    before, pair = fields.get(f"{name}-focus"), state.current().pair
    if (
        before is None
        or pair != fields.get(f"{name}-pair")
        or (focus != before and fields.get(name) == before)
        or not set(fields.start(name, focus)) <= set(names)
    ):
        fields.set(**{name: focus, f"{name}-focus": focus, f"{name}-pair": pair})
    return fields.start(name, focus)
