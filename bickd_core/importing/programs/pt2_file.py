"""Read the archive of a torch.export program: a zip file with the graph as JSON and the tensors as
raw bytes."""

from __future__ import annotations

import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bickd_core.file_sizes import size_text, unpacked_limit
from bickd_core.importing.programs.program import ProgramError
from bickd_core.importing.programs.pt2_graph import SCALAR_TYPES, Pt2Program
from bickd_core.naming import plain_name
from bickd_core.runs.checkpoints import DAMAGE, check_archive
from bickd_core.runs.program_kinds import ARCHIVE_FORMAT

SCHEMA = 8
"""Supported major version of torch.export's schema (torch 2.8 and later)."""
MOST_JSON = 64 * 2**20
_DAMAGED = "is not a complete torch.export file: it is cut short, damaged or of another kind"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def read_pt2(file: Path, *, max_bytes: int) -> Pt2Program:
    """Read a program without torch's own reader, which unpickles objects and evaluates expressions.

    Args:
        max_bytes: largest unpacked size.

    Raises:
        ProgramError: the file is damaged, too large, of another version, or needs something
            unsupported.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            total = sum(member.file_size for member in archive.infolist())
            if total > (limit := unpacked_limit(file, max_bytes)):
                raise ProgramError(
                    f"would unpack to {size_text(total)}, but at most {size_text(limit)} are"
                    " accepted"
                )
            check_archive(file)
            return _read(archive)
    except ProgramError:
        raise
    except (*DAMAGE, AttributeError, RecursionError) as error:
        raise ProgramError(_DAMAGED) from error


def _read(archive: zipfile.ZipFile) -> Pt2Program:
    names = archive.namelist()
    if "serialized_exported_program.json" in names:
        raise ProgramError("was written by torch before 2.8; export it again with a newer one")
    root = next(
        (
            name.removesuffix(ARCHIVE_FORMAT)
            for name in names
            if name.endswith(f"/{ARCHIVE_FORMAT}")
        ),
        None,
    )
    if root is None:
        raise ProgramError(_DAMAGED)
    models = [name for name in names if re.fullmatch(re.escape(root) + r"models/[^/]+\.json", name)]
    if len(models) != 1:
        raise ProgramError(
            f"holds {len(models)} graphs, but a torch.export program with one graph is needed"
        )
    content = _json(archive, models[0])
    version = content.get("schema_version", {}).get("major")
    if version != SCHEMA:
        raise ProgramError(
            f"has version {plain_name(str(version))[:20]} of torch.export's format, but only"
            f" version {SCHEMA} is read; export it with another release of torch"
        )
    name = models[0].rpartition("/")[2].removesuffix(".json")
    tensors = {}
    for folder, ending in (("weights", "weights_config"), ("constants", "constants_config")):
        place = f"{root}data/{folder}/"
        for key, entry in _json(archive, f"{place}{name}_{ending}.json")["config"].items():
            tensors[key] = _tensor(archive, place, key, entry)
    return Pt2Program(content, tensors)


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > MOST_JSON:
        raise ProgramError(f"has a graph of more than {size_text(MOST_JSON)}")
    content = json.loads(archive.read(name))
    if not isinstance(content, dict):
        raise ProgramError("has a graph that is not a JSON object")
    return content


def _tensor(archive: zipfile.ZipFile, place: str, key: str, entry: dict[str, Any]) -> Tensor:
    """Return a tensor from its raw bytes.

    Args:
        place: the archive's folder of the tensor's file, with "/" at its end.
        key: the tensor's name.
        about: its entry in the archive's configuration: type, sizes, strides and file name.

    Raises:
        ProgramError: the tensor is pickled, of an unknown type, or has a negative shape.
    """
    meta, path = entry["tensor_meta"], entry["path_name"]
    if entry["use_pickle"] or meta is None or not path.startswith(("weight_", "tensor_")):
        raise ProgramError(
            f"holds {plain_name(key)[:80]} as a pickled object, which is refused because it could"
            " run code; export plain tensors"
        )
    if not _NAME.fullmatch(path) or meta["dtype"] not in SCALAR_TYPES:
        raise ProgramError(f"holds {plain_name(key)[:80]} with an unknown name or type")
    dtype = SCALAR_TYPES[meta["dtype"]]
    sizes, strides = ([int(side["as_int"]) for side in meta[name]] for name in ("sizes", "strides"))
    if any(side < 0 for side in [*sizes, *strides]):
        raise ProgramError(f"holds {plain_name(key)[:80]} with a negative shape")
    data = bytearray(archive.read(f"{place}{path}"))
    if not math.prod(sizes):
        return torch.empty(sizes, dtype=dtype)
    flat = torch.frombuffer(data, dtype=dtype)
    return torch.as_strided(flat, sizes, strides, int(meta["storage_offset"]["as_int"])).clone()
