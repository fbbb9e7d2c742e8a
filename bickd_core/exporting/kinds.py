"""The kinds of export, and what each needs. Without torch, so that pages can list them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["safetensors", "hub", "onnx", "pt2", "tensorboard"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Format:
    """One kind of export.

    Attributes:
        title: the entry in a menu.
        help: what the export contains.
        needs: modules that must be installed.
        extra: the extra of `bickd-explorer` that installs them.
    """

    title: str
    help: str
    needs: tuple[str, ...] = ()
    extra: str = ""

    def missing(self) -> str:
        """Return a sentence on the packages that are not installed, or ""."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if not absent:
            return ""
        verb = "is" if len(absent) == 1 else "are"
        return (
            f"{' and '.join(absent)} {verb} not installed: run pip install"
            f" 'bickd-explorer[{self.extra}]'."
        )


FORMATS: dict[Kind, Format] = {
    "safetensors": Format(
        "Weights (safetensors)",
        "Weights, class names, preprocessing and Python code that loads them.",
    ),
    "hub": Format(
        "Folder for Hugging Face Hub",
        "Weights, config.json and a model card with the figures. Upload it with bickd export --to"
        " hub --upload NAME.",
    ),
    "onnx": Format(
        "ONNX",
        "A network for onnxruntime and other runtimes, with any batch size. Checked against the"
        " original.",
        ("onnx", "onnxscript"),
        "onnx",
    ),
    "pt2": Format(
        "torch.export (.pt2)",
        "A network that PyTorch runs without this project, with any batch size. Checked against the"
        " original.",
    ),
    "tensorboard": Format(
        "TensorBoard events",
        "The metrics of every epoch, for tensorboard --logdir.",
        ("tensorboard",),
        "tensorboard",
    ),
}
