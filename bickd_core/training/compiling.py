"""Compile the student with torch.compile: fewer and larger kernels, and CUDA graphs on a GPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable

import torch

from bickd_core.models.outputs import Outputs


def compiled(outputs: Callable[..., Outputs], device: torch.device) -> Callable[..., Outputs]:
    """Return a function like the model's `outputs` that is compiled at its first call.

    Raises:
        ValueError: torch.compile needs something on this device that is missing.
    """
    if device.type == "cuda":
        if importlib.util.find_spec("triton") is None:
            raise ValueError(
                "`compile` needs triton for a GPU, which is not installed; install it, or leave"
                " `compile` out."
            )
        return torch.compile(outputs, mode="reduce-overhead", dynamic=False)
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise ValueError(
            f"`compile` needs a C++ compiler for a CPU, and there is no '{compiler}'; install it,"
            " or leave `compile` out."
        )
    return torch.compile(outputs, dynamic=False)
