"""Training that ran into NaN or infinity: how it is said, and how it is known again; free of torch."""

from __future__ import annotations

from bickd_core.runs.status import Status

_REMEDY = (
    "a resumed run keeps its learning rate, so start a new run with a lower one (`--lr`, or 'Reuse these settings' "
    "on Distill)"
)


def diverged_sentence(what: str) -> str:
    """What is not finite, and what can be done about it."""
    return f"{what}; {_REMEDY}."


def has_diverged(status: Status) -> bool:
    """Whether the run failed in this way, so that a resume would end the same."""
    return status.state == "failed" and _REMEDY in status.error
