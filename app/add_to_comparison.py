"""How a run comes into the comparison that is shown, and the sentence that says what it changed. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.state import MAX_STUDENTS, ViewState
from bickd_core.runs.library import RunInfo
from bickd_viz.text.numbers import listed


def opened(view: ViewState, key: str, about: RunInfo, others: Iterable[tuple[str, RunInfo]]) -> ViewState:
    """The view with this run in its comparison.

    A student joins the students of its teacher that are shown; where there are four, `giving_way` names the one that
    leaves. Where another teacher is shown, the comparison becomes its teacher and itself. A teacher comes with its
    own students. A run without a teacher joins what is shown on the same data, or stands alone as the teacher.

    Args:
        others: (key, info) of the runs that can be shown, for the students of a teacher and the data of the view.
    """
    known = dict(others)
    shown = known.get(view.teacher)
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if about.role == "student":
        teacher = about.teacher.key if about.teacher is not None else ""
        if not teacher and shown is not None and shown.dataset == about.dataset:
            teacher = view.teacher
        if teacher and teacher != key and teacher in known:
            kept = [s for s in view.students if s != key] if teacher == view.teacher else []
            if len(kept) == MAX_STUDENTS:
                kept.remove(giving_way(kept, known))
            return ViewState(**{**vars(fresh), "teacher": teacher, "students": (*kept, key), "student": key})
    own = [other for other, its in known.items() if its.teacher is not None and its.teacher.key == key]
    return ViewState(**{**vars(fresh), "teacher": key, "students": tuple(own[:MAX_STUDENTS])})


def together(view: ViewState, keys: Sequence[str], known: Mapping[str, RunInfo]) -> ViewState:
    """The view with these students of one teacher, the first four of them, as its comparison.

    Args:
        known: infos of the runs that can be shown, by key; students that are not there are left out.
    """
    students = tuple(key for key in keys if key in known)[:MAX_STUDENTS]
    teachers = [teacher.key for key in students if (teacher := known[key].teacher) is not None]
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if not teachers or teachers[0] not in known:
        return view
    return ViewState(**{**vars(fresh), "teacher": teachers[0], "students": students, "student": students[-1]})


def giving_way(students: Sequence[str], known: Mapping[str, RunInfo]) -> str:
    """Which of four students leaves for a new one: that which learns from the labels alone, else the first."""
    return next((key for key in students if key in known and known[key].objective == "ce"), students[0])


def change_sentence(
    before: ViewState,
    after: ViewState,
    key: str,
    names_before: Mapping[str, str],
    names_after: Mapping[str, str],
) -> str:
    """What opening the run `key` did to the comparison, the names of models given by key; "" where it did nothing."""
    if (before.teacher, before.students) == (after.teacher, after.students):
        return ""
    name = names_after.get(key, key)
    if before.teacher != after.teacher:
        students = [names_after.get(k, k) for k in after.students]
        if after.teacher == key or not students:
            return f"The comparison is now that of {name}{f' with {listed(students)}' if students else ''}."
        whose = "its teacher" if len(students) == 1 else "their teacher"
        return f"The comparison is now that of {', '.join(students)} and {whose}."
    gone = [names_before.get(k, k) for k in before.students if k not in after.students]
    new = [names_after.get(k, k) for k in after.students if k not in before.students]
    if len(new) > 1:
        instead = f" in place of {listed(gone)}" if gone else ""
        return f"The comparison now shows {listed(new)}{instead}."
    if gone:
        return f"{name} took the place of {listed(gone)}: a comparison holds up to four students."
    return f"{name} joined the comparison."
