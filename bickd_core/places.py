"""Folders, sizes, counts and switches from environment variables (BICKD_RUNS, BICKD_CACHE,
BICKD_MEMORY_GB, BICKD_SLOTS, ...), and the app's own folder."""

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


def bytes_from_environment(variable: str) -> int | None:
    """Return the size that an environment variable gives in gigabytes, in bytes; None if it is not
    set or empty.

    Raises:
        ValueError: it is not a number of at least 0.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise ValueError(
            f"{variable} must be a number of gigabytes of at least 0, got '{text:.200}'; correct or"
            " unset it."
        )
    return int(gigabytes * 1e9)


def count_from_environment(variable: str) -> int | None:
    """Return the whole number of at least 1 that an environment variable gives; None if it is not
    set or empty.

    Raises:
        ValueError: it is something else.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ValueError(
            f"{variable} must be a whole number of at least 1, got '{text:.200}'; correct or unset"
            " it."
        )
    return int(text)


def switch_from_environment(variable: str) -> bool:
    """Return whether an environment variable is 1; False if it is 0, not set or empty.

    Raises:
        ValueError: it is something else.
    """
    text = os.environ.get(variable, "").strip()
    if text not in ("", "0", "1"):
        raise ValueError(f"{variable} must be 0 or 1, got '{text:.200}'; correct or unset it.")
    return text == "1"


def cache_folder() -> Path:
    """Return `BICKD_CACHE` if it is set, else the platform's cache folder for bickd. It is not
    created here."""
    if chosen := folder_from_environment("BICKD_CACHE"):
        return chosen
    import pooch

    return Path(pooch.os_cache("bickd"))
