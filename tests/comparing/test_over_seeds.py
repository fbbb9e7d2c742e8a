"""Two recipes over their seeds: figures, intervals over seeds and images, Holm's correction, and
who is a seed of whom."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.finding import Finding, finding
from bickd_core.comparing.report_data import read_report_data
from bickd_core.comparing.seeds import (
    Recipes,
    Scored,
    compare,
    on_other_data,
    recipe,
    recipe_figures,
    score,
    siblings,
    with_holm,
)
from bickd_core.geometry.summary import summarise
from bickd_core.geometry.two_way import holm, two_way_mean_difference
from bickd_core.runs.library import Library
from bickd_core.runs.predictions import Predictions
from bickd_viz.text import seeds

SHELF = Path(__file__).resolve().parents[2] / "pretrained"
N, C = 400, 4
IDS = np.random.default_rng(9).permutation(5 * N)[:N].astype(np.int64)
LABELS = np.arange(N) % C


def run(right: float, seed: int, keep: int = N) -> Predictions:
    """Predictions of which about a share `right` is right, their samples in an order of their
    own."""
    chance = np.random.default_rng(seed)
    predicted = np.where(
        chance.random(N) < right, LABELS, (LABELS + 1 + chance.integers(0, C - 1, N)) % C
    )
    order = chance.permutation(N)[:keep]
    logits = 5 * np.eye(C)[predicted[order]] + chance.normal(0, 1, (keep, C))
    return Predictions(
        logits=logits.astype(np.float32),
        class_names=tuple("abcd"),
        ids=IDS[order],
        labels=LABELS[order],
    )


TEACHER = run(0.9, 99)


def scored(*runs: Predictions) -> list[Scored]:
    found = [score(TEACHER, one, 4.0) for one in runs]
    assert all(found)
    return found


def test_a_run_is_scored_on_the_teachers_samples_as_its_summary_is():
    own = run(0.8, 1)
    rows = {id: i for i, id in enumerate(own.ids.tolist())}
    order = np.array([rows[id] for id in TEACHER.ids.tolist()])
    aligned = Predictions(own.logits[order], own.class_names, TEACHER.ids, TEACHER.labels)
    (one,) = scored(own)
    np.testing.assert_array_equal(one.shares["accuracy"], aligned.predicted == TEACHER.labels)
    np.testing.assert_array_equal(one.shares["agreement"], aligned.predicted == TEACHER.predicted)
    summary = summarise(TEACHER, aligned, T=4.0)
    for field in ("overlap", "overlap_matched", "overlap_per_image"):
        assert one.overlaps[field].interval().estimate == pytest.approx(
            getattr(summary, field).estimate, abs=1e-5
        )
    figures = recipe_figures([one], TEACHER.labels)
    assert figures["accuracy"].interval == summary.accuracy
    assert figures["accuracy"].deviation is None
    assert "agreement" not in score(TEACHER, TEACHER, 4.0).shares
    assert score(TEACHER, run(0.8, 5, keep=N - 10), 4.0) is None


def test_figures_of_a_recipe_are_means_and_deviations_over_its_runs():
    runs = scored(*(run(0.8, seed) for seed in range(3)))
    found = recipe_figures(runs, TEACHER.labels)
    shares = [one.shares["accuracy"].mean() for one in runs]
    assert (found["accuracy"].mean, found["accuracy"].deviation) == pytest.approx(
        (np.mean(shares), np.std(shares, ddof=1))
    )
    overlaps = [one.overlaps["overlap_per_image"].interval().estimate for one in runs]
    figure = found["overlap_per_image"]
    assert (figure.mean, figure.deviation) == pytest.approx(
        (np.mean(overlaps), np.std(overlaps, ddof=1))
    )
    assert figure.interval.low < figure.mean < figure.interval.high


def test_recipes_are_compared_over_seeds_and_images_and_the_teacher_is_one_network():
    ours, theirs = (
        scored(*(run(0.8, s) for s in range(3))),
        scored(*(run(0.6, s) for s in (10, 11))),
    )
    both = compare(ours, theirs, TEACHER.labels)
    assert (both.seeds, both.networks) == ((3, 2), False)
    rows = [np.array([one.shares["accuracy"] for one in side], float) for side in (ours, theirs)]
    slow = two_way_mean_difference(*rows, TEACHER.labels)
    found = both.figures["accuracy"]
    assert (found.interval, found.p_value) == (slow.interval, slow.p_value)
    assert (found.student, found.baseline) == pytest.approx((rows[0].mean(), rows[1].mean()))
    assert found.seen
    teacher = compare(ours, scored(TEACHER), TEACHER.labels, against_network=True)
    assert not teacher.networks
    assert "agreement" not in teacher.figures
    assert teacher.figures["accuracy"].seen


def test_with_one_seed_the_first_runs_are_compared_as_two_networks():
    ours, theirs = scored(run(0.8, 0)), scored(run(0.6, 10), run(0.95, 11))
    both = compare(ours, theirs, TEACHER.labels)
    assert both.networks
    assert both.figures["accuracy"].baseline == pytest.approx(theirs[0].shares["accuracy"].mean())
    assert both.figures["accuracy"].seen
    text = seeds.headline("BicKD", "KD", both)
    assert text.startswith("One run each: BicKD is more accurate than KD")
    assert "one run each" in seeds.note("BicKD", "KD", both, temperature=4.0)
    assert "hold for these two models" in seeds.how("BicKD", "KD", both, n=100, split="test")


def test_without_intervals_nothing_is_said_to_be_alike():
    """Below 100 samples there is none, and p is 1."""
    teacher = TEACHER.take(np.arange(60))

    def few(share, seed):
        own = run(share, seed)
        return own.take(np.flatnonzero(np.isin(own.ids, teacher.ids)))

    ours, theirs = (
        [score(teacher, few(share, seed), 4.0) for seed in range(3)] for share in (0.95, 0.3)
    )
    both = compare(ours, theirs, teacher.labels)
    assert both.figures["accuracy"].interval.low is None
    said = [
        seeds.headline("BicKD", "KD", both, "image"),
        *seeds.all_seeds("BicKD", "KD", both, (0, 0)),
        seeds.against_all("BicKD", {"KD": both}),
        *seeds.difference_rows("BicKD", {"KD": both})[0].values(),
    ]
    assert said[0] == "Too few images to tell BicKD and KD apart"
    assert any("too few samples for an interval" in text for text in said[1:])
    assert not any("no difference" in text.lower() or "not seen" in text for text in said)


def test_equal_networks_with_other_rounding_do_not_differ():
    network = run(0.8, 0)
    shifted = replace(network, logits=network.logits + np.float32(3.3))
    both = compare(scored(network), scored(shifted), TEACHER.labels)
    overlap = both.figures["overlap"]
    assert (overlap.interval.estimate, overlap.p_value, overlap.seen) == (0.0, 1.0, False)
    assert "no difference seen" in seeds.headline("BicKD", "KD", both)
    (row,) = seeds.difference_rows("BicKD", {"KD": both})
    assert row["overlap matched per image"] == "0.000 [0.000, 0.000], not seen"


def test_p_values_are_adjusted_for_all_that_a_student_is_held_against():
    runs = {
        name: tuple(scored(*(run(right, start + s) for s in range(3))))
        for name, right, start in (("a", 0.8, 0), ("b", 0.77, 10), ("c", 0.76, 20), ("d", 0.6, 30))
    }
    recipes = Recipes("t", runs | {"t": tuple(scored(TEACHER))}, TEACHER.labels)
    found = recipes.against("a", ["b", "c", "d"])
    alone = [compare(runs["a"], runs[name], TEACHER.labels) for name in "bcd"]
    for field in ("accuracy", "overlap_per_image"):
        assert [one.figures[field].adjusted for one in found.values()] == holm(
            [one.figures[field].p_value for one in alone]
        )
    assert {one.comparisons for one in found.values()} == {3}
    assert (
        with_holm(alone[:1])[0].figures["accuracy"].adjusted == alone[0].figures["accuracy"].p_value
    )


def test_siblings_are_the_runs_of_a_recipe_and_a_damaged_run_is_none(tmp_path):
    broken = tmp_path / "own" / "broken"
    broken.mkdir(parents=True)
    shutil.copy(SHELF / "caltech95" / "kd-s0" / "predictions-test.npz", broken)
    (broken / "run.yaml").write_text("format: 1\nname: [")
    half = tmp_path / "own" / "half-copied"
    half.mkdir()
    text = (SHELF / "caltech95" / "kd-s0" / "run.yaml").read_text()
    (half / "run.yaml").write_text(
        text.replace("weights: 0", "weights: 9").replace("name: kd-s0", "name: half-copied")
    )
    (half / "predictions-test.npz").write_bytes(
        (broken / "predictions-test.npz").read_bytes()[:20000]
    )
    library = Library(SHELF, tmp_path / "own")
    reasons: list[str] = []
    assert any(run.path == broken and run.has_predictions("test") for run in library.runs())
    found = siblings(library, ("caltech95/kd-s1", "fashion-mnist/kd-s0"), "test", reasons.append)
    assert [reason.split(":")[0] for reason in reasons] == [
        "broken/run.yaml cannot be read",
        "half-copied/predictions-test.npz",
    ]
    assert [len(group) for group in found] == [3, 1]
    assert (found[0][0].logits == library.find("caltech95/kd-s1").predictions("test").logits).all()
    both = siblings(library, ("caltech95/kd-s1", "caltech95/kd-s0"), "test")
    assert [len(group) for group in both] == [1, 1], "students of one recipe stand for themselves"


def test_runs_on_a_folder_whose_images_changed_are_not_seeds_of_one_recipe(tmp_path):
    library = Library(SHELF, tmp_path)
    one = library.find("caltech95/kd-s0").info().model_copy(update={"data_content": "a" * 16})
    other = library.find("caltech95/kd-s1").info()
    changed = other.model_copy(update={"data_content": "b" * 16})
    same = other.model_copy(update={"data_content": "a" * 16})
    assert recipe(one) == recipe(same)
    assert recipe(one) != recipe(changed)
    another = library.find("caltech95/dist-s1").info()
    assert on_other_data(one, [same, changed, another]) == [changed.name]


@pytest.fixture(scope="module")
def bundled() -> Recipes:
    library = Library(SHELF, SHELF / "none")
    teacher = library.find("caltech95/teacher").predictions("test")
    methods = ("ce", "kd", "dist", "bickd")
    groups = siblings(library, [f"caltech95/{method}-s0" for method in methods], "test")
    runs = {
        method: tuple(score(teacher, one, 4.0) for one in group)
        for method, group in zip(methods, groups, strict=True)
    }
    return Recipes("t", runs | {"t": (score(teacher, teacher, 4.0),)}, teacher.labels)


def test_methods_are_not_told_apart_in_accuracy_though_their_first_seeds_are(bundled):
    """Seed 0 of DIST is its best and of KD its worst."""
    first = compare(bundled.runs["dist"][:1], bundled.runs["kd"][:1], bundled.labels)
    assert first.figures["accuracy"].seen
    assert not bundled.against("dist", ["kd"])["kd"].figures["accuracy"].seen


def test_the_sentences_of_the_bundled_pair(bundled):
    found = bundled.against("bickd", ["kd", "ce"])
    named = {"KD": found["kd"], "CE": found["ce"]}
    assert not named["KD"].figures["accuracy"].seen
    assert seeds.headline("BicKD", "KD", named["KD"]) == (
        "BicKD's classes overlap less than KD's at matched entropy; no accuracy difference seen"
    )
    assert seeds.against_all("BicKD", named) == (
        "Accuracy: BicKD is above CE; no difference is seen from KD."
    )
    assert "59.2% against 58.9%" in seeds.note("BicKD", "KD", named["KD"], temperature=4.0)
    assert "means of 3 seeds each" in seeds.note("BicKD", "KD", named["KD"], temperature=4.0)
    assert "Holm's correction for 2 comparisons" in seeds.how(
        "BicKD", "KD", named["KD"], n=100, split="test"
    )
    said, detail = seeds.all_seeds("BicKD", "KD", named["KD"], (0, 0))
    assert said == (
        "This is seed 0 of each. Means of 3 seeds each: BicKD minus KD +0.3 points [−1.2, +1.9], no"
        " difference seen."
    )
    assert "over seeds and images together" in detail
    both = compare(bundled.runs["bickd"][:1], bundled.runs["kd"], bundled.labels)
    assert seeds.all_seeds("BicKD", "KD", both, (0, 0)) == ("", "")
    rows = seeds.difference_rows("BicKD", named)
    assert [row["BicKD minus"] for row in rows] == ["KD", "CE"]
    assert rows[0]["accuracy"].endswith(", not seen")
    assert rows[1]["accuracy"].endswith(", seen")


def test_the_teacher_is_compared_too_and_leaves_the_other_p_values_alone():
    names = {"teacher": "t", "KD": "kd", "BicKD": "bickd"}
    models = tuple(
        Model(key, name, key if key != "t" else "teacher", None, TEACHER)
        for name, key in names.items()
    )
    comparison = Comparison("drawn", "test", models, (N,) * 3)
    runs = {
        key: tuple(scored(*(run(right, start + s) for s in range(3))))
        for key, right, start in (("bickd", 0.8, 0), ("kd", 0.77, 10))
    }
    recipes = Recipes("t", runs | {"t": tuple(scored(TEACHER))}, TEACHER.labels)
    found = finding(comparison, recipes)
    assert list(found.compared) == ["KD"]
    assert list(found.against_each) == ["KD", "the teacher"]
    slow = compare(runs["bickd"], scored(TEACHER), TEACHER.labels, against_network=True)
    assert found.teacher == slow
    assert found.main == compare(runs["bickd"], runs["kd"], TEACHER.labels)
    rows = seeds.difference_rows("BicKD", found.against_each)
    assert [row["BicKD minus"] for row in rows] == ["KD", "the teacher"]
    right = np.mean([one.shares["accuracy"].mean() for one in runs["bickd"]])
    gap = 100 * (right - (TEACHER.predicted == TEACHER.labels).mean())
    assert rows[1]["accuracy"].startswith(f"{gap:+.1f} points [".replace("-", "−"))
    assert rows[1]["accuracy"].endswith(", seen")
    assert (rows[1]["runs"], rows[1]["agreement with the teacher"]) == ("3 and 1", "–")
    assert f"mean of 3 seeds: accuracy {rows[1]['accuracy']}." in " ".join(
        seeds.finding_details(found, comparison)
    )


def test_a_single_student_is_compared_with_the_teacher_once():
    models = (
        Model("t", "teacher", "teacher", None, TEACHER),
        Model("kd", "KD", "kd", None, TEACHER),
    )
    runs = {"t": tuple(scored(TEACHER)), "kd": tuple(scored(run(0.8, 0)))}
    found = finding(Comparison("drawn", "test", models, (N, N)), Recipes("t", runs, TEACHER.labels))
    assert found.teacher is None
    assert list(found.against_each) == ["the teacher"]


@pytest.mark.parametrize("closer", [True, False])
def test_a_separated_pair_does_not_contradict_a_headline_that_classes_are_closer(bundled, closer):
    names = ("CE", "BicKD") if closer else ("BicKD", "CE")
    student, baseline = (Model(name, name, name.lower(), None, TEACHER) for name in names)
    main = compare(*(bundled.runs[name.lower()] for name in names), bundled.labels)
    assert main.figures["overlap_per_image"].seen
    said = seeds.pair_and_whole(Finding(student, baseline, {baseline.called: main}), 2.0)
    assert said == (
        "Over all pairs of classes, matched per image, CE keeps classes closer together than BicKD."
        " Of the single pairs at T = 2, it separates this one most."
        if closer
        else ""
    )


def test_the_teacher_is_no_seed_of_its_student():
    library = Library(SHELF, SHELF / "none")
    data = read_report_data(library, "caltech95/ce-s0", ["caltech95/ce-s1"])
    assert data.recipes.seeds("caltech95/ce-s1") == 2
    assert all((one.shares["agreement"] < 1).any() for one in data.recipes.runs["caltech95/ce-s1"])


def test_runs_that_are_right_everywhere_have_the_interval_of_one():
    right = Scored({"accuracy": np.ones(200, dtype=bool)}, {})
    one, three = (recipe_figures([right] * runs, None)["accuracy"].interval for runs in (1, 3))
    assert (three.low, three.high) == (one.low, one.high)
    assert three.low < 1


def test_a_reports_maps_are_turned_onto_the_teachers_as_on_the_page():
    library = Library(SHELF, SHELF / "none")
    data = read_report_data(library, "caltech95/teacher", ["caltech95/kd-s0"])
    teacher, student = data.maps["caltech95/teacher"], data.maps["caltech95/kd-s0"]
    np.testing.assert_array_equal(teacher.coordinates, teacher.layout.coordinates)
    moved = [
        np.linalg.norm(each - teacher.coordinates, axis=1).mean()
        for each in (student.coordinates, student.layout.coordinates)
    ]
    assert moved[0] < 0.7 * moved[1]
