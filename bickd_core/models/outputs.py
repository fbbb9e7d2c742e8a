"""What a network hands to an objective."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Outputs:
    """One batch through a network, with B samples, C classes and D features.

    logits: [B, C], any floating type; before any temperature.
    features: [B, D], the pooled penultimate features, where asked for.
    maps: [B, D, H, W], the last feature maps before pooling, where asked for.
    stages: the pooled maps [B, D_s] after each stage, first to last, where asked for; named by the
    network's
        `stage_names`. The last are the penultimate features.
    ids: [B], int64 sample ids in the original dataset, where an objective needs them.
    """

    logits: Tensor
    features: Tensor | None = None
    maps: Tensor | None = None
    stages: tuple[Tensor, ...] | None = None
    ids: Tensor | None = None
