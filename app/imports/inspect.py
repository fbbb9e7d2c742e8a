"""What an uploaded weights file says of itself: its network, or the sentence that refuses it. Free of Streamlit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.imports.process import name_for, safe_file_name
from bickd_core.data import DATASETS, DatasetInfo, dataset_title
from bickd_core.importing.inspect_weights import Shapes, look_into
from bickd_core.models import Part, Recognised, nearest_networks, networks_in
from bickd_core.naming import plain_name
from bickd_viz.text import numbers

_GENERIC = {"model", "weights", "checkpoint", "best", "last", "final", "state", "pytorch_model", "ckpt"}
"""Names of files that say nothing of what is in them."""


@dataclass(frozen=True)
class Look:
    """What was found: a network, or a sentence on why none.

    Attributes:
        datasets: the sets that come along with its classes and channels; one's own may have them as well.
        name: a run's name, from the file's; from network and data where the file's says nothing.
        place: in which part of the file the network is, where it does not say so by itself.
        parts: every network of the list in the file, by its key and prefix; those of averaged weights last.
    """

    name: str
    network: Recognised | None = None
    datasets: tuple[str, ...] = ()
    problem: str = ""
    place: str = ""
    parts: Mapping[str, Recognised] = field(default_factory=dict)


def look(content: bytes | memoryview, file_name: str) -> Look:
    """Let a process of its own read the tensors' names and shapes, and recognise the network by them."""
    if not content:
        return Look(name_for(file_name), problem=f"{file_name} is empty: choose a file of weights.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_file_name(file_name)
        path.write_bytes(content)
        try:
            return judge(look_into(path), file_name)
        except ValueError as error:
            return Look(name_for(file_name), problem=str(error))


def judge(tables: Mapping[str, Shapes], file_name: str) -> Look:
    """The network that one of the file's tables of tensors holds; where there is none, the near ones by name.

    Args:
        tables: for each table, by the keys under which the file has it, its tensors' names and shapes.
    """
    every = [
        (Part(where, network.reading), network)
        for where, shapes in tables.items()
        for networks in networks_in(shapes)
        for network in networks
    ]
    if not every:
        return Look(name_for(file_name), problem=_none_fits(tables))
    every.sort(key=lambda one: one[0].averaged)
    part, network = every[0]
    fitting = fitting_sets(network)
    name = name_for(file_name)
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
    """The data sets that come along and have the network's classes and channels."""
    return tuple(
        name
        for name, about in DATASETS.items()
        if (about.num_classes, about.in_channels) == (network.num_classes, network.in_channels)
    )


def _place(where: str, network: Recognised) -> str:
    """Where in the file the tensors are, if not at its top under their own names; else ""."""
    reading = network.reading
    words = [f"under the key '{plain_name(where)}'"] if where else []
    words += [f"with the prefix '{plain_name(reading.under)}'"] if reading.under else []
    place = " ".join(words)
    if reading.others:
        parts = ", ".join(map(plain_name, reading.others[:3]))
        place += f"; {numbers.counted(len(reading.others), 'other part')} of the file left out: {parts}"
    return place


def unfit(network: Recognised, about: DatasetInfo) -> str:
    """The sentence on data of other classes or channels than the network's, or ""."""
    shapes = (network.num_classes, network.in_channels), (about.num_classes, about.in_channels)
    if shapes[0] == shapes[1]:
        return ""
    mine, theirs = (
        f"{numbers.counted(classes, 'class', 'classes')} of images with {numbers.counted(channels, 'channel')}"
        for classes, channels in shapes
    )
    return f"The file is for {mine}, and {dataset_title(about.name)} has {theirs}; choose the data that it was trained on."


def _none_fits(tables: Mapping[str, Shapes]) -> str:
    words = "None of the known networks has these tensors"
    near = max(
        (nearest_networks(shapes) for shapes in tables.values()),
        key=lambda found: found[0].same / found[0].count if found else 0.0,
    )
    if not near:
        names = list(next(iter(tables.values())))
        return (
            f"{words}, and none shares a name with them under any prefix; they are {', '.join(map(plain_name, names[:3]))}"
            f"{' …' if len(names) > 3 else ''}, and weights of a network from the list under Architecture are needed; a network of your own comes in by "
            "`bickd import FILE --arch MODULE:FUNCTION` in the shell."
        )
    listed = ", ".join(f"{one.info.name} ({one.same} of its {one.count} tensors)" for one in near)
    first = near[0]
    details = [f"{first.info.name} also has {first.missing}"] if first.missing else []
    details += [f"only the file has {plain_name(first.unexpected)}"] if first.unexpected else []
    return f"{words}; nearest come {listed}: {', and '.join(details)}."
