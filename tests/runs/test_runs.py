"""Run folders: whole or not at all, read whatever a killed writer left, changed only where that is
allowed."""

import errno
import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from run_helpers import long_silent, random_predictions, small_config

from bickd_core.geometry.layout import Layout
from bickd_core.runs import migrations
from bickd_core.runs.create import create_run
from bickd_core.runs.library import (
    Library,
    NameTaken,
    RunError,
    RunFolder,
    RunInfo,
    TeacherRef,
    check_name,
)
from bickd_core.runs.migrations import FORMAT, migrate
from bickd_core.runs.pack import TRAJECTORY_STEP, pack
from bickd_core.runs.status import STALE_SECONDS, Progress, Status, Worker
from bickd_core.training.worker import explain

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "run-format-1"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- making ----------------------------------------------------------------------------------------
def test_a_new_run_is_queued_and_reads_as_it_was_made(make_run, library):
    run = make_run("a", state=None)
    assert run.status().state == "queued"
    assert not run.status().stale()
    assert run.info().config == small_config()
    assert (run.info().format, run.info().name, run.info().objective, run.info().seed) == (
        FORMAT,
        "a",
        "ce",
        1,
    )
    assert names(library.own) == ["a"]
    assert not run.stop_requested()


def test_a_new_run_whose_worker_never_came_is_stale_and_can_be_resumed(make_run):
    run = make_run("a", state=None)
    assert not run.resumable
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(run.path / "run.yaml", (long_ago, long_ago))
    assert run.status().stale()
    assert run.resumable


def test_a_taken_name_is_refused_and_the_run_that_has_it_stays(make_run, library):
    make_run("a")
    with pytest.raises(RunError, match="a run named 'a' already exists; choose another name"):
        make_run("a")
    assert names(library.own) == ["a"]


def test_nothing_is_left_when_the_folder_cannot_be_made(make_run, library, monkeypatch):
    def full(self, info):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_info", full)
    with pytest.raises(
        RunError, match="cannot make the run folder .*: the disk is full; free some space"
    ):
        make_run("a")
    assert names(library.own) == []


def test_a_root_that_is_a_file_is_one_sentence(tmp_path, make_run):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot make the run folder"):
        RunFolder.create(tmp_path / "file", make_run("a").info())


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "9" * 80, "teacher.v2"])
def test_plain_names_are_fine(name):
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "../a",
        "/a",
        "a\\b",
        "a b",
        "a\n",
        "ä",
        "-a",
        "_a",
        "9" * 81,
        "a\0",
        "C:",
    ],
)
def test_names_that_are_no_names_are_refused_everywhere(name, make_run, library):
    run = make_run("ok")
    for attempt in (lambda: check_name(name), lambda: make_run(name), lambda: run.rename(name)):
        with pytest.raises(RunError, match="must have 1 to 80 letters, digits"):
            attempt()
    assert names(library.own) == ["ok"]


# -- status, requests, metrics ---------------------------------------------------------------------
def test_status_without_a_file_follows_the_weights(make_run):
    run = make_run("a", state=None)
    run.weights_path.write_bytes(b"x")
    assert run.status() == Status("finished")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "asleep"}', "\xff"])
def test_a_broken_status_is_one_sentence_and_the_run_can_be_deleted(make_run, library, content):
    run = make_run("a")
    (run.path / "status.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunError, match=r"^a/status\.json cannot be read: "):
        run.status()
    run.delete()
    assert names(library.own) == []


def test_status_of_a_folder_that_was_deleted_meanwhile_is_one_sentence(make_run):
    run = make_run("a", state=None)
    shutil.rmtree(run.path)
    with pytest.raises(RunError, match="is not a run folder: it has no run.yaml"):
        run.status()
    with pytest.raises(RunError, match="is not a run folder: it has no run.yaml"):
        run.info()


def test_stop_requests(make_run):
    run = make_run("a")
    (run.path / "control").rmdir()  # a packed run has no such folder
    run.request_stop()
    run.request_stop()
    assert run.stop_requested()
    run.clear_requests()
    run.clear_requests()
    assert not run.stop_requested()


@pytest.mark.parametrize(
    ("status", "resumable"),
    [
        (Status("finished"), False),
        (Status("stopped"), True),
        (Status("failed"), True),
        (Status("running", worker=Worker.this(), heartbeat=time.time() + 1e6), False),
        (Status("queued", worker=Worker.this(), heartbeat=time.time() + 1e6), False),
        (replace(Status("running", heartbeat=0.0), worker=Worker("elsewhere", 1, 0.0)), True),
    ],
)
def test_what_can_be_resumed(make_run, status, resumable):
    run = make_run("a", status=status)
    long_silent(run)
    assert run.resumable is resumable
    assert not make_run("b", status=status, on_shelf="digits").resumable
    assert not make_run("c", status=status, info={"config": None}).resumable


def test_metrics_are_read_in_order_without_torn_foreign_or_repeated_lines(make_run):
    run = make_run("a")
    assert run.metrics() == []
    for epoch in (0, 1, 2):
        run.append_metrics({"epoch": epoch, "loss": 1.0 / (epoch + 1)})
    run.append_metrics({"epoch": 1, "loss": 7.0})  # trained again after a kill
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'not json\n{"step": 3}\n[1]\n{"epoch": null}\n\xff\xfe\n{"epoch": 3, "lo')
    assert run.metrics() == [
        {"epoch": 0, "loss": 1.0},
        {"epoch": 1, "loss": 7.0},
        {"epoch": 2, "loss": 1 / 3},
    ]
    run.append_metrics({"epoch": 3, "loss": 0.25})
    assert run.metrics()[3] == {"epoch": 3, "loss": 0.25}
    assert len(run.metrics()) == 4


def test_a_torn_line_is_skipped_wherever_it_is_cut(make_run):
    run = make_run("a")
    run.append_metrics({"epoch": 0, "loss": 0.5})
    start = (run.path / "metrics.jsonl").stat().st_size
    run.append_metrics({"epoch": 1, "loss": 0.25})
    whole = (run.path / "metrics.jsonl").read_bytes()
    for end in range(start, len(whole) - 1):
        (run.path / "metrics.jsonl").write_bytes(whole[:end])
        assert [record["epoch"] for record in run.metrics()] == [0]
        run.append_metrics({"epoch": 1, "loss": 0.125})
        assert run.metrics() == [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.125}]


def test_a_figure_that_is_no_number_never_gets_into_the_metrics(make_run):
    run = make_run("a")
    with pytest.raises(ValueError, match="JSON"):
        run.append_metrics({"epoch": 0, "loss": float("nan")})
    assert run.metrics() == []
    assert not (run.path / "metrics.jsonl").exists()


def test_writers_leave_the_old_file_when_they_fail(make_run):
    run = make_run("a", status=Status("stopped", seconds=3.0))
    with pytest.raises(ValueError, match="JSON"):
        run.write_status(Status("running", heartbeat=float("nan")))
    assert run.status() == Status("stopped", seconds=3.0)
    one = np.zeros(1, dtype=np.int64)
    run.write_trajectory({"logits": np.zeros((1, 1, 2)), "ids": one, "epochs": one})

    class Unwritable:
        def __array__(self, *_, **__):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run.write_trajectory({"logits": Unwritable()})
    assert set(run.trajectory()) == {"logits", "ids", "epochs"}
    assert names(run.path) == ["control", "run.yaml", "status.json", "trajectory.npz"]


def test_temporary_files_of_a_killed_worker_are_swept_and_nothing_else(make_run):
    run = make_run("a")
    (run.path / "resume").mkdir()
    for name in (
        ".status.json.77.0a1b.tmp",
        "resume/.state.pt.77.0a1b.tmp",
        ".layout-x.npz.77.0a1b.tmp",
        "notes.tmp",
    ):
        (run.path / name).write_bytes(b"x")
    run.sweep_temporary()
    assert names(run.path) == [
        ".layout-x.npz.77.0a1b.tmp",
        "control",
        "notes.tmp",
        "resume",
        "run.yaml",
        "status.json",
    ]
    assert names(run.path / "resume") == []


def test_size_counts_all_files(make_run):
    run = make_run("a")
    before = run.size_bytes()
    (run.path / "best").mkdir()
    run.best_path.write_bytes(b"12345")
    assert run.size_bytes() == before + 5
    assert before == sum((run.path / name).stat().st_size for name in ("run.yaml", "status.json"))


def test_predictions_that_are_not_there_are_one_sentence(make_run):
    run = make_run("a")
    assert not run.has_predictions("test")
    with pytest.raises(RunError, match="run 'a' has no predictions on validation yet"):
        run.predictions("validation")
    assert run.trajectory() is None


# -- run.yaml --------------------------------------------------------------------------------------
def rewrite(run, **changes):
    stored = yaml.safe_load((run.path / "run.yaml").read_text())
    (run.path / "run.yaml").write_text(yaml.safe_dump({**stored, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format": FORMAT + 1},
            f"its format is {FORMAT + 1} and this program reads up to {FORMAT}; update the program",
        ),
        ({"format": None}, "expected a `format` number of at least 1, got None"),
        ({"format": 0}, "expected a `format` number of at least 1, got 0"),
        ({"colour": "red"}, "`colour` is not known; leave it out or correct its name"),
        ({"role": "pupil"}, "`role`: input should be 'teacher' or 'student', got 'pupil'"),
        ({"num_classes": "ten"}, "`num_classes`: input should be a valid integer"),
        ({"config": {"epochz": 3}}, "`config.epochz` is not known"),
        (
            {"config": {"objective": {"kind": "kd"}}},
            "objective 'kd' needs a `teacher`, got none; name a finished run",
        ),
    ],
)
def test_a_run_yaml_that_does_not_fit_is_one_sentence(make_run, changes, message):
    run = make_run("a")
    rewrite(run, **changes)
    with pytest.raises(RunError) as caught:
        run.info()
    assert str(caught.value).startswith("a/run.yaml cannot be read: " + message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "a: [", "- 1", "!!python/object/apply:os.system ['true']", "\x00"]
)
def test_a_run_yaml_that_is_no_mapping_is_one_sentence(make_run, content):
    run = make_run("a")
    (run.path / "run.yaml").write_text(content)
    with pytest.raises(RunError, match=r"^a/run\.yaml cannot be read: .*\.$"):
        run.info()


def test_a_field_that_is_missing_is_named(make_run):
    run = make_run("a")
    (run.path / "run.yaml").write_text("format: 1\nname: a\nrole: student\n")
    with pytest.raises(RunError, match=r"`num_classes`: field required\.$"):
        run.info()


def test_the_committed_run_of_format_1_still_reads(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "shelf" / "digits" / "kd-s3")
    run = Library(tmp_path / "shelf", tmp_path / "own").find("digits/kd-s3")
    info = run.info()
    assert (info.format, info.name, info.title, info.role, info.arch) == (
        FORMAT,
        "kd-s3",
        "KD",
        "student",
        "convnet-small",
    )
    assert (info.dataset, info.image_size, info.in_channels, info.num_classes) == (
        "digits",
        8,
        1,
        10,
    )
    assert info.config.objective.model_dump() == {
        "kind": "kd",
        "temperature": 4.0,
        "alpha": 0.1,
        "beta": 0.9,
        "standardize": False,  # an option that came later takes its default
    }
    assert info.config.optimizer.lr == 0.05
    assert info.config.seeds.order == 3
    assert info.teacher.key == "digits/teacher"
    assert info.cost.parameters == 94_186
    assert info.source.kind == "trained"
    status = run.status()
    assert (status.state, status.progress.epoch, status.seconds) == ("finished", 2, 4.5)
    assert [record["epoch"] for record in run.metrics()] == [0, 1]
    assert run.metrics()[1]["validation_accuracy"] == 0.875
    predictions = run.predictions("test")
    assert predictions.logits.shape == (20, 10)
    assert predictions.labels is not None
    assert predictions.features.shape == (20, 8)
    assert run.trajectory()["logits"].shape == (2, 10, 10)
    layout = Layout.load(run.layout_path("pca-test-0f0f0f0f"))
    assert (layout.method, layout.coordinates.shape) == ("pca", (20, 2))
    assert not run.resumable


def test_migrations_are_applied_one_after_the_other(monkeypatch, make_run):
    def first(stored):
        return {**stored, "title": stored["title"] + " then first"}

    def second(stored):
        return {**stored, "title": stored["title"] + " then second"}

    monkeypatch.setattr(migrations, "MIGRATIONS", (first, second))
    monkeypatch.setattr(migrations, "FORMAT", 3)
    run = make_run("a", info={"title": "zero"})
    titles = {}
    for number in (1, 2, 3):
        rewrite(run, format=number)
        titles[number] = run.info().title
        assert run.info().format == 3
    assert titles == {1: "zero then first then second", 2: "zero then second", 3: "zero"}
    with pytest.raises(ValueError, match="its format is 4 and this program reads up to 3"):
        migrate({"format": 4})


# -- the library -----------------------------------------------------------------------------------
def test_runs_of_both_folders_are_listed_the_shelf_first(make_run, library):
    for name in ("b", "a"):
        make_run(name)
    for shelf in ("fashion", "digits"):
        make_run("kd-s0", on_shelf=shelf)
    for hidden in (
        library.own / ".making-1",
        library.own / ".deleted-1",
        library.shelf / ".cache" / "x",
    ):
        shutil.copytree(library.own / "a", hidden)
    listed = library.runs()
    assert [run.key for run in listed] == ["digits/kd-s0", "fashion/kd-s0", "a", "b"]
    assert [run.read_only for run in listed] == [True, True, False, False]
    assert Library(library.shelf / "no", library.own / "no").runs() == []


def test_a_key_finds_its_run_and_a_typing_mistake_the_nearest(make_run, library):
    make_run("kd-s0", on_shelf="digits")
    make_run("mine")
    assert library.find("digits/kd-s0").read_only
    assert library.find("mine").path == library.own / "mine"
    with pytest.raises(
        RunError, match="there is no run 'digits/kd-s1'; did you mean 'digits/kd-s0'?"
    ):
        library.find("digits/kd-s1")
    with pytest.raises(RunError, match="there is no run 'xyz'; the runs are mine, digits/kd-s0"):
        library.find("xyz")


def test_ones_own_runs_are_named_before_bundled_ones(make_run, library):
    for name in ("kd-s0", "kd-s1", "ce-s0", "ce-s1", "dist-s0", "dist-s1"):
        make_run(name, on_shelf="digits")
    make_run("digits-kd-s0")
    make_run("try")
    with pytest.raises(
        RunError, match=r"did you mean 'digits-kd-s0', 'digits/kd-s\d' or 'digits/kd-s\d'\?$"
    ):
        library.find("digits/kd-s3")
    with pytest.raises(
        RunError,
        match=r"the runs are (try, digits-kd-s0|digits-kd-s0, try), digits/.* and 2 more\.$",
    ):
        library.find("nope")


def test_a_key_never_leads_out_of_the_folders(make_run, library, tmp_path, monkeypatch):
    run = make_run("mine")
    make_run("kd-s0", on_shelf="digits")
    shutil.copytree(run.path, tmp_path / "outside")
    shutil.copytree(run.path, library.own / ".making-1")
    shutil.copytree(run.path, library.shelf / "digits" / "kd-s0" / "deeper")
    monkeypatch.chdir(tmp_path)
    for key in (
        "", ".", "..", "/", "../outside", "own/../../outside", "digits/../../outside", "x/../../outside", "outside",
        str(tmp_path / "outside"), str(run.path), "./own/mine", ".making-1", "digits/kd-s0/deeper", "digits/",
        "/kd-s0", "digits//kd-s0", "mine/", "mine\0", "m" * 5000, "digits/" + "m" * 300, "~", "%2e%2e/outside",
    ):  # fmt: skip
        with pytest.raises(RunError, match="there is no run"):
            library.find(key)


def test_what_a_person_types_may_be_a_folder(make_run, library, tmp_path, monkeypatch):
    run = make_run("mine")
    make_run("kd-s0", on_shelf="digits")
    shutil.copytree(run.path, tmp_path / "outside")
    monkeypatch.chdir(tmp_path)
    assert library.locate("mine") == run
    assert library.locate(str(run.path)) == run
    assert library.locate("own/mine") == run
    assert library.locate(str(library.shelf / "digits" / "kd-s0")).read_only
    outside = library.locate("./outside")
    assert (outside.path, outside.key) == (tmp_path / "outside", str(tmp_path / "outside"))
    for nothing in ("", "nowhere", "m" * 9000, "a\0b"):
        with pytest.raises(RunError, match="there is no run"):
            library.locate(nothing)


def test_free_names_count_on_and_stay_names(make_run, library):
    assert library.free_name("a") == "a"
    make_run("a")
    make_run("a-2")
    assert library.free_name("a") == "a-3"
    long = "x" * 80
    make_run(long)
    check_name(library.free_name(long))
    assert not (library.own / library.free_name(long)).exists()


def test_the_default_library_follows_the_environment(monkeypatch, tmp_path):
    assert Library.default(tmp_path).own == Path(os.environ["BICKD_RUNS"])
    monkeypatch.delenv("BICKD_RUNS")
    monkeypatch.delenv("BICKD_SHELF")
    assert Library.default(tmp_path) == Library(ROOT / "pretrained", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert Library.default().own == tmp_path / "runs"


def test_what_a_killed_process_left_is_swept_when_it_is_old(library):
    for name in (".making-old", ".deleted-old", ".making-new", ".slots", ".layouts"):
        (library.own / name).mkdir()
        (library.own / name / "file").write_text("")
        if not name.endswith("new"):
            os.utime(library.own / name, (0, 0))
    library.sweep_unfinished()
    assert names(library.own) == [".layouts", ".making-new", ".slots"]


# -- rename, delete, pack --------------------------------------------------------------------------
def test_rename(make_run, library):
    run = make_run("a", predictions=random_predictions())
    renamed = run.rename("b")
    assert renamed == library.find("b")
    assert renamed.info().name == "b"
    assert len(renamed.predictions("test")) == 20
    assert names(library.own) == ["b"]
    make_run("c")
    with pytest.raises(RunError, match="a run named 'c' already exists"):
        renamed.rename("c")
    assert names(library.own) == ["b", "c"]


def test_students_follow_a_teacher_that_is_renamed(make_run, library):
    teacher = make_run("t")
    of_t = {"teacher": TeacherRef(key="t", weights_sha256="0" * 64)}
    student = make_run(
        "s", info=of_t, config=small_config(teacher="t", objective={"kind": "kd"}), state="stopped"
    )
    other = make_run("o", info={"teacher": TeacherRef(key="digits/t", weights_sha256="0" * 64)})
    make_run("broken").path.joinpath("run.yaml").write_text("[")
    teacher.rename("t-better")
    assert student.info().teacher.key == "t-better"
    assert student.info().config.teacher == "t-better"
    assert other.info().teacher.key == "digits/t"


def test_runs_follow_the_run_that_they_extend_when_it_is_renamed(make_run, library):
    first = make_run("a")
    again = make_run("c", info={"extends": "a"}, config=small_config(extends="a"))
    first.rename("b")
    assert again.info().extends == again.info().config.extends == "b"


@pytest.mark.parametrize("refused", ["b", "s1", "s2"])
def test_a_rename_that_the_disk_refuses_leaves_all_as_it_was(
    make_run, library, monkeypatch, refused
):
    teacher = make_run("a")
    students = [make_run(name, info={"teacher": TeacherRef(key="a")}) for name in ("s1", "s2")]
    before = {run.key: run.info() for run in library.runs()}
    write = RunFolder.write_info

    def full(run, info):
        if run.path.name == refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(run, info)

    monkeypatch.setattr(RunFolder, "write_info", full)
    with pytest.raises(RunError, match="'a' cannot be renamed to 'b': the disk is full; free some"):
        teacher.rename("b")
    assert {run.key: run.info() for run in library.runs()} == before
    monkeypatch.undo()
    teacher.rename("b")
    assert {student.info().teacher.key for student in students} == {"b"}


def test_a_run_that_cannot_be_read_is_not_renamed(make_run, library):
    run = make_run("a")
    run.path.joinpath("run.yaml").write_text("[")
    with pytest.raises(RunError, match="a/run.yaml cannot be read"):
        run.rename("b")
    assert names(library.own) == ["a"]


def test_delete(make_run, library):
    run = make_run("a", predictions=random_predictions())
    run.delete()
    assert names(library.own) == []
    with pytest.raises(RunError, match="cannot be deleted"):
        run.delete()


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_run_at_work_is_neither_renamed_nor_deleted(make_run, library, state):
    run = make_run("a", status=Status(state, worker=Worker.this(), heartbeat=time.time()))
    with pytest.raises(RunError, match=f"run 'a' is {state} and cannot be renamed; stop it first"):
        run.rename("b")
    with pytest.raises(RunError, match=f"run 'a' is {state} and cannot be deleted; stop it first"):
        run.delete()
    assert names(library.own) == ["a"]


def test_a_run_whose_worker_holds_its_lock_is_neither_renamed_nor_deleted(make_run, library):
    """On another host, or one that was asleep: whatever its heartbeat says, the lock shows that it
    is there."""
    asleep = Status("running", worker=Worker("another-host", 1, 0.0), heartbeat=0.0)
    run = make_run("a", status=asleep)
    long_silent(run)
    assert run.status().stale()
    with FileLock(run.lock_path):
        with pytest.raises(
            RunError,
            match="has a worker that has not reported for a while, so it cannot be deleted",
        ):
            run.delete()
        with pytest.raises(RunError, match="cannot be renamed; end that process first"):
            run.rename("b")
    assert names(library.own) == ["a"]
    assert run.rename("b").info().name == "b"
    library.find("b").delete()
    assert names(library.own) == []


def test_a_sleeping_worker_keeps_its_run(make_run, library):
    run = make_run("a", status=Status("running", worker=Worker.this(), heartbeat=0.0))
    long_silent(run)
    assert not run.resumable
    with pytest.raises(RunError, match="is running and cannot be deleted; stop it first"):
        run.delete()


def test_a_lost_run_can_be_deleted(make_run, library):
    gone = replace(Worker.this(), ticks=1)
    make_run("a", status=Status("running", worker=gone, heartbeat=time.time())).delete()
    assert names(library.own) == []


def test_the_shelf_is_read_only(make_run, library):
    run = make_run("kd-s0", on_shelf="digits")
    with pytest.raises(RunError, match="is a bundled run and cannot be renamed"):
        run.rename("mine")
    with pytest.raises(RunError, match="is a bundled run and cannot be deleted"):
        run.delete()
    assert names(library.shelf / "digits") == ["kd-s0"]


def test_packing_keeps_what_a_view_needs_and_drops_the_rest(make_run):
    before = random_predictions(200, 10, features=32)
    status = Status(
        "finished", progress=Progress(2, 2, 0, 6), worker=Worker.this(), heartbeat=5.0, seconds=7.0
    )
    run = make_run("a", predictions=before, status=status)
    logits = np.linspace(-9, 9, 2 * 20 * 10).reshape(2, 20, 10).astype(np.float16)
    run.write_trajectory(
        {
            "logits": logits,
            "epochs": np.arange(2),
            "ids": np.arange(20),
            "labels": np.zeros(20, int),
        }
    )
    for file in (run.resume_path, run.best_path, run.log_path, run.lock_path, run.weights_path):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 1000)
    run.append_metrics({"epoch": 0})
    size = run.predictions_path("test").stat().st_size
    pack(run)
    kept = [
        "metrics.jsonl",
        "model.safetensors",
        "predictions-test.npz",
        "run.yaml",
        "status.json",
        "trajectory.npz",
    ]
    assert names(run.path) == kept
    assert run.predictions_path("test").stat().st_size < 0.6 * size
    np.testing.assert_allclose(run.predictions("test").logits, before.logits, rtol=1e-3)
    after = run.trajectory()
    assert after["logits"].dtype == np.float16
    assert (
        np.abs(after["logits"].astype(float) - logits.astype(float)).max()
        <= TRAJECTORY_STEP / 2 + 1e-6
    )
    assert run.status() == replace(status, worker=None)
    once = {name: (run.path / name).read_bytes() for name in ("run.yaml", "status.json")}
    values = run.predictions("test").logits
    pack(run)
    np.testing.assert_array_equal(run.predictions("test").logits, values)
    np.testing.assert_array_equal(run.trajectory()["logits"], after["logits"])
    assert once == {name: (run.path / name).read_bytes() for name in once}


@pytest.mark.parametrize("state", ["running", "stopped", "failed", "queued"])
def test_only_finished_runs_are_packed(make_run, state):
    run = make_run("a", state=state, predictions=random_predictions())
    with pytest.raises(
        RunError, match=re.escape(f"run 'a' is {state}; only a finished run can be packed")
    ):
        pack(run)
    assert run.path.joinpath("control").exists()


def test_run_info_survives_yaml_with_everything_set(make_run):
    full = RunInfo(
        name="a",
        title="Größe & co: #1",
        role="student",
        arch="resnet8",
        dataset="digits",
        image_size=8,
        in_channels=1,
        num_classes=10,
        config=small_config(
            teacher="t",
            objective={"kind": "bickd", "tau": 0.3},
            schedule={"kind": "step"},
            optimizer={"kind": "adamw"},
        ),
        teacher=TeacherRef(key="t", weights_sha256="0" * 64),
        versions={"torch": "2"},
    )
    run = make_run("a")
    run.write_info(full)
    assert run.info() == full
    assert json.loads(full.model_dump_json()) == yaml.safe_load(
        (run.path / "run.yaml").read_text(encoding="utf-8")
    )


# -- names, folders, disks ---------------------------------------------------------------------------
def test_runs_made_at_once_with_automatic_names_get_one_each(library):
    """40 were started at once, and 34 were refused: another had taken the name that was free."""
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: create_run(small_config(), library), range(40)))
    assert len({run.key for run in made}) == 40
    assert len(library.runs()) == 40
    with pytest.raises(NameTaken, match="already exists; choose another name"):
        create_run(small_config(), library, name=made[0].key)


@pytest.mark.parametrize("variable", ["BICKD_RUNS", "BICKD_SHELF"])
def test_folders_of_the_environment_are_expanded_and_empty_ones_are_none(
    monkeypatch, own_home, tmp_path, variable
):
    def folder():
        found = Library.default(tmp_path)
        return found.own if variable == "BICKD_RUNS" else found.shelf

    monkeypatch.setenv(variable, "~/kept")
    assert folder() == own_home / "kept"
    for nothing in ("", "  "):
        monkeypatch.setenv(variable, nothing)
        assert folder() == (tmp_path / "runs" if variable == "BICKD_RUNS" else ROOT / "pretrained")
    monkeypatch.setenv(variable, "~nobody-of-this-name/runs")
    with pytest.raises(
        ValueError, match=f"{variable} must be a folder, got '~nobody-of-this-name/runs'"
    ):
        folder()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("ENOSPC", "the disk is full"),
        ("EDQUOT", "the disk quota of this account is used up"),
        ("ENOENT", "a file or its folder does not exist (x/y)"),
        ("EROFS", "the disk is read-only"),
        ("EACCES", "this account has no permission"),
        ("ESTALE", "the network disk lost its connection to the file"),
        ("EMFILE", "this process has too many files open"),
        ("EXDEV", "the system refused access to a file (x/y): Invalid cross-device link"),
    ],
)
def test_a_disk_that_refuses_is_explained(make_run, monkeypatch, number, said):
    error = OSError(getattr(errno, number), os.strerror(getattr(errno, number)), "x/y")
    assert explain(error).startswith(said)
    assert explain(error).endswith("then resume the run.")
    run = make_run("a")

    def refuse(self, target):
        raise error

    monkeypatch.setattr(Path, "rename", refuse)
    for change in (run.delete, lambda: run.rename("b")):
        with pytest.raises(RunError, match=re.escape(f": {said}")):
            change()


def test_a_figure_without_a_value_is_left_out_and_a_huge_loss_is_read(make_run):
    run = make_run("a")
    run.append_metrics({"epoch": 0, "loss": 2e13, "validation_overlap": None})
    assert run.metrics() == [{"epoch": 0, "loss": 2e13}]
    assert run.metrics_problem() == ""


def test_lines_of_metrics_that_do_not_fit_are_told(make_run):
    run = make_run("a")
    run.append_metrics({"epoch": 0, "loss": 0.5})
    assert run.metrics_problem() == ""
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write(
            '{"epoch": 1, "loss": "low"}\n{"epoch": 2, "loss": 1e999}\n{"epoch": true, "loss": 1}\n'
        )
    assert run.metrics() == [{"epoch": 0, "loss": 0.5}]
    assert (
        run.metrics_problem()
        == "a/metrics.jsonl: expected a record of one epoch in each line, but 3 of 4 lines hold"
        " something else and are left out, the first of them line 2."
    )
