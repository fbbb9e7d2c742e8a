"""The known data sets: a table that costs nothing to read, and `load_dataset`."""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

from bickd_core.data import external
from bickd_core.data.base import Dataset, carve_validation, channel_statistics, limit
from bickd_core.data.store import any_store
from bickd_core.naming import nearest


@dataclass(frozen=True)
class DatasetInfo:
    """What can be said about a data set without loading it.

    Attributes:
        name: for `load_dataset` and run folders; of one's own data `kind:PATH` with the absolute path.
        title: for people.
        num_classes, in_channels: C and ch.
        default_image_size, image_sizes: pixels a side; the sizes that `load_dataset` accepts.
        train_size, validation_size, test_size: samples.
        licence, credit: to be shown wherever the images are.
        module: the source module in this package; "external" for data that is decoded into the cache.
        any_size: whether any size from 8 to 512 will do, `image_sizes` being suggestions.
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
            credit="Li, Andreeto, Ranzato, Perona (2022), Caltech 101, CaltechDATA; 95 classes, scaled down",
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
                licence="none stated by the authors; downloaded from their page, not to be passed on",
                credit="Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, Toronto",
                module="external",
            )
            for classes in (10, 100)
        ),
    )
}
SIZES = (32, 64, 96)
"""Sides that are suggested for one's own images, besides their own."""


def image_credit(name: str) -> str:
    """ "Images: authors, title (licence).", to stand wherever images are shown or passed on; "" for one's own."""
    known = DATASETS.get(name.partition(":")[0])
    return "" if known is None else f"Images: {known.credit} ({known.licence})."


def dataset_info(name: str) -> DatasetInfo:
    """The entry called `name`; for data of one's own (`kind:PATH`) what looking at it says.

    Raises:
        ValueError: for an unknown name, with the known ones and the nearest.
        DataError: the data cannot be used, with what is wrong.
    """
    if name in DATASETS:
        return DATASETS[name]
    if external.is_external(name):
        return _own_info(external.canonical(name))
    near = nearest(name, DATASETS, cutoff=0.4)
    hint = f"; did you mean {near!r}?" if near else ""
    if "/" in name or "\\" in name or ":" in name:
        hint = "; data of your own is named by its kind: folder:PATH, parquet:PATH or npz:PATH"
    raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, not {name!r}{hint}")


def _own_info(name: str) -> DatasetInfo:
    found = external.summarise(name)
    kind = name.partition(":")[0]
    sizes = (32,) if kind in DATASETS else tuple(sorted({*SIZES, found.side}))
    return DatasetInfo(
        name=name,
        title=dataset_title(name),
        num_classes=found.num_classes,
        in_channels=found.channels,
        default_image_size=found.side,
        image_sizes=sizes,
        train_size=found.train,
        validation_size=found.validation,
        test_size=found.test,
        licence=DATASETS[kind].licence if kind in DATASETS else "not known here",
        credit=DATASETS[kind].credit if kind in DATASETS else f"from {name.partition(':')[2]}",
        module="external",
        any_size=kind not in DATASETS,
    )


def dataset_title(name: str) -> str:
    """What to call a data set in text, without looking at it: "CIFAR-10", or "pets (image folder)".

    >>> dataset_title("folder:/data/pets"), dataset_title("digits"), dataset_title("elsewhere")
    ('pets (image folder)', 'Handwritten digits, 8 x 8', 'elsewhere')
    """
    if name in DATASETS:
        return DATASETS[name].title
    if not external.is_external(name):
        return name
    return f"{Path(name.partition(':')[2]).name} ({external.words(name)})"


def called(name: str) -> str:
    """A data set inside a sentence: by its name, and data of one's own by their title.

    >>> called("folder:/data/pets"), called("digits")
    ('pets (image folder)', 'digits')
    """
    return dataset_title(name) if external.is_external(name) else name


def short_name(name: str) -> str:
    """A data set's name as part of a file's or a run's name: letters, digits, `.`, `_` and `-`.

    >>> short_name("folder:/data/My pets"), short_name("digits"), short_name("parquet:/data/train.parquet")
    ('My-pets', 'digits', 'train')
    """
    if not external.is_external(name):
        return name
    path = Path(name.partition(":")[2])
    stem = path.stem if path.suffix in (".parquet", ".npz") else path.name.removesuffix(".tar.gz")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:40] or "data"


def checked_size(info: DatasetInfo, image_size: int | None) -> int:
    """Pixels a side: the data set's default for None.

    Raises:
        ValueError: a size that the data set does not come in.
    """
    size = info.default_image_size if image_size is None else image_size
    if info.any_size and external.SMALLEST <= size <= external.LARGEST:
        return size
    if info.any_size:
        raise ValueError(
            f"image_size of {info.name} must be from {external.SMALLEST} to {external.LARGEST}, not {image_size}"
        )
    if size not in info.image_sizes:
        allowed = " or ".join(str(allowed) for allowed in info.image_sizes)
        raise ValueError(f"image_size of {info.name} must be {allowed}, not {image_size}")
    return size


def load_dataset(
    name: str, *, image_size: int | None = None, validation_seed: int = 0, train_limit: int | None = None
) -> Dataset:
    """Load a data set: those that come with the library whole into memory, others as rows of a file in the cache.

    Args:
        name: a key of `DATASETS`, or `folder:PATH`, `parquet:PATH`, `npz:PATH`, `cifar10:PATH`, `cifar100:PATH`.
        image_size: pixels a side; None for the data set's default.
        validation_seed: which samples of the train file are for validation (stratified, always as many).
        train_limit: keep at most so many train samples (a stratified subset, ids kept; at least one a class):
            for short runs. Validation, test, mean and std are not touched by it.

    Raises:
        ValueError: for an unknown name or size, or a limit below one sample a class.
        DataUnavailableError: when it is neither installed nor can be downloaded.
        DataError: when one's own data cannot be used.
    """
    info = dataset_info(name)
    size = checked_size(info, image_size)
    if info.module == "external":
        source = external.load(info.name, size)
    else:
        source = importlib.import_module(f"bickd_core.data.{info.module}").load(size)
    train, validation = carve_validation(source.train, size=source.validation_size, seed=validation_seed)
    if train_limit is not None:
        train = limit(train, train_limit, seed=validation_seed)
    mean, std = source.statistics or channel_statistics(source.train.images)
    return Dataset(
        name=info.name,
        train=train,
        validation=validation,
        test=source.test,
        class_names=source.class_names,
        mean=mean,
        std=std,
        augmentation=source.augmentation,
        content=source.content,
    )


def sample_paths(name: str, split: str) -> dict[int, str] | None:
    """Sample id -> its file in the data set's original release; None where the source has no files of its own."""
    if name != "caltech95":
        stored = any_store(name) if external.is_external(name) else None
        return (dict(enumerate(stored.paths[stored.part(split)])) or None) if stored else None
    from bickd_core.data.caltech95 import paths

    return dict(enumerate(paths(split)))
