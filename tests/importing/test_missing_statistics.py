"""Weights without batch norms' statistics: these are estimated from training images, and that is
said."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from weights_helpers import import_weights

from bickd_core.data.base import Augmentation, Dataset, Split
from bickd_core.data.registry import dataset_info
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.importing.load_network import load_network
from bickd_core.importing.statistics import Statistics
from bickd_core.importing.weights import ImportRequest
from bickd_core.models.factory import create_model
from bickd_core.models.renormalised import Renormalised
from bickd_core.models.wrapped import Wrapped
from bickd_core.runs.checkpoints import read_weights


def bare(state):
    return {
        name: value
        for name, value in state.items()
        if "running" not in name and "num_batches" not in name
    }


def made_data(count=600):
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = generator.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8)
    part = Split(images, labels, np.arange(count))
    return Dataset(
        name="made",
        train=part,
        validation=part,
        test=part,
        class_names=("a", "b", "c"),
        mean=(0.5,),
        std=(0.25,),
        augmentation=Augmentation(pad=0, flip=False),
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)
        self.bn = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.9)
        self.kept = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(self.kept(self.drop(self.bn(self.conv(x)))).mean((2, 3)))


@pytest.mark.parametrize("around", [0, 1, 2])
def test_they_are_the_mean_of_the_batches_figures(around):
    net = Net()
    model = Wrapped(net) if around else net
    outer = (
        Renormalised(model, mean=[0.5], std=[0.25], own_mean=[0.0], own_std=[1.0])
        if around == 2
        else model
    )
    data = made_data()
    statistics = Statistics(model, ["bn.running_mean", "bn.running_var"], "net", data)
    for _ in range(2):  # a second time gives the same
        statistics.estimate(outer)
    inputs = torch.tensor(data.train.images).float() / 255
    if around != 2:
        inputs = (inputs - 0.5) / 0.25
    maps = [net.conv(batch).detach() for batch in inputs.split(200)]
    mean = torch.stack([each.mean((0, 2, 3)) for each in maps]).mean(0)
    variance = torch.stack([each.transpose(0, 1).flatten(1).var(1) for each in maps]).mean(0)
    torch.testing.assert_close(net.bn.running_mean, mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.bn.running_var, variance, atol=1e-5, rtol=1e-4)
    assert torch.equal(net.kept.running_mean, torch.zeros(4))
    assert net.bn.momentum == 0.1
    assert statistics.note().startswith(
        "The file lacks the statistics of 1 batch norm. They were estimated from 600 training"
        " images"
    )


def test_nothing_is_done_where_none_is_lacking():
    net = Net()
    statistics = Statistics(net, [], "net", made_data(3))
    statistics.estimate(net)
    assert torch.equal(net.bn.running_mean, torch.zeros(4))
    assert statistics.note() == ""


def test_statistics_of_another_kind_of_layer_are_refused():
    net = Net()
    net.bn = nn.InstanceNorm2d(4, track_running_stats=True)
    with pytest.raises(
        RefusedFile, match="and some belong to layers of another kind; save the whole model"
    ):
        Statistics(net, ["bn.running_mean"], "net", made_data(3))


@pytest.mark.usefixtures("quick_umap")
def test_an_import_estimates_them_and_says_so(teacher, library, tmp_path):
    torch.save({"model": bare(read_weights(teacher.weights_path))}, tmp_path / "w.pth")
    request = ImportRequest(arch="convnet-small", dataset="digits", name="mine")
    run = import_weights(tmp_path / "w.pth", request, library)
    (note,) = run.info().source.notes
    assert note.startswith(
        "The file lacks the statistics of 3 batch norms. They were estimated from 1,000"
    )
    assert note in (run.path / "README.md").read_text()
    own, other = run.predictions("test"), teacher.predictions("test")
    accuracy = [(each.predicted == each.labels).mean() for each in (own, other)]
    assert accuracy[0] > accuracy[1] - 0.1
    stored = read_weights(run.weights_path)
    assert not torch.equal(stored["body.1.running_var"], torch.ones(32))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_without_training_images_they_are_refused(tmp_path, suffix):
    model = create_model("convnet-small", num_classes=10, in_channels=1)
    file = tmp_path / f"w.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(bare(model.state_dict()), file)
    info = replace(dataset_info("digits"), all_test=True)
    with pytest.raises(RefusedFile) as caught:
        load_network(file, "convnet-small", info, part=None, folder=tmp_path)
    assert (
        str(caught.value) == "These weights of convnet-small lack the statistics of its batch norms"
        " (body.1.running_mean and 5 more), and these data have no training images to estimate"
        " them from; save the whole model.state_dict(), not only the parameters."
    )
