"""Small data sets in the layouts of the originals, and the images that are in them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from bickd_core.data import cifar
from bickd_core.data.base import Dataset, content_hash


def made_images(count: int, *, channels: int = 3, side: int = 12, seed: int = 0) -> np.ndarray:
    """uint8 [N, side, side, channels]."""
    return np.random.default_rng(seed).integers(
        0, 256, (count, side, side, channels), dtype=np.uint8
    )


def digest(data: Dataset) -> str:
    """The content of all splits."""
    return content_hash(data.train, data.validation, data.test)


def picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    picture(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_folder(root: Path, counts: dict[str, int], images: np.ndarray) -> Path:
    """`counts`: class folder (perhaps below train/ or test/) -> images; named so that their order
    is the array's."""
    pixels = iter(images)
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for i in range(count):
            (root / folder / f"{i:03}.png").write_bytes(png(next(pixels)))
    return root


def write_parquet(
    path: Path, images: np.ndarray, labels, *, names=None, column="label", image="image"
) -> Path:
    """As `datasets` writes it: a struct {bytes, path}, class names in the schema's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {image: [{"bytes": png(one), "path": None} for one in images], column: list(labels)}
    )
    if names is not None:
        label = {"names": list(names), "_type": "ClassLabel"}
        about = {"info": {"features": {image: {"_type": "Image"}, column: label}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, path)
    return path


def write_cifar(root: Path, name: str, *, rows: int = 40, archive: bool = False):
    """The binary form: `(path, images by part, labels by part)`, `rows` in each of its files."""
    variant = cifar.VARIANTS[name]
    folder = root / variant.folder
    folder.mkdir(parents=True)
    (folder / variant.names).write_text(
        "".join(f"kind_{i:02}\n" for i in range(variant.classes)) + "\n"
    )
    if variant.label_bytes == 2:
        (folder / "coarse_label_names.txt").write_text("".join(f"group_{i}\n" for i in range(20)))
    images, labels = {}, {}
    for part, members in (("train", variant.train), ("test", variant.test)):
        parts = []
        for seed, member in enumerate(members):
            pixels = made_images(rows, side=32, seed=seed).transpose(0, 3, 1, 2)
            label = (np.arange(rows) % variant.classes).astype(np.uint8)
            columns = [label[:, None], pixels.reshape(rows, -1)]
            if variant.label_bytes == 2:
                columns.insert(0, (label // 5)[:, None])
            (folder / member).write_bytes(np.concatenate(columns, axis=1).tobytes())
            parts.append((pixels, label))
        images[part] = np.concatenate([pixels for pixels, _ in parts])
        labels[part] = np.concatenate([label for _, label in parts]).astype(np.int64)
    if not archive:
        return folder, images, labels
    packed = root / variant.url.rsplit("/", 1)[1]
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, arcname=variant.folder)
    return packed, images, labels
