"""Options of the objectives on features and feature maps. The sources are in `catalogue`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bickd_core.presets.options import ALPHA, Options, Share, Weight


class SPOptions(Options):
    """alpha CE + beta ||G^T - G^S||^2 / B^2, G the row-normalised Gram of the last maps."""

    weights: ClassVar = ("alpha", "beta")
    kind: Literal["sp"] = "sp"
    alpha: Weight = Field(1.0, description=ALPHA)
    beta: Weight = Field(
        3000.0, description="Weight of the distance between the batch's similarities."
    )


class RKDOptions(Options):
    """alpha CE + distance Huber of pair distances + angle Huber of triplet angles, on pooled
    features."""

    weights: ClassVar = ("alpha", "distance", "angle")
    kind: Literal["rkd"] = "rkd"
    alpha: Weight = Field(1.0, description=ALPHA)
    distance: Weight = Field(25.0, description="Weight of the distances between pairs of samples.")
    angle: Weight = Field(50.0, description="Weight of the angles in triplets of samples.")


class PKTOptions(Options):
    """alpha CE + beta mean KL of the batch's cosine similarities, on pooled features."""

    weights: ClassVar = ("alpha", "beta")
    kind: Literal["pkt"] = "pkt"
    alpha: Weight = Field(1.0, description=ALPHA)
    beta: Weight = Field(
        30000.0, description="Weight of the divergence, which is a mean over the B x B entries."
    )


class CRDOptions(Options):
    """alpha CE + beta contrast of projected features with a memory of the whole training split."""

    weights: ClassVar = ("alpha", "beta")
    kind: Literal["crd"] = "crd"
    alpha: Weight = Field(1.0, description=ALPHA)
    beta: Weight = Field(0.8, description="Weight of the contrast.")
    tau: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = Field(
        0.07,
        description="Contrast temperature tau. A smaller value focuses on the nearest negatives.",
    )
    negatives: Annotated[int, Field(ge=1, le=2**20)] = Field(
        16384,
        description="Negatives for each sample and step, at most the number of training samples.",
    )
    width: Annotated[int, Field(ge=1, le=4096)] = Field(
        128, description="Width of the space that both models' features are projected to."
    )
    momentum: Share = Field(
        0.5, description="Share of its old value that a memory entry keeps when its sample is seen."
    )
    negatives_from: Literal["other_classes", "all"] = Field(
        "other_classes",
        description="Which samples negatives are drawn from: those with other labels, or all.",
    )
