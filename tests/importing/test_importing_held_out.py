"""A source without a test part: the held-out images are reported and listed when weights are
imported."""

import csv

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from weights_helpers import import_weights

from bickd_core.comparing.comparison import seen_sentence
from bickd_core.data.registry import dataset_info, held_out, held_out_table, load_dataset
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.importing.load_network import check_shapes
from bickd_core.importing.weights import ImportRequest
from bickd_core.models.factory import create_model

pytestmark = pytest.mark.usefixtures("quick_umap")


def folder_of_images(root, parts=("",)):
    rng = np.random.default_rng(0)
    for part in parts:
        for name in ("a", "b, c"):
            for i in range(20):
                path = root / part / name / f"{i:02d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(path)
    return f"folder:{root}"


def test_a_folder_that_is_one_level_too_high_is_recognised_by_its_classes(tmp_path):
    for name in ("Dataset", "Examples"):
        folder_of_images(tmp_path / "repo" / name)
    shapes = {key: value.shape for key, value in create_model(
        "resnet8", num_classes=10, in_channels=3
    ).state_dict().items()}  # fmt: skip
    info = dataset_info(f"folder:{tmp_path / 'repo'}")
    with pytest.raises(RefusedFile) as caught:
        check_shapes(shapes, "resnet8", info)
    assert str(caught.value) == (
        "These weights of resnet8 are for other data: fc.weight has 10 rows, but dataset"
        f" folder:{tmp_path / 'repo'} has 2 classes (Dataset, Examples)."
    )


def test_the_list_names_the_very_files_of_test_before_and_after_decoding(tmp_path):
    name = folder_of_images(tmp_path / "images")
    assert dataset_info(name).carved
    listed = held_out(name)
    data = load_dataset(name)
    assert [row[0] for row in listed] == data.test.ids.tolist()
    assert held_out(name) == listed  # out of the store
    for position, file in listed:
        image = np.asarray(Image.open(tmp_path / "images" / file)).transpose(2, 0, 1)
        at = data.test.ids.tolist().index(position)
        np.testing.assert_array_equal(data.test.images[at], image)
    rows = list(csv.reader(held_out_table(listed).splitlines()))
    assert rows[1:] == [[str(position), file] for position, file in listed]


def test_nothing_is_held_out_where_the_source_has_a_test_part(tmp_path):
    name = folder_of_images(tmp_path / "images", ("train", "test"))
    assert not dataset_info(name).carved
    assert held_out(name) is None
    assert held_out("digits") is None


def test_rows_of_arrays_have_ids_and_no_files(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(40) % 2)
    listed = held_out(f"npz:{tmp_path}/d.npz")
    assert len(listed) == 8
    assert {file for _, file in listed} == {""}


def test_an_import_keeps_the_list(tmp_path, library):
    name = folder_of_images(tmp_path / "images")
    save_file(create_model("convnet-small", num_classes=2).state_dict(), tmp_path / "w.safetensors")
    request = ImportRequest(arch="convnet-small", dataset=name, name="mine", normalisation="data")
    run = import_weights(tmp_path / "w.safetensors", request, library)
    assert run.held_out_path.read_text() == held_out_table(held_out(name))
    assert run.info().source.saw_validation


def test_a_validation_part_was_not_seen_in_training(tmp_path, library):
    name = folder_of_images(tmp_path / "images", ("train", "val", "test"))
    save_file(create_model("convnet-small", num_classes=2).state_dict(), tmp_path / "w.safetensors")
    request = ImportRequest(arch="convnet-small", dataset=name, name="mine")
    run = import_weights(tmp_path / "w.safetensors", request, library)
    validation = run.predictions("validation")
    assert validation.ids.tolist() == list(range(40, 80))
    assert np.array_equal(validation.labels, load_dataset(name).validation.labels)
    info = run.info()
    assert not info.source.saw_validation
    assert (info.source.tried_on, info.source.tried_train) == (80, 40)
    assert seen_sentence(["mine"], [info], "validation") == ""
