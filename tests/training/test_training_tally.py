"""Figures of steps, read at once or now and then: the same sums, and the same words for a loss that
is not finite."""

import math

import pytest
import torch

from bickd_core.training.state import Position, TrainingError
from bickd_core.training.tally import STEPS_ON_GPU, StepValues, Tally


def values(loss):
    part = torch.tensor(loss, requires_grad=True)
    return StepValues.of(part * 2, {"ce": part, "kl": part}, torch.tensor(0.5), 0.1)


def tallied(losses, device):
    at = Position(epoch=2)
    tally = Tally(at, torch.device(device))
    for loss in losses:
        tally.add(values(loss))
        at.step += 1
    return tally, at


def test_a_steps_figures_have_their_names_and_need_no_gradient():
    found = values(1.5)
    assert not found.values.requires_grad
    assert found.figures() == {
        "loss": 3.0, "loss_ce": 1.5, "loss_kl": 1.5, "train_accuracy": 0.5, "learning_rate": 0.1,
    }  # fmt: skip


def test_a_gpus_steps_are_read_together_and_the_sums_are_a_cpus():
    losses = [0.1 * n for n in range(STEPS_ON_GPU + 7)]
    _, here = tallied(losses, "cpu")
    tally, there = tallied(losses, "cuda")
    assert there.sums["loss_ce"] == pytest.approx(sum(losses[:STEPS_ON_GPU]))  # seven wait
    tally.settle()
    assert there.sums == here.sums
    tally.settle()
    assert there.sums == here.sums


def test_a_loss_that_is_not_finite_is_named_with_its_step_however_late_it_is_read():
    words = r"not finite in epoch 3, step 2 \(ce nan, kl nan\)"
    with pytest.raises(TrainingError, match=words):
        tallied([1.0, math.nan], "cpu")
    tally, at = tallied([1.0, math.nan, 2.0], "cuda")
    assert at.step == 3
    with pytest.raises(TrainingError, match=words):
        tally.settle()
