"""The listing of a source before its images are decoded, and the checks on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from bickd_core.data.base import Augmentation, stratified_positions
from bickd_core.data.errors import DataError
from bickd_core.data.folders import same_name
from bickd_core.data.notes import note
from bickd_core.data.pixels import Header
from bickd_core.data.resizing import Resizing

logger = logging.getLogger(__name__)

TEST_SHARE = 0.2
"""Share of the images that becomes test if the source has no test part."""
VALIDATION_SHARE = 0.1
"""Share of the train part that becomes validation."""
TEST_SEED = 0
MAX_IMAGES = 5_000_000
"""Largest number of images in one part. A file that claims more is refused before its labels are
read."""
SMALLEST_SIDE, LARGEST_SIDE = 8, 64
"""By default, images keep their side up to this limit."""


@dataclass(frozen=True)
class Listing:
    """The content of a source.

    Attributes:
        class_names: C names.
        labels: int64 [N] for each original part: "train", "test" and perhaps "validation"; "all" if
            test must be held out, or only "test" if all images are test.
        channels: 1 or 3.
        side: default pixels per side.
        read: (part, size, resizing) -> batches of the part's images in order, uint8 [B, channels,
            size, size].
        paths: for each part, the file name of each image; empty if images have no separate files.
        digests: sha256 of the files that the source was unpacked from, by name.
        sorted_names: whether classes are sorted by their names as text, and not in an order of the
            source.
    """

    class_names: tuple[str, ...]
    labels: dict[str, np.ndarray]
    channels: int
    side: int
    read: Callable[[str, int, Resizing], Iterator[np.ndarray]]
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    sorted_names: bool = False

    @property
    def carved(self) -> bool:
        """Whether test must be held out from the only part."""
        return "all" in self.labels


def split_positions(labels: dict[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
    """Return the original part and positions of "train" and "test".

    If all images are test, "train" has the same images. They give mean and std, but no model is
    trained on them.
    """
    if set(labels) == {"test"}:
        return {split: ("test", np.arange(len(labels["test"]))) for split in ("train", "test")}
    if "all" not in labels:
        return {part: (part, np.arange(len(labels[part]))) for part in ("train", "test")}
    whole = labels["all"]
    count = max(round(TEST_SHARE * len(whole)), len(np.unique(whole)))
    test = stratified_positions(whole, np.arange(len(whole)), count, seed=TEST_SEED)
    return {"train": ("all", np.setdiff1d(np.arange(len(whole)), test)), "test": ("all", test)}


P = TypeVar("P")


def usual_parts(parts: Mapping[str, P]) -> dict[str, P]:
    """Return a source's parts as "train" and "test" and perhaps "validation", or as "all".

    Images without a part are train if there are others. Validation is test if there is no test.

    >>> usual_parts({"train": 1, "validation": 2}), usual_parts({"all": 1, "test": 2})
    ({'train': 1, 'test': 2}, {'train': 1, 'test': 2})
    >>> usual_parts({"train": 1}), usual_parts({"train": 1, "validation": 2, "test": 3})
    ({'all': 1}, {'train': 1, 'validation': 2, 'test': 3})
    """
    found = {part: value for part, value in parts.items() if part != "all"}
    if "train" not in found and "all" in parts:
        found = {"train": parts["all"], **found}
    if "validation" in found and "test" not in found:
        found["test"] = found.pop("validation")
    return {"all": found["train"]} if set(found) == {"train"} else found


def validation_size(train_labels: np.ndarray) -> int:
    """Return the size of validation: a tenth of train, and at least one image for each class."""
    return max(round(VALIDATION_SHARE * len(train_labels)), len(np.unique(train_labels)))


def absent_classes(listing: Listing) -> tuple[str, ...]:
    """The classes without an image in the test part."""
    if listing.carved:
        return ()
    present = set(np.unique(listing.labels["test"]).tolist())
    return tuple(name for i, name in enumerate(listing.class_names) if i not in present)


def with_usable_parts(listing: Listing, where: str) -> Listing:
    """Return the listing, without a validation part that is empty or has images without a class,
    and with validation as test if no image of test has a class.

    Validation is then split off from train, and the log says so.
    """
    listing = _with_validation_as_test(listing, where)
    labels = listing.labels.get("validation")
    if labels is None:
        return listing
    without = int((labels < 0).sum())
    if len(labels) and not without:
        return listing
    why = f"{without:,} of its images have no class" if without else "it has no images"
    note(
        logger,
        f"The validation part of {where} is not used: {why}. Validation is split off from train.",
    )
    parts = {part: values for part, values in listing.labels.items() if part != "validation"}
    return replace(listing, labels=parts)


def _with_validation_as_test(listing: Listing, where: str) -> Listing:
    """Return the listing with validation as test, if no image of test has a class and all of
    validation do, as in data whose test labels are not published."""
    test, validation = (listing.labels.get(part) for part in ("test", "validation"))
    if test is None or validation is None or not len(test) or not len(validation):
        return listing
    if (test >= 0).any() or (validation < 0).any():
        return listing
    note(
        logger,
        f"The test part of {where} is not used: its images have no class. Validation is used as"
        " test, and validation is split off from train.",
    )

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return listing.read("validation" if part == "test" else part, size, resizing)

    return replace(
        listing,
        labels=_without_test(listing.labels),
        paths=_without_test(listing.paths),
        read=read,
    )


def _without_test(parts: Mapping[str, P]) -> dict[str, P]:
    names = {"validation": "test"}
    return {names.get(part, part): value for part, value in parts.items() if part != "test"}


def check_names(names: Sequence[str], where: str) -> None:
    """Check that class names are not empty and are unique, in Unicode's NFC without surrounding
    white space.

    Raises:
        DataError: a name is empty, or two classes have the same name.
    """
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        same = same_name(name)
        if not same:
            raise DataError(
                f"class {i} of {where} has an empty name; give every class a name of its own."
            )
        if same in seen:
            first = seen[same]
            raise DataError(
                f"classes {first} and {i} of {where} have the same name ({names[first]!r} and"
                f" {name!r}); give every class a name of its own."
            )
        seen[same] = i


def check(listing: Listing, where: str) -> None:
    """Check a listing before its images are decoded.

    Raises:
        DataError: no images, fewer than two classes, two classes with the same name, labels out of
            range, or a class that is too small to split.
    """
    names = listing.class_names
    if len(names) < 2:
        number = f"one, {names[0]!r}" if names else "none"
        raise DataError(f"{where} must have at least two classes, found {number}.")
    check_names(names, where)
    for part, labels in listing.labels.items():
        if not len(labels):
            raise DataError(
                f"{where} has no images{'' if part == 'all' else f' in its {part} part'}."
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
        if len(wrong):
            raise DataError(
                f"labels of {where} must be from 0 to {len(names) - 1}, for {len(names)} classes;"
                f" that of image {wrong[0]} in {part} is {labels[wrong[0]]}."
            )
    own_validation = "validation" in listing.labels
    least = 3 if listing.carved else 1 if own_validation else 2
    part = split_positions(listing.labels)["train"][0]
    counts = np.bincount(listing.labels[part], minlength=len(names))
    if part == "test":  # all are test: a class without images is accepted, as in any test part
        counts = np.where(counts == 0, least, counts)
    if counts.min() < least:
        few = int(counts.argmin())
        parts = "train, validation and test need" if listing.carved else "train and validation need"
        if own_validation:
            parts = "train needs"
        if part == "test":
            parts = "test needs 0 or"
        number = f"{counts[few]} image{'' if counts[few] == 1 else 's'}"
        raise DataError(f"class {names[few]!r} of {where} has {number}; {parts} at least {least}.")


def side_and_channels(headers: Sequence[Header]) -> tuple[int, int]:
    """Return the default side (the median of the shorter sides, from 8 to 64), and 1 channel if all
    are grey, else 3."""
    shorter = np.sort([min(header.width, header.height) for header in headers])
    side = min(LARGEST_SIDE, max(SMALLEST_SIDE, int(shorter[len(shorter) // 2])))
    return side, 1 if all(header.grey for header in headers) else 3


def augmentation(size: int) -> Augmentation:
    """Return the default augmentation: padding by an eighth of the side, as for CIFAR, and flips,
    as for photographs."""
    return Augmentation(pad=size // 8, flip=True)


def numbered_classes(highest: int, images: int, where: str) -> tuple[str, ...]:
    """Return names for numbered classes: "0" to `highest`.

    Raises:
        DataError: there would be more classes than images.
    """
    if highest >= images:
        raise DataError(
            f"labels of {where} must be from 0 to the number of classes less 1, with images of each"
            f" class; the largest is {highest} and there are {images} images."
        )
    return tuple(str(i) for i in range(highest + 1))
