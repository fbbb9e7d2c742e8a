"""Image folders as people have them: names of parts in any case, links, clutter, names that are not
plain ASCII."""

import os
import unicodedata

import numpy as np
import pytest
from own_files import made_images, png, write_folder

from bickd_core.data import external as own
from bickd_core.data.errors import DataError
from bickd_core.data.folders import walk
from bickd_core.data.registry import dataset_info, load_dataset, sample_paths
from bickd_core.runs.thumbnails import Thumbnails

CLASSES = ("glioma", "meningioma", "notumor")


@pytest.fixture(autouse=True)
def look_again(monkeypatch):
    monkeypatch.setattr(own, "_AGAIN_SECONDS", 0.0)


def sizes(data) -> list[int]:
    return [len(data.train), len(data.validation), len(data.test)]


def count(data) -> int:
    return sum(sizes(data))


def refusal(root) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(f"folder:{root}")
    return str(caught.value)


# -- parts
# -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("Train", "Test"),
        ("TRAIN", "val"),
        ("training", "Validation"),
        ("train", "VALID"),
    ],
)
def test_the_words_for_parts_count_in_any_case(tmp_path, train, test):
    counts = {f"{train}/{name}": 6 for name in CLASSES} | {f"{test}/{name}": 3 for name in CLASSES}
    root = write_folder(tmp_path / "mri", counts, made_images(27))
    data = load_dataset(f"folder:{root}")
    assert data.class_names == CLASSES
    assert sizes(data) == [15, 3, 9]
    assert dataset_info(data.name).class_names == CLASSES


def test_a_class_may_be_called_train(tmp_path):
    root = write_folder(tmp_path / "vehicles", {"bus": 4, "car": 4, "train": 4}, made_images(12))
    assert load_dataset(f"folder:{root}").class_names == ("bus", "car", "train")


def test_folders_beside_train_and_test_do_not_matter(tmp_path):
    counts = {"train/a": 4, "train/b": 4, "test/a": 1, "test/b": 1}
    root = write_folder(tmp_path / "d", counts, made_images(10))
    (root / "annotations").mkdir()
    (root / "annotations" / "boxes.json").write_text("{}")
    assert load_dataset(f"folder:{root}").class_names == ("a", "b")


def test_two_folders_for_one_part_and_a_test_part_alone_are_refused(tmp_path):
    twice = write_folder(tmp_path / "twice", {"Train/a": 3, "TRAINING/b": 3}, made_images(6))
    assert "has 'Train' and 'TRAINING', which both mean train; keep one" in refusal(twice)
    counts = {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 1, "valid/a": 1, "dev/a": 1}
    unclear = write_folder(tmp_path / "unclear", counts, made_images(10))
    assert "has 'valid' and 'dev', which both mean validation; keep one" in refusal(unclear)
    alone = write_folder(tmp_path / "alone", {"Testing/a": 3, "Testing/b": 3}, made_images(6))
    assert "has 'Testing' but no folder named train" in refusal(alone)


def test_a_test_part_without_class_folders_is_refused(tmp_path):
    root = write_folder(
        tmp_path / "kaggle", {"train/a": 4, "train/b": 4, "test": 2}, made_images(10)
    )
    assert "test has images but no class folders, so their classes are unknown" in refusal(root)


def test_a_class_that_is_missing_in_test_is_evaluated_on_what_is_there(tmp_path):
    counts = {"train/cat": 4, "train/dog": 4, "train/owl": 4, "test/cat": 2, "test/dog": 2}
    root = write_folder(tmp_path / "m", counts, made_images(16))
    info, data = dataset_info(f"folder:{root}"), load_dataset(f"folder:{root}")
    assert info.absent == ("owl",)
    assert data.class_names == ("cat", "dog", "owl")
    assert data.test.labels.tolist() == [0, 0, 1, 1]


# -- names
# -------------------------------------------------------------------------------------------
def test_file_and_folder_names_that_are_not_utf8(tmp_path):
    root = write_folder(tmp_path / "l", {"a": 4, "b": 4}, made_images(8))
    os.rename(root / "a" / "000.png", os.fsencode(root / "a") + b"/caf\xe9.png")
    os.rename(root / "b", os.fsencode(root) + b"/th\xe9")
    data = load_dataset(f"folder:{root}")
    assert data.class_names == ("a", "th\\xe9")
    assert count(data) == 8
    paths = sample_paths(data.name, "train")
    assert paths[3] == "a/caf\\xe9.png"
    assert all(path.encode() for path in paths.values())
    (root / "a" / "001.png").write_bytes(b"no image")
    os.rename(root / "a" / "001.png", os.fsencode(root / "a") + b"/\xff.png")
    assert "a/\\xff.png is not an image" in (message := refusal(root))
    assert message.encode()


def test_a_path_that_is_not_utf8_or_has_no_home_is_refused():
    for path, part in (("/data/caf\udce9", "caf\\xe9' must be UTF-8"), ("/d\0", "must be UTF-8")):
        with pytest.raises(DataError, match="must be UTF-8 text") as caught:
            dataset_info(f"folder:{path}")
        assert part in str(caught.value)
    with pytest.raises(DataError, match="begins with a home folder that does not exist"):
        own.named("~nobody-of-this-name/pets")
    with pytest.raises(DataError, match="cannot be read"):
        dataset_info(own.named("/" + "x" * 300))


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path / "pets", {"a": 3, "b": 3}, made_images(6))
    assert dataset_info(own.named("~/pets")).name == f"folder:{tmp_path / 'pets'}"
    np.savez(tmp_path / "x.npz", images=made_images(6), labels=np.arange(6) % 2)
    assert dataset_info(own.named(" ~/x.npz ")).name == f"npz:{tmp_path / 'x.npz'}"
    assert own.named("/data/X.NPZ") == "npz:/data/X.NPZ"
    assert own.named("/data/X.Parquet") == "parquet:/data/X.Parquet"


def test_composed_and_decomposed_accents_are_one_name(tmp_path):
    counts = {}
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("café", "thé"):
            counts[f"{part}/{unicodedata.normalize(form, name)}"] = 4
    data = load_dataset(f"folder:{write_folder(tmp_path / 'n', counts, made_images(16))}")
    assert data.class_names == ("café", "thé")
    assert np.bincount(data.test.labels).tolist() == [4, 4]
    both = {unicodedata.normalize(form, "café"): 3 for form in ("NFC", "NFD")}
    root = write_folder(tmp_path / "both", both, made_images(6))
    assert "classes 0 and 1 of" in (message := refusal(root))
    assert "have the same name" in message


def test_paths_with_line_separators_keep_their_places(tmp_path):
    root = write_folder(tmp_path / "s", {"a": 3, "b": 3}, made_images(6))
    (root / "a" / "000.png").rename(root / "a" / "000\u2028x.png")
    (root / "a" / "001.png").rename(root / "a" / "001\nx.png")
    name = load_dataset(f"folder:{root}").name
    assert list(sample_paths(name, "train").values())[:3] == [
        "a/000\u2028x.png",
        "a/001\nx.png",
        "a/002.png",
    ]


# -- links, clutter, what is no file
# -------------------------------------------------------------------
def test_linked_folders_and_files_are_read_once(tmp_path):
    pool = write_folder(tmp_path / "pool", {"a/s": 6, "b/s": 6}, made_images(12))
    root = write_folder(tmp_path / "d", {"a": 4, "b": 4}, made_images(8))
    for name in ("a", "b"):
        (root / name / "more").symlink_to(pool / name)
        (root / name / "again").symlink_to(pool / name)
        (root / name / "one.png").symlink_to(pool / name / "s" / "000.png")
    data = load_dataset(f"folder:{root}")
    assert count(data) == 2 * (4 + 6 + 1)
    assert "a/again/s/000.png" in sample_paths(data.name, "train").values()


def test_loops_of_links_end(tmp_path):
    root = write_folder(tmp_path / "d", {"train/a/x": 4, "train/b": 4}, made_images(8))
    (root / "train" / "a" / "x" / "self").symlink_to(root / "train" / "a")
    (root / "train" / "a" / "up").symlink_to(root)
    (root / "train" / "b" / "parts").symlink_to(root / "train")
    assert count(load_dataset(f"folder:{root}")) == 8


def test_a_folder_keeps_its_own_path_where_a_link_leads_to_it(tmp_path):
    root = write_folder(tmp_path / "d", {"z": 2}, made_images(2))
    (root / "a").symlink_to(root / "z")
    assert [path.relative_to(root).as_posix() for path in walk(root, (".png",))] == [
        "z/000.png",
        "z/001.png",
    ]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    root = write_folder(tmp_path / "d", {"a": 4, "b": 4}, made_images(8))
    (root / "b" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    assert "b/lost.png no longer exists" in refusal(root)


def test_clutter_is_left_aside(tmp_path):
    counts = {
        "a": 4,
        "b": 4,
        "@eaDir/a": 2,
        "__MACOSX/a": 2,
        ".hidden/a": 2,
        "a/.ipynb_checkpoints": 2,
    }
    root = write_folder(tmp_path / "d", counts, made_images(16))
    for name in ("Thumbs.db", ".DS_Store", "._000.png", "desktop.ini"):
        (root / "a" / name).write_bytes(b"x")
    data = load_dataset(f"folder:{root}")
    assert data.class_names == ("a", "b")
    assert count(data) == 8


def test_pipes_and_devices_are_not_opened(tmp_path):
    root = write_folder(tmp_path / "d", {"a": 4, "b": 4}, made_images(8))
    os.mkfifo(root / "a" / "pipe.png")
    (root / "b" / "zero.png").symlink_to("/dev/zero")
    assert count(load_dataset(f"folder:{root}")) == 8
    os.mkfifo(tmp_path / "images.npy")
    for name in (
        f"folder:{root / 'a' / 'pipe.png'}",
        f"npz:{tmp_path}",
        f"npz:{root / 'a' / 'pipe.png'}",
    ):
        with pytest.raises(DataError):
            dataset_info(name)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "d", {"a": 4, "b": 4}, made_images(8))
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "d/b cannot be read (Permission denied); check the path" in refusal(root)


def test_stores_from_before_keep_their_paths(tmp_path):
    root = write_folder(tmp_path / "d", {"a": 3, "b": 3}, made_images(6))
    name = load_dataset(f"folder:{root}").name
    store = next(own.folder_of(name).glob("store-*.npz"))
    with np.load(store) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    packed = changed["paths-all"].tobytes()
    assert packed.count(b"\0") == 6
    changed["paths-all"] = np.frombuffer(packed[:-1].replace(b"\0", b"\n"), np.uint8)
    with open(store, "wb") as file:
        np.savez(file, **changed)
    assert sample_paths(name, "train")[5] == "b/002.png"
    assert Thumbnails.for_dataset(name, "test").png(0) == png(made_images(6)[0])
