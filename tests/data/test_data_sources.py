import functools
import gzip
import hashlib
import http.server
import io
import logging
import struct
import threading

import numpy as np
import pytest

from bickd_core.data import caltech95, fashion_mnist
from bickd_core.data.base import Split, carve_fold
from bickd_core.data.cache import cached_array
from bickd_core.data.errors import DataUnavailableError
from bickd_core.data.fashion_mnist_pairs import paired
from bickd_core.data.registry import DATASETS, load_dataset
from bickd_core.places import cache_folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """caltech95's decoded images, made once for this file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("BICKD_CACHE", str(folder))
        small = load_dataset("caltech95")
        yield folder, small


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def tiny_fashion(tmp_path, monkeypatch):
    """Fashion-MNIST's four files in the same layout, 40 and 20 images of 3 x 2; nothing
    installed."""
    rng = np.random.default_rng(0)
    served = tmp_path / "served"
    served.mkdir()
    arrays, files = {}, {}
    for part, count in (("train", 40), ("test", 20)):
        arrays[part, "images"] = rng.integers(0, 256, (count, 3, 2), dtype=np.uint8)
        arrays[part, "labels"] = (np.arange(count) % 10).astype(np.uint8)
    for key, array in arrays.items():
        name = fashion_mnist.FILES[key].name
        content = idx_bytes(array)
        (served / name).write_bytes(gzip.compress(content))
        files[key] = fashion_mnist.IdxFile(
            name,
            array.shape,
            hashlib.sha256(content).hexdigest(),
            hashlib.md5((served / name).read_bytes()).hexdigest(),
        )
    monkeypatch.setattr(fashion_mnist, "FILES", files)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "not-installed")
    return served, arrays


@pytest.fixture
def server(tiny_fashion, monkeypatch):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(tiny_fashion[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{running.server_port}/"
        monkeypatch.setattr(fashion_mnist, "URLS", (url,))
        yield url
        running.shutdown()
        thread.join()


# The registry


def test_the_table_says_what_loading_gives(decoded, monkeypatch):
    monkeypatch.setenv("BICKD_CACHE", str(decoded[0]))
    for name, info in DATASETS.items():
        if name.startswith("cifar"):
            continue  # not to be had without the network; see test_data_cifar.py
        if name.startswith("fashion-mnist") and fashion_mnist.installed_folder() is None:
            continue
        dataset = load_dataset(name)
        assert info.name == dataset.name == name
        assert (dataset.num_classes, dataset.in_channels) == (info.num_classes, info.in_channels)
        assert dataset.image_size == info.default_image_size
        sizes = [len(split) for split in (dataset.train, dataset.validation, dataset.test)]
        assert sizes == [info.train_size, info.validation_size, info.test_size]
        assert len(set(dataset.class_names)) == info.num_classes
        for split in (dataset.train, dataset.validation, dataset.test):
            assert np.unique(split.labels).tolist() == list(range(info.num_classes))
            assert len(np.unique(split.ids)) == len(split)
        assert not set(dataset.train.ids) & set(dataset.validation.ids)


def test_unknown_names_and_sizes_say_what_is_known():
    with pytest.raises(
        ValueError, match="digits, cifar10, cifar100, not 'Caltech'; did you mean 'caltech95'"
    ):
        load_dataset("Caltech")
    with pytest.raises(ValueError, match="image_size of caltech95 must be 32 or 64, not 48"):
        load_dataset("caltech95", image_size=48)
    with pytest.raises(ValueError, match="image_size of digits must be 8, not 0"):
        load_dataset("digits", image_size=0)


def test_a_limit_touches_nothing_but_train():
    whole, short = load_dataset("digits"), load_dataset("digits", train_limit=50)
    assert len(short.train) == 50
    assert set(short.train.ids) <= set(whole.train.ids)
    assert (short.mean, short.std) == (whole.mean, whole.std)
    np.testing.assert_array_equal(short.validation.ids, whole.validation.ids)


def test_the_validation_seed_moves_samples_and_not_the_statistics():
    first, second = load_dataset("digits"), load_dataset("digits", validation_seed=1)
    assert set(first.validation.ids) != set(second.validation.ids)
    assert set(first.train.ids) | set(first.validation.ids) == set(second.train.ids) | set(
        second.validation.ids
    )
    assert (first.mean, first.std) == (second.mean, second.std)


def test_folds_are_the_whole_train_file_and_each_is_like_it():
    plain = load_dataset("digits")
    whole = set(plain.train.ids) | set(plain.validation.ids)
    folds = [load_dataset("digits", validation_folds=5, validation_fold=f) for f in range(5)]
    parts = [set(dataset.validation.ids) for dataset in folds]
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for dataset, part in zip(folds, parts, strict=True):
        assert set(dataset.train.ids) == whole - part
        counts = np.bincount(dataset.validation.labels, minlength=10)
        assert counts.min() >= len(part) // 10 - 5
        assert (dataset.mean, dataset.std) == (plain.mean, plain.std)
        np.testing.assert_array_equal(dataset.test.ids, plain.test.ids)
    other = load_dataset("digits", validation_folds=5, validation_seed=1)
    assert set(other.validation.ids) != parts[0]


def test_a_fold_with_all_samples_of_a_class_is_refused():
    images = np.zeros((5, 1, 4, 4), dtype=np.uint8)
    split = Split(images, np.array([0, 0, 0, 0, 1]), np.arange(5))
    train, validation = carve_fold(split, folds=5, fold=0, seed=0)
    assert (len(train), len(validation)) == (4, 1)
    with pytest.raises(ValueError, match="every class needs a training sample outside of fold 4"):
        carve_fold(split, folds=5, fold=4, seed=0)
    with pytest.raises(ValueError, match="fold must be from 0 to 4, not 5"):
        carve_fold(split, folds=5, fold=5, seed=0)


def test_a_pair_is_two_images_side_by_side_and_no_image_is_in_two():
    labels = np.repeat(np.arange(3), 12)
    # all pixels of an image are its number, so the halves of a pair tell which images they are
    images = np.broadcast_to(np.arange(36, dtype=np.uint8)[:, None, None, None], (36, 1, 4, 4))
    pairs = paired(Split(images.copy(), labels, np.arange(36) + 500), 2)
    assert pairs.images.shape == (18, 1, 4, 4)
    np.testing.assert_array_equal(np.bincount(pairs.labels), [2] * 9)
    left, right = pairs.images[:, 0, 0, 0], pairs.images[:, 0, 0, 3]
    np.testing.assert_array_equal(3 * labels[left] + labels[right], pairs.labels)
    assert len({*left.tolist(), *right.tolist()}) == 36
    again = paired(Split(images[::-1].copy(), labels[::-1].copy(), np.arange(36)[::-1] + 500), 2)
    np.testing.assert_array_equal(again.images, pairs.images)  # the order of a file plays no part


def test_digits_are_sklearns_grey_levels_stretched():
    from sklearn.datasets import load_digits

    known = {np.rint(image * 255 / 16).astype(np.uint8).tobytes() for image in load_digits().images}
    dataset = load_dataset("digits")
    parts = [split.images for split in (dataset.train, dataset.validation, dataset.test)]
    assert all(image.tobytes() in known for part in parts for image in part)
    assert sum(map(len, parts)) == 1797
    assert max(part.max() for part in parts) == 255


# caltech95


def test_validation_membership_of_caltech95_is_pinned(decoded):
    # Bundled runs hold predictions by id: this must never change with a library's version.
    ids = decoded[1].validation.ids
    assert hashlib.sha256(ids.tobytes()).hexdigest()[:16] == "c4958aa0d8477b35"


def test_caltech95_has_its_names_labels_and_pictures(decoded):
    from PIL import Image

    dataset = decoded[1]
    assert dataset.class_names[0] == "Leopards"
    assert dataset.class_names[13] == "car side"
    folders = [path.split("/")[0].replace("_", " ") for path in caltech95.paths("test")]
    assert [dataset.class_names[label] for label in dataset.test.labels] == folders
    encoded = caltech95.encoded_images("validation")[int(dataset.validation.ids[7])].as_py()
    with Image.open(io.BytesIO(encoded)) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float64).transpose(2, 0, 1)
    means = pixels.reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
    np.testing.assert_array_equal(dataset.validation.images[7], np.floor(means + 0.5))


def test_halving_rounds_halves_up():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 6), dtype=np.uint8)
    expected = np.floor(images.reshape(2, 3, 4, 2, 3, 2).astype(np.float64).mean(axis=(3, 5)) + 0.5)
    np.testing.assert_array_equal(caltech95.halve(images), expected)
    assert caltech95.halve(np.full((1, 1, 2, 2), 255, np.uint8)).item() == 255


def test_a_damaged_bundled_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(caltech95, "FILES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"caltech95-64-test\.parquet is missing"):
        caltech95.encoded_images("test")
    (tmp_path / "caltech95-64-test.parquet").write_bytes(
        b"version https://git-lfs.github.com/spec/v1"
    )
    with pytest.raises(
        ValueError, match=r"damaged \(a Git LFS pointer\?\): its sha256 should be eafc2bbbbada9fcf"
    ):
        caltech95.encoded_images("test")


# The cache


def test_a_cached_array_is_made_once(cache):
    calls = []

    def make() -> np.ndarray:
        calls.append(1)
        return np.arange(6, dtype=np.uint8).reshape(2, 3)

    first, second = cached_array("a", (2, 3), make), cached_array("a", (2, 3), make)
    assert calls == [1]
    np.testing.assert_array_equal(first, second)
    assert [path.name for path in cache.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "text", "other shape"])
def test_a_damaged_cache_is_found_and_made_again(cache, caplog, damage):
    right = np.random.default_rng(0).integers(0, 256, (500, 40), dtype=np.uint8)
    cached_array("a", right.shape, lambda: right)
    path = cache / "a.npz"
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    path.write_bytes({"cut": data[:9000], "empty": b"", "text": b"no zip"}.get(damage, bytes(data)))
    if damage == "other shape":
        np.savez(path, array=right[:3])
    np.testing.assert_array_equal(cached_array("a", right.shape, lambda: right.copy()), right)
    assert "it is made again" in caplog.text
    caplog.clear()
    cached_array("a", right.shape, lambda: pytest.fail("made a third time"))
    assert not caplog.text


def test_an_unwritable_cache_only_costs_time_and_is_logged(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "file" / "cache"))
    array = np.ones((2, 2), np.uint8)
    with caplog.at_level(logging.WARNING):
        assert cached_array("a", (2, 2), lambda: array) is array
    assert "cannot be written to" in caplog.text
    assert "BICKD_CACHE" in caplog.text


def test_the_cache_folder_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BICKD_CACHE")
    assert "bickd" in cache_folder().parts


# fashion-mnist


def test_idx_is_parsed_and_its_faults_named():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = idx_bytes(array)
    np.testing.assert_array_equal(fashion_mnist.parse_idx(content), array)
    with pytest.raises(
        ValueError, match=r"expected 24 bytes of data for shape \[2, 3, 4\], found 23"
    ):
        fashion_mnist.parse_idx(content[:-1])
    with pytest.raises(ValueError, match="found 25"):
        fashion_mnist.parse_idx(content + b"\0")
    for wrong in (content[:15], content[:4]):
        with pytest.raises(ValueError, match="3 sizes"):
            fashion_mnist.parse_idx(wrong)
    for wrong in (b"", b"\0\0", b"\0\0\x0d\x01\0\0\0\0"):
        with pytest.raises(ValueError, match="starts with 00 00 08"):
            fashion_mnist.parse_idx(wrong)


def test_download_verifies_and_is_found_again(tiny_fashion, server, cache, monkeypatch):
    _, arrays = tiny_fashion
    assert fashion_mnist.installed_folder() is None
    monkeypatch.setattr(fashion_mnist, "URLS", ("http://127.0.0.1:9/", server))
    fashion_mnist.fetch(fashion_mnist.download_folder())
    folder = fashion_mnist.installed_folder()
    assert folder == cache / "fashion-mnist"
    for part in ("train", "test"):
        split = fashion_mnist.load_part(part, folder)
        np.testing.assert_array_equal(split.images[:, 0], arrays[part, "images"])
        np.testing.assert_array_equal(split.labels, arrays[part, "labels"])
        assert split.ids.tolist() == list(range(len(split)))


def test_download_shows_a_progress_bar(tiny_fashion, server, cache, capfd):
    fashion_mnist.fetch(cache)
    assert "100%" in capfd.readouterr().err


def test_a_wrong_download_is_refused_and_leaves_nothing(tiny_fashion, server, cache):
    served, _ = tiny_fashion
    name = fashion_mnist.FILES["train", "images"].name
    (served / name).write_bytes(gzip.compress(b"something else"))
    with pytest.raises(
        DataUnavailableError, match=f"{name} could not be downloaded .*dataset-fashion-mnist"
    ):
        fashion_mnist.fetch(cache)
    assert not (cache / name).exists()


@pytest.mark.parametrize("damage", ["cut", "other", "endless"])
def test_a_damaged_installed_file_is_named(tiny_fashion, damage):
    served, _ = tiny_fashion
    file = fashion_mnist.FILES["test", "images"]
    content = gzip.decompress((served / file.name).read_bytes())
    changed = {"cut": content, "other": content[:-1] + b"\0", "endless": content + bytes(10**6)}[
        damage
    ]
    packed = gzip.compress(changed)
    (served / file.name).write_bytes(packed[:-12] if damage == "cut" else packed)
    with pytest.raises(ValueError, match=f"{file.name}.*(damaged|sha256).*remove"):
        fashion_mnist.load_part("test", served)


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="dataset-fashion-mnist is not installed"
)
def test_the_debian_package_holds_the_published_bytes():
    # Debian repacked the files without name and with another date; with the authors' header the md5
    # is theirs.
    dates = {"train": 1504176606, "test": 1504176627}
    for (part, _), file in fashion_mnist.FILES.items():
        packed = (fashion_mnist.DEBIAN_FOLDER / file.name).read_bytes()
        header = b"\x1f\x8b\x08\x08" + struct.pack("<I", dates[part]) + b"\0\3"
        original = header + file.name.removesuffix(".gz").encode() + b"\0" + packed[10:]
        assert hashlib.md5(original).hexdigest() == file.gzip_md5
