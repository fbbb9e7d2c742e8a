"""A strip of sample images with captions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from app import page_export
from app.components import opener
from app.data import samples
from app.plain import st
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz.text.classes import isolated


class InReport(NamedTuple):
    """How images appear in the page's report. `place` names their position on the page, whichever
    images it shows."""

    place: str
    title: str
    sentence: str = ""


def show(
    comparison: Comparison,
    positions: np.ndarray,
    captions: Sequence[tuple[str, str]],
    *,
    one_row: bool = False,
    report: InReport | None = None,
    say_why: bool = True,
) -> None:
    """Show the samples at `positions`, each with two caption lines. A click opens the page of that
    sample.

    Images and texts are tiles. Samples without either are short lines that begin with their ids.

    Args:
        positions: Rows of the comparison [n].
        captions: (first line, second line) of each.
        one_row: Show one row, which scrolls sideways if not all tiles fit.
        report: How they appear in the page's report. None leaves them out.
        say_why: Explain why there are no images. Once per page is enough.
    """
    if report is not None:
        _add_to_report(comparison, positions, captions, report)
    pictures = samples.thumbnails(comparison)
    ids = [comparison.teacher.predictions.ids[position].item() for position in positions]
    bare = not any(pictures.data_uri(id) or id in pictures.texts for id in ids)
    if pictures.reason and say_why:
        st.caption(pictures.reason)
    if bare:
        st.html(f'<ul class="bk-ids">{"".join(map(_line, ids, captions))}</ul>')
        return
    figures = [
        f"<figure>{picture(comparison, int(position), line)}<figcaption>{escape(line)}<br>"
        f"<span>{escape(quiet)}</span></figcaption></figure>"
        for position, (line, quiet) in zip(positions, captions, strict=True)
    ]
    kind = "bk-thumbs bk-one-row" if one_row else "bk-thumbs"
    if pictures.texts and not pictures.any:
        kind += " bk-texts"
    st.html(f'<div class="{kind}">{"".join(figures)}</div>')


def _line(id: int | str, caption: tuple[str, str]) -> str:
    """A sample without image or text: its id as a link to its page, then both caption lines."""
    line, quiet = caption
    first_line = "" if line == f"sample {id}" else f"<span>{escape(line)}</span>"
    return (
        f'<li><a class="bk-open" href="{escape(opener.link(id))}" title="Open this'
        f' sample">{escape(str(id))}</a>{first_line}<span>{escape(quiet)}</span></li>'
    )


def _add_to_report(
    comparison: Comparison,
    positions: np.ndarray,
    captions: Sequence[tuple[str, str]],
    report: InReport,
) -> None:
    from bickd_viz.report.build import Strip

    pictures = samples.thumbnails(comparison)
    ids = comparison.teacher.predictions.ids[positions].tolist()
    shown = [(pictures.data_uri(id), *caption) for id, caption in zip(ids, captions, strict=True)]
    strip = Strip(report.title, shown, report.sentence, [pictures.caption(id) for id in ids])
    page_export.part(f"images-{report.place}", strip)


def picture(comparison: Comparison, position: int, alt: str) -> str:
    """HTML of a sample's image, text or id, as a link to its page."""
    id = comparison.teacher.predictions.ids[position].item()
    pictures = samples.thumbnails(comparison)
    if uri := pictures.data_uri(id):
        image = f'<img src="{uri}" alt="{escape(alt)}" loading="lazy">'
    else:
        is_text = id in pictures.texts or (pictures.texts and not pictures.any)
        kind = "bk-text" if is_text else "bk-none"
        image = f'<i class="{kind}">{escape(pictures.caption(id))}</i>'
    return (
        f'<a class="bk-open" href="{escape(opener.link(id))}" title="Open this sample">{image}</a>'
    )


def true_class_words(comparison: Comparison) -> str:
    """What `true_class` returns, for a caption."""
    return "its true class" if comparison.labels is not None else "its id"


def true_class(comparison: Comparison, position: int) -> str:
    """The name of a sample's true class, or its id if the class is not known."""
    if comparison.labels is None:
        return f"sample {comparison.teacher.predictions.ids[position]}"
    return comparison.class_names[comparison.labels[position]]


def teacher_and_student(
    comparison: Comparison, student: Model, positions: np.ndarray
) -> list[tuple[str, str]]:
    """Captions: the true class, then the top-1 class of the teacher and, if there is one, of the
    student."""
    return predicted_classes(
        comparison,
        (comparison.teacher, student) if comparison.students else (comparison.teacher,),
        positions,
    )


def predicted_classes(
    comparison: Comparison, models: Sequence[Model], positions: np.ndarray
) -> list[tuple[str, str]]:
    """Captions: the true class, then each model's top-1 class."""
    predictions = [model.predictions.predicted for model in models]
    return [
        (
            true_class(comparison, p),
            " | ".join(isolated(comparison.class_names[each[p]]) for each in predictions),
        )
        for p in positions
    ]


def pair_strip(
    comparison: Comparison,
    model: Model,
    pair: tuple[int, int],
    temperature: float,
    *,
    most: int = 10,
    one_row: bool = False,
    report: InReport | None = None,
) -> None:
    """Show the samples that add most to the cosine of two classes, with the model's probabilities
    of both."""
    positions = samples.pair_samples(comparison, model, pair, temperature, most)
    probabilities = measures.probabilities_at(model, positions, temperature)
    captions = [
        (true_class(comparison, position), " | ".join(f"{row[c]:.0%}" for c in dict.fromkeys(pair)))
        for position, row in zip(positions, probabilities, strict=True)
    ]
    show(comparison, positions, captions, one_row=one_row, report=report)
