"""What works, what waits, and how long about."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from run_helpers import long_silent, small_config
from streamlit.testing.v1 import AppTest

from app.distill.queue import all_done, ends, entries, plan_seconds, several, until_free
from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library
from bickd_core.runs.status import Progress, Status, Worker

HOST = "another-host"  # whose processes cannot be looked at: the heartbeat alone tells


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(shelf=tmp_path / "shelf", own=tmp_path / "own")


@pytest.fixture
def here(monkeypatch):
    """Count the runs of the other host as this machine's."""
    monkeypatch.setattr("app.distill.queue.on_this_machine", list)


def test_runs_of_other_machines_take_no_slot_of_this_one(library):
    runs = [put(library, "a", "running", 1, 30.0), put(library, "b", "queued", 2)]
    found = entries(runs, lambda configs: 20.0)
    assert [entry.here for entry in found] == [False, False]
    assert (until_free(found, 1), all_done(found, 1)) == (0.0, None)
    own = create_run(small_config(epochs=4), library, name="c")  # its worker starts
    found = entries([*runs, (own, own.info())], lambda configs: 20.0)
    assert [entry.here for entry in found] == [False, False, True]
    assert (until_free(found, 1), all_done(found, 1)) == (20.0, 20.0)


def put(
    library: Library, name: str, state: str, pid: int, left: float | None = None, age: float = 0.0
):
    run = create_run(small_config(epochs=4), library, name=name)
    progress = Progress(1, 4, 0, 6, 100.0, left) if left is not None else Progress()
    run.write_status(Status(state, progress, Worker(HOST, pid, 1.0), heartbeat=time.time() - age))  # type: ignore[arg-type]
    if age:
        long_silent(run)
    return run, run.info()


@pytest.mark.usefixtures("here")
def test_races_are_one_entry_and_what_works_comes_first(library):
    runs = [
        put(library, "a", "queued", 1),
        put(library, "b", "running", 2, 30.0),
        put(library, "c", "running", 2, 60.0),
        put(library, "d", "finished", 3),
        put(library, "e", "running", 4, 10.0, age=1000.0),  # lost
    ]
    found = entries(runs, lambda configs: 20.0 * len(configs))
    assert [entry.keys for entry in found] == [("b", "c"), ("a",)]
    assert [entry.working for entry in found] == [True, False]
    assert [entry.seconds_left for entry in found] == [90.0, 20.0]
    assert [entry.progress for entry in found] == [
        "25% · about 2 min left",
        "waiting · takes about 20 s",
    ]
    assert found[1].title == "a"
    assert "seed 1" in found[0].title
    assert all_done(found, slots=1) == 110.0
    assert all_done(found, slots=2) == 90.0
    assert (until_free(found, 1), until_free(found, 2), until_free(found, 3)) == (110.0, 20.0, 0.0)


def test_a_resumed_run_waits_behind_those_whose_workers_started_earlier(library):
    runs = [put(library, name, "queued", 1) for name in ("old", "new", "newest")]
    for (run, _), age in zip(runs[:2], (10.0, 20.0), strict=True):
        worker = Worker.this()
        worker = replace(worker, started=worker.started - age)
        run.write_status(replace(run.status(), worker=worker))
    runs[2][0].write_status(Status("queued", heartbeat=time.time()))  # its worker starts
    found = entries(runs, lambda configs: 20.0)
    assert [entry.keys for entry in found] == [("new",), ("old",), ("newest",)]


@pytest.mark.usefixtures("here")
def test_a_run_that_ends_says_so_instead_of_a_time(library):
    finishing, stopping = (
        put(library, "a", "running", 1, 0.0),
        put(library, "b", "running", 2, 900.0),
    )
    status = finishing[0].status()
    finishing[0].write_status(replace(status, progress=Progress(4, 4, 0, 6, 100.0, 0.0)))
    stopping[0].request_stop()
    found = entries([finishing, stopping], lambda configs: 20.0)
    assert [entry.progress for entry in found] == ["finishing", "stopping"]
    assert all_done(found, 2) is None
    assert all_done(found[1:], 2) == 2.0


@pytest.mark.usefixtures("here")
def test_where_one_is_not_known_the_whole_is_not(library):
    found = entries([put(library, "a", "queued", 1)], lambda configs: None)
    assert found[0].progress == "waiting"
    assert all_done(found, 1) is None
    assert until_free(found, 1) is None
    assert all_done([], 1) is None
    assert until_free([], 1) == 0.0


def test_a_free_place_takes_the_next():
    assert ends(2, [], [4.0, 1.0, 1.0]) == [4.0, 1.0, 2.0]
    assert ends(1, [3.0, 5.0], [1.0]) == [4.0]  # more than slots work: they were lowered meanwhile
    assert plan_seconds(5, 60.0, 2) == 180.0
    assert several(3, 600.0, 1, race=True) == "3 races one after the other, about 10 min each."
    assert (
        several(3, 600.0, 2, race=False)
        == "3 runs, 2 at a time. Each takes about 10 min alone, and longer side by side."
    )


def shown(library, monkeypatch) -> list[str]:
    """The texts of the queue with one run on another host."""

    def script() -> None:
        from app.pages.distill import queue

        queue.show()

    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    put(library, "a", "running", 1, 30.0)
    app = AppTest.from_function(script, default_timeout=60)
    app.run()
    assert not app.exception, app.exception
    return [text.value for text in app.markdown]


@pytest.mark.usefixtures("here")
def test_the_head_of_the_queue_has_a_space_before_the_dot(library, monkeypatch):
    assert shown(library, monkeypatch)[0] == "**On this machine now** · all done in about 30 s"


def test_runs_of_other_machines_have_a_head_of_their_own(library, monkeypatch):
    assert shown(library, monkeypatch) == ["**On other machines**"]
