"""Two recipes over their seeds: means, intervals over images, and when there is nothing to say."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bickd_core.geometry import Interval, paired_mean_difference
from bickd_core.over_seeds import ComparedOverSeeds, Share, compare_over_seeds, siblings
from bickd_core.predictions import Predictions
from bickd_core.runs import Library
from bickd_viz.seeds_text import accuracy_note

N, C = 400, 4
IDS = np.random.default_rng(9).permutation(5 * N)[:N].astype(np.int64)
LABELS = np.arange(N) % C


def run(right: float, seed: int, keep: int = N) -> Predictions:
    """Predictions of which about a share `right` is right, their samples in an order of their own."""
    chance = np.random.default_rng(seed)
    said = np.where(chance.random(N) < right, LABELS, (LABELS + 1 + chance.integers(0, C - 1, N)) % C)
    order = chance.permutation(N)[:keep]
    return Predictions(
        logits=5 * np.eye(C, dtype=np.float32)[said[order]],
        class_names=tuple("abcd"),
        ids=IDS[order],
        labels=LABELS[order],
    )


def by_id(predictions: Predictions) -> np.ndarray:
    order = np.argsort(predictions.ids)
    assert predictions.labels is not None
    return (predictions.predicted == predictions.labels)[order].astype(float)


def test_means_over_runs_and_the_interval_over_images():
    ours, theirs = [run(0.8, seed) for seed in range(3)], [run(0.6, seed) for seed in (10, 11)]
    teacher = run(0.9, 99)
    both = compare_over_seeds(teacher, ours, theirs)
    assert both is not None
    assert both.seeds == (3, 2)
    found = both.accuracy
    means = [np.mean([by_id(one) for one in group], axis=0) for group in (ours, theirs)]
    assert found.ours == pytest.approx(means[0].mean())
    assert found.theirs == pytest.approx(means[1].mean())
    slow = paired_mean_difference(means[0], means[1], LABELS[np.argsort(IDS)])
    assert found.difference.estimate == pytest.approx(slow.estimate)
    assert found.difference.low == pytest.approx(slow.low)
    assert found.difference.low < found.difference.estimate < found.difference.high
    names = np.argsort(teacher.ids)
    said = [one.predicted[np.argsort(one.ids)] == teacher.predicted[names] for one in ours]
    assert both.agreement.ours == pytest.approx(np.mean(said))


def test_siblings_are_the_runs_of_a_recipe_and_a_damaged_run_is_none(tmp_path):
    shelf = Path(__file__).resolve().parent.parent / "pretrained"
    broken = tmp_path / "own" / "broken"
    broken.mkdir(parents=True)
    shutil.copy(shelf / "caltech95" / "kd-s0" / "predictions-test.npz", broken)
    (broken / "run.yaml").write_text("format: 1\nname: [")
    library = Library(shelf, tmp_path / "own")
    assert any(run.path == broken and run.has_predictions("test") for run in library.runs())
    found = siblings(library, ("caltech95/kd-s1", "fashion-mnist/kd-s0"), "test")
    assert [len(group) for group in found] == [3, 1]
    asked = library.find("caltech95/kd-s1").predictions("test")
    assert (found[0][0].logits == asked.logits).all()


def test_nothing_is_said_of_a_single_run_or_of_other_samples():
    several = [run(0.8, seed) for seed in range(2)]
    assert compare_over_seeds(run(0.9, 9), several, several[:1]) is None
    assert compare_over_seeds(run(0.9, 9), several, [*several, run(0.8, 5, keep=N - 10)]) is None
    unlabelled = Predictions(logits=several[0].logits, class_names=tuple("abcd"), ids=several[0].ids)
    assert compare_over_seeds(unlabelled, several, several) is None


def test_the_note_says_both_where_the_seeds_are_known():
    more = {"level": 0.95, "method": "paired", "n": N}
    one, over = Interval(0.027, 0.007, 0.048, **more), Interval(-0.001, -0.013, 0.011, **more)
    alone = accuracy_note("BicKD", "KD", 0.605, 0.578, one, None)
    assert alone.startswith("Accuracy: BicKD is higher than KD, 60.5% against 57.8%")
    both = accuracy_note(
        "BicKD",
        "KD",
        0.605,
        0.578,
        one,
        ComparedOverSeeds((3, 3), Share(0.588, 0.589, over), Share(0.678, 0.694, one)),
    )
    assert both.startswith("Accuracy of these two: BicKD is higher than KD, 60.5% against 57.8%")
    assert ". Over 3 seeds of each: no difference seen between BicKD and KD, 58.8% against 58.9%" in both
    assert ". Agreement over these seeds: BicKD is higher than KD, 67.8% against 69.4%" in both
    uneven = accuracy_note(
        "BicKD", "KD", 0.6, 0.5, one, ComparedOverSeeds((3, 2), Share(0.6, 0.5, one), Share(0.6, 0.5, one))
    )
    assert "Over 3 and 2 seeds of each: BicKD is higher than KD" in uneven
