"""Warnings about labels that do not fit a model's predictions."""

import numpy as np
import pandas as pd

from bickd_core.importing.label_checks import label_warnings
from bickd_core.importing.predictions import read_predictions
from bickd_core.runs.predictions import Predictions

N, C = 300, 5
NAMES = ("ant", "bee", "cat", "dog", "eel")


def truth() -> np.ndarray:
    return np.random.default_rng(0).integers(0, C, N)


def scores(labels: np.ndarray, wrong: int = 30) -> np.ndarray:
    """Scores [N, C] with which all answers but the first `wrong` are these labels."""
    answers = labels.copy()
    answers[:wrong] = (answers[:wrong] + 1 + np.arange(wrong) % 3) % C
    return np.eye(C, dtype=np.float32)[answers] * 4


def warnings(z: np.ndarray, labels: np.ndarray | None, names: tuple[str, ...] = NAMES) -> list[str]:
    predictions = Predictions(logits=z, class_names=names, ids=np.arange(len(z)), labels=labels)
    return label_warnings([("net", predictions)])


def test_labels_that_fit_have_no_warning():
    assert warnings(scores(truth()), truth()) == []
    assert warnings(scores(truth()), None) == []


def test_few_samples_have_no_warning():
    assert warnings(scores(truth(), wrong=0)[:50], truth()[:50]) == []


def test_predictions_as_labels():
    z = scores(truth())
    assert warnings(z, z.argmax(axis=1)) == [
        "net: the labels of all 300 samples are the classes that it predicts. Check that they are"
        " the true classes, and not its predictions."
    ]


def test_columns_in_another_order():
    assert warnings(scores(truth())[:, [2, 1, 0, 4, 3]], truth()) == [
        "net: its accuracy is 17.0%. It would be 90.0% with its classes in another order"
        " (ant as cat, cat as ant, dog as eel and so on). Check the order of the columns, of the"
        " class names and of the numbers in the labels."
    ]


def test_two_classes_the_other_way_round():
    labels = truth() % 2
    z = np.eye(2, dtype=np.float32)[1 - labels] * 3
    z[:40] = z[:40, ::-1]
    (said,) = warnings(z, labels, ("malignant", "benign"))
    assert "its accuracy is 13.3%. It would be 86.7%" in said
    assert "(malignant as benign, benign as malignant)" in said


def test_labels_that_count_from_one_without_the_last_class():
    labels = np.random.default_rng(0).integers(0, C - 1, N)
    assert warnings(scores(labels), labels + 1) == [
        f"net: its accuracy is {(scores(labels).argmax(axis=1) == labels + 1).mean():.1%}."
        " It would be 90.0% if the labels counted from 1; if they do, subtract 1 from them."
    ]


def test_many_classes_that_count_from_one():
    """There are too few samples to tell the order of so many classes."""
    labels = np.random.default_rng(0).integers(0, 998, N)
    z = np.eye(1000, dtype=np.float32)[labels] * 5
    (said,) = warnings(z, labels + 1, tuple(map(str, range(1000))))
    assert said.endswith(
        "It would be 100.0% if the labels counted from 1; if they do, subtract 1 from them."
    )


def test_rows_in_another_order():
    (said,) = warnings(scores(truth()), np.random.default_rng(3).permutation(truth()))
    assert said.endswith(
        "no better than chance for 5 classes. Check that scores and labels have the same order"
        " of samples and of classes."
    )


def test_import_warns_and_names_the_model(tmp_path):
    z = scores(truth())
    table = pd.DataFrame(z, columns=list(NAMES))
    table["label"] = [NAMES[i] for i in z.argmax(axis=1)]
    table.to_csv(tmp_path / "a.csv", index=False)
    imported = read_predictions([tmp_path / "a.csv"])
    assert imported.summary() == "There is one model, with 300 samples."
    assert len(imported.warnings) == 1
    assert imported.warnings[0].startswith("a: the labels of all 300 samples")
