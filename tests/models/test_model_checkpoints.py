"""Files as RepDistiller and mdistiller write them, made here, read by the restricted unpickler."""

import argparse

import pytest
import torch

from bickd_core.models import recognise
from bickd_core.models.factory import create_model
from bickd_core.runs.checkpoints import load_into, read_weights

NAMES = ["resnet8x4", "wrn-16-2", "vgg8", "mobilenetv2", "shufflenetv1", "shufflenetv2"]


def made(name, seed):
    torch.manual_seed(seed)
    return create_model(name, num_classes=100)


def layouts(model):
    """What each of the two writes beside the weights."""
    state = model.state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    parallel = {f"module.{key}": value for key, value in state.items()}
    return {
        "RepDistiller ckpt_epoch_240.pth": {
            "epoch": 240,
            "model": state,
            "accuracy": torch.tensor(75.6),
            "optimizer": optimizer.state_dict(),
        },
        "mdistiller student_best": {"model": state},
        "state_dict": {"state_dict": state, "epoch": 3},
        "data parallel": {"model": parallel},
        "data parallel state_dict": {"state_dict": parallel},
        "plain": state,
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_loads_and_names_its_network(name, tmp_path):
    source = made(name, 1).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        expected = source(images)
    for layout, content in layouts(source).items():
        torch.save(content, tmp_path / "w.pth")
        weights = read_weights(tmp_path / "w.pth")
        model = made(name, 2).eval()
        load_into(model, weights, name=name)
        with torch.inference_mode():
            assert torch.equal(model(images), expected), layout
        (found,) = recognise({key: tuple(value.shape) for key, value in weights.items()})
        assert (found.name, found.num_classes, found.in_channels) == (name, 100, 3)


def test_repdistillers_last_file_holds_its_command_line_too(tmp_path):
    torch.save(
        {"opt": argparse.Namespace(lr=1), "model": {"a": torch.ones(1)}},
        tmp_path / "wrn_16_2_last.pth",
    )
    assert read_weights(tmp_path / "wrn_16_2_last.pth").keys() == {"a"}
