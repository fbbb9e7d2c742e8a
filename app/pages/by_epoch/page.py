"""By epoch: overlap, agreement, accuracy and every class Gram on one step of training."""

from __future__ import annotations

from app import data, page_export, state
from app.components import bound, export_menu, frame, selection_bar, style
from app.pages.by_epoch import player
from app.plain import st
from bickd_core.geometry import Interval, Matching
from bickd_core.runs.predictions import PredictionsError
from bickd_viz import ModelStyle, tables
from bickd_viz.charts import Line, metric_lines
from bickd_viz.scales import MANY_CLASSES
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers


def show() -> None:
    of = frame.load_comparison()
    view = state.current()
    if not data.has_courses(of):
        page_export.title("No epochs to show")
        st.caption(_why_none(of))
        selection_bar.show(of)
        return
    head = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = bound.class_order(of, "epoch-order")
        learns = st.toggle(
            "Teacher as it learned",
            key="epoch-teacher",
            help="Off, the teacher stands as its students saw it: finished. On, it is shown at the same epoch of its own "
            "training.",
        )
        matching = bound.matching("epoch-matching")
    try:
        found = data.courses(of, view.temperature, how, teacher_learns=learns, matching=matching)
    except PredictionsError as error:
        found = None
        st.error(f"{str(error)[:1].upper()}{str(error)[1:]}")
    if found is None:
        with head:
            page_export.title("No epochs to show")
            st.caption(_why_none(of))
        return
    start = min(max(view.epoch or found.last, 1), found.last)
    with head:
        page_export.title(_finding(found))
        st.caption(_probe(found, matching))
    _player(of, found, start)
    selection_bar.show(of)


def _why_none(of: data.Comparison) -> str:
    if not of.students:
        return "Choose one to four students in the sidebar to see how they learned."
    if all(model.info.source.predictions_only for model in of.students):
        return (
            "Only runs that are trained here have epochs. These students were imported as predictions, "
            "which are those at the end."
        )
    return "None of these students has stored its logits while it learned; runs that are trained here do."


@st.fragment
def _player(of: data.Comparison, found: data.Courses, start: int) -> None:
    """The player, and the figures where its slider rests; `start` stays, so that the Grams travel once."""
    looks = style.styles(of)

    def rested(epoch: int) -> None:
        state.update(epoch=epoch if epoch < found.last else None)

    player.show(
        found,
        looks,
        key="epoch-player",
        theme=style.theme(),
        start=start,
        top=_top(found, len(of.class_names)),
        on_rest=rested,
    )
    _figures(found, looks, min(max(state.current().epoch or found.last, 1), found.last))
    state.show_in_url()


def _top(found: data.Courses, classes: int) -> float:
    """The end of the colours: 1 where the last epoch's overlap would stand at the end of the usual scale."""
    lasts = [course.figures.overlap[-1] for course in found.courses]
    saturated = any(last is not None and last >= 0.95 * 0.6 for last in lasts)
    return 0.6 if classes > MANY_CLASSES and not saturated else 1.0


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
                "T": words.temperatures(figures.temperatures[at]),
                "overlap": _text(intervals.overlap),
                "accuracy": _text(intervals.accuracy, percent=True),
                "agreement with the teacher": _text(intervals.agreement, percent=True),
            }
        )
    with st.container(border=True):
        style.card_title("The figures at rest", f"{numbers.count(found.n)} validation images")
        st.markdown(words.sentence_for_epoch(epoch, said, images=found.n, unfinished=ended))
        st.dataframe(rows, hide_index=True, key="epoch-table")
        st.caption(
            f"95% intervals over the {numbers.count(found.n)} images of the probe set, stratified by class; few images make them "
            "wide. Overlap is corrected for the number of images, as everywhere, but only most of its effect goes: compare "
            "models and epochs here with each other, not with levels on Overview or Class geometry, which have more images."
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
        f"Overlap by epoch, {numbers.count(found.n)} validation images",
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
    first, last = (numbers.number(float(best.figures.overlap[k])) for k in (0, -1))
    if not others:
        return f"{best.model.name} went from overlap {first} to {last} in {len(best.figures.epochs)} epochs"
    gap = data.end_gap(found, best, others[0])
    other = numbers.number(float(others[0].figures.overlap[-1]))
    names = f"{best.model.name} and {others[0].model.name}"
    if not numbers.has_limits(gap):
        return f"Least overlap at the end: {names}, {last} and {other} (too few images for an interval)"
    if not numbers.excludes_zero(gap):
        return f"No difference seen in overlap between {names} at the end: {last} and {other}"
    return f"Of these runs {best.model.name} ends with the least overlap: {last}, after {first} in the first epoch"


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
    return f" At the end {best.model.name} less {others[0].model.name}: {numbers.with_interval(gap)}, 95% interval, paired."


def _probe(found: data.Courses, matching: Matching) -> str:
    whole = "" if found.n_validation is None else f" of {numbers.count(found.n_validation)}"
    step = player.stride(found)
    where = f"T = {found.temperature:g}"
    if found.reference is None and matching != "none":
        where += ", since the finished teacher has stored nothing on these images that could be matched"
    elif matching == "mean":
        where = f"every model and epoch at the finished teacher's mean entropy at {where}"
    elif matching == "image":
        where = f"every model and epoch with each image at the finished teacher's entropy for it, {where}"
    parts = [
        f"Probe set: {numbers.count(found.n)}{whole} validation images, the same for all models and epochs, a fixed number a class; "
        f"{where}.{_gap(found)}"
    ]
    if step > 1:
        parts.append(f"Grams of every {step}th epoch are shown, the last always; lines show all.")
    parts.append(words.matching_note(matching))
    unreached = [course.model.called for course in found.courses if course.figures.unreached.any()]
    if unreached:
        what = "Some epochs" if matching == "mean" else "Some images"
        stand = "stand at the plain T" if matching == "mean" else "stand at the nearest"
        parts.append(f"{what} of {', '.join(unreached)} cannot reach that entropy and {stand}.")
    if found.grouped:
        parts.append(f"Each cell is the mean over classes of two of {len(found.names)} groups.")
    if found.missing:
        names = ", ".join(model.called for model in found.missing)
        parts.append(f"Nothing was stored by epoch for {names}.")
    return " ".join(part for part in parts if part)
