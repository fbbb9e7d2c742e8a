import base64
import io
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from bickd_core.data import caltech95, fashion_mnist
from bickd_core.data.base import Source, Split
from bickd_core.data.listing import augmentation
from bickd_core.data.registry import DATASETS, load_dataset
from bickd_core.runs.thumbnails import Thumbnails, read_sprite, sprite_path, write_sprite


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (7, 1, 4, 4), (9, 3, 4, 4), (12, 3, 5, 2)])
def test_a_sprite_comes_back_as_it_was(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_sprite(images, tmp_path / "images-test.png")
    np.testing.assert_array_equal(read_sprite(tmp_path / "images-test.png"), images)
    assert [path.name for path in tmp_path.iterdir()] == ["images-test.png"]


def test_other_files_are_no_sprites(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    with pytest.raises(ValueError, match="not a sprite"):
        read_sprite(path)
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match="not a sprite"):
        read_sprite(path)
    write_sprite(np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), dtype=np.uint8), path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match="not a sprite"):
        read_sprite(path)
    with pytest.raises(FileNotFoundError):
        read_sprite(tmp_path / "none.png")
    with pytest.raises(ValueError, match="1 or 3"):
        write_sprite(np.zeros((2, 4, 3, 3), np.uint8), path)


def test_caltech95_serves_the_stored_webp(tmp_path):
    thumbnails = Thumbnails.for_dataset("caltech95", "test", tmp_path)
    data = thumbnails.png(5)
    assert data == caltech95.read_columns("test", ["image"])["image"][5].as_py()["bytes"]
    assert pixels(data).shape == (64, 64, 3)
    uri = thumbnails.data_uri(5)
    assert uri.startswith("data:image/webp;base64,")
    assert base64.b64decode(uri.split(",")[1]) == data
    assert thumbnails.reason is None
    assert thumbnails.many(np.array([1208, -1])) == [None, None]


def test_validation_and_train_share_the_train_files_ids():
    train, validation = (
        Thumbnails.for_dataset("caltech95", split) for split in ("train", "validation")
    )
    assert train.png(5022) == validation.png(5022) is not None
    assert train.png(5) != Thumbnails.for_dataset("caltech95", "test").png(5)


def test_digits_are_the_loaded_images():
    dataset = load_dataset("digits")
    thumbnails = Thumbnails.for_dataset("digits", "validation")
    ids = dataset.validation.ids[[0, 50]]
    for row, data in zip((0, 50), thumbnails.many(ids), strict=True):
        np.testing.assert_array_equal(pixels(data), dataset.validation.images[row, 0])
    assert thumbnails.data_uri(int(ids[0])).startswith("data:image/png;base64,")


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_sprite_on_the_shelf_needs_no_data_set(tmp_path, monkeypatch, given):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "none"))
    images = np.random.default_rng(0).integers(0, 256, (7, 1, 28, 28), dtype=np.uint8)
    write_sprite(images, sprite_path(tmp_path, "test"))
    shelf = tmp_path if given == "folder" else sprite_path(tmp_path, "test")
    thumbnails = Thumbnails.for_dataset("fashion-mnist", "test", shelf)
    np.testing.assert_array_equal(pixels(thumbnails.png(np.int64(6))), images[6, 0])
    assert thumbnails.png(7) is None
    missing = Thumbnails.for_dataset("fashion-mnist", "train", tmp_path)
    assert missing.png(0) is None
    assert missing.data_uri(0) is None
    assert "dataset-fashion-mnist" in missing.reason


def test_a_sprite_that_changed_is_read_again(tmp_path):
    path = sprite_path(tmp_path, "test")
    for value in (10, 20):
        write_sprite(np.full((2, 1, 4, 4), value, np.uint8), path)
        assert pixels(Thumbnails.for_dataset("digits", "test", tmp_path).png(0)).max() == value


def test_a_damaged_sprite_gives_a_reason_and_no_pictures(tmp_path):
    sprite_path(tmp_path, "test").write_bytes(b"not a picture")
    thumbnails = Thumbnails.for_dataset("fashion-mnist", "test", tmp_path)
    assert thumbnails.many([0, 1]) == [None, None]
    assert "not a sprite" in thumbnails.reason


@pytest.mark.skipif(
    fashion_mnist.installed_folder() is None, reason="Fashion-MNIST is not installed"
)
def test_installed_fashion_mnist_is_served():
    for name, count in (("fashion-mnist", 10_000), ("fashion-mnist-pairs", 5_000)):
        thumbnails = Thumbnails.for_dataset(name, "test")
        assert pixels(thumbnails.png(count - 1)).shape == (28, 28)
        assert thumbnails.png(count) is None


def test_unknown_data_has_a_reason_and_an_unknown_split_is_an_error():
    imported = Thumbnails.for_dataset("my upload", "test")
    assert imported.png(0) is None
    assert "imported without image files" in imported.reason
    with pytest.raises(ValueError, match="train, validation, test, not 'all'"):
        Thumbnails.for_dataset("digits", "all")


def test_looking_imports_neither_torch_nor_sklearn():
    code = (
        "import sys\n"
        "import bickd_core.data.registry\n"
        "light = {'torch', 'sklearn', 'pyarrow', 'PIL', 'pooch'} & set(sys.modules)\n"
        "assert not light, light\n"
        "from bickd_core.runs.thumbnails import Thumbnails\n"
        "assert Thumbnails.for_dataset('caltech95', 'test').data_uri(0)\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'pooch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_data_set_of_an_installed_package_shows_its_own_images(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 3, 8, 8), dtype=np.uint8)
    labels, ids = np.arange(12) % 2, np.arange(12)
    parts = [Split(images[rows], labels[rows], ids[rows]) for rows in (slice(0, 8), slice(8, 12))]
    source = Source(*parts, ("a", "b"), 2, augmentation(8))
    monkeypatch.setitem(sys.modules, "their_data", SimpleNamespace(load=lambda size: source))
    info = replace(DATASETS["digits"], name="theirs", module="their_data:load")
    monkeypatch.setitem(DATASETS, "theirs", info)
    pictures = Thumbnails.for_dataset("theirs", "test")
    np.testing.assert_array_equal(pixels(pictures.png(0)), images[8].transpose(1, 2, 0))
    of_train = pixels(Thumbnails.for_dataset("theirs", "validation").png(7))
    np.testing.assert_array_equal(of_train, images[7].transpose(1, 2, 0))
    assert pictures.png(4) is None
