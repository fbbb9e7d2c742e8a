"""Mutated data of one's own: arrays, parquet files and single images are read, or refused in a
sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mutations import COUNT, from_file, mutate_bytes, mutate_zip, outcomes
from PIL import Image

from bickd_core.data import external, pixels
from bickd_core.data.listing import split_positions
from bickd_core.data.pixels import Encoded, decode, header
from bickd_core.data.resizing import DEFAULT

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (12, 9, 9, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def read_source(kind: str, path: Path) -> None:
    """Everything that loading a source does before the cache: listing, checks, decoding,
    parting."""
    listing = external.listed(external.KINDS[kind], path, f"{kind}:{path}")
    split_positions(listing.labels)
    external.summary(listing, "")
    for part, labels in listing.labels.items():
        images = 0
        for chunk in listing.read(part, 8, DEFAULT):
            assert chunk.dtype == np.uint8
            assert chunk.shape[1:] == (listing.channels, 8, 8)
            images += len(chunk)
        assert images == len(labels)


# -- arrays ---------------------------------------------------------------------------------------------
def npz(save, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


ARRAYS = [
    npz(np.savez, images=COLOUR, labels=LABELS),
    npz(np.savez_compressed, images=COLOUR[..., 0], labels=LABELS.astype(np.uint8)),
    npz(np.savez, images=COLOUR, labels=LABELS, class_names=np.array(["ant", "bee", "caf\xe9"])),
    npz(
        np.savez_compressed,
        train_images=COLOUR.transpose(0, 3, 1, 2), train_labels=LABELS[:, None].astype(np.uint64),
        test_images=COLOUR.transpose(0, 3, 1, 2)[:4], test_labels=LABELS[:4, None],
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
def test_mutated_arrays_are_read_or_refused_in_a_sentence(tmp_path, mutate):
    read = from_file(tmp_path / "a.npz", lambda path: read_source("npz", path))
    for content in ARRAYS:
        read(content)
    found = outcomes(read, ARRAYS, mutate, count=COUNT // 2)
    assert found["sentence"] > COUNT // 8
    assert found["accepted"] > COUNT // 100


# -- parquet ----------------------------------------------------------------------------------------------
def encoded(format: str, image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(COLOUR[0])).save(buffer, format, **options)
    return buffer.getvalue()


def parquet(labels: pa.Array, *, names: list[str] | None = None, **options) -> bytes:
    images = [{"bytes": encoded("PNG", Image.fromarray(pixels)), "path": None} for pixels in COLOUR]
    table = pa.table({"image": images, "label": labels})
    if names is not None:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


PARQUET = [
    parquet(
        pa.array(LABELS), names=["ant", "bee", "cat"], compression="none", use_dictionary=False
    ),
    parquet(pa.array([f"class {label}" for label in LABELS]), compression="snappy"),
    parquet(
        pa.array(LABELS.astype(np.uint8)),
        compression="zstd",
        row_group_size=5,
        data_page_version="2.0",
    ),
    parquet(pa.array([str(label) for label in LABELS]).dictionary_encode(), compression="gzip"),
]


def test_mutated_parquet_files_are_read_or_refused_in_a_sentence(tmp_path):
    read = from_file(tmp_path / "a.parquet", lambda path: read_source("parquet", path))
    for content in PARQUET:
        read(content)
    found = outcomes(read, PARQUET, mutate_bytes)
    assert found["sentence"] > COUNT // 4
    assert found["accepted"] > COUNT // 40


# -- single images ------------------------------------------------------------------------------------------
def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112], tags[0x010F], tags[0x011A] = 6, "camera", 72.0
    return tags


def images() -> dict[str, list[bytes]]:
    colour, grey = Image.fromarray(COLOUR[0]), Image.fromarray(COLOUR[0, :, :, 0])
    clear = Image.fromarray(np.dstack([COLOUR[0], COLOUR[1, :, :, :1]]))
    more = [Image.fromarray(pixels) for pixels in COLOUR[1:3]]
    return {
        "png": [
            encoded("PNG", exif=exif()), encoded("PNG", clear), encoded("PNG", grey),
            encoded("PNG", colour.quantize(8), transparency=3), encoded("PNG", grey.convert("1")),
        ],
        "jpeg": [
            encoded("JPEG", exif=exif()), encoded("JPEG", progressive=True), encoded("JPEG", grey),
            encoded("JPEG", colour.convert("CMYK")), encoded("MPO", save_all=True, append_images=more),
        ],
        "webp": [
            encoded("WEBP", exif=exif()), encoded("WEBP", clear, lossless=True),
            encoded("WEBP", save_all=True, append_images=more),
        ],
        "gif": [encoded("GIF"), encoded("GIF", save_all=True, append_images=more), encoded("GIF", grey)],
        "bmp": [encoded("BMP"), encoded("BMP", grey), encoded("BMP", colour.quantize(16)), encoded("BMP", clear)],
        "tiff": [
            encoded("TIFF", exif=exif()), encoded("TIFF", compression="tiff_lzw"),
            encoded("TIFF", clear, compression="tiff_adobe_deflate"), encoded("TIFF", compression="jpeg"),
            encoded("TIFF", grey.convert("1"), compression="group4"),
        ],
        "ppm": [
            encoded("PPM"), encoded("PPM", grey), b"P3 2 2 255\n" + b"1 2 3 " * 4, b"P2 2 2 9\n1 2 3 4\n",
            b"P1 2 2\n0 1 1 0\n", encoded("PPM", grey.convert("1")),
        ],
    }  # fmt: skip


IMAGES = images()


def read_image(content: bytes) -> None:
    about = header(Encoded(content, "photo.jpg"))
    channels = 1 if about.grey else 3
    found = decode(Encoded(content, "photo.jpg"), channels, 8)
    assert found.shape == (channels, 8, 8)
    assert found.dtype == np.uint8


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of metadata that it leaves aside
@pytest.mark.parametrize("format", IMAGES)
def test_mutated_images_are_read_or_refused_in_a_sentence(format, monkeypatch):
    monkeypatch.setattr(
        pixels, "MAX_PIXELS", 1_000_000
    )  # 64 million take seconds, which add up here
    for content in IMAGES[format]:
        read_image(content)
    found = outcomes(read_image, IMAGES[format], mutate_bytes)
    assert found["sentence"] > COUNT // 10
    assert found["accepted"] > COUNT // 40
