"""Parameters, multiply-adds and latency."""

import doctest

import pytest
import torch
from torch import nn

from bickd_core.models import cost
from bickd_core.models.factory import create_model
from bickd_core.training.finish import measure


def test_macs_of_layers_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),  # 6 x 6 places, 8 channels, 27 inputs each
        nn.Conv2d(
            8, 8, 3, stride=2, padding=1, groups=4
        ),  # 3 x 3 places, 8 channels, 18 inputs each
        nn.Flatten(),
        nn.Linear(72, 5),
    )
    assert cost.count_macs(model, (3, 6, 6)) == 36 * 8 * 27 + 9 * 8 * 18 + 72 * 5
    assert cost.count_parameters(model) == 216 + 8 * 18 + 8 + 72 * 5 + 5


def test_resnet20_has_41_million_macs_at_32_by_32():
    macs = cost.count_macs(create_model("resnet20", num_classes=100), (3, 32, 32))
    assert macs == pytest.approx(41e6, rel=0.01)


def test_frozen_parameters_are_not_counted():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    assert cost.count_parameters(model) == 6


def test_latency_is_the_median_in_milliseconds(monkeypatch):
    ticks = iter([0.0, 0.001, 1.0, 1.005, 2.0, 2.100])  # 1, 5 and 100 ms
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(ticks))
    assert cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), repeats=3) == pytest.approx(5.0)


def test_a_large_network_is_measured_by_fewer_passes(monkeypatch):
    ticks = iter([0.0, 1.0, 1.0, 3.0])  # 1 and 2 s; the third pass would ask for more
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(ticks))
    assert cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), repeats=9, budget_s=2.5) == pytest.approx(
        1500.0
    )


def test_a_batch_is_what_the_network_gets():
    seen = []
    model = nn.Flatten()
    model.register_forward_hook(lambda module, given, out: seen.append(tuple(given[0].shape)))
    cost.cpu_latency_ms(model, (3, 4, 4), batch_size=64, repeats=2, warmup=1)
    assert seen == [(64, 3, 4, 4)] * 3


def test_measuring_leaves_the_model_as_it_was():
    model = create_model("resnet8", num_classes=5).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    measured = measure(model, (3, 16, 16))
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert measured.macs > 0
    assert measured.parameters == sum(p.numel() for p in model.parameters())
    assert 0 < measured.latency_ms < measured.latency_batch_ms
    assert f", {torch.get_num_threads()} thread" in measured.latency_cpu


class Clocks:
    """The wall's clock and a thread's, moved by hand: each pass takes `wall` and `work` seconds."""

    def __init__(self, wall: list[float], work: float) -> None:
        self.now, self.used, self._wall, self._work = 0.0, 0.0, wall, work

    def perf_counter(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.used

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.now += self._wall.pop(0) if len(self._wall) > 1 else self._wall[0]
        self.used += self._work
        return images


def timed(monkeypatch, wall: list[float], work: float) -> cost.Timing:
    clocks, model = Clocks(wall, work), nn.Flatten()
    monkeypatch.setattr(cost, "time", clocks)
    monkeypatch.setattr(nn.Flatten, "forward", lambda self, images: clocks.forward(images))
    return cost.time_pass(model, (1, 2, 2), repeats=3, warmup=1)


def test_a_pass_that_waits_for_other_programs_is_one_of_a_busy_machine(monkeypatch):
    assert timed(monkeypatch, [0.001], 0.001) == cost.Timing(pytest.approx(1.0), False)
    assert timed(monkeypatch, [0.0635], 0.0006) == cost.Timing(pytest.approx(63.5), True)


def test_a_busy_moment_is_waited_for(monkeypatch):
    reference, busy = [0.001] * 4, [0.05] * 4
    assert timed(monkeypatch, [*reference, *busy, 0.001], 0.001) == cost.Timing(
        pytest.approx(1.0), False
    )


def test_timing_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    cost.time_pass(nn.Flatten(), (1, 2, 2), repeats=1)
    assert torch.get_num_threads() == before


def test_repeats_must_be_positive():
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), repeats=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), batch_size=0)


def test_examples_in_docstrings_hold():
    result = doctest.testmod(cost)
    assert result.failed == 0
    assert result.attempted > 0
