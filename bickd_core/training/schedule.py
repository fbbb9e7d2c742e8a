"""Learning-rate schedules as pure functions of the finished share of a run."""

from __future__ import annotations

import math

import torch

from bickd_core.config import SGD, Cosine, Step, TrainConfig


def learning_rate_factor(schedule: Cosine | Step, progress: float, epochs: int) -> float:
    """Return the factor on the peak learning rate.

    Args:
        progress: finished share of the run, in [0, 1).
        epochs: number of epochs of the run.
    """
    warmup = schedule.warmup_epochs / epochs
    if progress < warmup:
        return progress / warmup
    if isinstance(schedule, Step):
        return schedule.gamma ** sum(progress >= milestone for milestone in schedule.milestones)
    share = (progress - warmup) / (1 - warmup) if warmup < 1 else 0.0
    return round(schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * share)), 12)


def create_optimizer(
    config: TrainConfig, parameters: list[torch.nn.Parameter], *, fused: bool = False
) -> torch.optim.Optimizer:
    """Return the optimiser of the config for these parameters.

    Args:
        fused: use torch's fused kernel, for a GPU.
    """
    chosen = config.optimizer
    if isinstance(chosen, SGD):
        return torch.optim.SGD(
            parameters,
            lr=chosen.lr,
            momentum=chosen.momentum,
            weight_decay=chosen.weight_decay,
            nesterov=chosen.nesterov,
            fused=fused or None,
        )
    return torch.optim.AdamW(
        parameters,
        lr=chosen.lr,
        betas=(chosen.beta1, chosen.beta2),
        weight_decay=chosen.weight_decay,
        fused=fused or None,
    )
