"""Find a class by typing its name: one box in the sidebar of every page about a comparison."""

from __future__ import annotations

from collections.abc import Callable

from app import selection, state
from app.components import class_parts
from app.data import class_groups
from app.plain import st
from bickd_core.comparing import class_ranking
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.class_groups import MOST_CLASSES

KEY = "side-class"


def show(comparison: Comparison, on_class: Callable[[Comparison, int], None] | None = None) -> None:
    """Draw the box in the sidebar. The chosen class becomes the focus of every page.

    Args:
        on_class: What else a page does with the chosen class, by its position.
    """
    names = comparison.class_names
    now = chosen(comparison)
    st.session_state[KEY] = None if now is None else names[now]

    def changed() -> None:
        name = st.session_state[KEY]
        if name is None:
            selection.clear()
            return
        focus(comparison, names.index(name))
        if on_class is not None:
            on_class(comparison, names.index(name))

    with st.sidebar:
        st.selectbox(
            "Find a class",
            names,
            index=None,  # so that it can be cleared
            key=KEY,
            placeholder="Type a name",
            on_change=changed,
            disabled=len(names) < 2,
            help=(
                f"Type a part of its name. The class and its {comparison.nouns} become the focus of"
                " every page, and matrices open its group."
            ),
        )


def chosen(comparison: Comparison) -> int | None:
    """The position of the class whose samples are selected; None if the selection is another."""
    rule = selection.rule()
    if rule is None or rule.kind != "class" or len(rule.arguments) != 1:
        return None
    name = rule.arguments[0]
    return comparison.class_names.index(name) if name in comparison.class_names else None


def focus(comparison: Comparison, c: int) -> None:
    """Focus on a class: it and the class that the student in focus mixes it with most become the
    pair, its samples the selection, and matrices show its group."""
    names = comparison.class_names
    model = comparison.focus(state.current().student)
    other = class_ranking.closest_class(comparison, model, Lens(state.current().temperature), c)
    state.update(pair=(names[c], names[other]))
    if comparison.labels is not None:
        selection.select("class", names[c])
    _open_group(comparison, c)


def _open_group(comparison: Comparison, c: int) -> None:
    """Show the group of a class in matrices that do not show the class now."""
    how = state.current().order or class_groups.usual_order(comparison)
    now = class_parts.part(comparison, how)
    if not now.groups and c in now.members:
        return
    if len(comparison.class_names) <= MOST_CLASSES:
        state.update(group=())
    else:
        state.update(group=(class_groups.class_groups(comparison, how).holding(c).name,))
