"""Which column holds the true classes, if its name does not say so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layouts import CLASSES, N, columns, ids, labels, logits, names, softmax, truths

from bickd_core.importing.guess import guess_layout
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse
from bickd_core.importing.table import Table

GRID = [f"{verb}_{noun}" for verb in ("check", "book", "cancel") for noun in ("hotel", "flight")]
WORDS = np.array(CLASSES, dtype=object)


def read(folder: Path, table: dict[str, object]) -> Imported:
    pd.DataFrame(table).to_csv(folder / "net.csv", index=False)
    return match([("net.csv", part) for part in parse(folder / "net.csv")[2]])


@pytest.mark.parametrize("name", ["intent", "gold", "true_intent", "label_text", "what", "dx"])
@pytest.mark.parametrize("pattern", ["{}", "logit_{}", "prob:{}", "{}.score"])
def test_values_that_name_the_scores_are_labels(name, pattern, tmp_path):
    scores = softmax(logits()) if "prob" in pattern else logits()
    imported = read(tmp_path, {name: names(), **columns(pattern, scores)})
    [model] = imported.models
    assert model.predictions.class_names == CLASSES
    assert (model.predictions.labels == labels()).all()


def test_labels_in_another_spelling(tmp_path):
    z = np.random.default_rng(0).normal(size=(60, 6))
    truth = np.arange(60) % 6
    spelled = [GRID[i].replace("_", " ").title() for i in truth]
    imported = read(tmp_path, {"what": spelled, **{GRID[i]: z[:, i] for i in range(6)}})
    [model] = imported.models
    assert (model.predictions.labels == truth).all()


@pytest.mark.parametrize("name", ["intent", "label", "what"])
@pytest.mark.parametrize("present", [6, 4])
def test_names_of_two_words_are_one_model_and_not_several(name, present, tmp_path):
    z = np.random.default_rng(0).normal(size=(60, 6))
    truth = np.arange(60) % present
    imported = read(
        tmp_path, {name: [GRID[i] for i in truth], **{GRID[i]: z[:, i] for i in range(6)}}
    )
    [model] = imported.models
    assert model.predictions.class_names == tuple(GRID)
    assert (model.predictions.labels == truth).all()


def test_labels_of_one_word_still_tell_models_apart(tmp_path):
    table = {f"{name}_{c}": logits(i)[:, j] for i, name in enumerate(("big", "small"))
             for j, c in enumerate(CLASSES)}  # fmt: skip
    imported = read(tmp_path, {"what": names(), **table})
    assert [model.name for model in imported.models] == ["big", "small"]
    assert (imported.models[1].predictions.labels == labels()).all()


def test_columns_that_sum_to_one_together_are_one_model(tmp_path):
    p = softmax(np.random.default_rng(0).normal(size=(60, 6)))
    [model] = read(tmp_path, {GRID[i]: p[:, i] for i in range(6)}).models
    assert model.predictions.class_names == tuple(GRID)


def test_predicted_classes_are_no_labels(tmp_path):
    predicted = WORDS[logits().argmax(axis=1)]
    for name in ("pred", "kd_prediction", "what"):
        imported = read(tmp_path, {name: predicted, **columns("{}", logits())})
        assert imported.models[0].predictions.labels is None
    imported = read(tmp_path, {"what": predicted, "intent": names(), **columns("{}", logits())})
    assert (imported.models[0].predictions.labels == labels()).all()


def test_two_columns_that_may_be_labels_are_left_alone(tmp_path):
    others = WORDS[(labels() + 1) % 3]
    table = {"first": names(), "second": others, **columns("{}", logits())}
    assert read(tmp_path, table).models[0].predictions.labels is None


def test_a_coarser_category_is_not_the_label(tmp_path):
    coarse = ["flying" if name == "bird" else "walking" for name in names()]
    imported = read(tmp_path, {"category": coarse, "species": names(), **columns("{}", logits())})
    assert (imported.models[0].predictions.labels == labels()).all()
    table = {"category": coarse, "label": labels(), "x": coarse, **columns("{}", logits())}
    assert (read(tmp_path, table).models[0].predictions.labels == labels()).all()


def test_labels_that_an_array_of_class_names_has(tmp_path):
    np.savez(
        tmp_path / "net.npz", logits=logits(), what=np.array(names()), class_names=np.array(CLASSES)
    )
    imported = match([("net.npz", part) for part in parse(tmp_path / "net.npz")[2]])
    assert (imported.models[0].predictions.labels == labels()).all()


@pytest.mark.parametrize("name", ["utterance", "query", "sms", "input", "prompt"])
def test_columns_of_texts(name, tmp_path):
    texts = [f"a text {i}" for i in range(len(labels()))]
    imported = read(tmp_path, {name: texts, "label": names(), **columns("{}", logits())})
    assert list(imported.texts.values()) == texts


def test_long_texts_are_not_compared_with_scores():
    texts = np.array([f"{i} {'word ' * 300}" for i in range(20_000)], dtype=object)
    table = Table({"note": texts, **columns("{}", np.zeros((20_000, 3)))})
    assert not guess_layout(table, "net").label


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    ("predicted", "true"),
    [("label", "true_label"), ("label", "target"), ("y", "y_true"), ("class", "gold")],
)
def test_the_true_class_is_not_the_predicted_one(predicted, true, text, tmp_path):
    truth = logits().argmax(axis=1)
    truth[:10] = (truth[:10] + 1) % len(CLASSES)
    values = WORDS if text else np.arange(len(CLASSES))
    table = {predicted: values[logits().argmax(axis=1)], true: values[truth]}
    [model] = read(tmp_path, {**columns("{}", logits()), **table}).models
    assert (model.predictions.labels == truth).all()


def test_a_model_without_an_error_keeps_its_labels_beside_coarse_ones(tmp_path):
    truth = logits().argmax(axis=1)
    table = {"label": truth, "category": truth // 2, **columns("{}", logits())}
    [model] = read(tmp_path, table).models
    assert (model.predictions.labels == truth).all()


@pytest.mark.parametrize("name", ["targs", "label_true", "target_class", "species", "diagnosis"])
def test_numbers_under_less_usual_names_are_labels(name, tmp_path):
    [model] = read(tmp_path, {**columns("{}", logits()), name: labels()}).models
    assert model.predictions.class_names == CLASSES
    assert (model.predictions.labels == labels()).all()


def test_true_is_whether_the_prediction_is_right_beside_a_label(tmp_path):
    truth = np.arange(N) % len(CLASSES)
    right = (logits().argmax(axis=1) == truth).astype(int)
    [model] = read(tmp_path, {"label": truth, "true": right, **columns("{}", logits())}).models
    assert (model.predictions.labels == truth).all()


@pytest.mark.parametrize("names_of_columns", [("False", "True"), ("prob_True", "prob_False")])
@pytest.mark.parametrize("kind", [bool, int])
def test_true_and_false_are_classes_by_name(names_of_columns, kind, tmp_path):
    true = truths().astype(bool)
    share = np.where(true, 0.9, 0.2) + 0.05 * np.random.default_rng(0).random(N)
    table = {name: share if "True" in name else 1 - share for name in names_of_columns}
    predictions = read(tmp_path, {**table, "label": true.astype(kind)}).models[0].predictions
    assert (predictions.predicted == predictions.labels).all()


@pytest.mark.parametrize("pattern", ["{}", "prob_{}"])
def test_classes_that_are_decimal_numbers_are_whole(pattern, tmp_path):
    scores = softmax(logits())
    table = {pattern.format(f"{i + 1}.0"): scores[:, i] for i in range(3)}
    predictions = read(tmp_path, {**table, "label": labels() + 1}).models[0].predictions
    assert predictions.class_names == ("1", "2", "3")
    assert predictions.labels.tolist() == labels().tolist()


@pytest.mark.parametrize("name", ["val_labels", "y_val", "y_valid"])
def test_labels_of_validation_arrays(name, tmp_path):
    np.savez(tmp_path / "net.npz", val_logits=logits(), **{name: labels()})
    imported = match([("net.npz", part) for part in parse(tmp_path / "net.npz")[2]])
    assert imported.models[0].predictions.labels.tolist() == labels().tolist()


def _beside(folder: Path, scores: dict[str, object], **files: dict[str, object]) -> Imported:
    for name, table in (("net", scores), *files.items()):
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    names_of_files = [f"{name}.csv" for name in ("net", *files)]
    return match([(file, part) for file in names_of_files for part in parse(folder / file)[2]])


def test_the_only_column_beside_ids_is_the_label(tmp_path):
    scores = {"id": ids(), **columns("{}", logits())}
    imported = _beside(tmp_path, scores, lab={"id": ids(), "breed": names()})
    assert imported.models[0].predictions.labels.tolist() == labels().tolist()
    assert any("'breed' is used as the true class" in note for note in imported.notes)
    share = {"id": ids(), "prob": softmax(logits())[:, 0]}
    imported = _beside(tmp_path, share, truth={"id": ids(), "has_cactus": truths()})
    assert imported.models[0].predictions.labels.tolist() == truths().tolist()


def test_a_file_that_adds_nothing_is_named(tmp_path):
    scores = {"id": ids(), **columns("{}", logits())}
    imported = _beside(tmp_path, scores, submission={"id": ids(), "breed": names()})
    assert imported.models[0].predictions.labels is None
    assert any("submission.csv is not used: it has neither" in note for note in imported.notes)
    labelled = {**scores, "label": names()}
    imported = _beside(tmp_path, labelled, lab={"id": ids(), "label": names()})
    assert any("lab.csv: its labels are not used" in note for note in imported.notes)


def test_numbers_of_a_class_label_have_the_order_of_its_names(tmp_path):
    features = {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}
    table = pa.table({**columns("{}", logits()[:, ::-1], CLASSES[::-1]), "label": labels()})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "net.parquet")
    imported = match([("net.parquet", part) for part in parse(tmp_path / "net.parquet")[2]])
    predictions = imported.models[0].predictions
    assert predictions.class_names == CLASSES[::-1]
    assert predictions.labels.tolist() == (2 - labels()).tolist()
