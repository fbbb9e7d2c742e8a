"""Run folders: the one artefact. The trainer writes them, `pretrained/` is a shelf of them, the app reads them.

Nothing but this module and the writers in `bickd_core.training` touches the files of a run folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bickd_core.atomic import atomic_write, write_json, write_text
from bickd_core.migrations import FORMAT, migrate
from bickd_core.predictions import Predictions, read_arrays
from bickd_core.status import Status
from bickd_core.training.config import TrainConfig

Split = Literal["validation", "test"]


class RunError(ValueError):
    """A run folder that cannot be read or changed as asked; the message says why and what to do."""


class TeacherRef(BaseModel):
    """Which teacher a student had: its key in the library and the sha256 of its weights file."""

    model_config = ConfigDict(extra="forbid")
    key: str
    weights_sha256: str


class Source(BaseModel):
    """Where the weights came from."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["trained", "imported"] = "trained"
    file: str | None = None
    sha256: str | None = None


class Cost(BaseModel):
    """What a model costs: parameters, multiply-accumulates of one image, measured CPU latency at batch 1."""

    model_config = ConfigDict(extra="forbid")
    parameters: int
    macs: int
    latency_ms: float | None = None
    latency_cpu: str = ""


class RunInfo(BaseModel):
    """run.yaml: what a run is and where it came from."""

    model_config = ConfigDict(extra="forbid")
    format: int = FORMAT
    name: str
    title: str = Field("", description="what to call it in charts; derived from the objective if empty")
    role: Literal["teacher", "student"]
    arch: str
    dataset: str
    image_size: int
    in_channels: int
    num_classes: int
    config: TrainConfig | None = None
    teacher: TeacherRef | None = None
    extends: str | None = None
    source: Source = Source()
    cost: Cost | None = None
    versions: dict[str, str] = {}
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def objective(self) -> str:
        """The kind of its objective: "ce", "kd", ...; "imported" where it is not known."""
        return "imported" if self.config is None else self.config.objective.kind

    @property
    def seed(self) -> int | None:
        return None if self.config is None else self.config.seeds.weights


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
        root.mkdir(parents=True, exist_ok=True)
        making = Path(root) / f".making-{uuid.uuid4().hex}"
        try:
            making.mkdir()
            cls(making).write_info(info)
            (making / "control").mkdir()
            if target.exists():
                raise RunError(f"a run named '{info.name}' is already there; choose another name.")
            making.rename(target)
        except OSError as error:
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
        try:
            stored = yaml.safe_load((self.path / "run.yaml").read_text())
            return RunInfo.model_validate(migrate(stored))
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is no run folder: it has no run.yaml.") from error
        except (yaml.YAMLError, ValidationError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise RunError(f"{self.path.name}/run.yaml cannot be read: {first}.") from error

    def write_info(self, info: RunInfo) -> None:
        text = yaml.safe_dump(info.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(self.path / "run.yaml", text)

    # -- status and requests -----------------------------------------------------------------------
    def status(self) -> Status:
        """What the worker last wrote. A folder without status.json is queued, or finished if it has weights."""
        try:
            return Status.from_dict(json.loads((self.path / "status.json").read_text()))
        except FileNotFoundError:
            born = (self.path / "run.yaml").stat().st_mtime
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

    # -- metrics -----------------------------------------------------------------------------------
    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add one line; it is on the disk when this returns."""
        with open(self.path / "metrics.jsonl", "ab") as file:
            if file.tell() and not self._ends_with_newline():
                file.write(b"\n")  # a torn line of a killed writer stays alone on its line
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_with_newline(self) -> bool:
        with open(self.path / "metrics.jsonl", "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def metrics(self) -> list[dict[str, Any]]:
        """One record an epoch, in order. A line written again after a resume replaces the older; a torn one is skipped."""
        records: dict[int, dict[str, Any]] = {}
        try:
            lines = (self.path / "metrics.jsonl").read_text(errors="replace").splitlines()
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

    def write_trajectory(self, arrays: dict[str, np.ndarray]) -> None:
        with atomic_write(self.path / "trajectory.npz") as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    def layout_path(self, key: str) -> Path:
        return self.path / f"layout-{key}.npz"

    # -- changing ----------------------------------------------------------------------------------
    def rename(self, name: str) -> RunFolder:
        self._check_may_change("renamed")
        check_name(name)
        target = self.path.with_name(name)
        if target.exists():
            raise RunError(f"a run named '{name}' is already there; choose another name.")
        self.path.rename(target)
        renamed = RunFolder(target, key=name)
        renamed.write_info(renamed.info().model_copy(update={"name": name}))
        return renamed

    def delete(self) -> None:
        """Remove the folder: first out of sight in one step, then from the disk."""
        self._check_may_change("deleted")
        hidden = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        self.path.rename(hidden)
        shutil.rmtree(hidden)

    def _check_may_change(self, what: str) -> None:
        if self.read_only:
            raise RunError(f"run '{self.key}' is on the shelf of bundled runs and cannot be {what}.")
        status = self.status()
        if status.active and not status.stale():
            raise RunError(f"run '{self.key}' is {status.state} and cannot be {what}; stop it first.")

    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def check_name(name: str) -> None:
    """A run's name is also its folder and stands in links: letters, digits, `.`, `_`, `-`, at most 80."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise RunError(
            f"a run's name may hold letters, digits, '.', '_' and '-', at most 80 and not first a sign; got '{name}'."
        )


@dataclass(frozen=True)
class Library:
    """The runs a person can see: the shelf (`pretrained/`, read-only) and their own (`runs/`).

    A key names a run in links: `caltech95/kd-s0` on the shelf, a plain name among one's own.
    """

    shelf: Path
    own: Path

    @classmethod
    def default(cls, base: Path | None = None) -> Library:
        """`base/pretrained` and `base/runs`; BICKD_SHELF and BICKD_RUNS override."""
        base = Path.cwd() if base is None else base
        return cls(
            shelf=Path(os.environ.get("BICKD_SHELF", base / "pretrained")),
            own=Path(os.environ.get("BICKD_RUNS", base / "runs")),
        )

    def runs(self) -> list[RunFolder]:
        """Every run folder, the shelf first, each part by key."""
        return list(self._scan(self.shelf, "*/*/run.yaml", True)) + list(self._scan(self.own, "*/run.yaml", False))

    def _scan(self, root: Path, pattern: str, read_only: bool) -> Iterator[RunFolder]:
        for file in sorted(root.glob(pattern)):
            key = file.parent.relative_to(root).as_posix()
            if not file.parent.name.startswith("."):
                yield RunFolder(file.parent, key=key, read_only=read_only)

    def find(self, key: str) -> RunFolder:
        """The run with this key, or the run folder at this path.

        Raises:
            RunError: there is none; the message names the nearest key.
        """
        for root, read_only in ((self.shelf, True), (self.own, False)):
            if "/" in key if read_only else "/" not in key:
                path = root / key
                if ".." not in Path(key).parts and (path / "run.yaml").exists():
                    return RunFolder(path, key=key, read_only=read_only)
        if (Path(key) / "run.yaml").exists():
            path = Path(key).resolve()
            for run in self.runs():
                if run.path.resolve() == path:
                    return run
            return RunFolder(path, key=str(path))
        raise RunError(f"there is no run '{key}'{_nearest(key, [run.key for run in self.runs()])}.")

    def free_name(self, wanted: str) -> str:
        """`wanted`, or `wanted-2`, `wanted-3`, ... where that is taken."""
        name, n = wanted, 1
        while (self.own / name).exists():
            n += 1
            name = f"{wanted}-{n}"
        return name

    def sweep_unfinished(self, older_than: float = 3600.0) -> None:
        """Remove what a killed `create` or `delete` left out of sight more than an hour ago."""
        for path in [*self.own.glob(".making-*"), *self.own.glob(".deleted-*")]:
            if time.time() - path.stat().st_mtime > older_than:
                shutil.rmtree(path, ignore_errors=True)


def _nearest(key: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known[:6]) or 'none yet'}"
