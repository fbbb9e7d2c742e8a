"""Convert a network to ONNX or torch.export, and compare the result with the original."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import torch

from bickd_core.exporting.network import BATCHES, Network, largest_difference

OPSET = 18
"""ONNX's operator set. onnxruntime supports it since 1.15 (2023)."""


@torch.no_grad()
def write_onnx(network: Network, path: Path) -> str:
    """Write an ONNX file that maps `images` [batch, ch, H, W] with values from 0 to 1 to `logits`
    [batch, C].

    Returns:
        A sentence on how it was compared with the original.

    Raises:
        ExportError: its logits differ from the original's.
    """
    model = network.on_unit_range()
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    try:
        quiet.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about its own exporter
            torch.onnx.export(
                model,
                (network.images(2),),
                path,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    if importlib.util.find_spec("onnxruntime") is None:
        return (
            f"ONNX, opset {OPSET}. It was not compared with the original: onnxruntime is not"
            " installed."
        )
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    differences = []
    for count in BATCHES:
        images = network.images(count)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        differences.append(largest_difference(model(images), torch.tensor(logits)))
    return (
        f"ONNX, opset {OPSET}."
        f" {_compared(max(differences), f'onnxruntime {onnxruntime.__version__}')}"
    )


@torch.no_grad()
def write_pt2(network: Network, path: Path) -> str:
    """Write a torch.export program with the input and output of `write_onnx`.

    Returns:
        A sentence on how it was compared with the original.

    Raises:
        ExportError: its logits differ from the original's.
    """
    model = network.on_unit_range()
    program = torch.export.export(
        model, (network.images(2),), dynamic_shapes={"images": {0: torch.export.Dim("batch")}}
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    torch.export.save(program, path)
    loaded = torch.export.load(path).module()
    differences = [
        largest_difference(model(network.images(count)), loaded(network.images(count)))
        for count in BATCHES
    ]
    return (
        f"A program of torch.export. {_compared(max(differences), f'PyTorch {torch.__version__}')}"
    )


def _compared(difference: float, by: str) -> str:
    size = f"differ by at most {difference:.0e} of the largest logit" if difference else "are equal"
    return (
        f"Compared with the original in {by}, on random images in batches of"
        f" {' and '.join(map(str, BATCHES))}: the logits {size}."
    )
