"""A line of results: figures as `bickd evaluate` has them, written whole and once."""

import json

import numpy as np
import pytest
from run_helpers import random_predictions

from bickd_core.geometry.calibration import calibration_interval, confidence_and_hits, reliability
from bickd_core.geometry.proper_scores import fit_temperature
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.summary import summarise
from bickd_core.presets.logits import BicKDOptions
from bickd_core.runs.card import summary_of
from bickd_core.runs.create import check_run, file_sha256, same_settings
from bickd_core.runs.library import RunError, TeacherRef
from bickd_core.runs.predictions import align
from bickd_core.runs.teachers import recorded_teacher
from bickd_core.sweeps.definition import PlannedRun, Sweep
from bickd_core.sweeps.results import (
    Result,
    add_result,
    has_result,
    measured,
    read_results,
    result_of,
    sample_code,
    settings,
)


@pytest.fixture
def finished(make_run):
    """A finished student with made-up predictions beside a teacher's on the same samples."""
    teacher = random_predictions(n=60, c=10, seed=1)
    make_run("teacher", predictions=teacher, info={"role": "teacher"})
    own = random_predictions(n=60, c=10, seed=2)
    own = type(own)(
        logits=own.logits,
        class_names=own.class_names,
        ids=teacher.ids[::-1],
        labels=teacher.labels[::-1],
    )
    run = make_run(
        "s-kd-s1", predictions=own, info={"teacher": TeacherRef(key="teacher", weights_sha256="ab")}
    )
    for epoch, accuracy in enumerate((0.25, 0.75, 0.5)):
        run.append_metrics({"epoch": epoch, "validation_accuracy": accuracy})
    return run


@pytest.fixture
def planned(finished):
    return PlannedRun("s-kd-s1", "kd", "teacher-convnet-small", finished.info().config)


def test_a_replaced_teacher_is_not_compared_with(finished, planned, library):
    teacher = library.find("teacher")
    teacher.weights_path.write_bytes(b"other weights")
    with pytest.raises(RunError, match="teacher 'teacher' has other weights than when 's-kd-s1'"):
        result_of(planned, finished, library, sweep="s")
    info = finished.info()
    assert summary_of(finished, info, library).agreement is None
    right = TeacherRef(key="teacher", weights_sha256=file_sha256(teacher.weights_path))
    wanted = info.model_copy(update={"teacher": right})
    assert not same_settings(info, wanted)
    assert same_settings(wanted, wanted)
    assert recorded_teacher(wanted, library.find) == teacher
    teacher.weights_path.write_bytes(b"later")
    with pytest.raises(RunError, match="has other weights"):
        recorded_teacher(wanted, library.find)


def test_a_run_without_recorded_epochs_is_not_measured(finished, planned, library):
    (finished.path / "metrics.jsonl").unlink()
    with pytest.raises(RunError, match="run 's-kd-s1' has no validation accuracies in metrics"):
        result_of(planned, finished, library, sweep="s")


def test_figures_are_those_of_the_summary_and_the_classes_can_be_paired(finished, planned, library):
    found = result_of(planned, finished, library, sweep="s")
    teacher, own = align(
        [library.find("teacher").predictions(), finished.predictions()]
    ).predictions
    figures = summarise(teacher, own, T=4.0)
    assert found.accuracy == pytest.approx(figures.accuracy.estimate, abs=1e-6)
    assert found.agreement == pytest.approx(figures.agreement.estimate, abs=1e-6)
    assert found.overlap == pytest.approx(figures.overlap.plain, abs=1e-6)
    assert found.overlap_matched == pytest.approx(figures.overlap_matched.plain, abs=1e-6)
    assert found.overlap_per_image == pytest.approx(figures.overlap_per_image.plain, abs=1e-6)
    assert found.ece == pytest.approx(figures.calibration_error.plain, abs=1e-6)
    assert (found.validation_last, found.validation_best, found.n) == (0.5, 0.75, 60)
    assert (found.method, found.seed, found.teacher, found.cpu_seconds) == (
        "kd",
        1,
        "teacher",
        None,
    )
    assert not found.shared_augmentation
    order = np.argsort(own.ids)
    np.testing.assert_array_equal(found.classes, own.predicted[order])
    assert (found.classes == own.labels[order]).mean() == pytest.approx(found.accuracy, abs=1e-6)
    assert found.samples == sample_code(own.ids) == sample_code(own.ids[::-1])
    assert found.samples != sample_code(own.ids + 1)


def test_the_cost_of_the_views_is_summed_if_every_epoch_tells_it(finished, planned, library):
    assert result_of(planned, finished, library, sweep="s").teacher_cpu_seconds is None
    (finished.path / "metrics.jsonl").unlink()
    for epoch, used in enumerate((20.0, 0.25)):
        finished.append_metrics(
            {"epoch": epoch, "validation_accuracy": 0.5, "teacher_cpu_seconds": used}
        )
    assert result_of(planned, finished, library, sweep="s").teacher_cpu_seconds == 20.2


def test_a_line_has_what_intervals_over_seeds_and_images_need(finished, planned, library):
    validation = random_predictions(n=50, c=10, seed=4)
    validation.save(finished.predictions_path("validation"))
    rng = np.random.default_rng(0)
    hits = {"noise": rng.random(60) < 0.5, "blur": rng.random(60) < 0.5}
    line = result_of(planned, finished, library, sweep="s", corrupted_hits=hits)
    found = Result.model_validate_json(line.model_dump_json())

    own = finished.predictions()
    shard = stratified_shards(50, validation.labels)
    assert found.temperature == fit_temperature(validation.logits, validation.labels, shard).shown
    scaled = calibration_interval(
        *confidence_and_hits(own.probabilities(found.temperature), own.labels)
    )
    assert found.ece_scaled == pytest.approx(scaled.plain, abs=1e-6)

    teacher = library.find("teacher").predictions()
    order = np.argsort(teacher.ids)
    figures = summarise(teacher.take(order), align([teacher, own]).predictions[1].take(order))
    assert found.replicated("overlap").estimate == pytest.approx(figures.overlap.estimate, abs=1e-4)
    per_image = found.replicated("overlap_per_image").estimate
    assert per_image == pytest.approx(figures.overlap_per_image.estimate, abs=1e-4)

    rows = own.take(np.argsort(own.ids))
    without = stratified_shards(60, rows.labels) != 3
    probabilities = rows.probabilities()
    sides = confidence_and_hits(probabilities[without], rows.labels[without])
    expected = reliability(*sides).error
    assert found.replicated("ece").replicates[3] == pytest.approx(expected, abs=1e-6)
    assert found.replicated("ece").value == found.ece

    assert found.corrupted["blur"] == pytest.approx(hits["blur"].mean(), abs=1e-6)
    np.testing.assert_allclose(found.robustness, (hits["noise"] + 0.0 + hits["blur"]) / 2)


def test_a_line_without_replicates_says_so(finished, planned, library):
    found = result_of(planned, finished, library, sweep="s")
    assert (found.temperature, found.ece_scaled, found.robustness) == (None, None, None)
    with pytest.raises(RunError, match="line of s-kd-s1 has no replicates of `ece_scaled`"):
        found.replicated("ece_scaled")


def test_figures_on_validation_read_nothing_of_test(finished, planned, library):
    own = random_predictions(n=40, c=10, seed=3)
    own.save(finished.predictions_path("validation"))
    finished.predictions_path("test").unlink()
    finished.append_metrics(
        {"epoch": 3, "validation_accuracy": 0.6, "validation_agreement": 0.123456789}
    )
    found = result_of(planned, finished, library, sweep="s", split="validation")
    assert (found.split, found.n, found.agreement) == ("validation", 40, 0.123457)
    assert found.accuracy == pytest.approx((own.predicted == own.labels).mean(), abs=1e-6)
    assert found.samples == sample_code(own.ids)
    assert found.overlap is not None
    assert found.overlap_matched is None


def test_a_line_from_before_an_option_was_added_has_its_former_value(finished, planned, library):
    line = result_of(planned, finished, library, sweep="s").model_dump(mode="json")
    fresh = BicKDOptions().model_dump(mode="json", exclude={"kind"})
    older = {name: value for name, value in fresh.items() if name not in BicKDOptions.former}
    assert len(older) < len(fresh)
    read = Result.model_validate({**line, "kind": "bickd", "options": older})
    assert read.options == fresh
    own = {**older, "queue": 4}
    assert Result.model_validate({**line, "kind": "bickd", "options": own}).options["queue"] == 4


def test_a_line_is_added_once_and_an_older_run_of_the_name_makes_room(
    finished, planned, library, tmp_path
):
    path = tmp_path / "new" / "results.jsonl"
    found = result_of(planned, finished, library, sweep="s")
    sweep = sweep_of(planned)
    assert not has_result(read_results(path), finished, sweep)
    add_result(path, found)
    add_result(path, found.model_copy(update={"name": "other"}))
    before = path.read_bytes()
    add_result(path, found)
    assert path.read_bytes() == before
    assert has_result(read_results(path), finished, sweep)
    for change in ({"results_on": "validation"}, {"corruptions": True}):
        assert not has_result(read_results(path), finished, sweep.model_copy(update=change))
    assert len(before.splitlines()[0]) < 4000
    add_result(path, found.model_copy(update={"created": "2020-01-01"}))
    assert [each.name for each in read_results(path)] == ["s-kd-s1", "other"]
    assert not has_result(read_results(path), finished, sweep)


def test_a_damaged_line_is_named(finished, planned, library, tmp_path):
    path = tmp_path / "results.jsonl"
    add_result(path, result_of(planned, finished, library, sweep="s"))
    stored = json.loads(path.read_text())
    path.write_text(path.read_text() + json.dumps({**stored, "more": 1}) + "\n")
    with pytest.raises(RunError, match=r"results.jsonl is damaged in line 2: `more` is not known"):
        read_results(path)


def test_a_run_without_predictions_is_refused(finished, planned, library):
    finished.predictions_path("test").unlink()
    with pytest.raises(RunError, match="run 's-kd-s1' has no predictions on test yet"):
        result_of(planned, finished, library, sweep="s")


def sweep_of(planned):
    """A sweep that has this run."""
    pair = {"teacher": "teacher", "student": planned.config.arch}
    return Sweep.model_validate({"name": "s", "pairs": [pair], "methods": [planned.method]})


def test_a_line_answers_for_a_run_of_the_same_settings_alone(finished, planned, library):
    found = result_of(planned, finished, library, sweep="s")
    found = found.model_copy(update=settings(check_run(planned.config, library)))
    sweep = sweep_of(planned)
    assert measured([found], planned, library, sweep)
    assert not measured([], planned, library, sweep)
    for change in ({"results_on": "validation"}, {"corruptions": True}):
        assert not measured([found], planned, library, sweep.model_copy(update=change))
    for changes in (
        {"name": "other"},
        {"epochs": 7},
        {"options": {"a": 1}},
        {"train_limit": 3},
        {"teacher": "x"},
    ):
        assert not measured([found.model_copy(update=changes)], planned, library, sweep), changes
