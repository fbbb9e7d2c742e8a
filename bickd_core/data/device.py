"""A split as tensors on a device, and normalised inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bickd_core.data.base import Split
from bickd_core.data.memory import available_memory, resident_bytes
from bickd_core.data.rows import Rows


@dataclass(frozen=True)
class DeviceSplit:
    """A split on a device.

    Attributes:
        images: uint8 [N, ch, H, W] on the device; or `Rows` of a file, which `batch` reads and
            copies there.
        labels: int64 [N].
        ids: int64 [N].
    """

    images: torch.Tensor | Rows
    labels: torch.Tensor
    ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def resident(self) -> bool:
        """Whether the images lie on the device, whole."""
        return isinstance(self.images, torch.Tensor)

    def take(self, positions: torch.Tensor | slice) -> "DeviceSplit":
        """The rows at `positions` (int64 [B] on the same device, or a slice, which copies
        nothing)."""
        images: torch.Tensor | Rows
        if isinstance(self.images, Rows):
            where = positions if isinstance(positions, slice) else positions.cpu().numpy()
            images = self.images.take(where)
        else:
            images = self.images[positions]
        return DeviceSplit(images, self.labels[positions], self.ids[positions])

    def batch(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images uint8 [B, ch, H, W], labels [B] and ids [B] at `positions` (int64 [B]), all on the
        device.

        Raises:
            DataError: the images are streamed and one of them is damaged.
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
    """A split on a device: whole where it fits (see `bickd_core.data.memory`), else streamed from
    its file.

    Arrays are copied (on the CPU as well: training cannot change the data set's arrays). Images
    that lie in a file are read straight into their place, once.
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
    """Bytes free on the device, and for a GPU in this machine's memory too: images pass through
    it."""
    here = available_memory()
    return min(here, torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else here


class Normaliser:
    """`normalise` with the data set's mean and std already on the device: (images / 255 - mean) /
    std."""

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
    ):
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError(
                f"mean and std must be one figure a channel, std above 0, not {tuple(mean)},"
                f" {tuple(std)}"
            )
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self.dtype = dtype
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, ch, H, W] in, `dtype` [B, ch, H, W] out; computed in float32 whatever `dtype`
        is."""
        if images.shape[1] != self.mean.shape[1]:
            raise ValueError(
                f"images must have {self.mean.shape[1]} channels, not {images.shape[1]}"
            )
        values = images.to(torch.float32, memory_format=self.memory_format)
        return values.div_(255).sub_(self.mean).div_(self.std).to(self.dtype)


def normalise(
    images: torch.Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
) -> torch.Tensor:
    """(images / 255 - mean) / std, channel by channel.

    Args:
        images: uint8 [B, ch, H, W].
        mean, std: `Dataset.mean` and `Dataset.std`, ch figures each.
        dtype: of the result; the arithmetic is in float32.
        channels_last: lay the result out with the channels last in memory, faster on many CPUs and
            GPUs.
    """
    return Normaliser(mean, std, device=images.device, dtype=dtype, channels_last=channels_last)(
        images
    )
