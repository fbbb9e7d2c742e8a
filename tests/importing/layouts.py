"""Files of predictions in the layouts that people save, made from one small set of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

N, CLASSES = 40, ("bird", "cat", "dog")
Maker = Callable[[Path], list[str]]
"""Writes files into a folder and returns their names."""


def logits(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, len(CLASSES))) * 3


def labels() -> np.ndarray:
    return np.random.default_rng(9).integers(0, len(CLASSES), N)


def names() -> list[str]:
    return [CLASSES[i] for i in labels()]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ids() -> list[str]:
    return [f"img{i:03d}" for i in range(N)]


def paths() -> list[str]:
    return [f"test/{name}/{i:03d}.jpg" for i, name in enumerate(names())]


def columns(
    pattern: str, z: np.ndarray, keys: tuple[object, ...] = CLASSES
) -> dict[str, np.ndarray]:
    return {pattern.format(key): z[:, i] for i, key in enumerate(keys)}


def _csv(folder: Path, name: str, table: dict[str, object], **options: object) -> list[str]:
    pd.DataFrame(table).to_csv(folder / name, **{"index": False, **options})
    return [name]


def _npz(folder: Path, name: str, **arrays: object) -> list[str]:
    np.savez(folder / name, **arrays)
    return [name]


def two_methods(folder: Path) -> list[str]:
    """A table of a teacher, three seeds of KD, and one of CE."""
    table: dict[str, object] = {"id": ids(), "label": names()}
    for k, model in enumerate(("teacher", "kd-s0", "kd-s1", "kd-s2", "CE (seed 0)")):
        table |= columns(model + ":{}", logits(k))
    return _csv(folder, "seeds.csv", table)


def class_columns(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", {**columns("{}", logits()), "label": names()})


def numbered_columns(folder: Path) -> list[str]:
    return _csv(
        folder,
        "net.csv",
        {"id": ids(), **columns("logit_{}", logits(), (0, 1, 2)), "label": labels()},
    )


def probability_columns(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", {"label": names(), **columns("prob:{}", softmax(logits()))})


def percent_columns(folder: Path) -> list[str]:
    return _csv(
        folder, "net.csv", {"label": names(), **columns("{}", (100 * softmax(logits())).round(2))}
    )


def two_models_csv(folder: Path) -> list[str]:
    both = {**columns("teacher_{}", logits()), **columns("student_{}", logits(1))}
    return _csv(folder, "models.csv", {"id": ids(), "label": names(), **both})


def two_models_suffix(folder: Path) -> list[str]:
    both = {**columns("{}:big", logits()), **columns("{}:small", logits(1))}
    return _csv(folder, "models.csv", {"label": names(), **both})


def long_table(folder: Path) -> list[str]:
    parts = [
        pd.DataFrame(
            {"model": name, "id": ids(), "label": names(), **columns("p_{}", softmax(logits(seed)))}
        )
        for seed, name in enumerate(("teacher", "student"))
    ]
    pd.concat(parts).to_csv(folder / "long.csv", index=False)
    return ["long.csv"]


def semicolons(folder: Path) -> list[str]:
    table = {"label": names(), **columns("{}", logits().round(3))}
    return _csv(folder, "net.csv", table, sep=";", decimal=",")


def with_index(folder: Path) -> list[str]:
    return _csv(
        folder, "net.csv", {"y_true": labels(), **columns("{}", logits(), (0, 1, 2))}, index=True
    )


def tabs(folder: Path) -> list[str]:
    table = {
        "text": [f"sentence {i}" for i in range(N)],
        "label": names(),
        **columns("{}", logits()),
    }
    return _csv(folder, "net.tsv", table, sep="\t")


def savetxt(folder: Path) -> list[str]:
    np.savetxt(folder / "net.csv", logits(), delimiter=",")
    np.save(folder / "labels.npy", labels())
    return ["net.csv", "labels.npy"]


def parquet_list(folder: Path) -> list[str]:
    pd.DataFrame({"id": range(N), "label": labels(), "logits": list(logits())}).to_parquet(
        folder / "net.parquet"
    )
    return ["net.parquet"]


def parquet_index(folder: Path) -> list[str]:
    """Rows as `train_test_split` leaves them: the index of pandas tells the samples apart."""
    for seed, order in ((0, np.arange(N)), (1, np.random.default_rng(0).permutation(N))):
        table = pd.DataFrame({"label": labels(), **columns("{}", logits(seed), (0, 1, 2))})
        table.set_axis(np.arange(N)).iloc[order].to_parquet(folder / f"net{seed}.parquet")
    return ["net0.parquet", "net1.parquet"]


def hugging_face(folder: Path) -> list[str]:
    """As `datasets` writes them: a ClassLabel's names stand in the schema's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}
    table = pa.table({"text": ["a b"] * N, "label": labels(), "logits": list(logits())})
    table = table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(table, folder / "net.parquet")
    return ["net.parquet"]


def feather_two(folder: Path) -> list[str]:
    table = {"label": names(), **columns("teacher.{}", logits()), **columns("kd.{}", logits(1))}
    pd.DataFrame(table).to_feather(folder / "models.feather")
    return ["models.feather"]


def npz_plain(folder: Path) -> list[str]:
    return _npz(folder, "net.npz", logits=logits().astype("f4"), labels=labels())


def npz_named(folder: Path) -> list[str]:
    features = np.ones((N, 5))
    return _npz(
        folder,
        "net.npz",
        logits=logits(),
        labels=labels(),
        class_names=np.array(CLASSES),
        features=features,
    )


def npz_two(folder: Path) -> list[str]:
    return _npz(folder, "both.npz", teacher_logits=logits(), student_logits=logits(1), y=labels())


def sklearn(folder: Path) -> list[str]:
    return _npz(
        folder,
        "forest.npz",
        predict_proba=softmax(logits()),
        classes_=np.array(CLASSES),
        y_true=np.array(names()),
    )


def torchmetrics(folder: Path) -> list[str]:
    """The states of a metric that keeps its inputs, such as MulticlassAUROC(thresholds=None)."""
    return _npz(folder, "net.npz", preds=softmax(logits()).astype("f4"), target=labels())


def npy_pair(folder: Path) -> list[str]:
    np.save(folder / "logits.npy", logits())
    np.save(folder / "labels.npy", labels())
    return ["logits.npy", "labels.npy"]


def timm_all(folder: Path) -> list[str]:
    """timm's inference.py --topk 0 --results-separate-col --fullname, and labels beside it."""
    _csv(
        folder,
        "resnet.csv",
        {"filename": paths(), **columns("prob_{}", softmax(logits()), (0, 1, 2))},
    )
    return ["resnet.csv", *_csv(folder, "truth.csv", {"filename": paths(), "label": labels()})]


def timm_ranked(folder: Path) -> list[str]:
    """timm's inference.py --topk 3 --include-index --results-separate-col, of three classes."""
    p = softmax(logits())
    order = np.argsort(-p, axis=1)
    table = {"filename": [f"{i}.jpg" for i in range(N)]}
    table |= columns("index_{}", order, (0, 1, 2))
    table |= columns("prob_{}", np.take_along_axis(p, order, axis=1), (0, 1, 2))
    return _csv(folder, "resnet.csv", table)


def two_files_by_id(folder: Path) -> list[str]:
    _csv(folder, "teacher.csv", {"id": ids(), "label": names(), **columns("{}", logits())})
    table = pd.DataFrame({"id": ids(), **columns("{}", logits(1))}).sample(frac=1, random_state=0)[
        :30
    ]
    table[["id", "dog", "cat", "bird"]].to_csv(folder / "student.csv", index=False)
    return ["teacher.csv", "student.csv"]


def two_files_by_path(folder: Path) -> list[str]:
    _csv(
        folder,
        "teacher.csv",
        {"path": [f"/data/{p}" for p in paths()], "label": names(), **columns("{}", logits())},
    )
    _csv(
        folder,
        "student.csv",
        {"path": [f"/mnt/x/{p}" for p in paths()], **columns("{}", logits(1))},
    )
    return ["teacher.csv", "student.csv"]


def two_files_by_order(folder: Path) -> list[str]:
    _npz(folder, "teacher.npz", logits=logits(), labels=labels(), class_names=np.array(CLASSES))
    _npz(folder, "student.npz", probs=softmax(logits(1)), labels=labels())
    return ["teacher.npz", "student.npz"]


def sentences() -> list[str]:
    return [f"a sentence of  {name} number {i}" for i, name in enumerate(names())]


def two_files_by_text(folder: Path) -> list[str]:
    _csv(folder, "teacher.csv", {"text": sentences(), "label": names(), **columns("{}", logits())})
    table = pd.DataFrame({"text": sentences(), **columns("{}", logits(1))})
    table.sample(frac=1, random_state=0).to_csv(folder / "student.csv", index=False)
    return ["teacher.csv", "student.csv"]


def names_in_txt(folder: Path) -> list[str]:
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    return [*npz_plain(folder), "classes.txt"]


def percent_signs(folder: Path) -> list[str]:
    shares = {
        name: [f"{value:.2f}%" for value in p * 100]
        for name, p in columns("{}", softmax(logits())).items()
    }
    return _csv(folder, "net.csv", {**shares, "label": names()})


def tidy(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", _tidy_rows({"probability": softmax(logits())}))


def tidy_models(folder: Path) -> list[str]:
    parts = [
        pd.DataFrame({"model": name, **_tidy_rows({"logit": logits(seed)})})
        for seed, name in enumerate(("teacher", "student"))
    ]
    pd.concat(parts).sort_values("id", kind="stable").to_csv(folder / "long.csv", index=False)
    return ["long.csv"]


def _tidy_rows(scores: dict[str, np.ndarray]) -> dict[str, object]:
    """A row for each sample and class."""
    name, values = next(iter(scores.items()))
    each = len(CLASSES)
    return {
        "id": np.repeat(ids(), each),
        "label": np.repeat(names(), each),
        "class": list(CLASSES) * N,
        name: values.ravel(),
    }


def split_column(folder: Path) -> list[str]:
    """40 rows of test, 40 of validation with other scores, and two of train."""
    parts = [
        pd.DataFrame(
            {
                "id": [f"{split}-{i}" for i in ids()],
                "split": split,
                "label": names(),
                **columns("{}", z),
            }
        )
        for split, z in (("val", logits(2)), ("test", logits()), ("train", logits(3)))
    ]
    parts[2] = parts[2][:2]
    pd.concat(parts).to_csv(folder / "net.csv", index=False)
    return ["net.csv"]


def records() -> list[dict[str, object]]:
    return [
        {"id": i, "text": f"text {i}", "label": name, "logits": dict(zip(CLASSES, z, strict=True))}
        for i, name, z in zip(ids(), names(), logits().tolist(), strict=True)
    ]


def json_records(folder: Path) -> list[str]:
    (folder / "net.json").write_text(json.dumps(records()))
    return ["net.json"]


def json_lines(folder: Path) -> list[str]:
    lines = [
        {"id": i, "label": int(c), "logits": list(z)}
        for i, c, z in zip(ids(), labels(), logits(), strict=True)
    ]
    (folder / "net.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ["net.jsonl"]


def json_pipeline(folder: Path) -> list[str]:
    """What Hugging Face's text classification pipeline gives with `top_k=None`, beside texts and
    labels."""
    lines = [
        {
            "text": f"text {i}",
            "label": name,
            "prediction": [{"label": CLASSES[c], "score": float(p[c])} for c in np.argsort(-p)],
        }
        for i, (name, p) in enumerate(zip(names(), softmax(logits()), strict=True))
    ]
    (folder / "bert.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return ["bert.jsonl"]


def json_columns(folder: Path) -> list[str]:
    table = {"logits": logits().tolist(), "labels": labels().tolist(), "classes": CLASSES}
    (folder / "net.json").write_text(json.dumps(table))
    return ["net.json"]


def shares(seed: int = 0) -> np.ndarray:
    """Probabilities of the second of two classes, [N]."""
    return 1 / (1 + np.exp(-logits(seed)[:, 0]))


def truths() -> np.ndarray:
    return (labels() > 0).astype(int)


def binary_share(folder: Path) -> list[str]:
    return _csv(folder, "net.csv", {"id": ids(), "label": truths(), "prob": shares()})


def binary_named(folder: Path) -> list[str]:
    said = np.array(["ham", "spam"])[truths()]
    return _csv(
        folder,
        "net.csv",
        {"text": [f"text {i}" for i in range(N)], "label": said, "p_spam": shares()},
    )


def binary_models(folder: Path) -> list[str]:
    table = {"y_true": truths(), "teacher_prob": shares(), "student_prob": shares(1)}
    return _csv(folder, "models.csv", table)


def binary_decision(folder: Path) -> list[str]:
    return _npz(folder, "svm.npz", decision_function=logits()[:, 0], y=truths())


def binary_npy(folder: Path) -> list[str]:
    np.save(folder / "probability_of_class_1.npy", shares())
    np.save(folder / "labels.npy", truths())
    return ["probability_of_class_1.npy", "labels.npy"]


BINARY: dict[str, Maker] = {
    "csv, `prob` and labels 0 or 1: two classes": binary_share,
    "csv, `p_spam` and labels ham or spam": binary_named,
    "csv, `teacher_prob`, `student_prob` and labels 0 or 1": binary_models,
    "npz, scikit-learn's `decision_function` of two classes": binary_decision,
    "npy of one probability for each sample, and labels": binary_npy,
}
"""One score for each sample, of the second of two classes."""

LAYOUTS: dict[str, Maker] = {
    "csv, a column for each class": class_columns,
    "csv, `logit_0`, `logit_1`, ... with ids": numbered_columns,
    "csv, `prob:cat`, probabilities": probability_columns,
    "csv, percentages": percent_columns,
    "csv, cells such as `63.50%`": percent_signs,
    "csv, `teacher_cat`, `student_cat`: two models": two_models_csv,
    "csv, `cat:big`, `cat:small`: two models": two_models_suffix,
    "csv, a `model` column and a row for each model": long_table,
    "csv, `id,class,probability`: a row for each sample and class": tidy,
    "csv, `model,id,class,logit`: two models": tidy_models,
    "csv, a `split` column": split_column,
    "csv, semicolons and decimal commas": semicolons,
    "csv, pandas with its index": with_index,
    "csv of `numpy.savetxt` and `labels.npy`": savetxt,
    "tsv with a text column": tabs,
    "parquet, a column of lists": parquet_list,
    "two parquet files, pandas with its index": parquet_index,
    "parquet of Hugging Face `datasets`": hugging_face,
    "feather, `teacher.cat`, `kd.cat`: two models": feather_two,
    "jsonl, a record in each line": json_lines,
    "jsonl of Hugging Face pipelines, `top_k=None`": json_pipeline,
    "json, a list of records": json_records,
    "json, an object of lists": json_columns,
    "npz, `logits` and `labels`": npz_plain,
    "npz, class names and features": npz_named,
    "npz, `teacher_logits`, `student_logits`": npz_two,
    "npz, scikit-learn's `predict_proba` and `classes_`": sklearn,
    "npz, torchmetrics' `preds` and `target`": torchmetrics,
    "npy of scores and npy of labels": npy_pair,
    "timm, `--topk 0 --results-separate-col`, and labels": timm_all,
    "timm, ranked with `--include-index`": timm_ranked,
    "two csv files with ids": two_files_by_id,
    "two csv files with paths": two_files_by_path,
    "two csv files with texts in another order": two_files_by_text,
    "two npz files without ids": two_files_by_order,
    "npz and `classes.txt`": names_in_txt,
}
