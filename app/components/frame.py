"""The start of every page over a comparison: load it, or explain why it cannot be shown."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from app import page_export, selection, state
from app.components import class_search, notice, selection_bar
from app.data import comparison as comparisons
from app.data import runs
from app.plain import st
from bickd_core.comparing import finding
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import (
    Comparison,
    Model,
    preparation_sentence,
    seen_sentence,
    training_sentence,
)
from bickd_core.comparing.selection import lens_arguments, with_renamed_run
from bickd_core.runs.library import RunError
from bickd_core.runs.predictions import PredictionsError
from bickd_viz.text import numbers

P = ParamSpec("P")


def linked(draw: Callable[Concatenate[Comparison, P], None]) -> Callable[..., None]:
    """Make a fragment of a function that draws a part of a comparison.

    A click in the part draws only this part again. If another tab has deleted or renamed a run of
    the comparison since, the whole page is loaded instead, and says so.
    """

    @functools.wraps(draw)
    def drawn(comparison: Comparison, *arguments: P.args, **named: P.kwargs) -> None:
        if not all(model.run.has_predictions(comparison.split) for model in comparison.models):
            st.rerun()
        draw(comparison, *arguments, **named)

    return st.fragment(drawn)


def load_comparison(
    on_class: Callable[[Comparison, int], None] | None = None,
) -> Comparison | None:
    """Load the comparison of the view. If this fails, show the reason and a way on, and return
    None. The page then ends by a return: `st.stop` would leave out what comes after every page.

    Args:
        on_class: What the page does with a class that is found in the sidebar, besides focusing on
            it.
    """
    try:
        comparison = comparisons.comparison(state.current())
    except (RunError, PredictionsError) as error:
        st.title("This comparison cannot be shown")
        st.error(_sentence(str(error)))
        st.caption("Choose other runs in the sidebar, or go back to the bundled comparison.")
        _offer_others()
        if st.button("Show the bundled comparison", key="frame-default"):
            fresh = runs.default_view()
            state.update(
                teacher=fresh.teacher, students=fresh.students, split="test", student="", pair=None
            )
            st.rerun()
        return None
    page_export.comparison(comparison)
    notice.show()
    if not comparison.complete:
        each = ", ".join(
            f"{model.name} {numbers.count(n)}"
            for model, n in zip(comparison.models, comparison.n_each, strict=True)
        )
        st.info(
            f"This page shows the {numbers.counted(comparison.n, 'sample')} that all models share,"
            f" out of {numbers.count(max(comparison.n_each))} ({each}). Samples are matched by id.",
            icon=":material/join_inner:",
        )
    names = [model.name for model in comparison.models]
    infos = [model.info for model in comparison.models]
    if different := preparation_sentence(names, infos):
        st.info(different, icon=":material/aspect_ratio:")
    if seen := seen_sentence(names, infos, comparison.split):
        st.info(seen, icon=":material/model_training:")
    if longer := training_sentence(names, infos):
        st.info(longer, icon=":material/timelapse:")
    class_search.show(comparison, on_class)
    selection_bar.saved_list(comparison)
    return comparison


def _offer_others() -> None:
    """Show a button that removes the students without predictions from the view, if its teacher
    and another student have them."""
    view = state.current()
    keys = {run.key for run in runs.with_predictions(view.split)}
    missing = [key for key in view.students if key not in keys]
    if not missing or len(missing) == len(view.students) or view.teacher not in keys:
        return
    if st.button(
        "Show the others",
        key="frame-others",
        type="primary",
        help=f"Removes {numbers.listed(missing)} from the comparison.",
    ):
        rule = view.selection
        for key in missing:
            rule = with_renamed_run(rule, key, "")
        state.update(
            students=tuple(key for key in view.students if key in keys),
            student="" if view.student in missing else view.student,
            against="" if view.against in missing else view.against,
            selection=rule,
        )
        st.rerun()


def ask_for_students() -> None:
    """Say what to do on a page that shows nothing without a student."""
    st.info("Choose one to four students in the sidebar to compare them with the teacher.")


def focused(comparison: Comparison) -> Model:
    """The focused student. Default: BicKD, else the last student."""
    return comparison.focus(state.current().student)


def choose_student(comparison: Comparison, key: str) -> Model:
    """Show a row of buttons for the focused student."""
    chosen = focused(comparison)
    if len(comparison.students) < 2:
        return chosen
    st.session_state[key] = chosen.key
    names = {model.key: model.name for model in comparison.students}

    def changed() -> None:
        state.update(student=st.session_state[key] or chosen.key)

    st.segmented_control(
        "Student in focus",
        list(names),
        key=key,
        format_func=lambda k: names.get(k, k),
        on_change=changed,
    )
    return chosen


def baseline(comparison: Comparison, student: Model) -> Model | None:
    """The student that the focused student is compared with; None if there is no other."""
    other = comparison.baseline(student)
    return None if other.is_teacher else other


def focused_pair(
    comparison: Comparison,
    student: Model,
    temperature: float,
    otherwise: tuple[int, int] | None = None,
    *,
    distinct: bool = False,
) -> tuple[int, int]:
    """The focused pair, as class positions. Default: `otherwise`, else the pair that differs
    most.

    Args:
        distinct: Whether a class in focus, which is a pair of it with itself, counts as none.
    """
    pair = state.current().pair
    if pair is not None and distinct and pair[0] == pair[1]:
        pair = None
    names = comparison.class_names
    if pair is not None and pair[0] in names and pair[1] in names:
        return names.index(pair[0]), names.index(pair[1])
    if otherwise is not None:
        return otherwise
    return finding.separated_pair(comparison, temperature, student).classes


def choose_pair(
    comparison: Comparison,
    student: Model,
    temperature: float,
    key: str,
    otherwise: tuple[int, int] | None = None,
    lens: Lens | None = None,
) -> tuple[int, int]:
    """Show two select boxes for the focused pair, as an alternative to clicking a cell.

    Args:
        lens: How the matrices are made; None for the plain ones at T.
    """
    pair = focused_pair(comparison, student, temperature, otherwise)
    columns = st.columns(2)
    for place, (column, label) in enumerate(
        zip(columns, ("Row class", "Column class"), strict=True)
    ):
        # Another pair is another widget, so that a value still under way for an earlier one cannot
        # count for this one.
        widget = f"{key}-{place}-of-{pair[0]}-{pair[1]}"
        names = sorted(comparison.class_names)

        def chosen(place: int = place, widget: str = widget) -> None:
            cell = list(pair)
            cell[place] = comparison.class_names.index(st.session_state[widget])
            if (
                tuple(cell) != pair
            ):  # the box's own value is sent again when a box comes back: nobody chose it
                on_cell(comparison, student, lens=lens)(*cell)

        with column.container(key=f"{key}-{place}"):
            st.selectbox(
                label,
                names,
                index=names.index(comparison.class_names[pair[place]]),
                key=widget,
                on_change=chosen,
            )
    return pair


def on_cell(
    comparison: Comparison, model: Model, kind: str = "cell", lens: Lens | None = None
) -> Callable[[int, int], None]:
    """Returns the click handler of a matrix: the cell becomes the focused pair, its samples become
    the selection.

    Args:
        kind: "cell" for the model's own Gram, "cross" for the teacher's columns against the
            model's.
        lens: How the matrix is made; None for the plain one at T. It is part of the selection's
            rule, so that the rule picks what the cell shows.
    """
    seen = () if lens is None else lens_arguments(lens.matching, lens.centred)

    def clicked(row: int, column: int) -> None:
        pair = (comparison.class_names[row], comparison.class_names[column])
        state.update(pair=pair)
        if row == column and comparison.labels is not None:
            selection.select("class", pair[0])
        else:
            selection.select(kind, model.key, *pair, *seen)

    return clicked


def _sentence(text: str) -> str:
    """Capitalise a sentence, unless it starts with a file name."""
    return text if "/" in text.split(" ")[0] else text[:1].upper() + text[1:]
