"""A config that trains in a second, predictions out of nothing, waiting for a state."""

import os
import time

import numpy as np

from bickd_core.config import Seeds, TrainConfig
from bickd_core.runs.predictions import Predictions


def small_config(**changes) -> TrainConfig:
    """Two epochs of six steps on the digits, in fp32 on one thread: less than a second."""
    options = {
        "dataset": "digits",
        "arch": "convnet-small",
        "train_limit": 400,
        "epochs": 2,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
        "seeds": Seeds.all(1),
    }
    return TrainConfig.model_validate({**options, **changes})


def random_predictions(n=20, c=3, *, seed=0, features=4) -> Predictions:
    """Predictions that mean nothing, with shuffled ids that are not 0..n-1."""
    generator = np.random.default_rng(seed)
    return Predictions(
        logits=generator.normal(0, 3, (n, c)).astype(np.float32),
        class_names=tuple(f"class {i}" for i in range(c)),
        ids=generator.permutation(10 * n)[:n].astype(np.int64),
        labels=generator.integers(0, c, n),
        features=generator.normal(size=(n, features)).astype(np.float32) if features else None,
    )


def wait_for(condition, *, seconds=120.0, what="the awaited state"):
    """The first true answer of `condition`; an AssertionError when none came in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {seconds:g} s")


def long_silent(run):
    """Make the run's status.json look as if nothing had written it since 1970."""
    os.utime(run.path / "status.json", (0, 0))
