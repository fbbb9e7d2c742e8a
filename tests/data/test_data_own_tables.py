"""`parquet:PATH` and `npz:PATH`: layouts, names of classes, and each thing that can be wrong."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_files import made_images, write_parquet

from bickd_core.data import caltech95
from bickd_core.data import external as own
from bickd_core.data.errors import DataError
from bickd_core.data.registry import dataset_info, load_dataset, short_name

NAMES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True)
def look_again(monkeypatch):
    monkeypatch.setattr(own, "_AGAIN_SECONDS", 0.0)


def every(data, images: np.ndarray, *splits: str) -> None:
    """The images of these splits are those of the array [N, H, W, ch] at their ids."""
    for name in splits:
        split = data.split(name)
        np.testing.assert_array_equal(split.images[:], images.transpose(0, 3, 1, 2)[split.ids])


def says(name: str) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- parquet
# -----------------------------------------------------------------------------------------
def test_shards_are_read_in_order_with_names_from_the_metadata(tmp_path):
    images, labels = made_images(60), np.arange(60) % 3
    for i, part in enumerate((slice(0, 25), slice(25, 50))):
        file = tmp_path / f"data/train-0000{i}-of-00002.parquet"
        write_parquet(file, images[part], labels[part], names=NAMES)
    write_parquet(
        tmp_path / "data/test-00000-of-00001.parquet", images[50:], labels[50:], names=NAMES
    )
    data = load_dataset(f"parquet:{tmp_path}")
    assert data.class_names == NAMES
    every(data, images[:50], "train", "validation")
    every(data, images[50:], "test")
    assert data.train.labels.tolist() == (data.train.ids % 3).tolist()
    assert (len(data.train), len(data.validation), len(data.test)) == (45, 5, 10)


def test_files_are_of_the_part_in_their_names(tmp_path, caplog):
    images, labels = made_images(60), np.arange(60) % 3
    parts = {
        "train": slice(0, 30),
        "validation": slice(30, 45),
        "test": slice(45, 54),
        "extra": slice(54, 60),
    }
    for part, rows in parts.items():
        write_parquet(tmp_path / f"{part}-0.parquet", images[rows], labels[rows], names=NAMES)
    data = load_dataset(f"parquet:{tmp_path}")
    every(data, images, "train", "validation")
    every(data, images[45:54], "test")
    assert (len(data.train), len(data.validation), len(data.test)) == (30, 15, 9)
    assert [record.getMessage() for record in caplog.records] == [
        f"Not used in {tmp_path}: extra-0.parquet, because other names have a part (train, test or"
        " validation) and these have none.",
    ]
    (tmp_path / "test-0.parquet").unlink()
    every(load_dataset(f"parquet:{tmp_path}"), images[30:45], "test")
    (tmp_path / "train-0.parquet").unlink()
    assert "has files of validation but none of train" in says(f"parquet:{tmp_path}")


def test_a_test_part_without_classes_leaves_validation_as_test(tmp_path, caplog):
    images, labels = made_images(60), np.arange(60) % 3
    labels[45:] = -1
    for part, rows in (
        ("train", slice(30)),
        ("validation", slice(30, 45)),
        ("test", slice(45, 60)),
    ):
        file = tmp_path / f"{part}-00000-of-00001.parquet"
        write_parquet(file, images[rows], labels[rows], names=NAMES)
    data = load_dataset(f"parquet:{tmp_path}")
    every(data, images[30:45], "test")
    every(data, images[:30], "train", "validation")
    assert "Validation is used as test" in caplog.text


def test_one_file_is_parted_and_words_are_classes(tmp_path):
    images = made_images(40)
    path = write_parquet(tmp_path / "all.parquet", images, ["owl", "elk"] * 20)
    data = load_dataset(f"parquet:{path}")
    assert data.class_names == ("elk", "owl")
    assert (data.test.labels == (data.test.ids % 2 == 0)).all()
    every(data, images, "train", "validation", "test")
    assert short_name(data.name) == "all"


def test_fine_labels_and_numbers_without_names(tmp_path):
    write_parquet(
        tmp_path / "t.parquet", made_images(12), np.arange(12) % 3, column="fine_label", image="img"
    )
    assert load_dataset(f"parquet:{tmp_path}").class_names == ("0", "1", "2")


def test_the_bundled_file_gives_the_same_images(decoded_data):
    ours = load_dataset(f"parquet:{caltech95.FILES}", image_size=64, train_limit=95)
    theirs = load_dataset("caltech95", image_size=64)
    np.testing.assert_array_equal(ours.test.images[:40], theirs.test.images[:40])
    assert [name.replace("_", " ") for name in ours.class_names] == list(theirs.class_names)
    assert ours.mean == theirs.mean
    assert len(ours.test) == len(theirs.test)


def test_what_is_wrong_with_a_parquet_file(tmp_path):
    assert "does not exist" in says(f"parquet:{tmp_path / 'no'}")
    assert "has no .parquet files" in says(f"parquet:{tmp_path}")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    assert "cannot be read as parquet" in says(f"parquet:{tmp_path / 'bad.parquet'}")
    images = made_images(6)
    path = write_parquet(tmp_path / "b.parquet", images, np.arange(6) % 3, column="colour")
    assert "must have a column named label or" in says(f"parquet:{path}")
    path = write_parquet(tmp_path / "c.parquet", images, [0, 1, 0, 1, 7, -1], names=NAMES)
    assert "labels of parquet:" in (message := says(f"parquet:{path}"))
    assert "must be from 0 to 2, for 3 classes; that of image 4 in all is 7" in message
    table = pa.table({"image": [{"bytes": b"junk", "path": ""}] * 6, "label": [0, 1] * 3})
    pq.write_table(table, tmp_path / "d.parquet")
    assert "in row 0 of" in says(f"parquet:{tmp_path / 'd.parquet'}")
    pq.write_table(pa.table({"label": [0, 1]}), tmp_path / "e.parquet")
    assert "must have a column of images" in says(f"parquet:{tmp_path / 'e.parquet'}")
    pq.write_table(table.set_column(1, "label", pa.array([0, 1, None] * 2)), tmp_path / "f.parquet")
    assert "has rows without a label" in says(f"parquet:{tmp_path / 'f.parquet'}")
    pq.write_table(table.set_column(1, "label", pa.array([0.5, 1.0] * 3)), tmp_path / "g.parquet")
    assert "one whole number or word for each image, found double" in says(
        f"parquet:{tmp_path / 'g.parquet'}"
    )


# -- arrays
# ------------------------------------------------------------------------------------------
def arrays_of(images: np.ndarray, count: int) -> dict[str, np.ndarray]:
    labels = np.arange(len(images), dtype=np.uint8) % 3
    return {
        "train_images": images[:count],
        "train_labels": labels[:count, None],
        "test_images": images[count:],
        "test_labels": labels[count:, None],
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("first", [False, True])
def test_an_npz_file_as_medmnist_has_it(tmp_path, save, channels, first):
    images = made_images(50, channels=channels)
    stored = images.transpose(0, 3, 1, 2) if first else images[..., 0] if channels == 1 else images
    save(
        tmp_path / "med.npz",
        **arrays_of(np.ascontiguousarray(stored), 40),
        class_names=np.array(NAMES),
    )
    data = load_dataset(f"npz:{tmp_path / 'med.npz'}")
    assert (data.class_names, data.in_channels, data.image_size) == (NAMES, channels, 12)
    every(data, images[:40], "train", "validation")
    every(data, images[40:], "test")


def test_keras_names_a_folder_of_npy_and_a_carved_test(tmp_path):
    images, labels = made_images(30), np.arange(30) % 3
    np.savez(
        tmp_path / "k.npz",
        x_train=images[:20],
        y_train=labels[:20],
        x_test=images[20:],
        y_test=labels[20:],
    )
    every(load_dataset(f"npz:{tmp_path / 'k.npz'}"), images[20:], "test")
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    data = load_dataset(f"npz:{folder}")
    assert data.class_names == ("0", "1", "2")
    every(data, images, "train", "validation", "test")
    assert len(data.test) == 6
    assert load_dataset(f"npz:{folder}", image_size=24).train.images.shape[1:] == (3, 24, 24)
    assert dataset_info(data.name).image_sizes[0] == 12


@pytest.mark.parametrize(
    "names", [("x", "y", "x_test", "y_test"), ("images", "labels", "val_images", "val_labels")]
)
def test_arrays_without_a_part_are_train_beside_those_with_one(tmp_path, names):
    images, labels = made_images(50), np.arange(50) % 3
    given = (images[:40], labels[:40], images[40:], labels[40:])
    np.savez(tmp_path / "k.npz", **dict(zip(names, given, strict=True)))
    data = load_dataset(f"npz:{tmp_path / 'k.npz'}")
    every(data, images[40:], "test")
    every(data, images[:40], "train", "validation")


def test_arrays_of_validation_are_validation_beside_a_test_part(tmp_path):
    """As MedMNIST has them."""
    images, labels = made_images(35), np.arange(35) % 3
    other = {"val_images": images[30:], "val_labels": labels[30:]}
    np.savez(tmp_path / "m.npz", **arrays_of(images[:30], 20), **other)
    data = load_dataset(f"npz:{tmp_path / 'm.npz'}")
    every(data, images[20:30], "test")
    every(data, np.concatenate([images[:20], images[30:]]), "train", "validation")
    assert (len(data.train), len(data.validation)) == (20, 5)


@pytest.mark.parametrize("kind", ["no labels", "no images", "no classes"])
def test_arrays_of_validation_that_cannot_be_used_are_named(tmp_path, caplog, kind):
    images, labels = made_images(30), np.arange(30) % 3
    given, classes = (images[:0], labels[:0]) if kind == "no images" else (images[:5], labels[:5])
    other = {"x_val": given, "y_val": classes - 1 if kind == "no classes" else classes}
    if kind == "no labels":
        del other["y_val"]
    named = {"x_train": images[:20], "y_train": labels[:20], "x_test": images[20:]}
    np.savez(tmp_path / "m.npz", **named, y_test=labels[20:], **other)
    data = load_dataset(f"npz:{tmp_path / 'm.npz'}")
    every(data, images[:20], "train", "validation")
    assert (len(data.train) + len(data.validation), len(data.test)) == (20, 10)
    why = {
        "no labels": f"x_val of {tmp_path / 'm.npz'} is not used: there is no y_val.",
        "no images": "is not used: it has no images.",
        "no classes": "is not used: 2 of its images have no class.",
    }[kind]
    (said,) = [record.getMessage() for record in caplog.records]
    assert why in said


def test_validation_files_without_labels_are_named(tmp_path, caplog):
    images, labels = made_images(30), np.arange(30) % 3
    for part, rows in {"train": slice(0, 20), "test": slice(20, 30)}.items():
        write_parquet(tmp_path / f"{part}-0.parquet", images[rows], labels[rows], names=NAMES)
    pq.write_table(
        pq.read_table(tmp_path / "test-0.parquet").drop_columns(["label"]),
        tmp_path / "validation-0.parquet",
    )
    data = load_dataset(f"parquet:{tmp_path}")
    assert (len(data.train) + len(data.validation), len(data.test)) == (20, 10)
    assert "validation-0.parquet, because there is no column 'label'" in caplog.text


def test_what_is_wrong_with_arrays(tmp_path):
    images, labels = made_images(12), np.arange(12) % 3

    def saved(**arrays) -> str:
        np.savez(tmp_path / "a.npz", **arrays)
        return says(f"npz:{tmp_path / 'a.npz'}")

    assert "must have train_images and train_labels" in saved(pictures=images)
    assert "has images but not labels" in saved(images=images)
    assert "images and labels of" in (message := saved(images=images, labels=labels[:9]))
    assert "must have the same length, found 12 and 9" in message
    assert "must be uint8, from 0 to 255, found float64" in saved(
        images=images / 255, labels=labels
    )
    assert "found [12, 432]" in saved(images=images.reshape(12, -1), labels=labels)
    assert "must be whole numbers [N], found float64 [12]" in saved(
        images=images, labels=labels / 2
    )
    assert "Python objects, which are never read" in saved(
        images=images, labels=labels.astype(object)
    )
    assert "C order" in saved(images=np.asfortranarray(images), labels=labels)
    assert "from 0 to 1, for 2 classes; that of image 2 in all is 2" in saved(
        images=images, labels=labels, class_names=np.array(["a", "b"])
    )
    assert "class_names of" in saved(images=images, labels=labels, class_names=np.arange(3))
    assert "as many channels in all parts, found 3 and 1 in test" in saved(
        train_images=images, train_labels=labels, test_images=images[..., :1], test_labels=labels
    )
    assert "has no images" in saved(
        images=images[:0], labels=labels[:0], class_names=np.array(NAMES)
    )
    (tmp_path / "b.npz").write_bytes(b"PK nothing")
    assert "cannot be read as .npz" in says(f"npz:{tmp_path / 'b.npz'}")
    assert "does not exist" in says(f"npz:{tmp_path / 'c.npz'}")


def test_an_array_that_is_cut_short_leaves_nothing(tmp_path):
    np.save(tmp_path / "images.npy", made_images(30))
    np.save(tmp_path / "labels.npy", np.arange(30) % 3)
    content = (tmp_path / "images.npy").read_bytes()
    (tmp_path / "images.npy").write_bytes(content[:-1000])
    assert "ends after 27 of 30 rows; save it again" in says(f"npz:{tmp_path}")
    assert not own.folder_of(f"npz:{tmp_path}").exists()
