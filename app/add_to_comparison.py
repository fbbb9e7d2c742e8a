"""Add a run to the current comparison and describe what changed, without Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.state import MAX_STUDENTS, ViewState
from bickd_core.comparing.seeds import one_run_per_recipe
from bickd_core.runs.library import RunInfo
from bickd_core.runs.same_data import same_data
from bickd_viz.text.numbers import listed


def opened(
    view: ViewState, key: str, run_info: RunInfo, others: Iterable[tuple[str, RunInfo]]
) -> ViewState:
    """Return the view with this run in its comparison.

    - A student joins the other students of its teacher. If there are four already, it replaces one
      of them, see `replaced_student`.
    - If the view shows another teacher, the new comparison has this student and its teacher.
    - A teacher is shown with its students, one seed of each.
    - A run without a known teacher joins a comparison on the same data. Otherwise it is shown
      alone.

    Args:
        others: (key, info) of the runs that can be shown.
    """
    known = dict(others)
    shown = known.get(view.teacher)
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if run_info.role == "student":
        teacher = run_info.teacher.key if run_info.teacher is not None else ""
        if not teacher and shown is not None and same_data(shown, run_info):
            teacher = view.teacher
        if teacher and teacher != key and teacher in known:
            students = list(view.students) if teacher == view.teacher else []
            if key not in students:
                if len(students) == MAX_STUDENTS:
                    students.remove(replaced_student(students, known))
                students.append(key)
            return ViewState(
                **{
                    **vars(fresh),
                    "teacher": teacher,
                    "students": tuple(students),
                    "student": key,
                }
            )
    own = one_run_per_recipe(
        (other, info)
        for other, info in known.items()
        if info.teacher is not None and info.teacher.key == key
    )
    return ViewState(**{**vars(fresh), "teacher": key, "students": tuple(own[:MAX_STUDENTS])})


def together(view: ViewState, keys: Sequence[str], known: Mapping[str, RunInfo]) -> ViewState:
    """Return the view that compares up to four students of the same teacher.

    Args:
        keys: keys of the students. Of more than four, the first four are shown, one seed of each.
        known: infos of the runs that can be shown, by key. Other students are left out.
    """
    students = tuple(key for key in keys if key in known)
    if len(students) > MAX_STUDENTS:
        distinct = one_run_per_recipe((key, known[key]) for key in students)
        students = tuple(distinct[:MAX_STUDENTS])
    teachers = [teacher.key for key in students if (teacher := known[key].teacher) is not None]
    fresh = ViewState(split=view.split, temperature=view.temperature, run=view.run, race=view.race)
    if not teachers or teachers[0] not in known:
        return view
    return ViewState(
        **{**vars(fresh), "teacher": teachers[0], "students": students, "student": students[-1]}
    )


def replaced_student(students: Sequence[str], known: Mapping[str, RunInfo]) -> str:
    """Return the student that a fifth one replaces: the one trained with labels only, else the
    first one."""
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
    if before.teacher == after.teacher and set(before.students) == set(after.students):
        return ""
    students = [names_after.get(k, k) for k in after.students]
    if before.teacher != after.teacher or not students:
        name = names_after.get(key, key)
        if after.teacher == key or not students:
            return (
                f"The comparison now shows {name}{f' with {listed(students)}' if students else ''}."
            )
        teacher_text = "its teacher" if len(students) == 1 else "their teacher"
        return f"The comparison now shows {', '.join(students)} and {teacher_text}."
    gone = [names_before.get(k, k) for k in before.students if k not in after.students]
    new = [names_after.get(k, k) for k in after.students if k not in before.students]
    if len(new) == 1 and not gone:
        return f"{new[0]} was added to the comparison."
    if len(new) == len(gone) == 1 and len(students) == MAX_STUDENTS:
        return f"{new[0]} replaced {gone[0]}. A comparison holds up to four students."
    if not new:
        return f"The comparison now shows {listed(students)}."
    instead = f" in place of {listed(gone)}" if gone else ""
    return f"The comparison now shows {listed(new)}{instead}."
