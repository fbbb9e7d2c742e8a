"""Form fields that choose the data: a bundled data set, or the user's own images by their path."""

from __future__ import annotations

from pathlib import Path

from app.components.fields import Fields
from app.data import runs
from app.distill.form_values import data_sentences, order_labels, sentence
from app.plain import st
from bickd_core.data.class_order import ClassOrder
from bickd_core.data.external import is_external, named
from bickd_core.data.registry import DATASETS, DatasetInfo, dataset_info, dataset_title
from bickd_core.data.resizing import Resize

OWN = "own"
"""The list entry for the user's own images."""


def choose(fields: Fields, default: str) -> DatasetInfo | None:
    """Ask for the data in the fields `dataset` and `own`.

    Args:
        default: name of the data set that a new form starts with. Imported predictions may have a
            label that is not the name of any data; the form then starts with bundled data.

    Returns:
        The data set; None, after showing a message, if the user's own data is missing or unusable.
    """
    known = known_sets()
    options = [*DATASETS, *known, OWN]
    chosen = fields.select(
        "dataset",
        "Data",
        options,
        default=default if default in options else runs.DEFAULT_DATASET,
        title=lambda name: "Your own images…" if name == OWN else _label(name, known),
    )
    if chosen in DATASETS:
        return dataset_info(chosen)
    typed = chosen if chosen != OWN else _path(fields)
    if not typed:
        return None
    try:
        runs.library().check_path(Path(named(typed).partition(":")[2]))
        info = dataset_info(named(typed))
    except ValueError as error:
        st.error(sentence(error))
        return None
    for line in data_sentences(info):
        st.caption(line)
    return info


def class_order(fields: Fields, info: DatasetInfo) -> ClassOrder | None:
    """Ask how to sort classes that are named by whole numbers; None if there is no choice."""
    if not info.natural:
        return None
    labels = order_labels(info)
    return fields.segmented(
        fields.scoped("class_order", info.name),
        "Order of the classes",
        list(labels),
        title=labels.__getitem__,
        help=(
            "Sets which class each network output stands for. torchvision's ImageFolder sorts"
            " folders as text."
        ),
    )


def resize(fields: Fields, info: DatasetInfo) -> Resize | None:
    """Ask how the user's own images become square; None if there is no choice."""
    if not info.any_size:
        return None
    labels: dict[Resize, str] = {"crop": "Crop", "stretch": "Stretch", "pad": "Pad"}
    return fields.segmented(
        fields.scoped("resize", info.name),
        "Non-square images",
        list(labels),
        title=labels.__getitem__,
        help=(
            "Crop keeps the central square. Stretch keeps the whole image but changes its shape."
            " Pad keeps the whole image and adds black borders. A network works best with the"
            " method that it was trained with."
        ),
    )


def known_sets() -> list[str]:
    """Return the names of the user's own data sets that runs exist for, the newest run's first."""
    infos = [info for _, info in runs.runs_with_info() if is_external(info.dataset)]
    infos.sort(key=lambda info: info.created, reverse=True)
    return list(dict.fromkeys(info.dataset for info in infos if info.dataset not in DATASETS))


def write(fields: Fields, dataset: str) -> None:
    """Set the form to this data set, by its name; "" asks for a path."""
    if dataset in DATASETS or dataset in known_sets():
        fields.set(dataset=dataset)
    else:
        fields.set(dataset=OWN, own=dataset)


def _label(name: str, known: list[str]) -> str:
    """Return the title, with the path if another data set has the same title."""
    title = dataset_title(name)
    return (
        title if [dataset_title(other) for other in known].count(title) < 2 else f"{title}: {name}"
    )


def _path(fields: Fields) -> str:
    return fields.text(
        "own",
        "Path of the images",
        placeholder="/home/me/images",
        help=(
            "A path on the machine that runs this app. It is a folder with one subfolder of images"
            " for each class (in train and test folders, if the data is split), parquet files of"
            " images, or an .npz file of arrays."
        ),
    )
