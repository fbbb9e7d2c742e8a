"""`Predictions.from_arrays`: types it takes, defaults, and the sentence of each refusal."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.runs.predictions import (
    Predictions,
    PredictionsError,
    align,
    logits_from_probabilities,
)

ROWS = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]
NAMES = ["cat", "dog", "owl"]


@given(st.integers(1, 30), st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_the_softmax_of_the_logits_is_the_probabilities(n, c, seed):
    P = np.random.default_rng(seed).dirichlet(np.full(c, 0.3), size=n)
    made = Predictions.from_arrays(probabilities=P)
    np.testing.assert_allclose(made.probabilities(), P, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "becomes"), [([0, 0.5, 0.5], 1e-8), ([0, 1e-30, 1], 1e-30), ([0, 0, 1], 1e-8)]
)
def test_a_zero_becomes_the_smallest_probability_there_is(row, becomes):
    logits = logits_from_probabilities(np.array([row], dtype=np.float32))
    assert logits.dtype == np.float32
    assert logits[0, 0] == pytest.approx(np.log(becomes))
    assert logits[0, 2] == pytest.approx(np.log(row[2]))


def test_integers_are_probabilities_too():
    assert logits_from_probabilities(np.array([[0, 1]]))[0, 1] == 0


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        np.array(ROWS, dtype=np.float16),
        torch.tensor(ROWS, requires_grad=True),
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).astype("Float64"),
    ],
    ids=["list", "float16", "tensor", "frame", "nullable"],
)
def test_types_of_scores(rows):
    made = Predictions.from_arrays(probabilities=rows)
    np.testing.assert_allclose(made.probabilities(), ROWS, atol=2e-3)
    assert made.class_names == ("0", "1", "2")
    assert made.ids.tolist() == [0, 1]
    assert made.labels is None


def test_bfloat16_logits_are_taken():
    made = Predictions.from_arrays(logits=torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16))
    assert made.logits.tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["owl", "cat"], NAMES),
        ([2, 0], NAMES),
        ([2.0, 0.0], NAMES),
        (torch.tensor([2, 0]), NAMES),
        (pd.Series(["owl", "cat"]), NAMES),
        (pd.Categorical(["owl", "cat"]), NAMES),
        (np.array([b"owl", b"cat"]), np.array(NAMES)),
        ([2, 0], None),
        (["2", "0"], None),
        ([7, 3], np.array([3, 5, 7])),
        ([7, 3], np.array([3.0, 5.0, 7.0])),
    ],
)
def test_labels_are_names_or_positions(labels, names):
    made = Predictions.from_arrays(probabilities=ROWS, labels=labels, class_names=names)
    assert made.labels.tolist() == [2, 0]
    assert made.class_names in (tuple(NAMES), ("0", "1", "2"), ("3", "5", "7"))


def test_a_data_frame_brings_names_and_ids():
    frame = pd.DataFrame(ROWS, columns=NAMES, index=["b", "a"])
    truth = pd.Series(["owl", "cat"], index=["b", "a"])
    made = Predictions.from_arrays(probabilities=frame, labels=truth, features=[[1], [2]])
    assert made.class_names == tuple(NAMES)
    assert made.ids.tolist() == ["b", "a"]
    assert made.labels.tolist() == [2, 0]
    assert made.features.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": None}, "pass either `probabilities` or `logits`, got neither."),
        ({"logits": ROWS}, "pass either `probabilities` or `logits`, got both."),
        ({"probabilities": [[0.5, 0.5], [0.5, 0.6]]}, "within 0.001, got 1.1 in row 1; pass"),
        ({"probabilities": [[1.5, -0.5]]}, "at least 0, got -0.5 in row 0, column 1; pass"),
        ({"probabilities": [[np.nan, 1.0]]}, "at least 0, got nan in row 0, column 0"),
        ({"probabilities": [0.2, 0.9]}, "for two classes, pass the columns 1 - p and p."),
        ({"probabilities": [["a", "b"]]}, "`probabilities` must be real numbers, got <U1."),
        ({"probabilities": [[0.5, 0.5], [1.0]]}, "rows of one length, got rows that differ."),
        ({"probabilities": None, "logits": ROWS}, "sum to 1; pass them as `probabilities`."),
        ({"probabilities": None, "logits": [1, 2]}, "numbers in rows and columns, got shape (2,)"),
        ({"probabilities": None, "logits": [[1e39, 2]]}, "got NaN or infinity in row 0"),
        ({"class_names": ["cat", "dog"]}, "must name the 3 columns in their order, got 2 names."),
        ({"class_names": ["cat", "cat", "dog"]}, "`class_names` must be unique, got 'cat' twice"),
        (
            {"labels": ["owl", "cot"], "class_names": NAMES},
            "one of the classes cat, dog, owl, got 'cot' in row 1; the nearest is 'cat'.",
        ),
        ({"labels": ["owl", "cat"]}, "got 'owl' in row 0; pass `class_names` in the order of the"),
        ({"labels": [0, 3], "class_names": NAMES}, "a position from 0 to 2, got 3 in row 1."),
        (
            {"labels": [0, 1], "class_names": [1, 2, 3]},
            "one of the classes 1, 2, 3, got 0 in row 0",
        ),
        ({"labels": [0.0, np.nan]}, "got nan in row 1"),
        ({"labels": [0]}, "one class for each of 2 samples, got shape (1,)."),
        ({"ids": ["a", "a"]}, "`ids` must be unique"),
        ({"ids": [0.5, 1.0]}, "`ids` must be whole numbers or text, got float64."),
        (
            {"probabilities": pd.DataFrame(ROWS), "labels": pd.Series([0, 1], index=[1, 0])},
            "`labels` must have the same index as the scores, got another; reindex it",
        ),
    ],
)
def test_refusals_are_one_sentence(changes, message):
    with pytest.raises(PredictionsError, match=re.escape(message)) as refused:
        Predictions.from_arrays(**{"probabilities": ROWS, **changes})
    text = str(refused.value)
    assert text.endswith(".")
    assert ". " not in text


class Columns(dict):
    """What `from_hf_dataset` uses of a Hugging Face `Dataset`, which no test installs."""

    features = {  # noqa: RUF012
        "label": SimpleNamespace(names=NAMES),
        "number": SimpleNamespace(dtype="int64"),
    }

    def with_format(self, kind):
        return (
            {name: np.array(values) for name, values in self.items()} if kind == "numpy" else None
        )


def test_columns_of_a_hugging_face_data_set():
    data = Columns(p=ROWS, label=[2, 0], number=[1, 1], key=["x", "y"])
    made = Predictions.from_hf_dataset(data, probabilities="p", id="key")
    np.testing.assert_allclose(made.probabilities(), ROWS, atol=1e-6)
    assert made.class_names == tuple(NAMES)
    assert (made.labels.tolist(), made.ids.tolist()) == ([2, 0], ["x", "y"])
    assert Predictions.from_hf_dataset(data, probabilities="p", label="number").class_names == (
        "0",
        "1",
        "2",
    )
    assert Predictions.from_hf_dataset(data, probabilities="p", label=None).labels is None


def test_texts_can_be_ids():
    texts = ["two words", "one"]
    scores = np.array([[2.0, 1.0], [0.0, 3.0]])
    for ids in (texts, pd.Series(texts), np.array(texts, dtype=object)):
        first = Predictions.from_arrays(logits=scores, ids=ids)
        second = Predictions.from_arrays(logits=scores[::-1], ids=list(ids)[::-1])
        assert np.array_equal(*(model.logits for model in align([first, second]).predictions))
