"""The images behind one cell of the Gram matrices, in the teacher and in the student."""

from __future__ import annotations

from app import data
from app.components import frame, plot, style, thumbs
from app.components.chart import Take
from app.plain import st
from bickd_viz import tables
from bickd_viz.charts import Sample, probability_histogram, probability_plot
from bickd_viz.text import class_geometry as words

MOST_IMAGES = 12


def show(
    of: data.Comparison, student: data.Model, lens: data.Lens, most: tuple[int, int] | None = None
) -> None:
    """Show the images behind the focused pair.

    Args:
        most: The pair in the title. It is shown if no pair was chosen.
    """
    if len(of.class_names) < 2:
        return
    st.subheader(f"{of.nouns.capitalize()} behind one cell")
    pair = frame.choose_pair(of, student, lens.temperature, "geometry-pair", most, lens)
    if most is not None and set(pair) != set(most):
        row, column = (of.class_names[c] for c in most)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(
                f"You chose this pair. The title is about {row} and {column}.",
                width="content",
            )
            st.button(
                f"Show {row} and {column}",
                key="geometry-most",
                type="tertiary",
                on_click=frame.on_cell(of, student, lens=lens),
                args=most,
            )
    if pair[0] == pair[1]:
        st.caption(
            f"The diagonal compares a class with itself. These {of.nouns} have most of its probability."
        )
    for model in (of.teacher, *([student] if of.students else [])):
        with st.container(border=True, key=f"geometry-cell-{'teacher' if model.is_teacher else 'student'}"):
            _card(of, model, pair, lens)
    st.caption(data.image_credit(of))


def _card(of: data.Comparison, model: data.Model, pair: tuple[int, int], lens: data.Lens) -> None:
    row, column = (of.class_names[c] for c in pair)
    found = data.cell_parts(of, model, pair, lens)
    cosine = float(found.parts.sum())
    what = lens.what
    style.model_title(style.styles(of)[model.key], f"{what} of {row} and {column}: {cosine:.2f}")
    carriers = found.carriers()
    truly = None
    if of.labels is not None:
        truly = [of.class_names[c] for c in of.labels[found.positions[:carriers]]]
    strip, histogram = st.columns([3, 2], gap="medium")
    with strip:
        said = words.sentence_for_cell(
            model.called,
            row,
            column,
            carriers=carriers,
            n=of.n,
            true_classes=truly,
            added=found.added,
            taken=found.taken if lens.centred else 0.0,
            noun=of.noun,
        )
        part = (
            f"its share of what {of.nouns} add to the {what}" if lens.centred else f"its share of the {what}"
        )
        below = f"Under each {of.noun}: its true class, {model.called}'s probability of {row} | {column}, and {part}."
        st.caption(said, help=below)
        positions = found.positions[:MOST_IMAGES]
        captions = [
            (
                thumbs.true_class(of, position),
                f"{_share(found.probabilities[position, 0])} | {_share(found.probabilities[position, 1])} · "
                f"{found.share(place):.1%}",
            )
            for place, position in enumerate(positions.tolist())
        ]
        title = f"{row} and {column} in {model.called}: {what} {cosine:.2f}"
        report = thumbs.InReport("teacher" if model.is_teacher else "student", title, f"{said} {below}")
        thumbs.show(of, positions, captions, report=report, say_why=model.is_teacher)
    with histogram:
        theme = style.theme()
        samples = [
            Sample(of.class_names[c], found.probabilities[:, i], (theme.accent, theme.fallback[1])[i])
            for i, c in enumerate(dict.fromkeys(pair))
        ]
        below = f"probability at {words.at_temperature(lens.at(of, model))}, all {of.nouns}"
        take = Take(
            f"Probabilities of {row} and {column} in {model.called}",
            lambda: tables.probability_table(samples),
            y_title=of.nouns,
            figure=lambda: probability_histogram(samples, x_title=below, theme=theme),
        )
        drawn = probability_plot(samples, x_title=below, nouns=of.nouns)
        plot.show(drawn, f"geometry-histogram-{model.key}", theme=theme, take=take)


def _share(value: float) -> str:
    """A probability in percent: whole from 1% on, with one decimal below."""
    return f"{value:.1%}" if value < 0.01 else f"{value:.0%}"
