"""The methods of a training and their options: the part of the Distill form that says how a student learns."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.plan import METHODS
from app.training import OptionField, option_fields, unused_options


def methods(form: dict[str, Any]) -> bool:
    """One method, or several for a race, each with its reason and source; False where none is chosen."""
    if "distill-methods" not in st.session_state:
        st.session_state["distill-methods"] = form.get("methods", ["bickd"])
    form["methods"] = st.multiselect(
        "Methods",
        list(METHODS),
        key="distill-methods",
        format_func=lambda name: METHODS[name].title,
        max_selections=state.MAX_RACE,
        placeholder="Choose one, or several for a race",
        help="Several are trained side by side, in one process on the same batches, and stand on one chart.",
    )
    for name in form["methods"]:
        method = METHODS[name]
        st.caption(f"**{method.title}** · {method.why} *{method.citation}*")
    with st.expander("What each method does", icon=":material/menu_book:", key="distill-about"):
        others = [method for method in METHODS.values() if method.name not in form["methods"]]
        st.markdown("\n".join(f"- **{m.title}** · {m.why} *{m.citation}*" for m in others))
    if not form["methods"]:
        st.info("Choose a method above.")
    return bool(form["methods"])


def options(form: dict[str, Any]) -> None:
    """The options of each chosen method, kept in the form by its name."""
    fields = {name: option_fields(type(METHODS[name].options)) for name in form["methods"]}
    kept = form.setdefault("options", {})
    if not any(fields.values()):
        return
    with st.expander("Loss options", icon=":material/tune:", key="distill-options"):
        for name, its in fields.items():
            if its:
                if len(fields) > 1:
                    st.markdown(f"**{METHODS[name].title}**")
                kept[name] = _options_of(name, its, kept.get(name, {}))


def _options_of(name: str, fields: tuple[OptionField, ...], stored: dict[str, Any]) -> dict[str, Any]:
    method = METHODS[name]
    begin = {field.name: stored.get(field.name, getattr(method.options, field.name)) for field in fields}
    live = {
        field: st.session_state.get(f"distill-option-{name}-{field}", value) for field, value in begin.items()
    }
    unused = unused_options(
        method.kind, {field: begin[field] if value is None else value for field, value in live.items()}
    )
    values: dict[str, Any] = {}
    columns = st.columns(3)
    numbers = [field for field in fields if not field.choices and not field.is_switch]
    for i, field in enumerate(numbers):
        with columns[i % 3]:
            values[field.name] = _option(field, name, begin, field.name in unused)
    for field in fields:
        if field.choices or field.is_switch:
            values[field.name] = _option(field, name, begin, field.name in unused)
    return values


def _option(field: OptionField, method: str, begin: dict[str, Any], disabled: bool) -> Any:
    key = f"distill-option-{method}-{field.name}"
    if key not in st.session_state:
        st.session_state[key] = begin[field.name]
    if field.is_switch:
        return st.toggle(field.label, key=key, help=field.help, disabled=disabled)
    if field.choices:
        return st.segmented_control(
            field.label,
            field.choices,
            key=key,
            format_func=lambda word: word.replace("_", " "),
            help=field.help,
            disabled=disabled,
            required=True,
        )
    value = st.number_input(
        field.label,
        step=field.step,
        format="%d" if isinstance(field.default, int) else "%.5g",
        key=key,
        help=field.help,
        disabled=disabled,
    )
    return begin[field.name] if value is None else value
