"""What an uploaded weights file says of itself: its network, or the sentence that refuses it. Free of Streamlit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.imports import BASE, name_for, safe_file_name
from bickd_core.data import DATASETS, DatasetInfo, dataset_title
from bickd_core.looking import header_shapes
from bickd_core.models import Recognised, nearest_networks, recognise
from bickd_viz import text

LIMIT_SECONDS = 120.0
_GENERIC = {"model", "weights", "checkpoint", "best", "last", "final", "state", "pytorch_model", "ckpt"}
"""Names of files that say nothing of what is in them."""


@dataclass(frozen=True)
class Look:
    """What was found: a network, or a sentence on why none.

    Attributes:
        datasets: the sets that come along with its classes and channels; one's own may have them as well.
        name: a run's name, from the file's; from network and data where the file's says nothing.
    """

    name: str
    network: Recognised | None = None
    datasets: tuple[str, ...] = ()
    problem: str = ""


def look(content: bytes | memoryview, file_name: str) -> Look:
    """Read the tensors' names and shapes and recognise the network by them."""
    if not content:
        return Look(name_for(file_name), problem=f"{file_name} is empty: choose a file of weights.")
    try:
        return judge(_shapes(content, file_name), file_name)
    except ValueError as error:
        return Look(name_for(file_name), problem=str(error))


def judge(shapes: Mapping[str, Sequence[int]], file_name: str) -> Look:
    """The network with these tensors; where there is none, the near ones by name."""
    found = recognise(shapes)
    if not found:
        return Look(name_for(file_name), problem=_none_fits(shapes))
    network = found[0]
    fitting = tuple(
        name
        for name, about in DATASETS.items()
        if (about.num_classes, about.in_channels) == (network.num_classes, network.in_channels)
    )
    name = name_for(file_name)
    if name.lower() in _GENERIC:
        name = "-".join([*fitting[:1], network.name])
    return Look(name, network, fitting)


def unfit(network: Recognised, about: DatasetInfo) -> str:
    """The sentence on data of other classes or channels than the network's, or ""."""
    shapes = (network.num_classes, network.in_channels), (about.num_classes, about.in_channels)
    if shapes[0] == shapes[1]:
        return ""
    mine, theirs = (
        f"{text.counted(classes, 'class', 'classes')} of images with {text.counted(channels, 'channel')}"
        for classes, channels in shapes
    )
    return f"The file is for {mine}, and {dataset_title(about.name)} has {theirs}; choose the data that it was trained on."


def _none_fits(shapes: Mapping[str, Sequence[int]]) -> str:
    near = nearest_networks(shapes)
    words = "None of the known networks has these tensors"
    if not near:
        return f"{words}, and none shares a name with them; weights of a network from the list under Architecture are needed."
    listed = ", ".join(f"{info.name} ({same} of its {count} tensors)" for info, same, count in near)
    return f"{words}; nearest come {listed}."


def _shapes(content: bytes | memoryview, file_name: str) -> dict[str, tuple[int, ...]]:
    if file_name.lower().endswith(".safetensors"):
        return header_shapes(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_file_name(file_name)
        path.write_bytes(content)
        command = [sys.executable, "-m", "bickd_core.looking", str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, cwd=BASE)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError) as error:
            raise ValueError("The file could not be looked into; try it again.") from error
    if "error" in answer:
        raise ValueError(answer["error"])
    return {name: tuple(shape) for name, shape in answer["shapes"].items()}
