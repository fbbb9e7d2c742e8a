"""Tables of images that name an image in several rows."""

from pathlib import Path

import numpy as np
import pytest
from image_layouts import picture, write

from bickd_core.data import image_folder, image_table
from bickd_core.data.errors import DataError
from bickd_core.data.listing import split_positions


def boxes(root: Path, images: int = 20, each: int = 3) -> list[str]:
    """Write images, and return the lines of a table with some boxes for each."""
    for i in range(images):
        picture(root / "images" / f"{i}.png", 5 * i)
    rows = [f"{i}.png,{'cat' if i % 2 else 'dog'},{x}" for i in range(images) for x in range(each)]
    return ["filename,class,xmin", *rows]


@pytest.mark.parametrize("of_folder", [False, True])
def test_an_image_with_several_rows_is_read_once(of_folder, tmp_path, caplog):
    write(tmp_path / "labels.csv", boxes(tmp_path))
    found = (
        image_folder.listing(tmp_path)
        if of_folder
        else image_table.listing(tmp_path / "labels.csv")
    )
    assert len(found.labels["all"]) == len(set(found.paths["all"])) == 20
    assert np.bincount(found.labels["all"]).tolist() == [10, 10]
    positions = split_positions(found.labels)
    paths = [{found.paths["all"][i] for i in positions[part][1]} for part in ("train", "test")]
    assert not paths[0] & paths[1]
    assert "40 rows of" in caplog.text


def test_an_image_of_two_classes_is_refused(tmp_path):
    for part in ("train/cat", "train/dog", "test"):
        picture(tmp_path / part / "a.png", 40)
    write(tmp_path / "test" / "labels.csv", ["file,label", *["a.png,cat"] * 2, "a.png,dog"])
    for read, path in (
        (image_folder.listing, tmp_path),
        (image_table.listing, tmp_path / "test" / "labels.csv"),
    ):
        with pytest.raises(DataError, match=r"'a.png' .* 'cat' \(row 1\) and 'dog' \(row 3\)"):
            read(path)


def test_an_image_of_two_parts_is_refused(tmp_path):
    picture(tmp_path / "a.png", 40)
    write(tmp_path / "all.csv", ["file,label,split", "a.png,cat,train", "a.png,cat,test"])
    with pytest.raises(DataError, match=r"the parts 'train' \(row 1\) and 'test' \(row 2\)"):
        image_table.listing(tmp_path / "all.csv")
