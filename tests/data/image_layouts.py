"""Layouts of published image sets in small, each as a function that writes it; the table of
docs/data.md lists them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = {
    "n01443537": "goldfish, Carassius auratus",
    "n02124075": "Egyptian cat",
    "n07747607": "orange",
}
"""Classes by their WordNet ids."""


@dataclass(frozen=True)
class Layout:
    """A layout: its row's first two cells in the table, how to write it below a folder, and the
    data's name there."""

    title: str
    files: str
    write: Callable[[Path], object]
    name: str = "folder:{root}"


def picture(path: Path, shade: int) -> None:
    """An image [8, 8] of one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), shade, "uint8")).save(path)


def classes(
    root: Path, names: list[str], count: int, suffix: str = "JPEG", below: str = ""
) -> None:
    """`count` images of each class; those of class k have the shade 40 k + i."""
    for k, name in enumerate(names):
        for i in range(count):
            picture(root / name / below / f"{name}_{i}.{suffix}", 40 * k + i)


def flat(root: Path, pattern: str, labels: list[int]) -> list[str]:
    """Images in one folder, the n-th of class labels[n]; their names."""
    names = [pattern.format(n) for n in range(1, len(labels) + 1)]
    for name, label in zip(names, labels, strict=True):
        picture(root / name, 40 * label)
    return names


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def tiny_imagenet(root: Path) -> None:
    keys = list(WORDS)
    classes(root / "train", keys, 5, below="images")
    names = flat(root / "val" / "images", "val_{}.JPEG", [0, 1, 2, 0, 1, 2])
    write(
        root / "val" / "val_annotations.txt",
        [f"{n}\t{keys[i % 3]}\t0\t0\t62\t62" for i, n in enumerate(names)],
    )
    picture(root / "test" / "images" / "test_0.JPEG", 0)
    write(root / "wnids.txt", keys)
    write(
        root / "words.txt",
        ["n99999999\tother", *(f"{key}\t{words}" for key, words in WORDS.items())],
    )


def gtsrb_kaggle(root: Path) -> None:
    classes(root / "Train", ["0", "1", "2"], 5, "png")
    names = flat(root / "Test", "{:05}.png", [2, 0, 1])
    write(
        root / "Test.csv",
        [
            "Width,Height,ClassId,Path",
            *(f"29,30,{k},Test/{n}" for k, n in zip((2, 0, 1), names, strict=True)),
        ],
    )
    write(root / "Train.csv", ["Width,Height,ClassId,Path", "29,30,0,Train/0/0_0.png"])
    picture(root / "Meta" / "0.png", 0)
    write(root / "Meta.csv", ["Path,ClassId,ShapeId", "Meta/0.png,0,0"])


def gtsrb_authors(root: Path) -> None:
    classes(root / "Final_Training" / "Images", ["00000", "00001", "00002"], 5, "ppm")
    write(
        root / "Final_Training" / "Images" / "00000" / "GT-00000.csv",
        ["Filename;Width;ClassId", "00000_0.ppm;8;0"],
    )
    images = root / "Final_Test" / "Images"
    names = flat(images, "{:05}.ppm", [1, 0, 2])
    write(images / "GT-final_test.test.csv", ["Filename;Width", *(f"{n};8" for n in names)])
    write(
        images / "GT-final_test.csv",
        ["Filename;Width;ClassId", *(f"{n};8;{k}" for n, k in zip(names, (1, 0, 2), strict=True))],
    )


def imagenet_sorted(root: Path) -> None:
    classes(root / "val", list(WORDS), 3)
    write(root / "LOC_synset_mapping.txt", [f"{key} {words}" for key, words in WORDS.items()])


def imagenet_val(root: Path) -> list[str]:
    return flat(root, "ILSVRC2012_val_{:08}.JPEG", [2, 0, 1, 0, 2, 1])


def imagenet_solution(root: Path) -> None:
    keys = list(WORDS)
    stems = [name.removesuffix(".JPEG") for name in imagenet_val(root)]
    rows = [
        f"{stem},{keys[k]} 1 2 30 40 {keys[k]} 5 6 7 8"
        for stem, k in zip(stems, (2, 0, 1, 0, 2, 1), strict=True)
    ]
    write(root / "LOC_val_solution.csv", ["ImageId,PredictionString", *rows])
    write(root / "LOC_synset_mapping.txt", [f"{key} {words}" for key, words in WORDS.items()])


def imagenet_numbers(root: Path) -> None:
    names = imagenet_val(root)
    write(root / "val.txt", [f"{n} {k}" for n, k in zip(names, (2, 0, 1, 0, 2, 1), strict=True)])
    write(root / "LOC_synset_mapping.txt", [f"{key} {words}" for key, words in WORDS.items()])


def imagenet_labels(root: Path) -> None:
    names = imagenet_val(root / "val")
    keys = list(WORDS)
    write(
        root / "labels.csv",
        ["file,label", *(f"{n},{keys[k]}" for n, k in zip(names, (2, 0, 1, 0, 2, 1), strict=True))],
    )


def imagenet_subset(root: Path) -> None:
    classes(root / "val", list(WORDS), 3)
    shutil.rmtree(root / "val" / "n02124075")
    write(root / "LOC_synset_mapping.txt", [f"{key} {words}" for key, words in WORDS.items()])


def imagenet_kaggle(root: Path) -> None:
    classes(root / "train", list(WORDS), 5)
    keys = list(WORDS)
    stems = [name.removesuffix(".JPEG") for name in imagenet_val(root / "val")]
    rows = [
        f"{stem},{keys[k]} 1 2 30 40" for stem, k in zip(stems, (2, 0, 1, 0, 2, 1), strict=True)
    ]
    write(root / "LOC_val_solution.csv", ["ImageId,PredictionString", *rows])
    write(
        root / "LOC_train_solution.csv",
        ["ImageId,PredictionString", "n01443537_0,n01443537 1 2 3 4"],
    )
    write(root / "LOC_synset_mapping.txt", [f"{key} {words}" for key, words in WORDS.items()])
    flat(root / "test", "ILSVRC2012_test_{:08}.JPEG", [0, 0])


def kaggle_tables(root: Path) -> None:
    for part, count in (("train", 15), ("test", 6)):
        names = flat(root / part, "{}.png", [i % 3 for i in range(count)])
        rows = [f"{n.split('.')[0]},{('cat', 'dog', 'eel')[i % 3]}" for i, n in enumerate(names)]
        write(root / f"{part}.csv", ["id,label", *rows])


def table(root: Path) -> None:
    rows = ["path,label,split"]
    for i in range(18):
        picture(root / "images" / f"{i}.png", 40 * (i % 3))
        rows.append(f"images/{i}.png,{('cat', 'dog', 'eel')[i % 3]},{'test' if i < 6 else 'train'}")
    write(root / "all.csv", rows)


def parts(root: Path) -> None:
    classes(root / "train", ["cat", "dog", "eel"], 5)
    classes(root / "test", ["cat", "dog", "eel"], 2)


def with_validation(root: Path) -> None:
    parts(root)
    classes(root / "val", ["cat", "dog", "eel"], 2, "png")


def word_of_a_part(root: Path) -> None:
    classes(root / "training_set", ["cat", "dog", "eel"], 5)
    classes(root / "test_set", ["cat", "dog", "eel"], 2)
    picture(root / "single_prediction" / "cat_or_dog.JPEG", 40)


def part_in_a_folder_of_its_name(root: Path) -> None:
    classes(root / "seg_train" / "seg_train", ["cat", "dog", "eel"], 5)
    classes(root / "seg_test" / "seg_test", ["cat", "dog", "eel"], 2)
    picture(root / "seg_pred" / "seg_pred" / "1.JPEG", 40)


def one_part(root: Path) -> None:
    classes(root, ["cat", "dog", "eel"], 5)


def flat_with_labels(root: Path) -> None:
    names = flat(root / "images", "{:03}.jpg", [i % 3 for i in range(15)])
    write(
        root / "labels.csv",
        ["filename,class", *(f"{n},{('cat', 'dog', 'eel')[i % 3]}" for i, n in enumerate(names))],
    )


def flat_with_parts(root: Path) -> None:
    names = flat(root / "images", "{:03}.jpg", [i % 3 for i in range(21)])
    parts = ["train"] * 12 + ["val"] * 3 + ["test"] * 6
    write(
        root / "labels.csv",
        [
            "filename,label,split",
            *(
                f"{n},{('cat', 'dog', 'eel')[i % 3]},{part}"
                for i, (n, part) in enumerate(zip(names, parts, strict=True))
            ),
        ],
    )


def with_order(root: Path) -> None:
    parts(root)
    (root / "class_to_idx.json").write_text(json.dumps({"eel": 0, "cat": 1, "dog": 2}))


def numbered(root: Path) -> None:
    classes(root / "train", ["0", "1", "2"], 5)
    classes(root / "test", ["0", "1", "2"], 2)
    write(root / "labels.txt", ["stop", "go", "wait"])


LAYOUTS = (
    Layout("class folders in parts", "`train/cat/`, `test/cat/`", parts),
    Layout("with validation", "`train/cat/`, `val/cat/`, `test/cat/`", with_validation),
    Layout("parts called otherwise", "`training_set/cat/`, `test_set/cat/`", word_of_a_part),
    Layout("parts in folders of their names", "`seg_train/seg_train/cat/`, `seg_test/seg_test/cat/`, `seg_pred/`", part_in_a_folder_of_its_name),
    Layout("class folders alone", "`cat/`, `dog/`", one_part),
    Layout("one folder and a file of labels", "`images/*.jpg`, `labels.csv`", flat_with_labels),
    Layout("one folder and a file of labels and parts", "`images/*.jpg`, `labels.csv` with `filename`, `label`, `split` (train, val, test)", flat_with_parts),
    Layout("an order of its own", "`train/`, `test/`, `class_to_idx.json`", with_order),
    Layout("numbers and names", "`train/0/`, `test/0/`, `labels.txt`", numbered),
    Layout("a table of files", "`all.csv` with `path`, `label`, `split`", table, "csv:{root}/all.csv"),
    Layout("Tiny-ImageNet", "`train/n01443537/images/`, `val/images/`, `val/val_annotations.txt`, `words.txt`", tiny_imagenet),
    Layout("GTSRB from Kaggle", "`Train/0/`, `Test/*.png`, `Test.csv`", gtsrb_kaggle),
    Layout("GTSRB of its authors", "`Final_Training/Images/00000/`, `Final_Test/Images/*.ppm`, `GT-final_test.csv` with them", gtsrb_authors),
    Layout("Kaggle's tables", "`train/*.png`, `train.csv`, `test/*.png`, `test.csv` (each `id,label`)", kaggle_tables),
    Layout("ImageNet from Kaggle", "`train/n01443537/`, `val/*.JPEG`, `LOC_val_solution.csv`, `LOC_synset_mapping.txt`", imagenet_kaggle),
    Layout("ImageNet's val, sorted", "`val/n01443537/`, `LOC_synset_mapping.txt`", imagenet_sorted, "all-test:{root}"),
    Layout("ImageNet's val, not sorted", "`ILSVRC2012_val_*.JPEG`, `LOC_val_solution.csv`, `LOC_synset_mapping.txt`", imagenet_solution, "all-test:{root}"),
    Layout("some classes of ImageNet's val", "`val/n01443537/`, ..., `LOC_synset_mapping.txt` with all classes", imagenet_subset, "all-test:{root}"),
    Layout("ImageNet's val with numbers", "`ILSVRC2012_val_*.JPEG`, `val.txt` (`FILE 65`), `LOC_synset_mapping.txt`", imagenet_numbers, "all-test:{root}"),
    Layout("ImageNet's val and a table", "`val/ILSVRC2012_val_*.JPEG`, `labels.csv` (`file,label`)", imagenet_labels, "all-test:{root}"),
)  # fmt: skip
