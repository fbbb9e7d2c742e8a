"""Batch norms folded into convolutions: the same outputs, fewer layers, and the model itself as it
was."""

import copy

import pytest
import torch
from torch import nn

from bickd_core.models.factory import create_model
from bickd_core.models.folding import folded
from bickd_core.models.wrapped import Wrapped

IMAGES = torch.linspace(-2, 2, 2 * 3 * 16 * 16).sin().view(2, 3, 16, 16)


def lived(model):
    """With weights and statistics as after a training, not those of an identity."""
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return model.eval()


def norms(model):
    return sum(type(layer) is nn.BatchNorm2d for layer in model.modules())


@pytest.mark.parametrize(
    ("arch", "left"),
    [
        ("resnet8", 0), ("resnet20x2", 0), ("vgg8", 0), ("mobilenetv2", 0), ("shufflenetv1", 0), ("shufflenetv2", 0),
        # its blocks' first norm stands before a convolution
        ("convnet-small", 0), ("resnet50", 0), ("wrn-16-1", 7),
    ],
)  # fmt: skip
def test_a_folded_network_says_the_same_with_fewer_layers(arch, left):
    model = lived(create_model(arch, num_classes=7))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    had = norms(model)
    fast = folded(model, IMAGES[:1], ("features", "maps"))
    assert norms(fast) == left < had == norms(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with torch.no_grad():
        said, expected = (net.outputs(IMAGES, features=True, maps=True) for net in (fast, model))
    for name in ("logits", "features", "maps"):
        size = float(getattr(expected, name).abs().max())
        torch.testing.assert_close(
            getattr(said, name), getattr(expected, name), rtol=0, atol=1e-5 * size
        )


class Reads(nn.Module):
    """A network that uses the convolution's own output, or the convolution twice, besides its batch
    norm."""

    def __init__(self, twice):
        super().__init__()
        self.conv, self.norm, self.twice = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), twice
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        x = self.conv(x)
        y = self.conv(self.norm(x)) if self.twice else self.norm(x) + x
        return self.fc(y.mean((2, 3)))


@pytest.mark.parametrize("twice", [False, True])
def test_a_convolution_that_something_else_needs_stays(twice):
    model = lived(Wrapped(Reads(twice)))
    fast = folded(model, IMAGES)
    assert norms(fast) == 1
    assert torch.equal(fast(IMAGES), model(IMAGES))


def test_maps_that_are_read_behind_the_convolution_stay_the_same():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )
    model = lived(Wrapped(net, maps="0"))
    assert norms(folded(model, IMAGES)) == 0
    fast = folded(model, IMAGES, ("maps",))
    assert torch.equal(fast.outputs(IMAGES, maps=True).maps, model.outputs(IMAGES, maps=True).maps)


def test_a_norm_with_an_activation_of_its_own_is_no_plain_one():
    class WithReLU(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x).relu()

    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), WithReLU(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    model = lived(Wrapped(copy.deepcopy(net)))
    assert torch.equal(folded(model, IMAGES)(IMAGES), model(IMAGES))
