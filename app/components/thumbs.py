"""A strip of sample images with captions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from app import data


def show(
    of: data.Comparison, positions: np.ndarray, captions: Sequence[tuple[str, str]], *, one_row: bool = False
) -> None:
    """Images of the samples at `positions`, each over a line in full and a quieter one.

    `one_row` shows as many as fit beside each other and hides the rest.
    """
    pictures = data.thumbnails(of)
    ids = of.teacher.predictions.ids[positions]
    figures = []
    for id, (line, quiet) in zip(ids.tolist(), captions, strict=True):
        uri = pictures.data_uri(id) if isinstance(id, int) else None
        image = f'<img src="{uri}" alt="{escape(line)}" loading="lazy">' if uri else '<img alt="no image">'
        figures.append(
            f"<figure>{image}<figcaption>{escape(line)}<br><span>{escape(quiet)}</span></figcaption></figure>"
        )
    if pictures.reason:
        st.caption(pictures.reason)
    kind = "bk-thumbs bk-one-row" if one_row else "bk-thumbs"
    st.html(f'<div class="{kind}">{"".join(figures)}</div>')


def true_class(of: data.Comparison, position: int) -> str:
    """The name of a sample's true class, or its id where that is not known."""
    if of.labels is None:
        return f"sample {of.teacher.predictions.ids[position]}"
    return of.class_names[of.labels[position]]


def who_says_what(of: data.Comparison, student: data.Model, positions: np.ndarray) -> list[tuple[str, str]]:
    """Captions: the true class, then the teacher's and the student's top-1 class."""
    names = of.class_names
    said = [model.predictions.predicted for model in (of.teacher, student)]
    return [(true_class(of, p), " | ".join(names[who[p]] for who in said)) for p in positions]


def pair_strip(
    of: data.Comparison,
    model: data.Model,
    pair: tuple[int, int],
    temperature: float,
    *,
    most: int = 10,
    one_row: bool = False,
) -> None:
    """The samples that carry most of the cosine of two classes in this model, with its probability of each."""
    positions = data.pair_samples(of, model, pair, temperature, most)
    probabilities = data.probabilities(of, model, temperature)[positions]
    captions = [
        (true_class(of, position), f"{row[pair[0]]:.0%} | {row[pair[1]]:.0%}")
        for position, row in zip(positions, probabilities, strict=True)
    ]
    show(of, positions, captions, one_row=one_row)
