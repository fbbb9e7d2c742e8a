"""A split as tensors on a device, and normalised inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bickd_core.data.base import Split
from bickd_core.data.memory import resident_bytes
from bickd_core.data.rows import Rows
from bickd_core.memory import available_memory


@dataclass(frozen=True)
class DeviceSplit:
    """A split on a device.

    Attributes:
        images: uint8 [N, ch, H, W] on the device, or `Rows` of a file. `batch` then copies the rows
            it reads to the device.
        labels: int64 [N].
        ids: int64 [N].
    """

    images: torch.Tensor | Rows
    labels: torch.Tensor
    ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def order_device(self) -> torch.device:
        """Where to keep the order of the rows. The rows of a file are read by positions on the CPU,
        and a step would wait for a GPU to get them back."""
        return torch.device("cpu") if isinstance(self.images, Rows) else self.labels.device

    def take(self, positions: torch.Tensor | slice) -> "DeviceSplit":
        """Return the rows at `positions`: int64 [B] on the same device, or a slice, which copies
        nothing."""
        images: torch.Tensor | Rows
        if isinstance(self.images, Rows):
            where = positions if isinstance(positions, slice) else positions.cpu().numpy()
            images = self.images.take(where)
        else:
            images = self.images[positions]
        return DeviceSplit(images, self.labels[positions], self.ids[positions])

    def batch(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a batch at `positions`, int64 [B], best on `order_device`.

        Returns:
            Images uint8 [B, ch, H, W], labels [B] and ids [B], all on the device.

        Raises:
            DataError: the images are read from a file, and one of them is damaged.
        """
        device = self.labels.device
        if isinstance(self.images, Rows):
            read = torch.from_numpy(self.images[positions.cpu().numpy()])
            images = (
                read.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else read
            )
        else:
            images = self.images[positions.to(device)]
        positions = positions.to(device)
        return images, self.labels[positions], self.ids[positions]


def to_device(split: Split, device: torch.device | str) -> DeviceSplit:
    """Put a split on a device. Images that do not fit into memory stay in their file (see
    `bickd_core.data.memory`).

    Arrays are copied, on the CPU too, so training cannot change those of the data set.
    """
    device = torch.device(device)
    images: torch.Tensor | Rows
    if not isinstance(split.images, Rows):
        images = torch.tensor(split.images, device=device)
    elif split.images.nbytes <= resident_bytes(_available(device)):
        images = torch.empty(split.images.shape, dtype=torch.uint8)
        split.images.read_into(images.numpy())
        images = images.to(device)
    else:
        images = split.images
    return DeviceSplit(
        images=images,
        labels=torch.tensor(split.labels, device=device),
        ids=torch.tensor(split.ids, device=device),
    )


def _available(device: torch.device) -> int:
    """Return the free bytes on the device. For a GPU, this is at most the machine's free memory,
    because images pass through it."""
    here = available_memory()
    return min(here, torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else here


class Normaliser:
    """Normalise batches: (images / 255 - mean) / std, with mean and std stored on the device.

    Args:
        mean, std: `Dataset.mean` and `Dataset.std`, ch values each.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        device: torch.device | str = "cpu",
    ):
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError(
                f"mean and std must have one value for each channel, std above 0, not"
                f" {tuple(mean)}, {tuple(std)}"
            )
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=device).view(1, -1, 1, 1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise images: uint8 [B, ch, H, W] to float32 [B, ch, H, W]. The channels come last in
        memory, which is faster on many CPUs and GPUs."""
        if images.shape[1] != self.mean.shape[1]:
            raise ValueError(
                f"images must have {self.mean.shape[1]} channels, not {images.shape[1]}"
            )
        values = images.to(torch.float32, memory_format=torch.channels_last)
        return values.div_(255).sub_(self.mean).div_(self.std)
