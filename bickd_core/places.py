"""Folders from environment variables (BICKD_RUNS, BICKD_SHELF, BICKD_CACHE, BICKD_KERNELS), and the
app's own."""

from __future__ import annotations

import os
from pathlib import Path


def bundle_folder() -> Path:
    """Return the folder that holds `app/` and `pretrained/`.

    A wheel puts both below `bickd_explorer/`, beside this package. In a clone they are at the top.
    """
    beside = Path(__file__).resolve().parents[1]
    installed = beside / "bickd_explorer"
    return installed if installed.is_dir() else beside


def folder_from_environment(variable: str) -> Path | None:
    """Return the folder that an environment variable names, with `~` expanded; None if it is not
    set or empty.

    Raises:
        ValueError: the home folder of `~` is unknown.
    """
    named = os.environ.get(variable, "").strip()
    if not named:
        return None
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"{variable} must be a folder, got '{named:.200}', whose home is not known."
        ) from error


def cache_folder() -> Path:
    """Return `BICKD_CACHE` if it is set, else the platform's cache folder for bickd. It is not
    created here."""
    if chosen := folder_from_environment("BICKD_CACHE"):
        return chosen
    import pooch

    return Path(pooch.os_cache("bickd"))
