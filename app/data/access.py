"""Who uses this session, which run folders it sees, and what it may change.

It applies the settings of a shared server (`app/settings.py`): read-only, a folder of runs for each
signed-in user, and limits on the queue and the disk. Pages get the library from here, and
everything that writes asks that library.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from app import settings
from bickd_core.atomic import write_json
from bickd_core.disk import size_of
from bickd_core.places import cache_folder
from bickd_core.runs.library import USERS, Library, RunError, RunFolder
from bickd_viz.text import numbers

T = TypeVar("T")
_bound: ContextVar[Library | None] = ContextVar("library of the session", default=None)
PROFILE = ".user.json"
"""The file in a user's folder that says whose it is."""


# -- who ------------------------------------------------------------------------------------------
def claims() -> Mapping[str, Any]:
    """Return what the identity provider says about the visitor, as `st.user` does. It is empty on a
    server without sign-in."""
    return st.user


def folder_name(user: Mapping[str, Any]) -> str:
    """Return the name of a user's folder: a hash of the provider and of its number for the user.

    Both stay the same if the user gets another name or mail address.

    Raises:
        RunError: nobody is signed in, or the provider sends no number.
    """
    if not user.get("is_logged_in"):
        raise RunError("nobody is signed in; sign in to see your runs.")
    issuer, subject = user.get("iss"), user.get("sub")
    if not (isinstance(issuer, str) and issuer and isinstance(subject, str) and subject):
        raise RunError(
            "the identity provider must send the claims `iss` and `sub`, which tell users apart;"
            " ask the person who runs this server."
        )
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:20]


def library() -> Library:
    """Return the runs that this session sees.

    Raises:
        RunError: there are user folders, and it is not known whose session this is.
    """
    if (bound := _bound.get()) is not None:
        return bound
    everyone = Library.default()
    own = everyone.own / USERS / folder_name(claims()) if settings.user_folders() else everyone.own
    return replace(everyone, own=own, writable=not settings.read_only())


def in_session(make: Callable[[], T]) -> Callable[[], T]:
    """Return a function that sees this session's runs, for a download that is made in a thread
    without a session."""
    own = library()

    def call() -> T:
        token = _bound.set(own)
        try:
            return make()
        finally:
            _bound.reset(token)

    return call


def enter() -> None:
    """Create the user's folder when she signs in, with a file that says whose it is.

    Raises:
        RunError: as `library`.
        OSError: the folder cannot be created.
    """
    if not settings.user_folders():
        return
    own, user = library(), claims()
    if not own.writable or (own.own / PROFILE).exists():
        return
    own.home().mkdir(parents=True, exist_ok=True)
    names = ("iss", "sub", "name", "email")
    write_json(own.home() / PROFILE, {name: user[name] for name in names if name in user})


# -- how much -------------------------------------------------------------------------------------
def for_training(runs: int) -> Library:
    """Return the library in which this many trainings may start or resume now.

    Raises:
        RunError: the server is read-only, or a limit is reached; the message says what to do.
    """
    checked, most = library(), settings.limits()
    checked.home()
    check_queue(checked, runs, most.queued)
    check_disk(checked, 0, most.disk)
    return checked


def for_import(n_bytes: int = 0) -> Library:
    """Return the library into which files of this size may be imported now.

    Raises:
        RunError: as `for_training`.
    """
    checked = library()
    checked.home()
    check_disk(checked, n_bytes, settings.limits().disk)
    return checked


def check_queue(own: Library, more: int, most: int | None) -> None:
    """Check that more trainings fit beside those of this library that work or wait.

    Raises:
        RunError: they are too many.
    """
    if most is None:
        return
    now = sum(1 for _ in _active(_own_runs(own)))
    if now + more > most:
        raise RunError(
            f"with {numbers.counted(more, 'more run')}, {now + more} would be running or queued,"
            f" and the limit is {most}; start fewer, or wait until some end."
        )


def check_disk(own: Library, more: int, most: int | None) -> None:
    """Check that more bytes fit beside the runs of this library.

    Raises:
        RunError: they do not fit. The message says what is used, and which runs are largest.
    """
    if most is None:
        return
    used = _size(own.own)
    if used < most and used + more <= most:
        return
    sizes = sorted(((run.size_bytes(), run.key) for run in _own_runs(own)), reverse=True)
    largest = ", ".join(f"{key} ({_gigabytes(size)} GB)" for size, key in sizes[:3])
    advice = f"delete runs on Runs; the largest are {largest}." if sizes else "ask for a new limit."
    needed = f" and this needs {_gigabytes(more)} GB more" if more else ""
    raise RunError(f"your runs use {_gigabytes(used)} of {_gigabytes(most)} GB{needed}; {advice}")


def disk_use() -> tuple[int, int] | None:
    """Return the bytes that the session's runs use, and how many they may; None without limit."""
    most = settings.limits().disk
    return None if most is None else (_used(str(library().own)), most)


@st.cache_data(ttl=10, max_entries=100, show_spinner=False)
def _used(folder: str) -> int:
    return _size(Path(folder))


def _size(folder: Path) -> int:
    """Return the bytes of a folder of runs. A cache in it does not count, as in the container."""
    return size_of(folder.absolute(), without=cache_folder().absolute())


def _own_runs(own: Library) -> list[RunFolder]:
    return [run for run in own.runs() if run.origin == "own"]


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.3g}"


# -- the queue ------------------------------------------------------------------------------------
def queue_runs() -> list[RunFolder]:
    """Return the runs of which the queue shows those that work or wait: the session's own, the
    shared ones, and the active ones of other users, which have the origin "other"."""
    own = library()
    if own.shared is None:
        return [run for run in own.runs() if run.origin != "bundled"]
    active = _active_paths(str(own.root.absolute()), own)
    return [
        run for run in own.everyones() if run.origin != "other" or run.path.absolute() in active
    ]


def _active(runs: list[RunFolder]) -> Iterator[RunFolder]:
    for run in runs:
        with contextlib.suppress(RunError):
            status = run.status()
            if status.at_work:
                yield run


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def _active_paths(root: str, _library: Library) -> set[Path]:
    """Return the folders of active runs. All sessions read them together, once in two seconds."""
    return {run.path.absolute() for run in _active(_library.everyones())}
