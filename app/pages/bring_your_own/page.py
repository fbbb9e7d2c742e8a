"""The page Bring your own: load prediction files, check how they were read, and import them."""

from __future__ import annotations

from collections.abc import Sequence

from app import settings
from app.components.fields import Fields
from app.distill.form_values import sentence
from app.pages.bring_your_own import file_form, import_form, templates
from app.pages.bring_your_own.files import Reading, together, unnamed_classes
from app.plain import st
from bickd_core.importing.words import split_names


def show() -> None:
    st.title("Bring your own predictions")
    st.caption(
        "Compare models that you trained elsewhere. Load files with the scores that each model"
        " gives to every test sample. You need no weights or images. Files are only read, never"
        " run."
    )
    if settings.read_only():
        st.info(settings.refusal("import predictions"), icon=":material/lock:")
        return
    _help()
    fields = Fields("byo")
    sources = file_form.sources(fields)
    if not sources:
        return
    readings = file_form.readings(fields, sources)
    file_form.show(fields, readings)
    if any(reading.problem for reading in readings):
        return
    imported, problem = together(readings, _class_names(fields, readings))
    if problem:
        st.error(sentence(ValueError(problem)))
    if imported is not None:
        import_form.show(fields, imported, _data(readings))


def _help() -> None:
    with st.expander("File format and templates", icon=":material/help:", key="byo-help"):
        st.write(
            "A file holds one score for each class and sample: logits, probabilities or"
            " percentages. For two classes, one score for each sample is enough. Labels, ids, class"
            " names, texts, image paths and features are optional. Load one file for each model, or"
            " one file with several models."
        )
        with st.container(horizontal=True):
            st.download_button(
                "CSV with two models",
                templates.two_models_csv(),
                "two-models.csv",
                "text/csv",
                key="byo-template-csv",
                icon=":material/download:",
            )
            st.download_button(
                "Python code that saves npz files",
                templates.NPZ,
                "save_predictions.py",
                "text/x-python",
                key="byo-template-npz",
                icon=":material/download:",
            )
        st.code(templates.TORCH, language="python")


def _data(readings: Sequence[Reading]) -> str:
    """Return the first file's key, the scope of the fields that describe the data. They keep their
    values when files are added, and are empty for other files."""
    return readings[0].source.key


def _class_names(fields: Fields, readings: Sequence[Reading]) -> tuple[str, ...]:
    """Ask for class names if the columns have none, and return them."""
    if not unnamed_classes(readings):
        return ()
    typed = fields.text_area(
        Fields.scoped("classes", _data(readings)),
        "Class names, in the order of the columns",
        placeholder="cat, dog, bird",
        help=(
            "For columns without names. Separate them with commas or line breaks. You can also load"
            " a txt file with one class name in each line."
        ),
    )
    return split_names(typed)
