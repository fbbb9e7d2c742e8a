"""Add a run to the current comparison and describe what changed, without Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.state import MAX_STUDENTS, ViewState
from bickd_core.runs.library import RunInfo
from bickd_viz.text.numbers import listed


def opened(
    view: ViewState, key: str, info: RunInfo, others: Iterable[tuple[str, RunInfo]]
) -> ViewState:
    """Return the view with this run in its comparison.

    A student is added to the shown students of its teacher; if there are already four, `giving_way`
    picks the one that is removed. If another teacher is shown, the comparison becomes the student
    and its teacher. A teacher is shown with its students. A run without a teacher is added to a
    comparison on the same data, or shown alone as the teacher.

    Args:
        others: (key, info) of the runs that can be shown.
    """
    known = dict(others)
    shown = known.get(view.teacher)
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if info.role == "student":
        teacher = info.teacher.key if info.teacher is not None else ""
        if not teacher and shown is not None and shown.dataset == info.dataset:
            teacher = view.teacher
        if teacher and teacher != key and teacher in known:
            kept = [s for s in view.students if s != key] if teacher == view.teacher else []
            if len(kept) == MAX_STUDENTS:
                kept.remove(giving_way(kept, known))
            return ViewState(
                **{**vars(fresh), "teacher": teacher, "students": (*kept, key), "student": key}
            )
    own = [
        other for other, its in known.items() if its.teacher is not None and its.teacher.key == key
    ]
    return ViewState(**{**vars(fresh), "teacher": key, "students": tuple(own[:MAX_STUDENTS])})


def together(view: ViewState, keys: Sequence[str], known: Mapping[str, RunInfo]) -> ViewState:
    """Return the view that compares the first four of these students, who have the same teacher.

    Args:
        known: infos of the runs that can be shown, by key; other students are left out.
    """
    students = tuple(key for key in keys if key in known)[:MAX_STUDENTS]
    teachers = [teacher.key for key in students if (teacher := known[key].teacher) is not None]
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if not teachers or teachers[0] not in known:
        return view
    return ViewState(
        **{**vars(fresh), "teacher": teachers[0], "students": students, "student": students[-1]}
    )


def giving_way(students: Sequence[str], known: Mapping[str, RunInfo]) -> str:
    """Return which of four students a new one replaces: the one trained with labels only, else the
    first."""
    return next(
        (key for key in students if key in known and known[key].objective == "ce"), students[0]
    )


def change_sentence(
    before: ViewState,
    after: ViewState,
    key: str,
    names_before: Mapping[str, str],
    names_after: Mapping[str, str],
) -> str:
    """Describe how opening the run `key` changed the comparison; "" if it did not.

    Args:
        names_before, names_after: names of the models by key.
    """
    if (before.teacher, before.students) == (after.teacher, after.students):
        return ""
    name = names_after.get(key, key)
    if before.teacher != after.teacher:
        students = [names_after.get(k, k) for k in after.students]
        if after.teacher == key or not students:
            return (
                f"The comparison now shows {name}{f' with {listed(students)}' if students else ''}."
            )
        whose = "its teacher" if len(students) == 1 else "their teacher"
        return f"The comparison now shows {', '.join(students)} and {whose}."
    gone = [names_before.get(k, k) for k in before.students if k not in after.students]
    new = [names_after.get(k, k) for k in after.students if k not in before.students]
    if len(new) > 1:
        instead = f" in place of {listed(gone)}" if gone else ""
        return f"The comparison now shows {listed(new)}{instead}."
    if gone:
        return f"{name} replaced {listed(gone)}. A comparison holds up to four students."
    return f"{name} was added to the comparison."
