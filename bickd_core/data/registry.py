"""The table of known data sets, which is cheap to read, and `load_dataset`."""

import csv
import importlib
import importlib.metadata
import io
import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bickd_core.data import external
from bickd_core.data.base import (
    Dataset,
    Source,
    carve_fold,
    carve_validation,
    channel_statistics,
    limit,
)
from bickd_core.data.class_order import ClassOrder, in_order, natural_order, relabelled
from bickd_core.data.resizing import DEFAULT, Resizing
from bickd_core.data.store import any_store
from bickd_core.naming import nearest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetInfo:
    """The description of a data set, known without loading it.

    Attributes:
        name: for `load_dataset` and run folders; `kind:PATH` with an absolute path for the user's
            own data.
        title: shown to the user.
        num_classes, in_channels: C and ch.
        default_image_size, image_sizes: pixels per side; the sizes that `load_dataset` accepts.
        train_size, validation_size, test_size: samples.
        licence, credit: must be shown with the images.
        module: the source module in this package; "external" for data that is decoded into the
            cache; of a package that offers the set, `MODULE:FUNCTION`, whose function takes a side
            in pixels and returns a `Source`.
        any_size: whether any size from 8 to 512 is possible; `image_sizes` are then suggestions.
        class_names: of the user's own data, in the default order.
        natural: whether classes are whole numbers in natural order, and sorting them as text gives
            another order.
        absent: the classes without an image in the test part.
        carved: whether test is held out from the only part of the source.
        all_test: whether all images are test, so that no model can be trained on them.
        own_validation: whether the source has a validation part, so that none is split off from
            train.
    """

    name: str
    title: str
    num_classes: int
    in_channels: int
    default_image_size: int
    image_sizes: tuple[int, ...]
    train_size: int
    validation_size: int
    test_size: int
    licence: str
    credit: str
    module: str
    any_size: bool = False
    class_names: tuple[str, ...] = ()
    natural: bool = False
    absent: tuple[str, ...] = ()
    carved: bool = False
    all_test: bool = False
    own_validation: bool = False


DATASETS: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        DatasetInfo(
            name="caltech95",
            title="Caltech-101, 95 classes",
            num_classes=95,
            in_channels=3,
            default_image_size=32,
            image_sizes=(32, 64),
            train_size=4_521,
            validation_size=502,
            test_size=1_208,
            licence="CC BY 4.0",
            credit=(
                "Li, Andreeto, Ranzato, Perona (2022), Caltech 101, CaltechDATA; 95 classes, scaled"
                " down"
            ),
            module="caltech95",
        ),
        DatasetInfo(
            name="fashion-mnist",
            title="Fashion-MNIST",
            num_classes=10,
            in_channels=1,
            default_image_size=28,
            image_sizes=(28,),
            train_size=55_000,
            validation_size=5_000,
            test_size=10_000,
            licence="MIT",
            credit="Xiao, Rasul, Vollgraf (2017), Fashion-MNIST, Zalando SE",
            module="fashion_mnist",
        ),
        DatasetInfo(
            name="fashion-mnist-pairs",
            title="Pairs of Fashion-MNIST, 100 classes",
            num_classes=100,
            in_channels=1,
            default_image_size=28,
            image_sizes=(28,),
            train_size=10_000,
            validation_size=2_000,
            test_size=5_000,
            licence="MIT",
            credit=(
                "Xiao, Rasul, Vollgraf (2017), Fashion-MNIST, Zalando SE; two images side by side"
            ),
            module="fashion_mnist_pairs",
        ),
        DatasetInfo(
            name="digits",
            title="Handwritten digits, 8 x 8",
            num_classes=10,
            in_channels=1,
            default_image_size=8,
            image_sizes=(8,),
            train_size=1_293,
            validation_size=144,
            test_size=360,
            licence="CC BY 4.0",
            credit="Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI",
            module="digits",
        ),
        *(
            DatasetInfo(
                name=f"cifar{classes}",
                title=f"CIFAR-{classes}",
                num_classes=classes,
                in_channels=3,
                default_image_size=32,
                image_sizes=(32,),
                train_size=45_000,
                validation_size=5_000,
                test_size=10_000,
                licence=(
                    "none stated by the authors; downloaded from their page, not to be passed on"
                ),
                credit=(
                    "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images,"
                    " Toronto"
                ),
                module="external",
            )
            for classes in (10, 100)
        ),
    )
}
SIZES = (32, 64, 96)
"""Suggested sides for the user's own images, besides their original size."""


def image_credit(name: str) -> str:
    """Return the credit to show next to images: "Images: authors, title (licence)."; "" for the
    user's own."""
    known = DATASETS.get(name.partition(":")[0])
    return "" if known is None else f"Images: {known.credit} ({known.licence})."


def dataset_info(name: str) -> DatasetInfo:
    """Return the description of a data set. The user's own data (`kind:PATH`) is inspected for it.

    Raises:
        ValueError: the name is unknown; the message lists the known names and the nearest.
        DataError: the data cannot be used.
    """
    if name in DATASETS:
        return DATASETS[name]
    if external.is_external(name):
        return _own_info(external.canonical(name))
    near = nearest(name, DATASETS, cutoff=0.4)
    hint = f"; did you mean {near!r}?" if near else ""
    own = external.named(name) if os.path.exists(name) else ""
    if own and (os.path.isdir(name) or not own.startswith("folder:")):
        hint = f"; for your own data at this path write {own}"
    elif "/" in name or "\\" in name or ":" in name:
        hint = (
            "; data of your own is named by its kind: folder:PATH, parquet:PATH, npz:PATH, csv:PATH"
            " or all-test:PATH"
        )
    raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, not {name!r}{hint}")


def _own_info(name: str) -> DatasetInfo:
    summary = external.summarise(name)
    kind = name.partition(":")[0]
    order = natural_order(summary.class_names) if summary.sorted_names else None
    sizes = (32,) if kind in DATASETS else tuple(sorted({*SIZES, summary.side}))
    return DatasetInfo(
        name=name,
        title=dataset_title(name),
        num_classes=len(summary.class_names),
        in_channels=summary.channels,
        default_image_size=summary.side,
        image_sizes=sizes,
        train_size=summary.train,
        validation_size=summary.validation,
        test_size=summary.test,
        licence=DATASETS[kind].licence if kind in DATASETS else "not known here",
        credit=DATASETS[kind].credit if kind in DATASETS else f"from {name.partition(':')[2]}",
        module="external",
        any_size=kind not in DATASETS,
        class_names=summary.class_names if order is None else in_order(summary.class_names, order),
        natural=order is not None,
        absent=summary.absent,
        carved=summary.carved,
        own_validation=summary.own_validation,
        all_test=kind == external.ALL_TEST,
    )


def dataset_title(name: str) -> str:
    """Return the title of a data set without reading it: "CIFAR-10", or "pets (image folder)".

    >>> dataset_title("folder:/data/pets"), dataset_title("digits"), dataset_title("elsewhere")
    ('pets (image folder)', 'Handwritten digits, 8 x 8', 'elsewhere')
    """
    if name in DATASETS:
        return DATASETS[name].title
    if not external.is_external(name):
        return name
    return f"{Path(name.partition(':')[2]).name} ({external.kind_title(name)})"


def made_square(name: str) -> bool:
    """Return whether the images of a data set are made square here, like the user's own images.

    >>> [made_square(name) for name in ("folder:/data/pets", "cifar10:/data/c.tar.gz", "digits")]
    [True, False, False]
    """
    return external.is_external(name) and name.partition(":")[0] not in DATASETS


def tried_split(name: str) -> str:
    """Return the split on which an import tries inputs: validation, or test if all images are test.

    >>> tried_split("digits"), tried_split("all-test:/data/val")
    ('validation', 'test')
    """
    return "test" if name.partition(":")[0] == external.ALL_TEST else "validation"


def called(name: str) -> str:
    """Return a data set's name for a sentence; for the user's own data, its title.

    >>> called("folder:/data/pets"), called("digits")
    ('pets (image folder)', 'digits')
    """
    return dataset_title(name) if external.is_external(name) else name


def short_name(name: str) -> str:
    """Return a data set's name as part of a file or run name: letters, digits, `.`, `_` and `-`.

    >>> [short_name(n) for n in ("folder:/data/My pets", "digits", "parquet:/data/train.parquet")]
    ['My-pets', 'digits', 'train']
    """
    if not external.is_external(name):
        return name
    path = Path(name.partition(":")[2])
    stem = (
        path.stem
        if path.suffix in (".parquet", ".npz", ".csv", ".tsv")
        else path.name.removesuffix(".tar.gz")
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:40] or "data"


def checked_size(info: DatasetInfo, image_size: int | None) -> int:
    """Return pixels per side: the data set's default for None.

    Raises:
        ValueError: the data set does not have this size.
    """
    size = info.default_image_size if image_size is None else image_size
    if info.any_size and external.SMALLEST <= size <= external.LARGEST:
        return size
    if info.any_size:
        raise ValueError(
            f"image_size of {info.name} must be from {external.SMALLEST} to {external.LARGEST}, not"
            f" {image_size}"
        )
    if size not in info.image_sizes:
        allowed = " or ".join(str(allowed) for allowed in info.image_sizes)
        raise ValueError(f"image_size of {info.name} must be {allowed}, not {image_size}")
    return size


def check_resizing(info: DatasetInfo, resizing: Resizing) -> None:
    """Check the resizing: data sets with square images accept only the default.

    Raises:
        ValueError: the data set has square images and the resizing is not the default.
    """
    if not info.any_size and resizing != DEFAULT:
        raise ValueError(
            f"the images of {info.name} are already square, so they cannot be"
            f" {resizing.description}; leave `resize`, `interpolation` and `crop_share` out."
        )


GROUP = "bickd.datasets"
"""Entry points of installed packages: each is a `DatasetInfo`."""


def add_offered() -> None:
    """Add the data sets of installed packages to `DATASETS`. Unusable ones are left out with a
    warning."""
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            info = point.load()
        except Exception as error:  # whatever the package does when it is imported
            logger.warning(
                "The data set '%s' of an installed package is left out: %s: %s",
                point.name,
                type(error).__name__,
                error,
            )
            continue
        if not isinstance(info, DatasetInfo) or ":" not in info.module:
            logger.warning(
                "The data set '%s' of an installed package is left out: its entry point must be a"
                " DatasetInfo with module='MODULE:FUNCTION'.",
                point.name,
            )
        elif info.name in DATASETS:
            logger.warning(
                "The data set '%s' of an installed package is left out: a data set of this name"
                " already exists.",
                info.name,
            )
        else:
            DATASETS[info.name] = info


def _loader(info: DatasetInfo) -> Callable[[int], Source]:
    module, _, function = info.module.partition(":")
    if function:
        return getattr(importlib.import_module(module), function)
    return importlib.import_module(f"bickd_core.data.{module}").load


def load_source(info: DatasetInfo, size: int, resizing: Resizing = DEFAULT) -> Source:
    """Load the original files of a data set, before validation is split off."""
    if info.module == "external":
        return external.load(info.name, size, resizing)
    return _loader(info)(size)


def load_dataset(
    name: str,
    *,
    image_size: int | None = None,
    validation_seed: int = 0,
    validation_folds: int | None = None,
    validation_fold: int = 0,
    train_limit: int | None = None,
    class_order: ClassOrder = "natural",
    resizing: Resizing = DEFAULT,
) -> Dataset:
    """Load a data set: bundled ones into memory, others as rows of a file in the cache.

    Args:
        name: a key of `DATASETS`, or `folder:PATH`, `parquet:PATH`, `npz:PATH`, `csv:PATH`,
            `all-test:PATH`, `cifar10:PATH`, `cifar100:PATH`.
        image_size: pixels per side; None for the data set's default.
        validation_seed: chooses which samples of the train file become validation (stratified,
            always the same number), if the source has no validation part.
        validation_folds: divide the train file into this many folds instead, chosen by the same
            seed; `validation_fold`, counted from 0, becomes validation. A validation part is then
            not used.
        train_limit: keep at most this many train samples (a stratified subset with the same ids, at
            least one for each class), for short runs. Validation, test, mean and std do not change.
        class_order: how to sort classes that are named by whole numbers: by value or as text. It
            changes labels and names only, not which images are in which split.
        resizing: how the user's own images become square; other images already are.

    Raises:
        ValueError: unknown name or size, a resizing that the data does not allow, or a limit below
            one sample for each class.
        DataUnavailableError: the data set is not installed and cannot be downloaded.
        DataError: the user's own data cannot be used.
    """
    info = dataset_info(name)
    size = checked_size(info, image_size)
    check_resizing(info, resizing)
    source = load_source(info, size, resizing)
    if validation_folds is None and source.validation is not None:
        train, validation = source.train, source.validation
    elif validation_folds is None:
        train, validation = carve_validation(
            source.train, size=source.validation_size, seed=validation_seed
        )
    else:
        train, validation = carve_fold(
            source.train, folds=validation_folds, fold=validation_fold, seed=validation_seed
        )
    if train_limit is not None:
        train = limit(train, train_limit, seed=validation_seed)
    test, names = source.test, source.class_names
    order = natural_order(names) if source.sorted_names and class_order == "natural" else None
    if order is not None:
        train, validation, test = (relabelled(split, order) for split in (train, validation, test))
        names = in_order(names, order)
    mean, std = source.statistics or channel_statistics(source.train.images)
    return Dataset(
        name=info.name,
        train=train,
        validation=validation,
        test=test,
        class_names=names,
        mean=mean,
        std=std,
        augmentation=source.augmentation,
        content=source.content,
    )


def held_out(name: str) -> list[tuple[int, str]] | None:
    """Return ids and file names of the held-out test images; None if the source has a test part.

    Names are "" if the source has rows instead of files.

    Raises:
        DataError: the data cannot be used.
    """
    return external.held_out(name) if external.is_external(name) else None


def held_out_table(rows: Sequence[tuple[int, str]]) -> str:
    """Return the result of `held_out` as CSV.

    >>> print(held_out_table([(3, "cat/a.png"), (7, "dog/b, c.png")]), end="")
    id,file
    3,cat/a.png
    7,"dog/b, c.png"
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([("id", "file"), *rows])
    return buffer.getvalue()


def sample_paths(name: str, split: str, content: str | None = None) -> dict[int, str] | None:
    """Return the file of each sample id in the original release; None if the source has no separate
    files.

    Args:
        content: of the images that a run saw, see `any_store`.
    """
    if name != "caltech95":
        stored = any_store(name, content) if external.is_external(name) else None
        if stored is None:
            return None
        return dict(enumerate(chain(*(stored.paths[part] for part in stored.parts(split))))) or None
    from bickd_core.data.caltech95 import paths

    return dict(enumerate(paths(split)))


add_offered()
