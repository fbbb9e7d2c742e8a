"""Words for the samples of a comparison: images, texts, or samples if predictions came without
either."""

from __future__ import annotations

import re
from typing import Literal

Noun = Literal["image", "text", "sample"]

_IMAGE = re.compile(r"\b(?P<article>an )?(?P<first>[Ii])mage(?P<plural>s?)\b")


def worded(sentence: str, noun: str) -> str:
    """Replace "image" in one of our sentences by the word for these samples.

    Use it only on fixed sentences, because a name that the user chose may contain the word.

    >>> worded("Images behind a cell: an image or two images", "text")
    'Texts behind a cell: a text or two texts'
    """

    def replaced(match: re.Match[str]) -> str:
        word = noun.capitalize() if match["first"] == "I" else noun
        article = "an " if noun == "image" else "a "
        return f"{article if match['article'] else ''}{word}{match['plural']}"

    return _IMAGE.sub(replaced, sentence)
