"""Measure the objectives, forward and backward, and compare them with a training step and with
plain matrix products.

    python benchmarks/losses.py                  one thread of this CPU, in processor time
    python benchmarks/losses.py --threads 2      in wall-clock time: the machine must be idle
    python benchmarks/losses.py --device cuda

The first table compares every objective, at 100 classes and batch 64 from bfloat16 logits, with the
rest of a step of two CIFAR pairs: the teacher's forward pass (live or stored), the student's forward
and backward pass, and the optimiser; channels last, autocast. The second table compares BicKD at 1,000 classes and batch 1,024
with the products that it needs: R = S T' and K = S' T, and for each the one product of its backward
pass (the teacher gets no gradient), in float32.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bickd_core.kernels.building import load_kernels
from bickd_core.kernels.norm_relu import fuse
from bickd_core.losses import OBJECTIVES, Objective, create_objective
from bickd_core.models.factory import create_model
from bickd_core.models.outputs import Outputs

PAIRS = (("resnet56", "resnet20"), ("wrn-40-2", "wrn-16-2"), (None, "resnet20"), (None, "wrn-16-2"))
"""Teacher and student; None: the teacher's outputs are stored."""
WIDTHS = SimpleNamespace(student=64, teacher=64, samples=50_000, map_side=8)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments.add_argument(
        "--seconds", type=float, default=3.0, help="how long each figure is measured"
    )
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    clock = (
        time.process_time if chosen.threads == 1 and chosen.device == "cpu" else time.perf_counter
    )
    torch.manual_seed(0)
    print(
        f"{chosen.device}, {chosen.threads} threads, {clock.__name__},"
        f" {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, {date.today()}\n"
    )
    small(chosen.device, chosen.seconds, clock)
    large(chosen.device, chosen.seconds, clock)


def small(device: str, seconds: float, clock: Callable[[], float]) -> None:
    """Objectives at 100 classes and batch 64, and what share of a step each is."""
    steps = {
        f"{teacher or 'stored'} to {student}": step(teacher, student, device)
        for teacher, student in PAIRS
    }
    objectives = {kind: one_call(kind, 64, 100, device) for kind in OBJECTIVES}
    found = measure(steps | objectives, device, seconds, clock)
    print(
        "100 classes, batch 64, milliseconds (median); share: of the step with that objective in"
        " it\n"
    )
    print("| | ms | " + " | ".join(f"share, {name}" for name in steps) + " |")
    print("|---|---|" + "---|" * len(steps))
    for name in steps:
        print(
            f"| step without objective, {name} | {found[name]:.2f} | "
            + " | ".join("" for _ in steps)
            + " |"
        )
    for kind in objectives:
        shares = (f"{found[kind] / (found[kind] + found[name]):.1%}" for name in steps)
        print(f"| {kind} | {found[kind]:.2f} | " + " | ".join(shares) + " |")


def large(device: str, seconds: float, clock: Callable[[], float]) -> None:
    """BicKD at 1,000 classes and batch 1,024, in units of the plain products."""
    cases = {
        "plain products": products(1024, 1000, device),
        "bickd, both sides alone": one_call("bickd", 1024, 1000, device, alpha=0, beta=0),
        "bickd": one_call("bickd", 1024, 1000, device),
        "kd": one_call("kd", 1024, 1000, device),
    }
    found = measure(cases, device, seconds, clock)
    print("\n1,000 classes, batch 1,024\n\n| | ms | times the plain products |\n|---|---|---|")
    for name, milliseconds in found.items():
        print(f"| {name} | {milliseconds:.1f} | {milliseconds / found['plain products']:.2f} |")


def step(teacher_name: str | None, student_name: str, device: str) -> Callable[[], None]:
    """All of a distillation step but the objective, whose gradient is given."""

    def created(name: str) -> nn.Module:
        # torch's types leave out this form of `to`
        model: Any = create_model(name, num_classes=100)
        return model.to(device, memory_format=torch.channels_last)

    student = created(student_name)
    teacher = created(teacher_name).eval().requires_grad_(False) if teacher_name else None
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    if device == "cpu" and load_kernels() is None:
        fuse(student)
    images = torch.randn(64, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    gradient = torch.randn(64, 100, device=device) / 64

    def run() -> None:
        with torch.autocast(device, torch.bfloat16):
            if teacher is not None:
                with torch.no_grad():
                    teacher(images)
            logits = student(images)
        optimizer.zero_grad(set_to_none=True)
        logits.backward(gradient.to(logits.dtype))
        optimizer.step()

    return run


def one_call(
    kind: str, samples: int, classes: int, device: str, **options: object
) -> Callable[[], None]:
    """Forward and backward pass of an objective, from bfloat16 outputs of both models."""
    objective = create_objective(kind, **options)
    side = WIDTHS.map_side
    student, teacher = (
        Outputs(
            logits=3 * torch.randn(samples, classes, device=device, dtype=torch.bfloat16),
            features=torch.randn(samples, width, device=device, dtype=torch.bfloat16).relu(),
            maps=(
                torch.randn(samples, width, side, side, device=device, dtype=torch.bfloat16).relu()
                if "maps" in objective.needs
                else None
            ),
            ids=torch.randperm(WIDTHS.samples, device=device)[:samples],
        )
        for width in (WIDTHS.student, WIDTHS.teacher)
    )
    labels = torch.randint(classes, (samples,), device=device)
    if objective.needs:
        set_up(objective, classes, device)
    for values in (student.logits, student.features, student.maps):
        if values is not None:
            values.requires_grad_()

    def run() -> None:
        for values in (student.logits, student.features, student.maps):
            if values is not None:
                values.grad = None
        with torch.autocast(device, torch.bfloat16) if device == "cuda" else nullcontext():
            terms = objective(student, teacher, labels, 0.5)
        torch.stack(list(terms.values())).sum().backward()

    return run


def set_up(objective: Objective, classes: int, device: str) -> None:
    ids = np.arange(WIDTHS.samples)
    dataset = SimpleNamespace(train=SimpleNamespace(ids=ids, labels=ids % classes))
    student, teacher = (
        torch.nn.Linear(width, classes).to(device) for width in (WIDTHS.student, WIDTHS.teacher)
    )
    for model in (student, teacher):
        model.feature_size = model.in_features  # type: ignore[assignment]
    objective.setup(student, teacher, dataset)


def products(samples: int, classes: int, device: str) -> Callable[[], None]:
    """R = S T', K = S' T and the gradient's products dR T and T dK', on unit rows and columns that
    are at hand."""
    p = [torch.randn(samples, classes, device=device).softmax(1) for _ in range(2)]
    (s, t), (s_c, t_c) = (F.normalize(x, dim=1) for x in p), (F.normalize(x, dim=0) for x in p)

    def run() -> tuple[Tensor, Tensor]:
        r, k = s @ t.T, s_c.T @ t_c
        return r @ t, t_c @ k.T

    return run  # type: ignore[return-value]


def measure(
    cases: dict[str, Callable[[], None]], device: str, seconds: float, clock: Callable[[], float]
) -> dict[str, float]:
    """Milliseconds a call, the median over calls, each right after one that is not timed; the cases
    take turns, so that a busy moment hits them all."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for call in cases.values():
        for _ in range(3):
            call()
    end = time.perf_counter() + seconds * len(cases)
    while time.perf_counter() < end:
        for name, call in cases.items():
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            began = clock()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            taken[name].append(1000 * (clock() - began))
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()
