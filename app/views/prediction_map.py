"""Prediction map: teacher and students in one frame, with what the map can and cannot tell."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data, state
from app.components import chart, frame, style, thumbs
from bickd_viz import text
from bickd_viz.charts import prediction_map, shared_frame

COLOURS = {
    "highlight": "some classes",
    "true": "true class",
    "predicted": "predicted class",
    "disagreement": "disagreement",
    "displacement": "displacement",
}
RAINBOW_LIMIT = 20


def show() -> None:
    of = frame.load_comparison()
    T = state.current().temperature
    student = frame.focused(of)
    _title(of, student, T)
    if of.students:
        student = frame.choose_student(of, "map-student")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.segmented_control(
            "Layout", ["umap", "pca"], default="umap", format_func=str.upper, key="map-method"
        )
        few = len(of.class_names) <= RAINBOW_LIMIT
        choices = [c for c in COLOURS if few or c not in ("true", "predicted")]
        if of.labels is None:
            choices.remove("true") if "true" in choices else None
        default = "true" if "true" in choices else "highlight"
        colour = st.segmented_control(
            "Colour by", choices, default=default, format_func=lambda c: COLOURS[c], key="map-colour"
        )
    colour = colour or default
    highlighted = _highlighted(of, student, T) if colour == "highlight" else ()
    _maps(of, student, T, method or "umap", colour, highlighted)


def _title(of: data.Comparison, student: data.Model, T: float) -> None:
    if not of.students:
        st.title(f"The teacher's predictions on {text.count(of.n)} {of.split} images")
        return
    differs = of.teacher.predictions.predicted != student.predictions.predicted
    moved = data.displacement(of, student, T)
    st.title(
        f"{student.name} names another class than the teacher on {text.count(int(differs.sum()))} of "
        f"{text.count(of.n)} images"
    )
    groups = (("where the top-1 class differs", moved[differs]), ("where it is the same", moved[~differs]))
    found = [f"{values.mean():.2f} {where}" for where, values in groups if len(values)]
    st.caption(
        f"Displacement, the Hellinger distance of the two models' probabilities at T = {T:g} in the full space, is "
        f"{' and '.join(found)} on average."
    )


def _highlighted(of: data.Comparison, student: data.Model, T: float) -> tuple[int, ...]:
    """Up to six classes in colour; the focused pair at first."""
    names = of.class_names
    pair = frame.focused_pair(of, student, T)
    focus = [names[c] for c in dict.fromkeys(pair)]
    another = st.session_state.get("map-focus") != focus  # a pair was chosen on another page
    if another or "map-classes" not in st.session_state:  # a widget's value goes when its page is left
        st.session_state["map-focus"] = focus
        st.session_state["map-classes"] = focus
    st.session_state["map-classes"] = st.session_state["map-classes"]
    chosen = st.multiselect(
        "Classes in colour",
        sorted(names),
        key="map-classes",
        max_selections=6,
        placeholder="Choose up to six classes",
    )
    return tuple(names.index(name) for name in chosen if name in names)


def _maps(
    of: data.Comparison, student: data.Model, T: float, method: str, colour: str, highlighted: tuple[int, ...]
) -> None:
    shown = [of.teacher, *([student] if of.students else [])]
    maps = [data.map_view(of, model, method) for model in shown]
    missing = [model for model, found in zip(shown, maps, strict=True) if found is None]
    if missing:
        _make_missing(of, missing)
        return
    limits = shared_frame([found.coordinates for found in maps if found is not None])
    looks = style.styles(of)
    for place, model, found in zip(st.columns(len(shown), gap="small"), shown, maps, strict=True):
        assert found is not None
        with place, st.container(border=True, key=f"map-card-{'teacher' if model.is_teacher else 'student'}"):
            style.model_title(looks[model.key], f"{text.count(of.n)} of {text.count(max(of.n_each))} images")
            single = model.is_teacher and colour in ("disagreement", "displacement") and bool(of.students)
            other = student if single else model
            figure = prediction_map(
                found.coordinates,
                ids=of.teacher.predictions.ids,
                colour_by=colour,
                labels=of.labels,
                predicted=other.predictions.predicted,
                reference=of.teacher.predictions.predicted,
                class_names=of.class_names,
                displacement=data.displacement(of, other, T),
                displacement_max=1.0,
                highlight_classes=highlighted,
                theme=style.theme(),
                height=440,
                frame=limits,
                dragmode="pan",
            )
            chart.show(figure, f"map-chart-{'teacher' if model.is_teacher else 'student'}", bar=True)
            layout = found.layout
            quality = [
                f"{name} {value:.3f}"
                for name, value in (
                    ("trustworthiness", layout.trustworthiness),
                    ("continuity", layout.continuity),
                )
                if value is not None
            ]
            quality.append(f"duplicates {text.percent(layout.duplicate_fraction)}")
            seed = "" if layout.seed is None else f", seed {layout.seed}"
            st.caption(f"{layout.method.upper()} at T = 4{seed}: {', '.join(quality)}.")
    _how_far_to_trust(of, maps, method)
    _images(of, student, T, colour, highlighted)


def _how_far_to_trust(of: data.Comparison, maps: list[data.MapView | None], method: str) -> None:
    with st.expander("What this map cannot tell", icon=":material/help:"):
        drift = ""
        if len(maps) == 2 and maps[0] is not None and maps[1] is not None:
            first, second = maps[0].coordinates, maps[1].coordinates
            width = float(np.ptp(first, axis=0).max())
            moved = float(np.linalg.norm(first - second, axis=1).mean()) / width
            drift = (
                f" Here a sample moves {moved:.2f} layout widths on average from one picture to the other, and most of "
                "that is the method, not the models."
            )
        st.markdown(
            "Both pictures show square-rooted probabilities at T = 4; Euclidean distance there is Hellinger distance. "
            + (
                "UMAP keeps neighbours together and gives up far distances, areas and densities: two groups that lie "
                "far apart need not be more different than two that lie close. The student's picture starts from the "
                "teacher's coordinates, so that what stays in place can be compared."
                if method == "umap"
                else "PCA shows the two directions of the largest spread and hides all others; the student's picture is "
                "turned and scaled onto the teacher's."
            )
            + drift
            + " Trustworthiness falls with false neighbours, continuity with torn ones; both are 1 at best. "
            "Displacement and rankings on these pages are always computed in the full space."
        )


def _images(
    of: data.Comparison, student: data.Model, T: float, colour: str, highlighted: tuple[int, ...]
) -> None:
    """Images behind the coloured points: of the classes in colour, the most displaced first."""
    moved = data.displacement(of, student, T)
    if colour == "highlight" and highlighted and of.labels is not None:
        candidates = np.flatnonzero(np.isin(of.labels, highlighted))
        names = ", ".join(of.class_names[c] for c in highlighted)
        st.subheader(f"Images of {names}")
    else:
        candidates = np.arange(of.n)
        st.subheader("The most displaced images")
    st.caption(
        "The most displaced first. Under each its true class, then what the teacher says and what "
        f"{student.name} says. {data.image_credit(of)}"
    )
    positions = candidates[np.argsort(-moved[candidates], kind="stable")][:24]
    thumbs.show(of, positions, thumbs.who_says_what(of, student, positions))


def _make_missing(of: data.Comparison, missing: list[data.Model]) -> None:
    names = " and ".join(model.name for model in missing)
    st.info(f"The map of {names} on {of.split}, starting from this teacher's, has not been made yet.")
    if st.button("Make the map", type="primary", key="map-make"):
        st.session_state["map-job"] = data.start_layout(of, missing[-1])
        st.rerun()
    if "map-job" in st.session_state:
        _wait()


@st.fragment(run_every=1.0)
def _wait() -> None:
    job = st.session_state.get("map-job")
    if job is None:
        return
    if job.poll() is None:
        st.progress(
            0.5, "Laying out; this takes about half a minute the first time. You can go on elsewhere."
        )
        return
    del st.session_state["map-job"]
    if job.returncode:
        st.error(f"The map could not be made: {data.last_line(job)}")
    else:
        st.rerun()
