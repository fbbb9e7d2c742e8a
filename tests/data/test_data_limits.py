"""Arrays and parquet files that claim more than they hold, or hold something else: refused before
room is made."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_files import made_images, png, write_parquet

from bickd_core.data import apart, arrays, listing, parquet
from bickd_core.data import external as own
from bickd_core.data.errors import DataError
from bickd_core.data.registry import dataset_info, load_dataset
from bickd_core.npy_header import read_header

IMAGES, LABELS = made_images(12), np.arange(12) % 3


@pytest.fixture(autouse=True)
def look_again(monkeypatch):
    monkeypatch.setattr(own, "_AGAIN_SECONDS", 0.0)


def refusal(name: str, megabytes: float = 40.0) -> str:
    """The sentence, found without taking more memory than a small file may."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            dataset_info(name)
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(tmp_path, save=np.savez, **contents) -> str:
    save(tmp_path / "a.npz", **contents)
    return f"npz:{tmp_path / 'a.npz'}"


def npy_bytes(shape, descr="|u1", version=(1, 0)) -> bytes:
    """The header of an array, whatever is claimed in it."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return (
        b"\x93NUMPY"
        + bytes(version)
        + struct.pack("<H" if version[0] == 1 else "<I", len(text))
        + text
    )


def with_members(path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return f"npz:{path}"


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# -- class names and numbers
# -----------------------------------------------------------------------------
def test_two_classes_of_one_name_are_both_named(tmp_path):
    for names in (["crane", "dog", "crane"], ["crane", "dog", "crane "]):
        for name in (
            saved(tmp_path, images=IMAGES, labels=LABELS, class_names=np.array(names)),
            f"parquet:{write_parquet(tmp_path / 'a.parquet', IMAGES, LABELS, names=names)}",
        ):
            assert "classes 0 and 2 of" in (message := refusal(name))
            assert f"have the same name ('crane' and {names[2]!r})" in message
    accents = np.array(["cafe\u0301", "dog", "caf\xe9"])
    assert "classes 0 and 2 of" in refusal(
        saved(tmp_path, images=IMAGES, labels=LABELS, class_names=accents)
    )


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_class_name_is_refused(tmp_path, empty):
    names = ["ant", empty, "bee"]
    for name in (
        saved(tmp_path, images=IMAGES, labels=LABELS, class_names=np.array(names)),
        f"parquet:{write_parquet(tmp_path / 'a.parquet', IMAGES, LABELS, names=names)}",
    ):
        assert "class 1 of" in (message := refusal(name))
        assert "has an empty name" in message


@pytest.mark.parametrize("largest", [12, 2**32 - 1, 2**62])
def test_a_large_label_makes_no_list_of_classes(tmp_path, largest):
    labels = np.where(np.arange(12) == 5, largest, LABELS)
    for name in (
        saved(tmp_path, images=IMAGES, labels=labels),
        f"parquet:{write_parquet(tmp_path / 'a.parquet', IMAGES, labels)}",
    ):
        assert f"the largest is {largest} and there are 12 images" in refusal(name)


def test_a_label_beyond_64_bits_is_refused(tmp_path):
    labels = LABELS.astype(np.uint64)
    labels[3] = 2**64 - 1
    assert "must be class numbers from 0, found 18446744073709551615" in refusal(
        saved(tmp_path, images=IMAGES, labels=labels)
    )
    path = write_parquet(tmp_path / "a.parquet", IMAGES, pa.array(labels.tolist(), pa.uint64()))
    assert "cannot be read as parquet" in refusal(f"parquet:{path}")


def test_text_that_is_none_is_refused(tmp_path):
    for codes in ((0x110000, 65, 66), (0xD800, 65, 66)):
        member = npy_bytes((3,), "<U1") + np.array(codes, "<u4").tobytes()
        name = with_members(
            tmp_path / "t.npz", images=npy(IMAGES), labels=npy(LABELS), class_names=member
        )
        assert "must be text, found bytes that are not text" in refusal(name)
    long = np.array(["x" * 2_000_000, "y", "z"])
    assert "must be short names, found 3 of 2,000,000 characters" in refusal(
        saved(tmp_path, np.savez_compressed, images=IMAGES, labels=LABELS, class_names=long)
    )


# -- arrays that claim much
# --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "shape", [(10**9, 12, 12, 3), (12, 10**9, 10**9, 3), (10**30,), (2**62, 4)]
)
def test_a_header_that_claims_more_than_its_member_has(tmp_path, shape):
    name = with_members(
        tmp_path / "h.npz", images=npy_bytes(shape) + bytes(500), labels=npy(LABELS)
    )
    assert "images of" in (message := refusal(name))
    assert "ends after" in message


def test_headers_of_other_lengths_and_contents(tmp_path):
    long = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + bytes(100)
    odd = b"\x93NUMPY\x01\x00" + struct.pack("<H", 20) + b"{'descr': ((((('''\\x"
    nested = b"\x93NUMPY\x01\x00" + struct.pack("<H", 9_000) + b"(" * 9_000
    negative = npy_bytes((-1, 12, 12, 3))
    for header, reason in (
        (long, "its header claims 2,147,483,648 bytes"),
        (odd, "its header cannot be parsed"),
        (nested, "its header cannot be parsed"),
        (negative, "its shape is [-1, 12, 12, 3]"),
        (b"not an array", "it does not begin as numpy's arrays do"),
    ):
        name = with_members(tmp_path / "h.npz", images=header, labels=npy(LABELS))
        assert f"images of {tmp_path / 'h.npz'} cannot be read as an array ({reason})" in refusal(
            name
        )


def test_a_header_is_read_as_numpy_reads_it():
    for array in (
        IMAGES,
        LABELS,
        np.array(["a"]),
        np.asfortranarray(np.ones((2, 3))),
        np.float32(1),
    ):
        file = io.BytesIO(npy(np.asarray(array)))
        header = read_header(file)
        assert (header.shape, header.dtype) == (np.shape(array), np.asarray(array).dtype)
        assert header.bytes == len(file.read())
        assert header.fortran == (np.ndim(array) == 2)


def test_a_member_that_unpacks_to_very_much_is_refused(tmp_path):
    zeros = np.zeros((80, 1_000, 1_000), np.uint8)
    name = saved(tmp_path, np.savez_compressed, images=zeros, labels=np.arange(80) % 2)
    assert "images.npy of" in (message := refusal(name))
    assert "unpacks to 80 MB from 0.1 MB, which is too much for images" in message
    with zipfile.ZipFile(tmp_path / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", npy(IMAGES))
        archive.writestr("labels.npy", npy(LABELS))
    assert "is compressed in a way that numpy does not use" in refusal(
        f"npz:{tmp_path / 'lzma.npz'}"
    )


def test_labels_are_as_many_as_images_before_they_are_read(tmp_path):
    labels = np.zeros(60_000_000, np.uint8)
    name = saved(tmp_path, np.savez_compressed, images=IMAGES, labels=labels)
    assert "must have the same length, found 12 and 60000000" in refusal(name)
    half = np.zeros((3_000_000, 8), np.float16)
    assert "must be uint8, from 0 to 255, found float16" in refusal(
        saved(tmp_path, np.savez_compressed, images=half, labels=LABELS)
    )


def test_how_many_images_and_pixels_are_stated(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_IMAGES", 11)
    assert "must be at most 11 images" in refusal(saved(tmp_path, images=IMAGES, labels=LABELS))
    monkeypatch.setattr(arrays, "MAX_IMAGES", 12)
    assert dataset_info(saved(tmp_path, images=IMAGES, labels=LABELS)).num_classes == 3
    monkeypatch.setattr(arrays, "MAX_PIXELS", 143)
    assert "of 1 to 143 pixels, found [12, 12, 12, 3]" in refusal(
        saved(tmp_path, images=IMAGES + 1, labels=LABELS)
    )
    assert listing.MAX_IMAGES == 5_000_000


def test_what_else_an_npz_file_may_be_is_said(tmp_path):
    logits = np.zeros((12, 3), np.float32)
    names = np.array(["a", "b", "c"])
    assert "holds a network's predictions (logits) and no images" in refusal(
        saved(tmp_path, logits=logits, labels=LABELS, class_names=names)
    )
    weights = {"conv1.weight": logits, "conv1.bias": logits}
    assert "holds a network's weights ('conv1.weight') and no images" in refusal(
        saved(tmp_path, **weights)
    )
    many = {f"a{i:02}": logits for i in range(30)}
    assert "a11 and 18 more" in refusal(saved(tmp_path, **many))


# -- parquet
# -----------------------------------------------------------------------------------------------
def test_several_labels_an_image_are_refused(tmp_path):
    path = write_parquet(tmp_path / "m.parquet", IMAGES, [[int(label), 1] for label in LABELS])
    assert "must be one whole number or word for each image, found several (list<" in refusal(
        f"parquet:{path}"
    )


def test_words_are_classes_as_strings_and_as_a_dictionary(tmp_path):
    words = [("owl", "elk", "cat")[label] for label in LABELS]
    write_parquet(tmp_path / "w.parquet", IMAGES, words)
    table = pq.read_table(tmp_path / "w.parquet")
    pq.write_table(
        table.set_column(1, "label", table["label"].dictionary_encode()),
        tmp_path / "d.parquet",
        row_group_size=5,
    )
    for file in ("w.parquet", "d.parquet"):
        data = load_dataset(f"parquet:{tmp_path / file}")
        assert data.class_names == ("cat", "elk", "owl")
        for split in (data.train, data.validation, data.test):
            assert [data.class_names[label] for label in split.labels] == [
                words[id] for id in split.ids
            ]


def test_words_and_numbers_in_two_files_are_refused(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", IMAGES, LABELS)
    write_parquet(tmp_path / "train-1.parquet", IMAGES, [str(label) for label in LABELS])
    assert "must be words in all files or numbers in all files" in refusal(f"parquet:{tmp_path}")


def test_a_parquet_file_is_bounded_by_its_footer(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", IMAGES, LABELS)
    monkeypatch.setattr(parquet, "MAX_IMAGES", 11)
    with pytest.raises(DataError, match="must have at most 11 rows, but has 12"):
        parquet.listing(path)


def test_one_large_value_in_every_row_is_read_a_few_rows_at_a_time(tmp_path):
    image = png(IMAGES[0]) + bytes(1_000_000)
    table = pa.table({"image": pa.array([image] * 300, pa.binary()), "label": np.arange(300) % 3})
    pq.write_table(table, tmp_path / "r.parquet")
    assert (tmp_path / "r.parquet").stat().st_size < 2_000_000  # the image is there once
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    taken = [
        pa.total_allocated_bytes() - before
        for _ in parquet._values(tmp_path / "r.parquet", "image")
    ]
    assert len(taken) == 300
    assert max(taken) < 60e6
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


def test_a_file_that_ends_the_process_which_reads_it_is_refused(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", IMAGES, LABELS)
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(DataError, match=r"made the process that reads it stop \(code 1\)"):
        dataset_info(f"parquet:{path}")


def test_the_memory_of_the_process_that_looks_is_limited(tmp_path):
    values = pa.array([png(IMAGES[0]) + bytes(8_000_000)] * 12, pa.binary())
    pq.write_table(pa.table({"image": values, "label": LABELS}), tmp_path / "big.parquet")
    name = f"parquet:{tmp_path / 'big.parquet'}"
    assert apart.summary_apart(name, memory=1 << 30)["side"] == 12
    with pytest.raises(DataError, match="big.parquet needs more .*memory"):
        apart.summary_apart(name, memory=120 << 20)


def test_linked_folders_of_parquet_files_are_read(tmp_path):
    write_parquet(tmp_path / "pool" / "train-0.parquet", IMAGES, LABELS)
    write_parquet(tmp_path / "d" / "test-0.parquet", IMAGES, LABELS)
    (tmp_path / "d" / "more").symlink_to(tmp_path / "pool")
    assert dataset_info(f"parquet:{tmp_path / 'd'}").test_size == 12


def test_whatever_pyarrow_raises_names_the_file(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", IMAGES, LABELS)
    for error in (
        OSError("odd\nmore"),
        NotImplementedError("odd"),
        UnicodeDecodeError("utf-8", b"", 0, 1, "odd"),
    ):

        def fail(*arguments, error=error, **options):
            raise error

        monkeypatch.setattr(pq, "ParquetFile", fail)
        with pytest.raises(DataError, match=r"a.parquet cannot be read as parquet \("):
            parquet.listing(path)
