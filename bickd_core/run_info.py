"""run.yaml: what a run is and where it came from; and what its name may be."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bickd_core.migrations import FORMAT
from bickd_core.training.config import TrainConfig

Split = Literal["validation", "test"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


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
    """What a model costs: parameters, multiply-accumulates of one image, and latencies measured on a CPU.

    latency_ms: milliseconds for one image. latency_batch_ms: for a batch of 64; older runs have none.
    """

    model_config = ConfigDict(extra="forbid")
    parameters: int
    macs: int
    latency_ms: float | None = None
    latency_batch_ms: float | None = None
    latency_cpu: str = ""


class RunInfo(BaseModel):
    """run.yaml: what a run is and where it came from.

    data_content: `Dataset.content` when the run began; None for sets that come along and for older runs.
    """

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
    data_content: str | None = None
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


def check_name(name: str) -> None:
    """A run's name is also its folder and stands in links: letters, digits, `.`, `_`, `-`, at most 80."""
    if not NAME.fullmatch(name):
        raise RunError(
            f"a run's name may hold letters, digits, '.', '_' and '-', at most 80 and not first a sign; got '{name}'."
        )
