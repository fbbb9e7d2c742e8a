"""Which data: one of the sets that come along, or images of one's own by their path. For any form that asks."""

from __future__ import annotations

import streamlit as st

from app.training import sentence
from bickd_core.data import DATASETS, DatasetInfo, dataset_info, named
from bickd_viz import text

OWN = "own"
"""What the list holds for images of one's own."""


def choose(prefix: str, before: str) -> DatasetInfo | None:
    """The choice under the keys `prefix-dataset` and `prefix-own`; it begins with the data set called `before`.

    None where one's own are not there yet or cannot be used, which is then said.
    """
    options, key = [*DATASETS, OWN], f"{prefix}-dataset"
    own = before not in DATASETS
    if st.session_state.get(key) not in options:
        st.session_state[key] = OWN if own else before
    chosen = st.selectbox(
        "Data",
        options,
        key=key,
        format_func=lambda name: DATASETS[name].title if name in DATASETS else "Images of your own…",
    )
    if chosen != OWN:
        return dataset_info(chosen)
    typed = _path(prefix, before if own else "")
    if not typed:
        return None
    try:
        about = dataset_info(named(typed))
    except ValueError as error:
        st.error(sentence(error))
        return None
    st.caption(
        f"{text.counted(about.num_classes, 'class', 'classes')}, {'grey' if about.in_channels == 1 else 'RGB'}: "
        f"{text.count(about.train_size)} images to train, {text.count(about.validation_size)} to validate, "
        f"{text.count(about.test_size)} to test."
    )
    return about


def _path(prefix: str, before: str) -> str:
    if f"{prefix}-own" not in st.session_state:
        st.session_state[f"{prefix}-own"] = before
    return st.text_input(
        "Where they are",
        key=f"{prefix}-own",
        placeholder="/home/me/images",
        help="On the machine that runs this app: a folder with one folder of images a class, below train and test "
        "where it is parted so; parquet files of images; an .npz file of arrays.",
    ).strip()
