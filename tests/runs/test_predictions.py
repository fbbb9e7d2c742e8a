"""Predictions: what is refused, what survives the disk, and alignment by sample and class."""

import io
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_helpers import random_predictions

from bickd_core.runs.predictions import Predictions, PredictionsError, align, read_arrays


def made(**changes):
    fields = {
        "logits": np.zeros((3, 2), dtype=np.float32),
        "class_names": ("a", "b"),
        "ids": np.array([5, 3, 4]),
        "labels": np.array([0, 1, 1]),
        "features": np.zeros((3, 7), dtype=np.float32),
    }
    return Predictions(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros(3)}, "`logits` must be [N, C], got shape (3,)"),
        ({"class_names": ("a",)}, "must name the 2 columns of the logits, got 1 names"),
        ({"class_names": ("a", "a")}, "`class_names` must be unique, got 'a' twice"),
        ({"ids": np.array([1, 2])}, "`ids` must be [3], one for each sample, got shape (2,)"),
        ({"ids": np.array([1, 2, 1])}, "`ids` must be unique"),
        ({"ids": np.array([1.0, 2.0, 3.0])}, "`ids` must be integers or text, got float64"),
        ({"ids": np.array([b"x", b"y", b"z"])}, "`ids` must be integers or text, got |S1"),
        ({"logits": np.array([[0, 0], [0, np.nan], [0, 0]])}, "got NaN or infinity in row 1"),
        ({"logits": np.array([[0, 0], [0, 0], [np.inf, 0]])}, "got NaN or infinity in row 2"),
        ({"labels": np.array([0, 1])}, "`labels` must be [3]"),
        ({"labels": np.array([0, 1, 2])}, "`labels` must be in 0..1, got 0..2"),
        ({"labels": np.array([-1, 1, 1])}, "`labels` must be in 0..1, got -1..1"),
        (
            {"labels": np.array([0.0, 1.0, 1.0])},
            "`labels` must be class indices (integers), got float64",
        ),
        ({"features": np.zeros((2, 7))}, "`features` must be [3, D], got shape (2, 7)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes, message):
    with pytest.raises(PredictionsError, match=re.escape(message)):
        made(**changes)


def test_they_are_shown_in_a_line():
    predictions = random_predictions(1200, 10)
    assert repr(predictions) == "Predictions(1,200 samples, 10 classes, labels and features)"
    bare = Predictions(predictions.logits, predictions.class_names, predictions.ids)
    assert repr(bare) == "Predictions(1,200 samples, 10 classes, logits only)"


def test_empty_predictions_are_possible():
    none = made(
        logits=np.zeros((0, 2)),
        ids=np.zeros(0, dtype=int),
        labels=np.zeros(0, dtype=int),
        features=None,
    )
    assert len(none) == 0
    assert none.probabilities().shape == (0, 2)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 4.0, 1e6])
def test_probabilities_are_softmax_in_float64(temperature):
    predictions = random_predictions(6, 4)
    expected = np.empty((6, 4))
    for i, row in enumerate(predictions.logits.astype(float)):
        powers = [np.exp((z - max(row)) / temperature) for z in row]
        expected[i] = [power / sum(powers) for power in powers]
    found = predictions.probabilities(temperature)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_probabilities_of_saturated_logits_are_finite():
    P = made(logits=np.array([[1e4, -1e4], [0, 0], [-1e38, 1e38]], dtype=np.float32)).probabilities(
        0.1
    )
    np.testing.assert_array_equal(P, [[1, 0], [0.5, 0.5], [0, 1]])


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(ValueError, match="`temperature` must be greater than 0"):
        made().probabilities(temperature)


# -- the disk --------------------------------------------------------------------------------------
@pytest.mark.parametrize("features", [0, 5])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("text_ids", [True, False])
def test_save_and_load_give_the_same(tmp_path, features, labelled, text_ids):
    before = random_predictions(11, 3, features=features)
    ids = np.array([f"image-{i}.png" for i in before.ids]) if text_ids else before.ids
    before = Predictions(
        before.logits, before.class_names, ids, before.labels if labelled else None, before.features
    )
    before.save(tmp_path / "p.npz")
    after = Predictions.load(tmp_path / "p.npz")
    np.testing.assert_array_equal(after.logits, before.logits)
    assert after.logits.dtype == np.float32
    assert after.class_names == before.class_names
    np.testing.assert_array_equal(after.ids, before.ids)
    assert after.ids.dtype == before.ids.dtype
    for name in ("labels", "features"):
        one, other = getattr(before, name), getattr(after, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_half_precision_is_half_as_good_and_read_as_float32(tmp_path):
    before = random_predictions(50, 10)
    before.save(tmp_path / "half.npz", half=True)
    after = Predictions.load(tmp_path / "half.npz")
    assert after.logits.dtype == after.features.dtype == np.float32
    np.testing.assert_allclose(after.logits, before.logits, rtol=2**-11)
    np.testing.assert_array_equal(after.logits, before.logits.astype(np.float16))
    np.testing.assert_array_equal(after.predicted, before.predicted)


def test_half_precision_of_huge_logits_can_be_read_again(tmp_path):
    before = made(logits=np.array([[1e6, -1e6], [7e4, 0], [1, 2]], dtype=np.float32))
    before.save(tmp_path / "half.npz", half=True)
    after = Predictions.load(tmp_path / "half.npz")
    np.testing.assert_array_equal(after.logits, [[65504, -65504], [65504, 0], [1, 2]])


class Explosive:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickled_objects_are_refused_and_not_run(tmp_path):
    mark = tmp_path / "was-run"
    np.savez(
        tmp_path / "bad.npz",
        logits=np.zeros((1, 2)),
        class_names=np.array([Explosive(mark), Explosive(mark)], dtype=object),
        ids=np.zeros(1, dtype=int),
    )
    with pytest.raises(
        PredictionsError, match=r"bad\.npz: `class_names` must be .* without pickles, got object"
    ):
        Predictions.load(tmp_path / "bad.npz")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Explosive(mark)))
    with pytest.raises(PredictionsError, match="without pickles"):
        Predictions.load(tmp_path / "bare.npz")
    assert not mark.exists()


def npy_bytes():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 torn", npy_bytes()])
def test_other_files_are_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(PredictionsError, match=r"^[^/]+/x\.npz: expected a whole npz file .*\.$"):
        Predictions.load(tmp_path / "x.npz")


def test_a_file_cut_short_or_changed_anywhere_is_refused(tmp_path):
    whole = tmp_path / "whole.npz"
    random_predictions(30, 4).save(whole)
    data = whole.read_bytes()
    for keep in np.linspace(0, len(data) - 1, 25).astype(int):
        (tmp_path / "cut.npz").write_bytes(data[:keep])
        with pytest.raises(PredictionsError):
            Predictions.load(tmp_path / "cut.npz")
    with zipfile.ZipFile(whole) as archive:
        start = archive.getinfo("logits.npy").header_offset + 60
    (tmp_path / "changed.npz").write_bytes(
        data[:start] + bytes(b ^ 255 for b in data[start : start + 8]) + data[start + 8 :]
    )
    with pytest.raises(PredictionsError):
        Predictions.load(tmp_path / "changed.npz")


def test_missing_arrays_are_named_and_a_missing_file_stays_a_missing_file(tmp_path):
    np.savez(tmp_path / "x.npz", logits=np.zeros((1, 2)), ids=np.zeros(1, dtype=int))
    with pytest.raises(PredictionsError, match="missing class_names"):
        Predictions.load(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "not-there.npz")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("logits", np.array([["a", "b"]]), "`logits` must be real numbers"),
        ("logits", np.zeros((1, 2), dtype=complex), "`logits` must be real numbers"),
        ("labels", np.array([0.5]), "`labels` must be class indices"),
        ("ids", np.array([0.5]), "`ids` must be integers or text"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, name, array, message):
    arrays = {
        "logits": np.zeros((1, 2)),
        "class_names": np.array(["a", "b"]),
        "ids": np.zeros(1, dtype=int),
    }
    np.savez(tmp_path / "x.npz", **{**arrays, name: array})
    with pytest.raises(PredictionsError, match=re.escape(message)):
        Predictions.load(tmp_path / "x.npz")


# -- alignment -------------------------------------------------------------------------------------
def other_order(predictions, seed):
    """The same predictions with samples and classes in another order."""
    generator = np.random.default_rng(seed)
    shuffled = predictions.take(generator.permutation(len(predictions)))
    return shuffled.with_class_order(
        [predictions.class_names[i] for i in generator.permutation(predictions.num_classes)]
    )


@settings(max_examples=25)
@given(n=st.integers(1, 30), c=st.integers(2, 6), seed=st.integers(0, 999))
def test_other_orders_of_samples_and_classes_align_to_the_same(n, c, seed):
    first = random_predictions(n, c, seed=seed)
    both = align([first, other_order(first, seed + 1)])
    assert both.complete
    assert both.n_shared == n
    for field in ("logits", "ids", "labels", "features"):
        np.testing.assert_array_equal(getattr(both.predictions[1], field), getattr(first, field))
    assert both.predictions[1].class_names == first.class_names


def test_class_order_by_hand():
    swapped = made(logits=np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32)).with_class_order(
        ["b", "a"]
    )
    np.testing.assert_array_equal(swapped.logits, [[2, 1], [4, 3], [6, 5]])
    np.testing.assert_array_equal(swapped.labels, [1, 0, 0])
    assert swapped.class_names == ("b", "a")


def test_what_all_models_have_in_the_order_of_the_first_is_compared():
    first = made(
        ids=np.array([5, 3, 4]), logits=np.array([[5, 0], [3, 0], [4, 0]], dtype=np.float32)
    )
    second = made(
        ids=np.array([4, 9, 5]),
        labels=np.array([1, 0, 0]),
        logits=np.array([[4, 1], [9, 1], [5, 1]]),
    )
    aligned = align([first, second])
    np.testing.assert_array_equal(aligned.predictions[0].ids, [5, 4])
    np.testing.assert_array_equal(aligned.predictions[1].ids, [5, 4])
    np.testing.assert_array_equal(aligned.predictions[1].logits, [[5, 1], [4, 1]])
    assert (aligned.n_shared, aligned.n_each, aligned.complete) == (2, (3, 3), False)


def test_five_models_with_different_subsets():
    whole = random_predictions(40, 4)
    models = [whole, *(whole.take(np.arange(start, 40 - start)) for start in range(1, 5))]
    aligned = align(models)
    assert aligned.n_shared == 32
    assert aligned.n_each == (40, 38, 36, 34, 32)
    for model in aligned.predictions:
        np.testing.assert_array_equal(model.logits, whole.logits[4:36])


def test_one_model_alone_is_aligned_with_itself():
    one = random_predictions()
    assert align([one]).complete
    with pytest.raises(PredictionsError, match="at least one model"):
        align([])


def test_models_on_the_same_samples_are_aligned_without_a_copy():
    first, second = (
        Predictions(
            np.random.default_rng(i).normal(size=(4, 2)).astype(np.float32),
            ("a", "b"),
            np.arange(4),
            np.array([0, 1, 1, 0]),
        )
        for i in range(2)
    )
    aligned = align([first, second])
    assert all(
        np.shares_memory(one.logits, model.logits)
        for one, model in zip(aligned.predictions, (first, second), strict=True)
    )


def test_labels_that_one_model_lacks_come_from_the_others():
    without = made(labels=None)
    assert (align([without, made()]).predictions[0].labels == [0, 1, 1]).all()
    assert align([without, without]).predictions[0].labels is None


def test_contradictory_labels_are_refused_and_the_right_two_are_named():
    with pytest.raises(
        PredictionsError, match="^kd gives 2 of 3 shared samples another true label than ce;"
    ):
        align(
            [made(labels=None), made(), made(labels=np.array([1, 0, 1]))], ["teacher", "ce", "kd"]
        )


def test_labels_are_compared_by_class_name_not_by_position():
    renamed = made(class_names=("b", "a"), labels=np.array([1, 0, 0]))
    assert align([made(), renamed]).n_shared == 3


def test_disjoint_ids_are_refused():
    with pytest.raises(PredictionsError, match="^model 1 and model 2 have no sample in common"):
        align([made(), made(ids=np.array([10, 11, 12]))])


def test_ids_of_another_type_are_refused():
    with pytest.raises(PredictionsError, match="use ids of different types"):
        align([made(), made(ids=np.array(["5", "3", "4"]))])


def test_other_classes_are_refused_with_the_differences():
    with pytest.raises(
        PredictionsError, match=r"kd has 2 classes and t has 2, and they differ \(b, c\)"
    ):
        align([made(), made(class_names=("a", "c"))], ["t", "kd"])
    many = made(logits=np.zeros((3, 6)), class_names=tuple("abcdef"), labels=None)
    with pytest.raises(PredictionsError, match=r"\(c, d, e and 1 more\)"):
        align([made(), many])
