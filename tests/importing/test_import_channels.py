"""Networks with three channels on grey images, and with one channel on colour images."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from program_files import exported
from run_helpers import small_config
from safetensors.torch import save_file
from weights_helpers import import_weights, made_model

from bickd_core.data.normalisation import LUMA, usual
from bickd_core.data.registry import load_dataset
from bickd_core.exporting.network import network_of
from bickd_core.importing.weights import ImportRequest
from bickd_core.models.factory import create_model
from bickd_core.models.own import VARIABLE
from bickd_core.models.renormalised import Renormalised
from bickd_core.runs.create import create_run, preprocessing_of
from bickd_core.training.engine import fit
from bickd_core.training.evaluate import predict
from bickd_core.training.finish import finish
from bickd_core.training.setup import build_job, load_run_model

pytestmark = pytest.mark.usefixtures("quick_umap")


@pytest.fixture
def colours(tmp_path):
    """A folder of noise in colour, 16 x 16, in two classes."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 10), ("test", 5)):
        for name in ("a", "b"):
            folder = tmp_path / "colours" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return f"folder:{tmp_path / 'colours'}"


def imported(model, tmp_path, library, *, arch="convnet-small", as_torch=False, **request):
    file = tmp_path / ("w.pth" if as_torch else "w.safetensors")
    if as_torch:
        torch.save({"model": model.state_dict(), "epoch": 3}, file)
    else:
        save_file(model.state_dict(), file)
    request = ImportRequest(arch=arch, name="mine", **request)
    return import_weights(file, request, library)


def by_hand(model, images, normalisation):
    """Logits for images uint8 [N, ch, H, W], which already have the network's channels."""
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in normalisation)
    with torch.no_grad():
        return model.eval()((torch.tensor(images[:]) / 255 - mean) / std).numpy()


@pytest.mark.parametrize("as_torch", [False, True])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_grey_images_are_repeated_for_a_network_with_three_channels(
    tmp_path, library, as_torch, order
):
    model = made_model("convnet-small", in_channels=3)
    wanted = {"dataset": "digits", "normalisation": "imagenet", "as_torch": as_torch}
    if order == "bgr":
        with pytest.raises(ValueError, match="'bgr' needs images with 3 channels, got 1"):
            imported(model, tmp_path, library, **wanted, channel_order=order)
        return
    run = imported(model, tmp_path, library, **wanted)
    test = load_dataset("digits").test
    option = usual((0.0,) * 3, (1.0,) * 3)["imagenet"]
    expected = by_hand(model, np.repeat(test.images, 3, axis=1), (option.mean, option.std))
    np.testing.assert_allclose(run.predictions("test").logits, expected, atol=1e-3)
    info = run.info()
    assert (info.in_channels, info.data_channels) == (3, 1)
    assert info.preprocessing.channels == "repeated"
    assert info.preprocessing.sentence(resized=False).endswith(
        ", grey images repeated in three channels."
    )
    network = network_of(run)
    assert network.config()["mode"] == "RGB"
    assert network.on_unit_range()(network.images(2)).shape == (2, 10)


def test_colour_images_are_made_grey_for_a_network_with_one_channel(tmp_path, library, colours):
    model = made_model("convnet-small", num_classes=2, in_channels=1)
    run = imported(model, tmp_path, library, dataset=colours, normalisation="half")
    test = load_dataset(colours).test
    grey = np.tensordot(test.images[:].astype(np.float32), LUMA, axes=(1, 0))[:, None]
    expected = by_hand(model, grey.astype(np.float32), ((0.5,), (0.5,)))
    np.testing.assert_allclose(run.predictions("test").logits, expected, atol=1e-3)
    info = run.info()
    assert (info.in_channels, info.data_channels) == (1, 3)
    assert (info.preprocessing.channels, network_of(run).config()["mode"]) == ("grey", "L")


@pytest.mark.parametrize("normalisation", [None, "data", "given"])
def test_normalisations_have_the_networks_channels(tmp_path, library, normalisation):
    numbers = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)} if normalisation == "given" else {}
    run = imported(
        made_model("convnet-small"),
        tmp_path,
        library,
        dataset="digits",
        normalisation=normalisation,
        **numbers,
    )
    info = run.info()
    assert len(info.preprocessing.mean) == len(info.preprocessing.std) == 3
    if normalisation == "data":
        assert info.preprocessing.mean == load_dataset("digits").mean * 3
    if normalisation is None:
        assert set(info.source.tried) == {"data", "imagenet", "half", "none"}


def test_such_a_network_teaches_students_with_the_datas_channels(tmp_path, library):
    teacher = imported(
        made_model("convnet-small"), tmp_path, library, dataset="digits", role="teacher"
    )
    data = load_dataset("digits")
    model = load_run_model(teacher, data)
    again = predict(model, data.test, data, features=False)
    np.testing.assert_allclose(again.logits, teacher.predictions("test").logits, atol=1e-4)
    config = small_config(teacher=teacher.key, objective={"kind": "kd"}, epochs=1, train_limit=100)
    run = create_run(config, library, name="student")
    job = build_job(config, library)
    assert fit(job, run) == "finished"
    assert job.student.in_channels == 1
    assert run.info().in_channels == run.info().data_channels == 1
    assert preprocessing_of(run.info(), data).channels == "same"


@pytest.mark.parametrize("colour", [False, True])
def test_such_a_network_trains_on_as_it_is(tmp_path, library, colours, colour):
    data = colours if colour else "digits"
    channels, classes = (1, 2) if colour else (3, 10)
    model = made_model("convnet-small", num_classes=classes, in_channels=channels)
    imported(model, tmp_path, library, dataset=data)
    config = small_config(dataset=data, extends="mine", epochs=1, train_limit=None, batch_size=8)
    run = create_run(config, library, name="longer")
    job = build_job(config, library)
    assert fit(job, run) == "finished"
    finish(job, run, library, say=lambda message: None)
    info = run.info()
    assert (info.in_channels, info.data_channels) == (channels, 4 - channels)
    assert info.cost.parameters == sum(p.numel() for p in model.parameters())
    dataset = load_dataset(data)
    again = predict(load_run_model(run, dataset), dataset.test, dataset, features=False)
    np.testing.assert_allclose(again.logits, run.predictions("test").logits, atol=1e-3)
    network = network_of(run)
    assert network.on_unit_range()(network.images(2)).shape == (2, classes)


@pytest.mark.parametrize("converts", [False, True])
def test_a_network_of_ones_own_may_have_three_channels_only(
    tmp_path, library, monkeypatch, converts
):
    """It is built without a choice of channels. One that converts grey images itself gets them."""
    (tmp_path / "grey_net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, n):\n"
        "        super().__init__()\n"
        "        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, n)\n"
        "    def forward(self, x):\n"
        f"        x = x.repeat(1, 3, 1, 1) if {converts} else x\n"
        "        return self.fc(self.conv(x).mean((2, 3)))\n"
        "def make(num_classes):\n"
        "    return Net(num_classes)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "grey_net", raising=False)
    monkeypatch.setenv(VARIABLE, "grey_net")
    model = create_model("grey_net:make", num_classes=10)
    run = imported(
        model, tmp_path, library, arch="grey_net:make", dataset="digits", normalisation="none"
    )
    assert run.info().preprocessing.channels == ("same" if converts else "repeated")
    images = load_dataset("digits").test.images
    given = images if converts else np.repeat(images, 3, axis=1)
    mean = [0.0] * given.shape[1]
    expected = by_hand(model, given, (mean, [1.0] * len(mean)))
    np.testing.assert_allclose(run.predictions("test").logits, expected, atol=1e-3)


def test_a_student_gets_its_teachers_normalisation_with_other_channels(tmp_path, library):
    grey = made_model("convnet-small", in_channels=1)
    save_file(grey.state_dict(), tmp_path / "t.safetensors")
    request = ImportRequest(
        arch="convnet-small", dataset="digits", name="t", role="teacher", mean=(0.3,), std=(0.2,),
        normalisation="given",
    )  # fmt: skip
    import_weights(tmp_path / "t.safetensors", request, library)
    run = imported(made_model("convnet-small"), tmp_path, library, dataset="digits", teacher="t")
    info = run.info()
    assert info.source.teachers_inputs
    assert info.preprocessing.mean == (0.3, 0.3, 0.3)


def test_a_program_with_three_channels_predicts_grey_images(tmp_path, library):
    model = made_model("convnet-small").eval()
    file = exported(model, tmp_path / "net.pt2", images=torch.rand(2, 3, 8, 8))
    request = ImportRequest(dataset="digits", name="mine", normalisation="none")
    run = import_weights(file, request, library)
    images = np.repeat(load_dataset("digits").test.images, 3, axis=1)
    expected = by_hand(model, images, ((0.0,) * 3, (1.0,) * 3))
    np.testing.assert_allclose(run.predictions("test").logits, expected, atol=1e-3)
    assert run.info().preprocessing.channels == "repeated"


def test_channels_are_converted_before_they_are_normalised():
    images = torch.rand(2, 3, 4, 4)
    mean, std = torch.tensor([0.2, 0.3, 0.4]), torch.tensor([0.5, 0.6, 0.7])
    given = (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    wrapper = Renormalised(
        torch.nn.Identity(),
        mean=mean.tolist(),
        std=std.tolist(),
        own_mean=[0.1],
        own_std=[0.2],
        grey=LUMA,
    )
    grey = (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(wrapper.own_inputs(given), (grey - 0.1) / 0.2)
    wrapper = Renormalised(
        torch.nn.Identity(), mean=[0.2], std=[0.5], own_mean=[0.1, 0.2, 0.3], own_std=[1, 2, 3]
    )
    expected = torch.cat([(images[:, :1] - m) / s for m, s in ((0.1, 1), (0.2, 2), (0.3, 3))], 1)
    torch.testing.assert_close(wrapper.own_inputs((images[:, :1] - 0.2) / 0.5), expected)
