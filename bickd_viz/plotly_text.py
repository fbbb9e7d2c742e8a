"""Escape names for Plotly, which reads tags, entities, templates and TeX in every string."""

from __future__ import annotations

_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%{": "%&#123;"}


def plotly_text(name: object) -> str:
    """Escape a name, so that Plotly draws it as typed.

    Use it for every name in a trace, an axis or an annotation. Cut a long name first.

    >>> plotly_text("<b>a</b> & $x$ %{y}")
    '&lt;b&gt;a&lt;/b&gt; &amp; &#36;x&#36; %&#123;y}'
    """
    text = str(name)
    for mark, shown in _MARKS.items():
        text = text.replace(mark, shown)
    return text
