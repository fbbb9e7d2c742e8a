"""The cost of a network: parameters, multiply-adds, and its latency on this machine's CPU."""

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
    """Return the number of trainable parameters, without batch norm statistics.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Return the multiply-accumulates of convolutions and linear layers for one image.

    They are counted by hooks in a forward pass of a copy. As usual, biases, batch norms, ReLUs and
    pooling do not count. FLOPs are twice this number.

    Args:
        image_shape: channels, height, width.
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
    """Return the median milliseconds of a forward pass of `batch_size` images.

    Measured on a copy on the CPU, in float32 and evaluation mode, with torch's current number of
    threads.

    Args:
        image_shape: channels, height, width.
        repeats: number of passes.
        warmup: passes before them that do not count.
        budget_s: no further pass starts after this many seconds.
        clock: returns seconds; the wall's clock by default. `time.thread_time` leaves out the time
            of other processes, for a single thread.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
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
    """Median milliseconds of a pass, and whether other work on the machine made it longer."""

    milliseconds: float
    busy: bool


BUSY_FACTOR = 1.5
"""If a pass takes more than this many times its CPU time, the machine is busy."""
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
    """Time a forward pass with torch's current threads, and detect a busy machine.

    The reference is the CPU time of the same pass on one thread. On an idle machine, a pass takes
    no longer than that. If it does, it is timed again, up to three times, and the shortest counts.
    See `cpu_latency_ms` for the arguments.
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
        milliseconds = cpu_latency_ms(
            model,
            image_shape,
            batch_size=batch_size,
            repeats=repeats,
            warmup=warmup,
            budget_s=budget_s,
        )
        shortest = min(shortest, milliseconds)
        if shortest <= BUSY_FACTOR * work:
            break
    return Timing(shortest, shortest > BUSY_FACTOR * work)


def _cpu_copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to(device="cpu", dtype=torch.float32).eval()
