"""The worker, in this process: what it writes when all goes well, and one sentence when it does
not."""

import errno
import io
import json
import re
import shutil
import sys
import threading
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from filelock import FileLock
from run_helpers import small_config, wait_for

from bickd_core.config import TrainConfig
from bickd_core.data.registry import load_dataset
from bickd_core.geometry.intervals import Interval
from bickd_core.maps import store
from bickd_core.presets.logits import BicKDOptions
from bickd_core.runs.card import _recipe, _with_interval, write_card
from bickd_core.runs.create import create_run
from bickd_core.runs.library import USERS, Cost, Library, RunError, RunFolder
from bickd_core.runs.status import Status, Worker
from bickd_core.training import engine, estimate, evaluate, finish, setup, state, worker
from bickd_core.training.estimate import measure_speed
from bickd_core.training.foreground import follow
from bickd_core.training.view_store import ViewKey, ViewStore
from bickd_core.training.worker import Reporter, explain, work

sys.path.append(str(Path(__file__).parents[1] / "data"))
from own_files import made_images, write_folder

pytestmark = pytest.mark.usefixtures("quick_umap")


@pytest.fixture
def student(library, teacher):
    def make(name="student", **changes):
        asked = {
            "objective": {"kind": "bickd"},
            "teacher": "teacher",
            "epochs": 2,
            "train_limit": 200,
        }
        return create_run(small_config(**{**asked, **changes}), library, name=name)

    return make


def spy_on_predict(monkeypatch):
    """Every pass of a model over a whole split, by the split's size."""
    looked = []
    original = evaluate.predict

    def spy(model, split, *arguments, **options):
        looked.append(len(split.labels))
        return original(model, split, *arguments, **options)

    for module in (engine, setup, finish):
        monkeypatch.setattr(module, "predict", spy)
    return looked


def test_a_finished_run_has_all_its_parts(student, library, teacher, monkeypatch):
    looked = spy_on_predict(monkeypatch)
    run = student()
    assert work(run, library, slots=1) == "finished"
    status = run.status()
    assert (status.state, status.error, status.message) == ("finished", "", "")
    assert (status.progress.epoch, status.progress.epochs, status.progress.fraction) == (2, 2, 1.0)
    assert status.worker == Worker.this()
    assert status.device.startswith("CPU (requested), fp32 (requested), 1 thread (requested), ")
    assert status.seconds > 0
    assert time.time() - status.heartbeat < 60
    key = store.content_key(run.predictions("test"))
    base = store.content_key(teacher.predictions("test"))
    files = {
        path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()
    }
    assert files - {"best/model.safetensors"} == {
        ".worker.lock",
        "README.md",
        f"layout-pca-test-{key}-from-{base}.npz",
        f"layout-umap-test-{key}-from-{base}.npz",
        "metrics.jsonl",
        "model.safetensors",
        "predictions-test.npz",
        "stages.npz",
        "predictions-validation.npz",
        "resume/state.pt",
        "run.yaml",
        "status.json",
        "trajectory.npz",
    }
    # Test was looked at once, when training was over; before that validation alone.
    assert looked == [144, 144, 144, 360]
    last = run.metrics()[-1]["validation_accuracy"]
    validation = run.predictions("validation")
    assert last == np.mean(validation.predicted == validation.labels)
    test = run.predictions("test")
    assert (len(test), test.num_classes, test.features.shape) == (360, 10, (360, 128))
    cost = run.info().cost
    assert (cost.parameters, cost.macs) == (
        94_186,
        64 * 32 * 9 + 16 * 64 * 9 * 32 + 4 * 128 * 9 * 64 + 128 * 10,
    )
    assert 0 < cost.latency_ms < cost.latency_batch_ms
    assert cost.latency_cpu.endswith(", 1 thread")
    assert torch.get_num_threads() == 1


def test_the_card_names_figures_intervals_teacher_and_licence(student, library):
    run = student(epochs=1)
    work(run, library, slots=1)
    card = (run.path / "README.md").read_text()
    test = run.predictions("test")
    accuracy = f"- test accuracy: {np.mean(test.predicted == test.labels):.1%} ["
    for words in (
        accuracy,
        "n = 360, 95 % interval",
        "- agreement with the teacher on test: ",
        "Teacher: teacher.",
        "1 epoch,",
        "license: unknown",
        "Weights and predictions: no licence is named yet; whoever trained them decides",
    ):
        assert words in card
    assert "0 (weights)" not in card
    assert "seeds 1 (weights), 1 (order), 1 (augmentation)" in card


def test_a_card_of_few_images_says_that_there_is_no_interval():
    assert (
        _with_interval(Interval(0.5, None, None, 0.95, "made up", 2), percent=True)
        == "50.0% (too few images for an interval)"
    )
    assert (
        _with_interval(Interval(0.5, 0.4, 0.6, 0.95, "made up", 99), percent=True)
        == "50.0% [40.0%, 60.0%]"
    )
    assert _with_interval(None) == "not known (no labels)"


def test_a_card_names_rare_options_only_if_they_are_set(student):
    info = student(epochs=1).info()
    config = info.config.model_copy(update={"objective": BicKDOptions(queue=4)})
    text = _recipe(info.model_copy(update={"config": config}))
    assert "absent keep, standardize False, queue 4)" in text


def test_the_card_marks_times_of_a_busy_machine_and_bundled_runs_name_their_licence(
    student, library
):
    run = student(epochs=1)
    work(run, library, slots=1)
    info = run.info()
    for busy in (True, False, None):
        run.write_info(
            info.model_copy(update={"cost": info.cost.model_copy(update={"latency_busy": busy})})
        )
        write_card(run, library, licence="MIT")
        card = (run.path / "README.md").read_text()
        assert ("too long to be compared" in card) == bool(busy)
        assert "license: mit" in card
        assert "Weights and predictions: MIT." in card


def test_a_run_stopped_by_request_and_resumed_is_the_unbroken_one(student, library, monkeypatch):
    unbroken, broken = student("unbroken"), student("broken")
    work(unbroken, library, slots=1)
    original = engine.train_step

    def ask(job, picked, at):
        if (at.epoch, at.step) == (1, 1):
            broken.request_stop()
        return original(job, picked, at)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_step", ask)
        assert work(broken, library, slots=1) == "stopped"
    status = broken.status()
    assert (status.state, status.progress.epoch, status.progress.step) == ("stopped", 1, 2)
    assert not broken.stop_requested()
    assert not broken.weights_path.exists()
    assert broken.resumable
    assert work(broken, library, slots=1) == "finished"
    assert broken.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
    np.testing.assert_array_equal(
        broken.predictions("test").logits, unbroken.predictions("test").logits
    )
    assert broken.status().seconds > status.seconds


def test_a_kill_in_the_finish_is_made_up_for(student, library, monkeypatch):
    run = student()
    real = finish.write_card
    monkeypatch.setattr(finish, "write_card", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        work(run, library, slots=1)
    assert run.status().state == "failed"
    assert run.status().error == "the worker was interrupted; resume the run to continue."
    before = run.weights_path.read_bytes()
    monkeypatch.setattr(finish, "write_card", real)
    monkeypatch.setattr(engine, "train_step", None)
    assert work(run, library, slots=1) == "finished"
    assert run.weights_path.read_bytes() == before
    assert (run.path / "README.md").exists()


def test_a_teacher_renamed_while_its_student_is_measured_stays_renamed(
    make_run, library, monkeypatch
):
    teacher = make_run("teacher")
    run = make_run("student", info={"teacher": {"key": "teacher", "weights_sha256": ""}})
    cost = Cost(parameters=1, macs=1, latency_ms=1.0, latency_batch_ms=1.0)

    def measure(*_):
        teacher.rename("kept")
        return cost

    for name in ("predict", "predict_stages", "write_card"):
        monkeypatch.setattr(finish, name, MagicMock())
    monkeypatch.setattr(finish, "measure", measure)
    monkeypatch.setattr(RunFolder, "write_stages", MagicMock())
    job = MagicMock()
    job.config.make_map = False
    finish.finish(job, run, library, say=print)
    assert (run.info().teacher.key, run.info().cost) == ("kept", cost)


def test_a_finished_run_is_left_alone(student, library, capsys):
    run = student(epochs=1)
    work(run, library, slots=1)
    shutil.rmtree(run.resume_path.parent)  # as packing does
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert work(run, library, slots=1) == "finished"
    assert before == {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert "is finished; there is nothing to do" in capsys.readouterr().err


def test_a_run_that_another_worker_holds_is_left_alone(student, library, capsys):
    run = student(epochs=1)
    run.write_status(Status("running", message="elsewhere", heartbeat=time.time()))
    with FileLock(run.lock_path):
        assert work(run, library, slots=1) == "running"
    assert run.status().message == "elsewhere"
    assert not run.weights_path.exists()
    assert "already has a worker; this one leaves it alone" in capsys.readouterr().err


def test_temporary_files_of_a_killed_worker_are_gone_afterwards(student, library):
    run = student(epochs=1)
    (run.path / ".metrics.77.aa.tmp").write_text("x")
    work(run, library, slots=1)
    assert list(run.path.glob(".*.tmp")) == []


# -- failures --------------------------------------------------------------------------------------
def failed(run, library):
    assert work(run, library, slots=1) == "failed"
    status = run.status()
    assert status.state == "failed"
    assert "\n" not in status.error
    assert run.resumable
    return status.error


def test_a_loss_that_is_not_finite(student, library):
    error = failed(student(optimizer={"kind": "sgd", "lr": 1e30}), library)
    assert "not finite" in error
    assert "start a new run with a lower one (`--lr`" in error


def test_a_full_disk(student, library, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    run = student()
    with monkeypatch.context() as patch:
        patch.setattr(state, "write_bytes", full)
        error = failed(run, library)
    assert error == f"the disk is full ({run.resume_path}); free some space, then resume the run."
    assert [record["epoch"] for record in run.metrics()] == [0]
    assert work(run, library, slots=1) == "finished"
    assert [record["epoch"] for record in run.metrics()] == [0, 1]


def test_a_disk_too_full_to_say_so_ends_the_worker_and_the_run_reads_as_lost(
    student, library, monkeypatch, capsys
):
    run = student()
    original = RunFolder.write_status

    def full(self, status):
        if status.progress.step or status.state == "failed":
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self, status)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_status", full)
        patch.setattr(state, "write_bytes", lambda path, data: full(run, Status("failed")))
        assert work(run, library, slots=1) == "failed"
    assert run.status().state == "running"
    assert "the state 'failed' could not be written" in capsys.readouterr().err
    assert work(run, library, slots=1) == "finished"


def test_a_heartbeat_that_cannot_be_written_does_not_end_the_beating(make_run, monkeypatch):
    run = make_run("a", state="stopped")
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.01)
    written = []
    original = RunFolder.write_status

    def sometimes(self, status):
        written.append(status)
        if 2 <= len(written) <= 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self, status)

    monkeypatch.setattr(RunFolder, "write_status", sometimes)
    threads = threading.active_count()
    reporter = Reporter(run)
    first = run.status().heartbeat
    wait_for(lambda: run.status().heartbeat > first, what="a later heartbeat")
    reporter.end("stopped")
    assert run.status().state == "stopped"
    count = len(written)
    assert threading.active_count() == threads
    assert len(written) == count


def test_a_teacher_that_is_gone(student, library, teacher):
    run = student()
    teacher.delete()
    assert failed(run, library).startswith("there is no run 'teacher'; ")


def test_a_teacher_whose_weights_are_others_now(student, library, teacher):
    run = student()
    teacher.weights_path.write_bytes(teacher.weights_path.read_bytes()[:-1] + b"\x01")
    assert (
        failed(run, library)
        == "teacher 'teacher' has new weights since this run was started; start a new run."
    )


def test_a_run_without_a_map_has_everything_else(student, library):
    run = student(epochs=1, make_map=False)
    assert work(run, library, slots=1) == "finished"
    assert not list(run.path.glob("layout-*.npz"))
    assert run.has_predictions("test")
    assert (run.path / "README.md").exists()


def test_a_teacher_deleted_while_the_student_learns_costs_the_agreement_not_the_run(
    student, library, teacher, monkeypatch
):
    run = student(epochs=1)
    original = engine.end_of_epoch

    def delete_then(job, at):
        teacher.delete()
        return original(job, at)

    monkeypatch.setattr(engine, "end_of_epoch", delete_then)
    assert work(run, library, slots=1) == "finished"
    assert "agreement with the teacher on test" not in (run.path / "README.md").read_text()
    assert len(list(run.path.glob("layout-*.npz"))) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"nonsense"])
def test_a_resume_state_that_is_broken(student, library, content):
    run = student(epochs=1)
    run.resume_path.parent.mkdir()
    run.resume_path.write_bytes(content)
    assert (
        failed(run, library)
        == "resume/state.pt is damaged, so the run cannot be resumed; delete that file to start"
        " from the beginning."
    )
    run.resume_path.unlink()
    assert work(run, library, slots=1) == "finished"


def test_an_imported_run_has_nothing_to_go_on_with(make_run, library):
    run = make_run("a", state="stopped", info={"config": None})
    assert work(run, library, slots=1) == "failed"
    assert "was imported, not trained here" in run.status().error


def test_a_status_that_cannot_be_read_is_written_anew(student, library):
    run = student(epochs=1)
    (run.path / "status.json").write_text("{")
    assert work(run, library, slots=1) == "finished"


def validation_error():
    try:
        TrainConfig.model_validate({"epochs": -1})
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "the disk is full; free some space, then resume the run",
        ),
        (
            MemoryError(),
            "out of memory; free some memory, then resume the run, or start a new run with a"
            " smaller batch size or model.",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            "out of memory; free some memory, then resume",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            "out of memory; free some memory",
        ),
        (KeyboardInterrupt(), "the worker was interrupted; resume the run to continue."),
        (
            RunError("run 'a' has no weights yet; finish it first."),
            "run 'a' has no weights yet; finish it first.",
        ),
        (engine.TrainingError("the loss is not finite."), "the loss is not finite."),
        (
            RuntimeError("first line\nsecond line"),
            "RuntimeError: first line (the whole message is in the run's log).",
        ),
        (KeyError(), "KeyError: KeyError (the whole message is in the run's log)."),
        (validation_error(), "`epochs`: input should be greater than 0, got -1."),
    ],
)
def test_what_went_wrong_in_one_sentence(error, sentence):
    assert explain(error, logged=True).startswith(sentence)
    assert "\n" not in explain(error)
    assert "log" not in explain(error)  # whoever has none is not sent there


# -- the reporter ----------------------------------------------------------------------------------
def test_the_reporter_keeps_what_a_former_worker_did(make_run):
    before = Status(
        "stopped", progress=engine.Progress(3, 9, 2, 6), seconds=40.0, error="old", together=3
    )
    run = make_run("a", status=before)
    reporter = Reporter(run)
    status = run.status()
    assert (status.state, status.progress, status.seconds, status.error) == (
        "queued",
        before.progress,
        40.0,
        "",
    )
    reporter.running("loading")
    reporter.end("failed", error="because")
    status = run.status()
    assert (status.state, status.error, status.message) == ("failed", "because", "")
    assert 40.0 <= status.seconds < 60.0
    assert status.together == 3


def test_progress_is_written_at_most_once_a_second(make_run, monkeypatch):
    run = make_run("a", state="stopped")
    reporter = Reporter(run)
    reporter.running("training")
    count = []
    original = RunFolder.write_status
    monkeypatch.setattr(
        RunFolder, "write_status", lambda self, status: (count.append(1), original(self, status))
    )
    clock = [time.monotonic()]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    for step in range(200):
        clock[0] += 0.05
        reporter.progress(engine.Progress(0, 1, step, 200))
    reporter.end("stopped")
    assert 8 <= len(count) <= 12
    assert run.status().progress.step == 199


# -- in the foreground, and the estimate -----------------------------------------------------------
def test_following_a_run_in_the_foreground(student, library, capsys, monkeypatch):
    run = student(epochs=2)
    assert follow(run, library) == 0
    out = capsys.readouterr().out
    assert "student: finished, " in out
    lines = re.findall(
        r"^epoch (\d/2), loss [\d.]+, [\d.]+% on validation, [\d,]+ images/s(.*)$",
        out,
        re.MULTILINE,
    )
    assert [epoch for epoch, _ in lines] == ["1/2", "2/2"]
    assert re.fullmatch(r", 0:00:\d\d left", lines[0][1])
    assert lines[1][1] == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)  # bars take their place
    assert follow(student("shown", epochs=1), library) == 0
    assert "epoch 1/1, loss" not in capsys.readouterr().out
    broken = student("broken", optimizer={"kind": "sgd", "lr": 1e30})
    assert follow(broken, library) == 1
    assert "broken: failed (the " in capsys.readouterr().out


def test_an_estimate_makes_real_steps_and_writes_nothing(student, library, teacher):
    before = sorted(path.name for path in library.own.rglob("*"))
    asked = small_config(objective={"kind": "kd"}, teacher="teacher", epochs=7, train_limit=None)
    found = measure_speed([asked], library, seconds=0.05)
    longer = measure_speed([asked.model_copy(update={"epochs": 700})], library, seconds=0.05)
    assert found["seconds"] > found["loading"] + found["finishing"] + 7 * found["evaluating"]
    assert found["images_per_second"] > 50
    assert longer["seconds"] > 5 * found["seconds"] / 7
    assert found["device"].startswith("CPU (requested), fp32 (requested), 1 thread (requested), ")
    one_step = asked.model_copy(update={"epochs": 1, "train_limit": 60})
    assert measure_speed([one_step], library, seconds=0.05)["images_per_second"] > 50
    live = measure_speed(
        [asked.model_copy(update={"teacher_outputs": "live"})], library, seconds=0.05
    )
    assert (live["views"], live["view_seconds"]) == (None, 0.0)
    both = measure_speed([asked, asked], library, seconds=0.05)
    assert (found["students"], both["students"]) == (1, 2)
    assert both["finishing"] == 2 * found["finishing"]
    assert sorted(path.name for path in library.own.rglob("*")) == before


def test_an_estimate_does_the_steps_of_a_race_side_by_side(library, teacher, monkeypatch):
    names, original = [], engine.train_step

    def watched(job, picked, at):
        names.append(threading.current_thread().name)
        return original(job, picked, at)

    monkeypatch.setattr(engine, "train_step", watched)
    threads = torch.get_num_threads()
    try:
        asked = small_config(objective={"kind": "kd"}, teacher="teacher", threads=2)
        measure_speed([asked, asked], library, seconds=0.05)
    finally:
        torch.set_num_threads(threads)
    assert {name.partition("_")[0] for name in names} == {"lane"}


def answer_of(config, library, monkeypatch, capsys) -> dict:
    """The answer of the measuring process to one config."""
    asked = {"configs": [config], "shelf": str(library.shelf), "own": str(library.own)}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    monkeypatch.setattr("os.nice", lambda step: step)
    monkeypatch.setattr(estimate, "measure_speed", partial(measure_speed, seconds=0.05))
    estimate.main()
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_an_estimate_tells_which_views_are_missing(library, teacher, monkeypatch, capsys):
    config = small_config(objective={"kind": "kd"}, teacher="teacher", epochs=3)
    answer = answer_of(config.model_dump(mode="json"), library, monkeypatch, capsys)
    assert answer["view_seconds"] > 0
    key = ViewKey(**answer["views"])
    assert ViewStore(key).missing(range(3)) == 3
    for epochs in (1, 2):
        config = config.model_copy(update={"epochs": epochs})
        assert work(create_run(config, library, name=f"e{epochs}"), library) == "finished"
        assert ViewStore(key).missing(range(3)) == 3 - epochs
    assert ViewStore(replace(key, seed=2)).missing(range(3)) == 3


def test_an_estimate_decodes_images_as_the_training_does(library, monkeypatch, capsys, tmp_path):
    folder = write_folder(tmp_path / "pets", {"a": 8, "b": 8}, made_images(16))
    data = {"dataset": f"folder:{folder}", "image_size": 16}
    asked = small_config(**data, role="teacher", resize="pad", train_limit=None, batch_size=4)
    run = create_run(asked, library, name="t")
    assert work(run, library) == "finished"
    loaded = []

    def watched(*args, **options):
        loaded.append(options["resizing"].resize)
        return load_dataset(*args, **options)

    monkeypatch.setattr(setup, "load_dataset", watched)
    config = small_config(**data, teacher="t", train_limit=None, batch_size=4)
    answer = answer_of(config.model_dump(mode="json"), library, monkeypatch, capsys)
    assert "error" not in answer, answer
    assert loaded == ["pad"]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"epochs": 0}, "`epochs`: input should be greater than 0, got 0."),
        (
            {"dataset": "digit"},
            (
                "dataset must be one of caltech95, fashion-mnist, fashion-mnist-pairs, digits,"
                " cifar10, cifar100, not 'digit'; did you mean 'digits'?"
            ),
        ),
        (
            {
                "dataset": "digits",
                "arch": "convnet-small",
                "threads": 1,
                "optimizer": {"kind": "sgd", "lr": 1e30},
            },
            "not finite",
        ),
    ],
)
def test_an_estimate_that_fails_says_why(config, error, library, monkeypatch, capsys):
    answer = answer_of(config, library, monkeypatch, capsys)
    assert error in answer["error"]
    assert "\n" not in answer["error"]


# -- evaluation ------------------------------------------------------------------------------------
def test_predictions_do_not_depend_on_batches_and_leave_the_model_as_it_was(teacher, library):
    data = load_dataset("digits")
    model = setup.load_run_model(teacher, data).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    shares = []
    whole = evaluate.predict(model, data.test, data)
    parts = evaluate.predict(
        model, data.test, data, batch_size=100, features=False, on_progress=shares.append
    )
    np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-5)
    assert parts.features is None
    assert shares == [pytest.approx(share) for share in (100 / 360, 200 / 360, 300 / 360, 1.0)]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    stored = teacher.predictions("test")
    np.testing.assert_array_equal(stored.ids, whole.ids)
    np.testing.assert_allclose(stored.logits, whole.logits, atol=1e-5)


def test_images_that_may_only_be_read_are_predicted_without_a_warning(teacher):
    data = load_dataset("digits")
    images = data.test.images[:20].copy()
    images.setflags(write=False)
    split = replace(data.test.take(np.arange(20)), images=images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate.predict(setup.load_run_model(teacher, data), split, data)


def test_a_users_training_learns_from_a_shared_teacher_and_takes_a_slot_of_all(teacher, library):
    own = library.own / USERS / "ann"
    own.mkdir(parents=True)
    ann = Library(library.shelf, own)
    run = create_run(small_config(teacher="teacher", objective={"kind": "kd"}), ann, name="mine")
    assert run.path == own / "mine"
    assert work(run, ann) == "finished"
    assert run.info().teacher.key == "teacher"
    assert (library.own / ".slots").is_dir()
    assert not (own / ".slots").exists()
    assert ann.find("teacher").read_only
