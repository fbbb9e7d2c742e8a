import copy

import pytest
import torch
from torch import nn
from weights_helpers import assert_same, made_model

from bickd_core.models.renormalised import Renormalised
from bickd_core.models.wrapped import Wrapped
from bickd_core.runs.checkpoints import WeightsError, describe_mismatch, load_into


def refusal(
    model: nn.Module, state: dict, name: str = "resnet8", dataset: str | None = None
) -> str:
    """The sentence of a refusal, after it was seen that nothing was loaded."""
    before = copy.deepcopy(dict(model.state_dict()))
    with pytest.raises(WeightsError) as caught:
        load_into(model, state, name=name, dataset=dataset)
    assert_same(dict(model.state_dict()), before)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_converted_to_the_models_type(dtype):
    source, model = made_model(seed=1), made_model(seed=2)
    state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in source.state_dict().items()
    }
    load_into(model, state, name="resnet8")
    assert_same(
        dict(model.state_dict()),
        {key: state[key].to(value.dtype) for key, value in source.state_dict().items()},
    )


def test_loaded_weights_give_the_same_logits():
    source, model = made_model(seed=1).eval(), made_model(seed=2).eval()
    images = torch.rand(2, 3, 32, 32)
    assert describe_mismatch(model, source.state_dict(), name="resnet8") is None
    load_into(model, source.state_dict(), name="resnet8")
    assert torch.equal(model(images), source(images))


@pytest.mark.parametrize("odd", ["missing", "other shape"])
def test_batch_norms_counters_may_be_missing_or_odd(odd):
    source, model = made_model(seed=1), made_model(seed=2)
    state = dict(source.state_dict())
    for key in [key for key in state if key.endswith("num_batches_tracked")]:
        if odd == "missing":
            del state[key]
        else:
            state[key] = torch.zeros(1, dtype=torch.int64)
    load_into(model, state, name="resnet8")
    assert torch.equal(model.fc.weight, source.fc.weight)


def test_the_wrong_number_of_classes_is_named():
    state = made_model(num_classes=10).state_dict()
    message = refusal(made_model(num_classes=95), state, dataset="caltech95")
    assert "fc.weight has 10 rows, but dataset caltech95 has 95 classes" in message
    assert "this model has 95 classes" in refusal(made_model(num_classes=95), state)


def test_the_wrong_number_of_channels_is_named():
    state = made_model(in_channels=1).state_dict()
    message = refusal(made_model(in_channels=3), state, dataset="caltech95")
    assert "conv1.weight takes 1 image channel, but dataset caltech95 has 3" in message


def test_both_can_be_wrong_at_once():
    message = refusal(
        made_model(num_classes=95), made_model(num_classes=10, in_channels=1).state_dict()
    )
    assert "10 rows" in message
    assert "1 image channel, " in message


def test_another_architecture_is_named():
    deeper = refusal(made_model("resnet8"), made_model("resnet14").state_dict())
    assert deeper.startswith("These are not weights of resnet8: it has ")
    assert "layer1.1.conv1.weight is unexpected" in deeper
    assert "layer1.1.conv1.weight is missing" in refusal(
        made_model("resnet14"), made_model("resnet8").state_dict(), name="resnet14"
    )
    foreign = refusal(
        made_model("convnet-small"), made_model("resnet8").state_dict(), name="convnet-small"
    )
    assert "2 names match" in foreign  # fc.weight and fc.bias


def test_the_same_names_in_another_width_are_another_architecture():
    message = refusal(
        made_model("resnet20"), made_model("resnet20x2").state_dict(), name="resnet20"
    )
    assert "should be [16, 3, 3, 3], got [32, 3, 3, 3]" in message
    assert message.endswith(
        "they belong to resnet20x2 with 10 classes, so choose that architecture."
    )


def test_the_other_stem_of_a_deep_resnet_is_named_under_torchvisions_names_too():
    state = made_model("resnet18-imagenet").state_dict()
    theirs = {
        key.replace("linear", "fc").replace("shortcut", "downsample"): value
        for key, value in state.items()
    }
    for weights in (state, theirs):
        message = refusal(made_model("resnet18"), weights, name="resnet18")
        assert message.endswith(
            "they belong to resnet18-imagenet with 10 classes, so choose that architecture."
        )


def test_unknown_weights_are_of_an_architecture_that_is_not_named():
    state = {"a.weight": torch.ones(3)}
    assert refusal(made_model(), state).endswith("choose the architecture of these weights.")


class Own(nn.Module):
    """A network of somebody's own whose head is not its last linear layer by name."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.out = nn.Linear(8, num_classes)
        self.first = nn.Linear(12, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.out(self.first(images.flatten(1)))


@pytest.mark.parametrize("around", [1, 2])
def test_another_number_of_classes_of_ones_own_network_is_all_that_is_said(around):
    model: nn.Module = Wrapped(Own(10), head="out")
    if around == 2:
        model = Renormalised(model, mean=[0.0], std=[1.0], own_mean=[0.5], own_std=[0.5])
    message = refusal(model, Own(7).state_dict(), name="mine:net", dataset="digits")
    assert (
        message
        == "These weights of mine:net are for other data: out.weight has 7 rows, but dataset digits"
        " has 10 classes."
    )


def test_numbers_too_large_for_the_models_type_are_refused():
    model = made_model()
    state = {key: value.double() for key, value in model.state_dict().items()}
    state["fc.bias"][0] = 1e300
    assert "1 of 10 numbers in fc.bias are not finite" in refusal(model, state)


def test_booleans_in_place_of_numbers_are_refused():
    model = made_model()
    state = {
        name: value > 0 if value.ndim == 4 else value for name, value in model.state_dict().items()
    }
    assert "conv1.weight must be decimal numbers, such as float32, got bool" in refusal(
        model, state
    )


def test_an_empty_set_of_weights_is_refused():
    assert "the file has 0 and 0 names match" in refusal(made_model(), {})
