"""Which learning rates the runs of a comparison had, and what that means; free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bickd_core.config import TrainConfig
from bickd_core.presets import own_rate


def have_own_rates(configs: Sequence[TrainConfig]) -> bool:
    """Whether each of these runs has the learning rate of its method's preset."""
    return all(
        config.optimizer.kind == "sgd" and config.optimizer.lr == own_rate(config.objective)
        for config in configs
    )


def rates_sentence(configs: Mapping[str, TrainConfig]) -> str:
    """One sentence on the learning rates of several methods.

    Args:
        configs: by what the method is called.
    """
    rates = {name: config.optimizer.lr for name, config in configs.items()}
    listed = "; ".join(f"{name} {rate:g}" for name, rate in rates.items())
    if have_own_rates(list(configs.values())):
        return f"Each method had its own learning rate: {listed}."
    if len(set(rates.values())) == 1:
        return (
            f"All methods had one learning rate, {next(iter(rates.values())):g}, which favours the methods that "
            "want it; with its own rate each may rank differently."
        )
    return f"The learning rates differ, and not all are the methods' own: {listed}."
