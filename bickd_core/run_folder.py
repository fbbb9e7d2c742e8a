"""One run folder: its paths, and the only code that reads and changes its files.

The writers in `bickd_core.training` put weights and resume state at the paths that are named here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from bickd_core import atomic
from bickd_core.atomic import TEMPORARY_SUFFIX, atomic_write, write_json, write_text
from bickd_core.migrations import migrate
from bickd_core.predictions import Predictions, read_arrays
from bickd_core.run_info import RunError, RunInfo, Split, check_name
from bickd_core.stages import Stages
from bickd_core.status import Status
from bickd_core.training.config import one_sentence


@dataclass(frozen=True)
class RunFolder:
    """Paths, reading and atomic writing of one run folder."""

    path: Path
    key: str = ""
    read_only: bool = False

    # -- making ------------------------------------------------------------------------------------
    @classmethod
    def create(cls, root: Path, info: RunInfo) -> RunFolder:
        """Make `root/info.name`, complete at once or not at all.

        Raises:
            RunError: the name is taken or is not a plain name.
        """
        check_name(info.name)
        target = Path(root) / info.name
        making = Path(root) / f".making-{uuid.uuid4().hex}"
        try:
            making.mkdir(parents=True)
            cls(making).write_info(info)
            (making / "control").mkdir()
            if target.exists():
                raise RunError(f"a run named '{info.name}' is already there; choose another name.")
            making.rename(target)
        except OSError as error:
            if target.exists():  # made by another process between the check and the rename
                raise RunError(f"a run named '{info.name}' is already there; choose another name.") from error
            raise RunError(f"cannot make the run folder {target}: {error.strerror}.") from error
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

    # -- run.yaml ----------------------------------------------------------------------------------
    def info(self) -> RunInfo:
        """run.yaml, brought to the current format.

        Raises:
            RunError: there is none, or it cannot be read; the message says what is wrong with it.
        """
        try:
            stored = yaml.safe_load((self.path / "run.yaml").read_text(encoding="utf-8"))
            return RunInfo.model_validate(migrate(stored))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RunError(f"{self.path} is no run folder: it has no run.yaml.") from error
        except (OSError, yaml.YAMLError, ValueError) as error:
            said = one_sentence(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
            raise RunError(f"{self.path.name}/run.yaml cannot be read: {said.rstrip('.')}.") from error

    def write_info(self, info: RunInfo) -> None:
        text = yaml.safe_dump(info.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(self.path / "run.yaml", text)

    # -- status and requests -----------------------------------------------------------------------
    def status(self) -> Status:
        """What the worker last wrote. A folder without status.json is queued, or finished if it has weights.

        Raises:
            RunError: the folder is gone, or status.json holds something else.
        """
        try:
            return Status.from_dict(json.loads((self.path / "status.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path.name}/status.json cannot be read: {error}.") from error
        try:
            born = (self.path / "run.yaml").stat().st_mtime
        except OSError as error:
            raise RunError(f"{self.path} is no run folder: it has no run.yaml.") from error
        return Status("finished") if self.weights_path.exists() else Status("queued", heartbeat=born)

    def write_status(self, status: Status) -> None:
        write_json(self.path / "status.json", status.to_dict())

    def request_stop(self) -> None:
        (self.path / "control").mkdir(exist_ok=True)
        (self.path / "control" / "stop").touch()

    def stop_requested(self) -> bool:
        return (self.path / "control" / "stop").exists()

    def clear_requests(self) -> None:
        (self.path / "control" / "stop").unlink(missing_ok=True)

    @property
    def resumable(self) -> bool:
        """A worker would have something to do: a stopped, failed or lost run that was trained here."""
        status = self.status()
        lost = status.stale() or status.state in ("stopped", "failed")
        return lost and not self.read_only and self.info().config is not None

    def check_resumable(self) -> None:
        """Raise RunError, with the reason, where a worker would have nothing to do."""
        if not self.resumable:
            raise RunError(f"run '{self.key}' is {self.status().state} and cannot be resumed.")

    # -- metrics -----------------------------------------------------------------------------------
    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add one line; it is on the disk when this returns.

        Raises:
            ValueError: for NaN and infinities, which JSON has no words for.
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
        """One record an epoch, in order. A line written again after a resume replaces the older; a torn one is skipped."""
        records: dict[int, dict[str, Any]] = {}
        try:
            lines = (self.path / "metrics.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                record = json.loads(line)
                records[int(record["epoch"])] = record
            except (json.JSONDecodeError, KeyError, TypeError, ValueError):
                continue
        return [records[epoch] for epoch in sorted(records)]

    # -- arrays ------------------------------------------------------------------------------------
    def predictions(self, split: Split = "test") -> Predictions:
        path = self.predictions_path(split)
        if not path.exists():
            raise RunError(f"run '{self.key or self.path.name}' has no predictions on {split} yet.")
        return Predictions.load(path)

    def has_predictions(self, split: Split = "test") -> bool:
        return self.predictions_path(split).exists()

    def trajectory(self) -> dict[str, np.ndarray] | None:
        """Arrays logits [E, P, C], ids [P], labels [P], epochs [E] on the probe set, or None."""
        path = self.path / "trajectory.npz"
        return read_arrays(path, ("logits", "ids", "epochs")) if path.exists() else None

    def write_trajectory(self, arrays: dict[str, np.ndarray], *, smallest: bool = False) -> None:
        """smallest: spend seconds on a sixth fewer bytes (LZMA in the zip, which numpy reads as well)."""
        method = zipfile.ZIP_LZMA if smallest else zipfile.ZIP_DEFLATED
        with (
            atomic_write(self.path / "trajectory.npz") as temporary,
            zipfile.ZipFile(temporary, "w", method) as file,
        ):
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)

    @property
    def stages_path(self) -> Path:
        return self.path / "stages.npz"

    def stages(self) -> Stages | None:
        """Pooled features after each stage on the probe set; None for a run that has not got them (yet)."""
        return Stages.load(self.stages_path) if self.stages_path.exists() else None

    def write_stages(self, stages: Stages) -> None:
        stages.save(self.stages_path)

    def layout_path(self, key: str) -> Path:
        return self.path / f"layout-{key}.npz"

    # -- changing ----------------------------------------------------------------------------------
    def rename(self, name: str) -> RunFolder:
        self._check_may_change("renamed")
        check_name(name)
        target = self.path.with_name(name)
        if target.exists():
            raise RunError(f"a run named '{name}' is already there; choose another name.")
        try:
            self.path.rename(target)
        except OSError as error:
            raise RunError(f"run '{self.key}' cannot be renamed to '{name}': {error.strerror}.") from error
        renamed = RunFolder(target, key=name)
        renamed.write_info(renamed.info().model_copy(update={"name": name}))
        for file in sorted(target.parent.glob("*/run.yaml")):
            if not file.parent.name.startswith("."):
                RunFolder(file.parent)._follow_teacher(self.path.name, name)
        return renamed

    def _follow_teacher(self, old: str, new: str) -> None:
        """Let a student whose teacher was renamed find it under its new name."""
        try:
            info = self.info()
        except RunError:
            return  # not readable by this program, so not changed by it either
        if info.teacher is None or info.teacher.key != old:
            return
        changes: dict[str, Any] = {"teacher": info.teacher.model_copy(update={"key": new})}
        if info.config is not None and info.config.teacher == old:
            changes["config"] = info.config.model_copy(update={"teacher": new})
        self.write_info(info.model_copy(update=changes))

    def delete(self) -> None:
        """Remove the folder: first out of sight in one step, then from the disk."""
        self._check_may_change("deleted")
        hidden = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        try:
            self.path.rename(hidden)
        except OSError as error:
            raise RunError(f"run '{self.key}' cannot be deleted: {error.strerror}.") from error
        shutil.rmtree(hidden, ignore_errors=True)  # what is left is out of sight, and swept later

    def _check_may_change(self, what: str) -> None:
        if self.read_only:
            raise RunError(f"run '{self.key}' is on the shelf of bundled runs and cannot be {what}.")
        try:
            status = self.status()
        except RunError:
            return  # nobody works on a folder whose status cannot be read, and it should be possible to delete it
        if status.active and not status.stale():
            raise RunError(f"run '{self.key}' is {status.state} and cannot be {what}; stop it first.")

    def size_bytes(self) -> int:
        """Bytes of all files in the folder; what disappears meanwhile does not count."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with contextlib.suppress(OSError):
                    total += (Path(folder) / name).stat().st_size
        return total

    def sweep_temporary(self) -> None:
        """Remove temporary files that a killed worker left; for the holder of the worker lock only.

        Maps may be made by another process at this moment: what it writes is left alone for ten minutes.
        """
        for file in self.path.rglob(f".*{TEMPORARY_SUFFIX}"):
            with contextlib.suppress(OSError):
                if not file.name.startswith(".layout-") or time.time() - file.stat().st_mtime > 600:
                    file.unlink()
