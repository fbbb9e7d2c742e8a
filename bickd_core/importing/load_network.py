"""Load the weights of a file into a network. Names and shapes are compared before torch or images
are loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bickd_core.data.preprocessing import channels_for
from bickd_core.data.registry import DatasetInfo
from bickd_core.importing.inspect_weights import MAX_BYTES, RefusedFile, Shapes, take_network
from bickd_core.models.catalogue import MODELS, TORCHVISION, resolve
from bickd_core.models.mismatch import describe_mismatch, lacks_statistics, missing_statistics
from bickd_core.models.recognise import parts_of, without_prefixes
from bickd_core.runs.program_kinds import ProgramKind
from bickd_core.safetensors_header import HeaderError, read_header

if TYPE_CHECKING:
    from torch import nn

SPARE_BYTES, TIMES_NETWORK = 256 * 2**20, 40
"""Limit of a file's unpacked size: this many bytes, plus a multiple of the network's size, so that
optimiser states and teachers fit."""


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with a file's weights.

    Attributes:
        channels: channels of its input. It can have three on grey images, or one on colour images.
        part: key and prefix of the weights in the file; "" if the file holds nothing else.
        lacking: names of batch norm statistics that the file lacks; the model's are then 0 and 1.
        program: the kind of program, if the file is not weights. The model can then only predict.
    """

    model: nn.Module
    channels: int
    part: str = ""
    lacking: tuple[str, ...] = ()
    program: ProgramKind | None = None

    @property
    def gives_features(self) -> bool:
        """Whether the input of its last linear layer is known."""
        return bool(getattr(self.model, "gives_features", True))


def load_network(
    file: Path, arch: str, info: DatasetInfo, *, part: str | None, folder: Path
) -> LoadedNetwork:
    """Load the file's weights into the network `arch` for this data.

    A safetensors file is read here, because it cannot need more memory than its size. Other files
    are read in a separate process.

    Args:
        part: which of several networks in the file to load.
        folder: a folder for a temporary copy of the weights.

    Raises:
        ValueError: the file is refused, or holds another network.
    """
    wanted = _planned(arch, info) or _built(arch, info)
    if file.suffix.lower() == ".safetensors" and file.is_file() and file.stat().st_size:
        shapes = _stored_shapes(file)
        if not parts_of({"": shapes}, wanted.shapes):
            _check(
                wanted, {name: shapes[stored] for name, stored in without_prefixes(shapes).items()}
            )
        from bickd_core.runs.checkpoints import read_network

        weights, taken, _ = read_network(file, expected=wanted.shapes, part=part)
    else:
        copied = folder / "read.safetensors"
        most = min(MAX_BYTES, SPARE_BYTES + TIMES_NETWORK * wanted.size)
        taken = take_network(file, copied, expected=wanted.shapes, part=part, max_bytes=most).part
        wanted = _of_channels(wanted, _stored_shapes(copied))
        _check(wanted, _stored_shapes(copied))
        from bickd_core.runs.checkpoints import read_weights

        weights = read_weights(copied)
        copied.unlink()
    read = {name: tuple(value.shape) for name, value in weights.items()}
    wanted = _of_channels(wanted, read)
    lacking = _check(wanted, read)
    from bickd_core.runs.checkpoints import load_into

    model = wanted.model or _create(arch, wanted.info)
    initial = model.state_dict()
    load_into(
        model,
        {**weights, **{name: initial[name] for name in lacking}},
        name=arch,
        dataset=info.name,
    )
    return LoadedNetwork(model, wanted.info.in_channels, taken, lacking)


def check_shapes(shapes: Mapping[str, Sequence[int]], arch: str, info: DatasetInfo) -> None:
    """Check that these names and shapes are those of the catalogue's network `arch` for this data.

    Raises:
        RefusedFile: they differ; the message says how.
    """
    wanted = _planned(arch, info)
    if wanted is not None:
        _check(_of_channels(wanted, shapes), shapes)


@dataclass(frozen=True)
class _Wanted:
    """The expected content of the file: names and shapes of the network's tensors, and the name of
    its head.

    Attributes:
        info: the data. `in_channels` is the network's.
        model: the network, if names and shapes are known only after building it.
    """

    arch: str
    info: DatasetInfo
    shapes: Shapes
    head: str
    model: nn.Module | None = None

    @property
    def size(self) -> int:
        """Bytes in float32."""
        return 4 * sum(math.prod(shape) for shape in self.shapes.values())


def _planned(arch: str, info: DatasetInfo) -> _Wanted | None:
    """Return the expected content for a network of the catalogue, without building it."""
    network = resolve(arch)
    if network.name not in MODELS:
        return None
    layers = network.layers(info.num_classes, info.in_channels)
    shapes = {name: shape for layer in layers for name, shape in layer.tensors.items()}
    return _Wanted(arch, info, shapes, layers[-1].name)


def _built(arch: str, info: DatasetInfo) -> _Wanted:
    from bickd_core.runs.checkpoints import head_of

    if arch.startswith(TORCHVISION) and info.in_channels == 1:
        info = replace(info, in_channels=3)  # torchvision's networks take nothing else
    model = _create(arch, info)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    return _Wanted(arch, info, shapes, head_of(model), model)


def _create(arch: str, info: DatasetInfo) -> nn.Module:
    from bickd_core.models.factory import create_model

    return create_model(arch, num_classes=info.num_classes, in_channels=info.in_channels)


def _of_channels(wanted: _Wanted, stored: Mapping[str, Sequence[int]]) -> _Wanted:
    """Return what is expected of a network with three channels if the data are grey, or with one if
    they are in colour, where the file's first convolution has them."""
    stem = next(
        (
            name
            for name, shape in wanted.shapes.items()
            if len(shape) == 4 and name.endswith("weight")
        ),
        "",
    )
    came = tuple(stored.get(stem, ()))
    if len(came) != 4:
        return wanted
    out, expected, *side = wanted.shapes[stem]
    info = replace(wanted.info, in_channels=came[1])
    if (
        came != (out, came[1], *side)
        or info == wanted.info
        or channels_for(came[1], wanted.info.in_channels) is None
    ):
        return wanted
    if expected != came[1]:
        return _planned(wanted.arch, info) or _built(wanted.arch, info)
    # It was built without a choice of channels, and may convert images itself.
    return wanted if _takes_images_of(wanted) else replace(wanted, info=info)


def _takes_images_of(wanted: _Wanted) -> bool:
    """Return whether a network that was built takes images with the data's channels."""
    import torch

    if wanted.model is None:
        return False
    side = max(wanted.info.default_image_size, 32)
    was_training = wanted.model.training
    try:
        with torch.no_grad():
            wanted.model.eval()(torch.zeros(1, wanted.info.in_channels, side, side))
    except (RuntimeError, ValueError):
        return False
    finally:
        wanted.model.train(was_training)
    return True


def _stored_shapes(file: Path) -> Shapes:
    try:
        return {name: tensor.shape for name, tensor in read_header(file).items()}
    except HeaderError as error:
        raise RefusedFile(str(error)) from error


def _check(wanted: _Wanted, stored: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """Return the names of missing statistics that can be estimated.

    Raises:
        RefusedFile: the tensors are not the network's, or statistics are missing and cannot be
            estimated.
    """
    lacking = missing_statistics(wanted.shapes, stored)
    if lacking and wanted.info.all_test:
        why = "and these data have no training images to estimate them from"
        raise RefusedFile(lacks_statistics(wanted.arch, lacking, why))
    filled = {**stored, **{name: wanted.shapes[name] for name in lacking}}
    reason = describe_mismatch(
        wanted.shapes,
        filled,
        name=wanted.arch,
        head=wanted.head,
        dataset=wanted.info.name,
        class_names=wanted.info.class_names,
    )
    if reason is not None:
        raise RefusedFile(reason)
    return lacking
