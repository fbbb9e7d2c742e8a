"""Data sets, their splits, and how validation is split off."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bickd_core.data.rows import Rows

_MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB


def mix64(value: int) -> int:
    """Mix the bits of a 64-bit integer with SplitMix64's finaliser (Steele, Lea, Flood 2014), a
    bijection."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * MIX_1) & _MASK
    value = ((value ^ (value >> 27)) * MIX_2) & _MASK
    return value ^ (value >> 31)


@dataclass(frozen=True)
class Split:
    """A part of a data set.

    Attributes:
        images: uint8 [N, ch, H, W]; an array, or `Rows`, which read a file when they are indexed.
        labels: int64 [N], in [0, C).
        ids: int64 [N], unique: positions in the *original* train or test file. They do not change
            when validation is split off or train is limited. Train and validation share one file,
            or validation's file continues the ids of train, so these never overlap.
    """

    images: np.ndarray | Rows
    labels: np.ndarray
    ids: np.ndarray

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images must be uint8 [N, ch, H, W], not {self.images.dtype}"
                f" {list(self.images.shape)}"
            )
        for name, array in (("labels", self.labels), ("ids", self.ids)):
            if array.dtype != np.int64 or array.shape != self.images.shape[:1]:
                raise ValueError(
                    f"{name} must be int64 [{len(self.images)}], not {array.dtype}"
                    f" {list(array.shape)}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: np.ndarray) -> "Split":
        """Return the rows at `positions` (not ids), in that order."""
        images = self.images
        taken = images.take(positions) if isinstance(images, Rows) else images[positions]
        return Split(taken, self.labels[positions], self.ids[positions])


def joined(one: Split, other: Split) -> Split:
    """Return the rows of both splits, whose ids do not overlap, in memory."""
    pairs = ((one.images, other.images), (one.labels, other.labels), (one.ids, other.ids))
    images, labels, ids = (np.concatenate([np.asarray(a), np.asarray(b)]) for a, b in pairs)
    return Split(images, labels, ids)


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of training images: zero padding by `pad`, a random crop and, if `flip`, a
    random flip."""

    pad: int
    flip: bool


@dataclass(frozen=True)
class Dataset:
    """A data set, ready to train on.

    Attributes:
        name: its name in `DATASETS`.
        train, validation, test: the splits; validation is the source's own, or split off from the
            original train file.
        class_names: C names, indexed by label.
        mean, std: of all images in the original train file / 255, for each channel. They do not
            depend on the seed of validation or on a limit, so a network has the same inputs under
            any of them.
        augmentation: of the training images.
        content: sha256 of the whole source, for any validation seed and limit; None for bundled
            data sets.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation
    content: str | None = None

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def in_channels(self) -> int:
        return int(self.train.images.shape[1])

    @property
    def image_size(self) -> int:
        return int(self.train.images.shape[2])

    def split(self, name: str) -> Split:
        """Return the split "train", "validation" or "test"."""
        if name not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {name!r}")
        return getattr(self, name)


SPLITS = ("train", "validation", "test")


def content_hash(*splits: Split) -> str:
    """Return a sha256, in hexadecimal, over type, shape and bytes of images, labels and ids."""
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.images, split.labels, split.ids):
            digest.update(f"{array.dtype.str} {array.shape}\n".encode())
            for part in _parts(array):
                digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _parts(array: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """Yield an array as it is, or the rows of a file in parts of some megabytes."""
    return array.chunks() if isinstance(array, Rows) else iter((array,))


def shuffle_keys(ids: np.ndarray, *, seed: int) -> np.ndarray:
    """Return a pseudo-random uint64 key for each id. Sorting by these keys shuffles the ids.

    numpy's generators may change between releases, but the samples of validation must not.
    """
    value = ids.astype(np.uint64) + np.uint64(mix64(seed + GOLDEN))
    value = (value ^ (value >> np.uint64(30))) * np.uint64(MIX_1)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(MIX_2)
    return value ^ (value >> np.uint64(31))


def stratified_counts(counts: np.ndarray, size: int) -> np.ndarray:
    """Divide `size` samples among classes of `counts` samples, in proportion, at least 1 for each
    class.

    The largest remainders are rounded up (in ties, the first class).

        >>> stratified_counts(np.array([50, 30, 20]), 10).tolist()
        [5, 3, 2]
        >>> stratified_counts(np.array([96, 2, 2]), 4).tolist()
        [2, 1, 1]
    """
    present = counts > 0
    if not int(present.sum()) <= size <= int(counts.sum()):
        raise ValueError(
            f"size must be from {int(present.sum())} (one for each class) to {int(counts.sum())}"
            f" (all), not {size}"
        )
    shares = counts * (size / counts.sum())
    taken = np.maximum(np.floor(shares).astype(np.int64), present)
    while taken.sum() < size:
        room = taken < counts
        taken[np.argmax(np.where(room, shares - taken, -np.inf))] += 1
    while taken.sum() > size:
        spare = taken > 1
        taken[np.argmax(np.where(spare, taken - shares, -np.inf))] -= 1
    return taken


def stratified_positions(
    labels: np.ndarray, ids: np.ndarray, size: int, *, seed: int
) -> np.ndarray:
    """Return ascending positions of a random subset with each class in proportion. It depends only
    on the arguments."""
    keys = shuffle_keys(ids, seed=seed)
    counts = stratified_counts(np.bincount(labels), size)
    chosen = []
    for label, count in enumerate(counts):
        members = np.flatnonzero(labels == label)
        chosen.append(members[np.argsort(keys[members], kind="stable")[:count]])
    return np.sort(np.concatenate(chosen))


def carve_validation(split: Split, *, size: int, seed: int) -> tuple[Split, Split]:
    """Split the original train file into train and validation, stratified by class.

    Args:
        split: the whole original train file.
        size: samples of validation. Both parts need at least one sample of each class.
        seed: chooses the samples.

    Returns:
        train, validation: in the file's order, with the file's ids.
    """
    chosen = stratified_positions(split.labels, split.ids, size, seed=seed)
    mask = np.zeros(len(split), dtype=bool)
    mask[chosen] = True
    if len(np.unique(split.labels[~mask])) < len(np.unique(split.labels)):
        raise ValueError(
            f"size must leave a training sample of each class, but {size} of {len(split)} does not"
        )
    return split.take(np.flatnonzero(~mask)), split.take(chosen)


def carve_fold(split: Split, *, folds: int, fold: int, seed: int) -> tuple[Split, Split]:
    """Split the original train file into train and one of `folds` folds, stratified by class.

    The folds of one seed have no sample in common and are all samples together. Their sizes differ
    by at most one, also within a class.

    Args:
        split: the whole original train file.
        fold: which fold becomes validation, from 0.
        seed: chooses the samples of the folds.

    Returns:
        train, validation: in the file's order, with the file's ids.
    """
    if not 0 <= fold < folds:
        raise ValueError(f"fold must be from 0 to {folds - 1}, not {fold}")
    keys = shuffle_keys(split.ids, seed=seed)
    order = np.lexsort((keys, split.labels))  # class by class, shuffled within
    mask = np.zeros(len(split), dtype=bool)
    mask[order[fold::folds]] = True
    if len(np.unique(split.labels[~mask])) < len(np.unique(split.labels)):
        raise ValueError(
            f"every class needs a training sample outside of fold {fold}, but one has all of its"
            f" samples there; use more than {folds} folds, or add images"
        )
    return split.take(np.flatnonzero(~mask)), split.take(np.flatnonzero(mask))


def limit(split: Split, size: int, *, seed: int) -> Split:
    """Return a stratified subset of at most `size` samples, with the same ids."""
    classes = len(np.unique(split.labels))
    if size < classes:
        raise ValueError(
            f"train_limit must be at least {classes}, one sample for each class, not {size}"
        )
    if size >= len(split):
        return split
    return split.take(stratified_positions(split.labels, split.ids, size, seed=mix64(seed) + 1))


def channel_statistics(images: np.ndarray | Rows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of images / 255 for each channel, from exact sums.

    Args:
        images: uint8 [N, ch, H, W].
    """
    channels = images.shape[1]
    total = np.zeros(channels, dtype=np.int64)
    squares = np.zeros(channels, dtype=np.int64)
    for start in range(0, len(images), 1024):
        part = images[start : start + 1024]
        total += part.sum(axis=(0, 2, 3), dtype=np.int64)
        squares += np.square(part, dtype=np.uint16).sum(axis=(0, 2, 3), dtype=np.int64)
    count = len(images) * images.shape[2] * images.shape[3]
    mean = total / count
    std = np.sqrt(squares / count - mean**2)
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


@dataclass(frozen=True)
class Source:
    """The result of a source module's `load`.

    Attributes:
        train, test: the original files.
        validation: the original file of validation, whose ids continue those of train; None if the
            source has none.
        validation_size: number of samples to split off from train otherwise.
        statistics: `channel_statistics` of the train file, if the source knows them.
        content: see `Dataset`.
        sorted_names: whether classes are sorted by their names as text, and not in an order of the
            source.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    validation_size: int
    augmentation: Augmentation
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    content: str | None = None
    sorted_names: bool = False
    validation: Split | None = None
