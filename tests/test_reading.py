"""Documents and arrays that somebody else may have written: each refusal is a sentence, nothing is
allocated first."""

import io
import os
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bickd_core.npz import load_npz, release
from bickd_core.reading import (
    DEPTH,
    ReadError,
    opened,
    parse_json,
    parse_yaml,
    read_bytes,
    read_yaml,
)
from bickd_core.runs.library import RunError

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: !!bool foo", "without tags"),
        (b"a: !!int ''", "without tags"),
        (b"a: !!python/object/apply:os.getcwd []", "without tags"),
        (b"a: &x 1\nb: *x", "without anchors and aliases"),
        (BOMB, "without anchors and aliases"),
        (b"[" * 5000, "levels"),
        (b"a: [1", "cannot be parsed"),
        (b"2001-99-99", "cannot be parsed"),
        (b"\xff\xfe\x00", "cannot be parsed"),
        (b"? {a: 1}\n: 2", "cannot be parsed"),
        (b"- 1\n" * 30_000, "values"),
    ],
)
def test_yaml_that_nobody_needs_is_refused_at_once(content, said):
    began = time.monotonic()
    with pytest.raises(ReadError, match=f"{said}.*\\.$"):
        parse_yaml(content)
    assert time.monotonic() - began < 60  # loose: machines are shared


def test_a_sweep_may_use_aliases_that_expand_to_little():
    assert parse_yaml(b"a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2", aliases=True) == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": 2},
    }
    with pytest.raises(ReadError, match="20,000 values"):
        parse_yaml(BOMB, aliases=True)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 5000,
        b"{" * 500,
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b"9" * 5000,
        b"",
        b"\xff",
        b"[" * 30 + b"]" * 30,
    ],
)
def test_json_that_is_none_or_deep_is_refused(content):
    with pytest.raises(ReadError, match=r"^expected JSON.*\.$"):
        parse_json(content)
    assert parse_json(b"[" * DEPTH + b"]" * DEPTH) is not None


def test_only_plain_files_are_opened(tmp_path):
    (tmp_path / "target").write_text("a: 1")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="got a link; links in a run folder are not followed"):
        read_yaml(tmp_path / "link")
    for name in ("pipe", "."):
        with pytest.raises(
            ReadError, match="expected a plain file, got a folder, a pipe or a device"
        ):
            read_bytes(tmp_path / name)
    for missing in ("nothing", "target/below"):
        with pytest.raises(FileNotFoundError), opened(tmp_path / missing):
            pass
    with pytest.raises(ReadError, match="at most 3 bytes"):
        read_bytes(tmp_path / "target", 3)
    assert read_yaml(tmp_path / "target") == {"a": 1}


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def test_a_header_that_asks_for_more_than_there_is_allocates_nothing(tmp_path):
    whole = npy(np.zeros((3, 2), dtype=np.float32))
    path = zipped(tmp_path / "x.npz", logits=whole.replace(b"(3, 2)", b"(10**9)"[:6]))
    with pytest.raises(ReadError, match="npz"):
        load_npz(path)
    path = zipped(tmp_path / "y.npz", logits=whole.replace(b"(3, 2), ", b"(3, 999999999999), "[:8]))
    with pytest.raises(ReadError):
        load_npz(path)
    large = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        large, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 4)}
    )
    with pytest.raises(
        ReadError, match=r"expected 8 bytes as its header says, got shape \(1000000000000, 4\)"
    ):
        load_npz(zipped(tmp_path / "z.npz", logits=large.getvalue() + bytes(8)))


def test_a_file_that_unpacks_to_gigabytes_is_refused_before_it_is(tmp_path):
    path = zipped(tmp_path / "x.npz", a=bytes(3 * 10**8))
    with pytest.raises(ReadError, match=r"a file of [\d,]+ bytes that unpacks to 300,000,000"):
        load_npz(path)


def test_text_that_is_no_characters_is_refused(tmp_path):
    text = npy(np.array(["ab"]))
    for code in (0xD800, 0x110000):
        bad = text[:-8] + code.to_bytes(4, "little") + text[-4:]
        with pytest.raises(ReadError, match="`a`: expected text, got invalid characters"):
            load_npz(zipped(tmp_path / "x.npz", a=bad))
    np.testing.assert_array_equal(load_npz(zipped(tmp_path / "x.npz", a=text))["a"], ["ab"])


def test_arrays_come_in_the_machines_byte_order_and_in_any_memory_order(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    path = zipped(
        tmp_path / "x.npz",
        a=npy(values.astype(">f8")),
        b=npy(np.asfortranarray(values)),
        c=npy(np.float32(3)),
    )
    found = load_npz(path)
    np.testing.assert_array_equal(found["a"], values)
    np.testing.assert_array_equal(found["b"], values)
    assert found["a"].dtype == np.dtype("=f8")
    assert found["c"].shape == ()
    found["a"][0, 0] = 7.0


def test_large_arrays_are_mapped_from_the_file(tmp_path):
    values = np.arange(60_000, dtype=np.float32).reshape(200, 300)
    np.savez(
        tmp_path / "x.npz", logits=values, small=np.arange(3), columns=np.asfortranarray(values)
    )
    arrays = load_npz(tmp_path / "x.npz", map_above=10_000)
    np.testing.assert_array_equal(arrays["logits"], values)
    np.testing.assert_array_equal(arrays["columns"], values)
    assert not arrays["logits"].flags.owndata
    assert not arrays["logits"].flags.writeable
    assert arrays["small"].flags.writeable
    assert arrays["columns"].flags.writeable
    os.replace(tmp_path / "x.npz", tmp_path / "moved.npz")  # as a rename of the run does
    np.testing.assert_array_equal(arrays["logits"], values)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_memory_of_a_mapped_array_is_given_back(tmp_path):
    def resident() -> int:
        text = Path("/proc/self/smaps_rollup").read_text()
        return 1024 * int(re.search(r"^Rss: +(\d+) kB", text, re.M)[1])

    size = 2**26
    np.savez(tmp_path / "x.npz", logits=np.ones(size // 4, np.float32))
    before = resident()
    logits = load_npz(tmp_path / "x.npz", map_above=10_000)["logits"]
    assert resident() - before < size / 2  # although its checksum was computed
    assert logits.sum() == size / 4
    assert resident() - before > size / 2
    release(logits[10:])
    assert resident() - before < size / 2
    assert logits.sum() == size / 4
    release(np.ones(3))  # nothing to give back


def test_a_damaged_array_is_refused_when_it_is_mapped(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, logits=np.ones((200, 300), np.float32))
    content = bytearray(path.read_bytes())
    content[100_000] ^= 1
    path.write_bytes(content)
    for limit in (None, 10_000):
        with pytest.raises(ReadError, match=r"expected a whole npz file .*\(Bad CRC-32"):
            load_npz(path, map_above=limit)


def test_an_array_whose_values_are_not_aligned_is_read(tmp_path):
    path = zipped(tmp_path / "x.npz", a=npy(np.ones(5000)), abc=npy(np.arange(5000.0)))
    np.testing.assert_array_equal(load_npz(path, map_above=100)["abc"], np.arange(5000.0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_classes", 10**12), ("num_classes", 0), ("image_size", -3), ("in_channels", -1), ("in_channels", 10**9),
        ("name", "x" * 10_000), ("title", "x" * 10_000), ("created", 7), ("versions", {"torch": 2}),
    ],
)  # fmt: skip
def test_sizes_in_run_yaml_are_bounded(make_run, field, value):
    run = make_run("a")
    text = (run.path / "run.yaml").read_text()
    import yaml

    stored = yaml.safe_load(text)
    (run.path / "run.yaml").write_text(yaml.safe_dump({**stored, field: value}))
    with pytest.raises(RunError, match=rf"^a/run.yaml cannot be read: `{field}[^`]*`: .*\.$"):
        run.info()
