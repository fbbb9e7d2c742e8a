"""The process that reads other people's weights: what it answers, and what becomes of files that
attack it."""

import io
import json
import signal
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

from bickd_core.importing import inspect_weights
from bickd_core.importing.inspect_weights import RefusedFile, look_into, take_network
from bickd_core.launch.slots import wait_for_slot
from bickd_core.runs.checkpoints import read_weights, save_weights


def refusal(path):
    with pytest.raises(RefusedFile) as caught:
        look_into(path)
    words = str(caught.value)
    assert words.startswith(path.name)
    assert words.endswith(".")
    assert "\n" not in words
    return words


def test_it_answers_shapes_and_writes_the_table_with_the_expected_names(tmp_path):
    state = {"fc.weight": torch.ones(2, 3), "n": torch.tensor(1)}
    torch.save({"model": {f"student.{k}": v for k, v in state.items()}}, tmp_path / "w.pt")
    assert look_into(tmp_path / "w.pt") == {"model": {"student.fc.weight": (2, 3), "student.n": ()}}
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    taken = take_network(tmp_path / "w.pt", tmp_path / "out.safetensors", expected=shapes)
    assert (taken.part, taken.others) == ("model/student", ())
    assert read_weights(tmp_path / "out.safetensors").keys() == state.keys()


def test_a_safetensors_header_is_read_without_torch_and_bounded(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights({"a": torch.ones(2)}, path, metadata={})
    started = time.monotonic()
    assert look_into(path) == {"": {"a": (2,)}}
    assert time.monotonic() - started < 60
    path.write_bytes(struct.pack("<Q", 95 * 2**20) + b" " * (95 * 2**20 + 8))
    assert "has a header of 95 MB; at most 10 MB are read" in refusal(path)
    deep = b'{"a":' + b"[" * 10**6
    path.write_bytes(struct.pack("<Q", len(deep)) + deep)
    assert "its header is no JSON" in refusal(path)
    for shape in (b"[Infinity]", b"[1e999]", b"[-1]", b"[true]", b"[" + b"9" * 30 + b"]", b"{}"):
        header = b'{"a":{"dtype":"F32","shape":%s,"data_offsets":[0,4]}}' % shape
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        with pytest.raises(ValueError, match=r"\.$"):
            inspect_weights.read_header(path)
    many = json.dumps(
        {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(10_001)}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(many)) + many)
    with pytest.raises(ValueError, match="lists 10,001 tensors"):
        inspect_weights.read_header(path)


def test_a_pickle_that_never_ends_is_ended(tmp_path, monkeypatch):
    """Nested tuples as a key: their hash takes two to the power of their depth."""
    monkeypatch.setattr(inspect_weights, "BASE_SECONDS", 20)
    inner = b"".join(b"\x86q%c" % i if i else b"K\x01K\x02\x86q\x00" for i in range(1))
    content = (
        b"\x80\x02}"
        + inner
        + b"".join(b"h%c" % (i - 1) + b"\x86q%c" % i for i in range(1, 60))
        + b"K\x01s."
    )
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/data.pkl", content)
        archive.writestr("w/byteorder", "little")
        archive.writestr("w/version", "3\n")
    started = time.monotonic()
    words = refusal(tmp_path / "w.pt")
    assert "takes more than 20 s of computing to read" in words
    assert time.monotonic() - started < 120


def test_more_memory_than_a_file_can_need_is_refused_with_the_amount(tmp_path):
    """A legacy torch file that names a storage of four gigabytes."""
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "w.pt").read_bytes()
    small, large = struct.pack("<BH", ord("M"), 1000), struct.pack("<Bi", ord("J"), 2**30)
    assert small in content
    (tmp_path / "w.pt").write_bytes(content.replace(small, large))
    words = refusal(tmp_path / "w.pt")
    assert "asks for 4 GB and is a file of" in words
    assert "batch size" not in words


def test_the_limits_hold_for_the_process(tmp_path):
    torch.save({"a": torch.ones(10)}, tmp_path / "w.pt")
    code = (
        "import sys, resource; from pathlib import Path; from bickd_core.importing.inspect_weights"
        " import limit_memory;a = limit_memory(Path(sys.argv[1])); x = None\ntry: x = bytearray(a +"
        " 2**28)\nexcept MemoryError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "w.pt")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "refused"


def test_a_file_waits_for_its_turn_and_says_so_when_none_comes(tmp_path, monkeypatch):
    save_weights({"a": torch.ones(2)}, tmp_path / "w.safetensors", metadata={})
    monkeypatch.setattr(inspect_weights, "WAIT_SECONDS", 0.7)
    monkeypatch.setattr("sys.argv", ["looking", str(tmp_path / "w.safetensors"), "60"])
    request = io.StringIO(json.dumps({"expected": None, "out": None, "max_bytes": 2**31}))
    monkeypatch.setattr("sys.stdin", request)
    said = []
    monkeypatch.setattr("builtins.print", lambda words: said.append(json.loads(words)))
    root = inspect_weights.cache_folder() / "readers"
    with (
        wait_for_slot(root, lambda: False, slots=2) as first,
        wait_for_slot(root, lambda: False, slots=2) as second,
    ):
        assert first
        assert second
        inspect_weights.main()
    assert "2 other files were being read" in said[0]["error"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGPROF, "takes more than 9 s of computing"),
        (signal.SIGALRM, "was not read within 90 s, but the reader computed for less than 9 s"),
        (signal.SIGKILL, "ran out of memory"),
        (signal.SIGSEGV, "SIGSEGV"),
    ],
)
def test_how_a_reader_ended_is_told_truly(number, words):
    assert words in inspect_weights._ended_by(number, 9)


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("while True: pass", signal.SIGPROF),
        ("time.sleep(60)", signal.SIGALRM),
        ("time.sleep(2)", 0),  # longer than it may compute
        ("apart.end_time_limit(); [0 for _ in iter(lambda: time.process_time() < 3, False)]", 0),
    ],
)
def test_the_time_limit_counts_computing_and_ends_a_process_that_waits(code, ended):
    start = "import time; from bickd_core.data import apart; apart.WALL_TIMES = 4"
    done = subprocess.run(
        [sys.executable, "-c", f"{start}\napart.limit_time(1)\n{code}"], check=False
    )
    assert done.returncode == -ended


def test_no_more_shapes_are_answered_than_a_page_can_take():
    most = inspect_weights.MAX_TENSORS
    tables = {
        "x" * 1000: {f"{i:05d}" * 400: np.zeros(1) for i in range(most - 1)},
        "y": {"a": np.zeros(1), "b": np.zeros(1)},
        "z": {"c": np.zeros(1)},
    }
    found = inspect_weights._bounded(tables)
    assert [len(shapes) for _, shapes in found] == [most - 1, 1]
    assert max(len(name) for _, shapes in found for name in shapes) == inspect_weights.MAX_NAME
    assert max(len(where) for where, _ in found) == inspect_weights.MAX_NAME
