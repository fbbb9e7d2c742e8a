"""Streamlit, with text shown as it is typed.

Streamlit reads Markdown in titles, captions, messages, labels, options and tooltips. But class
names, run names and errors are free text: `*any*` would lose its stars, and `![](http://...)` would
load a picture. So pages import `st` from here. It escapes every text. For markup, use `md`, which
escapes the values that it fills in.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit

JOINER = "\u2060"
"""A joiner without width. It prevents Streamlit from turning plain text into links, emoji, icons
and arrows after the Markdown is parsed."""

_ALWAYS = re.compile(r"[\\`*_\[\]~$]")
_TAG = re.compile(r"[<&](?=[A-Za-z/!?#])")
_LINE_START = re.compile(r"^(?:[#>+=|-]|\d+(?=[.)](?:\s|$)))")
_DIRECTIVE = re.compile(r":(?=[A-Za-z])")
_LATER = (
    (re.compile(r":(?=[\w+-]+[:/]|/)"), f":{JOINER}"),
    (re.compile(r"www(?=\.)", re.IGNORECASE), f"\\g<0>{JOINER}"),
    (re.compile(r"@"), f"{JOINER}@"),
    (re.compile(r"(?<!\S)(<->|->|<-|--|>=|<=|~=)(?!\S)"), f"\\g<0>{JOINER}"),
)
"""Patterns that Streamlit's page replaces after parsing, where escapes have no effect."""


class Markdown(str):
    """Markdown or HTML that is already escaped, such as the result of `md`."""

    __slots__ = ()


def plain(text: object) -> str:
    """Escape Markdown, so that Streamlit shows the text as it is typed.

    Args:
        text: any text; line breaks become spaces, since a name is one line.

    Returns:
        The text with backslashes, or with `JOINER` where a backslash has no effect.

    >>> plain("*any* ~x~ 5 % :red[q]")
    '\\\\*any\\\\* \\\\~x\\\\~ 5 % \\\\:red\\\\[q\\\\]'
    """
    if isinstance(text, Markdown):
        return text
    shown = " ".join(str(text).split())
    for pattern, replacement in _LATER:
        shown = pattern.sub(replacement, shown)
    shown = _ALWAYS.sub(r"\\\g<0>", shown)
    shown = _TAG.sub(r"\\\g<0>", shown)
    shown = _DIRECTIVE.sub(r"\\:", shown)
    return _LINE_START.sub(_escape_start, shown)


def _escape_start(match: re.Match[str]) -> str:
    start = match.group()
    return start + JOINER if start.isdigit() else f"\\{start}"


def md(template: str, **values: object) -> Markdown:
    """Fill a template written in Markdown; the values are plain text, or `Markdown` themselves.

    >>> md("**{name}** is ready", name="a*b")
    '**a\\\\*b** is ready'
    """
    return Markdown(template.format(**{name: plain(value) for name, value in values.items()}))


def lines(*each: Markdown) -> Markdown:
    """Join lines of Markdown."""
    return Markdown("\n".join(each))


_TEXTS = {
    "title": ("body",),
    "header": ("body",),
    "subheader": ("body",),
    "caption": ("body",),
    "markdown": ("body",),
    "write": ("body",),
    "info": ("body",),
    "success": ("body",),
    "warning": ("body",),
    "error": ("body",),
    "toast": ("body",),
    "badge": ("label",),
    "metric": ("label", "value", "delta"),
    "progress": ("value", "text"),
    "spinner": ("text",),
    "status": ("label",),
    "popover": ("label",),
    "expander": ("label",),
    "button": ("label",),
    "download_button": ("label",),
    "link_button": ("label",),
    "page_link": ("page", "label"),
    "form_submit_button": ("label",),
    "toggle": ("label",),
    "checkbox": ("label",),
    "radio": ("label",),
    "segmented_control": ("label",),
    "pills": ("label",),
    "selectbox": ("label",),
    "multiselect": ("label",),
    "select_slider": ("label",),
    "slider": ("label",),
    "number_input": ("label",),
    "text_input": ("label",),
    "text_area": ("label",),
    "file_uploader": ("label",),
    "tabs": ("tabs",),
    "dialog": ("title",),
}
"""Streamlit's functions that read Markdown -> their text arguments, in the order of the positional
arguments."""
_MARKDOWN_OPTIONS = ("radio", "segmented_control", "pills", "select_slider")
"""Functions that also read Markdown in the labels of their options."""


def _plainly(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with its text arguments escaped."""
    texts = _TEXTS[name]

    @functools.wraps(function)
    def shown(*args: Any, **options: Any) -> Any:
        given = [_safe(value) if i < len(texts) else value for i, value in enumerate(args)]
        for text in (*texts, "help"):
            if text in options:
                options[text] = _safe(options[text])
        if name in _MARKDOWN_OPTIONS:
            called = options.get("format_func", str)
            options["format_func"] = lambda option: plain(called(option))
        return function(*given, **options)

    return shown


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


class _PlainStreamlit:
    """Streamlit's module. Functions that read Markdown get escaped text."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(streamlit, name)
        return _plainly(name, function) if name in _TEXTS else function


if TYPE_CHECKING:
    import streamlit as st
else:
    st = _PlainStreamlit()

__all__ = ["JOINER", "Markdown", "lines", "md", "plain", "st"]
