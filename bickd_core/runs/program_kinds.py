"""Which files are programs, and what each kind needs; without torch."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Literal

from bickd_core.file_sizes import UNREADABLE_ZIP

ProgramKind = Literal["onnx", "pt2"]
TITLES: dict[ProgramKind | None, str] = {"onnx": "an ONNX program", "pt2": "a torch.export program"}
ARCHIVE_FORMAT = "archive_format"
"""The member of a zip file that says it is torch.export's."""


def program_kind(file: Path) -> ProgramKind | None:
    """What a file is by its suffix, or by the members of its zip; None for anything else."""
    suffix = file.suffix.lower()
    if suffix in (".onnx", ".pt2"):
        return "onnx" if suffix == ".onnx" else "pt2"
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except UNREADABLE_ZIP:
        return None
    return "pt2" if any(name.endswith(f"/{ARCHIVE_FORMAT}") for name in names) else None


def missing(kind: ProgramKind) -> str:
    """The sentence on the package that a kind needs and that is not installed; or ""."""
    if kind == "pt2" or importlib.util.find_spec("onnxruntime") is not None:
        return ""
    return (
        "An ONNX program needs the package onnxruntime, which is not installed: run `pip install"
        " onnxruntime`."
    )
