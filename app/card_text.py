"""Show a model card as Markdown without pictures and links, because a run folder may come from
anybody."""

from __future__ import annotations

import re

from app.plain import Markdown, lines, plain

_BLOCK = re.compile(
    r"^(?P<indent>\s*)(?P<mark>#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s+|\|)?(?P<text>.*)$"
)
_LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<address>https?://[^\s()]+)\)")
_BOLD = re.compile(r"\\\*\\\*(?P<text>.+?)\\\*\\\*")


def card_markdown(card: str) -> Markdown:
    """Keep a card's headings, lists, tables and bold words; show everything else as it is typed.

    A link to http or https becomes its text and its address. Pictures, HTML and other links stay
    text.

    Args:
        card: the card's Markdown, without its metadata block.

    >>> card_markdown("- ![x](file:///etc/passwd) **bold** [ours](https://a.b/c)")
    '- !\\\\[x\\\\](file:\\u2060///etc/passwd) **bold** ours (https:\\u2060//a.b/c)'
    """
    return lines(*(_line(line) for line in card.splitlines()))


def _line(line: str) -> Markdown:
    match = _BLOCK.match(line)
    assert match is not None, "the pattern takes any line"
    text = _LINK.sub(r"\g<text> (\g<address>)", match["text"])
    shown = _BOLD.sub(r"**\g<text>**", plain(text))
    return Markdown(f"{match['indent'][:2]}{match['mark'] or ''}{shown}")
