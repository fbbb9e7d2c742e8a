"""Store decoded arrays in the user's cache folder. Damaged files are detected."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bickd_core.npz import save_npz
from bickd_core.places import cache_folder

logger = logging.getLogger(__name__)


def cached_array(key: str, shape: tuple[int, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the uint8 array stored under `key`, or call `make` and store its result.

    The file is an uncompressed `.npz`, which has a CRC-32 of the bytes. If it is damaged or has
    another shape, the array is made again. If the folder cannot be written to, a warning is logged.

    Args:
        key: file name without suffix; it must depend on everything that the array depends on.
        shape: of the array.
        make: makes the array.
    """
    path = cache_folder() / f"{key}.npz"
    try:
        return _read(path, shape)
    except FileNotFoundError:
        pass
    except Exception as error:  # numpy and zipfile raise a dozen types for damaged files
        logger.warning("The cached file %s cannot be used (%s); it is made again.", path, error)
    array = make()
    if array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"expected uint8 {list(shape)}, made {array.dtype} {list(array.shape)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_npz(path, {"array": array}, packed=False)
    except OSError as error:
        logger.warning(
            "The cache folder %s cannot be written to (%s); images are decoded again each time. "
            "Set BICKD_CACHE to a folder that can.",
            path.parent,
            error,
        )
    return array


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    # Opened here, because numpy leaves a file open that turns out to be no zip file.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        array = stored["array"]
    if array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"expected uint8 {list(shape)}, found {array.dtype} {list(array.shape)}")
    return array
