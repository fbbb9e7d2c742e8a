"""The harness itself: the same number gives the same file, and every outcome is told from the
others."""

from __future__ import annotations

import contextlib
import io
import json
import time
import zipfile
import zlib

import pytest
import yaml
from mutations import TookTooLong, from_file, mutate_bytes, mutate_text, mutate_zip, outcomes

from bickd_core.data.base import Dataset
from bickd_core.runs.library import check_name

TEXT = b"name: teacher\nrole: student\nsides: [3, 32]\nseeds: {weights: 0, order: 1}\n"


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, name.encode() * 50)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mutate", "seeds"),
    [
        (mutate_bytes, [bytes(range(256)), b"x"]),
        (mutate_text, [TEXT]),
        (mutate_zip, [zipped("a", "b")]),
    ],
)
def test_a_number_always_gives_the_same_file_and_numbers_differ(mutate, seeds):
    made = [mutate(seeds, number) for number in range(300)]
    assert made == [mutate(seeds, number) for number in range(300)]
    assert len(set(made)) > 150
    assert sum(content not in seeds for content in made) > 250


def test_mutated_members_have_right_checksums():
    for number in range(200):
        with zipfile.ZipFile(io.BytesIO(mutate_zip([zipped("a", "b")], number))) as archive:
            assert archive.testzip() is None


def test_text_stays_a_document_often_enough_to_reach_what_is_behind_the_parser():
    parsed = 0
    made = [mutate_text([TEXT], number) for number in range(300)]
    for content in made:
        if b"[" * 100 not in content:  # takes PyYAML seconds
            with contextlib.suppress(Exception):
                parsed += isinstance(yaml.safe_load(content), dict)
    assert parsed > 75


def test_what_a_reader_does_is_counted(tmp_path):
    def read(content):
        if content != b"good":
            check_name("not a name")

    found = outcomes(read, [b"good"], lambda seeds, n: seeds[0] if n % 3 else b"bad", count=9)
    assert found == {"accepted": 6, "sentence": 3}
    seen = []
    outcomes(
        from_file(tmp_path / "x", lambda path: seen.append(path.read_bytes())),
        [b"ab"],
        mutate_bytes,
        count=5,
    )
    assert seen == [mutate_bytes([b"ab"], number) for number in range(5)]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (
            lambda content: json.loads(b"{"),
            "JSONDecodeError came from decoder.py, not from our code",
        ),
        (
            lambda content: Dataset.split(None, "x"),
            'no sentence on one line: "split must be one of',
        ),
        (lambda content: {}["shape"], "KeyError: 'shape'"),
        (lambda content: zlib.decompress(b"x"), "error: Error -5"),
        (lambda content: bytearray(2**33), "MemoryError"),
        (lambda content: time.sleep(9), "TookTooLong: no outcome within 0.2 s"),
    ],
)
def test_every_other_outcome_fails_and_names_the_mutation(read, words, monkeypatch):
    monkeypatch.setattr("mutations.SECONDS", 0.2)
    with pytest.raises(AssertionError) as caught:
        outcomes(read, [b"seed"], mutate_bytes, count=1)
    assert words in str(caught.value)
    assert "mutate_bytes(seeds, 0)" in str(caught.value)
    assert not issubclass(TookTooLong, Exception)
