"""The validated configuration of a training run. It does not import torch, so that a page can build
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bickd_core.data.class_order import ClassOrder
from bickd_core.data.resizing import Interpolation, Resize, Resizing
from bickd_core.naming import not_known
from bickd_core.presets.catalogue import ObjectiveOptions
from bickd_core.presets.logits import BicKDOptions, CEOptions, DISTOptions, KDOptions

__all__ = [
    "SGD",
    "AdamW",
    "BicKDOptions",
    "CEOptions",
    "Cosine",
    "DISTOptions",
    "KDOptions",
    "ObjectiveOptions",
    "Seeds",
    "Step",
    "TrainConfig",
    "check_alike",
    "one_sentence",
]


MOST_PIXELS = 16_384
"""The longest side of an image."""
MOST = 10**9
"""Upper bound for images, epochs and similar counts in a file, far above any real training."""


class Strict(BaseModel):
    """The base class of settings: unknown fields and infinite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SGD(Strict):
    """Stochastic gradient descent with momentum, with the usual recipe for CIFAR."""

    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.05, gt=0, description="peak learning rate")
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0)
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError(
                "`nesterov` needs a `momentum` above 0, got 0; raise it or switch nesterov off."
            )
        return self


class AdamW(Strict):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="peak learning rate")
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0)


class Cosine(Strict):
    """Half a cosine from the peak learning rate to `final` times it, updated every batch."""

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: float = Field(
        0.0, ge=0, le=10**6, description="linear warm-up from 0, in epochs"
    )
    final: float = Field(0.0, ge=0, le=1, description="share of the peak learning rate at the end")


class Step(Strict):
    """The learning rate times `gamma` at each milestone, given as a share of the run."""

    kind: Literal["step"] = "step"
    warmup_epochs: float = Field(
        0.0, ge=0, le=10**6, description="linear warm-up from 0, in epochs"
    )
    milestones: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.625, 0.75, 0.875), description="shares of the run, each in (0, 1)"
    )
    gamma: float = Field(0.1, gt=0, le=1)


class Seeds(Strict):
    """Independent seeds for the random parts of a run. 0 <= seed < 2^31."""

    weights: int = Field(0, ge=0, lt=2**31, description="initial weights")
    order: int = Field(0, ge=0, lt=2**31, description="order of the samples")
    augmentation: int = Field(0, ge=0, lt=2**31, description="random crops and flips")

    @classmethod
    def all(cls, seed: int) -> Seeds:
        return cls(weights=seed, order=seed, augmentation=seed)


Optimizer = Annotated[SGD | AdamW, Field(discriminator="kind")]
Schedule = Annotated[Cosine | Step, Field(discriminator="kind")]


RESIZING = ("resize", "interpolation", "crop_share")
"""The fields that control how images become square."""


class TrainConfig(Strict):
    """One training run, of a teacher or of a student.

    A `teacher` (the key or the folder of a run) is required by every objective but `ce`; with `ce`
    it is optional and only measures agreement.
    """

    dataset: str = Field(
        "caltech95",
        max_length=5000,
        description="name of a data set; if not set: the teacher's, else caltech95",
    )
    image_size: int | None = Field(
        None,
        gt=0,
        le=MOST_PIXELS,
        description="pixels per side; if not set: the teacher's, else that of the data set",
    )
    train_limit: int | None = Field(
        None, gt=0, le=MOST, description="train on a stratified subset of this many images"
    )
    validation_seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description=(
            "chooses which training images become validation, if the data have no validation part"
        ),
    )
    validation_folds: int | None = Field(
        None,
        ge=2,
        le=1000,
        description=(
            "divide the training images into this many folds, and use one as validation; if not"
            " set: the data's validation part, or else a fixed number of training images"
        ),
    )
    validation_fold: int = Field(
        0, ge=0, le=999, description="which fold is validation; with validation_folds only"
    )
    class_order: ClassOrder | None = Field(
        None,
        description=(
            "order of classes that are named by whole numbers: natural (by value) or text (0, 1,"
            " 10, 2); if not set: that of the teacher, else natural"
        ),
    )
    resize: Resize | None = Field(
        None,
        description=(
            "how your own images become square: crop (the central square), stretch, or pad (black"
            " borders); if not set: as for the teacher, else crop"
        ),
    )
    interpolation: Interpolation | None = Field(
        None,
        description=(
            "interpolation for scaling your own images; if not set: as for the teacher, else"
            " bicubic"
        ),
    )
    crop_share: float | None = Field(
        None,
        gt=0.1,
        le=1,
        description=(
            "share of the side to keep when cropping your own images; if not set: as for the"
            " teacher, else 1"
        ),
    )
    arch: str = Field("resnet8", max_length=5000, description="name of a model")
    role: Literal["student", "teacher"] = Field("student", description="what to train")
    teacher: str | None = Field(
        None, max_length=5000, description="run key or folder of the teacher"
    )
    objective: ObjectiveOptions = CEOptions()
    epochs: int = Field(40, gt=0, le=10**6, description="passes over the training images")
    batch_size: int = Field(64, gt=0, le=10**6, description="images in a batch")
    augment: bool = Field(True, description="random crops, and flips if they suit the data")
    optimizer: Optimizer = SGD()
    schedule: Schedule = Cosine()
    seeds: Seeds = Seeds()
    teacher_outputs: Literal["auto", "live", "stored"] = Field(
        "auto",
        description=(
            "live: the teacher runs in every step; stored: its outputs are stored for each view and"
            " shared by runs; auto: stored, but live if the objective needs feature maps"
        ),
    )
    view_pool: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="repeat this many augmented views; if not set: a new view every epoch",
    )
    extends: str | None = Field(
        None, max_length=5000, description="run key or folder of a finished run to train further"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: the best for the device; fp32 is without TF32"
    )
    compile: bool = Field(
        False,
        description=(
            "use torch.compile for the student, with CUDA graphs on a GPU; it takes up to a minute"
            " at the start and gains nothing on a CPU"
        ),
    )
    kernels: Literal["auto", "torch"] = Field(
        "auto",
        description=(
            "auto: on a CPU, fuse batch norm, addition and ReLU into one operation, compiled once"
            " if there is a C++ compiler; torch: use torch's own operations"
        ),
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU if there is one"
    )
    threads: int | None = Field(
        None, gt=0, le=4096, description="CPU threads; if not set: this run's share of the cores"
    )
    probe_size: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="validation images to record at every epoch; if not set: 2 for each class",
    )
    make_map: bool = Field(
        True, description="make the run's UMAP map at the end; the app can make it later"
    )

    @property
    def resizing(self) -> Resizing:
        """How images become square, with defaults for the fields that are not set."""
        return Resizing.model_validate(
            {name: getattr(self, name) for name in RESIZING if getattr(self, name)}
        )

    @model_validator(mode="after")
    def _resizing_is_possible(self) -> TrainConfig:
        _ = self.resizing
        return self

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> TrainConfig:
        folds = self.validation_folds or 1
        if self.validation_fold >= folds:
            raise ValueError(
                f"`validation_fold` must be below `validation_folds`, got {self.validation_fold}"
                f" with {self.validation_folds or 'no'} folds; correct one of them."
            )
        return self

    @model_validator(mode="after")
    def _teacher_is_there(self) -> TrainConfig:
        if self.objective.kind != "ce" and not self.teacher:
            raise ValueError(
                f"objective '{self.objective.kind}' needs a `teacher`, got none; name a finished"
                " run."
            )
        if self.role == "teacher" and self.teacher:
            raise ValueError(
                f"a run with role 'teacher' must have no `teacher`, got {self.teacher!r:.80}; leave"
                " it out."
            )
        return self


SHARED = (
    "dataset", "image_size", "train_limit", "validation_seed", "validation_folds",
    "validation_fold", "class_order", *RESIZING, "teacher", "batch_size", "augment",
    "teacher_outputs", "view_pool", "extends", "precision", "kernels", "device", "threads",
)  # fmt: skip
"""Fields that must be the same in all runs of a race, like the seeds of order and augmentation."""


def check_alike(configs: Sequence[TrainConfig]) -> None:
    """Check that the runs of a race see the same batches.

    Raises:
        ValueError: a field differs between runs.
    """
    first = configs[0]
    for other in configs[1:]:
        for name in SHARED:
            if getattr(first, name) != getattr(other, name):
                raise ValueError(
                    f"the runs of a race must have the same `{name}`, got {getattr(first, name)!r}"
                    f" and {getattr(other, name)!r}; start them separately."
                )
        if (first.seeds.order, first.seeds.augmentation) != (
            other.seeds.order,
            other.seeds.augmentation,
        ):
            raise ValueError(
                "the runs of a race must have the same seeds of order and augmentation; "
                "start a separate race for other seeds."
            )


def one_sentence(error: ValidationError) -> str:
    """Return pydantic's first problem as one sentence: the field, what is allowed and what was
    given."""
    problem = error.errors(include_url=False)[0]
    where = " ".join(".".join(str(part) for part in problem["loc"]).split())[:120]
    if problem["type"] == "extra_forbidden":
        return f"`{where}` is not known; leave it out or correct its name."
    if problem["type"] == "value_error":  # raised by our own validators, with a complete message
        return problem["msg"].removeprefix("Value error, ")
    if (
        problem["type"] == "union_tag_invalid"
    ):  # one of several kinds of optimiser, schedule or objective
        known = [tag.strip().strip("'") for tag in problem["ctx"]["expected_tags"].split(",")]
        return f"`{where}`: `kind` {not_known(problem['ctx']['tag'], known)}"
    if problem["type"] == "union_tag_not_found":
        return f"`{where}`: expected a `kind`, got {problem['input']!r:.80}."
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"`{where}`: {message}" + (
        "." if problem["type"] == "missing" else f", got {problem['input']!r:.80}."
    )
