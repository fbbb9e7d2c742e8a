"""The Export menu in a run's details: the formats of `bickd export`, as a zip file."""

from __future__ import annotations

from app.data import runs
from app.distill.form_values import sentence
from app.plain import md, st
from app.run_export import exported
from bickd_core.exporting.kinds import FORMATS, Kind
from bickd_core.runs.library import RunError, RunFolder

_EXPORTED = "runs-exported"


def kinds_of(run: RunFolder) -> list[Kind]:
    """Return the kinds of export for which the run has what is needed."""
    weights = run.holds("model.safetensors")
    return [
        kind
        for kind in FORMATS
        if (run.holds("metrics.jsonl") if kind == "tensorboard" else weights)
    ]


@st.fragment
def show(run: RunFolder) -> None:
    """Draw the menu; nothing if the run holds nothing that can be exported."""
    kinds = kinds_of(run)
    if not kinds:
        return
    with st.popover("Export", icon=":material/ios_share:", key="runs-export-open"):
        kind = st.radio(
            "Format",
            kinds,
            format_func=lambda kind: FORMATS[kind].title,
            captions=[FORMATS[kind].help for kind in kinds],
            key=f"runs-export-kind-{run.key}",
        )
        best = False
        if kind not in ("hub", "tensorboard") and run.holds("best/model.safetensors"):
            best = st.toggle("Use the weights of the best epoch", key=f"runs-export-best-{run.key}")
        if missing := FORMATS[kind].missing():
            st.caption(md(":material/info: {missing}", missing=missing))
        if st.button(
            "Create the file", key="runs-export-make", type="primary", disabled=bool(missing)
        ):
            _make(run, kind, best)
        _result(run, kind, best)


def _make(run: RunFolder, kind: Kind, best: bool) -> None:
    st.session_state.pop(_EXPORTED, None)
    try:
        with st.spinner("Writing and checking the export. This takes up to a minute."):
            content = exported(run, kind, runs.library(), best=best)
    except RunError as error:
        st.error(sentence(error))
        return
    st.session_state[_EXPORTED] = (run.key, kind, best, content)


def _result(run: RunFolder, kind: Kind, best: bool) -> None:
    export = st.session_state.get(_EXPORTED)
    if export is None or export[:3] != (run.key, kind, best):
        return
    stem = f"{run.key.replace('/', '-')}{'-best' if best else ''}-{kind}"
    st.download_button(
        f"Download {stem}.zip ({len(export[3]) / 2**20:.1f} MB)",
        export[3],
        f"{stem}.zip",
        "application/zip",
        key="runs-export-download",
        icon=":material/download:",
        on_click="ignore",
    )
