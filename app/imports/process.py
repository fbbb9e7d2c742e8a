"""Loading a weights file into a run of one's own: the upload's folder, the process on it, and how it is doing.

Free of Streamlit. An upload is a hidden folder among one's own runs, `.importing-<uuid>`, that holds the file, the
request and the progress; the process makes the run inside it and moves it out at the end.
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
from bickd_core.runs.library import Library, RunError, check_name
from bickd_core.runs.status import Worker

BASE = Path(__file__).resolve().parents[2]
_PREFIX = ".importing-"
_START_SECONDS = 30.0
_KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class ImportState:
    """How an upload is doing: `run` is set when it became a run, `error` when it did not.

    better: the normalisation under which the network does clearly better, where the import ended for that.
    """

    message: str = "starting"
    share: float = 0.0
    run: str = ""
    error: str = ""
    better: Choice | None = None

    @property
    def ended(self) -> bool:
        return bool(self.run or self.error)


def start(content: bytes | memoryview, file_name: str, request: ImportRequest, library: Library) -> Path:
    """Put the upload into a folder of its own and start the process on it; returns the folder.

    Raises:
        RunError: the run's name is not one or is taken.
    """
    check_name(request.name)
    if (library.own / request.name).exists():
        raise RunError(f"a run named '{request.name}' is already there; choose another name.")
    folder = library.own / f"{_PREFIX}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        name = safe_file_name(file_name)
        (folder / name).write_bytes(content)
        asked = {
            "file": name,
            "request": request.model_dump(mode="json"),
            "shelf": str(library.shelf.resolve()),
            "own": str(library.own.resolve()),
        }
        write_json(folder / "request.json", asked)
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
    """How the upload in this folder is doing; a process that is gone without a word is an error."""
    try:
        stored = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        try:
            silent = abs(time.time() - folder.stat().st_mtime) > _START_SECONDS
        except FileNotFoundError:
            return ImportState(error="The upload is not there any more; load the file again.")
        return ImportState(error="The check did not start; load the file again.") if silent else ImportState()
    found = ImportState(
        **{name: stored[name] for name in ("message", "share", "run", "error", "better") if name in stored}
    )
    if not found.ended and Worker(**stored["worker"]).gone():
        return ImportState(error="The check was interrupted, and nothing was kept; load the file again.")
    return found


def remove(folder: Path) -> None:
    """End what works on the upload and remove all of it; a run that was finished stays, and what works on that."""
    with contextlib.suppress(FileNotFoundError, KeyError, ValueError, psutil.Error):
        if state(folder).run:
            shutil.rmtree(folder, ignore_errors=True)
            return
        worker = Worker(**json.loads((folder / "progress.json").read_text(encoding="utf-8"))["worker"])
        if worker.lost() is False:
            process = psutil.Process(worker.pid)
            for each in [*process.children(recursive=True), process]:  # the reader of its file, too
                each.kill()
            process.wait(timeout=5)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(library: Library, keep: Path | None = None) -> None:
    """Remove uploads whose outcome nobody fetched: the page that waited for them was closed."""
    for folder in library.own.glob(f"{_PREFIX}*"):
        try:
            old = time.time() - folder.stat().st_mtime > _KEEP_SECONDS
        except FileNotFoundError:
            continue
        if folder != keep and old and state(folder).ended:
            remove(folder)


def safe_file_name(name: str) -> str:
    """The upload's own name without folders and odd characters, so that messages can name it."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", re.split(r"[\\/]", name)[-1]).lstrip(".-")
    stem, dot, suffix = plain.rpartition(".")
    return f"{stem[:80]}{dot}{suffix[:20]}" if dot else plain[:80] or "weights"


def name_for(file_name: str) -> str:
    """A run's name from a file's name."""
    stem = safe_file_name(file_name).rsplit(".", 1)[0]
    return re.sub(r"^[^A-Za-z0-9]+", "", stem)[:80] or "imported"
