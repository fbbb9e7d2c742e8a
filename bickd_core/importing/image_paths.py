"""Find the image file of each sample in a folder, by its path in the table or by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bickd_core.data.errors import DataError
from bickd_core.data.folders import IMAGE_SUFFIXES, as_text, same_name, walk
from bickd_core.runs.predictions import PredictionsError
from bickd_core.runs.sample_file import Id


def image_paths(folder: Path, ids: Iterable[Id], paths: Mapping[Id, str]) -> dict[Id, str]:
    """Return the image file of each sample that has one in the folder, at any depth.

    Args:
        folder: chosen by the user. Paths in a table are only looked up inside it.
        ids: ids of all samples. An id matches a file with that name, with or without its suffix.
        paths: paths in the table, by id. A path matches a file whose path ends with the same parts.

    Raises:
        PredictionsError: the folder does not exist, or has no images.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise PredictionsError(
            f"expected a folder of images, got '{folder}', which is not a folder."
        )
    try:
        files = [
            file for file in walk(folder.absolute(), IMAGE_SUFFIXES) if as_text(file) == str(file)
        ]
    except DataError as error:
        raise PredictionsError(str(error)) from error
    if not files:
        raise PredictionsError(
            f"expected images in '{folder}', got none ({', '.join(IMAGE_SUFFIXES)})."
        )
    ends: dict[str, list[str]] = {}
    for file in files:
        parts = file.relative_to(folder.absolute()).parts
        for depth in range(1, len(parts) + 1):
            ends.setdefault(same_name("/".join(parts[-depth:])), []).append(str(file))
        ends.setdefault(same_name(file.stem), []).append(str(file))
    images: dict[Id, str] = {}
    for sample in ids:
        match = _match(paths.get(sample) or str(sample), ends)
        if match:
            images[sample] = match
    return images


def _match(wanted: str, ends: Mapping[str, list[str]]) -> str:
    """Return the file with the longest common path end; "" if there is none or several."""
    parts = [part for part in wanted.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for depth in range(len(parts), 0, -1):
        match = ends.get(same_name("/".join(parts[-depth:])), [])
        if match:
            return match[0] if len(set(match)) == 1 else ""
    return ""
