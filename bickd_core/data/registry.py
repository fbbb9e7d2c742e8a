"""The known data sets: a table that costs nothing to read, and `load_dataset`."""

import importlib
from dataclasses import dataclass

from bickd_core.data.base import Dataset, carve_validation, channel_statistics, limit
from bickd_core.naming import nearest


@dataclass(frozen=True)
class DatasetInfo:
    """What can be said about a data set without loading it.

    Attributes:
        name: for `load_dataset` and run folders.
        title: for people.
        num_classes, in_channels: C and ch.
        default_image_size, image_sizes: pixels a side; the sizes that `load_dataset` accepts.
        train_size, validation_size, test_size: samples.
        licence, credit: to be shown wherever the images are.
        module: the source module in this package.
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
    )
}


def dataset_info(name: str) -> DatasetInfo:
    """The entry called `name`.

    Raises:
        ValueError: for an unknown name, with the known ones and the nearest.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = nearest(name, DATASETS, cutoff=0.4)
    hint = f"; did you mean {near!r}?" if near else ""
    raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, not {name!r}{hint}")


def checked_size(info: DatasetInfo, image_size: int | None) -> int:
    """Pixels a side: the data set's default for None.

    Raises:
        ValueError: a size that the data set does not come in.
    """
    size = info.default_image_size if image_size is None else image_size
    if size not in info.image_sizes:
        allowed = " or ".join(str(allowed) for allowed in info.image_sizes)
        raise ValueError(f"image_size of {info.name} must be {allowed}, not {image_size}")
    return size


def load_dataset(
    name: str, *, image_size: int | None = None, validation_seed: int = 0, train_limit: int | None = None
) -> Dataset:
    """Load a data set whole into memory.

    Args:
        name: a key of `DATASETS`.
        image_size: pixels a side; None for the data set's default.
        validation_seed: which samples of the train file are for validation (stratified, always as many).
        train_limit: keep at most so many train samples (a stratified subset, ids kept; at least one a class):
            for short runs. Validation, test, mean and std are not touched by it.

    Raises:
        ValueError: for an unknown name or size, or a limit below one sample a class.
        DataUnavailableError: when fashion-mnist is neither installed nor can be downloaded.
    """
    info = dataset_info(name)
    size = checked_size(info, image_size)
    source = importlib.import_module(f"bickd_core.data.{info.module}").load(size)
    train, validation = carve_validation(source.train, size=source.validation_size, seed=validation_seed)
    if train_limit is not None:
        train = limit(train, train_limit, seed=validation_seed)
    mean, std = channel_statistics(source.train.images)
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=source.test,
        class_names=source.class_names,
        mean=mean,
        std=std,
        augmentation=source.augmentation,
    )


def sample_paths(name: str, split: str) -> dict[int, str] | None:
    """Sample id -> its file in the data set's original release; None where the source has no files of its own."""
    if name != "caltech95":
        return None
    from bickd_core.data.caltech95 import paths

    return dict(enumerate(paths(split)))
