"""Statistics of batch norms that a weights file lacks, estimated from training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bickd_core.data.base import Dataset
from bickd_core.data.device import Normaliser
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.models.mismatch import lacks_statistics
from bickd_core.runs.stages import probe_positions

IMAGES, BATCH = 1000, 250
"""Number of training images for the estimate, and their batch size."""


class Statistics:
    """Estimates batch norm statistics that a weights file lacks.

    Args:
        model: the network, with the file's weights.
        lacking: names of the missing statistics in its state dict; may be empty.
        name: the architecture's name, for messages.
        dataset: at most IMAGES of its training images are used, equally many of each class.

    Raises:
        RefusedFile: some statistics belong to other layers than batch norms.
    """

    def __init__(
        self, model: nn.Module, lacking: Sequence[str], name: str, dataset: Dataset
    ) -> None:
        state = (
            model.state_dict()
        )  # a wrapper's names are not those of its modules, so the memory tells
        wanted = {state[key].data_ptr() for key in lacking}
        held = {
            module: _places(module) for module in model.modules() if isinstance(module, _BatchNorm)
        }
        self.norms = [module for module, places in held.items() if places & wanted]
        if wanted - set().union(*held.values()):
            raise RefusedFile(
                lacks_statistics(name, lacking, "and some belong to layers of another kind")
            )
        self._dataset = dataset
        train = dataset.train
        self._part = train.take(probe_positions(train.labels, IMAGES)) if self.norms else None

    @torch.no_grad()
    def estimate(self, model: nn.Module) -> None:
        """Set the missing statistics to the average over batches of training images.

        Only these batch norms are in train mode. Without missing statistics, this does nothing.

        Args:
            model: the network, or one that holds it and changes its inputs.
        """
        if self._part is None:
            return
        was_training = model.training
        model.eval()
        momentum = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over batches
            norm.train()
        normalise = Normaliser(self._dataset.mean, self._dataset.std)
        images = self._part.images
        for rows in np.array_split(np.arange(len(self._part)), -(-len(self._part) // BATCH)):
            model(normalise(torch.tensor(images[rows])))
        for norm, value in zip(self.norms, momentum, strict=True):
            norm.momentum = value
        model.train(was_training)

    def note(self) -> str:
        """Return a note for the run; "" if no statistics are missing."""
        if self._part is None:
            return ""
        return (
            f"The file lacks the statistics of {len(self.norms)} batch"
            f" norm{'s' if len(self.norms) > 1 else ''}. They were estimated from"
            f" {len(self._part):,} training images, so the accuracy may be some per cent below that"
            " of the trained network."
        )


def _places(norm: _BatchNorm) -> set[int]:
    """Return the memory addresses of a batch norm's statistics."""
    return {
        value.data_ptr() for value in (norm.running_mean, norm.running_var) if value is not None
    }
