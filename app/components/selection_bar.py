"""The bar of the selection, at the foot of every page: what is selected, its images, save,
download, clear."""

from __future__ import annotations

from html import escape

from app import selection, settings, state
from app.components import thumbs
from app.data import selection_files
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.saved_selections import SavedSelectionError
from bickd_core.comparing.selection import Rule, Selection
from bickd_core.runs.library import RunError
from bickd_viz.text import numbers

MOST_IMAGES = 24
_MESSAGE = "selection-said"


def show(comparison: Comparison) -> None:
    """Draw the bar if there is a selection. Call it once per page, in the fragment whose charts
    select."""
    if message := st.session_state.pop(_MESSAGE, ""):
        st.toast(message, icon=":material/bookmark_added:")
    chosen, problem = selection.read(comparison)
    if chosen is None and not problem:
        return
    with st.container(
        key="selection-bar", horizontal=True, vertical_alignment="center", gap="small", border=True
    ):
        if chosen is None:
            st.html(f'<div class="bk-chip">{escape(problem[:1].upper() + problem[1:])}</div>')
        else:
            st.html(
                '<div class="bk-chip"'
                f' data-count="{len(chosen)}"><b>{numbers.counted(len(chosen), "sample")}</b> of'
                f" {numbers.count(comparison.n)}: {escape(_called(chosen))}</div>"
            )
            if len(chosen):
                _images(comparison, chosen)
                if not settings.read_only():
                    _save(comparison, chosen)
            _download(comparison, chosen)
        st.button(
            "Clear",
            key="selection-clear",
            icon=":material/close:",
            on_click=selection.clear,
            type="tertiary",
        )


def _called(chosen: Selection) -> str:
    return f"{chosen.title} (from {chosen.origin})" if chosen.origin else chosen.title


def file_stem(comparison: Comparison, chosen: Selection) -> str:
    """ "caltech95-test-hard-crabs" for a selection with a name, else "caltech95-test-selection"."""
    is_saved = chosen.rule.kind == "kept" and chosen.title == chosen.rule.arguments[0]
    name = "-".join(chosen.title.split()) if is_saved else "selection"
    return f"{comparison.data_word}-{comparison.split}-{name}"


def _images(comparison: Comparison, chosen: Selection) -> None:
    icon = ":material/image:" if comparison.noun == "image" else ":material/list:"
    with st.popover(comparison.nouns.capitalize(), icon=icon, type="tertiary"):
        shown = chosen.positions[:MOST_IMAGES]
        st.caption(
            f"{numbers.count(len(shown))} of"
            f" {numbers.counted(len(chosen), 'sample')}"
            f"{', the strongest first' if chosen.ranked else ''}."
            f" Below each: {thumbs.true_class_words(comparison)}, then the predictions of"
            f" {' | '.join(model.called for model in comparison.models)}."
        )
        captions = thumbs.predicted_classes(comparison, comparison.models, shown)
        with st.container(key="selection-images"):
            thumbs.show(comparison, shown, captions, say_why=False)


def _save(comparison: Comparison, chosen: Selection) -> None:
    with st.popover("Save", icon=":material/bookmark_add:", type="tertiary"):
        with st.form(
            "selection-keep-form", border=False
        ):  # in a form, the button works even while the box still has the focus
            name = st.text_input(
                "Name", key="selection-name", placeholder="hard crustaceans", max_chars=60
            )
            submitted = st.form_submit_button("Save these samples", key="selection-keep")
        if submitted and not name.strip():
            st.error("Give the selection a name first.")
        elif submitted:
            ids = comparison.teacher.predictions.ids[chosen.positions].tolist()
            try:
                saved_name = selection.save(
                    comparison,
                    ids,
                    name=name,
                    origin=chosen.origin_at(state.current().temperature),
                    ranked=chosen.ranked,
                )
            except (SavedSelectionError, RunError) as error:
                st.error(str(error))
            else:
                selection.select("kept", saved_name)
                st.session_state[_MESSAGE] = (
                    f"Saved {numbers.counted(len(ids), 'sample')} as “{saved_name}”. It is in"
                    " the sidebar, under Saved selections."
                )
                st.rerun()


def _download(comparison: Comparison, chosen: Selection) -> None:
    """Offer the samples as files. A file is made only on request."""
    T, stem = state.current().temperature, file_stem(comparison, chosen)
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        st.caption(
            f"{numbers.counted(len(chosen), 'sample')}: ids,"
            f"{' true classes,' if comparison.labels is not None else ''} and each model's"
            f" predictions at T = {T:g}."
        )
        st.download_button(
            "Table (CSV)",
            lambda: (
                selection_files.selection_table(comparison, chosen, T).to_csv(index=False).encode()
            ),
            f"{stem}.csv",
            "text/csv",
            key="selection-csv",
            on_click="ignore",
        )
        st.download_button(
            f"All {numbers.count(len(comparison.class_names))} probabilities (npz)",
            lambda: selection_files.selection_probabilities(comparison, chosen, T),
            f"{stem}.npz",
            key="selection-npz",
            on_click="ignore",
        )


def saved_list(comparison: Comparison) -> None:
    """Show the sidebar's list of saved selections for this data and split."""
    try:
        names = selection.saved_names(comparison)
    except SavedSelectionError as error:
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
