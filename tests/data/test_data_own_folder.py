"""`folder:PATH`: parts, order, ids, scaling, grey and colour, and each thing that can be wrong with
it."""

import shutil

import numpy as np
import pytest
from own_files import digest, made_images, picture, png, write_folder
from PIL import Image, ImageOps

from bickd_core.data import external as own
from bickd_core.data.errors import DataError
from bickd_core.data.registry import dataset_info, load_dataset, sample_paths
from bickd_core.data.store import folder_of
from bickd_core.runs.thumbnails import Thumbnails

PARTS = {"train/b": 20, "train/a c": 12, "test/a c": 3, "test/b": 4}


@pytest.fixture(autouse=True)
def look_again(monkeypatch):
    monkeypatch.setattr(own, "_AGAIN_SECONDS", 0.0)


@pytest.fixture
def pixels():
    return made_images(sum(PARTS.values()))


@pytest.fixture
def pets(tmp_path, pixels):
    return write_folder(tmp_path / "pets", PARTS, pixels)


def test_ids_count_the_files_in_order_of_class_and_name(pets, pixels):
    data = load_dataset(f"folder:{pets}")
    assert data.class_names == ("a c", "b")
    train = np.concatenate([pixels[20:32], pixels[:20]]).transpose(0, 3, 1, 2)
    for split in (data.train, data.validation):
        np.testing.assert_array_equal(split.images[:], train[split.ids])
        np.testing.assert_array_equal(split.labels, split.ids >= 12)
    assert sorted([*data.train.ids, *data.validation.ids]) == list(range(32))
    np.testing.assert_array_equal(data.test.images[:], pixels[32:].transpose(0, 3, 1, 2))
    assert data.test.labels.tolist() == [0] * 3 + [1] * 4
    assert sample_paths(data.name, "train")[12] == "train/b/000.png"
    assert sample_paths(data.name, "test")[0] == "test/a c/000.png"


def test_the_table_entry_is_what_loading_gives(pets):
    info, data = dataset_info(f"folder:{pets}"), load_dataset(f"folder:{pets}")
    assert (info.name, info.title) == (data.name, "pets (image folder)")
    assert (info.num_classes, info.in_channels) == (data.num_classes, data.in_channels) == (2, 3)
    assert info.default_image_size == data.image_size == 12
    sizes = [info.train_size, info.validation_size, info.test_size]
    assert sizes == [len(data.train), len(data.validation), len(data.test)] == [29, 3, 7]


def test_validation_is_stratified_and_seeded_and_mean_is_that_of_the_file(pets, pixels):
    first, second = (load_dataset(f"folder:{pets}", validation_seed=seed) for seed in (0, 1))
    assert np.bincount(first.validation.labels).min() >= 1
    assert first.validation.ids.tolist() != second.validation.ids.tolist()
    assert digest(first) != digest(second)
    assert first.mean == second.mean
    np.testing.assert_allclose(first.mean, pixels[:32].mean(axis=(0, 1, 2)) / 255)
    np.testing.assert_allclose(first.std, pixels[:32].std(axis=(0, 1, 2)) / 255)
    assert len(load_dataset(f"folder:{pets}", train_limit=5).train) == 5


@pytest.mark.parametrize("below", ["", "train/"])
def test_without_a_test_folder_a_fifth_is_carved_out(tmp_path, below):
    root = write_folder(tmp_path / "one", {f"{below}x": 30, f"{below}y": 20}, made_images(50))
    first, second = (load_dataset(f"folder:{root}", validation_seed=seed) for seed in (0, 1))
    assert np.bincount(first.test.labels).tolist() == [6, 4]
    assert first.test.ids.tolist() == second.test.ids.tolist()  # test does not follow the seed
    every = np.concatenate([first.train.ids, first.validation.ids, first.test.ids])
    assert sorted(every) == list(range(50))
    np.testing.assert_array_equal(
        first.test.images[:], made_images(50).transpose(0, 3, 1, 2)[first.test.ids]
    )
    assert sample_paths(first.name, "test")[int(first.test.ids[0])].startswith(f"{below}x/")


def test_val_is_validation_beside_a_test_part_and_else_test(tmp_path, caplog):
    parts = {"train/a": 5, "train/b": 5, "val/a": 2, "val/b": 2}
    images = made_images(17)
    root = write_folder(tmp_path / "v", parts, images)
    name = f"folder:{root}"
    data = load_dataset(name)
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 2, 4)
    write_folder(root, {"test/a": 1, "test/b": 2}, images[14:])
    given = load_dataset(name)
    assert (len(given.train), len(given.validation), len(given.test)) == (10, 4, 3)
    assert (given.train.ids.tolist(), given.validation.ids.tolist()) == (
        list(range(10)),
        list(range(10, 14)),
    )
    every = images.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(given.validation.images[:], every[10:14])
    assert given.content != data.content
    pictures = Thumbnails.for_dataset(name, "validation")
    assert [pictures.png(id) for id in (9, 10, 13)] == [png(images[id]) for id in (9, 10, 13)]
    assert pictures.png(14) is None
    folds = load_dataset(name, validation_folds=5)
    assert (len(folds.train), len(folds.validation)) == (8, 2)
    assert max(folds.validation.ids) < 10
    assert given.mean == folds.mean
    assert not caplog.records


def test_a_path_without_its_kind_is_answered_with_the_name_to_write(pets, tmp_path):
    with pytest.raises(ValueError, match=f"for your own data at this path write folder:{pets}"):
        dataset_info(str(pets))
    table = tmp_path / "all.csv"
    table.write_text("path,label\n")
    with pytest.raises(ValueError, match=f"write csv:{table}"):
        dataset_info(str(table))
    (tmp_path / "w.pth").touch()
    with pytest.raises(ValueError, match="data of your own is named by its kind"):
        dataset_info(str(tmp_path / "w.pth"))
    with pytest.raises(ValueError, match="dataset must be one of"):
        dataset_info("x" * 5000)


def test_pictures_are_of_the_data_as_they_are_now(tmp_path):
    """And not of a larger copy from before there was a validation part."""
    images = made_images(16)
    counts = {"train/a": 5, "train/b": 5, "test/a": 1, "test/b": 1}
    root = write_folder(tmp_path / "v", counts, images)
    name = f"folder:{root}"
    load_dataset(name, image_size=64)
    write_folder(root, {"val/a": 2, "val/b": 2}, images[12:])
    load_dataset(name)
    pictures = Thumbnails.for_dataset(name, "validation")
    assert [pictures.png(id) for id in (10, 13)] == [png(images[id + 2]) for id in (10, 13)]
    assert sample_paths(name, "validation")[13].startswith("val/b/")


@pytest.mark.parametrize("kept", ["test", "val"])
def test_an_empty_part_is_named_and_not_used(tmp_path, caplog, kept):
    parts = {"train/a": 5, "train/b": 5, f"{kept}/a": 2, f"{kept}/b": 2}
    root = write_folder(tmp_path / "v", parts, made_images(14))
    empty = root / ("val" if kept == "test" else "test")
    empty.mkdir()
    data = load_dataset(f"folder:{root}")
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 2, 4)
    assert caplog.text.count(f"{empty} is not used: it has no images.") == 1


def test_images_are_cut_to_their_centre_and_scaled_with_antialiasing(tmp_path):
    wide = made_images(1, side=40)[0][:20]
    root = tmp_path / "w"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}.png").write_bytes(png(wide))
    data = load_dataset(f"folder:{root}", image_size=8)
    expected = ImageOps.fit(picture(wide), (8, 8), method=Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(data.train.images[0], np.asarray(expected).transpose(2, 0, 1))
    assert dataset_info(data.name).default_image_size == 20


def test_grey_images_have_one_channel_and_one_in_colour_makes_three(tmp_path):
    root = write_folder(tmp_path / "g", {"a": 4, "b": 4}, made_images(8, channels=1))
    assert load_dataset(f"folder:{root}").train.images.shape[1:] == (1, 12, 12)
    (root / "b" / "003.png").write_bytes(png(made_images(1)[0]))
    data = load_dataset(f"folder:{root}")  # the source has changed and is decoded again
    assert data.in_channels == 3
    store = folder_of(data.name)
    assert len(list(store.glob("images-*"))) == len(list(store.glob("store-*"))) == 1


def test_transparent_is_white_and_orientation_is_followed(tmp_path):
    root = write_folder(tmp_path / "t", {"a": 3, "b": 3}, made_images(6))
    clear = np.zeros((12, 12, 4), np.uint8)
    Image.fromarray(clear).save(root / "a" / "000.png")
    turned = made_images(1, seed=5)[0]
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(turned).save(root / "b" / "000.png", exif=exif)
    data = load_dataset(f"folder:{root}")
    images = {int(i): image for split in (data.train, data.validation, data.test)
              for i, image in zip(split.ids, split.images[:], strict=True)}  # fmt: skip
    assert images[0].min() == 255
    np.testing.assert_array_equal(images[3], turned[::-1, ::-1].transpose(2, 0, 1))


def test_thumbnails_are_the_samples_even_when_the_folder_is_gone(pets, pixels):
    name = f"folder:{pets}"
    assert Thumbnails.for_dataset(name, "test").png(0) is None
    missing = Thumbnails.for_dataset(name, "test")
    missing.png(0)
    assert "pets (image folder) was not decoded on this machine" in missing.reason
    load_dataset(name)
    shutil.rmtree(pets)
    data = Thumbnails.for_dataset(name, "test").png(0)
    expected = png(pixels[32])
    assert data == expected
    assert Thumbnails.for_dataset(name, "validation").png(99) is None


def test_a_damaged_store_is_made_again(pets):
    before = digest(load_dataset(f"folder:{pets}"))
    stored = next(folder_of(f"folder:{pets}").glob("images-*-train.npy"))
    content = bytearray(stored.read_bytes())
    content[-1] ^= 255
    stored.write_bytes(content)
    with pytest.raises(DataError, match="is damaged, so that file was removed"):
        digest(load_dataset(f"folder:{pets}"))
    assert digest(load_dataset(f"folder:{pets}")) == before
    for path in folder_of(f"folder:{pets}").glob("store-*"):
        path.write_bytes(path.read_bytes()[:-40])
    assert digest(load_dataset(f"folder:{pets}")) == before


def wrong(root, **changes):
    with pytest.raises(DataError) as caught:
        load_dataset(f"folder:{root}", **changes)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    store = folder_of(f"folder:{root}")
    assert not store.exists() or not [
        path for path in store.iterdir() if path.suffix in (".npy", ".npz", ".tmp")
    ]
    return message


def test_what_is_wrong_is_one_sentence_and_leaves_nothing(tmp_path):
    assert "does not exist; check the path" in wrong(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "must be a folder of class folders, got a file" in wrong(tmp_path / "file")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    assert "has no images; it must have one folder for each class" in wrong(tmp_path / "empty")
    one = write_folder(tmp_path / "one", {"cat": 4}, made_images(4))
    assert "must have at least two classes, found one, 'cat'" in wrong(one)
    few = write_folder(tmp_path / "few", {"a": 4, "b": 2}, made_images(6))
    assert "class 'b' of" in (message := wrong(few))
    assert "has 2 images; train, validation and test need at least 3" in message
    strange = write_folder(
        tmp_path / "s", {"train/a": 3, "train/b": 3, "test/a": 1, "test/z": 1}, made_images(8)
    )
    assert "has a class folder 'z', but" in wrong(strange)
    same = write_folder(tmp_path / "same", {"a": 3, "b": 3}, np.full((6, 12, 12, 3), 7, np.uint8))
    assert "have one constant value" in wrong(same)


@pytest.mark.parametrize("content", [b"", b"no image", png(made_images(1, side=40)[0])[:800]])
def test_an_unreadable_image_is_named(pets, content):
    (pets / "train" / "b" / "007.png").write_bytes(content)
    assert str(pets / "train" / "b" / "007.png") in wrong(pets)


def test_sixteen_bits_are_refused(pets):
    Image.fromarray(np.arange(144, dtype=np.uint16).reshape(12, 12)).save(
        pets / "test" / "b" / "001.png"
    )
    assert "001.png has more than 8 bits per channel" in wrong(pets)


def test_a_folder_that_disappears_while_it_is_read(pets, monkeypatch):
    listed = own.listed
    dataset_info(f"folder:{pets}")

    def then_gone(*arguments):
        found = listed(*arguments)
        shutil.rmtree(pets / "train" / "b")
        return found

    monkeypatch.setattr(own, "listed", then_gone)
    assert "train/b/000.png no longer exists; check the path" in wrong(pets)


def test_no_room_and_no_cache_folder_are_said(pets, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        "bickd_core.data.store.shutil.disk_usage", lambda path: usage._replace(free=10)
    )
    assert "which has 10 bytes free; make room, or set BICKD_CACHE" in wrong(pets)
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "taken" / "below"))
    with pytest.raises(DataError, match="cannot be written to .*; set BICKD_CACHE to one that can"):
        load_dataset(f"folder:{pets}")


def test_names_and_sizes(pets, monkeypatch):
    monkeypatch.chdir(pets.parent)
    assert dataset_info("folder:pets").name == f"folder:{pets}"
    assert load_dataset("folder: ./pets/", image_size=16).name == f"folder:{pets}"
    with pytest.raises(ValueError, match="image_size of folder:.* must be from 8 to 512, not 7"):
        load_dataset("folder:pets", image_size=7)
    for unknown in ("pets:here", "/some/path"):
        with pytest.raises(ValueError, match="data of your own is named by its kind: folder:PATH"):
            load_dataset(unknown)


def test_reading_twice_decodes_once(pets, monkeypatch):
    first = load_dataset(f"folder:{pets}")

    def never(*arguments):
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(own, "make_store", never)
    assert digest(load_dataset(f"folder:{pets}")) == digest(first)


def test_very_small_images_are_scaled_to_the_smallest_side(tmp_path):
    root = write_folder(tmp_path / "dots", PARTS, made_images(sum(PARTS.values()), side=3))
    assert load_dataset(f"folder:{root}").image_size == 8
