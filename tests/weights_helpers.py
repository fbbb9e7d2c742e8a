"""Models and weights that the tests of checkpoints and of importing share."""

from functools import partial

import torch
from torch import nn

from bickd_core.importing import weights
from bickd_core.models.factory import create_model

import_weights = partial(weights.import_weights, afterwards=lambda run, library: None)
"""As the library's, without the process that measures latency and makes maps afterwards."""


def made_model(
    arch: str = "resnet8", num_classes: int = 10, in_channels: int = 3, seed: int = 0
) -> nn.Module:
    torch.manual_seed(seed)
    return create_model(arch, num_classes=num_classes, in_channels=in_channels)


def assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for key in left:
        assert left[key].dtype == right[key].dtype
        assert torch.equal(left[key], right[key]), key
