"""The images behind one cell of the Gram matrices, in the teacher and in the student."""

from __future__ import annotations

from app.components import frame, plot, style, thumbs
from app.components.chart import Export
from app.data.samples import image_credit
from app.plain import st
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz import tables
from bickd_viz.charts.histogram import Sample, probability_plot
from bickd_viz.text import class_geometry as text
from bickd_viz.text import numbers
from bickd_viz.text.classes import isolated

MOST_IMAGES = 12


def show(
    comparison: Comparison, student: Model, lens: Lens, most: tuple[int, int] | None = None
) -> None:
    """Show the images behind the focused pair.

    Args:
        most: The pair in the title. It is shown if no pair was chosen.
    """
    if len(comparison.class_names) < 2:
        return
    st.subheader(f"{comparison.nouns.capitalize()} behind one cell")
    pair = frame.choose_pair(comparison, student, lens.temperature, "geometry-pair", most, lens)
    if most is not None and set(pair) != set(most):
        row, column = (comparison.class_names[c] for c in most)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(
                f"You chose this pair. The title is about {row} and {column}.",
                width="content",
            )
            st.button(
                f"Show {row} and {column}",
                key="geometry-most",
                type="tertiary",
                on_click=frame.on_cell(comparison, student, lens=lens),
                args=most,
            )
    if pair[0] == pair[1]:
        st.caption(
            f"The diagonal compares a class with itself. These {comparison.nouns} have the highest"
            " probability of it."
        )
    for model in (comparison.teacher, *([student] if comparison.students else [])):
        with st.container(
            border=True, key=f"geometry-cell-{'teacher' if model.is_teacher else 'student'}"
        ):
            _card(comparison, model, pair, lens)
    st.caption(image_credit(comparison))


def _card(comparison: Comparison, model: Model, pair: tuple[int, int], lens: Lens) -> None:
    row, column = (isolated(comparison.class_names[c]) for c in pair)
    cell = class_geometry.cell_parts(comparison, model, pair, lens)
    cosine = numbers.fixed(float(cell.parts.sum()), 2)
    what = lens.what
    style.model_title(
        style.styles(comparison)[model.key], f"{what} of {row} and {column}: {cosine}"
    )
    carriers = cell.carriers()
    truly = None
    if comparison.labels is not None:
        truly = [comparison.class_names[c] for c in comparison.labels[cell.positions[:carriers]]]
    strip, histogram = st.columns([3, 2], gap="medium")
    with strip:
        sentence = text.sentence_for_cell(
            model.called,
            row,
            column,
            carriers=carriers,
            n=comparison.n,
            true_classes=truly,
            added=cell.added,
            subtracted=cell.subtracted if lens.centred else 0.0,
            noun=comparison.noun,
        )
        part = (
            f"its share of what {comparison.nouns} add to the {what}"
            if lens.centred
            else f"its share of the {what}"
        )
        below = (
            f"Under each {comparison.noun}: {thumbs.true_class_words(comparison)}, {model.called}'s"
            f" probability of {row} | {column}, and {part}."
        )
        st.caption(sentence, help=below)
        positions = cell.positions[:MOST_IMAGES]
        captions = [
            (
                thumbs.true_class(comparison, position),
                (
                    f"{_share(cell.probabilities[position, 0])} |"
                    f" {_share(cell.probabilities[position, 1])} · {cell.share(place):.1%}"
                ),
            )
            for place, position in enumerate(positions.tolist())
        ]
        title = f"{row} and {column} in {model.called}: {what} {cosine}"
        report = thumbs.InReport(
            "teacher" if model.is_teacher else "student", title, f"{sentence} {below}"
        )
        thumbs.show(comparison, positions, captions, report=report, say_why=model.is_teacher)
    with histogram:
        theme = style.theme()
        samples = [
            Sample(
                comparison.class_names[c],
                cell.probabilities[:, i],
                (theme.accent, theme.fallback[1])[i],
            )
            for i, c in enumerate(dict.fromkeys(pair))
        ]
        below = (
            f"probability at {text.at_temperature(lens.at(comparison, model))}, all"
            f" {comparison.nouns}"
        )
        export = Export(
            f"Probabilities of {row} and {column} in {model.called}",
            lambda: tables.probability_table(samples),
            y_title=comparison.nouns,
        )
        drawn = probability_plot(samples, x_title=below, nouns=comparison.nouns)
        plot.show(drawn, f"geometry-histogram-{model.key}", theme=theme, export=export)


def _share(value: float) -> str:
    """A probability in percent: whole from 1% on, with one decimal below."""
    return f"{value:.1%}" if value < 0.01 else f"{value:.0%}"
