"""Import an uploaded weights file in a separate process, without Streamlit.

An upload is a hidden folder among the user's runs, `.importing-<uuid>`, with the file, the request
and the progress. The process makes the run inside this folder and moves it out at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

from bickd_core.atomic import write_json
from bickd_core.data.normalisation import Choice
from bickd_core.importing.weights import ImportRequest
from bickd_core.launch.openmp import brief_waits
from bickd_core.runs.library import Library, NameTaken, check_name
from bickd_core.runs.status import Worker

BASE = Path(__file__).resolve().parents[2]
_PREFIX = ".importing-"
_START_SECONDS = 30.0
_KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class ImportState:
    """The state of an import.

    Attributes:
        share: how much is done, in [0, 1].
        run: the run's key, once the import succeeded.
        error: the error message, once it failed.
        better: the clearly better normalisation, if the import ended because of one.
    """

    message: str = "starting"
    share: float = 0.0
    run: str = ""
    error: str = ""
    better: Choice | None = None

    @property
    def ended(self) -> bool:
        return bool(self.run or self.error)


def start(
    content: bytes | memoryview, file_name: str, request: ImportRequest, library: Library
) -> Path:
    """Write the upload to a new folder and start the process on it; returns the folder.

    Raises:
        RunError: the run's name is not valid or already exists, or the library is read-only.
    """
    check_name(request.name)
    if library.taken(request.name):
        raise NameTaken(request.name)
    folder = library.home() / f"{_PREFIX}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        name = safe_file_name(file_name)
        (folder / name).write_bytes(content)
        stored_request = {
            "file": name,
            "request": request.model_dump(mode="json"),
            "shelf": str(library.shelf.resolve()),
            "own": str(library.own.resolve()),
        }
        write_json(folder / "request.json", stored_request)
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bickd_core.importing.weights", str(folder.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=BASE,
                env={**os.environ, **brief_waits()},
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie behind
    return folder


def state(folder: Path) -> ImportState:
    """Return the state of the import in this folder. A process that ended without a result is an
    error."""
    try:
        stored = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        try:
            silent = abs(time.time() - folder.stat().st_mtime) > _START_SECONDS
        except FileNotFoundError:
            return ImportState(error="The upload no longer exists; load the file again.")
        return (
            ImportState(error="The check did not start; load the file again.")
            if silent
            else ImportState()
        )
    import_state = ImportState(
        **{
            name: stored[name]
            for name in ("message", "share", "run", "error", "better")
            if name in stored
        }
    )
    if not import_state.ended and Worker(**stored["worker"]).gone():
        return ImportState(
            error="The check was interrupted and nothing was saved; load the file again."
        )
    return import_state


def remove(folder: Path) -> None:
    """End the import's process and remove the upload. A finished run stays, and so do its
    processes."""
    with contextlib.suppress(FileNotFoundError, KeyError, ValueError, psutil.Error):
        if state(folder).run:
            shutil.rmtree(folder, ignore_errors=True)
            return
        worker = Worker(
            **json.loads((folder / "progress.json").read_text(encoding="utf-8"))["worker"]
        )
        if worker.lost() is False:
            process = psutil.Process(worker.pid)
            for each in [*process.children(recursive=True), process]:  # the reader of its file, too
                each.kill()
            process.wait(timeout=5)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(library: Library, current: Path | None = None) -> None:
    """Remove finished uploads that no page waits for any more. A read-only library is left as it
    is."""
    if not library.writable:
        return
    for folder in library.own.glob(f"{_PREFIX}*"):
        try:
            old = time.time() - folder.stat().st_mtime > _KEEP_SECONDS
        except FileNotFoundError:
            continue
        if folder != current and old and state(folder).ended:
            remove(folder)


def safe_file_name(name: str) -> str:
    """Return the upload's name without folders and special characters, with its suffix.

    >>> [safe_file_name(name) for name in ("C:\\\\runs\\\\my kd.csv", "élève (1).csv", "../.npz")]
    ['my kd.csv', 'élève (1).csv', 'file.npz']
    """
    stem, dot, suffix = re.split(r"[\\/]", name)[-1].rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    stem = re.sub(r"[^\w .()+-]+", "-", stem).strip(".- ").encode()[:160].decode(errors="ignore")
    suffix = re.sub(r"[^A-Za-z0-9_-]+", "-", suffix).strip("-")
    return (stem or "file") + (f".{suffix[:20]}" if suffix else "")
