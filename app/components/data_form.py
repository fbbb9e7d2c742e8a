"""Which data: a bundled data set, or a person's own images by their path. For any form that asks."""

from __future__ import annotations

from app import data
from app.components.fields import Fields
from app.distill.form_values import data_sentences, order_labels, sentence
from app.plain import st
from bickd_core.data import DATASETS, DatasetInfo, dataset_info, dataset_title, named
from bickd_core.data.class_order import ClassOrder
from bickd_core.data.external import is_external
from bickd_core.data.resizing import Resize

OWN = "own"
"""The entry of the list for a person's own images."""


def choose(fields: Fields, default: str) -> DatasetInfo | None:
    """Ask for the data in the fields `dataset` and `own`.

    Args:
        default: name of the data set that an untouched form begins with.

    Returns:
        The data set; None, after showing a message, if a person's own data are missing or unusable.
    """
    known = known_sets()
    options = [*DATASETS, *known, OWN]
    begin = fields.start("dataset", default if default in options else OWN, options)
    chosen = st.selectbox(
        "Data",
        options,
        index=options.index(begin),
        key=fields.key("dataset"),
        format_func=lambda name: "Images of your own…" if name == OWN else _label(name, known),
    )
    fields.keep("dataset", chosen)
    if chosen in DATASETS:
        return dataset_info(chosen)
    typed = chosen if chosen != OWN else _path(fields, "" if default in options else default)
    if not typed:
        return None
    try:
        about = dataset_info(named(typed))
    except ValueError as error:
        st.error(sentence(error))
        return None
    for line in data_sentences(about):
        st.caption(line)
    return about


def class_order(fields: Fields, about: DatasetInfo) -> ClassOrder | None:
    """Ask how classes named by whole numbers are sorted; None where the data leaves no choice."""
    if not about.natural:
        return None
    labels = order_labels(about)
    name = fields.scoped("class_order", about.name)
    chosen = st.segmented_control(
        "Order of the classes",
        list(labels),
        default=fields.start(name, "natural", list(labels)),
        key=fields.key(name),
        format_func=labels.__getitem__,
        required=True,
        help="Which class each output of the network means. torchvision's ImageFolder sorts folders as text.",
    )
    return fields.keep(name, chosen)


def resize(fields: Fields, about: DatasetInfo) -> Resize | None:
    """Ask how images of one's own become square; None where the data leave no choice."""
    if not about.any_size:
        return None
    labels: dict[Resize, str] = {"crop": "Crop", "stretch": "Stretch", "pad": "Pad"}
    name = fields.scoped("resize", about.name)
    chosen = st.segmented_control(
        "Images that are not square",
        list(labels),
        default=fields.start(name, "crop", list(labels)),
        key=fields.key(name),
        format_func=labels.__getitem__,
        required=True,
        help="Crop keeps the central square. Stretch keeps all of the image and changes its shape. Pad keeps all of it, "
        "between black borders. A network does best with what it was trained with.",
    )
    return fields.keep(name, chosen)


def known_sets() -> list[str]:
    """Names of a person's own data sets that runs were made on, the newest run's first."""
    infos = [data.info(run) for run in data.readable_runs()[0]]
    infos = [about for about in infos if is_external(about.dataset)]
    infos.sort(key=lambda about: about.created, reverse=True)
    return list(dict.fromkeys(about.dataset for about in infos if about.dataset not in DATASETS))


def write(fields: Fields, dataset: str) -> None:
    """Let the form show this data set, by its name; "" asks for a path."""
    if dataset in DATASETS or dataset in known_sets():
        fields.set(dataset=dataset)
    else:
        fields.set(dataset=OWN, own=dataset)


def _label(name: str, known: list[str]) -> str:
    """The title; with the path too if another data set has the same title."""
    title = dataset_title(name)
    return title if [dataset_title(one) for one in known].count(title) < 2 else f"{title}: {name}"


def _path(fields: Fields, default: str) -> str:
    typed = st.text_input(
        "Where they are",
        value=fields.start("own", default),
        key=fields.key("own"),
        placeholder="/home/me/images",
        help="On the machine that runs this app: a folder with one folder of images a class, below train and test "
        "where it is parted so; parquet files of images; an .npz file of arrays.",
    )
    return fields.keep("own", typed).strip()
