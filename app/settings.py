"""The settings of a shared server, from environment variables. docs/deploy.md explains them.

This module imports little, because the server reads it before it starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from bickd_core.data.memory import resident_bytes
from bickd_core.places import (
    bytes_from_environment,
    count_from_environment,
    switch_from_environment,
)


def check_environment(*, signs_in: bool) -> None:
    """Check the variables when the server starts.

    Args:
        signs_in: whether visitors sign in.

    Raises:
        ValueError: a variable has a wrong value, or users cannot be told apart.
    """
    for name in ("BICKD_MEMORY_GB", "BICKD_VIEWS_GB"):
        bytes_from_environment(name)
    resident_bytes(0)
    count_from_environment("BICKD_SLOTS")
    read_only()
    limits()
    if user_folders() and not signs_in:
        raise ValueError(
            "BICKD_USER_FOLDERS=1 needs visitors who sign in; add the section [auth] to"
            " .streamlit/secrets.toml, or unset the variable."
        )


def read_only() -> bool:
    """Return whether nobody may change anything (`BICKD_READ_ONLY`)."""
    return switch_from_environment("BICKD_READ_ONLY")


def refusal(what: str) -> str:
    """Return the line that pages show on a read-only server instead of a form.

    >>> refusal("train")
    'This server is read-only, so you cannot train here.'
    """
    return f"This server is read-only, so you cannot {what} here."


def user_folders() -> bool:
    """Return whether each signed-in user has a folder of runs (`BICKD_USER_FOLDERS`)."""
    return switch_from_environment("BICKD_USER_FOLDERS")


@dataclass(frozen=True)
class Limits:
    """What one user may take, or all together on a server without user folders. None: no limit.

    Attributes:
        queued: trainings that work or wait.
        disk: bytes of the folder of runs.
    """

    queued: int | None = None
    disk: int | None = None


def limits() -> Limits:
    """Return the limits that `BICKD_MAX_QUEUED` and `BICKD_MAX_DISK_GB` set.

    Raises:
        ValueError: one of them is not a number.
    """
    return Limits(
        count_from_environment("BICKD_MAX_QUEUED"), bytes_from_environment("BICKD_MAX_DISK_GB")
    )
