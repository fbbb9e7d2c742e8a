"""The part of the Distill form that asks for the methods and their loss options."""

from __future__ import annotations

from typing import Any

from app import state
from app.components.fields import Fields
from app.distill.form_values import OptionField, option_fields, unused_options
from app.distill.plan import METHODS, Method
from app.distill.which_method import which_method
from app.plain import Markdown, lines, md, st
from bickd_core.presets.options import Options


def methods(fields: Fields) -> list[str]:
    """Ask for one method, or several for a race, and show what each does and its source.

    Returns:
        Their names; empty, after showing a message, if none is chosen.
    """
    known = [name for name in fields.start("methods", ["kd"]) if name in METHODS]
    chosen = st.multiselect(
        "Methods",
        list(METHODS),
        default=known,
        key=fields.key("methods"),
        format_func=lambda name: METHODS[name].title,
        max_selections=state.MAX_RACE,
        placeholder="Choose one, or several for a race",
        help=(
            "Several methods are trained side by side on the same batches, and shown on one chart."
        ),
    )
    fields.store("methods", chosen)
    for name in chosen:
        method = METHODS[name]
        st.caption(md("{about} {origin}", about=_about(method), origin=method.origin))
    with st.expander("Which method?", icon=":material/help:", key="distill-which"):
        answer = which_method()
        st.markdown(lines(*(md("- {line}", line=line) for line in answer.lines)))
        st.caption(md("All tables: {source} in the project's source code.", source=answer.source))
    with st.expander("What each method does", icon=":material/menu_book:", key="distill-about"):
        others = [method for method in METHODS.values() if method.name not in chosen]
        st.markdown(lines(*(md("- {about}", about=_about(method)) for method in others)))
    if not chosen:
        st.info("Choose a method above.")
    return chosen


def options(fields: Fields, chosen: list[str]) -> dict[str, dict[str, Any]]:
    """Ask for the options of each chosen method.

    Returns:
        Method -> option -> value.
    """
    known = {name: option_fields(type(METHODS[name].options)) for name in chosen}
    values: dict[str, dict[str, Any]] = {name: {} for name in known if known[name]}
    for rare, label, icon, key in (
        (False, "Loss options", ":material/tune:", "distill-options"),
        (True, "More loss options", ":material/more_horiz:", "distill-more-options"),
    ):
        shown = {
            name: part
            for name, method_fields in known.items()
            if (part := tuple(field for field in method_fields if field.rare == rare))
        }
        if not shown:
            continue
        with st.expander(label, icon=icon, key=key):
            for name, part in shown.items():
                if len(known) > 1:
                    st.markdown(md("**{title}**", title=METHODS[name].title))
                values[name] |= _options_of(fields, name, part)
    return values


def write(fields: Fields, method: str, options: Options) -> None:
    """Set these options of a method in the form."""
    values = options.model_dump(exclude={"kind"})
    fields.set(**{_name(method, option): value for option, value in values.items()})


def _name(method: str, option: str) -> str:
    return Fields.scoped("option", method, option)


def _options_of(
    fields: Fields, method: str, option_fields: tuple[OptionField, ...]
) -> dict[str, Any]:
    begin = METHODS[method].options.model_dump(exclude={"kind"})
    newest = {option: fields.get(_name(method, option), value) for option, value in begin.items()}
    unused = unused_options(
        METHODS[method].kind,
        {option: begin[option] if value is None else value for option, value in newest.items()},
    )
    values: dict[str, Any] = {}
    columns = st.columns(3)
    numbers = [field for field in option_fields if not field.choices and not field.is_switch]
    for i, field in enumerate(numbers):
        with columns[i % 3]:
            values[field.name] = _option(
                fields, field, method, begin[field.name], field.name in unused
            )
    for field in option_fields:
        if field.choices or field.is_switch:
            values[field.name] = _option(
                fields, field, method, begin[field.name], field.name in unused
            )
    return values


def _option(fields: Fields, field: OptionField, method: str, default: Any, disabled: bool) -> Any:
    name = _name(method, field.name)
    begin, key = fields.start(name, default, field.choices or None), fields.key(name)
    if field.is_switch:
        value: Any = st.toggle(
            field.label, value=begin, key=key, help=field.help, disabled=disabled
        )
    elif field.choices:
        value = st.segmented_control(
            field.label,
            field.choices,
            default=begin,
            key=key,
            format_func=lambda word: word.replace("_", " "),
            help=field.help,
            disabled=disabled,
            required=True,
        )
    else:
        value = st.number_input(
            field.label,
            value=begin,
            step=field.step,
            format="%d" if isinstance(field.default, int) else "%.5g",
            key=key,
            placeholder="not set" if field.default is None else None,
            help=field.help,
            disabled=disabled,
        )
    return fields.store(name, default if value is None else value)


def _about(method: Method) -> Markdown:
    """Return a method's title, what it does and its source."""
    return md(
        "**{title}** · {why} *{citation}*",
        title=method.title,
        why=method.why,
        citation=method.citation,
    )
