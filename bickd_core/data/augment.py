"""Augmentation on the device, as a pure function of (sample id, view, seed).

Crop and flip of a sample come from the bits of an integer hash. So a sample in a view looks the
same in any batch, in any order and on any device, and a teacher's outputs can be stored and used
for other students, other seeds and resumed runs.
"""

import torch
import torch.nn.functional as F

from bickd_core.data.base import GOLDEN, MIX_1, MIX_2, mix64

_BITS = 24  # bits of the hash for each of the two crop offsets; the flip takes the sign bit


def _signed(value: int) -> int:
    """Return the same 64 bits as an int64, because torch has this type on every device."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _shift_right(value: torch.Tensor, bits: int) -> torch.Tensor:
    """Shift without copying the sign bit, unlike torch's `>>`."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def sample_hash(ids: torch.Tensor, *, view: int, seed: int) -> torch.Tensor:
    """Return 64 pseudo-random bits for each sample: SplitMix64's finaliser over the id and a key of
    (view, seed).

        key = mix(mix(seed + g) + view * g)
        hash = mix(id * g + key),  all modulo 2^64, g the golden ratio's bits

    Args:
        ids: int64 [B].
        view: number of the view, usually the epoch.
        seed: the augmentation seed.

    Returns:
        int64 [B].
    """
    key = mix64(mix64(seed + GOLDEN) + view * GOLDEN)
    value = ids * _signed(GOLDEN) + _signed(key)
    value = (value ^ _shift_right(value, 30)) * _signed(MIX_1)
    value = (value ^ _shift_right(value, 27)) * _signed(MIX_2)
    return value ^ _shift_right(value, 31)


def augment(
    images: torch.Tensor, ids: torch.Tensor, *, view: int, seed: int, pad: int, flip: bool
) -> torch.Tensor:
    """Zero-pad, crop at a random offset and flip half of the samples: CIFAR's recipe (He et al.
    2016).

    Args:
        images: [B, ch, H, W] of any type, usually uint8.
        ids: int64 [B], on the same device.
        view: number of the view, usually the epoch.
        seed: the augmentation seed.
        pad: pixels of padding on each side. The offsets of the crop are uniform on 0 .. 2 pad, and
            independent for the two axes.
        flip: whether to flip left to right with probability 1/2.

    Returns:
        [B, ch, H, W] of the same type. Row i depends only on images[i], ids[i] and the other
        arguments.
    """
    if ids.dtype != torch.int64 or ids.shape != images.shape[:1]:
        raise ValueError(f"ids must be int64 [{len(images)}], not {ids.dtype} {list(ids.shape)}")
    if pad < 0:
        raise ValueError(f"pad must be 0 or more, not {pad}")
    if pad == 0 and not flip:
        return images
    batch, channels, height, width = images.shape
    bits = sample_hash(ids, view=view, seed=seed)
    offsets = 2 * pad + 1
    down = ((bits & ((1 << _BITS) - 1)) * offsets) >> _BITS  # [B]
    right = ((_shift_right(bits, _BITS) & ((1 << _BITS) - 1)) * offsets) >> _BITS  # [B]
    rows = torch.arange(height, device=images.device) + down[:, None]  # [B, H]
    columns = torch.arange(width, device=images.device).expand(batch, width)  # [B, W]
    if flip:
        columns = torch.where((bits < 0)[:, None], width - 1 - columns, columns)
    columns = columns + right[:, None]
    padded = F.pad(images, (pad, pad, pad, pad))
    index = rows[:, :, None] * (width + 2 * pad) + columns[:, None, :]  # [B, H, W]
    index = index.view(batch, 1, height * width).expand(batch, channels, height * width)
    return padded.reshape(batch, channels, -1).gather(2, index).view(batch, channels, height, width)
