"""Links to a run's teacher and parent, and buttons to reuse its settings or extend it."""

from __future__ import annotations

from app import settings, state
from app.data import access, runs
from app.distill.form_values import RANGES, sentence, train_images
from app.distill.speed import BESIDE_SECONDS
from app.pages.distill import form
from app.pages.distill.curves import teacher_run
from app.plain import st
from app.registry import open_page
from bickd_core.config import TrainConfig
from bickd_core.launch import local
from bickd_core.runs.create import extension
from bickd_core.runs.library import RunFolder, RunInfo
from bickd_viz.text import numbers


def show(run: RunFolder, info: RunInfo, *, finished: bool, prefix: str) -> None:
    """Draw the row of links and buttons.

    Args:
        prefix: the page that shows it, "distill" or "runs".
    """
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"{prefix}-lineage"
    ):
        if info.teacher is not None:
            there = teacher_run(info) is not None
            widget = f"{prefix}-teacher-of"
            _link("Teacher", info.teacher.key, there, widget, ":material/school:", "runs")
        if info.extends is not None:
            page = prefix if "/" not in info.extends else "runs"
            there = runs.extended(info) is not None
            _link("Extends", info.extends, there, f"{prefix}-parent", ":material/history:", page)
        if info.config is None or settings.read_only():
            return
        if finished and run.weights_path.exists():
            with st.popover("Extend", icon=":material/more_time:", key=f"{prefix}-extend-open"):
                _extend(run, info, prefix)
        if st.button(
            "Reuse these settings",
            key=f"{prefix}-again",
            type="tertiary",
            icon=":material/content_copy:",
            help=(
                "Opens the Distill form with these settings, so that you can change some and start"
                " a new run."
            ),
        ):
            form.fill(info.config)
            state.update(run="", race=())
            open_page("distill")


def _link(label: str, key: str, there: bool, widget: str, icon: str, page: str) -> None:
    if not there:
        st.caption(f"{label} {key}, which was deleted or replaced", width="content")
        return
    if st.button(f"{label}: {runs.described(key)}", key=widget, type="tertiary", icon=icon):
        state.update(run=key)
        open_page(page)


def _extend(run: RunFolder, info: RunInfo, prefix: str) -> None:
    assert info.config is not None
    st.caption(
        "Starts a new run from the last weights, with the same settings. The learning-rate schedule"
        " restarts over the new epochs. Image order and augmentation continue."
    )
    most = int(RANGES["epochs"][2])
    epochs = st.number_input(
        "Additional epochs",
        min_value=1,
        max_value=most,
        step=1,
        value=min(most, max(1, info.config.epochs // 2)),
        key=f"{prefix}-extend-epochs",
    )
    seconds = _expected(run, info.config, epochs)
    if seconds is not None:
        st.caption(f"{numbers.duration(seconds).capitalize()} at the speed of its last epoch.")
    if not st.button(
        "Extend", key=f"{prefix}-extend", type="primary", icon=":material/play_arrow:"
    ):
        return
    try:
        longer = local.submit(extension(run, epochs), access.for_training(1))
    except (ValueError, OSError) as error:
        st.error(sentence(error))
        return
    state.update(run=longer.key, race=())
    open_page("distill")


def _expected(run: RunFolder, config: TrainConfig, epochs: int) -> float | None:
    """Return the expected seconds at the speed of its last epoch, or None for a bundled run.

    Bundled runs were trained on another machine.
    """
    speeds = [
        record["images_per_second"] for record in run.metrics() if record.get("images_per_second")
    ]
    if run.origin == "bundled" or not speeds:
        return None
    return epochs * train_images(config) / speeds[-1] + BESIDE_SECONDS
