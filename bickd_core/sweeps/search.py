"""Random configurations of a method: distributions of its options, and draws from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from bickd_core.config import Strict


class _Range(Strict):
    """A range of numbers, as `[low, high]`."""

    @property
    def limits(self) -> tuple[float, float]:
        raise NotImplementedError

    @model_validator(mode="after")
    def _in_order(self) -> _Range:
        low, high = self.limits
        if not low < high:
            raise ValueError(
                f"a range must be [low, high] with low below high, got [{low:g}, {high:g}]."
            )
        return self


class Uniform(_Range):
    """Uniform between two numbers: `{uniform: [0, 1]}`."""

    uniform: tuple[float, float]

    @property
    def limits(self) -> tuple[float, float]:
        return self.uniform

    def at(self, share: float) -> float:
        """Return the quantile at a share in [0, 1), with 4 significant digits."""
        low, high = self.uniform
        return float(f"{low + share * (high - low):.4g}")


class LogUniform(_Range):
    """Uniform in the logarithm: `{log_uniform: [0.01, 1]}`."""

    log_uniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]

    @property
    def limits(self) -> tuple[float, float]:
        return self.log_uniform

    def at(self, share: float) -> float:
        """Return the quantile at a share in [0, 1), with 4 significant digits."""
        low, high = self.log_uniform
        return float(f"{low * math.exp(share * math.log(high / low)):.4g}")


class Choice(Strict):
    """One of several values, each as likely: `{choice: [keep, drop]}`."""

    choice: tuple[Any, ...] = Field(min_length=1)

    def at(self, share: float) -> Any:
        """Return the value at a share in [0, 1)."""
        return self.choice[int(share * len(self.choice))]


def _kind(given: Any) -> str:
    """Return the name of a distribution: its only field."""
    if isinstance(given, Strict):
        return next(iter(type(given).model_fields))
    return str(next(iter(given), "")) if isinstance(given, Mapping) else ""


Distribution = Annotated[
    Annotated[Uniform, Tag("uniform")]
    | Annotated[LogUniform, Tag("log_uniform")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(
        _kind,
        custom_error_type="distribution",
        custom_error_message=(
            "Should be {uniform: [0, 1]}, {log_uniform: [0.1, 1]} or {choice: [a, b]}"
        ),
    ),
]


def draw(
    space: Mapping[str, Distribution], count: int, *, seed: int, label: str
) -> list[dict[str, Any]]:
    """Draw configurations as a Latin hypercube: each option has one draw in each of `count` equal
    parts of its distribution, in an order of its own.

    The draws of an option depend on seed, label, count and the option's name alone. So another
    option of the space, or another version of a library, does not change them.

        >>> space = {"lr": LogUniform(log_uniform=(0.01, 1)), "absent": Choice(choice=("a", "b"))}
        >>> drawn = draw(space, 2, seed=0, label="kd")
        >>> sorted(one["lr"] > 0.1 for one in drawn), sorted(one["absent"] for one in drawn)
        ([False, True], ['a', 'b'])
    """
    drawn: list[dict[str, Any]] = [{} for _ in range(count)]
    for option, distribution in space.items():
        order = sorted(range(count), key=lambda i: _share(seed, label, option, "order", i))
        for part, i in enumerate(order):
            within = _share(seed, label, option, "within", i)
            drawn[i][option] = distribution.at((part + within) / count)
    return drawn


def _share(*what: object) -> float:
    """Return a number in [0, 1) that depends only on the arguments."""
    digest = hashlib.sha256("/".join(map(str, what)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
