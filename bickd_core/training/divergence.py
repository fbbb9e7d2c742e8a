"""The error message of a training that reached NaN or infinity, and how to recognise it. Without
torch."""

from __future__ import annotations

from bickd_core.runs.status import Status

_TELLTALE = "a resumed run keeps its learning rate"
"""Part of the stored message by which a diverged run is recognised, so it must not change."""
_REMEDY = (
    f"{_TELLTALE}, so start a new run with a lower one (`--lr`, or 'Reuse these settings' on"
    " Distill)"
)


def diverged_sentence(what: str) -> str:
    """Return the error message: what is not finite, and what to do."""
    return f"{what}; {_REMEDY}."


def has_diverged(status: Status) -> bool:
    """Return whether the run diverged. Resuming it would fail again."""
    return status.state == "failed" and _TELLTALE in status.error
