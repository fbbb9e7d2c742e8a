"""What a network costs: parameters, multiply-adds, and measured latency on this machine's CPU."""

import copy
import statistics
import time
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch import Tensor


@dataclass(frozen=True)
class Cost:
    """parameters: trainable numbers. macs: multiply-accumulates for one image, of convolutions and
    linear layers only. cpu_latency_ms: median milliseconds for one image. threads: torch's threads then.
    """

    parameters: int
    macs: int
    cpu_latency_ms: float
    threads: int

    @property
    def flops(self) -> int:
        """Floating-point operations for one image: 2 x MACs, a multiplication and an addition each."""
        return 2 * self.macs


def measure_cost(model: nn.Module, image_shape: tuple[int, int, int], *, repeats: int = 20) -> Cost:
    """All of the figures for images of shape (channels, height, width); the model is left as it was."""
    return Cost(
        parameters=count_parameters(model),
        macs=count_macs(model, image_shape),
        cpu_latency_ms=cpu_latency_ms(model, image_shape, repeats=repeats),
        threads=torch.get_num_threads(),
    )


def count_parameters(model: nn.Module) -> int:
    """Numbers that training changes (batch-norm statistics are not counted).

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image (channels, height, width).

    Counted by hooks on one forward pass of a copy: every output number of a layer costs one
    multiply-accumulate for each of its inputs. Biases, batch norms, ReLUs and pooling are left out, as
    is usual. FLOPs are twice this number.
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += output.numel() * layer.weight[0].numel()

    probe = _cpu_copy(model)
    for layer in probe.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        probe(torch.zeros(1, *image_shape))
    return total


def cpu_latency_ms(
    model: nn.Module, image_shape: tuple[int, int, int], *, repeats: int = 20, warmup: int = 3
) -> float:
    """Median milliseconds of a forward pass of one image (channels, height, width).

    On the CPU, float32, evaluation mode, with torch's current number of threads, after `warmup` passes
    that do not count. Measured on a copy, so the model's device and mode stay as they were.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, but {repeats} came.")
    probe, image = _cpu_copy(model), torch.zeros(1, *image_shape)
    times = []
    with torch.inference_mode():
        for _ in range(warmup):
            probe(image)
        for _ in range(repeats):
            start = time.perf_counter()
            probe(image)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _cpu_copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to(device="cpu", dtype=torch.float32).eval()
