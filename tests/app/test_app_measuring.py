"""The speed of a plan is measured once for all sessions, one plan at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from app.distill import measuring
from app.distill.measuring import Measurements, SpeedMeter, read_answer
from app.distill.speed import Speed
from bickd_core.config import TrainConfig
from bickd_core.runs.library import Library

ANSWER = (
    '{"images_per_second": 100.0, "loading": 1.0, "evaluating": 0.5, "finishing": 2.0,'
    ' "device": "CPU", "students": 1, "seconds": 9.0, "view_seconds": 0.0, "views": null}'
)


def config(arch: str) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "dataset": "caltech95",
            "arch": arch,
            "role": "student",
            "teacher": "caltech95/teacher",
            "objective": {"kind": "kd"},
        }
    )


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Stand-ins for measuring processes, which answer once the file `done` is there. Returns the
    ids of those that were started."""
    program = tmp_path / "measure"
    program.write_text(
        f"""#!{sys.executable}
import os, pathlib, sys, time
folder = pathlib.Path({str(tmp_path)!r})
(folder / "pids").open("a").write(f"{{os.getpid()}}\\n")
sys.stdin.read()
while not (folder / "done").exists():
    time.sleep(0.02)
print({ANSWER!r})
"""
    )
    program.chmod(0o755)
    monkeypatch.setattr(measuring, "sys", SimpleNamespace(executable=str(program)))
    monkeypatch.setattr(measuring, "SETTLE_SECONDS", 0.0)
    pids = tmp_path / "pids"

    def started() -> list[int]:
        return list(map(int, pids.read_text().splitlines())) if pids.exists() else []

    return started


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sessions_share_a_measurement_and_other_plans_wait_for_their_turn(
    tmp_path: Path, begun: Callable[[], list[int]]
):
    shared = Measurements()
    library = Library(shelf=tmp_path, own=tmp_path / "own")
    first, second, third = (SpeedMeter(library, shared) for _ in range(3))
    same, other = [config("resnet8")], [config("resnet20")]
    assert [meter.ask(plan) for meter, plan in ((first, same), (second, same), (third, other))] == [
        None
    ] * 3
    until(lambda: len(begun()) == 1)
    assert [first.ask(same), second.ask(same), third.ask(other)] == [None] * 3
    assert len(begun()) == 1  # the third one's plan waits
    (tmp_path / "done").touch()
    until(lambda: isinstance(first.ask(same), Speed))
    assert isinstance(second.ask(same), Speed)
    until(lambda: isinstance(third.ask(other), Speed))
    elsewhere = SpeedMeter(Library(shelf=tmp_path, own=tmp_path / "another"), shared)
    assert elsewhere.ask(same) is None  # another user's teacher may have the same name
    elsewhere.close()


def test_a_measurement_ends_when_nobody_waits_for_it(
    tmp_path: Path, begun: Callable[[], list[int]]
):
    shared = Measurements()
    library = Library(shelf=tmp_path, own=tmp_path / "own")
    first, second = SpeedMeter(library, shared), SpeedMeter(library, shared)
    for meter in (first, second):
        meter.ask([config("resnet8")])
    until(lambda: len(begun()) == 1)
    process = psutil.Process(begun()[0])
    first.close()
    assert process.is_running()
    second.ask([config("resnet20")])  # the settings changed
    assert not process.is_running()
    until(lambda: len(begun()) == 2)
    process = psutil.Process(begun()[1])
    second.close()
    assert not process.is_running()


def test_a_session_that_went_away_holds_nobody_up(
    tmp_path: Path,
    begun: Callable[[], list[int]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(measuring, "ABSENT_SECONDS", 0.2)
    shared = Measurements()
    library = Library(shelf=tmp_path, own=tmp_path / "own")
    gone, here = SpeedMeter(library, shared), SpeedMeter(library, shared)
    gone.ask([config("resnet8")])
    until(lambda: len(begun()) == 1)
    process = psutil.Process(begun()[0])
    until(lambda: here.ask([config("resnet20")]) is None and not process.is_running())
    here.close()


def test_an_error_is_forgotten_after_a_while(
    tmp_path: Path, begun: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
):
    answers = ['{"error": "the disk is full."}', ANSWER]
    monkeypatch.setattr(measuring, "read_answer", lambda printed: read_answer(answers.pop(0)))
    (tmp_path / "done").touch()
    meter = SpeedMeter(Library(shelf=tmp_path, own=tmp_path / "own"), Measurements())
    plan = [config("resnet8")]
    until(lambda: meter.ask(plan) is not None)
    assert meter.ask(plan) == "the disk is full."
    assert len(begun()) == 1
    monkeypatch.setattr(measuring, "ERROR_SECONDS", 0.0)
    until(lambda: isinstance(meter.ask(plan), Speed))
    assert len(begun()) == 2
