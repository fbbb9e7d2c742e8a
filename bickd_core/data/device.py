"""A split as tensors on a device, and normalised inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bickd_core.data.base import Split


@dataclass(frozen=True)
class DeviceSplit:
    """A split on a device.

    Attributes:
        images: uint8 [N, ch, H, W].
        labels: int64 [N].
        ids: int64 [N].
    """

    images: torch.Tensor
    labels: torch.Tensor
    ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: torch.Tensor | slice) -> "DeviceSplit":
        """The rows at `positions` (int64 [B] on the same device, or a slice, which copies nothing)."""
        return DeviceSplit(self.images[positions], self.labels[positions], self.ids[positions])

    def batch(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images uint8 [B, ch, H, W], labels [B] and ids [B] at `positions` (int64 [B]), all on the device."""
        positions = positions.to(self.labels.device)
        return self.images[positions], self.labels[positions], self.ids[positions]


def to_device(split: Split, device: torch.device | str) -> DeviceSplit:
    """Copy a split to a device, whole (on the CPU as well: training cannot change the data set's arrays)."""
    return DeviceSplit(
        images=torch.tensor(split.images, device=device),
        labels=torch.tensor(split.labels, device=device),
        ids=torch.tensor(split.ids, device=device),
    )


class Normaliser:
    """`normalise` with the data set's mean and std already on the device: (images / 255 - mean) / std."""

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
                f"mean and std must be one figure a channel, std above 0, not {tuple(mean)}, {tuple(std)}"
            )
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self.dtype = dtype
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, ch, H, W] in, `dtype` [B, ch, H, W] out; computed in float32 whatever `dtype` is."""
        if images.shape[1] != self.mean.shape[1]:
            raise ValueError(f"images must have {self.mean.shape[1]} channels, not {images.shape[1]}")
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
        channels_last: lay the result out with the channels last in memory, faster on many CPUs and GPUs.
    """
    return Normaliser(mean, std, device=images.device, dtype=dtype, channels_last=channels_last)(images)
