"""Files of predictions, labels and class names as other programs write them."""

import json
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from layouts import CLASSES, N, columns, ids, labels, logits, names, paths, softmax

from bickd_core.importing.layout import Hints
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse
from bickd_core.runs.predictions import PredictionsError


def read(folder: Path, *files: str) -> Imported:
    return match([(file, part) for file in files for part in parse(folder / file)[2]])


def check(imported: Imported, *, classes: tuple[str, ...] = CLASSES) -> None:
    """The first model has the scores and labels of `layouts`."""
    first = imported.models[0].predictions
    assert first.class_names == classes
    assert np.abs(first.probabilities() - softmax(logits())).max() < 1e-3
    assert first.labels is not None
    assert (first.labels == labels()).all()


NUMBERED = ("0", "1", "2")


def save(folder: Path, file: str, **options: object) -> None:
    np.savetxt(folder / file, logits(), **options)
    np.save(folder / "labels.npy", labels())


# -- text of numpy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["net.txt", "net.csv"])
def test_savetxt_with_blanks(file, tmp_path):
    save(tmp_path, file)
    check(read(tmp_path, file, "labels.npy"), classes=NUMBERED)


def test_savetxt_with_a_header(tmp_path):
    save(tmp_path, "net.csv", delimiter=",", header=",".join(CLASSES))
    check(read(tmp_path, "net.csv", "labels.npy"))


def test_comments_before_the_header(tmp_path):
    table = pd.DataFrame({**columns("{}", logits()), "label": names()}).to_csv(index=False)
    (tmp_path / "net.csv").write_text("# epoch 90\n# seed 1\n" + table)
    check(read(tmp_path, "net.csv"))


def test_a_wrong_cell_below_comments_has_its_line(tmp_path):
    (tmp_path / "net.csv").write_text("# epoch 90\ncat,dog\n1.5,2\n0.5,x\n0.5,2\n2.5,1\n")
    with pytest.raises(PredictionsError, match=r"row 2 \(line 4\), column 'dog': .*'x'"):
        read(tmp_path, "net.csv")
    (tmp_path / "net.csv").write_text("# epoch 90\ncat,dog\n1.5,2\n0.5\n")
    with pytest.raises(PredictionsError, match="line 4: expected 2 cells, got 1"):
        read(tmp_path, "net.csv")


def test_a_table_in_a_txt_file(tmp_path):
    table = pd.DataFrame({**columns("{}", logits()), "label": names()})
    table.to_csv(tmp_path / "net.txt", sep="\t", index=False)
    check(read(tmp_path, "net.txt"))


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [labels(), names()], ids=["numbers", "names"])
def test_a_label_in_each_line(values, tmp_path):
    pd.DataFrame(columns("{}", logits())).to_csv(tmp_path / "net.csv", index=False)
    (tmp_path / "y.txt").write_text("\n".join(map(str, values)))
    check(read(tmp_path, "net.csv", "y.txt"))


def test_a_list_of_images_and_classes(tmp_path):
    order = np.random.default_rng(1).permutation(N)
    table = pd.DataFrame({"path": paths(), **columns("{}", logits())})
    table.to_csv(tmp_path / "net.csv", index=False)
    lines = [f"{Path(paths()[i]).name} {labels()[i]}" for i in order]
    (tmp_path / "val.txt").write_text("\n".join(lines))
    check(read(tmp_path, "net.csv", "val.txt"))


def test_one_hot_columns_are_labels(tmp_path):
    order = np.random.default_rng(1).permutation(N)
    pd.DataFrame({"image": ids(), **columns("{}", logits())}).to_csv(
        tmp_path / "net.csv", index=False
    )
    truth = pd.DataFrame({"image": ids(), **columns("{}", np.eye(3)[labels()])})
    truth.iloc[order].to_csv(tmp_path / "GroundTruth.csv", index=False)
    imported = read(tmp_path, "net.csv", "GroundTruth.csv")
    assert [model.name for model in imported.models] == ["net"]
    check(imported)


def test_one_hot_array_is_labels(tmp_path):
    save(tmp_path, "net.csv")
    np.save(tmp_path / "y_test.npy", np.eye(3)[labels()])
    check(read(tmp_path, "net.csv", "y_test.npy"), classes=NUMBERED)


def test_one_hot_predictions_stay_a_model_with_a_note(tmp_path):
    np.save(tmp_path / "forest.npy", np.eye(3)[labels()])
    imported = read(tmp_path, "forest.npy")
    assert imported.models[0].predictions.labels is None
    assert "If these are the true classes and not predictions" in imported.notes[1]


def test_one_hot_columns_beside_the_scores_are_labels(tmp_path):
    table = {**columns("logit_{}", logits()), **columns("true_{}", np.eye(3, dtype=int)[labels()])}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    imported = read(tmp_path, "net.csv")
    assert [model.name for model in imported.models] == ["net"]
    check(imported)


def test_probabilities_are_no_labels(tmp_path):
    soft = np.eye(3)[labels()] * 0.9 + 0.1 / 3
    table = {**columns("net_{}", logits()), **columns("true_label_{}", soft)}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(PredictionsError, match="expected true classes as numbers or one-hot, got"):
        read(tmp_path, "net.csv")
    np.savez(tmp_path / "two.npz", logits=logits(), targets=soft)
    _, layout, _ = parse(tmp_path / "two.npz", hints=Hints(label=""))
    assert len(layout.models) == 2
    late = np.eye(3)[np.arange(400) % 3]
    late[300:] = soft.mean(axis=0)
    np.savez(tmp_path / "late.npz", logits=np.tile(logits(), (10, 1)), labels=late)
    with pytest.raises(PredictionsError, match="'labels': expected one class for each sample"):
        read(tmp_path, "late.npz")


@pytest.mark.parametrize("label", [names(), labels()], ids=["names", "numbers"])
def test_columns_with_one_value_are_no_classes(label, tmp_path):
    table = {**columns("{}", logits()), "width": 32, "height": 32, "label": label}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    check(read(tmp_path, "net.csv"))


def test_a_class_that_is_never_predicted_stays(tmp_path):
    shares = np.column_stack([softmax(logits()), np.zeros(N)])
    pd.DataFrame(columns("{}", shares, (*CLASSES, "eel"))).to_csv(tmp_path / "n.csv", index=False)
    assert read(tmp_path, "n.csv").models[0].predictions.class_names == (*CLASSES, "eel")


def test_inputs_in_an_npz_are_no_scores(tmp_path):
    arrays = {"X_test": np.ones((N, 8)), "images": np.ones((N, 3, 4, 4)), "y_test": labels()}
    np.savez(tmp_path / "net.npz", **arrays, proba=softmax(logits()))
    imported = read(tmp_path, "net.npz")
    assert [model.name for model in imported.models] == ["net"]
    check(imported, classes=NUMBERED)
    assert "`images` is not used: it has inputs and no scores." in " ".join(imported.notes)


def test_labels_of_hugging_face_trainer(tmp_path):
    np.savez(tmp_path / "net.npz", predictions=logits(), label_ids=labels())
    check(read(tmp_path, "net.npz"), classes=NUMBERED)


class _Runs:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_objects_that_are_not_needed_are_left_out_and_never_unpickled(tmp_path):
    metrics = np.array({"test_loss": 0.4, "bad": _Runs(tmp_path / "ran")}, dtype=object)
    np.savez(tmp_path / "net.npz", predictions=logits(), label_ids=labels(), metrics=metrics)
    imported = read(tmp_path, "net.npz")
    check(imported, classes=NUMBERED)
    assert not (tmp_path / "ran").exists()
    assert imported.notes == (
        "net.npz: `metrics` is not used: it holds Python objects, which are never unpickled.",
    )
    table, _, _ = parse(tmp_path / "net.npz", hints=Hints(ignore=("metrics",)))
    assert not table.notes


@pytest.mark.parametrize("name", ["texts", "ids", "label", "test_scores"])
def test_objects_that_are_needed_are_refused(name, tmp_path):
    objects = np.array([f"a text {i}" for i in range(N)], dtype=object)
    np.savez(tmp_path / "net.npz", logits=logits(), labels=labels(), **{name: objects})
    with pytest.raises(PredictionsError, match=f"`{name}` must be real numbers or text"):
        read(tmp_path, "net.npz")
    parse(tmp_path / "net.npz", hints=Hints(ignore=(name,)))


def test_a_file_of_objects_alone_names_them(tmp_path):
    np.savez(tmp_path / "net.npz", history=np.array([{}, {}], dtype=object))
    with pytest.raises(PredictionsError, match="got `history` of Python objects"):
        read(tmp_path, "net.npz")


def test_labels_may_name_the_numbered_columns(tmp_path):
    scores = columns("Class_{}", logits(), (1, 2, 3))
    pd.DataFrame({"id": range(N), **scores}).to_csv(tmp_path / "net.csv", index=False)
    truth = [f"Class_{i + 1}" for i in labels()]
    pd.DataFrame({"id": range(N), "target": truth}).to_csv(tmp_path / "y.csv", index=False)
    check(read(tmp_path, "net.csv", "y.csv"), classes=("1", "2", "3"))


def test_a_negative_label_is_no_class(tmp_path):
    np.savez(tmp_path / "net.npz", logits=logits(), labels=np.where(labels() == 2, -1, labels()))
    with pytest.raises(PredictionsError, match="expected a number from 0 to 2.*got -1"):
        read(tmp_path, "net.npz")


def test_predicted_classes_beside_the_scores_are_no_class(tmp_path):
    table = {
        "true_class_index": labels(),
        "pred_class_index": labels(),
        "pred_confidence": 0.5,
        **columns("{}", logits()),
    }
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    check(read(tmp_path, "net.csv"))


# -- class names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        list(CLASSES),
        dict(enumerate(CLASSES)),
        {str(i): [f"n0{i}", name] for i, name in enumerate(CLASSES)},
        {name: i for i, name in enumerate(CLASSES)},
        {"architectures": ["ViT"], "id2label": dict(enumerate(CLASSES))},
    ],
    ids=["list", "numbers", "keras", "class_to_idx", "config"],
)
def test_class_names_in_json(content, tmp_path):
    save(tmp_path, "net.csv")
    (tmp_path / "names.json").write_text(json.dumps(content))
    check(read(tmp_path, "net.csv", "labels.npy", "names.json"))


def test_class_names_that_fit_no_model_are_mentioned(tmp_path):
    save(tmp_path, "net.csv")
    (tmp_path / "classes.txt").write_text("cat\ndog")
    imported = read(tmp_path, "net.csv", "classes.txt")
    assert "classes.txt: its 2 class names are not used" in " ".join(imported.notes)


def test_spelling_of_class_names_may_differ(tmp_path):
    other = tuple(name.title() + " " for name in CLASSES)[::-1]
    for file, keys in (("a.csv", CLASSES), ("b.csv", other)):
        z = logits() if file == "a.csv" else logits()[:, ::-1]
        table = {"id": ids(), "label": names(), **columns("{}", z, keys)}
        pd.DataFrame(table).to_csv(tmp_path / file, index=False)
    imported = read(tmp_path, "a.csv", "b.csv")
    check(imported)
    second = imported.models[1].predictions
    assert second.class_names == CLASSES[::-1]
    assert (second.predicted == 2 - imported.models[0].predictions.predicted).all()
    assert any("spelled as in a.csv" in note for note in imported.notes)


# -- tables in JSON --------------------------------------------------------------------------------


@pytest.mark.parametrize("orient", ["split", "columns", "records", "list"])
def test_json_of_pandas(orient, tmp_path):
    table = pd.DataFrame({**columns("{}", logits()), "label": names()})
    if orient == "list":
        (tmp_path / "net.json").write_text(json.dumps(table.to_dict("list")))
    else:
        table.to_json(tmp_path / "net.json", orient=orient)
    check(read(tmp_path, "net.json"))


@pytest.mark.parametrize("orient", ["split", "columns", "index"])
@pytest.mark.parametrize("truth", [names(), labels()], ids=["names", "numbers"])
def test_json_of_pandas_with_an_index(orient, truth, tmp_path):
    table = pd.DataFrame({**columns("{}", logits()), "label": truth}).set_axis(ids())
    table.to_json(tmp_path / "net.json", orient=orient)
    imported = read(tmp_path, "net.json")
    check(imported)
    assert imported.models[0].predictions.ids.tolist() == ids()


@pytest.mark.parametrize("orient", ["split", "columns"])
@pytest.mark.parametrize("scores", [logits(), softmax(logits())], ids=["logits", "shares"])
def test_json_of_a_pandas_table_in_another_order(orient, scores, tmp_path):
    table = pd.DataFrame(columns("{}", scores)).set_axis([3 * i + 7 for i in range(N)])
    (table if orient == "split" else table[::-1]).to_json(tmp_path / "b.json", orient=orient)
    table.assign(label=names()).to_csv(tmp_path / "a.csv", index_label="id")
    imported = read(tmp_path, "a.csv", "b.json")
    assert imported.rule == "id"
    first, second = (model.predictions for model in imported.models)
    assert second.class_names == CLASSES
    assert sorted(second.ids.tolist()) == first.ids.tolist() == [3 * i + 7 for i in range(N)]


@pytest.mark.parametrize("key", ["{}", "a{}.jpg", "sample {}"])
@pytest.mark.parametrize("names_of_classes", [CLASSES, ("1", "2", "3"), ("email", "sms", "x")])
def test_samples_under_keys_stay_samples(key, names_of_classes, tmp_path):
    if key == "{}" and names_of_classes[0] == "1":
        return  # numbers on both sides may also be a table with numbered columns
    content = {
        key.format(3 * i + 7): dict(zip(names_of_classes, scores, strict=True))
        for i, scores in enumerate(softmax(logits()).tolist())
    }
    (tmp_path / "net.json").write_text(json.dumps(content))
    [model] = read(tmp_path, "net.json").models
    assert model.predictions.class_names == names_of_classes
    assert model.predictions.ids.tolist() == [*content]


def test_table_of_weights_and_biases(tmp_path):
    rows = [
        [i, truth, *scores]
        for i, truth, scores in zip(ids(), names(), softmax(logits()).tolist(), strict=True)
    ]
    heads = ["id", "truth", *(f"score_{name}" for name in CLASSES)]
    (tmp_path / "net.table.json").write_text(json.dumps({"columns": heads, "data": rows}))
    check(read(tmp_path, "net.table.json"))
    rows[3].pop()
    (tmp_path / "net.table.json").write_text(json.dumps({"columns": heads, "data": rows}))
    with pytest.raises(PredictionsError, match="row 4 of 'data': expected a list of 5 cells"):
        read(tmp_path, "net.table.json")


@pytest.mark.parametrize("scores", ["list", "object"])
def test_json_with_a_sample_under_each_key(scores, tmp_path):
    rows = logits().tolist()
    if scores == "object":
        rows = [dict(zip(CLASSES, row, strict=True)) for row in rows]
    content = dict(zip(ids(), rows, strict=True))
    truth = dict(zip(ids()[::-1], map(int, labels()[::-1]), strict=True))
    (tmp_path / "net.json").write_text(json.dumps(content))
    (tmp_path / "y.json").write_text(json.dumps(truth))
    imported = read(tmp_path, "net.json", "y.json")
    check(imported, classes=CLASSES if scores == "object" else NUMBERED)
    assert imported.models[0].predictions.ids.tolist() == ids()


def test_json_lists_without_names(tmp_path):
    (tmp_path / "net.json").write_text(json.dumps(logits().tolist()))
    np.save(tmp_path / "labels.npy", labels())
    check(read(tmp_path, "net.json", "labels.npy"), classes=NUMBERED)
    entries = [
        [{"label": name, "score": p} for name, p in zip(CLASSES, row, strict=True)]
        for row in softmax(logits()).tolist()
    ]
    (tmp_path / "pipe.jsonl").write_text("\n".join(map(json.dumps, entries)))
    check(read(tmp_path, "pipe.jsonl", "labels.npy"))


# -- arrays ----------------------------------------------------------------------------------------


def test_arrays_without_names(tmp_path):
    np.savez(tmp_path / "net.npz", logits(), labels())
    imported = read(tmp_path, "net.npz")
    check(imported, classes=NUMBERED)
    assert "`arr_1` has one whole number for each sample" in imported.notes[0]


def test_an_array_of_named_fields(tmp_path):
    table = np.rec.fromarrays([labels(), *logits().T], names=["label", *CLASSES])
    np.save(tmp_path / "net.npy", table)
    check(read(tmp_path, "net.npy"))


@pytest.mark.parametrize("rows", [N // 2, 10])
def test_splits_in_one_file_are_refused(rows, tmp_path):
    arrays = {"val_logits": logits()[:rows], "test_logits": logits()[N // 2 :]}
    np.savez(tmp_path / "net.npz", **arrays, test_labels=labels()[N // 2 :])
    with pytest.raises(PredictionsError, match="save each split in a file of its own"):
        read(tmp_path, "net.npz")


def test_labels_of_two_classes_that_are_minus_and_plus_one(tmp_path):
    truth = np.where(labels() > 0, 1, -1)
    pd.DataFrame({"y": truth, "decision": truth * 1.5}).to_csv(tmp_path / "svm.csv", index=False)
    first = read(tmp_path, "svm.csv").models[0].predictions
    assert first.class_names == ("-1", "1")
    assert (first.predicted == first.labels).all()


def test_lines_of_old_macs(tmp_path):
    table = pd.DataFrame({**columns("{}", logits()), "label": names()}).to_csv(index=False)
    (tmp_path / "net.csv").write_bytes(table.replace("\n", "\r").encode())
    check(read(tmp_path, "net.csv"))


# -- scores ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [2, 3])
def test_rounded_probabilities(digits, tmp_path):
    shares = np.round(softmax(np.random.default_rng(0).normal(size=(N, 20))), digits)
    assert np.abs(shares.sum(axis=1) - 1).max() > 0.02 or digits == 3
    np.save(tmp_path / "net.npy", shares)
    assert read(tmp_path, "net.npy").models[0].scale == "probabilities"


def test_counts_have_a_note(tmp_path):
    np.save(tmp_path / "votes.npy", np.eye(3, dtype=int)[labels()] * 40 + 5)
    assert "as counts of votes are" in read(tmp_path, "votes.npy").notes[0]


def test_logarithm_of_zero(tmp_path):
    shares = softmax(logits())
    shares[3] = (1, 0, 0)
    with np.errstate(divide="ignore"):
        np.savez(tmp_path / "net.npz", log_probs=np.log(shares))
    imported = read(tmp_path, "net.npz")
    assert imported.models[0].scale == "log-probabilities"
    assert imported.models[0].predictions.probabilities()[3].round(4).tolist() == [1, 0, 0]
    assert "2 of 120 log-probabilities are -inf and become -18.42" in imported.notes[0]


def test_an_infinite_logit_is_refused(tmp_path):
    z = logits()
    z[3, 1] = -np.inf
    np.save(tmp_path / "net.npy", z)
    with pytest.raises(PredictionsError, match="row 4.*expected a number, got -inf"):
        read(tmp_path, "net.npy")


# -- which row is which sample ---------------------------------------------------------------------


def two(folder: Path, first: dict[str, object], second: dict[str, object]) -> Imported:
    """Two files of the same scores, the second in another order, with these columns."""
    order = np.random.default_rng(1).permutation(N)
    pd.DataFrame({**first, **columns("{}", logits())}).to_csv(folder / "a.csv", index=False)
    table = pd.DataFrame({**second, **columns("{}", logits())})
    table.iloc[order].to_csv(folder / "b.csv", index=False)
    return read(folder, "a.csv", "b.csv")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"image_id": ids()}, {"filename": [f"{i}.jpg" for i in ids()]}),
        ({"id": [f"{i}.PNG" for i in ids()]}, {"id": ids()}),
        ({"id": [f"{i}.png" for i in ids()]}, {"path": [f"/data/{i}.jpg" for i in ids()]}),
        ({"id": [f"\u00e4{i}" for i in ids()]}, {"id": [f"a\u0308{i} " for i in ids()]}),
    ],
    ids=["id and filename", "suffix in one", "id and path", "accents and blanks"],
)
def test_ids_of_the_same_samples(first, second, tmp_path):
    imported = two(tmp_path, first, second)
    assert (imported.rule, imported.shared, imported.total) == ("id", N, N)
    a, b = (model.predictions for model in imported.models)
    place = {sample: i for i, sample in enumerate(b.ids.tolist())}
    assert np.allclose(a.logits, b.logits[[place[sample] for sample in a.ids.tolist()]])


def test_rows_that_repeat_are_left_out(tmp_path):
    table = pd.DataFrame({"id": ids(), "label": names(), **columns("{}", logits())})
    pd.concat([table, table.head(3)]).to_csv(tmp_path / "net.csv", index=False)
    imported = read(tmp_path, "net.csv")
    check(imported)
    assert "3 rows are left out" in imported.notes[0]


def test_labels_that_are_predictions_of_two_models(tmp_path):
    rng = np.random.default_rng(0)
    for file in ("a.npz", "b.npz"):
        z = rng.normal(size=(200, 3))
        np.savez(tmp_path / file, logits=z, labels=z.argmax(axis=1), ids=np.arange(200))
    with pytest.raises(PredictionsError, match="labels of a are the classes that it predicts; if"):
        read(tmp_path, "a.npz", "b.npz")


@pytest.mark.parametrize(("suffix", "text"), [("json", 0), ("json", 1), ("parquet", 0)])
def test_lists_of_one_label(suffix, text, tmp_path):
    """As mmpretrain writes them."""
    truth = names() if text else labels().tolist()
    table = pd.DataFrame(
        {
            "img_path": paths(),
            "gt_label": [[value] for value in truth],
            "pred_score": softmax(logits()).tolist(),
            "pred_label": [[int(value)] for value in logits().argmax(axis=1)],
        }
    )
    if suffix == "json":
        (tmp_path / "net.json").write_text(json.dumps(table.to_dict("records")))
    else:
        table.to_parquet(tmp_path / "net.parquet")
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    check(read(tmp_path, f"net.{suffix}", "classes.txt"))


def test_predictions_of_fastai(tmp_path):
    np.savez(tmp_path / "net.npz", preds=softmax(logits()), targs=labels())
    check(read(tmp_path, "net.npz"), classes=NUMBERED)


# -- types of Arrow --------------------------------------------------------------------------------


def _dictionary(values: pa.Array, chunks: int = 1) -> pa.ChunkedArray:
    rows = np.array_split(labels(), chunks)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(r), values) for r in rows])


def _write_arrow(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


ARROW_LABELS = {
    "view": pa.array(names(), pa.string_view()),
    "dictionary": _dictionary(pa.array(CLASSES)),
    "two dictionaries": _dictionary(pa.array(CLASSES, pa.large_string()), chunks=2),
    "dictionary of views": _dictionary(pa.array(CLASSES, pa.string_view())),
}


@pytest.mark.parametrize("truth", ARROW_LABELS.values(), ids=ARROW_LABELS)
def test_text_of_polars(truth, tmp_path):
    table = pa.table(
        {"id": pa.array(ids(), pa.string_view()), **columns("{}", logits()), "label": truth}
    )
    _write_arrow(table, tmp_path / "net.arrow")
    imported = read(tmp_path, "net.arrow")
    check(imported)
    assert imported.models[0].predictions.ids.tolist() == ids()
    assert not imported.notes


def test_lists_of_polars_and_decimals(tmp_path):
    scores = logits().round(3)
    table = pa.table(
        {"logits": pa.array(scores.tolist(), pa.list_view(pa.float64())), "label": labels()}
    )
    _write_arrow(table, tmp_path / "net.feather")
    check(read(tmp_path, "net.feather"), classes=NUMBERED)
    exact = {name: [Decimal(f"{x:.3f}") for x in z] for name, z in columns("{}", scores).items()}
    pa.parquet.write_table(pa.table({**exact, "label": names()}), tmp_path / "net.parquet")
    check(read(tmp_path, "net.parquet"))


def test_numbered_samples_stay_samples_though_they_are_fewer_than_the_classes(tmp_path):
    classes = [f"kind {a}{b}" for a in "abcd" for b in "abcde"]
    scores = np.random.default_rng(0).normal(size=(12, 20)).tolist()
    content = {f"val_{i:05d}": dict(zip(classes, row, strict=True)) for i, row in enumerate(scores)}
    (tmp_path / "net.json").write_text(json.dumps(content))
    [model] = read(tmp_path, "net.json").models
    assert model.predictions.class_names == tuple(classes)
    assert model.predictions.ids.tolist() == [*content]


def test_an_index_that_repeats_is_no_id(tmp_path):
    half = pd.DataFrame(columns("{}", logits())).iloc[: N // 2]
    pd.concat([half, half]).to_json(tmp_path / "net.json", orient="split")
    assert len(read(tmp_path, "net.json").models[0].predictions) == 2 * len(half)


@pytest.mark.parametrize("name", ["created_at", "stamp"])
def test_times_are_no_ids(name, tmp_path):
    for file, minute in (("a", 1), ("b", 2)):
        times = [f"2026-01-01T10:{minute:02d}:{i % 60:02d}.{i:03d}" for i in range(N)]
        table = {name: times, **columns("{}", logits(minute)), "label": names()}
        pd.DataFrame(table).to_csv(tmp_path / f"{file}.csv", index=False)
    assert read(tmp_path, "a.csv", "b.csv").rule == "order"
