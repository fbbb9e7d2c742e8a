"""The file samples-test.npz: texts and image paths of samples with imported predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bickd_core.npz import save_npz
from bickd_core.packed_text import pack, unpack
from bickd_core.reading import ReadError
from bickd_core.runs.predictions import PredictionsError, file_name, read_arrays

Id = int | str


@dataclass(frozen=True)
class SampleFile:
    """Texts and image paths of samples, by id.

    Attributes:
        texts: shown in place of images.
        paths: image files on this machine.
    """

    texts: Mapping[Id, str] = field(default_factory=dict)
    paths: Mapping[Id, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts or self.paths)

    def only(self, ids: set[Id]) -> SampleFile:
        """Return the entries of the samples with these ids."""
        texts, paths = (
            {i: value for i, value in values.items() if i in ids}
            for values in (self.texts, self.paths)
        )
        return SampleFile(texts, paths)

    def save(self, path: Path) -> None:
        """Write a compressed npz without pickles."""
        ids = list(dict.fromkeys([*self.texts, *self.paths]))
        arrays = {"ids": np.array(ids, dtype=np.int64 if _whole(ids) else np.str_)}
        for name, values in (("texts", self.texts), ("paths", self.paths)):
            arrays[name], arrays[f"{name}_end"] = pack([values.get(i) for i in ids])
        save_npz(path, arrays)

    @classmethod
    def load(cls, path: Path) -> SampleFile:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            PredictionsError: the file is damaged or of another kind; the message names it.
        """
        names = ("texts", "texts_end", "paths", "paths_end")
        arrays = read_arrays(path, ("ids", *names))
        try:
            texts, paths = (
                unpack(arrays[name], arrays[end]) for name, end in (names[:2], names[2:])
            )
        except ReadError as error:
            raise PredictionsError(f"{file_name(path)}: {error}") from error
        ids = arrays["ids"].ravel().tolist()
        if not len(ids) == len(texts) == len(paths):
            raise PredictionsError(
                f"{file_name(path)}: expected a text and a path for each of {len(ids):,} ids, "
                f"got {len(texts):,} and {len(paths):,}."
            )
        return cls(
            {i: text for i, text in zip(ids, texts, strict=True) if text.strip()},
            {i: file for i, file in zip(ids, paths, strict=True) if file},
        )


def _whole(ids: list[Id]) -> bool:
    return all(isinstance(i, int) for i in ids)
