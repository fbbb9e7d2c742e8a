"""Classes named by whole numbers: by value or as text; labels and names change, ids, images and
splits do not."""

import json

import numpy as np
import pytest
from own_files import made_images, write_folder, write_parquet

from bickd_core.data import external as own
from bickd_core.data.class_order import LISTED, classes_sentence, listed, natural_order
from bickd_core.data.registry import dataset_info, load_dataset
from bickd_core.data.store import folder_of

BY_VALUE = tuple(str(c) for c in range(12))
AS_TEXT = tuple(sorted(BY_VALUE))


@pytest.fixture
def signs(tmp_path):
    counts = {f"train/{c}": 6 for c in range(12)} | {f"test/{c}": 2 for c in range(12)}
    return f"folder:{write_folder(tmp_path / 'signs', counts, made_images(96))}"


def test_folders_named_by_whole_numbers_are_in_natural_order(signs):
    info = dataset_info(signs)
    assert (info.class_names, info.natural) == (BY_VALUE, True)
    natural, text = load_dataset(signs), load_dataset(signs, class_order="text")
    assert (natural.class_names, text.class_names) == (BY_VALUE, AS_TEXT)
    assert natural.content == text.content
    for split in ("train", "validation", "test"):
        one, other = natural.split(split), text.split(split)
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.images[:], other.images[:])
        assert [BY_VALUE[label] for label in one.labels] == [
            AS_TEXT[label] for label in other.labels
        ]
    assert classes_sentence(natural, "natural") == (
        f"12 classes: {', '.join(BY_VALUE)}; their names are whole numbers, in the order 'natural'"
    )


def test_a_carved_test_part_is_the_same_in_both_orders(tmp_path):
    root = write_folder(tmp_path / "n", {str(c): 3 + c % 3 for c in range(12)}, made_images(48))
    natural, text = (
        load_dataset(f"folder:{root}", class_order=order) for order in ("natural", "text")
    )
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(natural.split(split).ids, text.split(split).ids)


@pytest.mark.parametrize(
    "names", [("0", "1", "2"), ("1", "10", "2a"), ("a", "b"), ("1.5", "10", "2"), ("-1", "-10")]
)
def test_other_names_have_one_order(tmp_path, names):
    root = write_folder(tmp_path / "o", dict.fromkeys(names, 3), made_images(3 * len(names)))
    info, data = dataset_info(f"folder:{root}"), load_dataset(f"folder:{root}")
    assert not info.natural
    assert info.class_names == data.class_names == tuple(sorted(names))


def test_words_in_parquet_are_sorted_alike_and_declared_names_are_not(tmp_path):
    labels = np.arange(48) % 12
    path = write_parquet(tmp_path / "w.parquet", made_images(48), [str(label) for label in labels])
    data = load_dataset(f"parquet:{path}")
    assert data.class_names == BY_VALUE
    assert data.train.labels.tolist() == (data.train.ids % 12).tolist()
    assert load_dataset(f"parquet:{path}", class_order="text").class_names == AS_TEXT
    path = write_parquet(tmp_path / "d.parquet", made_images(48), labels, names=AS_TEXT)
    assert load_dataset(f"parquet:{path}").class_names == AS_TEXT
    np.savez(
        tmp_path / "n.npz", images=made_images(48), labels=labels, class_names=np.array(AS_TEXT)
    )
    assert load_dataset(f"npz:{tmp_path / 'n.npz'}").class_names == AS_TEXT


def test_equal_values_and_long_numbers():
    assert natural_order(("01", "1", "10", "2")) == (0, 1, 3, 2)
    assert natural_order(("1" * 5000, "2")) is None
    assert natural_order(("\u0661", "\u0662")) is None  # digits of other scripts stay text
    assert listed([str(c) for c in range(LISTED + 3)]).endswith("11 and 3 more")


def test_stores_and_summaries_from_before_are_read(signs):
    load_dataset(signs)
    store = next(folder_of(signs).glob("store-*.npz"))
    with np.load(store) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    about = json.loads(changed["about"].tobytes())
    del about["sorted_names"]
    changed["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with open(store, "wb") as file:
        np.savez(file, **changed)
    assert load_dataset(signs).class_names == BY_VALUE
    summary = folder_of(signs) / "summary.json"
    summary.write_text(
        json.dumps({"name": signs, "fingerprint": "x", "num_classes": 12, "channels": 3})
    )
    own._recent.clear()
    assert dataset_info(signs).class_names == BY_VALUE
