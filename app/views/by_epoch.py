"""By epoch: overlap, agreement, accuracy and every class Gram on one step of training."""

from __future__ import annotations

import streamlit as st

from app import data, state, taking
from app.components import bound, epoch_player, export_menu, frame, selection_bar, style
from bickd_core.geometry import Interval
from bickd_core.predictions import PredictionsError
from bickd_viz import ModelStyle, tables, text
from bickd_viz import geometry_text as words
from bickd_viz.charts import Line, metric_lines


def show() -> None:
    of = frame.load_comparison()
    view = state.current()
    head = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = bound.class_order(of, "epoch-order")
        learns = st.toggle(
            "Teacher as it learned",
            key="epoch-teacher",
            help="Off, the teacher stands as its students saw it: finished. On, it is shown at the same epoch of its own "
            "training.",
        )
        matched = bound.toggle(
            "matched",
            "At matched entropy",
            "epoch-matched",
            help="A sharper softmax alone lowers overlap. Here every model and epoch stands at the temperature where its mean "
            "entropy is the finished teacher's at T: what vanishes was sharpness.",
        )
    try:
        found = data.courses(of, view.temperature, how, teacher_learns=learns, matched=matched)
    except PredictionsError as error:
        found = None
        st.error(f"{str(error)[:1].upper()}{str(error)[1:]}")
    if found is None:
        with head:
            taking.title("No epochs to show")
            st.caption(
                "None of these students has stored its logits while it learned; runs that are trained here do."
                if of.students
                else "Choose one to four students in the sidebar to see how they learned."
            )
        return
    start = min(max(view.epoch or found.last, 1), found.last)
    with head:
        taking.title(_finding(found))
        st.caption(_probe(found, matched))
    _player(of, found, start)
    selection_bar.show(of)


@st.fragment
def _player(of: data.Comparison, found: data.Courses, start: int) -> None:
    """The player, and the figures where its slider rests; `start` stays, so that the Grams travel once."""
    looks = style.styles(of)

    def rested(epoch: int) -> None:
        state.update(epoch=epoch if epoch < found.last else None)

    epoch_player.show(
        found,
        looks,
        key="epoch-player",
        theme=style.theme(),
        start=start,
        top=0.6 if len(of.class_names) > 20 else 1.0,
        on_rest=rested,
    )
    _figures(found, looks, min(max(state.current().epoch or found.last, 1), found.last))
    state.show_in_url()


def _figures(found: data.Courses, looks: dict[str, ModelStyle], epoch: int) -> None:
    """What the panels show at rest, in words and as a table with intervals."""
    said, rows, ended = [], [], []
    for course in found.courses:
        figures, at = course.figures, course.at(epoch)
        name = course.model.called
        accuracy = None if figures.accuracy is None else float(figures.accuracy[at])
        said.append((name, float(figures.overlap[at]), accuracy))
        if course.learns and int(figures.epochs[-1]) < epoch:
            ended.append(name)
        intervals = data.epoch_intervals(found, course, epoch)
        rows.append(
            {
                "model": course.model.name,
                "epoch": str(figures.epochs[at]) if course.learns else "finished",
                "T": f"{figures.temperatures[at]:.3g}",
                "overlap": _text(intervals.overlap),
                "accuracy": _text(intervals.accuracy, percent=True),
                "agreement with the teacher": _text(intervals.agreement, percent=True),
            }
        )
    with st.container(border=True):
        style.card_title("The figures at rest", f"{text.count(found.n)} validation images")
        st.markdown(words.sentence_for_epoch(epoch, said, images=found.n, unfinished=ended))
        st.dataframe(rows, hide_index=True, key="epoch-table")
        st.caption(
            f"95% intervals over the {text.count(found.n)} images of the probe set, stratified by class; few images make them "
            "wide. The figures over the whole split stand on Overview and Class geometry."
        )
        _offer(found, looks)


def _offer(found: data.Courses, looks: dict[str, ModelStyle]) -> None:
    """All figures of all epochs, to be taken away."""

    def lines(figure: str) -> list[Line]:
        made = []
        for course in found.courses:
            values = getattr(course.figures, figure)
            if values is not None:
                made.append(Line(looks[course.model.key], course.figures.epochs.tolist(), values.tolist()))
        return made

    export_menu.offer(
        "epoch-lines",
        f"Overlap by epoch, {text.count(found.n)} validation images",
        lambda: metric_lines(lines("overlap"), "class overlap"),
        lambda: tables.many_lines({name: lines(name) for name in ("overlap", "accuracy", "agreement")}),
    )


def _text(interval: Interval | None, *, percent: bool = False) -> str:
    if interval is None:
        return "—"
    return f"{interval.text(0, 100)} %" if percent else interval.text(3)


def _finding(found: data.Courses) -> str:
    """Who ends with the least overlap and how far it came, or that the two lowest cannot be told apart."""
    best, *others = _lowest_last(found)
    first, last = (text.number(float(best.figures.overlap[k])) for k in (0, -1))
    if not others:
        return f"{best.model.name} went from overlap {first} to {last} in {len(best.figures.epochs)} epochs"
    if not text.excludes_zero(data.end_gap(found, best, others[0])):
        other = text.number(float(others[0].figures.overlap[-1]))
        names = f"{best.model.name} and {others[0].model.name}"
        return f"No difference seen in overlap between {names} at the end: {last} and {other}"
    return f"{best.model.name} pulls classes furthest apart: overlap {first} after the first epoch, {last} after the last"


def _lowest_last(found: data.Courses) -> list[data.Course]:
    """The students by their overlap at the end, the lowest first."""
    students = [course for course in found.courses if not course.model.is_teacher]
    return sorted(students, key=lambda course: float(course.figures.overlap[-1]))


def _gap(found: data.Courses) -> str:
    """The lowest overlap at the end less the next one, with its interval."""
    best, *others = _lowest_last(found)
    gap = data.end_gap(found, best, others[0]) if others else None
    if gap is None or gap.low is None:
        return ""
    return f" At the end {best.model.name} less {others[0].model.name}: {text.with_interval(gap)}, 95% interval, paired."


def _probe(found: data.Courses, matched: bool) -> str:
    whole = "" if found.n_validation is None else f" of {text.count(found.n_validation)}"
    step = epoch_player.stride(found)
    where = f"T = {found.temperature:g}"
    if matched:
        where = f"every model and epoch at the finished teacher's mean entropy at {where}"
    parts = [
        f"Probe set: {text.count(found.n)}{whole} validation images, the same for all models and epochs, a fixed number a class; "
        f"{where}.{_gap(found)}"
    ]
    if step > 1:
        parts.append(f"Grams of every {step}th epoch are shown, the last always; lines show all.")
    if not matched:
        parts.append(
            "Overlap falls with a sharper softmax alone: switch to matched entropy to take that away."
        )
    unreached = [course.model.called for course in found.courses if not course.figures.reached.all()]
    if unreached:
        parts.append(
            f"Some epochs of {', '.join(unreached)} cannot reach that entropy and stand at the plain T."
        )
    if found.grouped:
        parts.append(f"Each cell is the mean over classes of two of {len(found.names)} groups.")
    if found.missing:
        names = ", ".join(model.called for model in found.missing)
        parts.append(f"Nothing was stored by epoch for {names}.")
    return " ".join(parts)
