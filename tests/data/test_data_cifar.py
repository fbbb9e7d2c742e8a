"""The CIFARs' binary archives on small files of the same layout: folder, archive, download,
damage."""

import functools
import hashlib
import http.server
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from own_files import digest, write_cifar

from bickd_core.data import cifar
from bickd_core.data.errors import DataError, DataUnavailableError
from bickd_core.data.hierarchy import FILES, bundled_hierarchy
from bickd_core.data.registry import DATASETS, dataset_info, load_dataset
from bickd_core.data.store import folder_of
from bickd_core.runs.thumbnails import Thumbnails


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(("name", "rows"), [("cifar10", 40), ("cifar100", 300)])
def test_a_named_folder_or_archive(tmp_path, name, rows, archive):
    path, images, labels = write_cifar(tmp_path, name, rows=rows, archive=archive)
    data = load_dataset(f"{name}:{path}")
    assert data.class_names[:2] == ("kind 00", "kind 01")
    assert data.num_classes == DATASETS[name].num_classes
    for split, part in (("train", "train"), ("validation", "train"), ("test", "test")):
        found = data.split(split)
        np.testing.assert_array_equal(found.images[:], images[part][found.ids])
        np.testing.assert_array_equal(found.labels, labels[part][found.ids])
    assert (data.augmentation.pad, data.augmentation.flip) == (4, True)
    assert Thumbnails.for_dataset(data.name, "test").png(0)
    info = dataset_info(data.name)
    assert (info.image_sizes, info.licence) == ((32,), DATASETS[name].licence)


def test_sha256_of_what_was_read_is_recorded_and_another_md5_is_said(tmp_path, caplog):
    path, *_ = write_cifar(tmp_path, "cifar10", archive=True)
    data = load_dataset(f"cifar10:{path}")
    with np.load(folder_of(data.name) / "store-32.npz") as stored:
        digests = json.loads(stored["about"].tobytes())["digests"]
    folder = tmp_path / "cifar-10-batches-bin"
    assert digests == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()
    }
    assert "is not the published archive: its md5 is" in caplog.text


@pytest.fixture
def served(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def test_the_archive_is_downloaded_once_and_its_md5_checked(tmp_path, served, monkeypatch, capsys):
    path, images, _ = write_cifar(tmp_path, "cifar100", rows=300, archive=True)
    right = replace(
        cifar.VARIANTS["cifar100"],
        url=served + path.name,
        md5=hashlib.md5(path.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(cifar.VARIANTS, "cifar100", replace(right, md5="0" * 32))
    with pytest.raises(
        DataUnavailableError, match=r"could not be fetched from .* \(ValueError\); go online"
    ):
        load_dataset("cifar100")
    monkeypatch.setitem(cifar.VARIANTS, "cifar100", right)
    data = load_dataset("cifar100")
    np.testing.assert_array_equal(data.test.images[:], images["test"])
    path.unlink()
    assert digest(load_dataset("cifar100")) == digest(data)
    assert Thumbnails.for_dataset("cifar100", "test").png(3)


def test_what_is_published_stands_in_the_table():
    assert cifar.VARIANTS["cifar10"].md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert cifar.VARIANTS["cifar100"].md5 == "03b5dce01913d631647c71ecec9e9cb8"


def test_what_is_wrong_is_said(tmp_path):
    path, *_ = write_cifar(tmp_path / "a", "cifar10")
    with pytest.raises(
        DataError,
        match="is not the binary archive of cifar100, and does not contain fine_label_names.txt",
    ):
        load_dataset(f"cifar100:{path}")
    content = (path / "data_batch_3.bin").read_bytes()
    (path / "data_batch_3.bin").write_bytes(content[:-10])
    with pytest.raises(
        DataError,
        match=r"data_batch_3\.bin of .* must have rows of 3,073 bytes, but the last one is incomplete",
    ):
        load_dataset(f"cifar10:{path}")
    (path / "data_batch_3.bin").write_bytes(bytes([99]) + content[1:])
    with pytest.raises(
        DataError, match="must be from 0 to 9, for 10 classes; that of image 80 in train is 99"
    ):
        load_dataset(f"cifar10:{path}")
    (path / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match="data_batch_3.bin"):
        load_dataset(f"cifar10:{path}")
    archive, *_ = write_cifar(tmp_path / "b", "cifar10", archive=True)
    with pytest.raises(DataError, match="has no cifar-100-binary/fine_label_names.txt"):
        load_dataset(f"cifar100:{archive}")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(DataError, match="of .* cannot be read"):
        load_dataset(f"cifar10:{archive}")


def test_the_superclasses_of_cifar100_are_twenty_of_five():
    rows = (FILES / "cifar100-hierarchy.csv").read_text().splitlines()[1:]
    names = sorted(row.split(",")[0] for row in rows)
    found = bundled_hierarchy("cifar100", names)
    assert len(names) == 100
    assert len(found.groups) == 20
    assert {len(found.members(group)) for group in found.groups} == {5}
