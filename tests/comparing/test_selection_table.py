"""A selection as files: every cell against a plain loop over its samples."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.comparing.selection_table import selection_arrays, selection_table
from bickd_core.data.registry import sample_paths
from bickd_core.runs.predictions import Predictions

CLASSES = ("cat", "dog, small", "emu")


def made(n: int, seed: int, *, labels: bool = True) -> dict[str, Predictions]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n) if labels else None
    return {
        name: Predictions(
            rng.normal(size=(n, 3)).astype(np.float32), CLASSES, np.arange(n) + 100, truth
        )
        for name in ("teacher", "KD s1")
    }


def softmax(row: np.ndarray, T: float) -> list[float]:
    raised = [np.exp(float(z) / T) for z in row]
    return [value / sum(raised) for value in raised]


@given(n=st.integers(1, 12), seed=st.integers(0, 1000), T=st.sampled_from([0.5, 1.0, 4.0]))
@settings(max_examples=25)
def test_every_cell_is_what_a_loop_over_samples_gives(n, seed, T):
    models = made(n, seed)
    positions = np.random.default_rng(seed).permutation(n)[: n // 2 + 1]
    table = selection_table(models, positions, temperature=T, paths={100: "cat/1.jpg"})
    table = pd.read_csv(io.BytesIO(table.to_csv(index=False).encode()), keep_default_na=False)
    assert len(table) == len(positions)
    for line, place in zip(table.to_dict("records"), positions, strict=True):
        assert line["id"] == 100 + place
        assert line["path"] == ("cat/1.jpg" if place == 0 else "")
        assert line["temperature"] == T
        for name, predictions in models.items():
            P = softmax(predictions.logits[place], T)
            best = P.index(max(P))
            assert line[f"{name}_predicted"] == CLASSES[best]
            assert line[f"{name}_probability"] == pytest.approx(max(P))
            truth = int(predictions.labels[place])
            assert line["true_class"] == CLASSES[truth]
            assert line[f"{name}_probability_of_true"] == pytest.approx(P[truth])


def test_without_labels_and_files_their_columns_are_not_there():
    table = selection_table(made(3, 0, labels=False), np.array([2]))
    assert list(table) == [
        "id", "temperature", "teacher_predicted", "teacher_probability", "KD s1_predicted", "KD s1_probability",
    ]  # fmt: skip


def test_no_sample_is_a_header_alone_and_no_model_an_error():
    assert selection_table(made(3, 0), np.array([], dtype=np.int64)).empty
    for call in (selection_table, selection_arrays):
        with pytest.raises(ValueError, match="at least one model"):
            call({}, np.array([0]))


def test_all_probabilities_come_back_without_pickle():
    models = made(5, 1)
    file = selection_arrays(models, np.array([4, 1]), temperature=2.0, keys=["t", "k"])
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        assert arrays["ids"].tolist() == [104, 101]
        assert arrays["models"].tolist() == ["teacher", "KD s1"]
        assert arrays["run_keys"].tolist() == ["t", "k"]
        assert arrays["labels"].tolist() == models["teacher"].labels[[4, 1]].tolist()
        for m, predictions in enumerate(models.values()):
            for i, place in enumerate((4, 1)):
                np.testing.assert_allclose(
                    arrays["probabilities"][m, i],
                    softmax(predictions.logits[place], 2.0),
                    rtol=1e-5,
                )


def test_caltechs_files_are_known_by_id():
    paths = sample_paths("caltech95", "test")
    assert len(paths) == 1208
    assert all(path.count("/") == 1 for path in paths.values())
    assert sample_paths("fashion-mnist", "test") is None
