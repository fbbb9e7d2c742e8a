"""The teacher's stored views and races: the same students as alone, live or stored; damage; budget;
errors."""

import json
import shutil

import numpy as np
import pytest
import torch
from filelock import FileLock
from run_helpers import small_config
from safetensors.torch import load_file

from bickd_core.config import check_alike
from bickd_core.runs.create import create_run, epochs_before, extension
from bickd_core.training import engine, teacher, view_store
from bickd_core.training.engine import fit
from bickd_core.training.setup import build_job, build_race
from bickd_core.training.worker import work, work_race

pytestmark = pytest.mark.usefixtures("quick_umap", "teacher")


@pytest.fixture
def make(library):
    def run(name, kind="kd", **changes):
        asked = {"objective": {"kind": kind}, "teacher": "teacher", "train_limit": 200, **changes}
        return create_run(small_config(**asked), library, name=name)

    return run


def trained(run, library):
    assert fit(build_job(run.info().config, library), run) == "finished"
    return load_file(run.weights_path)


def equal(first, second):
    return set(first) == set(second) and all(
        torch.equal(first[name], second[name]) for name in first
    )


def passes(monkeypatch):
    """Images that the live teacher was shown, batch by batch."""
    seen = []
    original = teacher.LiveTeacher.outputs

    def spy(self, picked, inputs):
        seen.append(len(inputs))
        return original(self, picked, inputs)

    monkeypatch.setattr(teacher.LiveTeacher, "outputs", spy)
    return seen


# -- the store ---------------------------------------------------------------------------------------
def test_stored_and_live_agree_to_1e_5_in_fp32(make, library):
    jobs = [
        build_job(make(how, "bickd", teacher_outputs=how).info().config, library)
        for how in ("live", "stored")
    ]
    picked = torch.arange(0, 200, 3)
    for _ in jobs[1].batches.prepare(0):
        pass
    live, stored = (job.batches.get(picked, 0, 0) for job in jobs)
    assert torch.equal(live.inputs, stored.inputs)
    torch.testing.assert_close(live.teacher.logits, stored.teacher.logits, rtol=1e-5, atol=1e-5)
    terms = [
        engine.train_step(job, picked, engine.Position()).figures() for job in jobs
    ]  # and so do the losses of the first step
    assert terms[0]["loss"] == pytest.approx(terms[1]["loss"], rel=1e-5)


def test_a_second_student_pays_for_no_teacher_pass_and_other_views_are_not_taken_for_its(
    make, library, monkeypatch
):
    seen = passes(monkeypatch)
    first = trained(make("a"), library)
    assert sum(seen) == 2 * 200  # two epochs, each view once
    seen.clear()
    assert equal(trained(make("b"), library), first)
    trained(make("c", "dist"), library)
    assert seen == []
    trained(make("d", seeds={"weights": 1, "order": 1, "augmentation": 2}), library)
    trained(make("e", train_limit=150), library)
    assert sum(seen) == 2 * (200 + 150)
    seen.clear()
    trained(make("f", teacher_outputs="live"), library)
    assert len(seen) == 2 * 3


def test_without_augmentation_there_is_one_view_and_a_pool_is_used_in_turn(
    make, library, monkeypatch
):
    seen = passes(monkeypatch)
    trained(make("a", augment=False, epochs=3), library)
    assert sum(seen) == 200
    seen.clear()
    trained(make("b", view_pool=2, epochs=5), library)
    assert sum(seen) == 2 * 200


def test_the_first_run_tells_what_the_views_cost_and_the_next_has_no_such_cost(make, library):
    first, second, labels = make("a"), make("b"), make("c", kind="ce", teacher=None)
    for run in (first, second, labels):
        trained(run, library)
    costs = [[r["teacher_cpu_seconds"] for r in run.metrics()] for run in (first, second)]
    assert min(costs[0]) > 3 * max(costs[1]) >= 0
    assert all("teacher_cpu_seconds" not in record for record in labels.metrics())


@pytest.mark.parametrize("damage", [b"", b"short", "flip", "cut"])
def test_a_damaged_view_is_found_and_made_again(make, library, monkeypatch, caplog, damage):
    first = trained(make("a"), library)
    (file,) = view_store.views_folder().glob("*/view-000001.safetensors")
    good = file.read_bytes()
    bad = {"flip": good[:500] + bytes([good[500] ^ 1]) + good[501:], "cut": good[:-7]}
    file.write_bytes(bad[damage] if isinstance(damage, str) else damage)
    seen = passes(monkeypatch)
    assert equal(trained(make("b"), library), first)
    assert sum(seen) == 200
    assert "damaged" in caplog.text
    assert file.read_bytes() == good


def test_the_budget_throws_out_the_least_recently_used(make, library, monkeypatch):
    trained(make("a", epochs=1), library)
    (file,) = view_store.views_folder().glob("*/view-*.safetensors")
    size = file.stat().st_size
    monkeypatch.setenv("BICKD_VIEWS_GB", str(2.5 * size / 1e9))
    trained(make("b", epochs=4), library)
    left = sorted(path.name for path in view_store.views_folder().glob("*/view-*.safetensors"))
    assert left == ["view-000002.safetensors", "view-000003.safetensors"]
    monkeypatch.setenv("BICKD_VIEWS_GB", "0")
    first = trained(make("c", epochs=2), library)
    monkeypatch.delenv("BICKD_VIEWS_GB")
    assert equal(first, trained(make("d", epochs=2), library))
    monkeypatch.setenv("BICKD_VIEWS_GB", "much")
    with pytest.raises(
        ValueError, match="BICKD_VIEWS_GB must be a number of gigabytes of at least 0, got 'much'"
    ):
        view_store.budget_bytes()


def test_a_folder_that_takes_no_files_costs_time_and_not_the_run(
    make, library, monkeypatch, tmp_path, caplog
):
    first = trained(make("a"), library)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "teacher-views").write_text("a file where a folder should be")
    monkeypatch.setenv("BICKD_CACHE", str(blocked))
    assert equal(trained(make("b"), library), first)
    assert "views are not shared" in caplog.text


def test_what_is_stored_is_listed_and_cleared(make, library):
    trained(make("a"), library)
    (shelf,) = view_store.shelves()
    assert (shelf.teacher, shelf.dataset, shelf.names, shelf.views) == (
        "teacher",
        "digits",
        ("logits",),
        2,
    )
    about = json.loads((shelf.path / "about.json").read_text())
    assert about["precision"] == "fp32"
    assert view_store.clear() == shelf.bytes > 2 * 200 * 10 * 4
    assert view_store.shelves() == []


def test_a_stop_in_the_teachers_pass_saves_and_loses_nothing(make, library, monkeypatch):
    monkeypatch.setattr(teacher, "PASS_BATCH", 50)
    unbroken = trained(make("a"), library)
    view_store.clear()
    run = make("b")
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == 3

    job = build_job(run.info().config, library)
    assert fit(job, run, should_stop=stop) == "stopped"
    assert list(view_store.views_folder().glob("*/view-*.safetensors")) == []
    assert equal(trained(run, library), unbroken)


def test_a_stop_reaches_a_run_that_waits_for_a_view_of_another(make, library, monkeypatch):
    monkeypatch.setattr(teacher, "WAIT_SECONDS", 0.01)
    run = make("a")
    job = build_job(run.info().config, library)
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == 3

    store = job.batches.teacher.store
    with store.making(0):
        assert fit(job, run, should_stop=stop) == "stopped"
    assert not store.file(0).exists()
    assert fit(job, run) == "finished"


def test_what_a_kill_left_of_a_view_is_removed_or_makes_room(make, library, monkeypatch):
    run = make("a")
    store = build_job(run.info().config, library).batches.teacher.store
    store.path.mkdir(parents=True)
    same = store.path / ".view-000001.safetensors.123.0badcafe.tmp"
    other = store.path / ".view-000007.safetensors.123.0badcafe.tmp"
    for file in (same, other):
        file.write_bytes(bytes(1000))
    trained(run, library)
    assert (same.exists(), other.exists()) == (False, True)
    view_store.make_room(wanted=0, limit=0)
    assert [file.name for file in store.path.glob("*view-*") if file.suffix != ".lock"] == []


# -- races -------------------------------------------------------------------------------------------
KINDS = ("ce", "kd", "dist", "bickd")


@pytest.mark.parametrize("how", ["live", "stored"])
def test_a_race_and_solo_runs_end_with_the_same_bytes(make, library, monkeypatch, how):
    solo = {
        kind: trained(make(f"solo-{kind}", kind, teacher_outputs=how), library) for kind in KINDS
    }
    view_store.clear()
    seen = passes(monkeypatch)
    runs = [make(f"race-{kind}", kind, teacher_outputs=how) for kind in KINDS]
    assert work_race(runs, library, slots=1) == ["finished"] * 4
    assert sum(seen) == 2 * (192 if how == "live" else 200)  # one pass for all four
    for kind, run in zip(KINDS, runs, strict=True):
        assert equal(load_file(run.weights_path), solo[kind]), kind
        status = run.status()
        assert (status.state, status.together) == ("finished", 4)
        assert status.cpu_seconds > 0


def test_students_that_step_side_by_side_are_those_of_one_thread(make, library):
    solo = {kind: trained(make(f"solo-{kind}", kind), library) for kind in KINDS}
    threads = torch.get_num_threads()
    try:
        runs = [make(f"race-{kind}", kind, threads=2) for kind in KINDS]
        assert work_race(runs, library, slots=1) == ["finished"] * 4
    finally:
        torch.set_num_threads(threads)
    for kind, run in zip(KINDS, runs, strict=True):
        assert equal(load_file(run.weights_path), solo[kind]), kind


def test_one_run_of_a_race_stops_or_fails_and_the_others_go_on(make, library):
    stops, fails, stays = (
        make("a"),
        make("b", optimizer={"kind": "sgd", "lr": 1e30}),
        make("c", "bickd"),
    )
    alone = trained(make("alone", "bickd"), library)
    stops.request_stop()
    assert work_race([stops, fails, stays], library, slots=1) == ["stopped", "failed", "finished"]
    assert "not finite" in fails.status().error
    assert equal(load_file(stays.weights_path), alone)
    assert work(stops, library, slots=1) == "finished"


def test_a_run_that_ended_is_let_go_while_its_race_goes_on(make, library, monkeypatch):
    stops, fails, stays = (
        make("a"),
        make("b", optimizer={"kind": "sgd", "lr": 1e30}),
        make("c", "bickd"),
    )
    stops.request_stop()
    seen, original = [], engine.train_step

    def watched(job, picked, at):
        if at.epoch == 1 and at.step == 1 and not seen:
            for run in (stops, fails):
                with FileLock(run.lock_path, timeout=0):  # a worker of its own could take it up now
                    seen.append(run.status().state)
        return original(job, picked, at)

    monkeypatch.setattr(engine, "train_step", watched)
    work_race([stops, fails, stays], library, slots=1)
    assert seen == ["stopped", "failed"]


def test_runs_of_a_race_that_were_stopped_apart_catch_up_with_each_other(make, library):
    solo = {kind: trained(make(f"solo-{kind}", kind), library) for kind in ("kd", "dist")}
    runs = [make(f"race-{kind}", kind) for kind in ("kd", "dist")]
    for run, at in zip(runs, ((0, 1), (1, 2)), strict=True):
        fit(build_job(run.info().config, library), run, stop_after=at)
    assert work_race(runs, library, slots=1) == ["finished", "finished"]
    assert all(
        equal(load_file(run.weights_path), solo[kind])
        for run, kind in zip(runs, ("kd", "dist"), strict=True)
    )


def test_runs_that_do_not_share_their_batches_are_no_race(make, library):
    one = make("a").info().config
    with pytest.raises(
        ValueError, match="a race must have the same `batch_size`, got 64 and 32; start them"
    ):
        check_alike([one, one.model_copy(update={"batch_size": 32})])
    seeds = one.seeds.model_copy(update={"order": 5})
    with pytest.raises(ValueError, match="the same seeds of order and augmentation"):
        build_race([one, one.model_copy(update={"seeds": seeds})], library)
    other = make("b", batch_size=32)
    assert work_race([make("c"), other], library, slots=1) == ["failed", "failed"]


# -- going on from a finished run ----------------------------------------------------------------------
def test_an_extension_goes_on_from_the_last_weights_with_new_views(make, library, monkeypatch):
    first = make("a")
    trained(first, library)
    longer = create_run(extension(first, 3), library, name="b")
    assert longer.info().extends == "a"
    job = build_job(longer.info().config, library)
    assert job.first_view == 2
    assert equal(dict(job.student.state_dict()), load_file(first.weights_path))
    seen = passes(monkeypatch)
    assert fit(job, longer) == "finished"
    assert sum(seen) == 3 * 200  # views 2, 3 and 4: none of the first run's
    assert [record["epoch"] for record in longer.metrics()] == [0, 1, 2]
    third = create_run(extension(longer, 1), library, name="c")
    assert build_job(third.info().config, library).first_view == 5
    assert not np.array_equal(
        load_file(longer.weights_path)["fc.weight"], load_file(first.weights_path)["fc.weight"]
    )


def test_a_name_that_is_used_again_does_not_make_a_run_extend_itself(make, library):
    run = make("a")
    trained(run, library)
    longer = create_run(extension(run, 3), library, name="b")
    trained(longer, library)
    run.delete()
    longer = longer.rename("a")
    assert (longer.info().extends, longer.info().epochs_before) == ("a", 2)
    third = create_run(extension(longer, 1), library, name="c")
    assert build_job(third.info().config, library, third).first_view == 5
    older = longer.info().model_copy(update={"epochs_before": None})
    assert epochs_before(older, library) == 0


def test_a_deleted_run_does_not_end_the_count_of_epochs(make, library):
    first = make("a")
    trained(first, library)
    longer = create_run(extension(first, 3), library, name="b")
    trained(longer, library)
    first.delete()
    third = create_run(extension(longer, 1), library, name="c")
    assert third.info().epochs_before == 5
    longer.change_info({"epochs_before": None})  # as in an older run
    assert create_run(extension(longer, 1), library, name="d").info().epochs_before == 3
    with pytest.raises(ValueError, match="there is no run 'a'"):
        epochs_before(longer.info(), library)


def test_a_stopped_extension_is_resumed_after_the_extended_run_was_deleted(make, library):
    first = make("a")
    trained(first, library)
    whole, longer = (create_run(extension(first, 2), library, name=name) for name in ("w", "b"))
    trained(whole, library)
    begun, fresh = build_job(longer.info().config, library, longer), make("fresh")
    fresh.change_info({"extends": "a", "config": longer.info().config})
    assert fit(begun, longer, stop_after=(1, 1)) == "stopped"
    first.delete()
    make("a")  # the name is used again, and this run has no weights
    assert fit(build_job(longer.info().config, library, longer), longer) == "finished"
    assert equal(load_file(longer.weights_path), load_file(whole.weights_path))
    shutil.rmtree(library.find("a").path)
    with pytest.raises(ValueError, match="there is no run 'a'"):
        build_job(longer.info().config, library, fresh)


def test_an_extension_keeps_its_teacher(make, library):
    run = make("a")
    trained(run, library)
    teacher = library.find("teacher")
    other = create_run(small_config(role="teacher", epochs=1), library, name="other")
    trained(other, library)
    shutil.copy(other.weights_path, teacher.weights_path)
    with pytest.raises(
        ValueError, match="teacher 'teacher' has new weights since run 'a' was made; start a new"
    ):
        create_run(extension(run, 1), library, name="b")
    chosen = extension(run, 1).model_copy(update={"teacher": "other"})
    assert create_run(chosen, library, name="c").info().teacher.key == "other"


def test_an_extension_does_not_begin_with_a_later_runs_weights(make, library):
    run = make("a")
    trained(run, library)
    longer = create_run(extension(run, 1), library, name="b")
    run.delete()
    later = make("a", seeds={"weights": 2, "order": 2, "augmentation": 2})
    later.change_info({"created": "2100-01-01T00:00:00+00:00"})
    trained(later, library)
    with pytest.raises(ValueError, match="run 'a' was made after the run that extends it"):
        build_job(longer.info().config, library, longer)


def test_what_cannot_be_extended(make, library):
    run = make("a")
    with pytest.raises(
        ValueError, match="run 'a' has no weights yet; resume it to its end, then extend it"
    ):
        create_run(extension(run, 3), library, name="b")
    trained(run, library)
    other = extension(run, 3).model_copy(update={"arch": "resnet8"})
    with pytest.raises(
        ValueError, match="run 'a' is convnet-small on digits at 8 pixels, but the new run is"
    ):
        create_run(other, library, name="b")
