"""Measure the memory of training on 100,000 images of 64 x 64: held in memory, streamed, and from
each kind of source.

It makes the images (random, with a hint of their class), trains `convnet-small` with `bickd train`
in a separate process, and prints the most memory that this process used, decoding included:

    peak RSS     pages of its own and of mapped files, as the kernel counts them (VmHWM)
    private      anonymous pages, which nobody else can have (USS)

The process may use at most `--limit` megabytes of private memory, mapped or not (RLIMIT_DATA): a
run that needs more fails. The first two runs are stopped after `--steps` steps. The last one, on
part of the training images, runs to the end, with 10,000 validation and 2,000 test images streamed
through the model.

    python benchmarks/streaming.py [--count 100000] [--steps 300] [--source npy] [--limit 2000]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from numpy.lib.format import open_memmap

SIDE, CLASSES, TEST = 64, 100, 2000
PART = 1000
ROOT = Path(__file__).parents[1]


def images(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Noise whose mean depends on the class: uint8 [B, 64, 64, 3] and labels [B], up to 1,000 at a
    time."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, PART):
        labels = np.arange(start, min(start + PART, count)) % CLASSES
        noise = rng.integers(0, 150, (len(labels), SIDE, SIDE, 3), dtype=np.uint8)
        yield noise + labels.astype(np.uint8)[:, None, None, None], labels


def make_npy(folder: Path, count: int) -> str:
    for part, size in (("train", count), ("test", TEST)):
        target = open_memmap(folder / f"{part}_images.npy", "w+", np.uint8, (size, SIDE, SIDE, 3))
        np.save(folder / f"{part}_labels.npy", np.arange(size) % CLASSES)
        for i, (pixels, _) in enumerate(images(size, size)):
            target[i * PART : i * PART + len(pixels)] = pixels
    return f"npz:{folder}"


def make_parquet(folder: Path, count: int) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    schema = pa.schema(
        {"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()},
    )
    for part, size in (("train", count), ("test", TEST)):
        with pq.ParquetWriter(folder / f"{part}-00000-of-00001.parquet", schema) as writer:
            for pixels, labels in images(size, size):
                encoded = []
                for image in pixels:
                    buffer = io.BytesIO()
                    Image.fromarray(image).save(buffer, "JPEG", quality=80)
                    encoded.append({"bytes": buffer.getvalue(), "path": None})
                writer.write_table(pa.table({"image": encoded, "label": labels}, schema=schema))
    return f"parquet:{folder}"


def train(
    dataset: str,
    home: Path,
    *,
    name: str,
    steps: int | None,
    limit: int,
    resident: str,
    more: list[str],
):
    """One run; peak RSS and private MB, seconds, steps done, and how it ended."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BICKD_CACHE": str(home / "cache"),
        "BICKD_RUNS": str(home / "runs"),
        "BICKD_RESIDENT_MB": resident,
    }
    command = [
        sys.executable,
        "-m",
        "bickd_cli.main",
        "train",
        "--dataset",
        dataset,
        "--name",
        name,
    ]
    command += ["--arch", "convnet-small", "--epochs", "1", "--threads", "1", *more]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit * 10**6, limit * 10**6))

    began, private, rss, done = time.monotonic(), 0, 0, 0
    with open(home / f"{name}.log", "w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, preexec_fn=limited
        )
        seen, run = psutil.Process(process.pid), home / "runs" / name
        while process.poll() is None:
            try:
                private = max(private, seen.memory_full_info().uss)
                status = Path(f"/proc/{process.pid}/status").read_text()
                rss = max(rss, int(status.split("VmHWM:")[1].split()[0]) * 1024)
                done = max(done, json.loads((run / "status.json").read_text())["progress"]["step"])
            except (OSError, psutil.Error, ValueError, KeyError, IndexError):
                pass  # not begun, or gone
            if steps is not None and done >= steps:
                (run / "control").mkdir(exist_ok=True)
                (run / "control" / "stop").touch()
            time.sleep(0.1)
    ended = json.loads((run / "status.json").read_text())
    words = f"{ended['state']}{': ' + ended['error'] if ended['error'] else ''}"
    return rss / 1e6, private / 1e6, time.monotonic() - began, done, words


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--source", choices=("npy", "parquet"), default="npy")
    parser.add_argument("--limit", type=int, default=2000, help="megabytes of private memory")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bickd-streaming-"))
    try:
        (home / "source").mkdir()
        made = make_npy if asked.source == "npy" else make_parquet
        dataset = made(home / "source", asked.count)
        decoded = asked.count * 3 * SIDE * SIDE / 1e6
        print(
            f"{asked.count:,} images of {SIDE} x {SIDE} ({decoded:,.0f} MB), {asked.source}, limit"
            f" {asked.limit} MB"
        )
        print(f"{'run':34} {'peak RSS':>9} {'private':>9} {'seconds':>8} {'steps':>6}  ended")
        runs: tuple[tuple[str, str, int | None, list[str]], ...] = (
            ("decoded and streamed", "0", asked.steps, []),
            ("held whole (where it fits: default)", "", asked.steps, []),
            ("streamed to the end, 6,400 of train", "0", None, ["--train-limit", "6400"]),
        )
        for i, (words, resident, steps, more) in enumerate(runs):
            found = train(
                dataset,
                home,
                name=f"run-{i}",
                steps=steps,
                limit=asked.limit,
                resident=resident,
                more=more,
            )
            print(
                f"{words:34} {found[0]:6,.0f} MB {found[1]:6,.0f} MB {found[2]:8.0f} {found[3]:6} "
                f" {found[4]}",
                flush=True,
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
