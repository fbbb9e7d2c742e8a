"""Describe the learning rates of the runs in a comparison. Without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bickd_core.config import TrainConfig
from bickd_core.presets.catalogue import own_rate


def have_own_rates(configs: Sequence[TrainConfig]) -> bool:
    """Return whether each of these runs has the tuned learning rate of its method."""
    return all(
        config.optimizer.kind == "sgd" and config.optimizer.lr == own_rate(config.objective)
        for config in configs
    )


def rates_sentence(configs: Mapping[str, TrainConfig]) -> str:
    """Describe the learning rates of several methods.

    Args:
        configs: by the name of the method.
    """
    rates = {name: config.optimizer.lr for name, config in configs.items()}
    listed = "; ".join(f"{name} {rate:g}" for name, rate in rates.items())
    if have_own_rates(list(configs.values())):
        return f"Each method had its own learning rate: {listed}."
    if len(set(rates.values())) == 1:
        return (
            f"All methods had the same learning rate, {next(iter(rates.values())):g}. This favours"
            " some methods; with tuned rates the ranking may differ."
        )
    return f"The learning rates differ, and not all are the tuned ones: {listed}."
