"""Files of predictions that are refused, made for the table of refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from layouts import (
    CLASSES,
    Maker,
    N,
    _csv,
    _npz,
    _tidy_rows,
    columns,
    ids,
    labels,
    logits,
    names,
    softmax,
)


def word_in_scores(folder: Path) -> list[str]:
    table: dict[str, list[object]] = {key: list(z) for key, z in columns("{}", logits()).items()}
    table["cat"][6] = "n/a"
    return _csv(folder, "net.csv", {**table, "label": names()})


def empty_cell(folder: Path) -> list[str]:
    z = logits()
    z[2, 1] = np.nan
    return _csv(folder, "net.csv", {**columns("{}", z), "label": names()})


def several_words(folder: Path) -> list[str]:
    table: dict[str, list[object]] = {key: list(z) for key, z in columns("{}", logits()).items()}
    for row, (column, word) in {
        6: ("cat", "n/a"),
        8: ("dog", "-"),
        9: ("bird", None),
        20: ("cat", "x"),
    }.items():
        table[column][row] = word
    return _csv(folder, "net.csv", {**table, "label": names()})


def several_labels(folder: Path) -> list[str]:
    return _csv(
        folder,
        "net.csv",
        {"label": [*names()[:-2], "fish", "frog"], **columns("logit_{}", logits())},
    )


def several_sums(folder: Path) -> list[str]:
    p = softmax(logits())
    p[[7, 9]] = (0.2, 0.1, 0.1)
    return _csv(folder, "net.csv", {**columns("prob:{}", p), "label": names()})


def several_torn_lines(folder: Path) -> list[str]:
    (folder / "net.csv").write_text("label,cat,dog\n0,1,2\n1,2,3,4\n1,2\n0,1,2\n1\n1,2\n")
    return ["net.csv"]


def bad_sum(folder: Path) -> list[str]:
    p = softmax(logits())
    p[7] = (0.2, 0.1, 0.1)
    return _csv(folder, "net.csv", {**columns("prob:{}", p), "label": names()})


def scaled_probabilities(folder: Path) -> list[str]:
    p = softmax(logits()) * np.linspace(0.7, 1.2, len(logits()))[:, None]
    return _csv(folder, "net.csv", {**columns("prob:{}", p), "label": names()})


def unknown_label(folder: Path) -> list[str]:
    return _csv(
        folder, "net.csv", {"label": [*names()[:-1], "fish"], **columns("logit_{}", logits())}
    )


def label_from_one(folder: Path) -> list[str]:
    return _npz(folder, "net.npz", logits=logits(), labels=labels() + 1)


def empty_label(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", {"label": [None, *names()[1:]], **columns("{}", logits())})


def same_id(folder: Path) -> list[str]:
    return _csv(
        folder,
        "net.csv",
        {"id": [*ids()[:-1], "img003"], "label": names(), **columns("{}", logits())},
    )


def order_unknown(folder: Path) -> list[str]:
    return _npz(folder, "net.npz", logits=logits(), labels=np.array(names()))


def names_count(folder: Path) -> list[str]:
    return _npz(
        folder, "net.npz", logits=logits(), labels=labels(), class_names=np.array(CLASSES[:2])
    )


def no_scores(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", {"id": ids(), "label": names(), "prediction": names()})


def best_only(folder: Path) -> list[str]:
    """timm's inference.py --topk 2 --include-index --results-separate-col."""
    p = softmax(logits())
    order = np.argsort(-p, axis=1)[:, :2]
    best = np.take_along_axis(p, order, axis=1)
    return _csv(
        folder,
        "net.csv",
        {**columns("index_{}", order, (0, 1)), **columns("prob_{}", best, (0, 1))},
    )


def other_counts(folder: Path) -> list[str]:
    np.save(folder / "teacher.npy", logits())
    np.save(folder / "student.npy", logits(1)[:30])
    return ["teacher.npy", "student.npy"]


def other_labels(folder: Path) -> list[str]:
    _npz(folder, "teacher.npz", logits=logits(), labels=labels())
    _npz(folder, "student.npz", logits=logits(1), labels=labels()[::-1])
    return ["teacher.npz", "student.npz"]


def other_texts(folder: Path) -> list[str]:
    for file, seed, shift in (("teacher.csv", 0, 0), ("student.csv", 1, 1)):
        texts = [f"text {(i + shift) % N // 2}" for i in range(N)]
        _csv(folder, file, {"text": texts, **columns("{}", logits(seed))})
    return ["teacher.csv", "student.csv"]


def other_paths(folder: Path) -> list[str]:
    for file, seed, first in (("teacher.csv", 0, 0), ("student.csv", 1, 100)):
        images = [f"{i + first}.jpg" for i in range(N)]
        _csv(folder, file, {"path": images, **columns("{}", logits(seed))})
    return ["teacher.csv", "student.csv"]


def soft_labels(folder: Path) -> list[str]:
    return _npz(folder, "net.npz", logits=logits(), labels=np.eye(3)[labels()] * 0.9 + 0.1 / 3)


def other_ids(folder: Path) -> list[str]:
    _csv(folder, "teacher.csv", {"id": ids(), **columns("{}", logits())})
    _csv(folder, "student.csv", {"id": [f"x{i}" for i in ids()], **columns("{}", logits(1))})
    return ["teacher.csv", "student.csv"]


def other_classes(folder: Path) -> list[str]:
    _csv(folder, "teacher.csv", {"id": ids(), **columns("{}", logits())})
    _csv(folder, "student.csv", {"id": ids(), **columns("{}", logits(1), ("ant", "cat", "dog"))})
    return ["teacher.csv", "student.csv"]


def misspelt_class(folder: Path) -> list[str]:
    student = columns("student:{}", logits(1), (*CLASSES[:2], "dogg"))
    table = {"label": names(), **columns("teacher:{}", logits()), **student}
    return _csv(folder, "models.csv", table)


def class_left_out(folder: Path) -> list[str]:
    student = columns("student:{}", logits(1), CLASSES[:2])
    table = {"label": names(), **columns("teacher:{}", logits()), **student}
    return _csv(folder, "models.csv", table)


def same_column(folder: Path) -> list[str]:
    (folder / "net.csv").write_text("label,cat,cat\n0,1,2\n")
    return ["net.csv"]


def torn_line(folder: Path) -> list[str]:
    (folder / "net.csv").write_text("label,cat,dog\n0,1,2\n1,2,3,4\n")
    return ["net.csv"]


def short_line(folder: Path) -> list[str]:
    (folder / "net.csv").write_text("label,cat,dog\n0,1,2\n1,2\n")
    return ["net.csv"]


def no_rows(folder: Path) -> list[str]:
    (folder / "net.csv").write_text("label,cat,dog\n")
    return ["net.csv"]


def latin1(folder: Path) -> list[str]:
    (folder / "net.csv").write_bytes("label,küche,dog\n0,1,2\n".encode("latin-1"))
    return ["net.csv"]


def pickled(folder: Path) -> list[str]:
    np.savez(folder / "net.npz", logits=np.array([[1.0, 2.0], None], dtype=object))
    return ["net.npz"]


def checkpoint(folder: Path) -> list[str]:
    (folder / "outputs.pt").write_bytes(b"PK")
    return ["outputs.pt"]


def one_column(folder: Path) -> list[str]:
    np.save(folder / "scores.npy", logits()[:, 0])
    return ["scores.npy"]


def labels_among_scores(folder: Path) -> list[str]:
    np.savetxt(folder / "net.csv", np.c_[softmax(logits()), labels()], delimiter=",")
    return ["net.csv"]


def uneven_lists(folder: Path) -> list[str]:
    rows = [list(z) for z in logits()]
    rows[4] = rows[4][:2]
    pd.DataFrame({"label": labels(), "logits": rows}).to_parquet(folder / "net.parquet")
    return ["net.parquet"]


def shortened(folder: Path) -> list[str]:
    lists = ["[0.1 0.2 ... 0.3]"] * len(names())
    return _csv(folder, "net.csv", {"label": names(), "logits": lists})


def cut_parquet(folder: Path) -> list[str]:
    pd.DataFrame({"label": labels(), **columns("{}", logits())}).to_parquet(folder / "net.parquet")
    content = (folder / "net.parquet").read_bytes()
    (folder / "net.parquet").write_bytes(content[: len(content) // 2])
    return ["net.parquet"]


def tidy_without_a_row(folder: Path) -> list[str]:
    table = pd.DataFrame(_tidy_rows({"probability": softmax(logits())}))
    return _csv(folder, "net.csv", table.drop(index=[4, 7]))


def tidy_with_a_word(folder: Path) -> list[str]:
    table = _tidy_rows({"probability": softmax(logits())})
    table["probability"] = [
        "much" if row == 5 else value for row, value in enumerate(table["probability"])
    ]
    return _csv(folder, "net.csv", table)


def json_number(folder: Path) -> list[str]:
    (folder / "net.json").write_text("[1, 2]")
    return ["net.json"]


def json_lines_torn(folder: Path) -> list[str]:
    (folder / "net.jsonl").write_text('{"label": 0, "logits": [1, 2]}\n{"label": 1, "logi')
    return ["net.jsonl"]


def json_nothing(folder: Path) -> list[str]:
    rows = [{"label": 0, "logits": [1, 2]}, {"label": 1, "logits": [None, 2]}, {"label": 1}]
    (folder / "net.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return ["net.jsonl"]


def unknown_split(folder: Path) -> list[str]:
    table = {"split": [*["test"] * 38, "", "night"], **columns("{}", logits()), "label": names()}
    return _csv(folder, "net.csv", table)


def other_models_on_validation(folder: Path) -> list[str]:
    parts = [
        pd.DataFrame({"model": model, "split": split, "label": names(), **columns("{}", logits())})
        for model, split in (("a", "test"), ("b", "val"))
    ]
    pd.concat(parts).to_csv(folder / "long.csv", index=False)
    return ["long.csv"]


def results(folder: Path) -> list[str]:
    table = {"model": ["resnet8", "resnet14"], "top1": [58.9, 62.9], "top5": [81.0, 84.5]}
    return _csv(folder, "net.csv", table)


def empty_file(folder: Path) -> list[str]:
    (folder / "net.csv").touch()
    return ["net.csv"]


def git_lfs_pointer(folder: Path) -> list[str]:
    (folder / "net.npy").write_text("version https://git-lfs.github.com/spec/v1\nsize 7\n")
    return ["net.npy"]


REFUSALS: dict[str, Maker] = {
    "a word among the scores": word_in_scores,
    "several cells that are no numbers": several_words,
    "an empty cell": empty_cell,
    "a row of probabilities that does not sum to 1": bad_sum,
    "no row of probabilities sums to 1": scaled_probabilities,
    "two rows of probabilities that do not sum to 1": several_sums,
    "a label that is no class": unknown_label,
    "two labels that are no class": several_labels,
    "labels that count from 1": label_from_one,
    "probabilities as labels": soft_labels,
    "a row without a label": empty_label,
    "the same id twice": same_id,
    "labels are names, scores have no names": order_unknown,
    "too few class names": names_count,
    "no scores, only predicted classes": no_scores,
    "timm with the best two classes only": best_only,
    "two files, no ids, other counts": other_counts,
    "two files, no ids, other labels": other_labels,
    "two files, no ids, other texts, which repeat": other_texts,
    "two files, no ids, other paths": other_paths,
    "two files without a common id": other_ids,
    "two files with other classes": other_classes,
    "two models, the second without a column for a class": class_left_out,
    "two models, a class misspelt in the second": misspelt_class,
    "two columns of one name": same_column,
    "a line with too many cells": torn_line,
    "a line with too few cells": short_line,
    "four lines with too few or too many cells": several_torn_lines,
    "no rows": no_rows,
    "csv that is not UTF-8": latin1,
    "an npz with pickled objects": pickled,
    "a torch file": checkpoint,
    "one score for each sample": one_column,
    "labels behind the scores, without column names": labels_among_scores,
    "a sample without a row for a class": tidy_without_a_row,
    "a word among probabilities, a row for each class": tidy_with_a_word,
    "a split that is none": unknown_split,
    "other models on validation than on test": other_models_on_validation,
    "json without records": json_number,
    "a jsonl file that was cut short": json_lines_torn,
    "jsonl with a missing list": json_nothing,
    "lists of different lengths": uneven_lists,
    "lists that numpy shortened": shortened,
    "a table of accuracies, a row for each model": results,
    "an empty file": empty_file,
    "a pointer of Git LFS": git_lfs_pointer,
    "half a parquet file": cut_parquet,
}
