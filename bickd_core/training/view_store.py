"""Store the teacher's outputs on augmented training images on disk, with one file for each view,
shared by all runs.

A view is a pure function of (sample id, view number, augmentation seed), so the teacher's outputs
on it are the same for every student, seed, loss and resumed run. Files have keys over everything
that determines them, and a checksum. The least recently used files are deleted when the store
exceeds its budget. This module does not import torch, so that `bickd cache` is quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bickd_core.atomic import TEMPORARY_SUFFIX, atomic_write, write_json
from bickd_core.disk import lock_if_writable
from bickd_core.places import bytes_from_environment, cache_folder

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

DEFAULT_GB = 10.0
"""Default budget in GB; BICKD_VIEWS_GB changes it. It is at most half of the free disk space."""
ABOUT = "about.json"


@dataclass(frozen=True)
class ViewKey:
    """Everything that determines a teacher's outputs on the views of a training split.

    Attributes:
        teacher_sha256: of the weights file.
        data_sha256: of images, labels and ids of the training split.
        pad, flip, seed: the augmentation.
        mean, std, channel_order, input_size: the teacher's inputs.
        names: names of the outputs.
        precision: of the forward pass.
        way: variant of the forward pass, if it changes bits.
        teacher, dataset: for display; not part of the key.
    """

    teacher_sha256: str
    data_sha256: str
    arch: str
    pad: int
    flip: bool
    seed: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    names: tuple[str, ...]
    precision: str
    channel_order: str = "rgb"
    input_size: int = 0
    teacher: str = ""
    dataset: str = ""
    way: str = "batch norms folded"

    @property
    def digest(self) -> str:
        parts = {
            name: value
            for name, value in asdict(self).items()
            if name not in ("teacher", "dataset")
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Shelf:
    """The stored views of one key, as `bickd cache` lists them.

    Attributes:
        path: the folder.
        names: names of the outputs.
        views: number of views.
        bytes: size of all views.
    """

    path: Path
    teacher: str
    dataset: str
    names: tuple[str, ...]
    views: int
    bytes: int


def views_folder() -> Path:
    return cache_folder() / "teacher-views"


def budget_bytes() -> int:
    """Return the budget of all views in bytes.

    Raises:
        ValueError: BICKD_VIEWS_GB is not a number of at least 0.
    """
    wanted = bytes_from_environment("BICKD_VIEWS_GB")
    if wanted is not None:
        return wanted
    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return int(
        min(
            DEFAULT_GB * 1e9,
            shutil.disk_usage(folder).free / 2 + sum(size for _, size, _ in _stored()),
        )
    )


class ViewStore:
    """The views of one key. Several processes may use it at once. Each view is made by one of
    them."""

    def __init__(self, key: ViewKey) -> None:
        self.key = key
        self.path = views_folder() / key.digest

    def file(self, view: int) -> Path:
        return self.path / f"view-{view:06d}.safetensors"

    def missing(self, views: Collection[int]) -> int:
        """Return how many of these views are not stored."""
        stored = {file.name for file in self.path.glob("view-*.safetensors")}
        return sum(self.file(view).name not in stored for view in views)

    def load(self, view: int) -> dict[str, Tensor] | None:
        """Return the outputs of this view by name, or None if they are missing or damaged (which is
        logged)."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        file = self.file(view)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning(
                "The teacher's stored view %s cannot be read (%s); it is made again.", file, error
            )
            return None
        body, checksum = data[:-32], data[-32:]
        if hashlib.sha256(body).digest() != checksum:
            logger.warning("The teacher's stored view %s is damaged; it is made again.", file)
            return None
        try:
            tensors = load(body)
        except (SafetensorError, ValueError) as error:
            logger.warning(
                "The teacher's stored view %s is damaged (%s); it is made again.", file, error
            )
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # used just now
        return tensors

    def save(self, view: int, tensors: dict[str, Tensor]) -> bool:
        """Store the outputs of a view; returns False with a warning if the disk refuses. Call it
        while `making` the view."""
        from safetensors.torch import save

        body = save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
        limit = budget_bytes()
        if len(body) + 32 > limit:
            logger.warning(
                "A view of %.1f MB is over the budget of the store; it is not kept.",
                len(body) / 1e6,
            )
            return False
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._sweep_temporary(view)
            if not (self.path / ABOUT).exists():
                write_json(self.path / ABOUT, asdict(self.key))
            make_room(len(body) + 32, limit)
            with atomic_write(self.file(view)) as temporary, open(temporary, "wb") as file:
                file.write(body)
                file.write(hashlib.sha256(body).digest())
        except OSError as error:
            logger.warning(
                "The teacher's view cannot be stored in %s (%s); each run makes it again. "
                "Free some space or set BICKD_CACHE to another folder.",
                self.path,
                error,
            )
            return False
        return True

    def _sweep_temporary(self, view: int) -> None:
        """Remove what a process left behind that was killed while it wrote this view."""
        for file in self.path.glob(f".{self.file(view).name}.*{TEMPORARY_SUFFIX}"):
            file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def making(self, view: int, timeout: float = -1) -> Iterator[None]:
        """Hold the lock for making this view. A second process waits here, and then loads the
        stored view.

        Args:
            timeout: seconds to wait; -1 for no limit.

        Raises:
            Timeout: another process still makes it.
        """
        path = self.path / f".view-{view:06d}.lock"
        with lock_if_writable(path, timeout) as error:
            if error is not None:
                logger.warning(
                    "The folder %s cannot be written to (%s); views are not shared.",
                    self.path,
                    error,
                )
            yield


def make_room(wanted: int, limit: int) -> None:
    """Remove the least recently used views until `wanted` more bytes fit within `limit`."""
    files = _stored()
    total = sum(size for _, size, _ in files)
    for _, size, file in sorted(files, key=lambda entry: (entry[0], entry[2])):
        if total + wanted <= limit:
            return
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
        total -= size


def shelves() -> list[Shelf]:
    """Return the stored entries, by teacher and data."""
    shelves = []
    for description in sorted(views_folder().glob(f"*/{ABOUT}")):
        try:
            stored = json.loads(description.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            stored = {}
        sizes = [file.stat().st_size for file in description.parent.glob("view-*.safetensors")]
        shelves.append(
            Shelf(
                description.parent,
                str(stored.get("teacher", "?")),
                str(stored.get("dataset", "?")),
                tuple(stored.get("names", ())),
                len(sizes),
                sum(sizes),
            )
        )
    return sorted(shelves, key=lambda shelf: (shelf.teacher, shelf.dataset, shelf.path))


def clear() -> int:
    """Remove all views; returns the freed bytes.

    A run that is using them makes them again.
    """
    freed = 0
    for folder in [path for path in views_folder().glob("*") if path.is_dir()]:
        freed += sum(file.stat().st_size for file in folder.glob("view-*.safetensors"))
        shutil.rmtree(folder)
    return freed


def _stored() -> list[tuple[float, int, Path]]:
    """Return last use, bytes and path of every view, and of those whose writing was interrupted.
    Views that disappear in the meantime are left out."""
    views = []
    interrupted = views_folder().glob(f"*/.view-*{TEMPORARY_SUFFIX}")
    for file in (*views_folder().glob("*/view-*.safetensors"), *interrupted):
        with contextlib.suppress(OSError):
            stat = file.stat()
            views.append((stat.st_mtime, stat.st_size, file))
    return views
