"""`log_predictions` over loaders and models of many forms."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils import data
from torch.utils.data import DataLoader, TensorDataset

from bickd_core import PredictionsError, log_predictions

X = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(10) % 3


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))


class Named(nn.Module):
    """A model in the manner of Hugging Face: named inputs, an output with logits."""

    def __init__(self, net, wrap):
        super().__init__()
        self.net, self.wrap = net, wrap

    def forward(self, input_ids, attention_mask=None):
        assert attention_mask is not None
        return self.wrap(self.net(input_ids))


def dictionaries(**more):
    return [
        {"input_ids": X[i : i + 4], **{k: v[i : i + 4] for k, v in more.items()}} for i in (0, 4, 8)
    ]


def test_tuples_of_a_data_loader(net):
    made = log_predictions(
        net,
        DataLoader(TensorDataset(X, Y), batch_size=4),
        class_names=["a", "b", "c"],
        features="0",
    )
    with torch.no_grad():
        expected, hidden = net.eval()(X), net[0](X)
    np.testing.assert_allclose(made.logits, expected, atol=1e-6)
    np.testing.assert_allclose(made.features, hidden, atol=1e-6)
    assert made.labels.tolist() == Y.tolist()
    assert made.ids.tolist() == list(range(10))
    assert made.class_names == ("a", "b", "c")


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored_and_nothing_is_learned(net, training):
    net.train(training)
    mean = net[1].running_mean.clone()
    log_predictions(net, [(X, Y)])
    assert net.training is training
    assert torch.equal(net[1].running_mean, mean)
    assert not net[0]._forward_hooks
    with pytest.raises(RuntimeError):
        log_predictions(net, [(X[:, :2], Y)], features="0")
    assert net.training is training
    assert not net[0]._forward_hooks


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: logits,
        lambda logits: (logits, None),
        lambda logits: {"logits": logits},
        lambda logits: SimpleNamespace(logits=logits),
    ],
    ids=["tensor", "tuple", "dictionary", "object"],
)
def test_dictionaries_and_outputs(net, wrap):
    batches = dictionaries(
        attention_mask=torch.ones(10), labels=Y, id=torch.arange(10) + 100, text=np.arange(10)
    )
    made = log_predictions(Named(net, wrap), batches)
    np.testing.assert_allclose(made.logits, log_predictions(net, [X]).logits, atol=1e-6)
    assert made.labels.tolist() == Y.tolist()
    assert made.ids.tolist() == [100 + i for i in range(10)]


def test_a_dictionary_with_one_tensor_and_text_ids(net):
    made = log_predictions(net, [{"image": X, "label": Y, "id": [f"row-{i}" for i in range(10)]}])
    assert made.ids[3] == "row-3"
    assert made.labels.tolist() == Y.tolist()


def test_inputs_alone_and_a_call_of_ones_own(net):
    assert log_predictions(net, [X]).labels is None
    made = log_predictions(
        net,
        [SimpleNamespace(x=X)],
        call=lambda model, batch: model(batch.x * 2),
        ids=np.arange(10) + 5,
    )
    np.testing.assert_allclose(made.logits, log_predictions(net, [X * 2]).logits, atol=1e-6)
    assert made.ids[0] == 5


def test_maps_and_tokens_are_averaged():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    images = torch.rand(2, 1, 4, 4)
    made = log_predictions(net, [images], features="0")
    np.testing.assert_allclose(made.features, net[0](images).mean((2, 3)).detach(), atol=1e-6)


def test_a_loader_that_shuffles_needs_ids(net):
    shuffled = DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True)
    with pytest.raises(PredictionsError, match="must keep its order, but it shuffles"):
        log_predictions(net, shuffled)
    with_ids = DataLoader(TensorDataset(X, Y, torch.arange(10)), batch_size=4, shuffle=True)
    made = log_predictions(net, with_ids)
    in_order = made.take(np.argsort(made.ids))
    np.testing.assert_allclose(in_order.logits, log_predictions(net, [X]).logits, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": data.SubsetRandomSampler(range(10))},
        {"sampler": data.WeightedRandomSampler([1.0] * 10, 10)},
        {"sampler": data.DistributedSampler(range(10), num_replicas=1, rank=0)},
        {"batch_sampler": data.BatchSampler(data.RandomSampler(range(10)), 4, drop_last=False)},
    ],
)
def test_samplers_that_shuffle_need_ids(net, options):
    with pytest.raises(PredictionsError, match="must keep its order, but it shuffles"):
        log_predictions(net, DataLoader(TensorDataset(X, Y), **options))


def test_a_distributed_sampler_without_shuffling_keeps_its_order(net):
    sampler = data.DistributedSampler(range(10), num_replicas=1, rank=0, shuffle=False)
    made = log_predictions(net, DataLoader(TensorDataset(X, Y), sampler=sampler))
    np.testing.assert_allclose(made.logits, log_predictions(net, [X]).logits, atol=1e-6)


@pytest.mark.parametrize(
    ("batches", "options", "message"),
    [
        ([], {}, "`loader` must give at least one batch, got none."),
        ([("text", Y)], {}, "a batch must begin with a tensor, got str; pass `call=lambda"),
        ([{"a": X, "b": X}], {}, "that the model's forward method names, got a, b; pass"),
        (
            [(X, torch.zeros(10, 3))],
            {},
            "`labels` must be one for each sample of a batch, got shape (10, 3)",
        ),
        ([X], {"features": "9"}, "`features` must be one of 0, 1, 2, 3, got '9'"),
        (
            [X],
            {"call": lambda model, batch: batch[0]},
            "must return logits [batch, classes], got [4]",
        ),
        ([X], {"call": lambda model, batch: batch, "features": "0"}, "must put out one tensor"),
    ],
)
def test_refusals(net, batches, options, message):
    with pytest.raises(PredictionsError, match=re.escape(message)):
        log_predictions(net, batches, **options)
