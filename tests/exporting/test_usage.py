"""The README's example prepares an image like the data of training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bickd_core.data.pixels import Encoded, decode
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.resizing import Resizing
from bickd_core.exporting.usage import usage_code

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 16, 4), dtype=np.uint8)


def write(path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    if kind == "turned":
        Image.fromarray(PIXELS[..., :3]).save(path, "JPEG", exif=exif)
    elif kind == "palette":
        Image.fromarray(PIXELS[..., 0]).convert("P").save(path, "PNG", transparency=7)
    else:
        Image.fromarray(PIXELS if kind == "transparent" else PIXELS[..., :3]).save(path, "PNG")


@pytest.mark.parametrize("kind", ["plain", "turned", "transparent", "palette"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    ("resize", "crop_share"), [("crop", 1.0), ("crop", 0.75), ("stretch", 0.75), ("pad", 1.0)]
)
def test_the_example_prepares_an_image_like_data_pixels(
    kind, mode, resize, crop_share, tmp_path, monkeypatch
):
    write(tmp_path / "image.png", kind)
    inputs = Preprocessing(
        name="half", mean=(0.5,), std=(0.5,), resize=resize, crop_share=crop_share
    )
    code = usage_code("onnx", inputs, 8).splitlines()
    prepare = [line for line in code if line.startswith(("image =", "white =", "pixels ="))]
    monkeypatch.chdir(tmp_path)
    there = {"config": {"size": [8, 8], "mode": mode}}
    exec("\n".join(["import numpy", "from PIL import Image, ImageOps", *prepare]), there)
    channels = {"L": 1, "RGB": 3}[mode]
    resizing = Resizing(resize=resize, crop_share=crop_share)
    expected = decode(Encoded(tmp_path / "image.png", "image.png"), channels, 8, resizing)
    np.testing.assert_array_equal(
        np.round(there["pixels"].transpose(2, 0, 1) * 255), expected.astype(np.float32)
    )
