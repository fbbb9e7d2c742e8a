"""A network that is fed otherwise than in its training: the import finds which way, says it, and
its option mends it."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from weights_helpers import import_weights

from bickd_core.importing.inputs import OtherNormalisation
from bickd_core.importing.weights import ImportRequest
from bickd_core.models import register_model
from bickd_core.models.wrapped import Wrapped

pytestmark = pytest.mark.usefixtures("quick_umap")
CLASSES = 12


class Grid(nn.Module):
    """Nearest of the class's pictures, by the product with each on the network's own side; exact
    for what it was made of."""

    def __init__(self, num_classes, in_channels, side=32):
        super().__init__()
        self.side = side
        self.fc = nn.Linear(in_channels * side * side, num_classes)

    def forward(self, images):
        size = images.shape[-1]
        start = (size - self.side) // 2
        if start < 0:  # an image that is too small for it fills a corner alone
            images = nn.functional.pad(images, (0, -2 * start, 0, -2 * start))
            start = 0
        seen = images[..., start : start + self.side, start : start + self.side]
        return self.fc(seen.flatten(1))


@pytest.fixture(autouse=True, scope="module")
def nets():
    for side in (32, 64):
        register_model(
            f"grid-{side}",
            lambda num_classes, in_channels, side=side: Wrapped(
                Grid(num_classes, in_channels, side)
            ),
        )


def pictures(grey=False):
    """[C, 3, 32, 32] in 0 to 1: for each class a colour, and on it a pattern of 4 x 4 patches; or a
    shade of grey."""
    if grey:
        return (
            np.linspace(0.2, 0.8, CLASSES)[:, None, None, None]
            .repeat(3, 1)
            .repeat(32, 2)
            .repeat(32, 3)
        )
    random = np.random.default_rng(0)
    patches = random.uniform(0.12, 0.45, (CLASSES, 3, 1, 1)) + random.uniform(
        -0.1, 0.1, (CLASSES, 3, 4, 4)
    )
    return patches.repeat(8, axis=2).repeat(8, axis=3)


@pytest.fixture
def folder(tmp_path, request):
    random = np.random.default_rng(1)
    for k, picture in enumerate(pictures(grey=getattr(request, "param", False))):
        (tmp_path / "set" / str(k)).mkdir(parents=True)
        for i in range(75):  # of these 6 are for validation
            values = picture + random.normal(0, 0.05, picture.shape)
            pixels = (np.clip(values, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
            Image.fromarray(pixels).save(tmp_path / "set" / str(k) / f"{i}.png")
    return f"folder:{tmp_path / 'set'}"


def weights(path, *, mean=0.5, std=0.5, bgr=False, order=None, side=32, grey=False):
    """A linear network that knows the pictures as it got them in its training: |x - p|^2 is least
    for its class."""
    own = (torch.tensor(pictures(grey)).float() - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(
        std
    ).view(-1, 1, 1)
    own = own.flip(1) if bgr else own
    if side != 32:
        own = nn.functional.interpolate(own, (side, side), mode="bilinear")
    own = own if order is None else own[list(order)]
    state = Grid(CLASSES, 3, side).state_dict()
    state["fc.weight"] = own.flatten(1)
    state["fc.bias"] = -0.5 * own.flatten(1).square().sum(1)
    save_file(state, path)
    return path


def brought(file, folder, library, **changes):
    fields = {
        "arch": "grid-32",
        "dataset": folder,
        "name": "net",
        "role": "teacher",
        "normalisation": "half",
    }
    run = import_weights(file, ImportRequest(**{**fields, **changes}), library)
    predictions = run.predictions("test")
    return float((predictions.predicted == predictions.labels).mean()), run.info().source.hints


def test_a_bgr_network(folder, tmp_path, library):
    file = weights(tmp_path / "w.safetensors", bgr=True)
    share, hints = brought(file, folder, library)
    assert share < 0.5
    assert hints[0].startswith(
        "Channel order: with blue, green, red instead of red, green, blue, the accuracy rises"
    )
    assert hints[0].endswith("import it with the channel order BGR (--channel-order bgr).")
    assert brought(file, folder, library, name="mended", channel_order="bgr") == (1.0, ())
    back = brought(
        weights(tmp_path / "r.safetensors"), folder, library, name="back", channel_order="bgr"
    )[1]
    assert back[0].endswith("(--channel-order rgb).")


def test_classes_in_the_order_as_text(folder, tmp_path, library):
    """torchvision's ImageFolder has 0, 1, 10, 11, 2, ...; of 12 classes the first two are where
    they are by value."""
    as_text = sorted(range(CLASSES), key=str)
    file = weights(tmp_path / "w.safetensors", order=as_text)
    share, hints = brought(file, folder, library)
    assert share < 0.5
    assert len(hints) == 1
    assert hints[0].startswith(
        "Class order: with its outputs in another order, the accuracy rises from 17% to 100%"
    )
    assert "(output 2 is 10, output 3 is 11, output 4 is 2, and so on)" in hints[0]
    assert "--class-order text" in hints[0]
    assert brought(file, folder, library, name="mended", class_order="text") == (1.0, ())


def test_a_reversed_class_order(folder, tmp_path, library):
    file = weights(tmp_path / "w.safetensors", order=range(CLASSES - 1, -1, -1))
    share, (hint,) = brought(file, folder, library)
    assert share == 0.0
    assert "(output 0 is 11, output 1 is 10, output 2 is 9, and so on)" in hint


@pytest.mark.parametrize("folder", [True], indirect=True)
def test_a_network_of_half_and_half(folder, tmp_path, library):
    """Another is requested: the hint names it. None is requested: the import ends and names it."""
    file = weights(tmp_path / "w.safetensors", grey=True)
    share, hints = brought(file, folder, library, normalisation="none")
    assert share < 0.5
    assert hints[0].startswith("Normalisation: with mean 0.5 and std 0.5, the accuracy rises")
    with pytest.raises(OtherNormalisation, match="with mean 0.5 and std 0.5, 100.0% of"):
        brought(file, folder, library, name="own", normalisation=None)


def test_a_network_of_64_pixels_on_images_of_32(folder, tmp_path, library):
    file = weights(tmp_path / "w.safetensors", side=64)
    share, hints = brought(file, folder, library, arch="grid-64")
    assert share < 0.5
    assert hints[-1].startswith("Input size: with images scaled to 64 pixels, the accuracy rises")
    assert hints[-1].endswith("import it with the image size 64 (--image-size 64).")
    for option in ("image_size", "input_size"):
        assert brought(file, folder, library, name=option, arch="grid-64", **{option: 64}) == (
            1.0,
            (),
        )
