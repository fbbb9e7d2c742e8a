"""What is said of an imported network with few right answers: which change would have given
more."""

import numpy as np
import torch
from torch import nn

from bickd_core.data.base import Augmentation, Dataset, Split
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.importing.hints import hints
from bickd_core.importing.inputs import TriedInputs
from bickd_core.models.outputs import Outputs
from bickd_core.training.evaluate import predict

COLOURS = np.array([[220, 20, 20], [20, 220, 20], [20, 20, 220]], dtype=np.uint8)


def colours(count=60, side=8):
    """Images of one colour each, red, green or blue, and with a bright corner."""
    labels = np.arange(count) % 3
    images = np.repeat(COLOURS[labels][:, :, None, None], side * side, axis=2).reshape(
        count, 3, side, side
    )
    part = Split(images.copy(), labels.astype(np.int64), np.arange(count))
    return Dataset(
        name="colours",
        train=part,
        validation=part,
        test=part,
        class_names=("red", "green", "blue"),
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        augmentation=Augmentation(pad=0, flip=False),
    )


class Sees(nn.Module):
    """Logits are the mean of each channel, in an order; images of another side than it knows are
    all class 0."""

    def __init__(self, order, side=None):
        super().__init__()
        self.order, self.side = order, side

    def outputs(self, images, features=False, maps=False, stages=False):
        logits = images.mean((2, 3))[:, self.order]
        if self.side not in (None, images.shape[-1]):
            logits = torch.eye(3)[[0] * len(images)]
        return Outputs(logits=logits)


def hints_of(model, right, accuracies=None):
    data = colours()
    chosen = Preprocessing(name="data", mean=data.mean, std=data.std, input_size=8)
    predicted = predict(model, data.test, data, features=False).predicted
    trial = TriedInputs(chosen, accuracies or {"data": right}, predicted)
    return hints(model, data.test, data, trial)


def test_a_good_network_gets_no_hint():
    assert hints_of(Sees([0, 1, 2]), 1.0) == ()
    assert hints_of(Sees([0, 1, 2]), 0.5) == ()


def test_blue_first_is_found():
    channels, classes = hints_of(Sees([2, 1, 0]), 1 / 3)
    assert channels.startswith(
        "Channel order: with blue, green, red instead of red, green, blue, the accuracy rises"
    )
    assert classes.startswith(
        "Class order: with its outputs in another order, the accuracy rises from 33% to 100%"
    )


def test_another_order_of_the_classes_is_found():
    sentence = hints_of(Sees([1, 2, 0]), 0.0)[-1]
    assert "(output 0 is green, output 1 is blue, output 2 is red, and so on)" in sentence


def test_another_size_is_found():
    (sentence,) = hints_of(Sees([0, 1, 2], side=32), 1 / 3)
    assert sentence.startswith(
        "Input size: with images scaled to 32 pixels, the accuracy rises from 33% to 100%"
    )


def test_another_normalisation_is_named():
    first = hints_of(Sees([0, 0, 0]), 0.3, {"data": 0.3, "half": 0.9})[0]
    assert first == "Normalisation: with mean 0.5 and std 0.5, the accuracy rises from 30% to 90%."


def test_chance_gets_no_hint():
    class Random(Sees):
        def outputs(self, images, features=False, maps=False, stages=False):
            return Outputs(
                logits=torch.rand(len(images), 3, generator=torch.Generator().manual_seed(0))
            )

    assert hints_of(Random([0, 1, 2]), 0.3) == ()
