"""Small pictures of samples for the app, without torch. They are read or decoded when they are
needed."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from bickd_core.atomic import atomic_write
from bickd_core.data import external
from bickd_core.data.base import SPLITS
from bickd_core.data.errors import DataError
from bickd_core.data.pixels import Encoded, decode
from bickd_core.data.registry import DATASETS, DatasetInfo, dataset_title, load_source
from bickd_core.data.rows import Rows
from bickd_core.data.store import any_store
from bickd_core.runs.sample_file import SampleFile
from bickd_core.wording import Noun

PATH_PIXELS = 160
"""Pixels per side of pictures that are read from image files."""
_SPRITE_KEY = "bickd-sprite"


def write_sprite(images: np.ndarray, path: str | Path) -> None:
    """Write images as one lossless PNG with a grid of images, row by row. The write is atomic.

    Args:
        images: uint8 [N, ch, H, W] with ch 1 or 3.
    """
    from PIL import Image, PngImagePlugin

    count, channels, height, width = images.shape
    if images.dtype != np.uint8 or channels not in (1, 3) or count == 0:
        raise ValueError(
            f"images must be uint8 [N, 1 or 3, H, W], not {images.dtype} {list(images.shape)}"
        )
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    grid = np.zeros((rows * columns, height, width, channels), dtype=np.uint8)
    grid[:count] = images.transpose(0, 2, 3, 1)
    grid = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    grid = grid.reshape(rows * height, columns * width, channels)
    described = PngImagePlugin.PngInfo()
    described.add_text(
        _SPRITE_KEY, json.dumps({"shape": [int(size) for size in images.shape], "columns": columns})
    )
    with atomic_write(path) as temporary:
        picture = Image.fromarray(grid[:, :, 0] if channels == 1 else grid)
        picture.save(temporary, format="PNG", optimize=True, pnginfo=described)


def read_sprite(path: str | Path) -> np.ndarray:
    """Read the images that `write_sprite` wrote, uint8 [N, ch, H, W].

    Raises:
        ValueError: the file is not such a sprite.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as picture:
            described = json.loads(picture.info[_SPRITE_KEY])
            count, channels, height, width = (int(size) for size in described["shape"])
            columns = int(described["columns"])
            rows = -(-count // columns)
            if picture.size != (columns * width, rows * height):
                raise ValueError(
                    f"the grid should be {columns * width} x {rows * height}, it is {picture.size}"
                )
            grid = np.asarray(picture)
        grid = grid.reshape(rows, height, columns, width, channels).transpose(0, 2, 4, 1, 3)
        return np.ascontiguousarray(grid.reshape(rows * columns, channels, height, width)[:count])
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's, json's and numpy's errors are of many kinds
        raise ValueError(
            f"{path} is not a sprite written by write_sprite, or is damaged ({error})"
        ) from error


def sprite_path(shelf: str | Path, split: str) -> Path:
    """Return the path of the sprite of `split` in a data set's folder of bundled runs."""
    return Path(shelf) / f"images-{split}.png"


class Thumbnails:
    """Pictures of the samples in one split of a data set, by sample id. Samples may have texts
    instead.

    Nothing is read before the first picture is requested; only the existence of files is checked.
    If reading fails, `reason` is set and every picture is None.

    Attributes:
        reason: why there are no pictures, in one sentence; or None.
        noun: the word for a sample.
        texts: the samples' texts by id, for imported predictions with a text column.
    """

    def __init__(
        self,
        read: Callable[[], Callable[[int], bytes | None]] | None,
        reason: str | None = None,
        samples: SampleFile | None = None,
        noun: Noun = "image",
    ):
        self.reason = reason
        self.noun = noun
        self.texts = {} if samples is None else samples.texts
        self._read = read
        self._picture: Callable[[int], bytes | None] | None = None
        self._paths = {} if samples is None else samples.paths

    @property
    def any(self) -> bool:
        """Whether there may be pictures. Texts have none."""
        return self.reason is None and (self._read is not None or bool(self._paths))

    @classmethod
    def of_samples(cls, samples: SampleFile) -> "Thumbnails":
        """Return pictures and texts of a run with imported predictions."""
        noun: Noun = "image" if samples.paths else "text" if samples.texts else "sample"
        return cls(None, samples=samples, noun=noun)

    @classmethod
    def for_dataset(
        cls, name: str, split: str, shelf: str | Path | None = None, content: str | None = None
    ) -> "Thumbnails":
        """Return pictures for one split of a data set.

        Args:
            name: the data set's name. A name that is not in `DATASETS` (an import) has no pictures,
                and a `reason`.
            split: "train", "validation" or "test". Train and validation share the ids of the train
                file.
            shelf: a folder that may have `images-<split>.png` (see `sprite_path`), or such a file.
            content: of the user's own images that a run saw. Those of another state are not its.
        """
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
        if external.is_external(name):
            return cls(lambda: _from_store(name, split, content))
        if name not in DATASETS:
            return cls(
                None,
                "There are no pictures: these predictions were imported without image files or"
                " texts.",
                noun="sample",
            )
        if shelf is not None:
            sprite = Path(shelf) if Path(shelf).is_file() else sprite_path(shelf, split)
            if sprite.is_file():
                return cls(lambda: _from_sprite(sprite))
        if name == "caltech95":
            return cls(lambda: _from_caltech95(split))
        if name.startswith("fashion-mnist"):
            from bickd_core.data.fashion_mnist import installed_folder

            folder = installed_folder()
            if folder is None:
                return cls(
                    None,
                    "Images of Fashion-MNIST are not on this machine: install the Debian package "
                    "dataset-fashion-mnist, or train on it once, which downloads them.",
                )
            if name == "fashion-mnist":
                return cls(lambda: _from_fashion_mnist(folder, split))
        if DATASETS[name].module == "external":
            return cls(lambda: _from_store(name, split))
        return cls(lambda: _from_source(DATASETS[name], split))

    def png(self, id: int | str) -> bytes | None:
        """Return the picture as the bytes of a PNG or WebP file, or None."""
        if self._paths:
            return _from_path(self._paths[id]) if id in self._paths else None
        if not isinstance(id, int | np.integer):
            return None  # data sets count their images
        if self._picture is None and self.reason is None and self._read is not None:
            try:
                self._picture = self._read()
            except Exception as error:  # pyarrow's and Pillow's errors are of many kinds
                self.reason = f"The images cannot be read: {error}"
        try:
            return self._picture(int(id)) if self._picture is not None else None
        except Exception as error:
            self.reason, self._picture = f"The images cannot be read: {error}", None
            return None

    def many(self, ids: Sequence[int | str] | np.ndarray) -> list[bytes | None]:
        """Return the picture of each of `ids`, as from `png`."""
        return [self.png(id.item() if isinstance(id, np.generic) else id) for id in ids]

    def caption(self, id: int | str, longest: int = 300) -> str:
        """Return the caption of a sample without a picture: the start of its text, or its id."""
        text = self.texts.get(id, "")
        return text[: longest - 1] + "…" if len(text) > longest else text or str(id)

    def data_uri(self, id: int | str) -> str | None:
        """Return the picture as a `data:` address for an `<img>`, or None."""
        data = self.png(id)
        if data is None:
            return None
        kind = "webp" if data[:4] == b"RIFF" else "png"
        return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _encoder(images: np.ndarray | Rows) -> Callable[[int], bytes | None]:
    """Return a function that encodes the image at a position of uint8 [N, ch, H, W] as PNG."""
    from PIL import Image

    def picture(id: int) -> bytes | None:
        if not 0 <= id < len(images):
            return None
        pixels = images[id]
        buffer = io.BytesIO()
        Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(
            buffer, format="PNG"
        )
        return buffer.getvalue()

    return picture


@lru_cache(maxsize=2048)
def _from_path(path: str) -> bytes | None:
    """Return an image file scaled to `PATH_PIXELS`, as PNG; None if it cannot be read."""
    from PIL import Image

    try:
        pixels = decode(Encoded(Path(path), Path(path).name), 3, PATH_PIXELS)
    except DataError:
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


def _from_sprite(path: Path) -> Callable[[int], bytes | None]:
    return _encoder(_sprite_array(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=2)
def _sprite_array(path: Path, modified: int) -> np.ndarray:
    """Read a sprite once in each process, and again when the file changes."""
    return read_sprite(path)


def _from_caltech95(split: str) -> Callable[[int], bytes | None]:
    encoded = _caltech95_bytes("test" if split == "test" else "train")
    return lambda id: encoded[id].as_py() if 0 <= id < len(encoded) else None


@lru_cache(maxsize=2)
def _caltech95_bytes(part: str):
    from bickd_core.data.caltech95 import encoded_images

    return encoded_images(part)


def _from_fashion_mnist(folder: Path, split: str) -> Callable[[int], bytes | None]:
    return _encoder(_fashion_mnist_images(folder, "test" if split == "test" else "train"))


@lru_cache(maxsize=1)
def _fashion_mnist_images(folder: Path, part: str) -> np.ndarray:
    from bickd_core.data.fashion_mnist import FILES, read_idx

    file = FILES[part, "images"]
    return read_idx(folder / file.name, file)[:, None, :, :]


def _from_store(name: str, split: str, content: str | None = None) -> Callable[[int], bytes | None]:
    stored = any_store(name, content)
    if stored is None:
        kind, _, path = name.partition(":")
        command = (
            f", or call `bickd relocate --dataset {kind}:PATH` with its path here" if path else ""
        )
        if content is not None and any_store(name) is not None:
            raise DataError(
                f"{dataset_title(name)} is not stored here as this run saw it: its images changed,"
                " or were decoded at another size."
            )
        raise DataError(
            f"{dataset_title(name)} was not decoded on this machine; train on it once{command}."
        )
    return _joined([stored.rows[part] for part in stored.parts(split)])


def _from_source(info: DatasetInfo, split: str) -> Callable[[int], bytes | None]:
    source = load_source(info, min(info.image_sizes))
    train = [source.train, *([] if source.validation is None else [source.validation])]
    return _joined([part.images for part in ([source.test] if split == "test" else train)])


def _joined(parts: Sequence[np.ndarray | Rows]) -> Callable[[int], bytes | None]:
    """Return a function that encodes the image with an id, which counts through the parts."""
    pictures = [_encoder(part) for part in parts]

    def picture(id: int) -> bytes | None:
        for part, one in zip(parts, pictures, strict=True):
            if id < len(part):
                return one(id)
            id -= len(part)
        return None

    return picture
