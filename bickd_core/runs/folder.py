"""One run folder: its paths, and the only code that reads and changes its files.

The writers in `bickd_core.training` save weights and resume state at these paths.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import ValidationError

from bickd_core import atomic
from bickd_core.atomic import TEMPORARY_SUFFIX, atomic_write, write_json, write_text
from bickd_core.config import one_sentence
from bickd_core.data.registry import held_out_table
from bickd_core.disk import explain_os_error, size_of
from bickd_core.naming import first_line
from bickd_core.reading import (
    DOCUMENT_BYTES,
    ReadError,
    opened,
    parse_json,
    parse_yaml,
    read_bytes,
    reason,
)
from bickd_core.runs.info import RunError, RunInfo, Split, check_name
from bickd_core.runs.migrations import migrate
from bickd_core.runs.predictions import Predictions, PredictionsError, file_name, read_arrays
from bickd_core.runs.records import METRICS_BYTES, check_record, check_trajectory
from bickd_core.runs.sample_file import SampleFile
from bickd_core.runs.stages import Stages
from bickd_core.runs.status import Status

Origin = Literal["own", "shared", "bundled", "other"]
"""Whose a run is: the user's own, shared with all users of a server, bundled with the program, or
another user's."""


class NameTaken(RunError):
    """A run with this name already exists."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a run named '{name}' already exists; choose another name.")


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run folder, with methods to read it and write it atomically.

    Attributes:
        key: identifies the run in links.
        origin: whose it is.
        read_only: whether it may not be changed, resumed, stopped or deleted here.
    """

    path: Path
    key: str = ""
    origin: Origin = "own"
    read_only: bool = False

    # -- making ------------------------------------------------------------------------------------
    @classmethod
    def create(cls, root: Path, info: RunInfo) -> RunFolder:
        """Create `root/info.name` in one step.

        Raises:
            NameTaken: a run with this name exists.
            RunError: the name is not valid, or the disk refuses.
        """
        check_name(info.name)
        target = Path(root) / info.name
        making = Path(root) / f".making-{uuid.uuid4().hex}"
        try:
            making.mkdir(parents=True)
            cls(making).write_info(info)
            (making / "control").mkdir()
            if target.exists():
                raise NameTaken(info.name)
            making.rename(target)
        except OSError as error:
            if target.exists():  # made by another process between the check and the rename
                raise NameTaken(info.name) from error
            raise RunError(
                f"cannot make the run folder {target}: {explain_os_error(error)}"
            ) from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return cls(target, key=info.name)

    # -- paths -------------------------------------------------------------------------------------
    @property
    def weights_path(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def best_path(self) -> Path:
        return self.path / "best" / "model.safetensors"

    @property
    def resume_path(self) -> Path:
        return self.path / "resume" / "state.pt"

    @property
    def lock_path(self) -> Path:
        return self.path / ".worker.lock"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    def predictions_path(self, split: Split) -> Path:
        return self.path / f"predictions-{split}.npz"

    def samples_path(self, split: Split) -> Path:
        return self.path / f"samples-{split}.npz"

    # -- links -------------------------------------------------------------------------------------
    def links(self) -> list[str]:
        """Return the names of symbolic links in the run folder. They are never followed."""
        links = []
        for folder, folders, names in os.walk(self.path):
            for name in (*folders, *names):
                path = Path(folder) / name
                if path.is_symlink():
                    links.append(path.relative_to(self.path).as_posix())
        return sorted(links)

    def holds(self, name: str) -> bool:
        """Return whether the run has a regular file of this name that is not reached through a
        link."""
        path = self.path / name
        parts = [
            self.path.joinpath(*Path(name).parts[: n + 1]) for n in range(len(Path(name).parts))
        ]
        return path.is_file() and not any(part.is_symlink() for part in parts)

    def refuse_links(self) -> None:
        """Raise RunError if the folder has symbolic links, because a worker could read or write
        anywhere."""
        if links := self.links():
            raise RunError(
                f"run '{self.key or self.path.name}' has a link in its folder ({links[0]}), and"
                " links in a run folder are not followed; replace the link by the file, or"
                " remove it."
            )

    def last_log_lines(self, most: int) -> list[str]:
        """Return the last lines of log.txt; empty if it is a link or does not exist."""
        try:
            with opened(self.log_path) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 20_000))
                return file.read().decode("utf-8", errors="replace").splitlines()[-most:]
        except (FileNotFoundError, ReadError):
            return []

    # -- run.yaml ----------------------------------------------------------------------------------
    def info(self) -> RunInfo:
        """Read run.yaml and convert it to the current format.

        Raises:
            RunError: it does not exist or cannot be read.
        """
        try:
            content = read_bytes(self.path / "run.yaml", DOCUMENT_BYTES)
            if content and not content.endswith(b"\n"):  # the first half may be valid YAML too
                raise ReadError(
                    "expected a line break at the end, got none; was the file cut short?"
                )
            return RunInfo.model_validate(migrate(parse_yaml(content)))
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is not a run folder: it has no run.yaml.") from error
        except ValidationError as error:
            raise RunError(
                f"{self.path.name}/run.yaml cannot be read: {one_sentence(error)}"
            ) from error
        except ValueError as error:
            raise RunError(
                f"{self.path.name}/run.yaml cannot be read: {first_line(error)}."
            ) from error

    def write_info(self, info: RunInfo) -> None:
        text = yaml.safe_dump(info.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(self.path / "run.yaml", text)

    def change_info(self, changes: Mapping[str, Any]) -> None:
        """Change fields of run.yaml, which is read again, because another process may have written
        it since: a teacher that is renamed, for example.

        Args:
            changes: new values by field.
        """
        self.write_info(self.info().model_copy(update=dict(changes)))

    # -- status and requests -----------------------------------------------------------------------
    def status(self) -> Status:
        """Read the last status of the worker.

        A folder without status.json is queued, or finished if it has weights or predictions.

        Raises:
            RunError: the folder does not exist, or status.json is not valid.
        """
        try:
            with opened(self.path / "status.json") as file:
                written = os.fstat(file.fileno()).st_mtime
                stored = Status.from_dict(parse_json(file.read(DOCUMENT_BYTES)))
            return replace(stored, written=written)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            problem = reason(error) if isinstance(error, OSError) else str(error).rstrip(".")
            raise RunError(f"{self.path.name}/status.json cannot be read: {problem}.") from error
        try:
            born = (self.path / "run.yaml").stat().st_mtime
        except OSError as error:
            raise RunError(f"{self.path} is not a run folder: it has no run.yaml.") from error
        done = self.weights_path.exists() or self.has_predictions("test")
        return Status("finished") if done else Status("queued", heartbeat=born)

    def write_status(self, status: Status) -> None:
        write_json(self.path / "status.json", status.to_dict())

    def request_stop(self) -> None:
        """Ask the worker to stop.

        Raises:
            RunError: the run is read-only.
        """
        self.check_writable("stopped")
        (self.path / "control").mkdir(exist_ok=True)
        (self.path / "control" / "stop").touch()

    def stop_requested(self) -> bool:
        return (self.path / "control" / "stop").exists()

    def clear_requests(self) -> None:
        """Withdraw a request to stop."""
        (self.path / "control" / "stop").unlink(missing_ok=True)

    @property
    def resumable(self) -> bool:
        """Whether the run can be resumed: it is stopped, failed or lost, and was trained here."""
        status = self.status()
        lost = status.stale() or status.state in ("stopped", "failed")
        return lost and not self.read_only and self.info().config is not None

    def check_resumable(self) -> None:
        """Raise RunError with the reason if the run cannot be resumed."""
        self.check_writable("resumed")
        if not self.resumable:
            raise RunError(f"run '{self.key}' is {self.status().state} and cannot be resumed.")

    # -- metrics -----------------------------------------------------------------------------------
    def append_metrics(self, record: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl and flush it to disk.

        Raises:
            ValueError: a value is NaN or infinite, which JSON cannot store.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        path = self.path / "metrics.jsonl"
        atomic.boundary("before append", path)
        with open(path, "ab") as file:
            if file.tell() and not self._ends_with_newline():
                file.write(b"\n")  # a torn line of a killed writer stays alone on its line
            file.write(line)
            file.flush()
            atomic.boundary("appended", path)
            os.fsync(file.fileno())

    def _ends_with_newline(self) -> bool:
        with open(self.path / "metrics.jsonl", "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def metrics(self) -> list[dict[str, Any]]:
        """Return one record for each epoch, in order. After a resume, a new line replaces the old
        one.

        Damaged lines are left out; `metrics_problem` reports them.
        """
        return self._read_metrics()[0]

    def metrics_problem(self) -> str:
        """Describe the lines of metrics.jsonl that `metrics` leaves out; "" if there are none."""
        return self._read_metrics()[1]

    def _read_metrics(self) -> tuple[list[dict[str, Any]], str]:
        records: dict[int, dict[str, Any]] = {}
        name = f"{self.path.name}/metrics.jsonl"
        try:
            lines = read_bytes(self.path / "metrics.jsonl", METRICS_BYTES).splitlines()
        except FileNotFoundError:
            return [], ""
        except ReadError as error:
            return [], f"{name}: {error}"
        left_out = []
        for number, line in enumerate(lines, 1):
            try:
                record = check_record(parse_json(line))
                records[int(record["epoch"])] = record
            except ReadError:
                left_out.append(number)
        problem = ""
        if left_out:
            problem = (
                f"{name}: expected a record of one epoch in each line, but {len(left_out)} of"
                f" {len(lines)} lines hold something else and are left out, the first of them line"
                f" {left_out[0]}."
            )
        return [records[epoch] for epoch in sorted(records)], problem

    # -- arrays ------------------------------------------------------------------------------------
    def predictions(self, split: Split = "test") -> Predictions:
        """Read the predictions on a split.

        Raises:
            RunError: there are none yet.
            PredictionsError: the file cannot be read.
        """
        try:
            return Predictions.load(self.predictions_path(split))
        except FileNotFoundError as error:
            raise RunError(
                f"run '{self.key or self.path.name}' has no predictions on {split} yet."
            ) from error

    def has_predictions(self, split: Split = "test") -> bool:
        return self.predictions_path(split).exists()

    def samples(self, split: Split = "test") -> SampleFile:
        """Read texts and image paths of samples; empty for a run without them.

        Raises:
            PredictionsError: the file cannot be read; the message names it.
        """
        try:
            return SampleFile.load(self.samples_path(split))
        except FileNotFoundError:
            return SampleFile()

    @property
    def trajectory_path(self) -> Path:
        return self.path / "trajectory.npz"

    def trajectory(self) -> dict[str, np.ndarray] | None:
        """Read the arrays logits [E, P, C], ids [P], labels [P] and epochs [E] on the probe set, or
        None.

        Raises:
            PredictionsError: the file cannot be read; the message names it.
        """
        path = self.trajectory_path
        try:
            return check_trajectory(read_arrays(path, ("logits", "ids", "epochs")))
        except FileNotFoundError:
            return None
        except ReadError as error:
            raise PredictionsError(f"{file_name(path)}: {error}") from error

    def write_trajectory(self, arrays: dict[str, np.ndarray], *, smallest: bool = False) -> None:
        """Write the trajectory.

        Args:
            smallest: use LZMA, which takes seconds longer and saves a sixth of the bytes. numpy
                reads it too.
        """
        method = zipfile.ZIP_LZMA if smallest else zipfile.ZIP_DEFLATED
        with (
            atomic_write(self.trajectory_path) as temporary,
            zipfile.ZipFile(temporary, "w", method) as file,
        ):
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)

    @property
    def stages_path(self) -> Path:
        return self.path / "stages.npz"

    def stages(self) -> Stages | None:
        """Read the pooled features after each stage on the probe set; None if the run has none yet.

        Raises:
            PredictionsError: the file cannot be read; the message names it.
        """
        try:
            return Stages.load(self.stages_path)
        except FileNotFoundError:
            return None

    def write_stages(self, stages: Stages) -> None:
        stages.save(self.stages_path)

    @property
    def held_out_path(self) -> Path:
        return self.path / "held-out.csv"

    def write_held_out(self, rows: Sequence[tuple[int, str]]) -> None:
        """Write the list of images that were held out as test. An imported network may have seen
        them."""
        write_text(self.held_out_path, held_out_table(rows))

    def layout_path(self, key: str) -> Path:
        return self.path / f"layout-{key}.npz"

    # -- changing ----------------------------------------------------------------------------------
    def check_writable(self, what: str) -> None:
        """Check that the run may be changed.

        Args:
            what: what is to be done with it, such as "deleted".

        Raises:
            RunError: it is read-only; the message says why.
        """
        if not self.read_only:
            return
        if self.origin == "bundled":
            raise RunError(f"run '{self.key}' is a bundled run and cannot be {what}.")
        if self.origin == "other":
            raise RunError(f"this run of another user cannot be {what}.")
        reason = "it is a shared run" if self.origin == "shared" else "this server is read-only"
        raise RunError(f"run '{self.key}' cannot be {what}: {reason}.")

    def rename(self, name: str) -> RunFolder:
        """Rename the run, and update the runs that have it as their teacher or extend it.

        If a file cannot be written, all runs keep their names.

        Raises:
            RunError: a worker holds the run, the name exists or is not valid, run.yaml cannot be
                read, or the disk refuses.
        """
        check_name(name)
        target = self.path.with_name(name)
        with self._unworked("renamed"):
            if target.exists():
                raise NameTaken(name)
            self.info()  # a run that cannot be read is not moved
            renamed = RunFolder(target, key=name)
            changed: list[RunFolder] = []
            try:
                self.path.rename(target)
                renamed.change_info({"name": name})
                for file in sorted(target.parent.glob("*/run.yaml")):
                    follower = RunFolder(file.parent)
                    if not file.parent.name.startswith(".") and follower._follow(
                        self.path.name, name
                    ):
                        changed.append(follower)
            except OSError as error:
                self._undo_rename(renamed, changed)
                raise RunError(
                    f"run '{self.key}' cannot be renamed to '{name}': {explain_os_error(error)}"
                ) from error
        return renamed

    def _undo_rename(self, renamed: RunFolder, changed: Sequence[RunFolder]) -> None:
        """Restore the old name in the runs that have the new one, as far as the disk allows."""
        for follower in changed:
            with contextlib.suppress(OSError, RunError):
                follower._follow(renamed.path.name, self.path.name)
        with contextlib.suppress(OSError, RunError):
            if renamed.info().name != self.path.name:
                renamed.change_info({"name": self.path.name})
        with contextlib.suppress(OSError):
            renamed.path.rename(self.path)

    def _follow(self, old: str, new: str) -> bool:
        """Update the name of the teacher, and of the run that this one extends, in run.yaml. Return
        whether it had the old name."""
        try:
            info = self.info()
        except RunError:
            return False  # not readable by this program, so not changed by it either
        changes: dict[str, Any] = {}
        if info.teacher is not None and info.teacher.key == old:
            changes["teacher"] = info.teacher.model_copy(update={"key": new})
        if info.extends == old:
            changes["extends"] = new
        if not changes:
            return False
        if info.config is not None:
            named = {
                field: new for field in ("teacher", "extends") if getattr(info.config, field) == old
            }
            changes["config"] = info.config.model_copy(update=named)
        self.write_info(info.model_copy(update=changes))
        return True

    def delete(self) -> None:
        """Delete the folder: hide it in one step, then remove its files.

        Raises:
            RunError: a worker holds the run, or the disk refuses.
        """
        hidden = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        with self._unworked("deleted"):
            try:
                self.path.rename(hidden)
            except OSError as error:
                raise RunError(
                    f"run '{self.key}' cannot be deleted: {explain_os_error(error)}"
                ) from error
        shutil.rmtree(hidden, ignore_errors=True)  # what is left is out of sight, and swept later

    @contextlib.contextmanager
    def _unworked(self, what: str) -> Iterator[None]:
        """Hold the worker's lock, so that no worker works on the run while it changes.

        Raises:
            RunError: the run is read-only, or a worker holds it.
        """
        from filelock import FileLock, Timeout  # 20 ms that listing runs does not need

        self.check_writable(what)
        try:
            status = self.status()
        except RunError:
            status = Status("failed")  # a folder whose status cannot be read can still be deleted
        if status.at_work:
            raise RunError(
                f"run '{self.key}' is {status.state} and cannot be {what}; stop it first."
            )
        if not self.path.is_dir():  # the lock would make the folder anew
            raise RunError(f"run '{self.key}' cannot be {what}: it no longer exists.")
        lock = FileLock(self.lock_path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(
                f"run '{self.key}' has a worker that has not reported for a while, so it cannot be"
                f" {what}; end that process first."
            ) from None
        except OSError as error:
            raise RunError(
                f"run '{self.key}' cannot be {what}: {explain_os_error(error)}"
            ) from error
        try:
            if os.name == "nt":  # Windows moves no folder with an open file
                lock.release()
            yield
        finally:
            lock.release()

    def size_bytes(self) -> int:
        """Return the bytes of all files in the folder."""
        return size_of(self.path)

    def sweep_temporary(self) -> None:
        """Remove temporary files that a killed worker left behind. Only the holder of the worker
        lock may call this.

        Files that are newer than ten minutes stay for maps, because another process may be making
        them.
        """
        for file in self.path.rglob(f".*{TEMPORARY_SUFFIX}"):
            with contextlib.suppress(OSError):
                if not file.name.startswith(".layout-") or time.time() - file.stat().st_mtime > 600:
                    file.unlink()
