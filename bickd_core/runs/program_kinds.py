"""Detect files that are programs, and what each kind needs. Without torch."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Literal

from bickd_core.file_sizes import UNREADABLE_ZIP

ProgramKind = Literal["onnx", "pt2"]
TITLES: dict[ProgramKind | None, str] = {"onnx": "an ONNX program", "pt2": "a torch.export program"}
ARCHIVE_FORMAT = "archive_format"
"""A member of the zip file of a torch.export program."""


def program_kind(file: Path) -> ProgramKind | None:
    """Return the kind of a program, by its suffix or the members of its zip file; None for other
    files."""
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
    """Return a sentence on the package that a kind needs, if it is not installed; else ""."""
    if kind == "pt2" or importlib.util.find_spec("onnxruntime") is not None:
        return ""
    return (
        "An ONNX program needs the package onnxruntime, which is not installed: run `pip install"
        " onnxruntime`."
    )
