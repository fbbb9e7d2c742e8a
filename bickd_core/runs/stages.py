"""The file stages.npz: features of a fixed probe set after each stage of a network, for the
similarity of layers.

The probe set is part of test. Only test is the same for every run on a data set (validation depends
on a seed), and an imported network may have been trained on the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.npz import save_npz
from bickd_core.runs.info import Split
from bickd_core.runs.predictions import PredictionsError, file_name, read_arrays, to_half

PROBE_SPLIT: Split = "test"
PROBE_LEAST = 190
"""The probe set has at least two samples of each class, and more until it reaches this size."""


@dataclass(frozen=True)
class Stages:
    """Pooled features of one network after each of its S stages, on P samples.

    Args:
        names: of the stages, first to last; the last one has the penultimate features.
        features: one array, float32 [P, D_s], for each stage.
        ids: int64 [P], ids of the samples in test.
        labels: int64 [P].

    Raises:
        PredictionsError: the arrays do not fit together.
    """

    names: tuple[str, ...]
    features: tuple[np.ndarray, ...]
    ids: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if self.ids.ndim != 1:
            raise PredictionsError(
                f"`ids` must be [P], one for each sample, got shape {self.ids.shape}."
            )
        n = len(self.ids)
        if not self.names or len(self.names) != len(self.features):
            raise PredictionsError(
                f"`names` must name each stage, got {len(self.names)} names for"
                f" {len(self.features)} stages."
            )
        for name, values in zip(self.names, self.features, strict=True):
            if values.ndim != 2 or len(values) != n or not np.isfinite(values).all():
                raise PredictionsError(
                    f"the features of '{name}' must be finite [{n}, D], got shape {values.shape}."
                )
        if len(set(self.names)) != len(self.names):
            raise PredictionsError("`names` must be unique, got one twice.")
        if self.labels.shape != (n,) or len(np.unique(self.ids)) != n:
            raise PredictionsError(
                f"`ids` must be unique and `labels` as many, got {n} and {self.labels.shape}."
            )

    def save(self, path: Path | str) -> None:
        """Write a compressed npz with float16 features, which are precise enough for the
        comparison."""
        arrays = {
            "names": np.array(self.names, dtype=np.str_),
            "ids": self.ids,
            "labels": self.labels,
        }
        arrays |= {f"stage-{i}": to_half(values) for i, values in enumerate(self.features)}
        save_npz(path, arrays)

    @classmethod
    def load(cls, path: Path | str) -> Stages:
        """Read a file that `save` wrote.

        Raises:
            PredictionsError: the file is damaged or of another kind, or its arrays do not fit
                together.
        """
        arrays = read_arrays(path, ("names", "ids", "labels"))
        names = tuple(str(name) for name in arrays["names"].ravel().tolist())
        wanted = [f"stage-{i}" for i in range(len(names))]
        missing = next((name for name in wanted if name not in arrays), None)
        if missing is not None:
            raise PredictionsError(
                f"{file_name(path)}: expected one array a stage; missing {missing}."
            )
        kinds = {"ids": "iuU", "labels": "iu"} | dict.fromkeys(wanted, "fiu")
        for name, kind in kinds.items():
            if arrays[name].dtype.kind not in kind:
                what = "real numbers" if kind == "fiu" else "whole numbers"
                raise PredictionsError(
                    f"{file_name(path)}: `{name}` must be {what}, got {arrays[name].dtype}."
                )
        try:
            features = tuple(arrays[name].astype(np.float32) for name in wanted)
            return cls(names, features, arrays["ids"], arrays["labels"])
        except PredictionsError as error:
            raise PredictionsError(f"{file_name(path)}: {error}") from error


def stage_probe(labels: np.ndarray) -> np.ndarray:
    """Return the test positions of the probe set, with the same number for each class if
    possible."""
    classes = len(np.unique(labels))
    return probe_positions(labels, classes * max(2, -(-PROBE_LEAST // classes)))


def probe_positions(labels: np.ndarray, size: int) -> np.ndarray:
    """Return the sorted positions of a fixed stratified probe set: the first samples of each class
    in turn."""
    by_class = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    rounds = max(map(len, by_class))
    turns = [members[i] for i in range(rounds) for members in by_class if i < len(members)]
    return np.sort(np.array(turns[:size]))
