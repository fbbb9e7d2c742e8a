"""The content of run.yaml: what a run is and where it came from. Also the rule for names of
runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bickd_core.config import MOST_PIXELS, TrainConfig
from bickd_core.data.class_order import ClassOrder
from bickd_core.data.normalisation import Choice
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.resizing import Resizing
from bickd_core.runs.migrations import FORMAT

Split = Literal["validation", "test"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


Short = Annotated[str, Field(max_length=300)]
Long = Annotated[str, Field(max_length=5000)]
Count = Annotated[int, Field(ge=0, le=10**15)]
Milliseconds = Annotated[float, Field(ge=0, le=1e9)]
MOST_CLASSES = 100_000
"""ImageNet-21k, the largest set of classes in use, has 21,841."""


class RunError(ValueError):
    """A run folder cannot be read or changed. The message says why and what to do."""


class TeacherRef(BaseModel):
    """A student's teacher: its key in the library and the sha256 of its weights file.

    Attributes:
        weights_sha256: "" for a teacher with predictions only.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    key: Long
    weights_sha256: Short = ""


class Source(BaseModel):
    """Where a run's weights or predictions came from.

    Attributes:
        kind: "predictions" for a run without weights whose predictions were made elsewhere;
            "program" for a run without weights whose predictions were made here by an ONNX or
            torch.export file.
        method, seed: of an imported run whose name ends in its seed. Runs of one method on the same
            data are seeds of one recipe. "" and None for other runs.
        part: key and prefix of the network in a file with several; "" if the file has only one.
        tried: of imported weights, the accuracy on `tried_on` images with each usual
            normalisation.
        tried_train: how many of these images are train images; the others are validation images.
        undecided: other normalisations that may be right as often as the chosen one.
        teachers_inputs: whether the chosen one of these was taken because the teacher has it.
        own_validation: of imported networks, whether the data have a validation part. If not,
            validation was split off from the training images.
        notes: sentences for the reader of the run's figures.
        hints: changes that would have raised the accuracy, if it is low; see `importing/hints.py`.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind: Literal["trained", "imported", "predictions", "program"] = "trained"
    file: Long | None = None
    sha256: Short | None = None
    method: Short = ""
    seed: int | None = Field(None, ge=0)
    part: Long = ""
    tried: dict[Choice, Annotated[float, Field(ge=0, le=1)]] = {}
    tried_on: int = Field(0, ge=0)
    tried_train: int = Field(0, ge=0)
    undecided: tuple[Choice, ...] = Field((), max_length=10)
    teachers_inputs: bool = False
    own_validation: bool = False
    notes: tuple[Long, ...] = Field((), max_length=10)
    hints: tuple[Long, ...] = Field((), max_length=10)

    @property
    def predictions_only(self) -> bool:
        """Whether the run has only predictions and no weights."""
        return self.kind in ("predictions", "program")

    @property
    def imported_network(self) -> bool:
        """Whether the run is a network that was trained elsewhere and evaluated here."""
        return self.kind in ("imported", "program")

    @property
    def saw_validation(self) -> bool:
        """Whether the network was probably trained on the images of validation elsewhere."""
        return self.imported_network and not self.own_validation


class Cost(BaseModel):
    """The cost of a model: parameters, multiply-accumulates for one image, and latencies measured
    on a CPU.

    Attributes:
        latency_ms: milliseconds for one image.
        latency_batch_ms: milliseconds for a batch of 64; None in older runs.
        latency_busy: whether other work on the machine may have lengthened them; None in older
            runs.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    parameters: Count
    macs: Count
    latency_ms: Milliseconds | None = None
    latency_batch_ms: Milliseconds | None = None
    latency_busy: bool | None = None
    latency_cpu: Short = ""


class RunInfo(BaseModel):
    """The content of run.yaml: what a run is and where it came from.

    Attributes:
        arch, image_size, in_channels: "" and None for a run with predictions only.
        dataset: a label for a run with predictions only, "" if it has none.
        data_content: `Dataset.content` when the run began; None for bundled data sets and in older
            runs.
        class_order: order of classes whose names are whole numbers. None means "text"; older runs
            have None, and runs for which it makes no difference.
        epochs_before: total number of epochs of the runs that this one extends; None in older runs.
        preprocessing: of the inputs. None means the data's own statistics; older runs have None,
            and new runs until the data is read. Older runs store only name, mean and std, as
            `normalisation`.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    format: int = FORMAT
    name: Short
    title: str = Field(
        "",
        max_length=300,
        description="what to call it in charts; derived from the objective if empty",
    )
    role: Literal["teacher", "student"]
    arch: Short = ""
    dataset: Long = ""
    image_size: int | None = Field(None, gt=0, le=MOST_PIXELS)
    in_channels: int | None = Field(None, gt=0, le=10_000)
    num_classes: int = Field(gt=0, le=MOST_CLASSES)
    data_content: Short | None = None
    class_order: ClassOrder | None = None
    preprocessing: Preprocessing | None = None
    config: TrainConfig | None = None
    teacher: TeacherRef | None = None
    extends: Long | None = None
    epochs_before: Count | None = None
    source: Source = Source()
    cost: Cost | None = None
    versions: dict[Short, Short] = {}
    created: Short = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @model_validator(mode="before")
    @classmethod
    def _older(cls, fields: Any) -> Any:
        """Read what older runs call `normalisation`."""
        if isinstance(fields, dict) and "normalisation" in fields and "preprocessing" not in fields:
            fields = dict(fields)
            fields["preprocessing"] = fields.pop("normalisation")
        return fields

    @model_validator(mode="after")
    def _has_a_network(self) -> RunInfo:
        """Detect a truncated file: only a run with predictions only may leave out these fields."""
        if self.source.kind != "predictions":
            needed = ["dataset", "image_size", "in_channels"]
            if self.source.kind != "program":
                needed = ["arch", *needed]
            missing = [name for name in needed if getattr(self, name) in ("", None)]
            if missing:
                raise ValueError(f"expected {', '.join(needed)}, got none for {missing[0]}.")
        return self

    @property
    def objective(self) -> str:
        """The kind of the objective: "ce", "kd", ...; "imported" if unknown."""
        return "imported" if self.config is None else self.config.objective.kind

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of its data's images.

        Raises:
            RunError: the run has only predictions.
        """
        if self.in_channels is None or self.image_size is None:
            raise RunError(
                f"'{self.name}' has only predictions, but a network is needed; import its weights."
            )
        assert self.data_channels is not None
        return self.data_channels, self.image_size, self.image_size

    @property
    def data_channels(self) -> int | None:
        """Channels of its data's images. A network may repeat one, or make three grey."""
        made = "same" if self.preprocessing is None else self.preprocessing.channels
        return {"repeated": 1, "grey": 3}.get(made, self.in_channels)

    @property
    def network_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the network's input. Its images (`image_shape`) may be
        scaled and their channels converted first."""
        _, side, _ = self.image_shape
        size = None if self.preprocessing is None else self.preprocessing.input_size
        assert self.in_channels is not None
        return self.in_channels, size or side, size or side

    @property
    def resizing(self) -> Resizing:
        """How its images became square."""
        if self.preprocessing is not None:
            return self.preprocessing.resizing
        return Resizing() if self.config is None else self.config.resizing

    @property
    def prepared(self) -> tuple[int | None, Resizing]:
        """How the images were prepared: pixels per side, and how they became square."""
        return self.image_size, self.resizing

    @property
    def seed(self) -> int | None:
        return self.source.seed if self.config is None else self.config.seeds.weights


def check_name(name: str, what: str = "a run's name") -> None:
    """Check a run's name, which is also its folder and part of links.

    Args:
        what: how the message calls it.

    Raises:
        RunError: it does not consist of 1 to 80 letters, digits, `.`, `_` and `-`.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            f"{what} must have 1 to 80 letters, digits, '.', '_' and '-', the first a letter"
            f" or digit, got '{name:.100}'; choose another one."
        )
