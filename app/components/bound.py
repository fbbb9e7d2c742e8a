"""Controls whose value is a field of the view: they show it, write it when changed, and so stand in every link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app import data, state
from app.plain import st
from bickd_core.geometry import MATCHINGS, Matching
from bickd_core.wording import worded
from bickd_viz.text.class_geometry import MATCHING_HELP

ORDERS = {"cluster": "teacher's clusters", "hierarchy": "superclass", "index": "index", "name": "name"}
MATCHED: dict[str, str] = {"none": "no", "mean": "mean", "image": "per image"}
"""The three rules of matching on their buttons, for images."""


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
    """A choice among `options`; `otherwise` where the view's is not among them here, which leaves the view as it is."""
    found = str(getattr(state.current(), field))
    now = found if found in options else otherwise
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
    """How the students' entropy follows the teacher's, the same on every page that asks for it."""
    label = "Match entropy to the teacher's"
    names = {rule: worded(name, noun) for rule, name in MATCHED.items()}
    help = worded(MATCHING_HELP, noun)
    one_of("matching", label, MATCHINGS, key, names=names, otherwise="none", help=help)
    return state.current().matching


def class_order(of: data.Comparison, key: str) -> str:
    """The order of classes, the same on every page that asks for one."""
    orders = [how for how in ORDERS if how != "hierarchy" or data.hierarchy(of) is not None]
    return one_of("order", "Order of classes", orders, key, names=ORDERS, otherwise="cluster")
