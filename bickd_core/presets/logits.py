"""Options of the objectives on logits, with their published defaults. The sources are in
`catalogue`."""

from typing import ClassVar, Literal

from pydantic import Field

from bickd_core.presets.options import (
    ALPHA,
    STANDARDIZE,
    TEMPERATURE,
    Options,
    Share,
    Temperature,
    Weight,
)


class CEOptions(Options):
    """Cross-entropy with the labels; no teacher."""

    kind: Literal["ce"] = "ce"


class KDOptions(Options):
    """alpha CE + beta T^2 KL(teacher || student)."""

    weights: ClassVar = ("alpha", "beta")
    kind: Literal["kd"] = "kd"
    temperature: Temperature = Field(4.0, description=TEMPERATURE)
    alpha: Weight = Field(0.1, description=ALPHA)
    beta: Weight = Field(0.9, description="Weight of T^2 KL(teacher || student).")
    standardize: bool = Field(False, description=STANDARDIZE)


class DKDOptions(Options):
    """alpha CE + warm-up x T^2 (target KL (label or not) + non_target KL (among the other
    classes))."""

    weights: ClassVar = ("alpha", "target", "non_target")
    kind: Literal["dkd"] = "dkd"
    temperature: Temperature = Field(4.0, description=TEMPERATURE)
    alpha: Weight = Field(1.0, description=ALPHA)
    target: Weight = Field(
        1.0, description="Weight of the target-class part: the label against all others."
    )
    non_target: Weight = Field(
        8.0,
        description=(
            "Weight of the part among the other classes. Published by pair: 8 for wide teachers"
            " (resnet32x4, resnet50, and wrn-40-2 to shufflenetv1), 6 for wrn-40-2 to wrn and for"
            " vgg13, 2 for thin ones (resnet56, resnet110)."
        ),
    )
    warmup: Share = Field(
        20 / 240,
        description=(
            "Share of the run over which both parts rise from 0; published: 20 of 240 epochs."
        ),
    )
    standardize: bool = Field(False, description=STANDARDIZE)


class DISTOptions(Options):
    """alpha CE + T^2 (beta (1 - Pearson of rows) + gamma (1 - Pearson of columns))."""

    weights: ClassVar = ("alpha", "beta", "gamma")
    kind: Literal["dist"] = "dist"
    temperature: Temperature = Field(4.0, description=TEMPERATURE)
    alpha: Weight = Field(1.0, description=ALPHA)
    beta: Weight = Field(2.0, description="Weight of the rows: each sample over the classes.")
    gamma: Weight = Field(2.0, description="Weight of the columns: each class over the batch.")
    standardize: bool = Field(False, description=STANDARDIZE)


class MLKDOptions(Options):
    """alpha CE + sums over five temperatures of beta T^2 KL and of squared distances of Grams.

    lambda_sample weighs ||P^T P^T' - P^S P^S'||^2 / B, lambda_class ||P^T' P^T - P^S' P^S||^2 / C.
    """

    weights: ClassVar = ("alpha", "beta", "lambda_sample", "lambda_class")
    kind: Literal["mlkd"] = "mlkd"
    temperature: Temperature = Field(
        4.0, description="The base temperature. 2, 3, 5 and 6 are always used too."
    )
    alpha: Weight = Field(0.1, description=ALPHA)
    beta: Weight = Field(
        0.9, description="Weight of T^2 KL(teacher || student) at each temperature."
    )
    lambda_sample: Weight = Field(0.9, description="Weight of the sample-wise Grams (B x B).")
    lambda_class: Weight = Field(0.9, description="Weight of the class-wise Grams (C x C).")
    standardize: bool = Field(
        False,
        description=(
            "Z-score each sample's logits before the KL. As in the release, the Grams use the plain"
            " logits."
        ),
    )


class NKDOptions(Options):
    """alpha CE + target (-p_y^T log p_y^S) + gamma T^2 cross-entropy among the other classes."""

    weights: ClassVar = ("alpha", "target", "gamma")
    kind: Literal["nkd"] = "nkd"
    temperature: Temperature = Field(
        3.0, description="Temperature T of the non-target part; 1 on ImageNet."
    )
    alpha: Weight = Field(1.0, description=ALPHA)
    target: Weight = Field(1.0, description="Weight of the soft target part, always at T = 1.")
    gamma: Weight = Field(3.5, description="Weight of the non-target part; 1.5 on ImageNet.")
    standardize: bool = Field(False, description=STANDARDIZE)


class BicKDOptions(Options):
    """alpha CE + beta T^2 KL + lambda_sample contrast of rows + lambda_class contrast of columns.

    A reconstruction of BicKD (arXiv 2602.01265) from its abstract; what the abstract leaves open is
    an option here.
    """

    weights: ClassVar = ("alpha", "beta", "lambda_sample", "lambda_class")
    former: ClassVar = {
        "queue": 0,
        "column_weights": "equal",
        "contrast_temperature": None,
        "vectors": "plain",
        "anchors": "both",
        "off_diagonal": "cross",
        "repel": "all",
        "margin": 0.1,
    }
    rare: ClassVar = tuple(former)
    kind: Literal["bickd"] = "bickd"
    temperature: Temperature = Field(4.0, description=TEMPERATURE)
    tau: float = Field(
        0.2,
        gt=0,
        le=10,
        allow_inf_nan=False,
        description="Contrast temperature tau. A smaller value focuses on the nearest negatives.",
    )
    alpha: Weight = Field(0.1, description=ALPHA)
    beta: Weight = Field(0.9, description="Weight of T^2 KL(teacher || student).")
    lambda_sample: Weight = Field(
        8.0, description="Weight of the sample-wise side (rows); 0 switches it off."
    )
    lambda_class: Weight = Field(
        8.0, description="Weight of the class-wise side (columns); 0 switches it off."
    )
    form: Literal["contrast", "gram"] = Field(
        "contrast",
        description="InfoNCE on the cosines, or squared distance of the cosines from 1 and 0.",
    )
    gram_weight: Weight = Field(
        1.0, description="Weight w of the off-diagonal part; form 'gram' only."
    )
    same_class: Literal["negative", "ignore", "positive"] = Field(
        "ignore", description="How the sample-wise side treats other samples of the same label."
    )
    absent: Literal["keep", "drop"] = Field(
        "keep", description="Keep or drop the columns of classes without a sample in the batch."
    )
    standardize: bool = Field(False, description=STANDARDIZE)
    queue: int = Field(
        0,
        ge=0,
        le=1000,
        description=(
            "Add the logits of this many earlier batches to the class-wise side, so that fewer"
            " classes are absent; 0 uses the batch alone."
        ),
    )
    column_weights: Literal["equal", "teacher_mass"] = Field(
        "equal",
        description=(
            "Weigh all classes alike on the class-wise side, or by the probability that the teacher"
            " gives them in the batch."
        ),
    )
    contrast_temperature: Temperature | None = Field(
        None,
        description=(
            "Temperature of the probabilities in both contrasts, apart from that of the KL. If not"
            " set: `temperature`."
        ),
    )
    vectors: Literal["plain", "root", "centred"] = Field(
        "plain",
        description=(
            "What the cosines compare: probabilities; their square roots, whose cosine is the"
            " Bhattacharyya coefficient; or columns minus their means, whose cosine is a"
            " correlation."
        ),
    )
    anchors: Literal["both", "student", "teacher"] = Field(
        "both",
        description=(
            "Direction of the contrast: each vector of the student among all of the teacher, each"
            " of the teacher among all of the student, or the mean of both; form 'contrast' only."
        ),
    )
    off_diagonal: Literal["cross", "student"] = Field(
        "cross",
        description=(
            "Which pairs of classes the class-wise side pushes apart: a student's from a teacher's,"
            " or two of the student."
        ),
    )
    repel: Literal["all", "above_teacher", "above_margin"] = Field(
        "all",
        description=(
            "How far they are pushed apart: towards cosine 0, down to the cosine of the teacher's"
            " two classes, or down to `margin`."
        ),
    )
    margin: Share = Field(
        0.1, description="Cosine below which classes are left alone; repel 'above_margin' only."
    )
