"""Identify the network and its inputs in a weights file or a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bickd_core.importing.folder_config import read_config, read_inputs
from bickd_core.importing.inspect_weights import RefusedFile, look_into
from bickd_core.models.catalogue import TIMM
from bickd_core.models.recognise import Part, nearest_networks, networks_in
from bickd_core.naming import plain_name
from bickd_core.runs.program_kinds import program_kind

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.bin", "model.onnx", "model.pt2")


@dataclass(frozen=True)
class Identified:
    """A weights file and its network.

    Attributes:
        arch: the network's name, or "" if unknown.
        inputs: fields of an `ImportRequest` about the inputs, if the folder has them.
        shapes: shapes of the network's tensors, if the network was recognised from them and is the
            only one.
    """

    file: Path
    arch: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)


def identify(path: Path, arch: str = "", part: str | None = None) -> Identified:
    """Identify the network, by `config.json` in a folder, else by the tensors' names and shapes.

    Args:
        arch: its name if it is known. The folder then gives the inputs only.
        part: which network of a file with several, by its key and prefix, such as model/student.

    A program contains its network and has no name.

    Raises:
        ValueError: the folder has no weights, or the tensors match no network of the catalogue.
    """
    identified = from_folder(path) if path.is_dir() else Identified(path)
    if program_kind(identified.file) is not None:
        return Identified(identified.file, inputs=_of_program(identified.file.parent))
    if arch or identified.arch:
        return replace(identified, arch=arch or identified.arch)
    tables = look_into(identified.file)
    networks = [
        (each, shapes, Part(where, each.reading).label)
        for where, shapes in tables.items()
        for networks in networks_in(shapes)
        for each in networks
    ]
    if networks:
        network, shapes, _ = next((each for each in networks if each[2] == part), networks[0])
        own_shapes = {name: shapes[stored] for name, stored in network.reading.names.items()}
        return Identified(
            identified.file,
            network.name,
            identified.inputs,
            own_shapes if len(networks) == 1 else {},
        )
    near = next((near for shapes in tables.values() for near in nearest_networks(shapes, 1)), None)
    hint = (
        f"; the nearest is {near.info.name} ({near.same} of its {near.count} tensors)"
        if near
        else ""
    )
    raise RefusedFile(
        f"the weights in {path.name} match none of the known networks{hint}; name the network with"
        " --arch, such as timm:NAME or my_module:make_net."
    )


def from_folder(folder: Path) -> Identified:
    """Read the weights file and `config.json` of a Hugging Face folder.

    Raises:
        RefusedFile: the folder has no weights, or has them in several files.
    """
    file = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        several = next(folder.glob("*.index.json"), None)
        contents = "weights in several files, which are not read" if several else "no weights"
        raise RefusedFile(
            f"expected a weights file or a folder with {_WEIGHTS[0]}, but the folder {folder.name}"
            f" has {contents}."
        )
    name = read_config(folder).get("architecture")
    return Identified(
        file,
        arch=f"{TIMM}{plain_name(name)}" if isinstance(name, str) and name else "",
        inputs=read_inputs(folder),
    )


def _of_program(folder: Path) -> dict[str, Any]:
    """Return the fields of an `ImportRequest` for a program that `bickd export` wrote; else empty.

    The program itself normalises its inputs, which are from 0 to 1 in the order red, green, blue.
    """
    if read_config(folder).get("library") != "bickd-explorer":
        return {}
    inside = ("normalisation", "mean", "std", "channel_order", "input_size")
    outside = {name: value for name, value in read_inputs(folder).items() if name not in inside}
    return {"normalisation": "none", **outside}
