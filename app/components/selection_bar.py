"""The bar of the selection, at the foot of every page: what is selected, its images, save,
download, clear."""

from __future__ import annotations

from html import escape

from app import selection, state
from app.components import thumbs
from app.data import selection_files
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.saved_selections import KeptError
from bickd_core.comparing.selection import Rule, Selection
from bickd_viz.text import numbers

MOST_IMAGES = 24
_SAID = "selection-said"


def show(comparison: Comparison) -> None:
    """Draw the bar if there is a selection. Call it once per page, in the fragment whose charts
    select."""
    if said := st.session_state.pop(_SAID, ""):
        st.toast(said, icon=":material/bookmark_added:")
    found, problem = selection.read(comparison)
    if found is None and not problem:
        return
    with st.container(
        key="selection-bar", horizontal=True, vertical_alignment="center", gap="small", border=True
    ):
        if found is None:
            st.html(f'<div class="bk-chip">{escape(problem[:1].upper() + problem[1:])}</div>')
        else:
            st.html(
                '<div class="bk-chip"'
                f' data-count="{len(found)}"><b>{numbers.counted(len(found), "sample")}</b> of'
                f" {numbers.count(comparison.n)}: {escape(_called(found))}</div>"
            )
            if len(found):
                _images(comparison, found)
                _keep(comparison, found)
            _take(comparison, found)
        st.button(
            "Clear",
            key="selection-clear",
            icon=":material/close:",
            on_click=selection.clear,
            type="tertiary",
        )


def _called(found: Selection) -> str:
    return f"{found.title} (from {found.origin})" if found.origin else found.title


def file_stem(comparison: Comparison, found: Selection) -> str:
    """ "caltech95-test-hard-crabs" for a selection with a name, else "caltech95-test-selection"."""
    kept = found.rule.kind == "kept" and found.title == found.rule.words[0]
    name = "-".join(found.title.split()) if kept else "selection"
    return f"{comparison.data_word}-{comparison.split}-{name}"


def _images(comparison: Comparison, found: Selection) -> None:
    icon = ":material/image:" if comparison.noun == "image" else ":material/list:"
    with st.popover(comparison.nouns.capitalize(), icon=icon, type="tertiary"):
        shown = found.positions[:MOST_IMAGES]
        st.caption(
            f"{numbers.count(len(shown))} of"
            f" {numbers.counted(len(found), 'sample')}"
            f"{', the strongest first' if found.ranked else ''}."
            " Below each: true class, then the predictions of"
            f" {' | '.join(model.called for model in comparison.models)}."
        )
        said = [model.predictions.predicted for model in comparison.models]
        captions = [
            (
                thumbs.true_class(comparison, position),
                " | ".join(comparison.class_names[who[position]] for who in said),
            )
            for position in shown
        ]
        with st.container(key="selection-images"):
            thumbs.show(comparison, shown, captions, say_why=False)


def _keep(comparison: Comparison, found: Selection) -> None:
    with st.popover("Save", icon=":material/bookmark_add:", type="tertiary"):
        with st.form(
            "selection-keep-form", border=False
        ):  # in a form, the button works even while the box still has the focus
            name = st.text_input(
                "Name", key="selection-name", placeholder="hard crustaceans", max_chars=60
            )
            asked = st.form_submit_button("Save these samples", key="selection-keep")
        if asked and not name.strip():
            st.error("Give the selection a name first.")
        elif asked:
            ids = comparison.teacher.predictions.ids[found.positions].tolist()
            try:
                kept = selection.kept().keep(
                    ids, dataset=comparison.dataset, split=comparison.split, name=name,
                    origin=found.made_from(state.current().temperature), ranked=found.ranked,
                )  # fmt: skip
            except KeptError as error:
                st.error(str(error))
            else:
                selection.select("kept", kept)
                st.session_state[_SAID] = (
                    f"Saved {numbers.counted(len(ids), 'sample')} as “{kept}”. You find it in the"
                    " sidebar, under Saved selections."
                )
                st.rerun()


def _take(comparison: Comparison, found: Selection) -> None:
    """Offer the samples as files. A file is made only on request."""
    T, stem = state.current().temperature, file_stem(comparison, found)
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        st.caption(
            f"{numbers.counted(len(found), 'sample')}: ids, true classes, and each model's"
            f" predictions at T = {T:g}."
        )
        st.download_button(
            "Table (CSV)",
            lambda: (
                selection_files.selection_table(comparison, found, T).to_csv(index=False).encode()
            ),
            f"{stem}.csv",
            "text/csv",
            key="selection-csv",
            on_click="ignore",
        )
        st.download_button(
            f"All {numbers.count(len(comparison.class_names))} probabilities (npz)",
            lambda: selection_files.selection_probabilities(comparison, found, T),
            f"{stem}.npz",
            key="selection-npz",
            on_click="ignore",
        )


def kept_list(comparison: Comparison) -> None:
    """Show the sidebar's list of saved selections for this data and split."""
    try:
        names = selection.kept().names(dataset=comparison.dataset, split=comparison.split)
    except KeptError as error:
        with st.sidebar:
            st.warning(str(error))
        return
    if not names:
        return
    now = state.current().selection
    st.session_state["side-kept"] = next((n for n in names if str(Rule("kept", (n,))) == now), None)

    def chosen() -> None:
        name = st.session_state["side-kept"]
        if name:
            selection.select("kept", name)
        else:
            selection.clear()

    with st.sidebar:
        st.selectbox(
            "Saved selections", names, key="side-kept", placeholder="Choose one", on_change=chosen
        )
