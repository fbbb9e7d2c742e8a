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
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4),  # 3 x 3 places, 8 channels, 18 inputs each
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
    assert cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), repeats=9, budget_s=2.5) == pytest.approx(1500.0)


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


def test_repeats_must_be_positive():
    with pytest.raises(ValueError, match="repeats must be at least 1, but 0 came"):
        cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), repeats=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, but 0 came"):
        cost.cpu_latency_ms(nn.Flatten(), (1, 2, 2), batch_size=0)


def test_examples_in_docstrings_hold():
    result = doctest.testmod(cost)
    assert result.failed == 0
    assert result.attempted > 0
