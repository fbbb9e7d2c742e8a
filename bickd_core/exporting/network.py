"""The network of a run with everything needed to use it: inputs, class names and origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import short_name
from bickd_core.models.renormalised import Renormalised
from bickd_core.runs.checkpoints import load_into, read_weights
from bickd_core.runs.create import preprocessing_of
from bickd_core.runs.info import RunError, RunInfo
from bickd_core.runs.library import RunFolder
from bickd_core.training.setup import load_run_data, load_run_model

TOLERANCE = 1e-4
"""How far a converted network's logits may be from the original's, relative to the largest logit
(at least 1)."""
BATCHES = (1, 3)
"""Sizes of the batches on which a converted network is compared with the original."""


class ExportError(ValueError):
    """A failed export. The message says why and what to do."""


@dataclass(frozen=True)
class Network:
    """A network in evaluation mode, and the content of its config.json.

    Attributes:
        model: takes inputs that are prepared as `preprocessing` says.
    """

    model: nn.Module
    info: RunInfo
    class_names: tuple[str, ...]
    preprocessing: Preprocessing

    def on_unit_range(self) -> nn.Module:
        """Return the network for images [B, ch, H, W] with values from 0 to 1 and its own number of
        channels. It normalises them itself."""
        channels, inputs = self.info.network_shape[0], self.preprocessing
        return Renormalised(
            self.model,
            mean=[0.0] * channels,
            std=[1.0] * channels,
            own_mean=inputs.mean,
            own_std=inputs.std,
            bgr=inputs.channel_order == "bgr",
            size=inputs.input_size,
        ).eval()

    def images(self, count: int) -> Tensor:
        """Return random images [count, ch, H, W] with values from 0 to 1 and the network's number
        of channels, the same at each call."""
        generator = torch.Generator().manual_seed(count)
        shape = (self.info.network_shape[0], *self.info.image_shape[1:])
        return torch.rand(count, *shape, generator=generator)

    def config(self) -> dict[str, Any]:
        """Return the content of config.json."""
        info, inputs = self.info, self.preprocessing
        return {
            "model": {
                "name": info.arch,
                "num_classes": info.num_classes,
                "in_channels": info.in_channels,
            },
            "size": [info.image_size, info.image_size],
            "mode": "L" if info.in_channels == 1 else "RGB",
            "input_size": inputs.input_size,
            "channel_order": inputs.channel_order,
            "resize": inputs.resize,
            "interpolation": inputs.interpolation,
            "crop_share": inputs.crop_share,
            "mean": list(inputs.mean),
            "std": list(inputs.std),
            "class_names": list(self.class_names),
            "dataset": short_name(info.dataset),
            "run": info.name,
            "library": "bickd-explorer",
        }


def network_of(run: RunFolder, *, best: bool = False) -> Network:
    """Load the weights of a run, and everything needed to use them.

    Args:
        best: use the weights of the epoch with the best validation accuracy, instead of the last.

    Raises:
        RunError: the run has no weights.
        ExportError: those of its best epoch are gone.
        ValueError: its data cannot be loaded, which have the class names and statistics.
    """
    info = run.info()
    if not run.weights_path.exists():
        raise RunError(f"run '{run.key}' has no weights, so there is no network to export.")
    dataset = load_run_data(info)
    model = load_run_model(run, dataset)
    if isinstance(model, Renormalised):
        model = model.net
    if best and run.holds("best/model.safetensors"):
        load_into(model, read_weights(run.best_path), name=info.arch)
    elif best and (epoch := best_epoch(run)) is not None:
        raise ExportError(
            f"run '{run.key}' no longer has the weights of its best epoch, {epoch}; leave out"
            " --best to export the last ones."
        )
    return Network(
        model=model.eval(),
        info=info,
        class_names=tuple(dataset.class_names),
        preprocessing=preprocessing_of(info, dataset),
    )


def best_epoch(run: RunFolder) -> int | None:
    """Return the first epoch with the best validation accuracy, counted from 1; None if it is the
    last one, or if no epochs are recorded."""
    accuracies = [record["validation_accuracy"] for record in run.metrics()]
    best = accuracies.index(max(accuracies)) + 1 if accuracies else 0
    return best if best < len(accuracies) else None


def largest_difference(expected: Tensor, converted: Tensor) -> float:
    """Return the largest difference between two sets of logits, relative to the largest logit (at
    least 1).

    Raises:
        ExportError: it is larger than `TOLERANCE`.
    """
    if expected.shape != converted.shape:
        raise ExportError(
            f"The exported network gives {list(converted.shape)} logits, not"
            f" {list(expected.shape)}."
        )
    difference = float((expected - converted).abs().max() / expected.abs().max().clamp(min=1))
    if not difference <= TOLERANCE:
        raise ExportError(
            f"The exported network's logits differ from the original's by {difference:.1e} of the"
            f" largest; at most {TOLERANCE:g} is allowed, so nothing was written."
        )
    return difference
