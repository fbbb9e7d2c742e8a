"""A strip of sample images with captions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
import streamlit as st

from app import data, taking
from app.components import opener


class InReport(NamedTuple):
    """How images stand in the page's report; `place` is theirs on the page, whichever images are shown there."""

    place: str
    title: str
    sentence: str = ""


def show(
    of: data.Comparison,
    positions: np.ndarray,
    captions: Sequence[tuple[str, str]],
    *,
    one_row: bool = False,
    report: InReport | None = None,
) -> None:
    """Images of the samples at `positions`, each over a line in full and a quieter one; a click opens its own page.

    `one_row` shows as many as fit beside each other and hides the rest. With `report` the page's report holds them.
    """
    pictures = data.thumbnails(of)
    figures = []
    for position, (line, quiet) in zip(positions, captions, strict=True):
        figures.append(
            f"<figure>{picture(of, int(position), line)}<figcaption>{escape(line)}<br>"
            f"<span>{escape(quiet)}</span></figcaption></figure>"
        )
    if pictures.reason:
        st.caption(pictures.reason)
    kind = "bk-thumbs bk-one-row" if one_row else "bk-thumbs"
    st.html(f'<div class="{kind}">{"".join(figures)}</div>')
    if report is not None:
        _keep(of, positions, captions, report)


def _keep(
    of: data.Comparison, positions: np.ndarray, captions: Sequence[tuple[str, str]], report: InReport
) -> None:
    from bickd_viz.report import Strip

    ids = of.teacher.predictions.ids[positions].tolist()
    addresses = [data.thumbnails(of).data_uri(id) if isinstance(id, int) else None for id in ids]
    shown = [(address, *words) for address, words in zip(addresses, captions, strict=True)]
    taking.part(f"images-{report.place}", Strip(report.title, shown, report.sentence))


def picture(of: data.Comparison, position: int, alt: str) -> str:
    """A sample's image as a link to its own page, in HTML."""
    id = of.teacher.predictions.ids[position].item()
    uri = data.thumbnails(of).data_uri(id) if isinstance(id, int) else None
    image = (
        f'<img src="{uri}" alt="{escape(alt)}" loading="lazy">'
        if uri
        else f'<i class="bk-none">{escape(str(id))}</i>'
    )
    return f'<a class="bk-open" href="{escape(opener.link(id))}" title="Open this sample">{image}</a>'


def true_class(of: data.Comparison, position: int) -> str:
    """The name of a sample's true class, or its id where that is not known."""
    if of.labels is None:
        return f"sample {of.teacher.predictions.ids[position]}"
    return of.class_names[of.labels[position]]


def who_says_what(of: data.Comparison, student: data.Model, positions: np.ndarray) -> list[tuple[str, str]]:
    """Captions: the true class, then the teacher's and the student's top-1 class; the teacher's alone without a student."""
    return says(of, (of.teacher, student) if of.students else (of.teacher,), positions)


def says(of: data.Comparison, models: Sequence[data.Model], positions: np.ndarray) -> list[tuple[str, str]]:
    """Captions: the true class, then each model's top-1 class."""
    said = [model.predictions.predicted for model in models]
    return [(true_class(of, p), " | ".join(of.class_names[who[p]] for who in said)) for p in positions]


def pair_strip(
    of: data.Comparison,
    model: data.Model,
    pair: tuple[int, int],
    temperature: float,
    *,
    most: int = 10,
    one_row: bool = False,
    report: InReport | None = None,
) -> None:
    """The samples that carry most of the cosine of two classes in this model, with its probability of each."""
    positions = data.pair_samples(of, model, pair, temperature, most)
    probabilities = data.probabilities(of, model, temperature)[positions]
    captions = [
        (true_class(of, position), f"{row[pair[0]]:.0%} | {row[pair[1]]:.0%}")
        for position, row in zip(positions, probabilities, strict=True)
    ]
    show(of, positions, captions, one_row=one_row, report=report)
