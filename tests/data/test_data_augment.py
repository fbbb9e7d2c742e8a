import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.data.augment import augment, sample_hash
from bickd_core.data.base import mix64

quick = settings(max_examples=25)
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def made_images(count: int, channels: int = 3, height: int = 8, width: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def reference_hash(id: int, view: int, seed: int) -> int:
    key = mix64((mix64((seed + GOLDEN) & MASK) + view * GOLDEN) & MASK)
    return mix64((id * GOLDEN + key) & MASK)


def reference(image: np.ndarray, id: int, view: int, seed: int, pad: int, flip: bool) -> np.ndarray:
    """Pixel by pixel: the crop's window slides over the zero-padded image, then may be mirrored."""
    bits = reference_hash(id, view, seed)
    down = ((bits & 0xFFFFFF) * (2 * pad + 1)) // 2**24
    right = (((bits >> 24) & 0xFFFFFF) * (2 * pad + 1)) // 2**24
    mirrored = flip and bits >> 63 == 1
    channels, height, width = image.shape
    out = np.zeros_like(image)
    for channel in range(channels):
        for row in range(height):
            for column in range(width):
                y, x = row + down - pad, (width - 1 - column if mirrored else column) + right - pad
                if 0 <= y < height and 0 <= x < width:
                    out[channel, row, column] = image[channel, y, x]
    return out


@quick
@given(
    ids=st.lists(st.integers(0, 2**62), min_size=1, max_size=6, unique=True),
    view=st.integers(0, 10**6),
    seed=st.integers(0, 2**63 - 1),
)
def test_the_hash_is_the_formula_in_plain_integers(ids, view, seed):
    got = sample_hash(torch.tensor(ids), view=view, seed=seed).tolist()
    assert [value & MASK for value in got] == [reference_hash(id, view, seed) for id in ids]


@quick
@given(
    view=st.integers(0, 500), seed=st.integers(0, 2**31), pad=st.integers(0, 3), flip=st.booleans()
)
def test_augment_agrees_with_the_pixelwise_reference(view, seed, pad, flip):
    images, ids = made_images(6, 2, 5, 4), torch.tensor([3, 1, 4, 15, 9, 2])
    got = augment(images, ids, view=view, seed=seed, pad=pad, flip=flip)
    assert got.dtype == torch.uint8
    for row in range(6):
        expected = reference(images[row].numpy(), int(ids[row]), view, seed, pad, flip)
        np.testing.assert_array_equal(got[row].numpy(), expected)


@quick
@given(
    order=st.permutations(range(24)),
    cut=st.integers(1, 23),
    view=st.integers(0, 300),
    seed=st.integers(0, 99),
)
def test_any_order_and_batching_give_the_same_pixels(order, cut, view, seed):
    images, ids = made_images(24), torch.arange(100, 124)
    settings = {"view": view, "seed": seed, "pad": 2, "flip": True}
    whole = augment(images, ids, **settings)
    order = torch.tensor(order)
    parts = [augment(images[part], ids[part], **settings) for part in (order[:cut], order[cut:])]
    assert torch.equal(torch.cat(parts), whole[order])


def test_a_sample_alone_in_channels_last_memory_is_the_same():
    images, ids = made_images(5), torch.arange(5)
    whole = augment(images, ids, view=3, seed=1, pad=4, flip=True)
    laid_out = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(augment(laid_out, ids, view=3, seed=1, pad=4, flip=True), whole)
    assert torch.equal(augment(images[2:3], ids[2:3], view=3, seed=1, pad=4, flip=True), whole[2:3])


def test_the_global_generators_are_neither_read_nor_moved():
    images, ids = made_images(4), torch.arange(4)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = augment(images, ids, view=0, seed=0, pad=2, flip=True)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(augment(images, ids, view=0, seed=0, pad=2, flip=True), first)


def test_views_seeds_and_ids_differ():
    image = made_images(1).expand(200, -1, -1, -1)
    ids = torch.arange(200)
    base = augment(image, ids, view=0, seed=0, pad=2, flip=True)
    same = augment(image, ids, view=0, seed=0, pad=2, flip=True)
    assert torch.equal(base, same)
    for other in ({"view": 1, "seed": 0}, {"view": 0, "seed": 1}):
        moved = augment(image, ids, **other, pad=2, flip=True) != base
        assert moved.flatten(1).any(1).float().mean() > 0.9  # 1 in 50 is equal by chance
    assert (
        len({picture.numpy().tobytes() for picture in base}) == 50
    )  # 5 x 5 crops, mirrored or not


def test_crops_and_flips_are_uniform_and_apart():
    bits = sample_hash(torch.arange(60_000), view=5, seed=3)
    down = ((bits & 0xFFFFFF) * 9) >> 24
    right = (((bits >> 24) & 0xFFFFFF) * 9) >> 24
    counts = np.bincount((down * 18 + right * 2 + (bits < 0)).numpy(), minlength=162)
    assert len(counts) == 162
    chi_square = ((counts - 60_000 / 162) ** 2 / (60_000 / 162)).sum()
    assert chi_square < 250  # 161 degrees of freedom: mean 161, standard deviation 18


def test_successive_views_of_a_sample_are_unrelated():
    hashes = torch.stack([sample_hash(torch.arange(2000), view=view, seed=0) for view in range(4)])
    flips = (hashes < 0).double()
    correlation = torch.corrcoef(flips) - torch.eye(4, dtype=torch.float64)
    assert correlation.abs().max() < 0.08  # standard error 0.022


def test_no_padding_and_no_flip_is_the_identity():
    images = made_images(3)
    assert augment(images, torch.arange(3), view=9, seed=9, pad=0, flip=False) is images


def test_augment_says_what_it_expected():
    images = made_images(3)
    with pytest.raises(ValueError, match=r"ids must be int64 \[3\], not torch.int32 \[3\]"):
        augment(images, torch.arange(3, dtype=torch.int32), view=0, seed=0, pad=1, flip=True)
    with pytest.raises(ValueError, match=r"not torch.int64 \[2\]"):
        augment(images, torch.arange(2), view=0, seed=0, pad=1, flip=True)
    with pytest.raises(ValueError, match="pad must be 0 or more, not -1"):
        augment(images, torch.arange(3), view=0, seed=0, pad=-1, flip=True)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_gives_the_same_pixels():
    images, ids = made_images(64, 3, 32, 32), torch.arange(64)
    here = augment(images, ids, view=7, seed=2**40, pad=4, flip=True)
    there = augment(images.cuda(), ids.cuda(), view=7, seed=2**40, pad=4, flip=True)
    assert torch.equal(there.cpu(), here)
