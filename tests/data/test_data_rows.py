"""Rows of a file against the same images in memory: indexing, carving, hashing, devices, damage."""

import hashlib
import zlib

import numpy as np
import psutil
import pytest
import torch

from bickd_core.data.base import Split, carve_validation, channel_statistics, content_hash, limit
from bickd_core.data.device import to_device
from bickd_core.data.errors import DataError
from bickd_core.data.memory import resident_bytes
from bickd_core.data.rows import RowFile, Rows
from bickd_core.memory import available_memory, total_memory

HEADER = b"seven b"


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (30, 3, 4, 5), dtype=np.uint8)


@pytest.fixture
def path(images, tmp_path):
    path = tmp_path / "images"
    path.write_bytes(HEADER + images.tobytes())
    return path


@pytest.fixture
def rows(images, path):
    checks = np.array([zlib.crc32(image.tobytes()) for image in images], dtype=np.uint32)
    return Rows(RowFile(path, offset=len(HEADER), shape=images.shape[1:], checks=checks))


def both(images, rows) -> tuple[Split, Split]:
    labels, ids = np.arange(30) % 3, np.arange(30)
    return Split(images, labels, ids), Split(rows, labels, ids)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        slice(None),
        slice(4, 11),
        slice(2, 30, 7),
        slice(5, 5),
        [],
        [7],
        [9, 8, 3, 4, 5, 3, 29],
    ],
)
def test_indexing_gives_what_an_array_gives(images, rows, key):
    key = np.array(key, dtype=np.int64) if isinstance(key, list) else key
    np.testing.assert_array_equal(rows[key], images[key])
    assert rows[key].flags.writeable


def test_rows_look_like_the_array(images, rows):
    assert (rows.shape, rows.dtype, rows.ndim, len(rows), rows.nbytes) == (
        images.shape, images.dtype, 4, 30, images.nbytes,
    )  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks())), images)
    with pytest.raises(ValueError, match=r"out must be \[30, 3, 4, 5\], not \[2, 3, 4, 5\]"):
        rows.read_into(np.empty((2, 3, 4, 5), np.uint8))


def test_carving_cutting_hashing_and_figures_are_those_of_the_array(images, rows):
    whole, streamed = both(images, rows)
    for ours, theirs in zip(
        (*carve_validation(streamed, size=6, seed=3), limit(streamed, 9, seed=1)),
        (*carve_validation(whole, size=6, seed=3), limit(whole, 9, seed=1)),
        strict=True,
    ):
        assert isinstance(ours.images, Rows)
        np.testing.assert_array_equal(ours.images[:], theirs.images)
        np.testing.assert_array_equal(ours.ids, theirs.ids)
        assert content_hash(ours) == content_hash(theirs)
    assert channel_statistics(rows) == channel_statistics(images)
    assert content_hash(streamed) == content_hash(whole)


@pytest.mark.parametrize("megabytes", ["0", "100"])
def test_a_batch_is_the_same_streamed_and_resident(images, rows, monkeypatch, megabytes):
    monkeypatch.setenv("BICKD_RESIDENT_MB", megabytes)
    whole, streamed = both(images, rows)
    held, expected = to_device(streamed, "cpu"), to_device(whole, "cpu")
    assert isinstance(held.images, torch.Tensor) == (megabytes == "100")
    picked = torch.tensor([29, 4, 5, 6, 4])
    for got, wanted in zip(held.batch(picked), expected.batch(picked), strict=True):
        assert torch.equal(got, wanted)
    for where in (slice(3, 9), torch.tensor([8, 1])):
        for got, wanted in zip(
            held.take(where).batch(torch.tensor([1, 0])),
            expected.take(where).batch(torch.tensor([1, 0])),
            strict=True,
        ):
            assert torch.equal(got, wanted)
    assert len(held) == 30


def test_a_changed_byte_is_found_named_and_the_file_removed(rows, path):
    content = bytearray(path.read_bytes())
    content[len(HEADER) + 7 * 60 + 5] ^= 1
    path.write_bytes(content)
    assert rows[np.array([6, 8])].shape == (2, 3, 4, 5)
    with pytest.raises(
        DataError, match=r"decoded image 7 in .*images is damaged, so that file was removed"
    ):
        rows[5:9]
    assert not path.exists()


def test_a_file_cut_short_or_gone_is_one_sentence(rows, path):
    path.write_bytes(path.read_bytes()[: len(HEADER) + 20 * 60 + 3])
    with pytest.raises(DataError, match="decoded image 20 in"):
        rows[:]
    other = Rows(RowFile(path, offset=0, shape=(3, 4, 5), checks=np.zeros(2, np.uint32)))
    with pytest.raises(DataError, match="cannot be read .*; start again to decode them anew"):
        other[:]


def test_available_memory_minds_a_containers_limit(tmp_path):
    machine = available_memory(tmp_path)
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2500000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 400000\nslab 2\n")
    assert available_memory(tmp_path) == 900_000 < machine
    assert total_memory(tmp_path) == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) > 900_000
    assert total_memory(tmp_path) == psutil.virtual_memory().total


def test_what_fits_is_a_quarter_or_what_is_asked_for(monkeypatch):
    monkeypatch.delenv("BICKD_RESIDENT_MB", raising=False)
    assert resident_bytes(1000) == 250
    monkeypatch.setenv("BICKD_RESIDENT_MB", "3")
    assert resident_bytes(1000) == 3_000_000
    monkeypatch.setenv("BICKD_RESIDENT_MB", "2 GB")
    with pytest.raises(ValueError, match="must be a whole number of megabytes, got '2 GB'"):
        resident_bytes(1000)


def test_the_hash_is_sha256_over_the_bytes(images, rows):
    _, streamed = both(images, rows)
    digest = hashlib.sha256(b"|u1 (30, 3, 4, 5)\n" + images.tobytes())
    for array in (streamed.labels, streamed.ids):
        digest.update(b"<i8 (30,)\n" + array.tobytes())
    assert content_hash(streamed) == digest.hexdigest()
