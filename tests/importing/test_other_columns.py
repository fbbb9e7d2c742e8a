"""Columns of numbers beside the scores are no classes, and no model lacks a class."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import CLASSES, N, columns, labels, logits, names, softmax

from bickd_core.importing.guess import guess_layout
from bickd_core.importing.layout import Hints
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse
from bickd_core.importing.scores import recognised
from bickd_core.importing.table import Table
from bickd_core.runs.predictions import PredictionsError

SHARES = softmax(logits())
TABLE = columns("{}", SHARES)


def read(folder: Path, table: dict[str, object]) -> Imported:
    pd.DataFrame(table).to_csv(folder / "net.csv", index=False)
    return match([("net.csv", part) for part in parse(folder / "net.csv")[2]])


def check(imported: Imported, scale: str = "probabilities") -> None:
    for model in imported.models:
        assert model.predictions.class_names == CLASSES
        assert model.scale == scale


@pytest.mark.parametrize("truth", [names(), labels()], ids=["names", "numbers"])
@pytest.mark.parametrize("other", ["score", "prob", "uncertainty", "n_tokens", "step"])
def test_a_number_beside_probabilities_is_no_class(other, truth, tmp_path):
    values = np.arange(N) if other in ("n_tokens", "step") else SHARES.max(axis=1)
    imported = read(tmp_path, {**TABLE, other: values, "label": truth})
    check(imported)
    assert any(note.startswith(f"net.csv: '{other}' is not used") for note in imported.notes)
    assert imported.models[0].predictions.ids.tolist() == list(range(N))


def test_two_numbers_behind_the_probabilities_are_no_classes(tmp_path):
    entropy = -(SHARES * np.log(SHARES)).sum(axis=1)
    extra = {"top_share": SHARES.max(axis=1), "doubt": entropy}
    check(read(tmp_path, {**TABLE, **extra, "label": labels()}))


@pytest.mark.parametrize("name", ["image", "ImageId", "row_id", "id"])
def test_a_number_of_the_sample_is_its_id(name, tmp_path):
    values = 1.0 + np.arange(N) if name == "id" else 1 + np.arange(N)
    for scores, scale in ((SHARES, "probabilities"), (logits(), "logits")):
        imported = read(tmp_path, {name: values, **columns("{}", scores), "label": labels()})
        check(imported, scale)
        assert imported.models[0].predictions.ids.tolist() == list(range(1, N + 1))


@pytest.mark.parametrize("suffix", ["pred", "confidence"])
@pytest.mark.parametrize("truth", [names(), labels()], ids=["names", "numbers"])
def test_predictions_and_confidences_of_two_models_are_no_classes(suffix, truth, tmp_path):
    table: dict[str, object] = {}
    for seed, model in enumerate(("kd", "ce")):
        shares = softmax(logits(seed))
        extra = shares.argmax(axis=1) if suffix == "pred" else shares.max(axis=1)
        table |= {**columns(f"{model}_{{}}", shares), f"{model}_{suffix}": extra}
    imported = read(tmp_path, {**table, "label": truth})
    assert [model.name for model in imported.models] == ["kd", "ce"]
    check(imported)


def test_numbers_that_may_be_labels_are_named(tmp_path):
    imported = read(tmp_path, {**TABLE, "kind": labels()})
    check(imported)
    assert any("If it holds the true classes" in note for note in imported.notes)


@pytest.mark.parametrize("scores", [logits(), 1 / (1 + np.exp(-logits())), np.round(logits())])
def test_logits_stay_as_they_are(scores, tmp_path):
    check(read(tmp_path, {**columns("{}", scores), "label": labels()}), "logits")


@pytest.mark.parametrize("value", [0.0, -100.0])
def test_a_class_that_is_masked_stays_a_class(value, tmp_path):
    scores = logits()
    scores[:, 1] = np.where(np.arange(N) % 2, value, 0)
    check(read(tmp_path, {**columns("{}", scores), "label": labels()}), "logits")


def test_a_class_without_a_label_is_named_if_it_may_be_none(tmp_path):
    extra = {"elapsed": np.linspace(0, 1, N)}
    imported = read(tmp_path, {**columns("{}", logits()), **extra, "label": names()})
    assert len(imported.notes) == 1
    assert "'elapsed' is used as a class that no row has as its label." in imported.notes[0]


def test_a_class_called_like_a_confidence_stays_if_it_belongs_to_the_probabilities(tmp_path):
    table = {"p:yes": SHARES[:, 0], "p:no": SHARES[:, 1], "p:correct": SHARES[:, 2]}
    [model] = read(tmp_path, table).models
    assert model.predictions.class_names == ("yes", "no", "correct")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("file", ["net.txt", "net.csv", "net.npy"])
def test_labels_among_scores_without_names_are_refused(file, order, tmp_path):
    values = np.concatenate([logits(), labels()[:, None]][::order], axis=1)
    if file == "net.npy":
        np.save(tmp_path / file, values)
    else:
        np.savetxt(tmp_path / file, values, delimiter="," if file == "net.csv" else " ")
    with pytest.raises(PredictionsError, match=f"whole numbers in column {4 if order > 0 else 1} "):
        parse(tmp_path / file)


def test_a_sure_class_among_rounded_probabilities_is_no_label(tmp_path):
    shares = np.array([[1, 0, 0], [0, 0.25, 0.75]])[np.arange(N) % 2]
    np.save(tmp_path / "net.npy", shares)
    assert parse(tmp_path / "net.npy")[2][0].models[0].scale == "probabilities"


@pytest.mark.parametrize("named", [True, False])
def test_no_class_of_sharp_sigmoids_is_left_out(named, tmp_path):
    """Their rows nearly sum to 1, and more of them do without the last class."""
    rng = np.random.default_rng(0)
    truth = np.arange(1000) % 50
    scores = np.where(truth[:, None] == np.arange(50), 0.999, 1e-4)
    scores[rng.random(1000) < 0.06, 49] = 0.4
    scores[rng.random(1000) < 0.01, 48] = 0.4
    assert recognised(scores) == "logits"
    assert recognised(scores[:, :49]) == "probabilities"
    table = {f"c{chr(97 + i // 26)}{chr(97 + i % 26)}": scores[:, i] for i in range(50)}
    label = {"label": np.array(list(table), dtype=object)[truth]} if named else {}
    [model] = guess_layout(Table({**table, **label}), "net").models
    assert model.classes == tuple(table)


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_a_sigmoid_that_is_always_sure_stays_a_class(suffix, tmp_path):
    rng = np.random.default_rng(0)
    scores = np.round(rng.uniform(0.01, 0.99, (60, 5)), 3)
    scores[:, 4] = rng.integers(0, 2, 60)
    if suffix == "npy":
        np.save(tmp_path / "net.npy", scores)
    else:
        pd.DataFrame(scores, columns=list("abcde")).to_csv(tmp_path / "net.csv", index=False)
    [part] = parse(tmp_path / f"net.{suffix}")[2]
    assert part.models[0].logits.shape == (60, 5)


def test_whoever_says_that_they_are_logits_is_believed(tmp_path):
    scores = np.random.default_rng(0).normal(size=(60, 4))
    scores[:, 3] = np.arange(60) % 4
    np.save(tmp_path / "net.npy", scores)
    with pytest.raises(PredictionsError, match="whole numbers in column 4 of 4"):
        parse(tmp_path / "net.npy")
    [part] = parse(tmp_path / "net.npy", hints=Hints(scale="logits"))[2]
    assert part.models[0].logits.shape == (60, 4)


@pytest.mark.parametrize("name", ["max conf", "top1_conf"])
def test_a_confidence_beside_per_cent_is_no_class(name, tmp_path):
    """It moves a sum of 100 by less than 2 per cent."""
    table = columns("{}", np.round(100 * SHARES, 2))
    imported = read(tmp_path, {**table, name: SHARES.max(axis=1), "label": labels()})
    assert imported.models[0].predictions.class_names == CLASSES


FOUR = softmax(np.random.default_rng(1).normal(size=(N, 4)) * 3)


def _classes_of(folder: Path, table: dict[str, object]) -> tuple[str, ...]:
    return read(folder, table).models[0].predictions.class_names


@pytest.mark.parametrize(
    ("names_of_columns", "classes"),
    [
        (("prob_Type 1", "prob_Type 2", "prob_Healthy"), ("Type 1", "Type 2", "Healthy")),
        (("logit_0", "logit_1", "logit_unknown"), ("0", "1", "unknown")),
    ],
)
@pytest.mark.parametrize("scores", [SHARES, logits()], ids=["probabilities", "logits"])
def test_a_class_beside_numbered_ones_stays(names_of_columns, classes, scores, tmp_path):
    table = dict(zip(names_of_columns, scores.T, strict=True))
    assert _classes_of(tmp_path, table) == classes


def test_a_class_of_another_word_stays_if_all_are_probabilities(tmp_path):
    stages = ("type_1", "type_2", "type_3", "healthy")
    assert _classes_of(tmp_path, dict(zip(stages, FOUR.T, strict=True))) == stages
    keys = ("stage 1", "stage 2", "none")
    records = [{"probs": dict(zip(keys, row, strict=True))} for row in SHARES.tolist()]
    (tmp_path / "net.json").write_text(json.dumps(records))
    imported = match([("net.json", part) for part in parse(tmp_path / "net.json")[2]])
    assert imported.models[0].predictions.class_names == keys


def test_numbers_beside_numbered_classes_are_named(tmp_path):
    scores = columns("logit_{}", logits(), (0, 1, 2))
    other = {"logit_max": logits().max(axis=1), "width": np.arange(N) % 7}
    imported = read(tmp_path, {**scores, **other, "label": labels()})
    assert imported.models[0].predictions.class_names == ("0", "1", "2")
    assert "net.csv: 'width' is not used." in imported.notes


@pytest.mark.parametrize(
    "classes",
    [
        ("true", "mostly-true", "half-true", "false"),
        ("alarm", "date", "time", "weather"),
        ("correct", "incorrect", "partial", "other"),
    ],
)
def test_classes_called_like_other_columns_stay(classes, tmp_path):
    table = dict(zip(classes, FOUR.T, strict=True))
    assert _classes_of(tmp_path, {**table, "label": np.arange(N) % 4}) == classes
    scores = dict(zip(classes, np.log(FOUR).T + 1, strict=True))
    assert _classes_of(tmp_path, {**scores, "label": np.arange(N) % 4}) == classes


def test_a_class_that_may_be_another_column_is_named(tmp_path):
    table = dict(zip(("alarm", "date", "time"), logits().T, strict=True))
    imported = read(tmp_path, table)
    assert imported.models[0].predictions.class_names == ("alarm", "date")
    assert any(note.startswith("net.csv: 'time' is not used.") for note in imported.notes)


@pytest.mark.parametrize(
    "name",
    ["sample_index", "image_index", "indices", "sample_ids", "image_ids", "idxs", "test_ids"],
)
@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_a_number_of_the_sample_beside_its_scores_is_its_id(name, suffix, tmp_path):
    values = 1 + np.arange(N)
    if suffix == "npz":
        np.savez(tmp_path / "net.npz", logits=logits(), labels=labels(), **{name: values})
        imported = match([("net.npz", part) for part in parse(tmp_path / "net.npz")[2]])
    else:
        scores = columns("logit_{}", logits(), (0, 1, 2))
        imported = read(tmp_path, {name: values, **scores, "label": labels()})
    assert imported.models[0].predictions.ids.tolist() == values.tolist()


@pytest.mark.parametrize("truth", [names(), labels()], ids=["names", "numbers"])
@pytest.mark.parametrize(
    ("pattern", "scores"),
    [("{}:{{}}", logits), ("{{}}:{}", logits), ("{}_{{}}", lambda seed: softmax(logits(seed)))],
    ids=["model:class", "class:model", "model_class"],
)
def test_a_model_without_a_class_is_refused(pattern, scores, truth, tmp_path):
    big = columns(pattern.format("big"), scores(0))
    small = columns(pattern.format("small"), scores(1), (*CLASSES[:2], "dogg"))
    with pytest.raises(PredictionsError, match="small with no column for class 'dog'.* 'dogg'"):
        read(tmp_path, {**big, **small, "label": truth})
    small.popitem()
    with pytest.raises(PredictionsError, match="'dog', which big has; add it, or remove small's"):
        read(tmp_path, {**big, **small, "label": truth})


@pytest.mark.parametrize("pattern", ["{}_logit_{{}}", "logit_{}_{{}}"])
def test_a_model_without_a_numbered_class_is_refused(pattern, tmp_path):
    big = columns(pattern.format("big"), logits(), (0, 1, 2))
    small = columns(pattern.format("small"), logits(1), (0, 1))
    with pytest.raises(PredictionsError, match="small with no column for class '2', which big has"):
        read(tmp_path, {**big, **small, "label": labels()})


def test_a_class_without_scores_is_told_apart_from_one_without_a_column(tmp_path):
    small = columns("small:{}", logits(1)) | {"small:dog": np.full(N, -9.0)}
    with pytest.raises(PredictionsError, match="because 'small:dog' is ignored, empty or the same"):
        read(tmp_path, {**columns("big:{}", logits()), **small, "label": names()})


@pytest.mark.parametrize("prefix", ["top_prob_", "logit_wild_", "pca_"])
def test_other_columns_with_the_names_of_some_classes_are_no_model(prefix, tmp_path):
    keys = CLASSES if prefix == "logit_wild_" else (0, 1, 2)
    table = columns("logit_{}", logits(), keys) | columns(prefix + "{}", logits(1), keys[:2])
    truth = names() if prefix == "logit_wild_" else labels()
    assert [model.name for model in read(tmp_path, {**table, "label": truth}).models] == ["net"]


def test_a_text_beside_the_scores_is_named(tmp_path):
    remarks = [f"remark {i % 3}" for i in range(N)]
    table = {**columns("big:{}", logits()), "big:notes": remarks, "label": names()}
    assert read(tmp_path, table).notes == ("net.csv: 'big:notes' is not used.",)
