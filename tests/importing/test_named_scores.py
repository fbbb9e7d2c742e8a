"""Scores that are sorted by value, with or without the name of each class beside them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse, read_file
from bickd_core.runs.predictions import PredictionsError

N, CLASSES = 100, ("cat", "dog", "eel", "fox")
NEWS = ("World", "Sports", "Business", "Sci/Tech")


def truth() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 4, N)


def shares() -> np.ndarray:
    """Probabilities [N, 4] that are right in 96 of 100 rows."""
    rng = np.random.default_rng(5)
    shown = truth()
    shown[:4] = (shown[:4] + 1) % 4
    scores = rng.random((N, 4)) + 3 * np.eye(4)[shown]
    return scores / scores.sum(axis=1, keepdims=True)


def ranked(classes: tuple[str, ...] = CLASSES) -> tuple[list[list[str]], np.ndarray]:
    """Names and scores of each row, the largest first."""
    order = np.argsort(-shares(), axis=1)
    return np.array(classes)[order].tolist(), np.take_along_axis(shares(), order, axis=1)


def read(folder: Path, *files: str, classes: tuple[str, ...] = ()) -> Imported:
    return match([(file, part) for file in files for part in parse(folder / file)[2]], classes)


def check(imported: Imported, classes: tuple[str, ...] = CLASSES) -> None:
    predictions = imported.models[0].predictions
    assert predictions.class_names == classes
    assert predictions.labels is not None
    assert (predictions.predicted == predictions.labels).mean() == 0.96


def zero_shot(folder: Path) -> str:
    names, scores = ranked()
    records = [
        {"sequence": f"text {i}", "labels": row, "scores": values, "label": CLASSES[label]}
        for i, (row, values, label) in enumerate(zip(names, scores.tolist(), truth(), strict=True))
    ]
    (folder / "zs.json").write_text(json.dumps(records))
    return "zs.json"


def timm_lists(folder: Path, file: str) -> str:
    names, scores = ranked()
    true = [CLASSES[label] for label in truth()]
    table = pd.DataFrame({"label": names, "prob": list(scores), "true": true})
    if file.endswith(".parquet"):
        table.to_parquet(folder / file)
    elif file.endswith(".csv"):
        table.assign(prob=scores.tolist()).to_csv(folder / file, index=False)
    else:
        table.assign(prob=scores.tolist()).to_json(folder / file, orient="records")
    return file


def timm_columns(folder: Path) -> str:
    names, scores = np.array(ranked()[0]), ranked()[1]
    columns = {f"label_{i}": names[:, i] for i in range(4)}
    columns |= {f"prob_{i}": scores[:, i] for i in range(4)}
    columns["true"] = [CLASSES[label] for label in truth()]
    pd.DataFrame(columns).to_csv(folder / "net.csv", index=False)
    return "net.csv"


@pytest.mark.parametrize(
    "write",
    [
        zero_shot,
        lambda folder: timm_lists(folder, "net.json"),
        lambda folder: timm_lists(folder, "net.csv"),
        lambda folder: timm_lists(folder, "net.parquet"),
        timm_columns,
    ],
)
def test_names_beside_sorted_scores_are_their_classes(write, tmp_path):
    check(read(tmp_path, write(tmp_path)))


def test_names_of_the_best_classes_alone_are_refused(tmp_path):
    names, scores = ranked()
    records = [
        {"labels": row[:2], "scores": values[:2]}
        for row, values in zip(names, scores.tolist(), strict=True)
    ]
    (tmp_path / "zs.json").write_text(json.dumps(records))
    with pytest.raises(PredictionsError, match="all 4 classes in 'labels', got only 2 of them"):
        read(tmp_path, "zs.json")


def test_sorted_scores_without_names_are_refused(tmp_path):
    np.savez(tmp_path / "net.npz", probs=ranked()[1], labels=truth())
    with pytest.raises(PredictionsError, match="fall from left to right in all 100 rows"):
        read(tmp_path, "net.npz")


def pipeline(folder: Path, *, by_score: bool = True) -> None:
    names, scores = ranked(NEWS) if by_score else ([NEWS] * N, shares())
    records = [
        {
            "label": int(label),
            "prediction": [{"label": n, "score": s} for n, s in zip(row, values, strict=True)],
        }
        for row, values, label in zip(names, scores.tolist(), truth(), strict=True)
    ]
    (folder / "bert.json").write_text(json.dumps(records))


def tidy(folder: Path, *, by_score: bool = True) -> None:
    names, scores = ranked(NEWS) if by_score else ([NEWS] * N, shares())
    each = {"id": np.repeat(np.arange(N), 4), "label": np.repeat(truth(), 4)}
    table = pd.DataFrame({**each, "class": np.ravel(names), "prob": scores.ravel()})
    table.to_csv(folder / "bert.csv", index=False)


@pytest.mark.parametrize(("write", "file"), [(pipeline, "bert.json"), (tidy, "bert.csv")])
def test_numbers_need_the_order_of_the_classes(write, file, tmp_path):
    write(tmp_path)
    with pytest.raises(PredictionsError, match=r"labels are numbers .* in no known order"):
        read(tmp_path, file)
    check(read(tmp_path, file, classes=NEWS), NEWS)
    config = {"id2label": {str(i): name for i, name in enumerate(NEWS)}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    check(read(tmp_path, file, "config.json"), NEWS)
    write(tmp_path, by_score=False)
    check(read(tmp_path, file), NEWS)


def test_an_alphabetical_order_names_no_other_columns(tmp_path):
    tidy(tmp_path)
    table = pd.read_csv(tmp_path / "bert.csv").drop(columns="label")
    table.to_csv(tmp_path / "bert.csv", index=False)
    labels = [NEWS[label] for label in truth()]
    np.savez(tmp_path / "kd.npz", logits=np.log(shares()), id=np.arange(N), labels=labels)
    with pytest.raises(PredictionsError, match="order is not known"):
        read(tmp_path, "bert.csv", "kd.npz")


def test_the_limited_process_tells_that_an_order_is_not_known(tmp_path):
    pipeline(tmp_path)
    assert not read_file(tmp_path / "bert.json").parts[0].order_known


@pytest.mark.parametrize("as_objects", [True, False], ids=["pipeline", "struct"])
def test_parquet_of_objects_is_read_by_class_name(tmp_path, as_objects):
    """A pipeline's list of labels and scores, the largest first, or an object of scores."""
    names, scores = ranked()
    each = [
        dict(zip(row, values, strict=True))
        for row, values in zip(names, scores.tolist(), strict=True)
    ]
    listed = [[{"label": name, "score": score} for name, score in row.items()] for row in each]
    in_order = [{name: row[name] for name in CLASSES} for row in each]
    table = {
        "text": [f"text {i}" for i in range(N)],
        "prediction": listed if as_objects else in_order,
        "label": [CLASSES[label] for label in truth()],
        "image": [{"bytes": b"", "path": "a.png"}] * N,
        "others": [[{"name": "cat", "p": 0.5}]] * N,
    }
    pd.DataFrame(table).to_parquet(tmp_path / "bert.parquet")
    found = read(tmp_path, "bert.parquet")
    check(found)
    notes = " ".join(found.notes)
    assert "Column 'image' is not used: it holds struct<" in notes
    assert "Column 'others' is not used: it holds list<" in notes


def test_parquet_of_objects_may_have_whole_numbers_for_a_class(tmp_path):
    scores = np.full((N, 2), -2.0)
    scores[np.arange(N), truth() % 2] = 4.0
    each = [{"cat": float(a), "dog": int(b)} for a, b in scores]
    table = {"prediction": each, "label": [("cat", "dog")[c % 2] for c in truth()]}
    pd.DataFrame(table).to_parquet(tmp_path / "net.parquet")
    assert read(tmp_path, "net.parquet").models[0].predictions.class_names == ("cat", "dog")
