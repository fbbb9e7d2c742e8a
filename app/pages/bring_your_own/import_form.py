"""Name the models, choose the teacher, import them and open the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app import state
from app.components import notice
from app.components.fields import Fields
from app.data import access
from app.data.runs import described, info, with_predictions
from app.distill.form_values import sentence
from app.pages.bring_your_own.files import likely_teacher
from app.plain import st
from app.registry import open_page
from app.state import MAX_STUDENTS
from bickd_core.comparing.seeds import one_run_per_recipe
from bickd_core.importing.matching import Imported
from bickd_core.naming import seeds_by_method, seeds_line
from bickd_core.runs.library import Library, RunError
from bickd_core.runs.predictions import PredictionsError


def show(fields: Fields, imported: Imported, data: str) -> None:
    """Show what will be imported, the fields that name it, and the button.

    Args:
        data: the scope of the fields that describe the data.
    """
    st.subheader("Import")
    st.write(imported.summary())
    for warning in imported.warnings:
        st.warning(warning, icon=":material/warning:")
    for note in imported.notes[:8]:
        st.caption(note)
    models = [model.name for model in imported.models]
    comparison = "-".join(models)
    alone = imported.split == "validation"
    if alone:
        teacher, label = "", ""
        images = _images(fields, data)
        st.info(
            "These files hold only validation predictions. They are added to the runs with these"
            " names, whose test predictions you imported earlier."
        )
    else:
        teacher, label, images = _choices(fields, imported, comparison, data)
    names = _names(fields, models, comparison, teacher)
    students = [names.get(model, model) for model in models if model != teacher]
    seeds = not alone and _seeds(fields, students)
    table = _table(imported)
    if table:
        import pandas as pd

        st.dataframe(pd.DataFrame(table), hide_index=True, key="byo-models")
    if alone:
        if st.button("Add to the runs", key="byo-add", type="primary", icon=":material/add:"):
            _add(imported, names, images)
        return
    if len(models) - 1 > MAX_STUDENTS:
        st.caption(
            f"All {len(models)} models are imported. A comparison shows up to {MAX_STUDENTS}"
            " students"
            + (", one seed of each method; its means are over all seeds." if seeds else ".")
        )
    if st.button(
        "Import and compare", key="byo-import", type="primary", icon=":material/insights:"
    ):
        _create(imported, teacher, names, label, images, seeds)


def _seeds(fields: Fields, students: Sequence[str]) -> bool:
    """Show the seeds that the students' names state, and ask whether to use them."""
    seeds = seeds_by_method(students)
    if not seeds:
        return False
    use = fields.toggle(
        "seeds",
        "Compare methods over seeds",
        default=True,
        help=(
            "Students whose names end in a seed, such as kd-s0 and kd-s1, are runs of one method."
            " Overview then shows the mean and deviation over seeds."
        ),
    )
    if use:
        st.caption(seeds_line(seeds))
    return use


def _choices(
    fields: Fields, imported: Imported, models_key: str, data: str
) -> tuple[str, str, str]:
    """Ask for the teacher, the data label and the image folder, and return them."""
    models = [model.name for model in imported.models]
    left, middle, right = st.columns(3)
    with left:
        teacher = fields.select(
            Fields.scoped("teacher", models_key),
            "Teacher",
            [*models, *_teachers(imported, models)],
            default=likely_teacher(imported),
            title=lambda model: model if model in models else f"run {described(model)}",
            help=(
                "The other models are compared with this one. It is a model in the files, or an"
                " existing run on the same samples."
            ),
        )
    with middle:
        label = fields.text(
            Fields.scoped("dataset", data),
            "Data label",
            placeholder="derived from ids, labels and classes",
            help="Runs with the same label can be compared.",
            max_chars=1000,
        )
    with right:
        images = _images(fields, data)
    return teacher, label, images


def _images(fields: Fields, data: str) -> str:
    return fields.text(
        Fields.scoped("images", data),
        "Image folder",
        placeholder="none",
        help="A folder on the machine that runs this app. Images are found by their path or id.",
        max_chars=1000,
    )


def _names(fields: Fields, models: Sequence[str], models_key: str, teacher: str) -> dict[str, str]:
    """Ask for the models' names; returns those that differ from the files."""
    names = {}
    with st.container(horizontal=True, key="byo-names"):
        for model in models:
            name = fields.text(
                Fields.scoped("name", models_key, model),
                f"Name of {model}" + (" (teacher)" if model == teacher else ""),
                placeholder=model,
                max_chars=80,
                width=220,
            )
            if name:
                names[model] = name
    return names


def _teachers(imported: Imported, models: Sequence[str]) -> list[str]:
    """Return the teachers' runs with the same number of classes."""
    classes = imported.models[0].predictions.num_classes
    pairs = ((run.key, info(run)) for run in with_predictions("test"))
    return [
        key
        for key, run_info in pairs
        if run_info.role == "teacher" and run_info.num_classes == classes and key not in models
    ]


def _table(imported: Imported) -> list[dict[str, str]]:
    """Return a row for each model that will be imported."""
    rows = []
    for model in imported.models:
        predictions = model.predictions
        accuracy = predictions.accuracy
        rows.append(
            {
                "Model": model.name,
                "Samples": f"{len(predictions):,}",
                "Classes": (
                    f"{predictions.num_classes:,}: {', '.join(predictions.class_names[:4])}"
                    + (" …" if predictions.num_classes > 4 else "")
                ),
                "Scores": model.scale,
                "Accuracy": "no labels" if accuracy is None else f"{accuracy:.1%}",
                "File": model.file,
            }
        )
    return rows


def allowed(imported: Imported, images: Path | None) -> Library:
    """Return the library, after checking that these predictions fit and that the folder of images
    is not another user's.

    Raises:
        RunError: they do not fit, or it is.
    """
    models = (
        *imported.models,
        *(() if imported.validation is None else imported.validation.models),
    )
    library = access.for_import(sum(model.predictions.logits.nbytes for model in models))
    if images is not None:
        library.check_path(images)
    return library


def _add(imported: Imported, names: dict[str, str], images: str) -> None:
    from bickd_core.importing.add_validation import add_validation

    folder = Path(images) if images else None
    try:
        runs = add_validation(imported, allowed(imported, folder), names=names, images=folder)
    except (PredictionsError, RunError, OSError) as error:
        st.error(sentence(error))
        return
    keys = ", ".join(run.key for run in runs)
    st.success(
        f"Validation predictions were added to {keys}. Calibration fits its temperature on them."
    )


def _create(
    imported: Imported,
    teacher: str,
    names: dict[str, str],
    label: str,
    images: str,
    seeds: bool,
) -> None:
    from bickd_core.importing.prediction_runs import create_runs

    try:
        with st.spinner("Creating the runs"):
            runs = create_runs(
                imported,
                allowed(imported, Path(images) if images else None),
                teacher=teacher,
                names=names,
                dataset=label or None,
                images=Path(images) if images else None,
                seeds=seeds,
            )
    except (PredictionsError, RunError, OSError) as error:
        st.error(sentence(error))
        return
    first = runs.pop(0).key if info(runs[0]).role == "teacher" else teacher
    students = one_run_per_recipe((run.key, info(run)) for run in runs)
    before = state.current()
    after = state.update(
        teacher=first,
        students=tuple(students[:MAX_STUDENTS]),
        student="",
        split="test",
        pair=None,
        selection="",
        sample="",
        against="",
        temperature=1.0,  # these models may not have been distilled
    )
    notice.leave(before, after, after.students[-1] if after.students else first)
    open_page("overview")
