"""The processes that train one run together under torchrun, or a single process without it.

Every process computes the student on its part of a batch, and the loss on the whole batch: outputs
are gathered with gradient, so a loss over rows and columns sees the global batch. The gradient of a
gather sums over the processes, which all have the same loss. Averaging the parameters' gradients
removes that factor. So the loss and all gradients are those of a single process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.distributed_c10d import _set_pg_timeout
from torch.distributed.rendezvous import rendezvous

from bickd_core.models.outputs import Outputs
from bickd_core.training.hardware import Hardware

CONNECT_SECONDS, CONNECT_TRIES = 20.0, 6
WORK_TIMEOUT = timedelta(minutes=30)
"""How long processes wait for each other during training: torch's default."""


def world_size() -> int:
    """Return the number of processes that torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def create_fabric(hardware: Hardware) -> Fabric:
    """Create Fabric for this process, or for all processes of torchrun. With its defaults, each
    process would be a job of its own."""
    size, local = world_size(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if size == 1:
        return Fabric(
            accelerator=hardware.accelerator, devices=1, precision=hardware.fabric_precision
        )
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=local,
        num_nodes=size // local,
        strategy="ddp",
        precision=hardware.fabric_precision,
    )
    if hardware.accelerator == "cpu":
        join()
    fabric.launch()
    return fabric


def join() -> None:
    """Join torchrun's processes to one group with gloo, before Fabric does.

    If a process is lost, torchrun restarts all of them, but keeps its store with the addresses of
    the old ones. So every start uses its own keys. On a busy machine, gloo may wait forever for a
    connection that was lost. Then all processes give up after CONNECT_SECONDS, and try again with
    new keys.

    Raises:
        RuntimeError: gloo failed CONNECT_TRIES times.
    """
    store, rank, size = next(iter(rendezvous("env://")))
    store = dist.PrefixStore(f"start-{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    for turn in range(CONNECT_TRIES):
        store.set(f"here-{turn}-{rank}", "")
        store.wait([f"here-{turn}-{other}" for other in range(size)], WORK_TIMEOUT)
        try:
            dist.init_process_group(
                "gloo",
                store=dist.PrefixStore(f"join-{turn}", store),
                rank=rank,
                world_size=size,
                timeout=timedelta(seconds=CONNECT_SECONDS),
            )
            dist.barrier()
        except RuntimeError:
            if dist.is_initialized():
                dist.destroy_process_group()
            if turn + 1 == CONNECT_TRIES:
                raise
        else:
            _set_pg_timeout(WORK_TIMEOUT)
            return


class Ranks:
    """The processes of a run.

    The process with rank 0 writes all files and decides. The others follow.

    Attributes:
        rank: number of this process, 0 to size - 1.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank, self.size = fabric.global_rank, fabric.world_size

    @property
    def first(self) -> bool:
        return self.rank == 0

    def part(self, picked: Tensor) -> Tensor:
        """Return this process's part of a batch, [b]. The parts are in order and differ by at most
        one sample."""
        return picked if self.size == 1 else torch.tensor_split(picked, self.size)[self.rank]

    def whole(self, outputs: Outputs, n: int) -> Outputs:
        """Gather the outputs of all parts of a batch of n samples, in order, with gradient."""
        if self.size == 1:
            return outputs
        return Outputs(
            logits=self._gather(outputs.logits, n),
            features=None if outputs.features is None else self._gather(outputs.features, n),
            maps=None if outputs.maps is None else self._gather(outputs.maps, n),
            ids=None if outputs.ids is None else self.whole_tensor(outputs.ids, n),
        )

    def whole_tensor(self, part: Tensor, n: int) -> Tensor:
        """Gather a tensor [n, ...] from its parts, without gradient."""
        return part if self.size == 1 else self._gather(part.detach(), n)

    def _gather(self, part: Tensor, n: int) -> Tensor:
        largest = -(-n // self.size)
        if part.dtype in (torch.bfloat16, torch.float16):
            part = part.float()  # the losses compute in fp32 anyway, and gloo knows no half types
        missing = largest - len(part)
        if missing:
            part = torch.cat([part, part.new_zeros(missing, *part.shape[1:])])
        every = self._fabric.all_gather(part.contiguous(), sync_grads=part.requires_grad)
        assert isinstance(every, Tensor)
        sizes = [n // self.size + (rank < n % self.size) for rank in range(self.size)]
        return torch.cat([every[rank, :size] for rank, size in enumerate(sizes)])

    def mean_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, part in zip(
            gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def agree(self, value: bool) -> bool:
        """Return the value of the first process."""
        if self.size == 1:
            return value
        answer = torch.tensor([value], dtype=torch.int32, device=self._fabric.device)
        dist.broadcast(answer, src=0)
        return bool(answer.item())

    def every(self, values: Sequence[int]) -> list[list[int]]:
        """Return the values of each process, in their order. This waits for all processes."""
        if self.size == 1:
            return [list(values)]
        own = torch.tensor(values, dtype=torch.int64, device=self._fabric.device)
        gathered = self._fabric.all_gather(own)
        assert isinstance(gathered, Tensor)
        values_of_each: list[list[int]] = gathered.tolist()
        return values_of_each

    def barrier(self) -> None:
        if self.size > 1:
            self._fabric.barrier()

    def leave(self) -> None:
        """End the process group. Nothing can be gathered afterwards."""
        if self.size > 1:
            self._fabric.barrier()
            dist.destroy_process_group()


def synchronised(model: nn.Module, ranks: Ranks, device: torch.device) -> nn.Module:
    """Return a model whose batch norms use the global batch on GPUs. On CPUs, torch has no such
    layer, and the model is returned unchanged."""
    if ranks.size > 1 and device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model
