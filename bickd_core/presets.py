"""What each objective is made of: its options with ranges and published defaults, without torch.

`ObjectiveOptions` is the union that configs, the command line and the Distill page share, told apart by
`kind`. Defaults cite their source in `PRESETS`; the mathematics stands in `docs/losses.md`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Temperature = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]

_TEMPERATURE = "Temperature T of the softmax: larger is softer."
_ALPHA = "Weight of the cross-entropy with the labels."


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Chosen = TypeVar("_Chosen", bound=_Options)


class CEOptions(_Options):
    """Cross-entropy with the labels; no teacher."""

    kind: Literal["ce"] = "ce"


class KDOptions(_Options):
    """alpha CE + beta T^2 KL(teacher || student)."""

    kind: Literal["kd"] = "kd"
    temperature: Temperature = Field(4.0, description=_TEMPERATURE)
    alpha: Weight = Field(0.1, description=_ALPHA)
    beta: Weight = Field(0.9, description="Weight of T^2 KL(teacher || student).")

    @model_validator(mode="after")
    def _something_to_learn(self) -> "KDOptions":
        return _with_a_weight(self, "alpha", "beta")


class DISTOptions(_Options):
    """alpha CE + T^2 (beta (1 - Pearson of rows) + gamma (1 - Pearson of columns))."""

    kind: Literal["dist"] = "dist"
    temperature: Temperature = Field(4.0, description=_TEMPERATURE)
    alpha: Weight = Field(1.0, description=_ALPHA)
    beta: Weight = Field(2.0, description="Weight of the rows: each sample over the classes.")
    gamma: Weight = Field(2.0, description="Weight of the columns: each class over the batch.")

    @model_validator(mode="after")
    def _something_to_learn(self) -> "DISTOptions":
        return _with_a_weight(self, "alpha", "beta", "gamma")


class BicKDOptions(_Options):
    """alpha CE + beta T^2 KL + lambda_sample contrast of rows + lambda_class contrast of columns.

    A reconstruction of BicKD (arXiv 2602.01265) from its abstract; what the abstract leaves open is an
    option here.
    """

    kind: Literal["bickd"] = "bickd"
    temperature: Temperature = Field(4.0, description=_TEMPERATURE)
    tau: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = Field(
        0.2, description="Contrast temperature tau: smaller tells near negatives apart more sharply."
    )
    alpha: Weight = Field(0.1, description=_ALPHA)
    beta: Weight = Field(0.9, description="Weight of T^2 KL(teacher || student).")
    lambda_sample: Weight = Field(
        8.0, description="Weight of the sample-wise side (rows); 0 switches it off."
    )
    lambda_class: Weight = Field(
        8.0, description="Weight of the class-wise side (columns); 0 switches it off."
    )
    form: Literal["contrast", "gram"] = Field(
        "contrast", description="InfoNCE on the cosines, or squared distance of the cosines from 1 and 0."
    )
    gram_weight: Weight = Field(1.0, description="Weight w of the off-diagonal part; form 'gram' only.")
    same_class: Literal["negative", "ignore", "positive"] = Field(
        "negative", description="What another sample of the same label is to the sample-wise side."
    )
    absent: Literal["keep", "drop"] = Field(
        "keep", description="Keep or drop the columns of classes without a sample in the batch."
    )

    @model_validator(mode="after")
    def _something_to_learn(self) -> "BicKDOptions":
        return _with_a_weight(self, "alpha", "beta", "lambda_sample", "lambda_class")


def _with_a_weight(options: _Chosen, *names: str) -> _Chosen:
    if not any(getattr(options, name) > 0 for name in names):
        raise ValueError(f"at least one of {', '.join(names)} must be above 0, but all are 0")
    return options


ObjectiveOptions = Annotated[CEOptions | KDOptions | DISTOptions | BicKDOptions, Field(discriminator="kind")]


@dataclass(frozen=True)
class Preset:
    """One objective as the Distill page offers it.

    kind: the name in configs. title: for people. why: one line on when to choose it. citation: where its
    formula and its defaults come from. options: the class of its options, built with the defaults.
    """

    kind: str
    title: str
    why: str
    citation: str
    options: type[CEOptions] | type[KDOptions] | type[DISTOptions] | type[BicKDOptions]


PRESETS: dict[str, Preset] = {
    preset.kind: preset
    for preset in (
        Preset(
            kind="ce",
            title="Labels only",
            why="Learns from the labels alone: what the others must beat.",
            citation="Cross-entropy; no teacher, no options.",
            options=CEOptions,
        ),
        Preset(
            kind="kd",
            title="KD",
            why="Imitates the teacher's softened probabilities, sample by sample: the classic baseline.",
            citation="Hinton, Vinyals and Dean 2015, arXiv 1503.02531; defaults: mdistiller, engine/cfg.py.",
            options=KDOptions,
        ),
        Preset(
            kind="dist",
            title="DIST",
            why="Asks for the teacher's pattern within each sample and each class (correlation), not for its exact figures.",
            citation="Huang, You, Wang, Qian and Xu, NeurIPS 2022, arXiv 2205.10536; CIFAR defaults.",
            options=DISTOptions,
        ),
        Preset(
            kind="bickd",
            title="BicKD (reconstruction)",
            why="KD and two contrasts, over samples and over classes: keeps the classes apart.",
            citation=(
                "A reconstruction from the abstract of arXiv 2602.01265 (BicKD: Bilateral Contrastive "
                "Knowledge Distillation); its defaults are of our first exploration, not the authors'."
            ),
            options=BicKDOptions,
        ),
    )
}
