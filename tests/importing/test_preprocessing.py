"""A network gets its own inputs wherever it is used: normalisation, order of channels, size, and
how images become square."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from run_helpers import small_config
from safetensors.torch import save_file
from torch import nn
from weights_helpers import import_weights

from bickd_cli.main import main
from bickd_core.comparing.comparison import (
    check_same_data,
    inputs_sentence,
    preparation_sentence,
    seen_sentence,
)
from bickd_core.data.normalisation import CHOICES, usual
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import load_dataset, sample_paths
from bickd_core.data.resizing import Resize, Resizing
from bickd_core.exporting.export import export
from bickd_core.exporting.kinds import FORMATS
from bickd_core.exporting.network import network_of
from bickd_core.importing.folder_config import read_inputs
from bickd_core.importing.inputs import OtherNormalisation, expected_normalisation
from bickd_core.importing.weights import ImportRequest
from bickd_core.models import register_model
from bickd_core.models.wrapped import Wrapped
from bickd_core.runs.create import check_run, create_run, record_preprocessing
from bickd_core.runs.library import RunError, RunInfo, Source
from bickd_core.runs.predictions import PredictionsError
from bickd_core.training.setup import build_race, load_run_model, view_key

pytestmark = pytest.mark.usefixtures("quick_umap")
IMAGENET = usual((0.0,) * 3, (1.0,) * 3)["imagenet"]
SHADES = ((200, 90, 40), (40, 90, 200), (110, 190, 90))
"""Of the classes: red, blue and green, none of them pure."""


class Small(nn.Module):
    """A convolution, mean over positions, a linear layer; its weights come from a seed."""

    def __init__(self, num_classes, in_channels):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv = nn.Conv2d(in_channels, 8, 3, padding=1)
            self.head = nn.Linear(8, num_classes)

    def forward(self, images):
        return self.head(torch.relu(self.conv(images)).mean((2, 3)))


@pytest.fixture(autouse=True, scope="module")
def small_net():
    register_model(
        "small-net", lambda num_classes, in_channels: Wrapped(Small(num_classes, in_channels))
    )


@pytest.fixture
def folder(tmp_path):
    """Three colours, 12 noisy images each of 16 x 12 pixels."""
    random = np.random.default_rng(0)
    for name, shade in zip(("a", "b", "c"), SHADES, strict=True):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(12):
            noise = random.integers(-30, 30, (12, 16, 3))
            pixels = np.clip(np.array(shade) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{i}.png")
    return f"folder:{tmp_path / 'set'}"


@pytest.fixture
def weights(tmp_path):
    save_file(Small(3, 3).state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def bickd(arguments):
    """The command's exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def request(folder, **changes):
    fields = {
        "arch": "small-net",
        "dataset": folder,
        "name": "mine",
        "role": "teacher",
        "normalisation": "data",
    }
    return ImportRequest(**{**fields, **changes})


def as_expected(images, own, size=None):
    """What a network of its own sees of uint8 images, written out; float32 [N, 3, H, W]."""
    values = torch.tensor(images[:]).float() / 255
    values = (values - torch.tensor(own.mean).view(1, 3, 1, 1)) / torch.tensor(own.std).view(
        1, 3, 1, 1
    )
    if own.channel_order == "bgr":
        values = values[:, [2, 1, 0]]
    if size is not None:
        values = torch.nn.functional.interpolate(values, (size, size), mode="bilinear")
    return values


def test_a_run_yaml_from_before_reads_as_before(teacher):
    fields = yaml.safe_load((teacher.path / "run.yaml").read_text())
    fields.pop("preprocessing", None)
    fields["normalisation"] = {"name": "half", "mean": [0.5], "std": [0.5]}
    own = RunInfo.model_validate(fields).preprocessing
    assert own == Preprocessing(name="half", mean=(0.5,), std=(0.5,))
    assert (own.channel_order, own.input_size, own.resizing) == ("rgb", None, Resizing())
    fields["normalisation"] = None
    assert RunInfo.model_validate(fields).preprocessing is None
    assert RunInfo.model_validate(fields).resizing == Resizing()
    with pytest.raises(ValueError, match="channel_order"):
        RunInfo.model_validate(
            {
                **fields,
                "normalisation": {
                    "name": "half",
                    "mean": [0.5],
                    "std": [0.5],
                    "channel_order": "gbr",
                },
            }
        )


def test_all_of_it_is_recorded_and_applied(folder, weights, library):
    fields = {
        "normalisation": "imagenet",
        "channel_order": "bgr",
        "image_size": 8,
        "input_size": 16,
    }
    run = import_weights(
        weights, request(folder, **fields, resize="pad", interpolation="box"), library
    )
    own = run.info().preprocessing
    assert own == Preprocessing(
        name="imagenet", mean=IMAGENET.mean, std=IMAGENET.std, channel_order="bgr", input_size=16, resize="pad",
        interpolation="box",
    )  # fmt: skip
    data = load_dataset(folder, image_size=8, resizing=Resizing(resize="pad", interpolation="box"))
    with torch.inference_mode():
        expected = Small(3, 3)(as_expected(data.test.images, own, 16)).numpy()
    np.testing.assert_allclose(run.predictions("test").logits, expected, atol=1e-5)
    assert run.info().network_shape == (3, 16, 16)
    assert run.info().cost.macs == 16 * 16 * 8 * 27 + 24
    card = (run.path / "README.md").read_text()
    assert (
        "Images are scaled to fit, with black borders (box). Network input: 16 × 16 pixels, "
        in card
    )
    assert "BGR, mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)." in card


@pytest.mark.parametrize("way", ["live", "stored"])
@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "imagenet"},
        {"normalisation": "imagenet", "channel_order": "bgr"},
        {"normalisation": "half", "channel_order": "bgr", "input_size": 16},
    ],
)
def test_each_model_of_a_race_gets_its_own_inputs(folder, weights, library, way, changes):
    """Outputs of a teacher of other inputs, and of a student of the data's own, are those of each
    alone."""
    run = import_weights(weights, request(folder, image_size=8, **changes), library)
    config = small_config(
        dataset=folder, image_size=8, train_limit=None, teacher="mine", objective={"kind": "kd"}, arch="small-net",
        teacher_outputs=way, augment=False, batch_size=8,
    )  # fmt: skip
    (job,) = build_race([config], library, lambda words: None)
    list(job.batches.prepare(0))
    picked = torch.arange(8)
    batch = job.batches.get(picked, 0, 0)
    own, data = run.info().preprocessing, job.dataset
    mine = Preprocessing(name="data", mean=data.mean, std=data.std)
    images = data.train.images[:8]
    job.student.eval()
    with torch.inference_mode():
        taught = Small(3, 3)(as_expected(images, own, changes.get("input_size")))
        torch.testing.assert_close(batch.teacher.logits.float(), taught, atol=1e-5, rtol=1e-5)
        alone = Small(3, 3)
        alone.load_state_dict(job.student.state_dict())
        said = job.outputs(batch.inputs, features=False, maps=False).logits
        torch.testing.assert_close(said, alone(as_expected(images, mine)), atol=1e-5, rtol=1e-5)


def test_the_store_of_views_tells_inputs_apart(folder, weights, library):
    ways = [{}, {"normalisation": "imagenet"}, {"channel_order": "bgr"}, {"input_size": 16}]
    runs = [
        import_weights(weights, request(folder, image_size=8, name=f"r{i}", **way), library)
        for i, way in enumerate(ways)
    ]
    data = load_dataset(folder, image_size=8)
    config = small_config(
        dataset=folder, image_size=8, train_limit=None, teacher="r0", objective={"kind": "kd"}
    )
    (job,) = build_race([config], library, lambda words: None)
    keys = [view_key(config, run, data, job.hardware, frozenset()).digest for run in runs]
    assert len(set(keys)) == 4
    older = runs[0].info().preprocessing.model_copy(update={"input_size": None})
    runs[0].write_info(runs[0].info().model_copy(update={"preprocessing": older}))
    assert view_key(config, runs[0], data, job.hardware, frozenset()).digest == keys[0]


def test_images_get_the_size_of_the_network_where_they_can(folder, weights, library):
    run = import_weights(weights, request(folder, input_size=24), library)
    assert (run.info().image_size, run.info().preprocessing.input_size) == (24, 24)
    save_file(Small(10, 1).state_dict(), weights)
    run = import_weights(weights, request("digits", name="scaled", input_size=24), library)
    assert (run.info().image_size, run.info().preprocessing.input_size) == (8, 24)


def test_a_student_has_its_teachers_way_of_resizing(folder, weights, library):
    import_weights(weights, request(folder, resize="stretch", interpolation="bilinear"), library)
    student = small_config(
        dataset=folder, train_limit=None, teacher="mine", objective={"kind": "kd"}
    )
    info = check_run(student, library)
    assert (info.config.resize, info.config.interpolation, info.config.crop_share) == (
        "stretch", "bilinear", None
    )  # fmt: skip
    assert info.resizing == Resizing(resize="stretch", interpolation="bilinear")
    with pytest.raises(
        RunError,
        match=(
            "run 'mine' has images stretched to a square .bilinear., but `resize` pad was requested"
        ),
    ):
        check_run(student.model_copy(update={"resize": "pad"}), library)
    (job,) = build_race([info.config], library, lambda words: None)
    assert job.dataset.content == library.locate("mine").info().data_content
    alone = check_run(
        small_config(dataset=folder, train_limit=None, role="teacher", resize="crop"), library
    )
    assert alone.config.resize is None  # the default has one form
    with pytest.raises(ValueError, match="are already square"):
        check_run(small_config(role="teacher", resize="pad"), library)


def test_a_trained_run_records_its_inputs_when_its_data_are_read(folder, library):
    config = small_config(dataset=folder, train_limit=None, role="teacher", resize="pad")
    run = create_run(config, library, name="trained")
    assert run.info().preprocessing is None
    data = load_dataset(folder, resizing=run.info().resizing)
    record_preprocessing(run, data)
    own = run.info().preprocessing
    assert (own.name, own.mean, own.input_size, own.resize) == ("data", data.mean, 12, "pad")


def test_runs_of_other_sizes_and_shapes_are_compared_and_it_is_said(folder, weights, library):
    first = import_weights(weights, request(folder, name="first"), library)
    second = import_weights(
        weights,
        request(folder, name="second", role="student", teacher="first", resize="stretch"),
        library,
    )
    infos = [first.info(), second.info()]
    assert infos[0].data_content != infos[1].data_content
    check_same_data(infos)
    assert (
        preparation_sentence(["the teacher", "mine"], infos)
        == "The models saw the same samples in different sizes or shapes: the teacher at 12 × 12 pixels, cut"
        " to the central square (bicubic); mine at 12 × 12 pixels, stretched to a square"
        " (bicubic)."
    )
    assert preparation_sentence(["a", "b"], infos[:1] * 2) == ""
    assert "shapes: a, c at 12 × 12 pixels, cut" in preparation_sentence(
        ["a", "b", "c"], [*infos, infos[0]]
    )
    changed = infos[1].model_copy(update={"data_content": "other"})
    with pytest.raises(PredictionsError, match="changed between the runs 'second' and 'second'"):
        check_same_data([infos[0], infos[1], changed])


def test_other_inputs_and_images_seen_in_training_are_said(make_run):
    def info(run, kind="imported", **inputs):
        values = {"name": "data", "mean": (0.3,), "std": (0.2,), "input_size": 8, **inputs}
        made = make_run(run).info()
        return made.model_copy(
            update={"preprocessing": Preprocessing(**values), "source": Source(kind=kind)}
        )

    half = {"name": "half", "mean": (0.5,), "std": (0.5,)}
    own, other, given = (
        info("a", kind="trained"),
        info("b", **half, input_size=16),
        info("c", name="given", mean=(0.5,), std=(0.5,), input_size=16),
    )
    older = own.model_copy(update={"preprocessing": None})
    predictions = other.model_copy(update={"source": Source(kind="predictions")})
    assert inputs_sentence(["a", "b", "o", "c"], [own, other, older, given]) == (
        "The networks got different inputs. a, o: the data's own mean and std; b, c: mean 0.5 and"
        " std 0.5, scaled to 16 × 16 pixels."
    )
    assert inputs_sentence(["a", "o", "p"], [own, older, predictions]) == ""
    names, infos = ["a", "b", "p"], [own, other, predictions]
    assert seen_sentence(names, infos, "validation") == (
        "Validation is a part of the training images, so imported networks were probably trained on"
        " it (b). Their figures on it are then better than on new images."
    )
    assert seen_sentence(names, infos, "test") == ""
    assert seen_sentence(["a", "p"], [own, predictions], "validation") == ""


def test_exports_take_their_inputs_along(folder, weights, library):
    run = import_weights(
        weights,
        request(folder, normalisation="imagenet", channel_order="bgr", image_size=8, input_size=16, crop_share=0.5),
        library,
    )  # fmt: skip
    network = network_of(run)
    own, config = run.info().preprocessing, network.config()
    assert network.preprocessing == own
    names = ("channel_order", "input_size", "resize", "interpolation", "crop_share")
    assert {name: config[name] for name in names} == {name: getattr(own, name) for name in names}
    data = load_dataset(folder, image_size=8, resizing=own.resizing)
    values = torch.tensor(data.test.images[:]).float() / 255
    with torch.inference_mode():
        said = network.on_unit_range()(values)
    np.testing.assert_allclose(said.numpy(), run.predictions("test").logits, atol=1e-5)
    again = load_run_model(run, data)
    assert again.bgr


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "imagenet", "channel_order": "bgr"},
        {"image_size": 8, "input_size": 16},
        {"image_size": 16, "input_size": 12},
    ],
)
def test_programs_make_their_own_inputs(folder, weights, library, tmp_path, kind, changes):
    """The export compares the program with the original on random images, and refuses another
    one."""
    for name in FORMATS[kind].needs:
        pytest.importorskip(name, reason=f"{name} is not installed")
    run = import_weights(weights, request(folder, **changes), library)
    assert (export(run, kind, tmp_path / "export", library) / f"model.{kind}").exists()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the lines close no file
@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "imagenet", "channel_order": "bgr", "resize": "pad"},
        {"crop_share": 0.7, "interpolation": "bilinear"},
        {"resize": "stretch", "interpolation": "lanczos"},
        {"resize": "stretch", "crop_share": 0.7},
        {"normalisation": "half", "image_size": 8, "input_size": 16},
        {"image_size": 16, "input_size": 8},
    ],
)
def test_the_lines_of_an_export_give_the_runs_own_logits(
    folder, weights, library, tmp_path, monkeypatch, changes
):
    run = import_weights(weights, request(folder, **changes), library)
    made = export(run, "safetensors", tmp_path / "export", library)
    predictions = run.predictions("test")
    file = Path(folder.partition(":")[2]) / sample_paths(folder, "test")[int(predictions.ids[0])]
    (made / "image.png").write_bytes(file.read_bytes())
    (code,) = re.findall(r"```python\n(.*?)```", (made / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(made)
    found: dict[str, torch.Tensor] = {}
    exec(code, found)
    np.testing.assert_allclose(
        found["logits"].detach().numpy()[0], predictions.logits[0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"normalisation": "given", "mean": (0.5,), "std": (0.5,)},
            "a number for each of 3 channels, got 1",
        ),
        (
            {"normalisation": "given"},
            "`mean` and `std` must be used with the normalisation 'given'",
        ),
        ({"mean": (0.5,)}, "must be given together"),
        ({"resize": "pad", "crop_share": 0.5}, "keeps the whole image"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(folder, weights, library, changes, words):
    with pytest.raises(ValueError, match=words):
        import_weights(weights, request(folder, **changes), library)


def test_bgr_is_for_colour(weights, library):
    save_file(Small(10, 1).state_dict(), weights)
    with pytest.raises(ValueError, match="'bgr' needs images with 3 channels, got 1"):
        import_weights(weights, request("digits", channel_order="bgr"), library)


def test_numbers_may_be_given(folder, weights, library):
    given = {"normalisation": "given", "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)}
    run = import_weights(weights, request(folder, **given), library)
    assert (run.info().preprocessing.name, run.info().preprocessing.std) == (
        "given",
        (0.2, 0.3, 0.4),
    )
    assert "given" in run.info().source.tried


def test_the_command_takes_all_of_it(folder, weights, library, monkeypatch, capsys):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setattr(
        "bickd_core.importing.weights.complete_in_background", lambda run, library: None
    )
    monkeypatch.setattr("bickd_core.importing.weights.import_weights", import_weights)
    asked = [
        "import",
        str(weights),
        "--arch",
        "small-net",
        "--dataset",
        folder,
        "--role",
        "teacher",
    ]
    more = ["--mean", "0.4", "0.5", "0.6", "--std", "0.2", "0.3", "0.4", "--channel-order", "bgr"]
    assert (
        bickd(
            [*asked, *more, "--resize", "stretch", "--interpolation", "lanczos", "--name", "shell"]
        )
        == 0
    )
    own = library.find("shell").info().preprocessing
    assert (own.mean, own.channel_order, own.resize, own.interpolation) == (
        (0.4, 0.5, 0.6), "bgr", "stretch", "lanczos"
    )  # fmt: skip
    assert own.sentence(resized=True) in capsys.readouterr().out
    assert (
        bickd([*asked, "--normalisation", "cifar10", "--input-size", "24", "--name", "preset"]) == 0
    )
    own = library.find("preset").info().preprocessing
    assert (own.name, own.mean, own.input_size) == ("cifar10", (0.4914, 0.4822, 0.4465), 24)
    assert bickd([*asked, *more, "--normalisation", "half", "--name", "both"]) != 0
    assert "`--mean` and `--std` replace `--normalisation`" in capsys.readouterr().err


def test_imagenets_val_as_it_lies_is_evaluated(tmp_path, weights, library, monkeypatch, capsys):
    """--all-test on a flat folder with Kaggle's solution: every image is a test image, and none is
    validation."""
    keys = ["n01443537", "n02124075", "n07747607"]
    rows = []
    for i in range(9):
        stem = f"ILSVRC2012_val_{i:08}"
        (tmp_path / "val").mkdir(exist_ok=True)
        Image.fromarray(np.full((12, 16, 3), SHADES[i % 3], "uint8")).save(
            tmp_path / "val" / f"{stem}.JPEG"
        )
        rows.append(f"{stem},{keys[i % 3]} 1 2 3 4")
    (tmp_path / "val" / "LOC_val_solution.csv").write_text(
        "\n".join(["ImageId,PredictionString", *rows])
    )
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setattr("bickd_core.importing.weights.import_weights", import_weights)
    asked = [
        "import",
        str(weights),
        "--arch",
        "small-net",
        "--dataset",
        str(tmp_path / "val"),
        "--all-test",
    ]
    assert bickd([*asked, "--role", "teacher", "--normalisation", "half", "--name", "val"]) == 0
    run = library.find("val")
    assert run.info().dataset == f"all-test:{tmp_path / 'val'}"
    assert len(run.predictions("test")) == 9
    assert run.predictions("test").class_names == tuple(keys)
    assert not run.has_predictions("validation")
    said = capsys.readouterr().out
    assert "of 9 test images are right (" in said
    assert "held out" not in said
    assert "of 9 test images are right (" in (run.path / "README.md").read_text()


TIMM = {
    "architecture": "x",
    "pretrained_cfg": {
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "input_size": [3, 24, 24],
        "interpolation": "bilinear", "crop_pct": 0.75, "crop_mode": "center",
    },
}  # fmt: skip


def test_configs_of_folders_are_read(tmp_path, folder, weights, library, monkeypatch):
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "config.json").write_text(json.dumps(TIMM))
    found = {
        "normalisation": "imagenet", "input_size": 24, "interpolation": "bilinear", "resize": "crop", "crop_share": 0.75
    }  # fmt: skip
    assert read_inputs(hub) == found
    weights.rename(hub / "model.safetensors")
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setattr("bickd_core.importing.weights.import_weights", import_weights)
    asked = ["import", str(hub), "--arch", "small-net", "--dataset", folder, "--role", "teacher"]
    assert bickd([*asked, "--name", "hub"]) == 0
    own = library.find("hub").info().preprocessing
    assert (own.name, own.input_size, own.crop_share, own.interpolation) == (
        "imagenet",
        24,
        0.75,
        "bilinear",
    )
    assert bickd([*asked, "--name", "wish", "--normalisation", "none", "--resize", "pad"]) == 0
    own = library.find("wish").info().preprocessing
    assert (own.name, own.crop_share, own.resize) == ("none", 1, "pad")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (
            {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 224, "width": 224}, "resample": 2},
            {"normalisation": "half", "interpolation": "bilinear", "input_size": 224, "resize": "stretch"},
        ),
        (
            {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "size": {"shortest_edge": 256},
             "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "resample": 3},
            {"normalisation": "given", "mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28), "input_size": 224,
             "interpolation": "bicubic", "resize": "crop", "crop_share": 0.875},
        ),
        ({"do_normalize": False, "size": 64}, {"normalisation": "none", "input_size": 64, "resize": "stretch"}),
        ({"image_mean": [1], "image_std": ["x"], "size": [1]}, {}),
    ],
)  # fmt: skip
def test_preprocessor_configs_of_transformers_are_read(tmp_path, config, found):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    assert read_inputs(tmp_path) == found


def test_timms_squash_and_border_are_stretch_and_pad(tmp_path):
    for mode, resize in (("squash", "stretch"), ("border", "pad"), (["x"], None)):
        config = {"pretrained_cfg": {**TIMM["pretrained_cfg"], "crop_mode": mode}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert read_inputs(tmp_path).get("resize") == resize
        assert ("crop_share" in read_inputs(tmp_path)) == (resize != "pad")


def test_our_own_exports_are_read_again(folder, weights, library, tmp_path):
    run = import_weights(
        weights, request(folder, normalisation="half", channel_order="bgr", resize="pad"), library
    )
    (tmp_path / "config.json").write_text(json.dumps(network_of(run).config()))
    assert read_inputs(tmp_path) == {
        "normalisation": "half", "input_size": 12, "channel_order": "bgr", "interpolation": "bicubic", "resize": "pad"
    }  # fmt: skip


def test_imagenet_is_expected_of_timm_and_torchvision(folder, weights, library):
    assert (
        expected_normalisation("timm:resnet18")
        == expected_normalisation("resnet18-imagenet")
        == "imagenet"
    )
    assert expected_normalisation("resnet8") == "data"
    error = OtherNormalisation("data", {"data": 0.9, "imagenet": 0.5}, 100, "imagenet")
    assert str(error).startswith("with the data's own mean and std, 90.0% of 100")
    assert "with ImageNet's mean and std only 50.0%" in str(error)


def test_the_tables_of_the_docs_say_what_is_true():
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    presets = {
        name.strip("`"): (mean, std) for name, mean, std, *_ in (r for r in rows if len(r) == 3)
    }
    own = usual((0.1,) * 3, (0.2,) * 3)
    assert {name for name in presets if name in CHOICES} == set(CHOICES)
    for name in CHOICES[1:]:
        for said, values in zip(presets[name], (own[name].mean, own[name].std), strict=True):
            assert said == ", ".join(f"{value:.4g}" for value in values)
    fields = {field.strip("` ") for row in rows for field in row[0].split(",")}
    assert set(Preprocessing.model_fields) <= fields
    assert set(get_args(Resize)) <= fields
