"""Make missing maps in a background process: start it, watch it, stop it."""

from __future__ import annotations

import time

import numpy as np

from app import refresh, settings
from app.data.comparison import file_of, predictions_at
from app.data.maps import map_job, map_view, start_maps, stop_maps
from app.plain import st
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.maps.make import expected_seconds
from bickd_viz.text import maps, numbers


def offer(comparison: Comparison, method: str, missing: list[Model]) -> None:
    """Show, instead of missing maps, the reason and a button that makes them."""
    if comparison.n < comparison.n_each[0]:
        st.info(
            f"This map needs all {numbers.count(comparison.n_each[0])} samples of the teacher. Some"
            f" are missing in {', '.join(_lacking(comparison))}. Remove it from the comparison,"
            " or choose the layout “Three classes”."
        )
        return
    now = map_job(comparison, method)
    if now is not None and now.state == "running":
        refresh.every(0.7, _watch, comparison, method, name="map-job")
        return
    names = ", ".join(model.name for model in missing)
    took = numbers.duration(expected_seconds(method, comparison.n, len(comparison.models)))
    if now is not None and now.state == "failed":
        st.error(f"The maps could not be made: {now.error}")
    elif now is not None and now.state == "stopped":
        st.info("Stopped. Finished maps are saved, unfinished ones are discarded.")
    lacking_map = f"There is no {maps.METHODS[method]} map of {names} on {comparison.split} yet."
    if settings.read_only():
        st.info(f"{lacking_map} {settings.refusal('make maps')}")
        return
    st.info(f"{lacking_map} Making it takes {took} here. You can use the app meanwhile.")
    st.button(
        "Make the maps",
        type="primary",
        key="map-make",
        on_click=start_maps,
        args=(comparison, method),
    )


def _lacking(comparison: Comparison) -> list[str]:
    """Names of the models without some samples of the teacher."""
    own, *others = [predictions_at(file_of(comparison, m.run)).ids for m in comparison.models]
    return [
        model.name
        for model, ids in zip(comparison.students, others, strict=True)
        if not np.isin(own, ids).all()
    ]


def measure(comparison: Comparison, method: str) -> None:
    """Offer, under the maps, to measure how much another seed would move them."""
    now = map_job(comparison, method)
    if now is not None and now.state == "running":
        refresh.every(0.7, _watch, comparison, method, name="map-job")
        return
    if now is not None and now.state == "failed":
        st.error(f"The measurement failed: {now.error}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "The effect of another seed on these maps has not been measured.", width="content"
        )
        if settings.read_only():
            return
        st.button("Measure it", key="map-measure", on_click=start_maps, args=(comparison, method))


def _watch(comparison: Comparison, method: str) -> None:
    """Show the progress of a running job. Redraw the page when the job ends or its maps are
    ready."""
    now = map_job(comparison, method)
    ready = all(map_view(comparison, model, method) is not None for model in comparison.models)
    seen = st.session_state.setdefault(f"map-ready-{method}", ready)
    if now is None or now.state != "running" or ready != seen:
        del st.session_state[f"map-ready-{method}"]
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="map-progress"):
        spent = int(time.time() - now.started)
        share = now.done / now.steps if now.steps else 0.0
        step = f"step {now.done + 1} of {now.steps}, " if now.steps else ""
        st.progress(share, f"{now.words[:1].upper()}{now.words[1:]}: {step}{spent} s so far")
        if not settings.read_only() and st.button("Stop", key="map-stop", icon=":material/stop:"):
            stop_maps(comparison, method)
            st.rerun()
