"""What a sample is called: an image, a text, or a sample where predictions came without either."""

from __future__ import annotations

import re
from typing import Literal

Noun = Literal["image", "text", "sample"]

_IMAGE = re.compile(r"\b(?P<article>an )?(?P<first>[Ii])mage(?P<plural>s?)\b")


def worded(sentence: str, noun: str) -> str:
    """One of our own sentences on images, for samples of any kind.

    Use it on fixed sentences only: a name that a user chose may hold the word.

    >>> worded("Images behind a cell: an image or two images", "text")
    'Texts behind a cell: a text or two texts'
    """

    def replaced(match: re.Match[str]) -> str:
        word = noun.capitalize() if match["first"] == "I" else noun
        article = "an " if noun == "image" else "a "
        return f"{article if match['article'] else ''}{word}{match['plural']}"

    return _IMAGE.sub(replaced, sentence)
