"""The Python example in an export's README, to be run in the exported folder. Tests run it.

It reads `image.png`, prepares it as the network's input, and prints the name of the predicted
class.
"""

from __future__ import annotations

from bickd_core.data.preprocessing import Preprocessing
from bickd_core.exporting.kinds import Kind
from bickd_core.models.own import is_own

_PIXELS = (
    'pixels = numpy.array(image, dtype="float32").reshape(*config["size"], -1) / 255  # [H, W,'
    " channels], 0 to 1\n"
)
_PRINT = 'print(config["class_names"][logits.argmax()])\n'


def usage_code(kind: Kind, own: Preprocessing, image_size: int) -> str:
    """Return the Python code for these inputs.

    Args:
        image_size: pixels per side of the run's images. The network may scale them to another size.
    """
    image = f"{_squared(own)}{_PIXELS}"
    if kind == "onnx":
        return (
            "import json, numpy, onnxruntime\nfrom PIL import Image, ImageOps\n"
            'config = json.load(open("config.json"))\nsession ='
            ' onnxruntime.InferenceSession("model.onnx")\n'
            f'{image}(logits,) = session.run(["logits"], {{"images": pixels.transpose(2, 0,'
            f" 1)[None]}})\n{_PRINT}"
        )
    if kind == "pt2":
        return (
            "import json, numpy, torch\nfrom PIL import Image, ImageOps\nconfig ="
            ' json.load(open("config.json"))\nmodel ='
            f' torch.export.load("model.pt2").module()\n{image}logits ='
            f" model(torch.tensor(pixels).permute(2, 0, 1)[None])\n{_PRINT}"
        )
    flipped = ".flip(1)" if own.channel_order == "bgr" else ""
    return (
        "import json, numpy, torch\nfrom PIL import Image, ImageOps\nfrom safetensors.torch import"
        " load_file\n"
        "from bickd_core.models.factory import create_model  # pip install bickd-explorer\n"
        'config = json.load(open("config.json"))\nmodel = create_model(**config["model"]).eval()\n'
        f'model.load_state_dict(load_file("model.safetensors"))\n{image}'
        'inputs = torch.tensor((pixels - config["mean"]) / config["std"]).float().permute(2, 0,'
        " 1)[None]"
        f"{flipped}\n{_scaled(own, image_size)}logits = model(inputs)\n{_PRINT}"
    )


def _squared(own: Preprocessing) -> str:
    """Return the line that makes the image square like `data.pixels`; two lines if a central part
    is stretched."""
    opened = 'Image.open("image.png").convert(config["mode"])'
    method = f"Image.Resampling.{own.interpolation.upper()}"
    edge = (1 - own.crop_share) / 2
    if own.resize == "pad":
        return f'image = ImageOps.pad({opened}, config["size"], {method})\n'
    if own.resize == "crop":
        bleed = f", bleed={edge!r}" if edge else ""
        return f'image = ImageOps.fit({opened}, config["size"], {method}{bleed})\n'
    if not edge:
        return f'image = {opened}.resize(config["size"], {method})\n'
    box = (
        f"{edge!r} * image.width, {edge!r} * image.height, {1 - edge!r} * image.width, {1 - edge!r}"
        " * image.height"
    )
    return f'image = {opened}\nimage = image.resize(config["size"], {method}, box=({box}))\n'


def _scaled(own: Preprocessing, image_size: int) -> str:
    size = own.input_size
    if size is None or size == image_size:
        return ""
    antialias = ", antialias=True" if size < image_size else ""
    return (
        f"inputs = torch.nn.functional.interpolate(inputs, ({size}, {size}),"
        f' mode="bilinear"{antialias})\n'
    )


def usage_section(kind: Kind, arch: str, own: Preprocessing, image_size: int) -> str:
    """Return the README's section on how to use the files, as Markdown.

    Args:
        arch: the network's name. The weights of a user's own network need its module.
        own, image_size: see `usage_code`.
    """
    code, hint = usage_code(kind, own, image_size), ""
    if "model.safetensors" in code and is_own(arch):
        module = arch.partition(":")[0]
        hint = (
            f"\nThe network is built by `{arch}`. Put that module beside these files, and set the"
            f" environment variable `BICKD_MODULES={module}`, which allows its code to run.\n"
        )
    return (
        f"## Use\nRun this in the folder, with an image beside it:\n\n```python\n{code}```\n{hint}"
    )
