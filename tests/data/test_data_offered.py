"""Data sets of installed packages stand beside those that come along."""

import importlib.metadata
import logging
import sys

import numpy as np
import pytest

from bickd_core.data import registry
from bickd_core.data.registry import DATASETS, dataset_info, load_dataset

CODE = """
import numpy as np
from bickd_core.data.base import Augmentation, Source, Split
from bickd_core.data.registry import DatasetInfo

INFO = DatasetInfo(
    name="theirs", title="Their set", num_classes=2, in_channels=1, default_image_size=8, image_sizes=(8,),
    train_size=18, validation_size=2, test_size=4, licence="CC0", credit="them", module="their_data:load",
)
NOT_INFO = 3

def load(size):
    def part(count):
        return Split(np.full((count, 1, size, size), 9, np.uint8), np.arange(count) % 2, np.arange(count))
    return Source(part(20), part(4), ("a", "b"), 2, Augmentation(0, False))
"""


@pytest.fixture
def offer(tmp_path, monkeypatch):
    (tmp_path / "their_data.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)

    def points(*values):
        found = [importlib.metadata.EntryPoint("x", value, registry.GROUP) for value in values]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
        registry.add_offered()

    yield points
    DATASETS.pop("theirs", None)
    sys.modules.pop("their_data", None)


def test_a_set_of_a_package_is_loaded_by_its_name(offer):
    offer("their_data:INFO")
    assert dataset_info("theirs").title == "Their set"
    data = load_dataset("theirs")
    assert (data.class_names, len(data.train), len(data.validation), len(data.test)) == (
        ("a", "b"),
        18,
        2,
        4,
    )
    assert np.unique(data.test.images).tolist() == [9]


def test_what_cannot_be_used_is_left_out_with_a_reason(offer, caplog):
    before = dict(DATASETS)
    with caplog.at_level(logging.WARNING):
        offer("their_data:NOT_INFO", "not_there:INFO")
    assert before == DATASETS
    assert "its entry point must be a DatasetInfo" in caplog.text
    assert "left out: ModuleNotFoundError" in caplog.text
    offer("their_data:INFO")
    with caplog.at_level(logging.WARNING):
        offer("their_data:INFO")
    assert "a data set of this name already exists" in caplog.text
