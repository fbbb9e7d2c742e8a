"""The order of a sweep's work, on a launcher made up for the test: nothing is trained here."""

import time
from dataclasses import replace

import pytest

from bickd_core.runs.library import RunError
from bickd_core.runs.status import Progress, Status
from bickd_core.sweeps.definition import Sweep, planned_runs
from bickd_core.sweeps.foreground import _sentence
from bickd_core.sweeps.running import LOST_IN_A_ROW, Ended, Sweeping, check_sweep


class MadeUp:
    """Runs "work" until the test says how they end."""

    here = True

    def __init__(self, at_once=2):
        self.at_once = at_once
        self.submitted = []
        self.stopped = []
        self.answers = {}

    def submit(self, run):
        run.clear_requests()
        self.submitted.append(run.key)
        self.answers[run.key] = "working"

    def stop(self, run):
        self.stopped.append(run.key)

    def poll(self, run):
        return self.answers.get(run.key, run.status().state)

    def end(self, run, state, **more):
        run.write_status(
            Status("running" if state == "lost" else state, heartbeat=time.time(), **more)
        )
        self.answers[run.key] = state


@pytest.fixture
def planned(teacher):
    train = {
        "dataset": "digits",
        "epochs": 2,
        "train_limit": 100,
        "threads": 1,
        "precision": "fp32",
    }
    made = {
        "name": "s",
        "pairs": [{"teacher": "teacher", "student": "convnet-small"}],
        "methods": ["ce", "kd"],
        "seeds": [0, 1],
        "train": train,
    }
    return planned_runs(Sweep.model_validate(made))


def ends(found):
    return [(each.planned.name, each.state, each.ended_before) for each in found]


def test_runs_are_started_in_order_as_places_are_free(planned, library):
    launcher = MadeUp(at_once=2)
    sweeping = Sweeping(planned, library, launcher)
    assert sweeping.turn() == []
    assert launcher.submitted == ["s-ce-s0", "s-kd-s0"]
    assert not (library.own / "s-ce-s1").exists()  # a folder is made when its turn comes
    assert sweeping.turn() == []
    launcher.end(library.find("s-kd-s0"), "finished")
    assert ends(sweeping.turn()) == [("s-kd-s0", "finished", False)]
    assert launcher.submitted[2:] == ["s-ce-s1"]
    for name in ("s-ce-s0", "s-ce-s1"):
        launcher.end(library.find(name), "finished")
    sweeping.turn()
    launcher.end(
        library.find("s-kd-s1"), "stopped"
    )  # by somebody on the Distill page: the others go on
    assert ends(sweeping.turn()) == [("s-kd-s1", "stopped", False)]
    assert not sweeping.at_work
    config = library.find("s-kd-s1").info().config
    assert (config.objective.kind, config.seeds.augmentation, config.teacher) == (
        "kd",
        1,
        "teacher",
    )


def test_a_second_call_keeps_what_is_finished_and_goes_on_with_the_rest(planned, library):
    first = MadeUp(at_once=4)
    Sweeping(planned, library, first).turn()
    first.end(library.find("s-ce-s0"), "finished")
    first.end(library.find("s-kd-s0"), "stopped")
    first.end(library.find("s-ce-s1"), "failed", error="the disk is full")
    library.find("s-kd-s1").write_status(Status("running", heartbeat=0.0))  # its worker is gone
    launcher = MadeUp(at_once=4)
    check_sweep(planned, library)
    found = Sweeping(planned, library, launcher)
    assert ends(found.turn()) == [("s-ce-s0", "finished", True), ("s-ce-s1", "failed", True)]
    assert found.ended[1].error == "the disk is full"
    assert launcher.submitted == ["s-kd-s0", "s-kd-s1"]


class Unreachable(MadeUp):
    """A place that cannot be reached until the test says so."""

    there = True

    def submit(self, run):
        if not self.there:
            raise ConnectionError("it does not answer.")
        super().submit(run)


def test_a_run_is_reported_with_its_accuracy_if_it_was_recorded(planned, make_run):
    run = make_run("s-ce-s0", status=Status("finished", seconds=12.0))
    assert _sentence(Ended(planned[0], run, "finished")) == "s-ce-s0: finished after 12 s"
    run.append_metrics({"epoch": 0, "validation_accuracy": 0.5})
    assert _sentence(Ended(planned[0], run, "finished")) == (
        "s-ce-s0: finished after 12 s, 50.0% on validation"
    )


def test_a_place_that_cannot_be_reached_is_tried_again(planned, library):
    launcher = Unreachable(at_once=1)
    sweeping = Sweeping(planned[:2], library, launcher, retries=1)
    sweeping.turn()
    launcher.end(library.find("s-ce-s0"), "finished")
    launcher.there = False
    assert ends(sweeping.turn()) == [("s-ce-s0", "finished", False)]
    assert (sweeping.at_work, sweeping.working) == (True, {})
    assert sweeping.unreachable == "it does not answer."
    assert sweeping.turn() == []
    launcher.there = True
    sweeping.turn()
    assert (launcher.submitted, sweeping.unreachable) == (["s-ce-s0", "s-kd-s0"], "")
    launcher.end(library.find("s-kd-s0"), "failed", error="out of memory")
    launcher.there = False
    assert sweeping.turn() == sweeping.turn() == []  # one retry is left, however often it waits
    launcher.there = True
    sweeping.turn()
    assert launcher.submitted[2:] == ["s-kd-s0"]
    launcher.end(library.find("s-kd-s0"), "failed", error="out of memory")
    assert ends(sweeping.turn()) == [("s-kd-s0", "failed", False)]


def test_a_run_that_cannot_be_started_fails_alone(planned, library):
    launcher = MadeUp(at_once=4)
    Sweeping(planned[:1], library, launcher).turn()
    library.find("s-ce-s0").path.joinpath("status.json").write_text("{")
    sweeping = Sweeping(planned[:2], library, launcher)
    assert ends(sweeping.turn()) == [("s-ce-s0", "failed", False)]
    assert "status.json cannot be read" in sweeping.ended[0].error
    assert list(sweeping.working) == ["s-kd-s0"]


def test_a_failed_run_is_started_again_as_often_as_asked(planned, library):
    launcher = MadeUp()
    sweeping = Sweeping(planned[:1], library, launcher, retries=1)
    sweeping.turn()
    for _ in range(2):
        launcher.end(library.find("s-ce-s0"), "failed", error="NaN")
        found = sweeping.turn()
    assert launcher.submitted == ["s-ce-s0"] * 2
    assert [(each.state, each.error) for each in found] == [("failed", "NaN")]


def test_a_lost_run_is_submitted_again_and_given_up_when_it_makes_no_step(planned, library):
    launcher = MadeUp()
    sweeping = Sweeping(planned[:1], library, launcher)
    sweeping.turn()
    run = library.find("s-ce-s0")
    for step in range(5):  # each time further on
        launcher.end(run, "lost", progress=Progress(step=step))
        assert sweeping.turn() == []
    for _ in range(LOST_IN_A_ROW - 1):
        assert sweeping.at_work
        launcher.end(run, "lost", progress=Progress(step=4))
        found = sweeping.turn()
    assert len(launcher.submitted) == 1 + 5 + LOST_IN_A_ROW - 2
    assert found[0].state == "failed"
    assert "its worker was lost 3 times without a step between" in found[0].error


def test_a_stop_reaches_every_working_run_and_starts_nothing_more(planned, library):
    launcher = MadeUp()
    sweeping = Sweeping(planned, library, launcher, retries=5)
    sweeping.turn()
    sweeping.stop()
    assert launcher.stopped == ["s-ce-s0", "s-kd-s0"]
    launcher.end(library.find("s-ce-s0"), "stopped")
    assert ends(sweeping.turn()) == [("s-ce-s0", "stopped", False)]
    assert sweeping.at_work
    launcher.end(library.find("s-kd-s0"), "lost")
    assert ends(sweeping.turn()) == [("s-kd-s0", "stopped", False)]
    assert not sweeping.at_work
    assert launcher.submitted == ["s-ce-s0", "s-kd-s0"]


def test_a_run_that_another_worker_holds_is_waited_for(planned, library):
    launcher = MadeUp()
    Sweeping(planned[:1], library, MadeUp()).turn()
    run = library.find("s-ce-s0")
    from bickd_core.runs.status import Worker

    run.write_status(Status("running", worker=Worker.this(), heartbeat=time.time()))
    launcher.answers["s-ce-s0"] = "working"
    sweeping = Sweeping(planned[:1], library, launcher)
    assert sweeping.turn() == []
    assert launcher.submitted == []
    launcher.end(run, "finished")
    assert ends(sweeping.turn()) == [("s-ce-s0", "finished", False)]


def test_a_folder_that_disappears_fails_that_run_alone(planned, library):
    launcher = MadeUp(at_once=1)
    sweeping = Sweeping(planned[:2], library, launcher)
    sweeping.turn()
    launcher.end(library.find("s-ce-s0"), "stopped")
    library.find("s-ce-s0").delete()
    launcher.answers.clear()
    assert ends(sweeping.turn()) == [("s-ce-s0", "failed", False)]
    assert launcher.submitted == ["s-ce-s0", "s-kd-s0"]


def test_a_sweep_is_refused_before_anything_starts(planned, library):
    other = [replace(planned[0], config=planned[0].config.model_copy(update={"arch": "resnet9"}))]
    with pytest.raises(ValueError, match="resnet9"):
        check_sweep(other, library)
    other = [replace(planned[0], config=planned[0].config.model_copy(update={"teacher": "nobody"}))]
    with pytest.raises(RunError, match="there is no run 'nobody'"):
        check_sweep(other, library)
    Sweeping(planned[:1], library, MadeUp()).turn()
    check_sweep(planned, library)
    longer = [replace(planned[0], config=planned[0].config.model_copy(update={"epochs": 3}))]
    with pytest.raises(RunError, match="run 's-ce-s0' already exists with other settings"):
        check_sweep(longer, library)
