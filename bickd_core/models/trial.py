"""Try a network from outside the catalogue before a run folder is made for it."""

from __future__ import annotations

import sys
from functools import cache

import torch

from bickd_core.models.catalogue import resolve
from bickd_core.models.factory import create_model
from bickd_core.models.own import error_text, is_own


def check_network(name: str, *, num_classes: int, in_channels: int, image_size: int) -> None:
    """Build a network on the CPU and run it on two images. Networks of the catalogue need no trial.

    Raises:
        ValueError: it cannot be built, or its outputs are not `num_classes` numbers an image.
    """
    if not resolve(name).is_outside:
        return
    module = name.partition(":")[0] if is_own(name) else ""
    imported = module in sys.modules
    try:
        _try(name, num_classes, in_channels, image_size)
    except ValueError:
        sys.modules.pop(module, None)  # its file may be corrected while this process lives on
        if not imported:
            raise
        _try(name, num_classes, in_channels, image_size)


@cache
def _try(name: str, num_classes: int, in_channels: int, image_size: int) -> None:
    shape = (2, in_channels, image_size, image_size)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            model = create_model(name, num_classes=num_classes, in_channels=in_channels)
        except ValueError:
            raise
        except Exception as error:  # of timm or torchvision
            raise ValueError(
                f"the network '{name}' could not be built: {error_text(error)}."
            ) from error
        model.cpu().eval()
        try:
            logits = model.outputs(torch.zeros(shape), features=True, stages=True).logits
        except Exception as error:  # of the user's code
            raise ValueError(
                f"the network '{name}' must take images of {in_channels} x {image_size} x"
                f" {image_size}, but failed on two of them: {error_text(error)}."
            ) from error
    if tuple(logits.shape) != (2, num_classes):
        raise ValueError(
            f"the network '{name}' must put out {num_classes} numbers for each image, but gave"
            f" {tuple(logits.shape)} for two images; let its builder use num_classes."
        )
