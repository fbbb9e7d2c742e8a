"""Automatic choices of device, precision and threads, each with its reason."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from bickd_core.config import TrainConfig
from bickd_core.cores import available_cores
from bickd_core.kernels.building import load_kernels
from bickd_core.launch.slots import default_slots
from bickd_core.models.catalogue import resolve
from bickd_core.runs.create import check_device


@dataclass(frozen=True)
class Hardware:
    """The device, precision and threads of a run. `reason` explains them in one line."""

    device: torch.device
    precision: Literal["fp32", "bf16"]
    threads: int
    fused: bool
    """Whether batch norm, addition and ReLU are fused into one operation."""
    reason: str

    @property
    def fabric_precision(self) -> Literal["32-true", "bf16-mixed"]:
        return "bf16-mixed" if self.precision == "bf16" else "32-true"

    @property
    def accelerator(self) -> str:
        return "cuda" if self.device.type == "cuda" else "cpu"


def cpu_has_bf16() -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    checks = (
        getattr(torch.cpu, "_is_avx512_bf16_supported", None),
        getattr(torch.cpu, "_is_amx_tile_supported", None),
    )
    return any(check() for check in checks if check is not None)


def cpu_name() -> str:
    """Return the CPU's name, for model cards."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux: the platform module's word is what there is
    return platform.processor() or platform.machine()


def choose_hardware(config: TrainConfig, say: Callable[[str], None] = print) -> Hardware:
    """Choose what the config leaves to "auto".

    Args:
        say: called with a message before a step that takes long.

    Raises:
        ValueError: `device` is "cuda" and there is no such device.
    """
    check_device(config)
    has_cuda = torch.cuda.is_available()
    device = torch.device("cuda" if has_cuda and config.device != "cpu" else "cpu")
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if device.type == "cuda":
        where = f"GPU {torch.cuda.get_device_name(device)}"
        where += " (requested)" if config.device == "cuda" else " (CUDA device found)"
        fast, why = torch.cuda.is_bf16_supported(), "the GPU has bf16 units"
    else:
        where = "CPU" + (" (requested)" if config.device == "cpu" else " (no CUDA device found)")
        fast, why = cpu_has_bf16(), "the CPU has bf16 units"
    if config.precision == "auto":
        precision: Literal["fp32", "bf16"] = "bf16" if fast else "fp32"
        reason = why if fast else "no bf16 units"
    else:
        precision, reason = config.precision, "requested"
    threads, counted = _choose_threads(config.threads)
    description = (
        f"{where}, {precision} ({reason}), {threads} thread{'s' if threads > 1 else ''} ({counted})"
    )
    if device.type != "cpu":
        return Hardware(device, precision, threads, False, description)
    missing = "requested" if config.kernels == "torch" else load_kernels(say)
    return Hardware(
        device, precision, threads, missing is None, f"{description}, {_kernels(config, missing)}"
    )


def _kernels(config: TrainConfig, missing: str | None) -> str:
    if config.compile:
        return "kernels by torch.compile"
    if missing is None and resolve(config.arch).is_outside:
        missing = "not a model of ours"
    return "fused kernels" if missing is None else f"torch's kernels ({missing})"


def _choose_threads(wanted: int | None) -> tuple[int, str]:
    """Return the CPU threads and the reason: a run's share of the cores, so that one run per slot
    fits."""
    if wanted is not None:
        return wanted, "requested"
    if (together := int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) > 1:
        return max(
            1, available_cores() // together
        ), f"of {available_cores()} cores, for {together} processes"
    cores, slots = available_cores(), default_slots()
    if slots == 1:
        return cores, "all cores"
    return max(1, cores // slots), f"of {cores} cores, as {slots} runs may train at once"
