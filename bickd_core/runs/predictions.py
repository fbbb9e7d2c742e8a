"""The predictions of one model, and the alignment of several models by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.naming import some_names
from bickd_core.npz import load_npz, save_npz
from bickd_core.reading import ReadError
from bickd_core.runs import prediction_arrays as arrays_of
from bickd_core.runs.prediction_arrays import PredictionsError, logits_from_probabilities

LARGE_BYTES = 2**25
HALF_MAX = float(np.finfo(np.float16).max)


class NotFiniteError(PredictionsError):
    """Logits with NaN or infinity."""


@dataclass(frozen=True)
class Predictions:
    """The logits of one model on N samples of C classes.

    Args:
        logits: float32 [N, C], before the softmax.
        class_names: the C names, in the order of the columns.
        ids: int64 or str [N], unique. The same id is the same sample in every model.
        labels: int64 [N] in [0, C), or None if the true classes are not known.
        features: float32 [N, D], pooled penultimate features, or None.

    Raises:
        PredictionsError: a shape, an id or a label is wrong; the message says which.
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
        if not c:
            raise PredictionsError("`logits` must have a column for each class, got none.")
        if len(self.class_names) != c:
            raise PredictionsError(
                f"`class_names` must name the {c} columns of the logits, got"
                f" {len(self.class_names)} names."
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
            raise PredictionsError(
                f"`ids` must be [{n}], one for each sample, got shape {self.ids.shape}."
            )
        if len(np.unique(self.ids)) != n:
            raise PredictionsError(
                "`ids` must be unique, got the same id twice; give each sample its own."
            )
        if not np.isfinite(self.logits).all():
            bad = int((~np.isfinite(self.logits)).any(axis=1).argmax())
            raise NotFiniteError(f"`logits` must be finite, got NaN or infinity in row {bad}.")
        if self.labels is not None:
            if self.labels.dtype.kind not in "iu":
                raise PredictionsError(
                    f"`labels` must be class indices (integers), got {self.labels.dtype}."
                )
            if self.labels.shape != (n,):
                raise PredictionsError(
                    f"`labels` must be [{n}], one for each sample, got {self.labels.shape}."
                )
            if n and (self.labels.min() < 0 or self.labels.max() >= c):
                raise PredictionsError(
                    f"`labels` must be in 0..{c - 1}, got {self.labels.min()}..{self.labels.max()}."
                )
        if self.features is not None and (self.features.ndim != 2 or len(self.features) != n):
            raise PredictionsError(f"`features` must be [{n}, D], got shape {self.features.shape}.")
        if self.features is not None and not np.isfinite(self.features).all():
            raise PredictionsError("`features` must be finite, got NaN or infinity.")

    def __repr__(self) -> str:
        has = [name for name in ("labels", "features") if getattr(self, name) is not None]
        n, c = self.logits.shape
        return f"Predictions({n:,} samples, {c:,} classes, {' and '.join(has) or 'logits only'})"

    @classmethod
    def from_arrays(
        cls,
        *,
        probabilities: Any = None,
        logits: Any = None,
        labels: Any = None,
        class_names: Any = None,
        ids: Any = None,
        features: Any = None,
    ) -> Predictions:
        """Create predictions from lists, NumPy arrays, torch tensors or pandas objects.

        Args:
            probabilities: [N, C], rows that sum to 1, as `predict_proba` returns them. Pass these
                or `logits`. For zeros, see `logits_from_probabilities`.
            logits: [N, C], scores before the softmax.
            labels: [N] true classes: values of `class_names`, or positions of columns if the names
                are text. None if they are not known.
            class_names: [C] in the order of the columns, such as scikit-learn's `classes_`. The
                default is the columns of a data frame, else "0" to "C-1".
            ids: [N] whole numbers or text; the same id is the same sample in every model. Texts of
                samples can be ids if none repeats. The default is the index of a data frame, else
                0 to N - 1.
            features: [N, D], the input of the last layer.

        Raises:
            PredictionsError: an argument has another form; the message says what was expected.

        >>> predictions = Predictions.from_arrays(
        ...     probabilities=[[0.9, 0.1], [0.2, 0.8]],
        ...     labels=["no", "yes"],
        ...     class_names=["no", "yes"],
        ... )
        >>> predictions.predicted.tolist(), predictions.ids.tolist()
        ([0, 1], [0, 1])
        """
        if (probabilities is None) == (logits is None):
            got = "neither" if logits is None else "both"
            raise PredictionsError(f"pass either `probabilities` or `logits`, got {got}.")
        source = logits if probabilities is None else probabilities
        for name, values in (("labels", labels), ("features", features)):
            arrays_of.check_same_index(source, values, name)
        if probabilities is None:
            scores = arrays_of.check_logits(logits)
        else:
            scores = logits_from_probabilities(
                arrays_of.plain_array(probabilities, "probabilities")
            )
        classes = arrays_of.class_values(
            class_names, getattr(source, "columns", None), scores.shape[1]
        )
        index = source.index if hasattr(source, "columns") else None
        return cls(
            logits=scores,
            class_names=tuple(map(str, classes)),
            ids=arrays_of.sample_ids(ids, index, len(scores)),
            labels=(
                None if labels is None else arrays_of.label_positions(labels, classes, len(scores))
            ),
            features=None if features is None else arrays_of.check_scores(features, "features"),
        )

    @classmethod
    def from_hf_dataset(
        cls,
        dataset: Any,
        *,
        probabilities: str | None = None,
        logits: str | None = None,
        label: str | None = "label",
        id: str | None = None,
    ) -> Predictions:
        """Create predictions from columns of a Hugging Face `datasets.Dataset`.

        Args:
            dataset: a data set with one row for each sample.
            probabilities, logits: name of the column with a list for each sample; pass one of them.
            label: name of the column of true classes, or None. If it is a `ClassLabel`, its names
                are the class names.
            id: name of the column of ids. By default, samples are numbered.
        """
        arrays = dataset.with_format("numpy")

        def column(name: str | None) -> Any:
            return None if name is None else arrays[name][:]

        return cls.from_arrays(
            probabilities=column(probabilities),
            logits=column(logits),
            labels=column(label),
            class_names=getattr(dataset.features[label], "names", None) if label else None,
            ids=column(id),
        )

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def num_classes(self) -> int:
        return self.logits.shape[1]

    @cached_property
    def predicted(self) -> np.ndarray:
        """The predicted class of each sample, int64 [N]. The array is shared: do not change it."""
        return self.logits.argmax(axis=1)

    @property
    def accuracy(self) -> float | None:
        """The share of correct predictions, or None without labels."""
        return None if self.labels is None else float((self.predicted == self.labels).mean())

    def probabilities(self, temperature: float | np.ndarray = 1.0) -> np.ndarray:
        """Return softmax(logits / T), float64 [N, C]. Rows sum to 1.

        Args:
            temperature: T, above 0: one number, or [N] with one for each sample.
        """
        if not np.all(np.asarray(temperature) > 0):
            raise ValueError(f"`temperature` must be greater than 0, got {np.min(temperature)}.")
        at = (
            temperature
            if np.ndim(temperature) == 0
            else np.reshape(temperature, (len(self.logits), 1))
        )
        scaled = self.logits.astype(np.float64) / at
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        return scaled / scaled.sum(axis=1, keepdims=True)

    def take(self, positions: np.ndarray) -> Predictions:
        """Return the samples at these row positions, in this order."""
        return replace(
            self,
            logits=self.logits[positions],
            ids=self.ids[positions],
            labels=None if self.labels is None else self.labels[positions],
            features=None if self.features is None else self.features[positions],
        )

    def with_class_order(self, names: Sequence[str]) -> Predictions:
        """Return the predictions with columns and labels in the order of `names`."""
        if tuple(names) == self.class_names:
            return self
        position = {name: i for i, name in enumerate(self.class_names)}
        columns = np.array([position[name] for name in names])
        inverse = np.empty_like(columns)
        inverse[columns] = np.arange(len(columns))
        labels = None if self.labels is None else inverse[self.labels]
        return replace(
            self, logits=self.logits[:, columns], class_names=tuple(names), labels=labels
        )

    def save(self, path: Path | str, *, half: bool = False) -> None:
        """Write an npz file.

        Files larger than `LARGE_BYTES` are not compressed: for 50,000 x 1,000 logits, that would
        take 12 s and save 8 %.

        Args:
            half: store logits and features as float16, for the bundled runs.
        """
        arrays = {
            "logits": to_half(self.logits) if half else self.logits.astype(np.float32),
            "class_names": np.array(self.class_names, dtype=np.str_),
            "ids": self.ids,
        }
        if self.labels is not None:
            arrays["labels"] = self.labels
        if self.features is not None:
            arrays["features"] = (
                to_half(self.features) if half else self.features.astype(np.float32)
            )
        size = sum(array.nbytes for array in arrays.values())
        save_npz(path, arrays, packed=size <= LARGE_BYTES)

    @classmethod
    def load(cls, path: Path | str) -> Predictions:
        """Read a file that `save` wrote. Nothing is unpickled.

        Arrays above `LARGE_BYTES` that are not compressed are mapped from the file, so that they
        take no memory of their own. They cannot be written to.

        Raises:
            PredictionsError: the file is damaged or of another kind, or its arrays do not fit
                together.
        """
        arrays = read_arrays(path, ("logits", "class_names", "ids"), map_above=LARGE_BYTES)
        for name in ("logits", "features"):
            if name in arrays and arrays[name].dtype.kind not in "fiu":
                raise PredictionsError(
                    f"{file_name(path)}: `{name}` must be real numbers, got {arrays[name].dtype}."
                )
        features, labels = arrays.get("features"), arrays.get("labels")
        if labels is not None and labels.dtype.kind in "iu":
            labels = labels.astype(np.int64)
        try:
            return cls(
                logits=_single(arrays["logits"]),
                class_names=tuple(str(name) for name in arrays["class_names"].ravel().tolist()),
                ids=arrays["ids"],
                labels=labels,
                features=None if features is None else _single(features),
            )
        except PredictionsError as error:
            raise PredictionsError(f"{file_name(path)}: {error}") from error


def _single(values: np.ndarray) -> np.ndarray:
    """Return float32. Values beyond its range become infinite, and are refused later."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)


def to_half(values: np.ndarray) -> np.ndarray:
    """Return float16. Values beyond its range are clipped to 65,504, because infinite values could
    not be read again."""
    return np.clip(values, -HALF_MAX, HALF_MAX).astype(np.float16)


def read_arrays(
    path: Path | str, required: Sequence[str] = (), *, map_above: int | None = None
) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file without pickles.

    Args:
        required: names of arrays that must exist.
        map_above: see `bickd_core.npz.load_npz`.

    Raises:
        FileNotFoundError: there is no such file.
        PredictionsError: the file is damaged or of another kind, or an array is missing. The
            message names the file.
    """
    try:
        arrays = load_npz(path, map_above=map_above)
    except ReadError as error:
        raise PredictionsError(f"{file_name(path)}: {error}") from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise PredictionsError(
            f"{file_name(path)}: expected the arrays {', '.join(required)}; missing {missing[0]}."
        )
    return arrays


def file_name(path: Path | str) -> str:
    """Return the name of a run's file for messages: RUN/FILE."""
    return "/".join(Path(path).parts[-2:])


@dataclass(frozen=True)
class Aligned:
    """Predictions of several models on their common samples, in one order.

    Attributes:
        predictions: one for each model, with the same rows and columns.
        n_each: number of samples that each model had before.
    """

    predictions: tuple[Predictions, ...]
    n_each: tuple[int, ...]

    @property
    def n_shared(self) -> int:
        return len(self.predictions[0])

    @property
    def complete(self) -> bool:
        """Whether all models have the same samples, so that none was dropped."""
        return all(n == self.n_shared for n in self.n_each)


def align(models: Sequence[Predictions], names: Sequence[str] | None = None) -> Aligned:
    """Restrict several models to their common samples, in the order of samples and classes of the
    first.

    Args:
        models: at least one.
        names: names of the models for messages; by default "model 1", "model 2", ...

    Raises:
        PredictionsError: classes or types of ids differ, labels contradict each other, or no sample
            is in all models.
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
                f"{name} has {model.num_classes} classes and {called[0]} has {first.num_classes},"
                f" and they differ ({some_names(extra, most=3)}); compare models of the same"
                " classes."
            )
        if (model.ids.dtype.kind in "US") != (first.ids.dtype.kind in "US"):
            raise PredictionsError(
                f"{name} and {called[0]} use ids of different types ({model.ids.dtype} and"
                f" {first.ids.dtype}); use the same ids for the same samples."
            )
        ordered.append(model.with_class_order(first.class_names))
        shared = shared[np.isin(shared, model.ids)]
    if not len(shared):
        raise PredictionsError(
            f"{' and '.join(called)} have no sample in common; compare predictions on the same"
            " split."
        )
    aligned = tuple(_on_samples(model, shared) for model in ordered)
    reference, reference_name = None, ""
    for name, model in zip(called, aligned, strict=True):
        if model.labels is not None and reference is None:
            reference, reference_name = model.labels, name
        elif model.labels is not None and (model.labels != reference).any():
            n = int((model.labels != reference).sum())
            raise PredictionsError(
                f"{name} gives {n} of {len(shared)} shared samples another true label than"
                f" {reference_name}; give the same id to the same sample."
            )
    if reference is not None:
        aligned = tuple(
            replace(model, labels=reference) if model.labels is None else model for model in aligned
        )
    return Aligned(predictions=aligned, n_each=tuple(len(model) for model in models))


def _on_samples(model: Predictions, ids: np.ndarray) -> Predictions:
    """The predictions on these samples in this order; the same object if that changes nothing."""
    if np.array_equal(model.ids, ids):
        return model
    return model.take(positions(model.ids, ids))


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the row of each wanted id. All of them must be in `ids`, which are unique.

    >>> positions(np.array([7, 3, 5]), np.array([5, 7])).tolist()
    [2, 0]
    """
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids[order], wanted)]
