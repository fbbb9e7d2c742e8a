"""Compressed prediction files and text in UTF-16."""

import gzip
import io

import numpy as np
import pytest

from bickd_core.importing import plain_copy
from bickd_core.importing.read_process import read_file
from bickd_core.runs.predictions import PredictionsError

SCORES = np.array([[2.0, -1.0, 0.5], [0.25, 1.5, -2.0], [-0.5, 0.75, 3.0], [1.0, 0.0, -1.0]])
ROWS = "".join(
    f"{row},{label},{','.join(map(str, scores))}\n"
    for row, (label, scores) in enumerate(zip(("café", "bar", "club", "bar"), SCORES, strict=True))
)
CSV = f"id,label,café,bar,club\n{ROWS}"


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, logits=SCORES, labels=np.array([0, 1, 2, 1]))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.csv.gz", gzip.compress(CSV.encode())),
        ("net.CSV.GZ", gzip.compress(CSV.encode())),
        ("net.npz.gz", gzip.compress(npz())),
        ("net.csv", CSV.encode("utf-16")),
        ("net.tsv", b"\xfe\xff" + CSV.replace(",", "\t").encode("utf-16-be")),
        ("net.csv.gz", gzip.compress(CSV.replace("\n", "\r\n").encode("utf-16"))),
    ],
)
def test_compressed_files_and_utf_16_are_read_like_plain_ones(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = read_file(tmp_path / name)
    assert found.file == name
    (part,) = found.parts
    (model,) = part.models
    assert model.name == "net"
    np.testing.assert_array_equal(model.logits, SCORES.astype(np.float32))
    assert len(part.labels) == 4
    if model.classes:
        assert model.classes == ("café", "bar", "club")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.csv.gz", gzip.compress(CSV.encode())[:-12], "it cannot be decompressed"),
        ("net.csv.gz", CSV.encode(), "it cannot be decompressed (Not a gzipped file"),
        ("net.csv.gz", b"", "got an empty file of 0 bytes"),
        (
            "net.gz",
            gzip.compress(CSV.encode()),
            "named as in predictions.csv.gz, got '.gz'; rename",
        ),
        ("net.tar.gz", gzip.compress(CSV.encode()), "got '.tar.gz'; unpack the archive."),
        ("net.xlsx.gz", gzip.compress(CSV.encode()), "got '.xlsx'; save the sheet as csv."),
        ("net.csv", CSV.encode("utf-16")[:-1], "expected text in UTF-16, as its first bytes say"),
        ("net.csv", b"\xff\xfe\x00\xd8" * 50, "expected text in UTF-16, as its first bytes say"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_a_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PredictionsError) as error:
        read_file(tmp_path / name)
    assert str(error.value).startswith(f"{name}: ")
    assert message in str(error.value)


def test_a_file_that_becomes_far_too_large_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_copy, "BASE_BYTES", 1 << 20)
    path, folder = tmp_path / "net.csv.gz", tmp_path / "copies"
    folder.mkdir()
    path.write_bytes(gzip.compress(bytes(1 << 25)))
    most = (1 << 20) + plain_copy.RATIO * path.stat().st_size
    with pytest.raises(PredictionsError, match="becomes more than 100 times as large"):
        plain_copy.plain_copy(path, folder, 1 << 40)
    assert sum(copy.stat().st_size for copy in folder.iterdir()) <= most


def test_a_compressed_file_has_the_limit_of_a_plain_one(tmp_path):
    path = tmp_path / "net.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    with pytest.raises(PredictionsError, match="expected at most 10 bytes after decompression"):
        plain_copy.plain_copy(path, tmp_path, 10)
    assert not (tmp_path / "net.csv").stat().st_size


def test_other_files_are_not_copied(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text(CSV, encoding="utf-8")
    assert plain_copy.plain_copy(path, tmp_path / "none", 1 << 40) == path
