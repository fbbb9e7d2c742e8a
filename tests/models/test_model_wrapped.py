"""Any nn.Module: the wrapper, the registered name, a distillation step and a whole run with
them."""

import copy

import pytest
import torch
from run_helpers import small_config
from torch import nn

from bickd_core.losses import create_objective
from bickd_core.models import catalogue, register_model
from bickd_core.models.catalogue import resolve
from bickd_core.models.cost import count_parameters
from bickd_core.models.factory import create_model
from bickd_core.models.wrapped import Wrapped
from bickd_core.runs.create import create_run
from bickd_core.training.worker import work


class Mine(nn.Module):
    """Two convolutions and two linear layers, the classifier not the last that is named."""

    def __init__(self, num_classes=5, in_channels=3):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.tokens = nn.Linear(8, 8)
        self.classify = nn.Linear(8, num_classes)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        x = self.second(torch.tanh(self.first(x)))
        tokens = self.tokens(x.flatten(2).transpose(1, 2))  # [B, h w, 8]
        return self.classify(tokens.mean(1))


def wrapped(**changes):
    torch.manual_seed(0)
    named = {"head": "classify", "maps": "second", "stages": ["first", "tokens"], **changes}
    return Wrapped(Mine(), **named)


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr(catalogue, "_OWN", {})


def test_outputs_are_what_the_named_layers_put_out():
    model = wrapped()
    net, images = model.net, torch.rand(4, 3, 8, 8)
    outputs = model.outputs(images, features=True, maps=True, stages=True)
    first = net.first(images)
    maps = net.second(torch.tanh(first))
    tokens = net.tokens(maps.flatten(2).transpose(1, 2))
    assert torch.allclose(outputs.maps, maps)
    assert torch.allclose(outputs.features, tokens.mean(1))
    assert torch.allclose(outputs.logits, net.classify(outputs.features))
    assert torch.equal(model(images), outputs.logits)
    assert model.stage_names == ("first", "tokens", "features")
    assert model.feature_size == 8
    for stage, expected in zip(
        outputs.stages, (first.mean((2, 3)), tokens.mean(1), tokens.mean(1)), strict=True
    ):
        assert torch.allclose(stage, expected, atol=1e-6)
    plain = model.outputs(images)
    assert (plain.features, plain.maps, plain.stages) == (None, None, None)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_the_last_linear_layer_is_the_head_unless_one_is_named():
    assert (
        Wrapped(
            nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 2))
        ).feature_size
        == 7
    )


def test_weights_keep_their_names_and_load_with_and_without_the_wrapper():
    model, net = wrapped(), Mine()
    assert list(model.state_dict()) == list(net.state_dict())
    given = net.state_dict()
    kept = list(given)
    again = copy.deepcopy(model)
    again.load_state_dict(given)
    assert list(given) == kept
    assert torch.equal(again.net.first.weight, net.first.weight)
    assert not torch.equal(model.net.first.weight, net.first.weight)
    net.load_state_dict(model.state_dict())
    inside = nn.Sequential(copy.deepcopy(model))
    assert next(iter(inside.state_dict())) == "0.first.weight"
    inside.load_state_dict(inside.state_dict())


def test_a_distillation_step_moves_the_student_and_not_the_teacher():
    torch.manual_seed(0)
    student, teacher = (
        wrapped(),
        create_model("resnet8", num_classes=5).eval().requires_grad_(False),
    )
    objective = create_objective("kd")
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8) % 5
    before = copy.deepcopy(teacher.state_dict())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        terms = objective(student.outputs(images), teacher.outputs(images), labels, 0.0)
        loss = sum(terms.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert all(torch.equal(before[key], value) for key, value in teacher.state_dict().items())


@pytest.mark.usefixtures("own", "quick_umap")
def test_a_registered_network_is_trained_distilled_and_finished_by_name(teacher, library):
    def build(num_classes, in_channels):
        return Wrapped(
            Mine(num_classes, in_channels), head="classify", maps="second", stages=["first"]
        )

    register_model("mine", build, title="My network")
    assert resolve("mine").title == "My network"
    run = create_run(
        small_config(arch="mine", objective={"kind": "kd"}, teacher="teacher", epochs=1), library
    )
    assert run.key == "digits-mine-kd-s1"
    assert work(run, library) == "finished"
    assert run.info().cost.parameters == count_parameters(Mine(10, 1))
    assert run.stages().names == ("first", "features")
    assert run.predictions("test").features.shape[1] == 8


@pytest.mark.usefixtures("own")
def test_what_cannot_be_registered():
    for name in ("resnet8", "ResNet_20", "vgg8_bn"):
        with pytest.raises(ValueError, match="must not be one of the catalogue's"):
            register_model(name, Mine)
    with pytest.raises(ValueError, match=r"letters, digits, .* got 'a/b'"):
        register_model("a/b", Mine)
    register_model("bare", Mine)
    with pytest.raises(ValueError, match="'bare' puts out 3 classes, and the data has 5"):
        create_model("bare", num_classes=5)
    with pytest.raises(ValueError, match="the nearest is 'bare'"):
        resolve("bar")
    with pytest.raises(ValueError, match="layers of bare are known only when it is built"):
        resolve("bare").parameters(10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "clasify"}, "no layer 'clasify'; the nearest is 'classify'"),
        ({"maps": "third"}, "no layer 'third'"),
        ({"head": "second"}, "head must name an nn.Linear, but 'second' is a Conv2d"),
    ],
)
def test_layers_that_are_not_there_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        wrapped(**changes)


class Pair(nn.Module):
    """Logits for a batch of two, a pair of them for any other."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.twice = Twice()

    def forward(self, x):
        logits = self.fc(x.flatten(1)[:, :4])
        return self.twice(logits)[1] if x.shape[0] == 2 else self.twice(logits)


class Twice(nn.Module):
    def forward(self, x):
        return x, x


def test_outputs_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"the network has no nn.Linear"):
        Wrapped(nn.Conv2d(3, 2, 1))
    with pytest.raises(ValueError, match="name the layer with the last ones as `maps`"):
        wrapped(maps=None).outputs(torch.rand(1, 3, 8, 8), maps=True)
    with pytest.raises(
        ValueError, match=r"must return logits \[batch, classes\] as one tensor, got a tuple"
    ):
        Wrapped(Pair()).outputs(torch.rand(1, 3, 2, 2))
    with pytest.raises(
        ValueError, match="layer 'twice' must put out one tensor of 2 to 4 dimensions, got tuple"
    ):
        Wrapped(Pair(), stages=["twice"]).outputs(torch.rand(2, 3, 2, 2), stages=True)
    with pytest.raises(
        ValueError, match=r"the output of 'tokens' must be \[batch, features, height, width\]"
    ):
        wrapped(maps="tokens").outputs(torch.rand(1, 3, 8, 8), maps=True)
    with pytest.raises(ValueError, match=r"the input of 'tokens' must be \[batch, features\]"):
        wrapped(head="tokens").outputs(torch.rand(1, 3, 8, 8), features=True)
