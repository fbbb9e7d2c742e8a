"""Layouts of published image sets: labels in a file, names of classes beside the folders, images
that are all test."""

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from image_layouts import LAYOUTS, classes, picture
from run_helpers import small_config

from bickd_core.data import external as own
from bickd_core.data.errors import DataError
from bickd_core.data.registry import dataset_info, load_dataset, sample_paths
from bickd_core.runs.create import create_run


@pytest.fixture(autouse=True)
def look_again(monkeypatch):
    monkeypatch.setattr(own, "_AGAIN_SECONDS", 0.0)


def shades(split):
    """The grey value of each image, by its class's name position."""
    return [
        (int(image[0, 0, 0]), int(label))
        for image, label in zip(split.images[:], split.labels, strict=True)
    ]


def tiny(root):
    words = {"n01": "goldfish, Carassius", "n02": "crane", "n03": "crane"}
    for k, name in enumerate(words):
        for i in range(4):
            picture(root / f"train/{name}/images/{name}_{i}.png", 50 * k)
    for i in range(6):
        picture(root / f"val/images/val_{i}.png", 50 * (i % 3))
    picture(root / "test/images/test_0.png", 0)
    lines = [f"val_{i}.png\t{list(words)[i % 3]}\t0\t0\t62\t62" for i in range(6)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (root / "words.txt").write_text(
        "n99\tother\n" + "".join(f"{key}\t{text}\n" for key, text in words.items())
    )


def test_tiny_imagenet(tmp_path):
    tiny(tmp_path)
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("goldfish", "crane (n02)", "crane (n03)")
    assert (len(data.train) + len(data.validation), len(data.test)) == (12, 6)
    assert all(shade == 50 * label for shade, label in shades(data.test))
    assert sample_paths(data.name, "test")[0] == "val/images/val_0.png"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("val_9.png\tn01\n", "names the image 'val_9.png' in row 1"),
        (
            "val_0.png\tn07\n",
            "names the class 'n07' in row 1, but the train part has no such class folder",
        ),
        ("val_0.png\n", "must have at least two columns"),
        ("", "is empty; expected a line for each image"),
    ],
)
def test_a_wrong_file_of_labels_is_refused_with_its_row(tmp_path, change, words):
    tiny(tmp_path)
    (tmp_path / "val" / "val_annotations.txt").write_text(change)
    with pytest.raises(DataError, match=words):
        load_dataset(f"folder:{tmp_path}")


def test_words_that_change_are_read_again(tmp_path):
    tiny(tmp_path)
    assert dataset_info(f"folder:{tmp_path}").class_names[0] == "goldfish"
    (tmp_path / "words.txt").write_text("n01 carp\nn02 heron\nn03 lift\n")
    assert dataset_info(f"folder:{tmp_path}").class_names == ("carp", "heron", "lift")


def test_gtsrb_as_kaggle_has_it(tmp_path):
    for k in (0, 1, 10):
        for i in range(3):
            picture(tmp_path / f"Train/{k}/{i}.png", 20 * k)
    for i, k in enumerate((10, 0, 1)):
        picture(tmp_path / f"Test/0000{i}.png", 20 * k)
    rows = "".join(f"29,30,5,5,24,25,{k},Test/0000{i}.png\n" for i, k in enumerate((10, 0, 1)))
    (tmp_path / "Test.csv").write_text(
        "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n" + rows
    )
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("0", "1", "10")
    assert shades(data.test) == [(0, 0), (20, 1), (200, 2)]


def test_gtsrb_as_its_authors_have_it(tmp_path):
    for k in (0, 1):
        for i in range(3):
            picture(tmp_path / f"Final_Training/Images/0000{k}/{i}.ppm", 100 * k)
        (tmp_path / f"Final_Training/Images/0000{k}/GT-0000{k}.csv").write_text(
            "Filename;ClassId\n"
        )
    for i in range(2):
        picture(tmp_path / f"Final_Test/Images/{i}.ppm", 100 * (1 - i))
    (tmp_path / "Final_Test/Images/GT-final_test.csv").write_text(
        "Filename;Width;ClassId\n0.ppm;8;1\n1.ppm;8;0\n"
    )
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("00000", "00001")
    assert shades(data.test) == [(0, 0), (100, 1)]


def test_class_to_idx_gives_the_order(tmp_path):
    for k, name in enumerate(("a", "b")):
        for i in range(6):
            picture(tmp_path / f"{name}/{i}.png", 100 * k)
    (tmp_path / "class_to_idx.json").write_text(json.dumps({"b": 0, "a": 1}))
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("b", "a")
    assert {pair for split in (data.train, data.test) for pair in shades(split)} == {
        (100, 0),
        (0, 1),
    }


def test_names_in_lines_are_those_of_numbered_folders(tmp_path):
    for k in range(2):
        for i in range(6):
            picture(tmp_path / f"{k}/{i}.png", 100 * k)
    (tmp_path / "labels.txt").write_text("stop\ngo\n")
    assert load_dataset(f"folder:{tmp_path}").class_names == ("stop", "go")
    (tmp_path / "labels.txt").write_text("stop\ngo\nwait\n")
    assert load_dataset(f"folder:{tmp_path}").class_names == ("0", "1")


def test_all_images_may_be_test(tmp_path, library):
    root = tmp_path / "set"
    for k, name in enumerate(("a", "b")):
        for i in range(5):
            picture(root / f"val/{name}/{i}.png", 100 * k)
    assert own.all_test(str(root)) == f"all-test:{root}"
    info, data = dataset_info(f"all-test:{root}"), load_dataset(f"all-test:{root}")
    assert (info.all_test, info.carved, info.test_size, len(data.test)) == (True, False, 10, 10)
    assert sample_paths(data.name, "test")[0] == "val/a/0.png"
    with pytest.raises(
        ValueError, match="all images of .* are test images, so you cannot train on them"
    ):
        create_run(small_config(role="teacher", dataset=f"all-test:{root}"), library)
    with pytest.raises(DataError, match="only an image folder can be all test"):
        own.all_test("npz:x.npz")


def test_a_table_of_files_and_classes(tmp_path):
    for i in range(12):
        picture(tmp_path / f"images/{i}.png", 100 * (i % 2))
    rows = [f"images/{i}.png,{'dog' if i % 2 else 'cat'}" for i in range(12)]
    (tmp_path / "all.csv").write_text("path,label\n" + "\n".join(rows))
    data = load_dataset(own.named(str(tmp_path / "all.csv")))
    assert (data.class_names, len(data.test)) == (("cat", "dog"), 2)
    assert dataset_info(data.name).carved
    parts = [f"{row},{'test' if i < 4 else 'train'}" for i, row in enumerate(rows)]
    (tmp_path / "all.csv").write_text("path,label,split\n" + "\n".join(parts))
    data = load_dataset(f"csv:{tmp_path / 'all.csv'}")
    assert shades(data.test) == [(0, 0), (100, 1), (0, 0), (100, 1)]


def table_of_parts(root, parts):
    """Twelve images in `images/` and `labels.csv`, with the part of each image. The n-th has the
    shade n + 100 for dogs."""
    rows = []
    for i, part in enumerate(parts):
        picture(root / f"images/{i}.png", i + 100 * (i % 2))
        rows.append(f"{i}.png,{('cat', 'dog')[i % 2]},{part}")
    (root / "labels.csv").write_text("filename,label,split\n" + "\n".join(rows) + "\n")
    return {"csv": f"csv:{root / 'labels.csv'}", "folder": f"folder:{root}"}


def train_shades(data):
    return sorted(shade for split in (data.train, data.validation) for shade, _ in shades(split))


@pytest.mark.parametrize("kind", ["csv", "folder"])
def test_each_row_is_of_the_part_that_it_names(tmp_path, kind, caplog):
    name = table_of_parts(tmp_path, [*["train"] * 6, *["val"] * 4, *["test"] * 2])[kind]
    info, data = dataset_info(name), load_dataset(name)
    assert (info.train_size, info.validation_size, info.test_size) == (6, 4, 2)
    assert (info.carved, info.own_validation) == (False, True)
    assert sorted(shades(data.train)) == [(0, 0), (2, 0), (4, 0), (101, 1), (103, 1), (105, 1)]
    assert sorted(shades(data.validation)) == [(6, 0), (8, 0), (107, 1), (109, 1)]
    assert shades(data.test) == [(10, 0), (111, 1)]
    assert sample_paths(name, "test") == {0: "images/10.png", 1: "images/11.png"}
    for split in ("train", "validation"):
        paths, part = sample_paths(name, split), data.split(split)
        stems = [int(Path(paths[int(id)]).stem) for id in part.ids]
        assert stems == [shade % 100 for shade, _ in shades(part)]
    assert not caplog.records


@pytest.mark.parametrize("kind", ["csv", "folder"])
def test_rows_of_validation_are_test_where_there_is_no_other(tmp_path, kind, caplog):
    name = table_of_parts(tmp_path, [*["Training"] * 8, *["VALID"] * 4])[kind]
    data = load_dataset(name)
    assert sorted(shades(data.test)) == [(8, 0), (10, 0), (109, 1), (111, 1)]
    assert train_shades(data) == [0, 2, 4, 6, 101, 103, 105, 107]
    assert not caplog.records


@pytest.mark.parametrize("kind", ["csv", "folder"])
def test_a_fifth_is_test_where_all_rows_are_train(tmp_path, kind):
    name = table_of_parts(tmp_path, ["train"] * 12)[kind]
    assert dataset_info(name).carved
    assert len(load_dataset(name).test) == 2


@pytest.mark.parametrize("kind", ["csv", "folder"])
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["test"] * 12, "has rows of test but no rows of train in its column 'split'; add them"),
        (
            [*["train"] * 11, "7"],
            "names the part '7' in row 12 of the column",
        ),
        ([], "has only column names; add a line for each image"),
    ],
)
def test_wrong_parts_in_a_table_are_refused(tmp_path, kind, parts, words):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=words):
        dataset_info(table_of_parts(tmp_path, parts)[kind])


def test_all_rows_are_test_if_all_images_are(tmp_path):
    table_of_parts(tmp_path, [*["train"] * 6, *["val"] * 4, *["other"] * 2])
    assert len(load_dataset(f"all-test:{tmp_path}").test) == 12


def test_a_class_with_rows_of_validation_only_cannot_be_trained(tmp_path):
    name = table_of_parts(tmp_path, [*["train"] * 8, *["test"] * 4])["folder"]
    picture(tmp_path / "images/eel.png", 200)
    with (tmp_path / "labels.csv").open("a") as file:
        file.write("eel.png,eel,val\n")
    with pytest.raises(DataError, match="class 'eel' of .* has 0 images; train needs at least 1"):
        dataset_info(name)


def test_images_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    """The table begins its paths at a folder above, as one of GTSRB does."""
    rows = []
    for i in range(6):
        for k in range(2):
            picture(tmp_path / f"images/{k}/{i}.png", 100 * k)
            rows.append(f"set/{k}/{i}.png,{'cd'[k]}")
    (tmp_path / "labels.csv").write_text("path,label\n" + "\n".join(rows))
    data = load_dataset(f"csv:{tmp_path / 'labels.csv'}")
    for split in (data.train, data.validation, data.test):
        assert all(shade == 100 * label for shade, label in shades(split))
    (tmp_path / "labels.csv").write_text("path,label\n0/0.png,c\n7/5.png,d\n")
    with pytest.raises(
        DataError, match=r"names the image '7/5.png' in row 2, but there is no such"
    ):
        load_dataset(f"csv:{tmp_path / 'labels.csv'}")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("no.png,cat", "names the image 'no.png' in row 2, but there is no such file"),
        ("../x.png,cat", "images must be in the table's folder"),
    ],
)
def test_a_table_with_a_wrong_row_is_refused(tmp_path, row, words):
    picture(tmp_path / "0.png", 0)
    (tmp_path / "t.csv").write_text(f"path,label\n0.png,dog\n{row}\n")
    with pytest.raises(DataError, match=words):
        load_dataset(f"csv:{tmp_path / 't.csv'}")


def outcome(layout, root):
    """The third cell of a layout's row: classes, and images by part."""
    name = layout.name.format(root=root)
    info, data = dataset_info(name), load_dataset(name)
    for split in (data.train, data.validation, data.test):
        assert (
            all(shade // 40 == label for shade, label in shades(split))
            or "class_to_idx" in layout.files
        )
    counts = f"{len(data.test)} test"
    if not info.all_test:
        counts = f"{len(data.train)} train, {len(data.validation)} validation, {counts}"
    return f"{', '.join(data.class_names)}; {counts}{' (split off)' if info.carved else ''}"


def test_every_layout_is_read_as_the_docs_say(tmp_path):
    rows = []
    for number, layout in enumerate(LAYOUTS):
        root = tmp_path / str(number)
        layout.write(root)
        name = layout.name.format(root="PATH")
        rows.append(f"| {layout.title} | {layout.files} | `{name}` | {outcome(layout, root)} |")
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    table = "\n".join(rows)
    assert table in text, f"docs/data.md must have this table:\n{table}"


def test_classes_without_images_count_where_all_images_are_test(tmp_path):
    """A network of three classes is evaluated on images of two; for training such a file is about
    other data."""
    for k, name in ((0, "a"), (2, "c")):
        for i in range(6):
            picture(tmp_path / name / f"{i}.png", 40 * k)
    (tmp_path / "class_to_idx.json").write_text(json.dumps({"a": 0, "b": 1, "c": 2}))
    info, data = dataset_info(f"all-test:{tmp_path}"), load_dataset(f"all-test:{tmp_path}")
    assert (data.class_names, info.absent) == (("a", "b", "c"), ("b",))
    assert shades(data.test) == [(0, 0)] * 6 + [(80, 2)] * 6
    assert set(data.validation.labels.tolist()) == {0, 2}
    assert load_dataset(f"folder:{tmp_path}").class_names == ("a", "c")


def test_images_without_a_label_are_left_out_and_it_is_said(tmp_path, caplog):
    for i in range(6):
        picture(tmp_path / f"{i}.png", 100 * (i % 2))
    (tmp_path / "labels.csv").write_text(
        "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(5))
    )
    assert len(load_dataset(f"all-test:{tmp_path}").test) == 5
    assert "labels.csv names no class for 1 images, which are left out." in caplog.text


def test_names_of_classes_are_no_labels_of_images(tmp_path):
    """Images that are called 0, 1, ... beside a file that names the classes 0, 1, ..."""
    for i in range(4):
        picture(tmp_path / f"{i}.png", 10)
    (tmp_path / "labels.txt").write_text("0 cat\n1 dog\n")
    with pytest.raises(DataError, match="has images but no class folders"):
        load_dataset(f"all-test:{tmp_path}")


def test_two_folders_whose_names_mean_train_are_refused(tmp_path):
    for part in ("train_a", "train_b", "test_a"):
        picture(tmp_path / part / "cat" / "1.png", 40)
    with pytest.raises(DataError, match="has 'train_a' and 'train_b', whose names both mean train"):
        load_dataset(f"folder:{tmp_path}")


def test_classes_with_a_word_for_a_part_stay_classes(tmp_path):
    for name in ("train_station", "test_tube"):
        for i in range(5):
            picture(tmp_path / name / f"{i}.png", 40 + i)
        picture(tmp_path / name / f"more {name}" / "6.png", 50)
    assert load_dataset(f"folder:{tmp_path}").class_names == ("test_tube", "train_station")


def kaggle(root, *, with_test_labels=False):
    """Images without class folders, and a table with the classes of train."""
    for part in ("train", "test"):
        for i in range(12):
            picture(root / part / f"{i}.png", 20 * (i % 2) + (100 if part == "test" else 0))
    rows = [f"{i},{'cat' if i % 2 else 'dog'}" for i in range(12)]
    (root / "train.csv").write_text("\n".join(["id,label", *rows]) + "\n")
    same = [f"{i},cat" for i in range(12)]
    (root / "sample_submission.csv").write_text("\n".join(["id,label", *same]) + "\n")
    if with_test_labels:
        (root / "test.csv").write_text("\n".join(["id,label", *rows[::-1]]) + "\n")


def test_the_labels_of_train_are_not_those_of_test(tmp_path):
    kaggle(tmp_path)
    with pytest.raises(DataError, match="test has images but no class folders, so their classes"):
        load_dataset(f"folder:{tmp_path}")


def test_train_and_test_may_each_have_a_file_of_labels(tmp_path):
    kaggle(tmp_path, with_test_labels=True)
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("cat", "dog")
    assert (len(data.train) + len(data.validation), len(data.test)) == (12, 12)
    assert set(shades(data.test)) == {(120, 0), (100, 1)}


def test_train_with_a_file_of_labels_is_divided_if_it_is_alone(tmp_path):
    kaggle(tmp_path)
    shutil.rmtree(tmp_path / "test")
    data = load_dataset(f"folder:{tmp_path}")
    assert len(data.train) + len(data.validation) + len(data.test) == 12
    assert set(shades(data.test)) <= {(20, 0), (0, 1)}


def test_a_file_that_divides_train_leaves_out_the_other_folders(tmp_path, caplog):
    kaggle(tmp_path)
    rows = [f"{i},{'cat' if i % 2 else 'dog'},{'train' if i < 8 else 'test'}" for i in range(12)]
    (tmp_path / "train.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    data = load_dataset(f"folder:{tmp_path}")
    assert (len(data.train) + len(data.validation), len(data.test)) == (8, 4)
    assert "test is not used: " in caplog.text


def kaggle_images(root, *, codes=False):
    """Kaggle's Cassava or, with codes, its APTOS: images without class folders, train with a
    table."""
    suffix = "" if codes else ".png"
    head = "id_code,diagnosis" if codes else "image_id,label"
    for part in ("train", "test"):
        for i in range(12):
            picture(root / f"{part}_images" / f"{part}{i}.png", 20 * (i % 2))
    rows = [f"train{i}{suffix},{i % 2}" for i in range(12)]
    (root / "train.csv").write_text("\n".join([head, *rows]) + "\n")
    (root / "test.csv").write_text("\n".join(["id_code", *(f"test{i}" for i in range(12))]) + "\n")
    (root / "train_tfrecords").mkdir()


@pytest.mark.parametrize("codes", [False, True])
def test_folders_of_images_of_a_part_are_no_classes(tmp_path, codes):
    kaggle_images(tmp_path, codes=codes)
    with pytest.raises(DataError, match="test_images has images but no class folders"):
        load_dataset(f"folder:{tmp_path}")
    data = load_dataset(f"csv:{tmp_path / 'train.csv'}")
    assert data.class_names == ("0", "1")
    assert len(data.train) + len(data.validation) + len(data.test) == 12
    assert set(shades(data.test)) <= {(0, 0), (20, 1)}
    rows = [f"test{i},{i % 2}" for i in range(12)]
    (tmp_path / "test.csv").write_text("\n".join(["image_id,label", *rows]) + "\n")
    data = load_dataset(f"folder:{tmp_path}")
    assert (len(data.train) + len(data.validation), len(data.test)) == (12, 12)


def test_folders_of_images_are_parts_without_a_table_too(tmp_path):
    kaggle_images(tmp_path)
    (tmp_path / "train.csv").unlink()
    with pytest.raises(DataError, match="has images but no class folders"):
        load_dataset(f"folder:{tmp_path}")


def test_a_table_finds_the_images_of_its_part(tmp_path):
    for part in ("train", "test"):
        for i in range(12):
            picture(tmp_path / f"{part}_images" / f"{i}.png", 20 * (i % 2) + 100 * (part == "test"))
    rows = [f"{i},{i % 2}" for i in range(12)]
    (tmp_path / "train.csv").write_text("\n".join(["image_id,label", *rows]) + "\n")
    data = load_dataset(f"csv:{tmp_path / 'train.csv'}")
    assert set(shades(data.test)) <= {(0, 0), (20, 1)}


@pytest.mark.parametrize("line", ["{name} {number}", "{number} {name}", "{name},{number}"])
def test_numbers_of_classes_give_their_order(tmp_path, line):
    for part in ("train", "test"):
        classes(tmp_path / part, ["cat", "dog", "eel"], 5)
    numbers = {"dog": 0, "cat": 1, "eel": 2}
    lines = [line.format(name=name, number=number) for name, number in numbers.items()]
    (tmp_path / "labels.txt").write_text("\n".join(lines) + "\n")
    assert load_dataset(f"folder:{tmp_path}").class_names == ("dog", "cat", "eel")


@pytest.mark.parametrize("head", ["id", "id,width"])
def test_a_table_without_classes_leaves_test_out(tmp_path, caplog, head):
    for part in ("train", "val"):
        classes(tmp_path / part, ["cat", "dog"], 5)
    for i in range(4):
        picture(tmp_path / "test" / f"{i}.png", 40)
    rows = [f"{i},8" if "," in head else str(i) for i in range(4)]
    (tmp_path / "test.csv").write_text("\n".join([head, *rows]) + "\n")
    data = load_dataset(f"folder:{tmp_path}")
    assert len(data.test) == 10
    assert "test is not used: its images have no classes" in caplog.text


def test_numbers_of_some_classes_of_imagenet_are_of_all(tmp_path):
    rows = []
    for number, label in enumerate((2, 0, 2, 0)):
        picture(tmp_path / f"ILSVRC2012_val_0000000{number}.JPEG", 40 * label)
        rows.append(f"ILSVRC2012_val_0000000{number}.JPEG {label}")
    (tmp_path / "val.txt").write_text("\n".join(rows) + "\n")
    names = ["n01443537 goldfish, Carassius auratus", "n02124075 Egyptian cat", "n07747607 orange"]
    (tmp_path / "LOC_synset_mapping.txt").write_text("\n".join(names) + "\n")
    data = load_dataset(f"all-test:{tmp_path}")
    assert data.class_names == ("goldfish", "Egyptian cat", "orange")
    assert sorted(shades(data.test)) == [(0, 0), (0, 0), (80, 2), (80, 2)]
