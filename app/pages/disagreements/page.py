"""Disagreements: which model is right, how confusions and classes differ, and where probabilities
differ most."""

from __future__ import annotations

import numpy as np
import pandas as pd

from app import page_export, selection, state
from app.components import class_search, frame, selection_bar, style, thumbs
from app.data import over_seeds, samples
from app.pages.disagreements import confusions, outcomes
from app.plain import st
from bickd_core.comparing import calibration, finding, measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.intervals import Interval
from bickd_core.wording import worded
from bickd_viz.charts.paired import paired_html
from bickd_viz.text import calibration as sentences
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text

MOST_DISPLACED = 12
_DIFFERENCE = "difference, points"


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    if not comparison.students:
        page_export.title("Disagreements need two models")
        frame.ask_for_students()
        return
    head = st.container()
    student, other = _two(comparison)
    with head:
        _title(comparison, student, other)
    if comparison.labels is not None:
        _linked(comparison, student, other)
        _by_class(comparison, student, other)
    else:
        selection_bar.show(comparison)
    _displaced(comparison, student, other, state.current().temperature)


def _two(comparison: Comparison) -> tuple[Model, Model]:
    """Choose the focused student and the model it is compared with: the teacher or another
    student."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        student = frame.choose_student(comparison, "disagreements-student")
        others = [model for model in comparison.models if model.key != student.key]
        wanted = state.current().against
        other = next((model for model in others if model.key == wanted), comparison.teacher)
        if len(others) > 1:
            names = {model.key: model.name for model in others}
            st.session_state["disagreements-against"] = other.key

            def changed() -> None:
                key = st.session_state["disagreements-against"]
                state.update(against="" if key in (None, comparison.teacher.key) else key)

            st.segmented_control(
                "Compared with",
                list(names),
                key="disagreements-against",
                format_func=lambda key: names.get(key, key),
                on_change=changed,
            )
    return student, other


def _title(comparison: Comparison, student: Model, other: Model) -> None:
    if comparison.labels is None:
        differ = int((student.predictions.predicted != other.predictions.predicted).sum())
        page_export.title(
            f"{student.name} and {other.called} disagree on {numbers.count(differ)} of"
            f" {numbers.count(comparison.n)} {comparison.nouns}"
        )
        st.caption("These predictions have no true labels, so it is unknown which model is right.")
        return
    result = calibration.disagreement(comparison, student, other).outcomes
    only = (result.first, result.second, result.p_value)
    page_export.title(sentences.outcome_title(student.name, other.called, *only, comparison.noun))
    seeds, about_seeds = _over_seeds(comparison, student, other)
    page_export.note(
        sentences.outcome_note(
            student.name, other.called, result.first, result.second, comparison.noun
        )
        + " "
        + numbers.comparison_sentence(
            "Accuracy of these two models",
            student.name,
            other.called,
            result.accuracies,
            result.difference,
        )
        + (f" {seeds}" if seeds else ""),
        f"{numbers.count(comparison.n)} {comparison.split} {comparison.nouns}, one run of each"
        f" model. The 95% interval is over {comparison.nouns}, paired.",
        about_seeds,
    )


def _over_seeds(comparison: Comparison, student: Model, other: Model) -> tuple[str, str]:
    """What all seeds of these two models say, as Overview compares them; "" without other seeds."""
    models = [student] if other.is_teacher else [student, other]
    if not all(over_seeds.siblings(comparison, model) for model in models):
        return "", ""
    recipes = over_seeds.recipes(comparison, state.current().temperature)
    found = finding.finding(comparison, recipes, student)
    assert found is not None, "there is a student"
    seeds = student.info.seed, None if other.is_teacher else other.info.seed
    compared = found.against_each[other.called]
    return seeds_text.all_seeds(student.name, other.called, compared, seeds, comparison.noun)


@frame.linked
def _linked(comparison: Comparison, student: Model, other: Model) -> None:
    """Draw the counts, the confusions and the images they select. A click redraws only these."""
    left, right = st.columns([2, 3], gap="small")
    with left, st.container(border=True, height="stretch"):
        style.card_title("Who is right", f"Click a count to select its {comparison.nouns}.")
        outcomes.table(comparison, student, other)
    with right, st.container(border=True, height="stretch"):
        outcomes.images(comparison, student, other)
    st.subheader("Which confusions differ")
    confusions.show(comparison, student, other)
    selection_bar.show(comparison)
    state.show_in_url()


def _by_class(comparison: Comparison, student: Model, other: Model) -> None:
    assert comparison.labels is not None
    disagreement = calibration.disagreement(comparison, student, other)
    known = [
        (c, interval) for c, interval in enumerate(disagreement.by_class) if interval is not None
    ]
    known.sort(key=lambda item: (-abs(item[1].estimate), item[0]))
    up = sum(numbers.excludes_zero(i) and i.estimate > 0 for _, i in known)
    down = sum(numbers.excludes_zero(i) and i.estimate < 0 for _, i in known)
    st.subheader("Class by class")
    st.caption(sentences.classes_sentence(up, down, len(known), student.name, other.called))
    found = class_search.chosen(comparison)
    interval = None if found is None else disagreement.by_class[found]
    right = [
        np.diag(counts) for counts in (disagreement.confusion.first, disagreement.confusion.second)
    ]
    if found is not None and interval is not None:
        first, second = (numbers.percent(each[found] / interval.n) for each in right)
        st.write(
            f"{comparison.class_names[found]}: {student.name} is right on {first} of"
            f" {numbers.counted(interval.n, comparison.noun)}, {other.called} on {second}."
            f" Difference: {numbers.points_with_ends(interval)[0]} points, 95% interval"
            f" {_ends(interval)}."
        )
    rows = [
        {
            "class": comparison.class_names[c],
            comparison.nouns: interval.n,
            student.name: numbers.percent_number(right[0][c] / interval.n),
            other.name: numbers.percent_number(right[1][c] / interval.n),
            _DIFFERENCE: 100 * interval.estimate,
            "95% interval, points": _ends(interval),
        }
        for c, interval in known
    ]

    def chosen() -> None:
        picked = st.session_state["disagreements-classes"]["selection"]["rows"]
        if picked:
            selection.select("class", comparison.class_names[known[picked[0]][0]])

    share = st.column_config.NumberColumn(format="%.1f%%")
    table = pd.DataFrame(rows).style.format({_DIFFERENCE: _signed})
    st.dataframe(
        table.set_uuid("classes"),  # pandas' is random, so the table would be sent at every rerun
        hide_index=True,
        key="disagreements-classes",
        height=36 * (min(len(rows), 10) + 1),
        on_select=chosen,
        selection_mode="single-row",
        column_config={student.name: share, other.name: share},
    )


def _ends(difference: Interval) -> str:
    if not numbers.has_limits(difference):
        return "not available"
    return " to ".join(numbers.points_with_ends(difference)[1:])


def _signed(value: float) -> str:
    return numbers.signed(value, 1)


def _displaced(comparison: Comparison, student: Model, other: Model, T: float) -> None:
    moved = measures.distance(comparison, student, other, T)
    positions = np.argsort(-moved, kind="stable")[:MOST_DISPLACED]
    st.subheader(f"Where {student.name} and {other.called} differ most")
    st.caption(
        f"The {len(positions)} of {numbers.count(comparison.n)} {comparison.nouns} with the largest"
        f" Hellinger distance at T = {T:g}. Bars: {other.name} above, {student.name} below.",
        help=worded(
            "The distance is computed over all classes."
            + (" The true class is bold." if comparison.labels is not None else "")
            + " Click an image to open its page.",
            comparison.noun,
        ),
    )
    looks, theme = style.styles(comparison), style.theme()
    pair = [
        (looks[model.key], measures.probabilities_at(model, positions, T))
        for model in (other, student)
    ]
    cards = []
    for i, p in enumerate(positions.tolist()):
        bars = paired_html(
            [(look, values[i]) for look, values in pair],
            comparison.class_names,
            true_class=None if comparison.labels is None else int(comparison.labels[p]),
            theme=theme,
        )
        image = thumbs.picture(comparison, p, thumbs.true_class(comparison, p))
        cards.append(
            f'<div class="bk-pair"><div>{image}<p>distance {moved[p]:.2f}</p></div>{bars}</div>'
        )
    st.button(
        f"Select these {len(positions)}",
        key="displaced-select",
        on_click=_select,
        args=(comparison, student, other, positions),
    )
    with st.container(key="disagreements-displaced"):
        st.html(f'<div class="bk-pairs">{"".join(cards)}</div>')
    st.caption(samples.image_credit(comparison))


def _select(comparison: Comparison, student: Model, other: Model, positions: np.ndarray) -> None:
    if other.is_teacher:
        selection.select("displaced", student.key, str(len(positions)))
    else:
        selection.select_ids(comparison, comparison.teacher.predictions.ids[positions].tolist())
