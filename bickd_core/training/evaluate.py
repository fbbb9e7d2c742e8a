"""Predict a whole split with a model, always in fp32 and never in TF32, so that figures do not
depend on the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bickd_core.data.base import Dataset, Split
from bickd_core.data.device import Normaliser
from bickd_core.models.tf32 import without_tf32
from bickd_core.runs.predictions import Predictions
from bickd_core.runs.stages import PROBE_SPLIT, Stages, stage_probe


@torch.no_grad()
@without_tf32()
def predict(
    model: nn.Module,
    split: Split,
    dataset: Dataset,
    *,
    device: torch.device | str = "cpu",
    batch_size: int | None = None,
    features: bool = True,
    on_progress: Callable[[float], None] | None = None,
) -> Predictions:
    """Return logits [N, C] and optionally pooled features [N, D] of `model` on the unaugmented
    images of `split`.

    The model is in evaluation mode during the pass; its mode is restored afterwards.

    Args:
        batch_size: by default 64 on a CPU, where larger batches do not fit into the cache and are a
            quarter slower, and 256 on a GPU.
        on_progress: called with the finished share in (0, 1].
    """
    batch_size = batch_size or (64 if torch.device(device).type == "cpu" else 256)
    was_training = model.training
    model.eval()
    normalise = Normaliser(dataset.mean, dataset.std, device=device)
    logits, pooled = [], []
    for start in range(0, len(split.labels), batch_size):
        images = torch.tensor(
            split.images[start : start + batch_size], device=device
        )  # a copy: they may be read-only
        outputs = model.outputs(normalise(images), features=features)  # type: ignore[operator]
        logits.append(outputs.logits.float().cpu().numpy())
        if features:
            pooled.append(outputs.features.float().cpu().numpy())
        if on_progress is not None:
            on_progress(min(1.0, (start + batch_size) / len(split.labels)))
    model.train(was_training)
    return Predictions(
        logits=np.concatenate(logits),
        class_names=dataset.class_names,
        ids=split.ids,
        labels=split.labels,
        features=np.concatenate(pooled) if features else None,
    )


@torch.no_grad()
@without_tf32()
def predict_stages(
    model: nn.Module, dataset: Dataset, *, device: torch.device | str = "cpu", batch_size: int = 256
) -> Stages:
    """Return the pooled maps after each stage of `model` on the probe set, unaugmented, in
    evaluation mode."""
    split = dataset.split(PROBE_SPLIT)
    probe = split.take(stage_probe(split.labels))
    was_training = model.training
    model.eval()
    normalise = Normaliser(dataset.mean, dataset.std, device=device)
    batches = []
    for start in range(0, len(probe), batch_size):
        images = torch.tensor(probe.images[start : start + batch_size], device=device)
        stages = model.outputs(normalise(images), stages=True).stages  # type: ignore[operator]
        batches.append([stage.float().cpu().numpy() for stage in stages])
    model.train(was_training)
    return Stages(
        names=model.stage_names,  # type: ignore[arg-type]
        features=tuple(np.concatenate(parts) for parts in zip(*batches, strict=True)),
        ids=probe.ids,
        labels=probe.labels,
    )
