"""Recognise the network in an uploaded weights file, without Streamlit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.imports.process import safe_file_name
from bickd_core.data.preprocessing import channels_for
from bickd_core.data.registry import DATASETS, DatasetInfo, dataset_title
from bickd_core.importing.inspect_weights import Shapes, look_into
from bickd_core.models.recognise import Part, Recognised, nearest_networks, networks_in
from bickd_core.naming import key_of_file, plain_name
from bickd_viz.text import numbers

_GENERIC = {
    "model",
    "weights",
    "checkpoint",
    "best",
    "last",
    "final",
    "state",
    "pytorch_model",
    "ckpt",
}
"""File names that do not describe the content."""


@dataclass(frozen=True)
class Look:
    """The recognised network, or an error message.

    Attributes:
        datasets: the bundled data sets with the network's classes and channels.
        name: a run name from the file's name, or from network and data if the file's name is
            generic.
        problem: why no network was recognised; otherwise "".
        place: the part of the file that holds the network, if it is not the whole file.
        parts: every known network in the file, by its key and prefix; averaged weights come last.
    """

    name: str
    network: Recognised | None = None
    datasets: tuple[str, ...] = ()
    problem: str = ""
    place: str = ""
    parts: Mapping[str, Recognised] = field(default_factory=dict)


def look(content: bytes | memoryview, file_name: str) -> Look:
    """Read the tensors' names and shapes in a separate process, and recognise the network by
    them."""
    if not content:
        return Look(key_of_file(file_name), problem=f"{file_name} is empty; choose a weights file.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_file_name(file_name)
        path.write_bytes(content)
        try:
            return judge(look_into(path), file_name)
        except ValueError as error:
            return Look(key_of_file(file_name), problem=str(error))


def judge(tables: Mapping[str, Shapes], file_name: str) -> Look:
    """Recognise the network in a file's tables of tensors; if there is none, name the nearest ones.

    Args:
        tables: the tensors' names and shapes of each table, by the key of the table in the file.
    """
    every = [
        (Part(where, network.reading), network)
        for where, shapes in tables.items()
        for networks in networks_in(shapes)
        for network in networks
    ]
    if not every:
        return Look(key_of_file(file_name), problem=_none_fits(tables))
    every.sort(key=lambda entry: entry[0].averaged)
    part, network = every[0]
    fitting = fitting_sets(network)
    name = key_of_file(file_name)
    if name.lower() in _GENERIC:
        name = "-".join([*fitting[:1], network.name])
    return Look(
        name,
        network,
        fitting,
        place=_place(part.where, network),
        parts={part.label: network for part, network in every},
    )


def fitting_sets(network: Recognised) -> tuple[str, ...]:
    """Return the bundled data sets with the network's classes and channels."""
    return tuple(
        name
        for name, info in DATASETS.items()
        if (info.num_classes, info.in_channels) == (network.num_classes, network.in_channels)
    )


def _place(where: str, network: Recognised) -> str:
    """Describe where in the file the tensors are; "" if they are at its top under their own
    names."""
    reading = network.reading
    parts = [f"under the key '{plain_name(where)}'"] if where else []
    parts += [f"with the prefix '{plain_name(reading.under)}'"] if reading.under else []
    place = " ".join(parts)
    if reading.others:
        others = ", ".join(map(plain_name, reading.others[:3]))
        place += (
            f"; {numbers.counted(len(reading.others), 'other part')} of the file left out: {others}"
        )
    return place


def unfit(network: Recognised, info: DatasetInfo) -> str:
    """Return the error message for data with other classes than the network's, or with channels
    that cannot be converted; else ""."""
    shapes = (network.num_classes, network.in_channels), (info.num_classes, info.in_channels)
    made = channels_for(network.in_channels, info.in_channels)
    if network.num_classes == info.num_classes and made is not None:
        return ""
    expected, got = (
        f"{numbers.counted(classes, 'class', 'classes')} and {numbers.counted(channels, 'channel')}"
        for classes, channels in shapes
    )
    return (
        f"The network expects {expected}, but {dataset_title(info.name)} has {got}; choose the data"
        " that the network was trained on."
    )


def _none_fits(tables: Mapping[str, Shapes]) -> str:
    """Return the error message for tensors of an unknown network."""
    near = max(
        (nearest_networks(shapes) for shapes in tables.values()),
        key=lambda candidates: candidates[0].same / candidates[0].count if candidates else 0.0,
    )
    if not near:
        names = list(next(iter(tables.values())))
        return (
            f"The tensors ({', '.join(map(plain_name, names[:3]))}{' …' if len(names) > 3 else ''})"
            " match none of the networks under Architecture; choose another file, or import your"
            " own network with `bickd import FILE --arch MODULE:FUNCTION` in the shell."
        )
    listed = ", ".join(
        f"{candidate.info.name} ({candidate.same} of its {candidate.count} tensors)"
        for candidate in near
    )
    first = near[0]
    details = [f"{first.info.name} also has {first.missing}"] if first.missing else []
    details += [f"only the file has {plain_name(first.unexpected)}"] if first.unexpected else []
    return (
        f"The tensors match none of the networks under Architecture; the nearest are {listed}: "
        f"{', and '.join(details)}."
    )
