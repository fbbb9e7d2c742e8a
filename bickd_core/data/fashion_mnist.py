"""fashion-mnist: 70,000 grey 28 x 28 images of clothes in 10 classes (Xiao, Rasul, Vollgraf 2017;
MIT).

The files come from Debian's package `dataset-fashion-mnist` if it is installed, and are otherwise
downloaded into the cache folder. Their gzip headers differ, so the sha256 of the content is
checked. Downloads must also match the md5 that the authors publish.
"""

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.data.base import Augmentation, Source, Split
from bickd_core.data.download import download
from bickd_core.data.errors import DataUnavailableError
from bickd_core.places import cache_folder

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class IdxFile:
    """A gzip file: its name, the shape and sha256 of its content, and the published md5 of the gzip
    file."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    gzip_md5: str


FILES = {
    ("train", "images"): IdxFile(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    ("train", "labels"): IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
    ("test", "images"): IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "bef4ecab320f06d8554ea6380940ec79",
    ),
    ("test", "labels"): IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}


def parse_idx(content: bytes) -> np.ndarray:
    """Return the array in an idx file of unsigned bytes (LeCun's format).

    Layout: two zero bytes, the type (8 for uint8), the number of dimensions, each size as a
    big-endian int32, the data.

    Raises:
        ValueError: the header is wrong, or the data has another length than the header says.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        start_bytes = content[:4].hex(" ") or "nothing"
        raise ValueError(
            f"expected an idx file of bytes, which starts with 00 00 08, found {start_bytes}"
        )
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(f"expected {dimensions} sizes in the idx header, which is cut short")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    expected = math.prod(shape)
    if len(content) - start != expected:
        raise ValueError(
            f"expected {expected:,} bytes of data for shape {list(shape)}, found"
            f" {len(content) - start:,}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def read_idx(path: Path, file: IdxFile) -> np.ndarray:
    """Read a gzip file, check the sha256 of its content, and parse it."""
    size = 4 + 4 * len(file.shape) + math.prod(file.shape)
    try:
        with gzip.open(path) as stream:
            content = stream.read(size + 1)  # one more, to notice if there is more
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it to download it again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(
            f"{path} is not Fashion-MNIST's {file.name}: the sha256 of its content should be"
            f" {file.sha256[:16]}..., it is {digest[:16]}...; remove the file to download it"
            " again"
        )
    return parse_idx(content)


def download_folder() -> Path:
    """Return the folder of downloads in the user's cache."""
    return cache_folder() / "fashion-mnist"


def installed_folder() -> Path | None:
    """Return a folder with all four files: Debian's, or that of an earlier download, or None."""
    for folder in (DEBIAN_FOLDER, download_folder()):
        if all((folder / file.name).is_file() for file in FILES.values()):
            return folder
    return None


def fetch(folder: Path) -> None:
    """Download the four files into `folder`, each from the first address that has it, and check
    their md5.

    Raises:
        DataUnavailableError: no address has the right file.
    """
    for file in FILES.values():
        reasons = []
        for url in URLS:
            try:
                download(url + file.name, file.gzip_md5, folder)
                break
            except DataUnavailableError as error:
                reasons.append(str(error))
        else:
            raise DataUnavailableError(
                f"Fashion-MNIST is not installed and {file.name} could not be downloaded "
                f"({'; '.join(reasons)}); "
                "install the Debian package dataset-fashion-mnist, or go online once."
            )


def load_part(split: str, folder: Path) -> Split:
    """Read and check the "train" or "test" files in `folder`."""
    images = read_idx(folder / FILES[split, "images"].name, FILES[split, "images"])
    labels = read_idx(folder / FILES[split, "labels"].name, FILES[split, "labels"]).astype(np.int64)
    return Split(images[:, None, :, :], labels, np.arange(len(labels), dtype=np.int64))


def source_folder() -> Path:
    """Return a folder with all four files, after downloading them if needed."""
    folder = installed_folder()
    if folder is None:
        folder = download_folder()
        fetch(folder)
    return folder


def load(image_size: int) -> Source:
    """Load the data, after downloading it if needed. Validation has 5,000 of 60,000 images."""
    folder = source_folder()
    return Source(
        train=load_part("train", folder),
        test=load_part("test", folder),
        class_names=CLASS_NAMES,
        validation_size=5_000,
        augmentation=Augmentation(pad=2, flip=True),
    )
