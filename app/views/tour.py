"""A short tour over the pages, as a dialog: what to look at, and a way there."""

from __future__ import annotations

import streamlit as st

from app.registry import open_page

STEPS = (
    (
        "overview",
        "One teacher, several students",
        "The title is what the data say, with an interval. CE learns from the labels alone; the others imitate the same "
        "teacher: KD image by image, DIST and BicKD class by class as well, by correlation and by contrast.",
    ),
    (
        "class_geometry",
        "Classes that share probability",
        "Every class is a column of the probability matrix. Two columns with a high cosine are classes that the model "
        "mixes up. Click a cell: its images become the selection, which every page shows and the address bar holds.",
    ),
    (
        "by_epoch",
        "How it came about",
        "Press play and watch the classes come apart, in all models at once. The figures and the matrices stand at the "
        "same epoch.",
    ),
    (
        "similarity",
        "How close a student is to its teacher",
        "Image by image and class by class: a bright diagonal means that the student says of a class what the teacher "
        "says of it.",
    ),
    (
        "prediction_map",
        "A map, and how far to trust it",
        "All models in one frame; draw round some points and they are marked in every panel. Neighbourhoods mean "
        "something, far distances do not; the figures under the map say how much of the picture is true.",
    ),
    (
        "disagreements",
        "Who is right where the other is wrong",
        "Two models on the same images: four counts, each a click away from its images, and whether the difference is "
        "more than chance.",
    ),
    (
        "distill",
        "Make one yourself",
        "Choose a method, press start, watch the loss terms. The run goes on if you close the page, and opens in this "
        "comparison when it is done.",
    ),
    (
        "learn",
        "What all of it means, in five lessons",
        "Temperature, rows and columns, orthogonality, three losses on one batch, and how a map misleads: each with one "
        "chart to play with. Present shows them on a projector.",
    ),
)


@st.dialog("The tour", width="medium")
def start() -> None:
    step = st.session_state.setdefault("tour-step", 0)
    path, title, words = STEPS[step]
    st.markdown(f"**{step + 1} of {len(STEPS)}: {title}**")
    st.write(words)
    back, on, there = st.columns(3)
    if back.button("Back", disabled=step == 0, key="tour-back", width="stretch"):
        st.session_state["tour-step"] = step - 1
        st.rerun(scope="fragment")
    last = step == len(STEPS) - 1
    if on.button("Done" if last else "Next", key="tour-next", width="stretch"):
        st.session_state["tour-step"] = 0 if last else step + 1
        st.rerun(scope="app" if last else "fragment")
    if there.button("Show me", type="primary", key="tour-show", width="stretch"):
        open_page(path)
