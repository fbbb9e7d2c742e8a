"""A strip of sample images with captions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from app import data


def show(of: data.Comparison, positions: np.ndarray, captions: Sequence[tuple[str, str]]) -> None:
    """Images of the samples at `positions`, each over a line in full and a quieter one."""
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
    st.html(f'<div class="bk-thumbs">{"".join(figures)}</div>')


def pair_strip(
    of: data.Comparison, model: data.Model, pair: tuple[int, int], temperature: float, most: int = 10
) -> None:
    """The samples that carry most of the cosine of two classes in this model, with its probability of each."""
    positions = data.pair_samples(of, model, pair, temperature, most)
    probabilities = data.probabilities(of, model, temperature)[positions]
    names, labels = of.class_names, of.labels
    captions = []
    for row, position in enumerate(positions):
        true = (
            names[labels[position]]
            if labels is not None
            else f"sample {of.teacher.predictions.ids[position]}"
        )
        first, second = probabilities[row, pair[0]], probabilities[row, pair[1]]
        captions.append((true, f"{first:.0%} | {second:.0%}"))
    show(of, positions, captions)
