"""How images that are not square become square: cut, stretched or padded; each way has a store of
its own."""

from pathlib import Path

import numpy as np
import pytest
from own_files import digest
from PIL import Image
from pydantic import ValidationError

from bickd_core.data.pixels import to_array
from bickd_core.data.registry import load_dataset, sample_paths
from bickd_core.data.resizing import DEFAULT, Resizing
from bickd_core.data.store import any_store, folder_of, store_key, stores_in
from bickd_core.data.stored_images import stored_images
from bickd_core.runs.thumbnails import Thumbnails

STRIPES = np.repeat(np.array([10, 60, 110, 160], dtype=np.uint8), 4)[None, :].repeat(8, 0)
"""[8, 16]: four upright stripes, each 4 pixels wide."""


def squared(pixels, size, **how):
    return to_array(Image.fromarray(pixels), 1, size, Resizing(**how))[0]


def test_crop_keeps_the_central_square():
    assert squared(STRIPES, 8).tolist() == STRIPES[:, 4:12].tolist()


def test_stretch_keeps_all_of_the_image():
    found = squared(STRIPES, 8, resize="stretch", interpolation="box")
    assert found.tolist() == STRIPES[:, ::2].tolist()


def test_pad_keeps_the_shape_between_black_borders():
    found = squared(STRIPES, 16, resize="pad")
    assert found[:4].max() == 0
    assert found[12:].max() == 0
    assert found[4:12].tolist() == STRIPES.tolist()
    tall = squared(STRIPES.T.copy(), 16, resize="pad")
    assert tall.tolist() == found.T.tolist()


def test_a_share_of_the_side_is_kept():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert squared(pixels, 8, crop_share=0.5).tolist() == pixels[4:12, 4:12].tolist()
    assert (
        squared(pixels, 8, crop_share=0.5, resize="stretch").tolist() == pixels[4:12, 4:12].tolist()
    )
    assert squared(pixels, 16).tolist() == pixels.tolist()


def test_interpolation_is_pillows():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    for name in ("bicubic", "bilinear", "lanczos", "box", "nearest"):
        expected = np.asarray(
            Image.fromarray(pixels).resize((8, 8), Image.Resampling[name.upper()])
        )
        assert squared(pixels, 8, interpolation=name).tolist() == expected.tolist()


@pytest.mark.parametrize("fields", [{"crop_share": 0}, {"crop_share": 1.2}, {"resize": "squash"}])
def test_what_cannot_be_is_refused(fields):
    with pytest.raises(ValidationError):
        Resizing(**fields)
    with pytest.raises(ValidationError, match="keeps the whole image, got 0.9"):
        Resizing(resize="pad", crop_share=0.9)


@pytest.fixture
def stripes(tmp_path):
    for name, shade in (("a", 0), ("b", 40)):
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.fromarray(STRIPES + shade + i).save(tmp_path / name / f"{i}.png")
    return f"folder:{tmp_path}"


def test_each_way_has_a_store_of_its_own_and_the_same_samples(stripes):
    ways = [DEFAULT, Resizing(resize="stretch"), Resizing(resize="pad"), Resizing(crop_share=0.875)]
    found = [load_dataset(stripes, resizing=way) for way in ways]
    assert [path.name for _, path in stores_in(folder_of(stripes))] == [
        "store-8.npz", "store-8_pad_bicubic.npz", "store-8_stretch_bicubic.npz", "store-8_crop_bicubic_0.875.npz",
    ]  # fmt: skip
    assert len({data.content for data in found}) == 4
    for data in found[1:]:
        for split in ("train", "validation", "test"):
            ours, first = data.split(split), found[0].split(split)
            assert ours.ids.tolist() == first.ids.tolist()
            assert ours.labels.tolist() == first.labels.tolist()
            assert not np.array_equal(ours.images[:], first.images[:])
    again = load_dataset(stripes)
    assert digest(again) == digest(found[0])
    assert any_store(stripes).content == found[0].content
    (kept,) = stored_images()
    assert (kept.sizes, kept.images) == ((8,), 12)
    assert store_key(8, ways[1]) == "8_stretch_bicubic"


def test_a_store_that_is_made_again_leaves_the_others(stripes):
    folder = folder_of(stripes)
    load_dataset(stripes)
    load_dataset(stripes, resizing=Resizing(resize="pad"))
    (folder / "store-8.npz").unlink()
    load_dataset(stripes)
    assert len(list(folder.glob("images-8_pad_bicubic-*.npy"))) == 1
    assert len(list(folder.glob("store-*.npz"))) == 2


def test_sets_that_come_along_are_not_resized():
    with pytest.raises(ValueError, match="images of digits are already square"):
        load_dataset("digits", resizing=Resizing(resize="pad"))


def test_a_run_finds_the_images_that_it_saw(stripes):
    """Ids are positions: after an image was added, they mean others."""
    folder = Path(stripes.removeprefix("folder:"))
    old = load_dataset(stripes)
    large = load_dataset(stripes, image_size=16)
    Image.fromarray(STRIPES).save(folder / "a" / "0-new.png")
    new = load_dataset(stripes)
    assert old.content != new.content
    assert any_store(stripes).content == new.content
    assert any_store(stripes, new.content).content == new.content
    found = any_store(stripes, old.content)
    assert found is None, "the store of this size was made again"
    assert any_store(stripes, large.content).content == large.content
    assert any_store(stripes, "other") is None
    names = sample_paths(stripes, "test", large.content)
    assert "a/0-new.png" not in names.values()
    assert "a/0-new.png" in sample_paths(stripes, "test", new.content).values()
    picture = Thumbnails.for_dataset(stripes, "test", content="other")
    assert picture.png(0) is None
    assert picture.reason.endswith("or were decoded at another size.")
