"""What a network costs: parameters, multiply-adds, and measured latency on this machine's CPU."""

import copy
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch import Tensor


def count_parameters(model: nn.Module) -> int:
    """Numbers that training changes (batch-norm statistics are not counted).

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image (channels, height,
    width).

    Counted by hooks on one forward pass of a copy: every output number of a layer costs one
    multiply-accumulate for each of its inputs. Biases, batch norms, ReLUs and pooling are left out,
    as is usual. FLOPs are twice this number.
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
    model: nn.Module,
    image_shape: tuple[int, int, int],
    *,
    batch_size: int = 1,
    repeats: int = 20,
    warmup: int = 3,
    budget_s: float = math.inf,
    clock: Callable[[], float] | None = None,
) -> float:
    """Median milliseconds of a forward pass of `batch_size` images (channels, height, width).

    On the CPU, float32, evaluation mode, with torch's current number of threads, after `warmup`
    passes that do not count. Measured on a copy, so the model's device and mode stay as they were.
    Once the passes that count have taken `budget_s` seconds no further one is made: a large network
    is measured by fewer. clock: seconds; the wall's if not given, `time.thread_time` leaves out
    what other processes took from a single thread.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, but {repeats} came.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, but {batch_size} came.")
    probe, images = _cpu_copy(model), torch.zeros(batch_size, *image_shape)
    times: list[float] = []
    now = clock or time.perf_counter
    with torch.inference_mode():
        for _ in range(warmup):
            probe(images)
        while len(times) < repeats and sum(times) < budget_s:
            start = now()
            probe(images)
            times.append(now() - start)
    return 1000 * statistics.median(times)


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of a pass on the clock, and whether other work on the machine lengthened
    it."""

    milliseconds: float
    busy: bool


BUSY_FACTOR = 1.5
"""A pass that takes longer than this many times its work is one of a busy machine."""
TRIES = 3


def time_pass(
    model: nn.Module,
    image_shape: tuple[int, int, int],
    *,
    batch_size: int = 1,
    repeats: int = 20,
    warmup: int = 3,
    budget_s: float = math.inf,
) -> Timing:
    """Time a forward pass with torch's current threads, and tell a busy machine from a quiet one.

    The reference is the same pass on one thread, in that thread's own CPU time: what other
    processes take is not part of it. On a quiet machine a pass takes no longer on the clock, with
    one thread or with several. If it does, it is timed again, up to three times, and the shortest
    counts.

    Args:
        model: a network for images of `image_shape` (channels, height, width); see `cpu_latency_ms`
            for the others.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        work = cpu_latency_ms(
            model,
            image_shape,
            batch_size=batch_size,
            repeats=min(repeats, 5),
            warmup=1,
            budget_s=budget_s,
            clock=time.thread_time,
        )
    finally:
        torch.set_num_threads(threads)
    shortest = math.inf
    for _ in range(TRIES):
        found = cpu_latency_ms(
            model,
            image_shape,
            batch_size=batch_size,
            repeats=repeats,
            warmup=warmup,
            budget_s=budget_s,
        )
        shortest = min(shortest, found)
        if shortest <= BUSY_FACTOR * work:
            break
    return Timing(shortest, shortest > BUSY_FACTOR * work)


def _cpu_copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to(device="cpu", dtype=torch.float32).eval()
