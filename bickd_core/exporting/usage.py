"""The Python example in an export's README, to be run in the exported folder. Tests run it.

It reads `image.png`, prepares it as the network's input, and prints the name of the predicted
class.
"""

from __future__ import annotations

from bickd_core.data.preprocessing import Preprocessing
from bickd_core.exporting.kinds import Kind
from bickd_core.models.own import is_own


def usage_code(kind: Kind, inputs: Preprocessing, image_size: int) -> str:
    """Return the Python code for these inputs.

    Args:
        image_size: pixels per side of the run's images. The network may scale them to another size.
    """
    prepared = [
        *_squared(inputs),
        'pixels = numpy.array(image, dtype="float32").reshape(*config["size"], -1) / 255'
        "  # [H, W, channels], 0 to 1",
    ]
    if kind == "onnx":
        imports = ["import json, numpy, onnxruntime", "from PIL import Image, ImageOps"]
        network = ['session = onnxruntime.InferenceSession("model.onnx")']
        predict = [
            '(logits,) = session.run(["logits"], {"images": pixels.transpose(2, 0, 1)[None]})'
        ]
    elif kind == "pt2":
        imports = ["import json, numpy, torch", "from PIL import Image, ImageOps"]
        network = ['model = torch.export.load("model.pt2").module()']
        predict = ["logits = model(torch.tensor(pixels).permute(2, 0, 1)[None])"]
    else:
        imports = [
            "import json, numpy, torch",
            "from PIL import Image, ImageOps",
            "from safetensors.torch import load_file",
            "from bickd_core.models.factory import create_model  # of bickd-explorer",
        ]
        network = [
            'model = create_model(**config["model"]).eval()',
            'model.load_state_dict(load_file("model.safetensors"))',
        ]
        flipped = ".flip(1)" if inputs.channel_order == "bgr" else ""
        predict = [
            'inputs = torch.tensor((pixels - config["mean"]) / config["std"]).float()'
            f".permute(2, 0, 1)[None]{flipped}",
            *_scaled(inputs, image_size),
            "logits = model(inputs)",
        ]
    config = 'config = json.load(open("config.json"))'
    answer = 'print(config["class_names"][logits.argmax()])'
    return "\n".join([*imports, config, *network, *prepared, *predict, answer, ""])


def _squared(inputs: Preprocessing) -> list[str]:
    """Return the lines that open the image and make it upright, opaque and square, like
    `data.pixels`."""
    opened = [
        'image = ImageOps.exif_transpose(Image.open("image.png"))',
        'white = Image.new("RGBA", image.size, "white")',
        'image = Image.alpha_composite(white, image.convert("RGBA")).convert(config["mode"])',
    ]
    method = f"Image.Resampling.{inputs.interpolation.upper()}"
    edge = (1 - inputs.crop_share) / 2
    if inputs.resize == "pad":
        return [*opened, f'image = ImageOps.pad(image, config["size"], {method})']
    if inputs.resize == "crop":
        bleed = f", bleed={edge!r}" if edge else ""
        return [*opened, f'image = ImageOps.fit(image, config["size"], {method}{bleed})']
    box = ", ".join(
        f"{share!r} * image.{side}" for share in (edge, 1 - edge) for side in ("width", "height")
    )
    box = f", box=({box})" if edge else ""
    return [*opened, f'image = image.resize(config["size"], {method}{box})']


def _scaled(inputs: Preprocessing, image_size: int) -> list[str]:
    """Return the line that scales the inputs, if the network needs another size."""
    size = inputs.input_size
    if size is None or size == image_size:
        return []
    antialias = ", antialias=True" if size < image_size else ""
    return [
        f"inputs = torch.nn.functional.interpolate(inputs, ({size}, {size}),"
        f' mode="bilinear"{antialias})'
    ]


def usage_section(kind: Kind, arch: str, inputs: Preprocessing, image_size: int) -> str:
    """Return the README's section on how to use the files, as Markdown.

    Args:
        arch: the network's name. The weights of a user's own network need its module.
        inputs, image_size: see `usage_code`.
    """
    code, hint = usage_code(kind, inputs, image_size), ""
    if "model.safetensors" in code and is_own(arch):
        module = arch.partition(":")[0]
        hint = (
            f"\nThe network is built by `{arch}`. Put that module beside these files, and set the"
            f" environment variable `BICKD_MODULES={module}`, which allows its code to run.\n"
        )
    return (
        f"## Use\nRun this in the folder, with an image beside it:\n\n```python\n{code}```\n{hint}"
    )
