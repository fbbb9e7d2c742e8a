"""The teacher's side of a step: outputs by a live forward pass, or out of the store of views."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn

from bickd_core.data.device import DeviceSplit
from bickd_core.models.outputs import Outputs
from bickd_core.training.view_store import ViewStore

PASS_BATCH = 128
"""Images in a batch of the pass that fills the store, on a CPU: larger ones leave the cache and are slower."""
PASS_PIXELS_ON_GPU = 2**22
"""Pixels in such a batch on a GPU, where small ones leave most of it idle; 64 to 2,048 images."""

MakeInputs = Callable[[Tensor, int], Tensor]
"""(positions [B], view) -> normalised inputs [B, ch, H, W] of that view."""


def pass_batch(device: torch.device, pixels: int) -> int:
    """How many images of so many pixels the pass that fills the store takes at once on a device."""
    return PASS_BATCH if device.type == "cpu" else max(64, min(2048, PASS_PIXELS_ON_GPU // pixels))


class TeacherOutputs(Protocol):
    """Where a batch's teacher outputs come from. live: the teacher's own forward pass."""

    live: LiveTeacher

    def missing(self, views: Collection[int]) -> float:
        """Which share of these views costs a pass of the teacher, in [0, 1]."""
        ...

    def prepare(self, view: int) -> Iterator[None]:
        """Make what is needed for this view, in pieces; between them the caller may stop."""
        ...

    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        """The teacher's Outputs on the samples at these positions, whose inputs are given."""
        ...


class LiveTeacher:
    """A forward pass of the frozen teacher in every step."""

    def __init__(
        self, model: nn.Module, names: frozenset[str], autocast: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self.model = model
        self._names = names
        self._autocast = autocast
        self.live = self

    def missing(self, views: Collection[int]) -> float:
        return 1.0

    def prepare(self, view: int) -> Iterator[None]:
        return iter(())

    @torch.no_grad()
    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        with self._autocast():
            return self.model.outputs(  # type: ignore[operator]
                inputs, features="features" in self._names, maps="maps" in self._names
            )


class StoredTeacher:
    """One pass a view over the whole training split, kept in the store; a step only looks rows up.

    What a run reads is always what the store holds, in the precision of the pass, so that the run that fills
    the store and the ones that find it filled learn from the same bits.
    """

    def __init__(self, live: LiveTeacher, store: ViewStore, train: DeviceSplit, inputs: MakeInputs) -> None:
        self.live = live
        self._store = store
        self._train = train
        self._inputs = inputs
        self._view = -1
        self._tensors: dict[str, Tensor] = {}

    def missing(self, views: Collection[int]) -> float:
        return sum(not self._store.file(view).exists() for view in views) / max(len(views), 1)

    def prepare(self, view: int) -> Iterator[None]:
        if view == self._view:
            return
        found = self._store.load(view)
        if found is None or len(found["logits"]) != len(self._train):
            with self._store.making(view):
                found = self._store.load(view)  # another process may have made it meanwhile
                if found is None or len(found["logits"]) != len(self._train):
                    parts: list[dict[str, Tensor]] = []
                    size = pass_batch(self._train.labels.device, math.prod(self._train.images.shape[-2:]))
                    for start in range(0, len(self._train), size):
                        parts.append(self._pass(start, size, view))
                        yield
                    found = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
                    self._store.save(view, found)
        device = self._train.labels.device
        self._tensors = {name: tensor.to(device) for name, tensor in found.items()}
        self._view = view

    def _pass(self, start: int, size: int, view: int) -> dict[str, Tensor]:
        device = self._train.labels.device
        picked = torch.arange(start, min(start + size, len(self._train)), device=device)
        said = self.live.outputs(picked, self._inputs(picked, view))
        named = {"logits": said.logits, "features": said.features, "maps": said.maps}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        return Outputs(
            logits=self._tensors["logits"][picked],
            features=self._tensors["features"][picked] if "features" in self._tensors else None,
            maps=self._tensors["maps"][picked] if "maps" in self._tensors else None,
        )
