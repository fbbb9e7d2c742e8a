"""The section on a sweep, made of lines that are made up so that every figure can be worked out."""

import base64

import numpy as np
import pytest

from bickd_core.geometry.intervals import paired_mean_difference
from bickd_core.geometry.two_way import holm, two_way_mean_difference
from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.sweeps.results import Result, add_result, sample_code
from pretrained import choice_results, sweep_results
from pretrained.sweep_results import Teacher, paired, right, write

N = 400
LABELS = np.arange(N) % 4
RNG = np.random.default_rng(0)
TEACHER = Teacher(
    LABELS, np.where(RNG.random(N) < 0.9, LABELS, (LABELS + 1) % 4), sample_code(np.arange(N))
)


def options_of(method):
    """The default options of a method as a line records them."""
    name = method.partition("@")[0].replace("+", "-")
    options = (
        VARIANTS[name].options if name in VARIANTS else PRESETS[name.partition("-")[0]].options()
    )
    return options.model_dump(exclude={"kind"})


def line(method, seed, accuracy, **changes):
    """A run whose first share of images is right and whose others are wrong."""
    predicted = np.where(np.arange(N) < accuracy * N, LABELS, (LABELS + 1) % 4)
    fields = {
        "sweep": "s", "name": f"s-{method}-s{seed}", "created": "now", "method": method, "kind": method.split("+")[0],
        "options": options_of(method), "seed": seed, "seeds": {"weights": seed, "order": seed, "augmentation": seed},
        "dataset": "caltech95", "image_size": 32, "arch": "resnet8", "teacher": "caltech95/teacher", "teacher_sha256": "a",
        "epochs": 40, "batch_size": 64, "optimizer": {"kind": "sgd", "lr": 0.05}, "schedule": {"kind": "cosine"},
        "precision": "auto", "threads": 1, "device": "CPU", "n": N, "accuracy": accuracy,
        "agreement": float((predicted == TEACHER.predicted).mean()), "overlap": 0.2, "overlap_matched": 0.2 - accuracy / 10,
        "score": 0.7, "ece": 0.1, "nll": 2.0, "validation_last": 0.5, "validation_best": 0.6, "seconds": 120.0,
        "cpu_seconds": 90.0, "samples": TEACHER.samples,
        "predicted": base64.b64encode(predicted.astype("<u2").tobytes()).decode(),
    }  # fmt: skip
    return Result.model_validate({**fields, **changes})


def lines():
    shares = {
        "kd": (0.50, 0.52),
        "bickd": (0.60, 0.61),
        "ce": (0.41, 0.43),
        "kd+standardize": (0.51, 0.51),
    }
    return [
        line(method, seed, share)
        for method, both in shares.items()
        for seed, share in enumerate(both)
    ]


def test_the_table_has_mean_and_deviation_over_seeds_in_the_presets_order():
    rows = [
        row.split(" | ")
        for row in write(lines(), TEACHER, "T").splitlines()
        if row.startswith("| ")
    ]
    head, ce, kd, standardized, bickd = rows[:5]
    assert head[:3] == ["| method", "seeds", "accuracy %"]
    assert ce[:3] == ["| CE", "2", "42.0 ± 1.4"]
    assert kd[:3] == ["| KD", "2", "51.0 ± 1.4"]
    assert standardized[:3] == ["| kd-standardize", "2", "51.0 ± 0.0"]
    assert bickd[0] == "| BicKD (reconstruction)"
    assert bickd[5:] == ["0.1395 ± 0.0007", "10.0 ± 0.0", "2.0 ± 0.0", "1.5 ± 0.0 |"]


def test_rows_with_earlier_defaults_are_marked_and_others_are_not():
    page = write(lines(), TEACHER, "T")
    assert "†" not in page
    earlier = {"temperature": 2.0, "alpha": 1.0, "beta": 9.0, "standardize": True}
    changed = [
        one.model_copy(update={"options": earlier}) if one.method == "kd+standardize" else one
        for one in lines()
    ]
    page = write(changed, TEACHER, "T")
    assert "| kd-standardize † | 2 |" in page
    assert "| KD | 2 |" in page
    assert "† These runs had earlier defaults" in page
    assert "as published" not in page


def test_a_paired_difference_is_that_of_the_means_over_seeds_image_by_image():
    ours, theirs = (
        {run.seed: run for run in lines() if run.method == method} for method in ("bickd", "kd")
    )
    found = paired(ours, theirs, TEACHER, right)
    scores = [
        np.array([runs[seed].classes == LABELS for seed in (0, 1)], float)
        for runs in (ours, theirs)
    ]
    slow = two_way_mean_difference(*scores, LABELS)
    assert (found.interval, found.p_value) == (slow.interval, slow.p_value)
    over_images = paired_mean_difference(*(each.mean(axis=0) for each in scores), LABELS)
    assert found.interval.low < over_images.low < over_images.high < found.interval.high
    np.testing.assert_allclose(found.by_seed, [0.10, 0.09])
    assert found.interval.estimate == pytest.approx(0.095)
    assert found.signs() == "2/2"


def test_only_seeds_that_both_have_are_paired():
    runs = {run.seed: run for run in lines() if run.method == "kd"}
    assert paired({5: line("ce", 5, 0.4)}, runs, TEACHER, right) is None
    found = paired({1: line("ce", 1, 0.4), 5: line("ce", 5, 0.1)}, runs, TEACHER, right)
    np.testing.assert_allclose(found.by_seed, [-0.12])
    assert write([*lines(), line("dist", 5, 0.5)], TEACHER, "T").count("| DIST | – | – | – |") == 2


def test_the_sentences_follow_the_figures():
    page = write(lines(), TEACHER, "All methods on caltech95")
    assert page.startswith("## All methods on caltech95\n")
    assert "2 seeds a method. Weights, order and augmentation follow the seed." in page
    assert (
        "- Accuracy compared with KD, in points. More accurate: BicKD (reconstruction) (+9.5). "
        "Less accurate: CE (-9.0). No difference seen: kd-standardize (+0.0)." in page
    )
    assert (
        "- Lowest overlap at matched mean entropy: BicKD (reconstruction) (0.1395). It is the"
        " lowest of all methods in 2 of the 2 seeds" in page
    )
    assert "- Cost: 8 runs took 0.3 hours in total (0.2 hours of CPU time)." in page
    assert "The mean time of a run was between 2.0 minutes" in page
    assert "| BicKD (reconstruction) | +9.5 [" in page
    assert "(2/2) | " in page


def test_one_common_seed_says_nothing_of_a_method_and_holm_counts_the_methods():
    page = write([line("kd", 0, 0.5), line("bickd", 0, 0.9)], TEACHER, "T")
    assert (
        "- Accuracy compared with KD, in points. One seed, which says nothing of the method: "
        "BicKD (reconstruction) (+40.0)." in page
    )
    groups = sweep_results.grouped(lines())
    found = sweep_results.against("kd", groups, TEACHER, right)
    p_values = [one.p_value for one, _ in found.values()]
    assert [seen for _, seen in found.values()] == [value < 0.05 for value in holm(p_values)]
    assert "Holm's correction for the 3 comparisons in the column" in write(lines(), TEACHER, "T")


def test_what_is_missing_is_a_dash_and_one_method_alone_is_compared_with_nobody():
    page = write([line("kd", 0, 0.5, overlap_matched=None, cpu_seconds=None)], TEACHER, "T")
    assert "| KD | 1 | 50.0 | " in page
    assert page.count(" – ") == 2
    assert "Accuracy compared with" not in page
    assert "hours in total. The mean time of a run was" in page


def test_a_shared_augmentation_stream_is_said():
    shared = line("kd", 1, 0.5, seeds={"weights": 1, "order": 1, "augmentation": 0})
    assert "All seeds share one augmentation stream" in write(
        [line("kd", 0, 0.5), shared], TEACHER, "T"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"epochs": 3}, "s-ce-s0 and s-kd-s0 must share `epochs`, got 3 and 40"), ({"samples": 1}, "must share `samples`")],
)  # fmt: skip
def test_runs_of_another_budget_or_other_images_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        write([line("kd", 0, 0.5), line("ce", 0, 0.5, **changes)], TEACHER, "T")
    with pytest.raises(ValueError, match="other test images than the teacher's"):
        write([line("kd", 0, 0.5, samples=1)], TEACHER, "T")


def test_the_section_reads_the_file_and_is_empty_without_one(tmp_path):
    assert sweep_results.section(tmp_path / "none.jsonl") == ""
    teacher = Teacher.of(
        sweep_results.Library(sweep_results.SHELF, tmp_path)
        .find("caltech95/teacher")
        .predictions("test")
    )
    code = base64.b64encode(teacher.predicted.astype("<u2").tobytes()).decode()
    twin = line("kd", 0, 0.5, n=1208, samples=teacher.samples, predicted=code, agreement=1.0)
    add_result(tmp_path / "some.jsonl", twin)
    page = sweep_results.section(tmp_path / "some.jsonl")
    assert "| KD | 1 | 50.0 | 100.0 |" in page
    assert "n = 1,208 test images" in page


def test_choices_are_held_against_their_base_seed_by_seed():
    base = [
        line("kd", seed, share, device="CPU, bf16, 1 thread")
        for seed, share in enumerate((0.505, 0.515))
    ]
    views = [
        line("kd-views4", seed, share, kind="kd", view_pool=4)
        for seed, share in enumerate((0.44, 0.45))
    ]
    full = [line("kd-fp32", seed, 0.51, kind="kd", precision="fp32") for seed in (0, 1)]
    page = choice_results.write([*views, *full], base, TEACHER)
    rows = [row.strip("| ").split(" | ") for row in page.splitlines() if row.startswith("| ")]
    assert [row[0] for row in rows] == ["setting", "base", "fp32 throughout", "4 views in turn"]
    assert (rows[1][1:3], rows[1][4]) == (["2", "51.0 ± 0.7"], "–")
    ours, theirs = ({run.seed: run for run in runs} for runs in (views, base))
    assert rows[3][4] == sweep_results.points(paired(ours, theirs, TEACHER, right))
    assert "- fp32 throughout: no difference in accuracy seen" in page
    assert "- 4 views in turn: less accurate" in page
    assert "more than the base's standard deviation over seeds, 0.7 points" in page
    with pytest.raises(ValueError, match="must share `epochs`, got 20 and 40"):
        choice_results.write([full[0].model_copy(update={"epochs": 20})], base, TEACHER)
    with pytest.raises(ValueError, match="has no run of seed 7 to be held against"):
        choice_results.write([line("kd-fp32", 7, 0.5, kind="kd")], base, TEACHER)
