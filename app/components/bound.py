"""Widgets bound to the view state, so their values are part of the page's link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app import state
from app.data import class_groups
from app.plain import Markdown, st
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.matching import MATCHINGS, Matching
from bickd_core.wording import worded
from bickd_viz.text.class_geometry import MATCHING_HELP

ORDERS = {
    "cluster": "teacher's clusters",
    "hierarchy": "superclass",
    "index": "index",
    "name": "name",
}
MATCHED: dict[str, str] = {"none": "no", "mean": "mean", "image": "per image"}
"""The labels of the three rules of matching, for images."""


def toggle(field: str, label: str, key: str, *, help: str) -> bool:
    now = bool(getattr(state.current(), field))
    st.session_state[key] = now
    st.toggle(label, key=key, help=help, on_change=_write(field, key, now))
    return now


def one_of(
    field: str,
    label: str,
    options: Sequence[str],
    key: str,
    *,
    names: Mapping[str, str],
    otherwise: str,
    as_pills: bool = False,
    help: str | None = None,
) -> str:
    """Choose one of `options`. If the view's value is not among them, `otherwise` is shown and the
    view is not changed."""
    value = str(getattr(state.current(), field))
    now = value if value in options else otherwise
    st.session_state[key] = now
    (st.pills if as_pills else st.segmented_control)(
        label,
        list(options),
        format_func=names.__getitem__,
        key=key,
        help=help,
        on_change=_write(field, key, now),
    )
    return now


def _write(field: str, key: str, now: object) -> Callable[[], None]:
    def changed() -> None:
        chosen = st.session_state[key]
        state.update(**{field: now if chosen is None else chosen})

    return changed


def matching(key: str, noun: str = "image") -> Matching:
    """Choose how the students' entropy is matched to the teacher's. All pages share the value."""
    label = "Match entropy to the teacher's"
    names = {rule: worded(name, noun) for rule, name in MATCHED.items()}
    help = Markdown(worded(MATCHING_HELP, noun))
    one_of("matching", label, MATCHINGS, key, names=names, otherwise="none", help=help)
    return state.current().matching


def class_order(comparison: Comparison, key: str) -> str:
    """Choose the order of classes. All pages share the value."""
    orders = [
        how
        for how in ORDERS
        if how != "hierarchy" or class_groups.hierarchy(comparison) is not None
    ]
    return one_of(
        "order",
        "Order of classes",
        orders,
        key,
        names=ORDERS,
        otherwise=class_groups.usual_order(comparison),
    )
