"""By epoch: overlap, agreement, accuracy and every class Gram at one epoch of training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app import page_export, state
from app.components import bound, class_parts, export_menu, frame, selection_bar, style
from app.data import epochs
from app.data.epochs import Course, Courses
from app.pages.by_epoch import player
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.matching import Matching
from bickd_core.runs.predictions import PredictionsError
from bickd_viz import tables
from bickd_viz.charts.training import Line, metric_lines
from bickd_viz.scales import MANY_CLASSES
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers
from bickd_viz.theme import ModelStyle


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    view = state.current()
    if not epochs.has_courses(comparison):
        page_export.title("No epochs to show")
        st.caption(_why_none(comparison))
        selection_bar.show(comparison)
        return
    head = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = bound.class_order(comparison, "epoch-order")
        learns = st.toggle(
            "Teacher during training",
            key="epoch-teacher",
            help=(
                "Off: the finished teacher, as its students saw it. On: the teacher at the same"
                " epoch of its own training."
            ),
        )
        matching = bound.matching("epoch-matching")
    part = class_parts.choose(comparison, how, "epoch-part", most=epochs.MOST_CLASSES)
    class_parts.explain(part, clickable=False)
    failed = False
    try:
        with st.spinner("Reading the epochs of these runs"):
            found = epochs.courses(
                comparison, view.temperature, part, teacher_learns=learns, matching=matching
            )
    except PredictionsError as error:
        found = None
        st.error(f"{str(error)[:1].upper()}{str(error)[1:]}")
        failed = True
    if found is None:
        with head:
            page_export.title("No epochs to show")
            if not failed:
                st.caption(_why_none(comparison))
        selection_bar.show(comparison)
        return
    start = min(max(view.epoch or found.last, 1), found.last)
    if st.session_state.pop("epoch-rested", start) != start:
        st.session_state["epoch-turn"] = st.session_state.get("epoch-turn", 0) + 1
    with head:
        page_export.title(_finding(found))
        st.caption(_probe(found, matching), help=_probe_details(found, matching))
    _player(comparison, found, start)
    selection_bar.show(comparison)


def _why_none(comparison: Comparison) -> str:
    if not comparison.students:
        return "Choose one to four students in the sidebar to see how they learned."
    if all(model.info.source.predictions_only for model in comparison.students):
        return (
            "Only runs trained in this app have epochs. These students were imported with their"
            " final predictions only."
        )
    return (
        "These students have no stored predictions from training. Runs trained in this app have"
        " them."
    )


@frame.linked
def _player(comparison: Comparison, found: Courses, start: int) -> None:
    """Draw the player, and the figures of its epoch. `start` stays the same, so that the Grams are
    sent once."""
    looks = style.styles(comparison)

    def rested(epoch: int) -> None:
        st.session_state["epoch-rested"] = epoch
        state.update(epoch=epoch if epoch < found.last else None)

    player.show(
        found,
        looks,
        key="epoch-player",
        theme=style.theme(),
        start=start,
        turn=st.session_state.get("epoch-turn", 0),
        top=_top(found, len(comparison.class_names)),
        on_rest=rested,
    )
    _figures(found, looks, min(max(state.current().epoch or found.last, 1), found.last))
    state.show_in_url()


def _top(found: Courses, classes: int) -> float:
    """The end of the colour scale: 0.6 for many classes, or 1 if the final overlap is too high for
    that."""
    lasts = [course.figures.overlap[-1] for course in found.courses]
    saturated = any(last is not None and last >= 0.95 * 0.6 for last in lasts)
    return 0.6 if classes > MANY_CLASSES and not saturated else 1.0


def _figures(found: Courses, looks: dict[str, ModelStyle], epoch: int) -> None:
    """Show the figures of the epoch as a table with intervals."""
    rows, ended = [], []
    for course in found.courses:
        figures, at = course.figures, course.at(epoch)
        name = course.model.called
        if course.learns and int(figures.epochs[-1]) < epoch:
            ended.append(name)
        intervals = epochs.epoch_intervals(found, course, epoch)
        rows.append(
            {
                "model": course.model.name,
                "epoch": str(figures.epochs[at]) if course.learns else "finished",
                "T": words.temperatures(figures.temperatures[at]),
                "overlap": _text(intervals.overlap),
                "accuracy": _text(intervals.accuracy, percent=True),
                "agreement with the teacher": _text(intervals.agreement, percent=True),
            }
        )
    with st.container(border=True):
        style.card_title(words.epoch_title(epoch, images=found.n), words.epoch_note(ended))
        st.dataframe(rows, hide_index=True, key="epoch-table")
        st.caption(
            "Compare these overlaps with each other. Other pages use more images, so their values"
            " differ.",
            help=(
                f"95% intervals over the {numbers.count(found.n)} images of the probe set,"
                " stratified by class. They are wide, because these are few images. Overlap is"
                " corrected for the number of images, but a small effect remains."
            ),
        )
        _offer(found, looks)


def _offer(found: Courses, looks: dict[str, ModelStyle]) -> None:
    """Offer the figures of all epochs as an export."""

    def lines(figure: str) -> list[Line]:
        every = [figure_line(found, course, looks, figure) for course in found.courses]
        return [line for line in every if line is not None]

    export_menu.offer(
        "epoch-lines",
        f"Overlap by epoch, {numbers.count(found.n)} validation images",
        lambda: metric_lines(lines("overlap"), "class overlap"),
        lambda: tables.many_lines(
            {name: lines(name) for name in ("overlap", "accuracy", "agreement")}
        ),
    )


def figure_line(
    found: Courses, course: Course, looks: dict[str, ModelStyle], figure: str
) -> Line | None:
    """One figure of a model by epoch, or None if it is not known. A finished teacher is a dashed
    level over all epochs."""
    values, look = getattr(course.figures, figure), looks[course.model.key]
    if values is None:
        return None
    if course.learns:
        return Line(look, course.figures.epochs.tolist(), values.tolist())
    finished = replace(look, name=f"{look.name} (finished)")
    return Line(finished, range(1, found.last + 1), [float(values[-1])] * found.last, "dash")


def _text(interval: Interval | None, *, percent: bool = False) -> str:
    if interval is None:
        return "—"
    return f"{interval.text(0, 100)} %" if percent else interval.text(3)


def _finding(found: Courses) -> str:
    """Who ends with the lowest overlap, or that no difference is seen between the two lowest."""
    best, *others = _lowest_last(found)
    first, last = (numbers.number(float(best.figures.overlap[k])) for k in (0, -1))
    if not others:
        return (
            f"The overlap of {best.model.name} went from {first} to {last} in"
            f" {numbers.counted(len(best.figures.epochs), 'epoch')}"
        )
    gap = epochs.end_gap(found, best, others[0])
    other = numbers.number(float(others[0].figures.overlap[-1]))
    both = f"{best.model.name} {last}, {others[0].model.name} {other}"
    if not numbers.has_limits(gap):
        return f"Lowest final overlap of these runs: {both}"
    if not numbers.excludes_zero(gap):
        return f"No difference seen in final overlap of these runs: {both}"
    return (
        f"Of these runs, {best.model.name} ends with the lowest overlap: {last} (first epoch"
        f" {first})"
    )


def _lowest_last(found: Courses) -> list[Course]:
    """The students by their final overlap, the lowest first."""
    students = [course for course in found.courses if not course.model.is_teacher]
    return sorted(students, key=lambda course: float(course.figures.overlap[-1]))


def _gap(found: Courses) -> str:
    """The difference of the two lowest final overlaps, with its interval; "" without an
    interval."""
    best, *others = _lowest_last(found)
    gap = epochs.end_gap(found, best, others[0]) if others else None
    if gap is None or gap.low is None:
        return ""
    return (
        f"Final overlap, {best.model.name} minus {others[0].model.name}:"
        f" {numbers.with_interval(gap)} (95% interval, paired)."
    )


def _probe(found: Courses, matching: Matching) -> str:
    whole = "" if found.n_validation is None else f" of {numbers.count(found.n_validation)}"
    T = f"T = {found.temperature:g}"
    images = f"Probe set: {numbers.count(found.n)}{whole} validation images"
    if found.reference is None and matching != "none":
        parts = [
            f"{images}, {T}. Entropy is not matched, because the finished teacher has no stored"
            " predictions on these images."
        ]
    elif matching == "mean":
        parts = [
            f"{images}. Every model and epoch is at the finished teacher's mean entropy at {T}."
        ]
    elif matching == "image":
        parts = [f"{images}, each at the finished teacher's entropy for it, {T}."]
    else:
        parts = [f"{images}, {T}."]
    best, *others = _lowest_last(found)
    if others and not numbers.has_limits(epochs.end_gap(found, best, others[0])):
        parts.append("These are too few images for an interval of the overlap.")
    unreached = [course.model.called for course in found.courses if course.figures.unreached.any()]
    if unreached:
        what = "Some epochs" if matching == "mean" else "Some images"
        shown = T if matching == "mean" else "the nearest entropy"
        parts.append(
            f"{what} of {', '.join(unreached)} cannot reach this entropy. They are shown at"
            f" {shown}."
        )
    if found.missing:
        names = ", ".join(model.called for model in found.missing)
        parts.append(f"Nothing is stored by epoch for {names}.")
    return " ".join(parts)


def _are_even(found: Courses) -> bool:
    """Whether the samples are equally many of each class that has any."""
    return found.labels is not None and len(set(np.bincount(found.labels)) - {0}) == 1


def _probe_details(found: Courses, matching: Matching) -> str:
    step = player.stride(found)
    parts = [
        "All models and epochs use the same images."
        + (" There are as many of each class." if _are_even(found) else ""),
        _gap(found),
        (
            f"The matrices show one in {step} epochs, the first and the last. The lines show all"
            " epochs."
            if step > 1
            else ""
        ),
        words.matching_note(matching),
    ]
    return " ".join(filter(None, parts))
