"""The clocks of runs: those of a race add up to its time."""

import time
from types import SimpleNamespace

import pytest
import torch

from bickd_core.training import engine
from bickd_core.training.engine import Runner
from bickd_core.training.race import lanes_of, race
from bickd_core.training.state import Position

STEPS = 4


class MadeBatches:
    """Batches that take a while to make, once for each step."""

    def __init__(self, seconds):
        self.seconds, self.made = seconds, set()

    def prepare(self, epoch):
        return iter(())

    def get(self, picked, epoch, step):
        if (epoch, step) not in self.made:
            self.made.add((epoch, step))
            time.sleep(self.seconds)


class Split:
    order_device = "cpu"

    def __len__(self):
        return 100


def made_job(batches):
    ranks = SimpleNamespace(
        first=True,
        size=1,
        agree=bool,
        barrier=lambda: None,
        part=lambda picked: picked,
        every=lambda values: [values],
    )
    config = SimpleNamespace(epochs=1, seeds=SimpleNamespace(order=0))
    return SimpleNamespace(
        config=config, ranks=ranks, batches=batches, train=Split(), steps=50, batch_size=2,
        first_view=0, draws=False, student=torch.nn.Identity(),
        hardware=SimpleNamespace(device=torch.device("cpu"), threads=2),
    )  # fmt: skip


@pytest.mark.parametrize(("runs", "lanes"), [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_the_clocks_of_a_race_add_up_to_its_time(monkeypatch, runs, lanes):
    batches = MadeBatches(0.2)
    tally = SimpleNamespace(add=lambda values: None, settle=lambda: None)
    monkeypatch.setattr(engine, "Tally", lambda at, device: tally)
    monkeypatch.setattr(engine, "train_step", lambda job, picked, at: time.sleep(0.2))
    monkeypatch.setattr(engine, "load_state", lambda job, run: Position())
    monkeypatch.setattr(engine, "save_state", lambda job, run, at: None)
    runners, errors = [], []

    def make():
        runners.append(Runner(made_job(batches), None, stop_after=(0, STEPS)))
        return runners[-1]

    started = time.monotonic()
    race(
        [make] * runs,
        [lambda state: None] * runs,
        lambda number, error: errors.append(error),
        lanes=lanes,
    )
    wall = time.monotonic() - started
    assert errors == []
    assert [runner.at.step for runner in runners] == [STEPS] * runs
    assert sum(runner.at.seconds for runner in runners) == pytest.approx(wall, rel=0.25)
    speeds = [runner.at.seconds for runner in runners]
    assert max(speeds) < 1.25 * min(speeds)  # each has its share of the batches' time


def test_students_that_draw_alternate():
    jobs = [made_job(MadeBatches(0.0)) for _ in range(3)]
    assert lanes_of(jobs) == 2
    jobs[1].draws = True
    assert lanes_of(jobs) == 1
