"""The teacher's outputs for a step, from a live forward pass or from stored views."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from filelock import Timeout
from torch import Tensor, nn

from bickd_core.data.device import DeviceSplit
from bickd_core.models.outputs import Outputs
from bickd_core.models.tf32 import without_tf32
from bickd_core.training.view_store import ViewStore

PASS_BATCH = 128
"""Batch size for filling the store on a CPU. Larger batches do not fit into the cache and are
slower."""
PASS_PIXELS_ON_GPU = 2**22
"""Pixels in such a batch on a GPU, which small batches leave mostly idle; 64 to 2,048 images."""
WAIT_SECONDS = 0.5
"""Seconds to wait for a view that another process makes, before the caller may stop."""

MakeInputs = Callable[[Tensor, int], Tensor]
"""(positions [B], view) -> normalised inputs [B, ch, H, W] of that view."""


def pass_batch(device: torch.device, pixels: int) -> int:
    """Return the batch size for filling the store on a device."""
    return PASS_BATCH if device.type == "cpu" else max(64, min(2048, PASS_PIXELS_ON_GPU // pixels))


class TeacherOutputs(Protocol):
    """The source of a batch's teacher outputs.

    Attributes:
        live: the forward pass of the teacher.
    """

    live: LiveTeacher

    def prepare(self, view: int) -> Iterator[None]:
        """Prepare this view in pieces. The caller may stop between them."""
        ...

    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        """Return the teacher's Outputs on the samples at these positions with these inputs."""
        ...


class LiveTeacher:
    """A forward pass of the frozen teacher in every step."""

    def __init__(
        self,
        model: nn.Module,
        names: frozenset[str],
        autocast: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.model = model
        self._names = names
        self._autocast = autocast
        self.live = self

    def prepare(self, view: int) -> Iterator[None]:
        return iter(())

    @torch.no_grad()
    @without_tf32()
    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        with self._autocast():
            return self.model.outputs(  # type: ignore[operator]
                inputs, features="features" in self._names, maps="maps" in self._names
            )


class StoredTeacher:
    """Stores one forward pass for each view over the whole training split. A step only looks up
    rows.

    A run always reads the stored values, in the precision of the pass. So the run that fills the
    store and later runs learn from identical values.
    """

    def __init__(
        self, live: LiveTeacher, store: ViewStore, train: DeviceSplit, inputs: MakeInputs
    ) -> None:
        self.live = live
        self.store = store
        self._train = train
        self._inputs = inputs
        self._view = -1
        self._tensors: dict[str, Tensor] = {}

    def prepare(self, view: int) -> Iterator[None]:
        if view == self._view:
            return
        tensors = self._load(view)
        while tensors is None:
            try:
                with self.store.making(view, WAIT_SECONDS):
                    tensors = self._load(view)  # another process may have made it meanwhile
                    if tensors is None:
                        tensors = yield from self._make(view)
            except Timeout:  # another process makes it
                yield
        device = self._train.labels.device
        self._tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        self._view = view

    def _load(self, view: int) -> dict[str, Tensor] | None:
        stored = self.store.load(view)
        return stored if stored is not None and len(stored["logits"]) == len(self._train) else None

    def _make(self, view: int) -> Generator[None, None, dict[str, Tensor]]:
        """Make and store this view in pieces, and return it."""
        size = pass_batch(self._train.labels.device, math.prod(self._train.images.shape[-2:]))
        parts: list[dict[str, Tensor]] = []
        for start in range(0, len(self._train), size):
            parts.append(self._pass(start, size, view))
            yield
        tensors = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
        self.store.save(view, tensors)
        return tensors

    def _pass(self, start: int, size: int, view: int) -> dict[str, Tensor]:
        end = min(start + size, len(self._train))
        picked = torch.arange(start, end, device=self._train.order_device)
        outputs = self.live.outputs(picked, self._inputs(picked, view))
        named = {"logits": outputs.logits, "features": outputs.features, "maps": outputs.maps}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        return Outputs(
            logits=self._tensors["logits"][picked],
            features=self._tensors["features"][picked] if "features" in self._tensors else None,
            maps=self._tensors["maps"][picked] if "maps" in self._tensors else None,
        )
