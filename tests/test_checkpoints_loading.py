import copy

import pytest
import torch
from torch import nn
from weights_helpers import assert_same, made_model

from bickd_core.checkpoints import WeightsError, describe_mismatch, load_into


def refusal(model: nn.Module, state: dict, name: str = "resnet8", dataset: str | None = None) -> str:
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
    assert "fc.weight has 10 rows, dataset caltech95 has 95 classes" in message
    assert "this model has 95 classes" in refusal(made_model(num_classes=95), state)


def test_the_wrong_number_of_channels_is_named():
    state = made_model(in_channels=1).state_dict()
    message = refusal(made_model(in_channels=3), state, dataset="caltech95")
    assert "conv1.weight takes 1 image channels, dataset caltech95 has 3" in message


def test_both_can_be_wrong_at_once():
    message = refusal(made_model(num_classes=95), made_model(num_classes=10, in_channels=1).state_dict())
    assert "10 rows" in message
    assert "1 image channels" in message


def test_another_architecture_is_named():
    deeper = refusal(made_model("resnet8"), made_model("resnet14").state_dict())
    assert deeper.startswith("These are not weights of resnet8: it has ")
    assert "not expected is layer1.1.conv1.weight" in deeper
    assert "missing is layer1.1.conv1.weight" in refusal(
        made_model("resnet14"), made_model("resnet8").state_dict(), name="resnet14"
    )
    foreign = refusal(made_model("convnet-small"), made_model("resnet8").state_dict(), name="convnet-small")
    assert "2 names match" in foreign  # fc.weight and fc.bias


def test_the_same_names_in_another_width_are_another_architecture():
    message = refusal(made_model("resnet20"), made_model("resnet20x2").state_dict(), name="resnet20")
    assert "should be [16, 3, 3, 3], it is [32, 3, 3, 3]" in message
    assert "choose the architecture" in message


def test_numbers_too_large_for_the_models_type_are_refused():
    model = made_model()
    state = {key: value.double() for key, value in model.state_dict().items()}
    state["fc.bias"][0] = 1e300
    assert "1 of 10 numbers in fc.bias are not finite" in refusal(model, state)


def test_an_empty_set_of_weights_is_refused():
    assert "0 came and 0 names match" in refusal(made_model(), {})
