"""A column of seeds tells several runs of one model apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import CLASSES, columns, ids, logits, names, softmax

from bickd_core.importing.layout import Hints
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse
from bickd_core.runs.predictions import PredictionsError

RUNS = {("teacher", 0): 0, ("kd", 0): 1, ("kd", 1): 2}
"""The seed of the scores of each model and seed."""


def rows(model: str, seed: int) -> pd.DataFrame:
    scores = columns("{}", logits(RUNS[model, seed]))
    return pd.DataFrame({"model": model, "seed": seed, "id": ids(), "label": names(), **scores})


def read(folder: Path, table: pd.DataFrame, hints: Hints | None = None) -> Imported:
    table.to_csv(folder / "kd.csv", index=False)
    return match([("kd.csv", part) for part in parse(folder / "kd.csv", hints=hints)[2]])


def check(imported: Imported, expected: dict[str, int]) -> None:
    assert [model.name for model in imported.models] == list(expected)
    assert imported.rule == "id"
    for model, seed in zip(imported.models, expected.values(), strict=True):
        assert model.predictions.class_names == CLASSES
        in_order = model.predictions.take(np.argsort(model.predictions.ids))
        assert in_order.ids.tolist() == ids()
        assert np.allclose(in_order.probabilities(), softmax(logits(seed)), atol=1e-4)


@pytest.mark.parametrize("seed", ["seed", "Random Seed"])
def test_seeds_of_a_model_become_models(seed, tmp_path):
    table = pd.concat([rows(*run) for run in RUNS]).sample(frac=1, random_state=0)
    table = table.sort_values(["model", "seed"], ascending=[False, True])
    imported = read(tmp_path, table.rename(columns={"seed": seed}))
    check(imported, {"teacher": 0, "kd-s0": 1, "kd-s1": 2})
    assert f"Each seed in column '{seed}' is a model of its own" in imported.notes[0]


def test_unnamed_index_beside_ids_does_not_hide_seeds(tmp_path):
    table = pd.concat([rows("kd", 0), rows("kd", 1)], ignore_index=True).drop(columns="model")
    check(read(tmp_path, table.reset_index(names="")), {"kd-s0": 1, "kd-s1": 2})


def test_seeds_without_a_column_of_models(tmp_path):
    table = pd.concat([rows("kd", 0), rows("kd", 1)]).drop(columns="model")
    check(read(tmp_path, table), {"kd-s0": 1, "kd-s1": 2})


def test_a_row_for_each_sample_class_and_seed(tmp_path):
    table = pd.concat([rows("kd", 0), rows("kd", 1)])
    long = table.melt(["model", "seed", "id", "label"], var_name="class", value_name="logit")
    check(read(tmp_path, long), {"kd-s0": 1, "kd-s1": 2})


def test_layout_of_seeds_can_be_given_again(tmp_path):
    table = pd.concat([rows("kd", 0), rows("kd", 1)]).drop(columns="model")
    table.to_csv(tmp_path / "kd.csv", index=False)
    _, layout, parts = parse(tmp_path / "kd.csv")
    again = parse(tmp_path / "kd.csv", layout)[2]
    assert [part.models[0].name for part in again] == [part.models[0].name for part in parts]


def test_one_seed_for_each_model_changes_no_name(tmp_path):
    table = pd.concat([rows("teacher", 0), rows("kd", 1)])
    check(read(tmp_path, table), {"teacher": 0, "kd": 2})
    alone = rows("kd", 0).drop(columns="model")
    imported = read(tmp_path, alone)
    assert [model.name for model in imported.models] == ["kd"]
    assert imported.models[0].predictions.class_names == CLASSES


def test_ignored_seeds_are_not_used(tmp_path):
    table = pd.concat([rows("kd", 0), rows("kd", 1)])
    with pytest.raises(PredictionsError, match="expected each id once"):
        read(tmp_path, table, Hints(ignore=("seed",)))
