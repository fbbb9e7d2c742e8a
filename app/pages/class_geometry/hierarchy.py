"""The form for superclasses: the file in use, a template, and an upload."""

from __future__ import annotations

from app import settings
from app.data import class_groups
from app.plain import lines, md, st
from bickd_core.comparing.comparison import Comparison
from bickd_core.data.hierarchy import MAX_BYTES, HierarchyError, to_csv


def show(comparison: Comparison) -> None:
    """Show a button that opens the form."""
    with st.popover("Superclasses", icon=":material/account_tree:", key="geometry-hierarchy"):
        found = class_groups.hierarchy(comparison)
        if found is None:
            st.markdown(
                f"There are no superclasses for {comparison.data_title or 'these classes'} yet."
                " Upload a file to order by superclass."
            )
        else:
            st.markdown(
                f"“{found.name}” groups {len(comparison.class_names):,} classes into"
                f" {len(found.groups)} superclasses"
                f"{f', on up to {found.levels} levels' if found.levels > 1 else ''}."
            )
        st.caption(
            "Use a CSV with the columns class and superclass, or a JSON or YAML mapping. Every"
            " class needs a superclass.",
            help=(
                "Further columns are smaller groups. A CSV with the columns class and parent is a"
                " tree as in WordNet: rows of groups give their parents. A third column, name, has"
                " the names of ids. WordNet ids and names match each other."
            ),
        )
        st.download_button(
            "Template with these classes",
            to_csv(comparison.class_names, None if found is None else found.paths),
            file_name=f"{comparison.data_word or 'classes'}-hierarchy.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if settings.read_only():
            st.caption(settings.refusal("upload superclasses"))
            return
        uploaded = st.file_uploader(
            "Your superclasses",
            type=["csv", "tsv", "json", "yaml", "yml"],
            key="geometry-hierarchy-file",
            max_upload_size=MAX_BYTES // 2**20,
        )
        if uploaded is not None:
            _take(comparison, uploaded.name, uploaded.getvalue(), uploaded.file_id)
        if class_groups.has_own_hierarchy(comparison) and st.button(
            "Remove my file", key="geometry-hierarchy-forget"
        ):
            class_groups.forget_hierarchy(comparison)
            st.rerun()


def _take(comparison: Comparison, name: str, content: bytes, upload: str) -> None:
    """Save an uploaded file once.

    Args:
        upload: the id of this upload. The same file uploaded again has another.
    """
    if st.session_state.get("geometry-hierarchy-taken") == upload:
        return
    try:
        class_groups.save_hierarchy(comparison, content, name)
    except HierarchyError as error:
        st.error("This file cannot be used.")
        sentences = [f"{problem[:1].upper()}{problem[1:]}" for problem in error.problems[:20]]
        st.markdown(lines(*(md("- {sentence}", sentence=sentence) for sentence in sentences)))
        return
    st.session_state["geometry-hierarchy-taken"] = upload
    st.rerun()
