"""What a model said about a set of samples, and the alignment of several models by sample."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bickd_core.atomic import atomic_write

# What numpy and zipfile raise for a file that is cut short, has bytes changed, or is another kind of file.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)
HALF_MAX = float(np.finfo(np.float16).max)


class PredictionsError(ValueError):
    """Predictions that cannot be read, or that cannot be compared; the message says why."""


@dataclass(frozen=True)
class Predictions:
    """The logits of one model on N samples of C classes.

    Args:
        logits: float32 [N, C], before softmax.
        class_names: the C names, in the order of the columns.
        ids: int64 or str [N], unique; the same id means the same sample in every model.
        labels: int64 [N] in [0, C), or None where the truth is not known.
        features: float32 [N, D], pooled penultimate features, or None.

    Raises:
        PredictionsError: a shape, an id or a label does not fit; the message names it.
    """

    logits: np.ndarray
    class_names: tuple[str, ...]
    ids: np.ndarray
    labels: np.ndarray | None = None
    features: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.logits.ndim != 2:
            raise PredictionsError(f"`logits` must be [N, C], got shape {self.logits.shape}.")
        n, c = self.logits.shape
        if len(self.class_names) != c:
            raise PredictionsError(
                f"`class_names` must name the {c} columns of the logits, got {len(self.class_names)} names."
            )
        if len(set(self.class_names)) != c:
            twice = next(name for name in self.class_names if self.class_names.count(name) > 1)
            raise PredictionsError(
                f"`class_names` must be unique, got '{twice}' twice; give each class its own."
            )
        if self.ids.dtype.kind not in "iuU":
            raise PredictionsError(
                f"`ids` must be integers or text, got {self.ids.dtype}; store them as int64 or str."
            )
        if self.ids.shape != (n,):
            raise PredictionsError(f"`ids` must be [{n}], one a sample, got shape {self.ids.shape}.")
        if len(np.unique(self.ids)) != n:
            raise PredictionsError("`ids` must be unique, got the same id twice; give each sample its own.")
        if not np.isfinite(self.logits).all():
            bad = int((~np.isfinite(self.logits)).any(axis=1).argmax())
            raise PredictionsError(f"`logits` must be finite, got NaN or infinity in row {bad}.")
        if self.labels is not None:
            if self.labels.dtype.kind not in "iu":
                raise PredictionsError(f"`labels` must be class indices (integers), got {self.labels.dtype}.")
            if self.labels.shape != (n,):
                raise PredictionsError(f"`labels` must be [{n}], one a sample, got {self.labels.shape}.")
            if n and (self.labels.min() < 0 or self.labels.max() >= c):
                raise PredictionsError(
                    f"`labels` must lie in 0..{c - 1}, got {self.labels.min()}..{self.labels.max()}."
                )
        if self.features is not None and (self.features.ndim != 2 or len(self.features) != n):
            raise PredictionsError(f"`features` must be [{n}, D], got shape {self.features.shape}.")

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def num_classes(self) -> int:
        return self.logits.shape[1]

    @property
    def predicted(self) -> np.ndarray:
        """Top-1 class of each sample, int64 [N]."""
        return self.logits.argmax(axis=1)

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """softmax(logits / T) in float64, [N, C]; rows sum to 1."""
        if not temperature > 0:
            raise ValueError(f"`temperature` must be greater than 0, got {temperature}.")
        scaled = self.logits.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        return scaled / scaled.sum(axis=1, keepdims=True)

    def take(self, positions: np.ndarray) -> Predictions:
        """The samples at these row positions, in this order."""
        return replace(
            self,
            logits=self.logits[positions],
            ids=self.ids[positions],
            labels=None if self.labels is None else self.labels[positions],
            features=None if self.features is None else self.features[positions],
        )

    def with_class_order(self, names: Sequence[str]) -> Predictions:
        """The same predictions with columns (and labels) in the order of `names`."""
        if tuple(names) == self.class_names:
            return self
        position = {name: i for i, name in enumerate(self.class_names)}
        columns = np.array([position[name] for name in names])
        inverse = np.empty_like(columns)
        inverse[columns] = np.arange(len(columns))
        labels = None if self.labels is None else inverse[self.labels]
        return replace(self, logits=self.logits[:, columns], class_names=tuple(names), labels=labels)

    def save(self, path: Path | str, *, half: bool = False) -> None:
        """Write a compressed npz; `half` stores logits and features as float16 (for the shelf)."""
        arrays = {
            "logits": to_half(self.logits) if half else self.logits.astype(np.float32),
            "class_names": np.array(self.class_names, dtype=np.str_),
            "ids": self.ids,
        }
        if self.labels is not None:
            arrays["labels"] = self.labels
        if self.features is not None:
            arrays["features"] = to_half(self.features) if half else self.features.astype(np.float32)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path | str) -> Predictions:
        """Read what `save` wrote; nothing is ever unpickled.

        Raises:
            PredictionsError: another kind of file, a damaged one, or arrays that do not fit together.
        """
        arrays = read_arrays(path, ("logits", "class_names", "ids"))
        for name in ("logits", "features"):
            if name in arrays and arrays[name].dtype.kind not in "fiu":
                raise PredictionsError(
                    f"{Path(path).name}: `{name}` must be real numbers, got {arrays[name].dtype}."
                )
        features, labels = arrays.get("features"), arrays.get("labels")
        if labels is not None and labels.dtype.kind in "iu":
            labels = labels.astype(np.int64)
        return cls(
            logits=arrays["logits"].astype(np.float32),
            class_names=tuple(str(name) for name in arrays["class_names"].ravel()),
            ids=arrays["ids"],
            labels=labels,
            features=None if features is None else features.astype(np.float32),
        )


def to_half(values: np.ndarray) -> np.ndarray:
    """float16, with what lies beyond its range (65,504) cut to it: infinities could not be read again."""
    return np.clip(values, -HALF_MAX, HALF_MAX).astype(np.float16)


def read_arrays(path: Path | str, required: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """All arrays of an npz without pickles, or a PredictionsError that says what is wrong with the file."""
    try:
        # Opened here, because numpy leaves a broken file open.
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise ValueError("it holds a single array without a name")
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise PredictionsError(
            f"{Path(path).name}: expected a whole npz file without pickles, but reading it failed ({reason})."
        ) from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise PredictionsError(
            f"{Path(path).name}: expected the arrays {', '.join(required)}; missing {missing[0]}."
        )
    return arrays


@dataclass(frozen=True)
class Aligned:
    """Predictions of several models on the samples that all of them have, in one order.

    Attributes:
        predictions: one a model, rows and columns aligned.
        n_each: how many samples each model had.
    """

    predictions: tuple[Predictions, ...]
    n_each: tuple[int, ...]

    @property
    def n_shared(self) -> int:
        return len(self.predictions[0])

    @property
    def complete(self) -> bool:
        """True when no model lost a sample by the alignment."""
        return all(n == self.n_shared for n in self.n_each)


def align(models: Sequence[Predictions], names: Sequence[str] | None = None) -> Aligned:
    """Bring several models onto the same samples and the same class order (those of the first).

    Args:
        models: at least one.
        names: what to call each in an error; "model 1", "model 2", ... by default.

    Raises:
        PredictionsError: other classes, no shared sample, ids of another type, or labels that contradict.
    """
    if not models:
        raise PredictionsError("`models` must hold at least one model, got none.")
    called = list(names) if names is not None else [f"model {i + 1}" for i in range(len(models))]
    first = models[0]
    ordered = [first]
    shared = first.ids
    for name, model in zip(called[1:], models[1:], strict=True):
        if set(model.class_names) != set(first.class_names):
            extra = sorted(set(model.class_names) ^ set(first.class_names))
            raise PredictionsError(
                f"{name} has {model.num_classes} classes and {called[0]} has {first.num_classes}, and "
                f"they differ ({_some(extra)}); compare models of the same classes."
            )
        if (model.ids.dtype.kind in "US") != (first.ids.dtype.kind in "US"):
            raise PredictionsError(
                f"{name} and {called[0]} use ids of different types ({model.ids.dtype} and {first.ids.dtype}); "
                "use the same ids for the same samples."
            )
        ordered.append(model.with_class_order(first.class_names))
        shared = shared[np.isin(shared, model.ids)]
    if not len(shared):
        raise PredictionsError(
            f"{' and '.join(called)} have no sample in common; compare predictions on the same split."
        )
    aligned = tuple(model.take(_positions(model.ids, shared)) for model in ordered)
    reference, whose = None, ""
    for name, model in zip(called, aligned, strict=True):
        if model.labels is not None and reference is None:
            reference, whose = model.labels, name
        elif model.labels is not None and (model.labels != reference).any():
            n = int((model.labels != reference).sum())
            raise PredictionsError(
                f"{name} gives {n} of {len(shared)} shared samples another true label than {whose}; "
                "the ids do not name the same samples."
            )
    if reference is not None:
        aligned = tuple(replace(model, labels=reference) for model in aligned)
    return Aligned(predictions=aligned, n_each=tuple(len(model) for model in models))


def _positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids[order], wanted)]


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
