"""Lesson 5: UMAP maps of the same data with five seeds."""

from __future__ import annotations

import numpy as np

from app import state
from app.components import scatter, style
from app.data import lessons as facts
from app.pages.learn.lesson import Lesson, finding
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_core.runs.library import RunError
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.colouring import by_class, highlighted
from bickd_viz.text import lessons
from bickd_viz.theme import ModelStyle

STARTS = {"random": "random", "pca": "PCA"}


def show(comparison: Comparison, height: int) -> None:
    _maps(height)


@st.fragment
def _maps(height: int) -> None:
    stored = facts.seed_maps()
    try:
        source = facts.samples_of(stored)
    except RunError as error:
        st.info(f"This lesson shows maps of the bundled runs, but they were not found: {error}")
        return
    starts, neighbours = stored.meta["starts"], stored.meta["neighbours"]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        count = st.select_slider("n_neighbors", neighbours, value=15, key="learn-neighbours")
        start = st.segmented_control(
            "Initial positions", starts, default="random", key="learn-start",
            format_func=lambda s: STARTS[s]
        ) or "random"  # fmt: skip
        two = st.toggle("Only the two classes that move most", key="learn-two")
    where = starts.index(start), neighbours.index(count)
    layouts = stored.coordinates[where]
    a, b, distances = facts.wandering_pair(layouts, source.labels)
    theme = style.theme()
    inner = np.searchsorted(source.classes, source.labels)
    names = [source.class_names[c] for c in source.classes]
    pair = [int(np.searchsorted(source.classes, c)) for c in (a, b)]
    same = [inner] * len(layouts)
    panels = [
        MapPanel(
            style=ModelStyle(f"seed {seed}", theme.text),
            coordinates=layout,
            key=f"seed {seed}",
            note=f"{distance:.2f} apart",
        )
        for seed, layout, distance in zip(stored.meta["seeds"], layouts, distances, strict=True)
    ]
    colours = highlighted(same, pair, names, theme) if two else by_class(same, names, theme)
    scene = MapScene(
        panels,
        source.ids,
        colours,
        theme=theme,
        title="Five maps of the same images, which differ only in UMAP's seed",
        class_names=names,
        labels=inner,
    )
    room = height - (110 if state.current().present else 60)
    scatter.show(scene, key="learn-maps", height=room, narrowest=160)
    first, second = source.class_names[a], source.class_names[b]
    finding(
        lessons.sentence_for_seeds(
            n=len(source.ids),
            displacement=float(stored.displacement[where]),
            neighbours=count,
            trust=stored.trustworthiness[where].tolist(),
            pair=(first, second),
            distances=distances.tolist(),
        )
    )
    if not state.current().present:
        st.caption(
            f"Above each map is the distance between {first} and {second}, in widths of the map."
            " Point at an image to find it on all five maps.",
            help=(
                f"UMAP {stored.meta['umap']} of the probabilities of the bundled caltech95 teacher"
                f" at T = {stored.meta['temperature']:g}. The points are all {len(source.ids)} test"
                f" images of the {len(names)} largest classes."
            ),
        )


LESSON = Lesson(
    title="Maps",
    question="How much of a map is the data, and how much is chance?",
    show=show,
    of_images=True,
    exercise="On the map of seed 0 two groups are far apart. What can you conclude?",
    answer=(
        "Only that their images are not each other's nearest neighbours. The distance between"
        " groups, the groups between them, and the size and shape of a group all change with the"
        " seed and with n_neighbors. Measure distances in the full space instead: this app measures"
        " every displacement and overlap there. Starting from PCA makes the maps of different"
        " seeds more alike, but some groups still move, and the maps are not more accurate."
    ),
)
