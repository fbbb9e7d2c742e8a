"""Mutated files of predictions are read, or refused in a sentence."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mutations import COUNT, from_file, mutate_bytes, mutate_text, mutate_zip, outcomes

from bickd_core.importing.matching import match
from bickd_core.importing.read_process import _arrays, _part_info, _preview, parse
from bickd_core.runs.sample_file import SampleFile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "importing"))
from layouts import CLASSES, columns, ids, labels, logits, names, softmax


def read(path: Path) -> None:
    """Everything that the limited process does, and the matching after it."""
    table, layout, parts = parse(path)
    _preview(table, layout)
    for part in parts:
        _arrays(part), _part_info(part)
    match([(path.name, part) for part in parts])


def csv(**table: object) -> bytes:
    return pd.DataFrame(table).head(9).to_csv(index=False).encode()


def npz(save, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


TABLES = [
    csv(
        id=ids(),
        label=names(),
        **columns("teacher:{}", logits()),
        **columns("student:{}", softmax(logits())),
    ),
    csv(text=names(), label=labels(), **columns("p_{}", softmax(logits()), (0, 1, 2))),
    csv(
        id=np.arange(40) // 3,
        label=np.arange(40) // 3 % 3,
        **{"class": list("abc") * 13 + ["a"]},
        prob=np.arange(40) / 41,
    ),
    csv(label=labels() % 2, prob=softmax(logits())[:, 0]),
    csv(label=labels(), logits=[str(list(z)) for z in logits()]),
    csv(
        model=["a", "b"] * 20,
        id=np.arange(40) // 2,
        label=np.arange(40) // 2 % 3,
        **columns("{}", logits()),
    ),
]
JSON = [
    json.dumps([{"id": i, "label": 1, "logits": {"a": 0.5, "b": 1.5}} for i in range(4)]).encode(),
    b"".join(json.dumps({"label": c, "prob": [0.25, 0.75]}).encode() + b"\n" for c in (0, 1, 1)),
    json.dumps(
        {"logits": logits()[:5].tolist(), "labels": labels()[:5].tolist(), "classes": CLASSES}
    ).encode(),
]
ARRAYS = [
    npz(np.savez, logits=logits(), labels=labels(), class_names=np.array(CLASSES)),
    npz(
        np.savez_compressed,
        predict_proba=softmax(logits()),
        classes_=np.array(CLASSES),
        y=np.array(names()),
    ),
]


def test_mutated_tables(tmp_path):
    inside = from_file(tmp_path / "a.csv", read)
    for content in TABLES:
        inside(content)
    for mutate in (mutate_text, mutate_bytes):
        found = outcomes(inside, TABLES, mutate, count=COUNT // 10)
        assert found["sentence"] > COUNT // 50
        assert found["accepted"] > COUNT // 200


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_mutated_json(tmp_path, suffix):
    inside = from_file(tmp_path / f"a.{suffix}", read)
    seeds = [content for content in JSON if content.endswith(b"\n") == (suffix == "jsonl")]
    for content in seeds:
        inside(content)
    for mutate in (mutate_text, mutate_bytes):
        found = outcomes(inside, seeds, mutate, count=COUNT // 10)
        assert found["sentence"] > COUNT // 50


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
def test_mutated_arrays(tmp_path, mutate):
    inside = from_file(tmp_path / "a.npz", read)
    for content in ARRAYS:
        inside(content)
    found = outcomes(inside, ARRAYS, mutate, count=COUNT // 10)
    assert found["sentence"] > COUNT // 50


def test_mutated_samples(tmp_path):
    SampleFile({1: "ä b", 2: "c"}, {2: "/x.png"}).save(tmp_path / "s.npz")
    seeds = [(tmp_path / "s.npz").read_bytes()]
    for mutate in (mutate_bytes, mutate_zip):
        found = outcomes(
            from_file(tmp_path / "s.npz", SampleFile.load), seeds, mutate, count=COUNT // 10
        )
        assert found["sentence"] > COUNT // 50
