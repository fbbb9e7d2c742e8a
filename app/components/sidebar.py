"""The sidebar of every page: the runs to compare, the split and the temperature."""

from __future__ import annotations

from app import selection, state
from app.data.runs import default_view, described, info, library, with_predictions
from app.plain import md, st
from bickd_core.data.registry import DATASETS
from bickd_core.runs.library import RunError, Split
from bickd_core.runs.same_data import same_data

_UNUSED = "This page does not use split or temperature."
_IDLE = {
    **{
        page: dict.fromkeys(("split", "temperature"), _UNUSED)
        for page in ("bring_your_own", "distill", "runs")
    },
    "by_epoch": {
        "split": (
            "This page uses the probe set: a part of validation that runs record at every epoch."
        )
    },
    "calibration": {"temperature": "This page uses T = 1 or each model's best temperature."},
}
_IDLE_LESSONS = {
    4: {"temperature": "Lesson 4 uses each method's own T."},
    5: dict.fromkeys(
        ("split", "temperature"),
        "Lesson 5 uses stored maps of the bundled teacher, on test at T = 4.",
    ),
}


def idle(page: str, lesson: int) -> dict[str, str]:
    """Return the controls that this page does not use (on Learn, this lesson), each with the
    reason."""
    return _IDLE_LESSONS.get(lesson, {}) if page == "learn" else _IDLE.get(page, {})


def lacking(page: str, view: state.ViewState) -> dict[str, str]:
    """Return the controls that have no effect for the compared runs, each with the reason."""
    try:
        runs = [library().find(key) for key in (view.teacher, *view.students) if key]
    except RunError:
        return {}
    reasons = {}
    other: Split = "validation" if view.split == "test" else "test"
    if runs and not all(run.has_predictions(other) for run in runs):
        which = (
            "Some of these runs"
            if any(run.has_predictions(other) for run in runs)
            else "These runs"
        )
        reasons["split"] = f"{which} have no predictions on {other}."
    if page == "by_epoch" and not any(run.trajectory_path.exists() for run in runs[1:]):
        reasons["temperature"] = "These runs have no recorded epochs."
    return reasons


def show(page: str = "") -> None:
    """Draw the sidebar.

    Args:
        page: path of the current page. Controls that it does not use are disabled.
    """
    view = state.current()
    if not view.teacher:
        default = default_view()
        view = state.update(teacher=default.teacher, students=default.students)
    without = {**lacking(page, view), **idle(page, view.lesson)}
    runs = with_predictions(view.split)
    keys = [run.key for run in runs]
    with st.sidebar:
        st.markdown(md("#### Comparison"))
        _bundled(view, keys)
        teachers = _with([key for key in keys if _role(key) == "teacher"] or keys, view.teacher)
        _teacher(teachers, view.teacher)
        students = [key for key in keys if key != view.teacher and _same_data(key, view.teacher)]
        options = _with(students, *view.students)
        st.session_state["side-students"] = list(view.students)
        st.multiselect(
            "Students",
            options,
            key="side-students",
            format_func=described,
            max_selections=state.MAX_STUDENTS,
            on_change=_write("students", lambda chosen: tuple(chosen)),
            placeholder="Choose up to four",
            help=(
                "Models to compare with the teacher. CE is trained with labels only. KD imitates"
                " the teacher one sample at a time, DIST and BicKD also class by class."
            ),
        )
        if any(_is_bickd(key) for key in view.students):
            st.caption("BicKD is our reconstruction from the paper's abstract.")
        st.session_state["side-split"] = view.split
        st.segmented_control(
            "Split",
            ["validation", "test"],
            key="side-split",
            on_change=_split,
            width="stretch",
            disabled="split" in without,
        )
        if "split" in without:
            st.caption(without["split"])
        st.session_state["side-temperature"] = view.temperature
        st.select_slider(
            "Temperature T",
            list(state.TEMPERATURES),
            key="side-temperature",
            on_change=_write("temperature"),
            format_func=lambda t: f"{t:g}",
            help=(
                "Probabilities are softmax(logits / T). A higher T gives the other classes more"
                " probability. Distillation usually uses T = 4."
            ),
            disabled="temperature" in without,
        )
        if (reason := without.get("temperature")) and reason != without.get("split"):
            st.caption(reason)


def _bundled(view: state.ViewState, keys: list[str]) -> None:
    """Draw a control that switches between the bundled comparisons."""
    shelves = [name for name in DATASETS if f"{name}/teacher" in keys]
    if len(shelves) < 2:
        return
    now = view.teacher.split("/")[0] if "/" in view.teacher else None
    st.session_state["side-bundled"] = now if now in shelves else None

    def chosen() -> None:
        name = st.session_state["side-bundled"]
        if name:
            fresh = default_view(name)
            selection.leave_data()
            state.update(teacher=fresh.teacher, students=fresh.students, student="", pair=None)

    st.segmented_control("Bundled", shelves, key="side-bundled", on_change=chosen, width="stretch")


def _teacher(options: list[str], value: str) -> None:
    st.session_state["side-teacher"] = value if value in options else None

    def chosen() -> None:
        key = st.session_state["side-teacher"]
        if not key:
            return
        changes: dict[str, object] = {"teacher": key, "pair": None}
        if not _same_data(key, state.current().teacher):
            fresh = default_view(info(library().find(key)).dataset)
            changes["students"] = fresh.students if fresh.teacher == key else ()
            selection.leave_data()
        state.update(**changes)

    st.selectbox("Teacher", options, key="side-teacher", format_func=described, on_change=chosen)


def _split() -> None:
    chosen = st.session_state["side-split"]
    if chosen and chosen != state.current().split:
        selection.leave_data()
        state.update(split=chosen)


def _write(field: str, convert=lambda value: value):
    def changed() -> None:
        state.update(**{field: convert(st.session_state[f"side-{field}"])})

    return changed


def _with(options: list[str], *wanted: str) -> list[str]:
    """Return the options and the chosen runs that no longer exist, so that the page can report
    them."""
    return options + [key for key in wanted if key and key not in options]


def _role(key: str) -> str:
    return info(library().find(key)).role


def _is_bickd(key: str) -> bool:
    try:
        return info(library().find(key)).objective == "bickd"
    except RunError:
        return False


def _same_data(key: str, other: str) -> bool:
    try:
        return same_data(*(info(library().find(each)) for each in (key, other)))
    except RunError:
        return False
