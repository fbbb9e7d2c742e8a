import numpy as np
import pytest
import torch

from bickd_core.data.base import Split
from bickd_core.data.device import DeviceSplit, Normaliser, to_device
from bickd_core.data.rows import Rows


def made_split() -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 3, 4, 5), dtype=np.uint8)
    images.flags.writeable = False
    return Split(images, np.arange(6) % 3, np.arange(6) + 100)


def test_to_device_copies_and_takes_rows():
    split = made_split()
    held = to_device(split, "cpu")
    assert held.images.dtype == torch.uint8
    assert held.labels.dtype == held.ids.dtype == torch.int64
    taken = held.take(torch.tensor([4, 1]))
    np.testing.assert_array_equal(taken.images.numpy(), split.images[[4, 1]])
    assert taken.ids.tolist() == [104, 101]
    assert taken.labels.tolist() == [1, 1]
    assert len(held.take(slice(2, 6))) == 4
    held.images.zero_()
    assert split.images.any()


def test_a_batch_is_the_rows_at_the_positions_in_their_order():
    split = made_split()
    images, labels, ids = to_device(split, "cpu").batch(torch.tensor([4, 1, 4]))
    np.testing.assert_array_equal(images.numpy(), split.images[[4, 1, 4]])
    assert (labels.tolist(), ids.tolist()) == ([1, 1, 1], [104, 101, 104])
    assert images.dtype == torch.uint8


def test_the_order_stays_on_the_cpu_for_rows_of_a_file():
    on_device = torch.arange(6, device="meta")
    held = DeviceSplit(torch.empty(6, 3, 4, 5, device="meta"), on_device, on_device)
    assert held.order_device.type == "meta"
    streamed = DeviceSplit(object.__new__(Rows), on_device, on_device)
    assert streamed.order_device.type == "cpu"


def test_normalise_is_the_formula():
    split = made_split()
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)
    images = torch.tensor(split.images)
    got = Normaliser(mean, std)(images)
    shaped = [np.array(values).reshape(1, 3, 1, 1) for values in (mean, std)]
    expected = (split.images / 255 - shaped[0]) / shaped[1]
    assert got.dtype == torch.float32
    assert got.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(images.numpy(), split.images)


def test_normaliser_says_what_it_expected():
    with pytest.raises(ValueError, match="one value for each channel"):
        Normaliser((0.5,), (0.5, 0.5))
    with pytest.raises(ValueError, match="std above 0"):
        Normaliser((0.5,), (0.0,))
    with pytest.raises(ValueError, match="images must have 1 channels, not 3"):
        Normaliser((0.5,), (0.5,))(torch.zeros(1, 3, 2, 2, dtype=torch.uint8))
