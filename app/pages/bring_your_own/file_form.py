"""Choose prediction files, show how each was read, and correct the detected columns."""

from __future__ import annotations

from collections.abc import Sequence

from app.components.fields import Fields
from app.data.runs import library
from app.distill.form_values import sentence
from app.pages.bring_your_own.files import (
    Reading,
    Source,
    read,
    scores_sentence,
    typed_paths,
)
from app.plain import md, st
from bickd_core.importing.layout import FILE_SPLITS, SCALES, FileSplit, Hints
from bickd_core.importing.read_process import FileContent

MOST_COLUMNS = 300
"""Files with more columns get no list of columns to ignore."""
MOST_OPEN = 3
_READ = "byo-readings"
_RECOGNISE = "recognise"
_NONE = "(none)"
_ROLES = {
    "label": ("True class", "Class numbers from 0, or class names."),
    "id": ("Id", "Identifies the same sample in every file."),
    "text": ("Text", "Shown in place of an image."),
    "path": ("Image path", "Looked up in the image folder below."),
    "split": ("Split", "train, validation or test. Rows of train are ignored."),
}


def sources(fields: Fields) -> list[Source]:
    """Ask for uploads and paths, and return the files to read.

    Files of every kind are accepted, so that the reader can say what to save instead.
    """
    uploads = st.file_uploader(
        "Prediction files",
        accept_multiple_files=True,
        key="byo-upload",
        help=(
            "npz, npy, csv, tsv, parquet, feather, json or jsonl, also compressed (csv.gz). A txt"
            " or json file may add class names or labels."
        ),
    )
    typed = fields.text_area(
        "paths", "Or file paths on the machine that runs this app, one in each line"
    )
    uploaded = [
        Source(upload.name, upload.file_id, content=upload.getbuffer()) for upload in uploads or ()
    ]
    return [*uploaded, *typed_paths(typed)]


def readings(fields: Fields, sources: Sequence[Source]) -> list[Reading]:
    """Read files, or return the stored results for the same content and the same columns."""
    stored: dict[tuple[str, Hints], Reading] = st.session_state.setdefault(_READ, {})
    keys = [(source.key, _hints(fields, source)) for source in sources]
    for key, source in zip(keys, sources, strict=True):
        if key not in stored:
            with st.spinner(f"Reading {source.name}"):
                stored[key] = read(source, key[1], library())
    for key in set(stored) - set(keys):
        del stored[key]
    return [stored[key] for key in keys]


def _hints(fields: Fields, source: Source) -> Hints:
    chosen = {role: fields.start(Fields.scoped(role, source.key), None) for role in _ROLES}
    columns = {role: "" if value == _NONE else value for role, value in chosen.items()}
    scale = fields.start(Fields.scoped("scale", source.key), None)
    unused: tuple[str, ...] = fields.start(Fields.scoped("ignore", source.key), ())
    rows_of: FileSplit | None = fields.start(Fields.scoped("rows_of", source.key), None)
    return Hints(
        **columns,
        ignore=tuple(unused),
        scale=None if scale in (None, _RECOGNISE) else scale,
        rows_of=rows_of or "test",
    )


def show(fields: Fields, readings: Sequence[Reading]) -> None:
    """Show how each file was read, with fields to change it. Many files are folded up, except those
    with a problem."""
    for reading in readings:
        key = f"byo-file-{abs(hash(reading.source.key))}"
        title = md("**{name}**", name=reading.source.name)
        folded = reading.content is not None and len(readings) > MOST_OPEN
        with st.expander(title, key=key) if folded else st.container(border=True, key=key):
            if not folded:
                st.markdown(title)
            if reading.content is None:
                _problem(fields, reading)
            else:
                _file(fields, reading, reading.content)


def _problem(fields: Fields, reading: Reading) -> None:
    st.error(sentence(ValueError(reading.problem)))
    if reading.wrong_scale:
        _scale(fields, reading, "detect automatically")
    if any(_chosen(fields, reading, role) for role in (*_ROLES, "scale", "rows_of", "ignore")):
        st.button(
            "Reset to the detected columns",
            key=f"byo-reset-{reading.source.key}",
            on_click=_reset,
            args=(fields, reading),
        )


def _file(fields: Fields, reading: Reading, content: FileContent) -> None:
    st.caption(scores_sentence(content))
    if content.preview:
        import pandas as pd

        st.dataframe(
            pd.DataFrame(content.preview),
            hide_index=True,
            key=f"byo-preview-{reading.source.key}",
        )
    if content.layout.models:
        _layout(fields, reading)


def _chosen(fields: Fields, reading: Reading, role: str) -> bool:
    return fields.start(Fields.scoped(role, reading.source.key), None) not in (None, ())


def _reset(fields: Fields, reading: Reading) -> None:
    fields.set(
        **{Fields.scoped(role, reading.source.key): None for role in (*_ROLES, "scale", "rows_of")}
    )
    fields.set(**{Fields.scoped("ignore", reading.source.key): ()})


def _layout(fields: Fields, reading: Reading) -> None:
    content = reading.content
    assert content is not None
    single = [
        name for name, description in content.columns.items() if not description.startswith("lists")
    ]
    scored = {column for model in content.layout.models for column in model.columns}
    if len(single) <= MOST_COLUMNS:
        scored = set()  # a column of labels or ids may have been taken for scores
    with st.container(horizontal=True, key=f"byo-layout-{abs(hash(reading.source.key))}"):
        for role, (label, help) in _ROLES.items():
            guessed = getattr(content.layout, role) or _NONE
            options = [_NONE, *(name for name in single if name not in scored or name == guessed)]
            options = [*options, *([guessed] if guessed not in options else [])]
            name = Fields.scoped(role, reading.source.key)
            start = (
                guessed
                if fields.start(name, None) is None
                else fields.start(name, guessed, options)
            )
            _select(fields, name, label, options, start, help)
        scales = ", ".join(dict.fromkeys(m.scale for part in content.parts for m in part.models))
        _scale(fields, reading, f"{scales} (detected)")
        if not content.layout.split:
            name = Fields.scoped("rows_of", reading.source.key)
            _select(
                fields,
                name,
                "Rows belong to",
                FILE_SPLITS,
                fields.start(name, None) or "test",
                "Comparisons use test. Calibration fits its temperature on validation.",
            )
    if len(single) <= MOST_COLUMNS:
        _unused(fields, reading, single)


def _scale(fields: Fields, reading: Reading, recognised: str) -> None:
    name = Fields.scoped("scale", reading.source.key)
    _select(
        fields,
        name,
        "Scores are",
        [_RECOGNISE, *SCALES],
        fields.start(name, None) or _RECOGNISE,
        "Detected from the sums of the rows. Probabilities are converted to their logarithms.",
        {_RECOGNISE: recognised},
    )


def _unused(fields: Fields, reading: Reading, columns: Sequence[str]) -> None:
    """Ask which columns to ignore; any other column of numbers counts as a class."""
    name = Fields.scoped("ignore", reading.source.key)
    start: tuple[str, ...] = fields.start(name, ())
    chosen = st.multiselect(
        "Ignored columns",
        columns,
        default=[column for column in start if column in columns],
        key=fields.key(name),
        placeholder="none",
        help="Every other column of numbers counts as the scores of one class.",
    )
    if tuple(chosen) != start:
        fields.store(name, tuple(chosen))
        st.rerun()


def _select(
    fields: Fields,
    name: str,
    label: str,
    options: Sequence[str],
    start: str,
    help: str,
    called: dict[str, str] | None = None,
) -> None:
    """Show a select box. Store its value only once it differs from the detected one."""
    chosen = st.selectbox(
        label,
        options,
        index=list(options).index(start),
        key=fields.key(name),
        help=help,
        format_func=lambda option: (called or {}).get(option, option),
        width=220,
    )
    if chosen != start:
        fields.store(name, chosen)
        st.rerun()
