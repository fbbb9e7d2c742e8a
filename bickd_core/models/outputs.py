"""The outputs of a network."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Outputs:
    """The outputs of a network for one batch, with B samples, C classes and D features.

    Attributes:
        logits: [B, C], any floating type, before any temperature.
        features: [B, D], the pooled penultimate features, if requested.
        maps: [B, D, H, W], the last feature maps before pooling, if requested.
        stages: the pooled maps [B, D_s] after each stage, if requested. The network's `stage_names`
            name them, and the last are the features.
        ids: [B], int64 sample ids in the original data set, if an objective needs them.
    """

    logits: Tensor
    features: Tensor | None = None
    maps: Tensor | None = None
    stages: tuple[Tensor, ...] | None = None
    ids: Tensor | None = None
