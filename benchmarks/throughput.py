"""Compare the speed of distillation with the usual loop: `python benchmarks/throughput.py`.

For each pair of networks (CIFAR shape, 100 classes, batch 64, random images, all cores), in one
run:

    a   the usual loop: DataLoader with PIL transforms image by image, fp32, live teacher, kd
    b   this engine, live teacher
    c   this engine, the teacher's stored views
    d   a race of four students (kd, dist, bickd, dkd) on one live teacher, side by side in threads
    d'  the same with stored views
    e1  two workers of one thread each, stored views

Every variant is a separate process that waits while another works. They take turns, so a busy
machine slows all of them equally. Figures are medians over rounds, and ratios are within a round.
On a GPU, b to d' compile their students. `--what-pays` prints a second table: what each choice of
the engine does to c, not compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE))

import numpy as np

from bickd_core.launch.openmp import brief_waits

PAIRS = ("resnet56:resnet20", "wrn-40-2:wrn-16-2")
BATCH, CLASSES, IMAGES = 64, 100, 6_400
RACE = ("kd", "dist", "bickd", "dkd")


@dataclass(frozen=True)
class Variant:
    """name, what it is, students it trains at once, threads, and what it changes in the engine's
    way."""

    name: str
    words: str
    students: int = 1
    threads: int | None = None
    config: tuple[tuple[str, Any], ...] = ()
    change: str = ""


ENGINE = (
    Variant("b", "engine, live teacher", config=(("teacher_outputs", "live"),)),
    Variant("c", "engine, stored views", config=(("teacher_outputs", "stored"),)),
    Variant("d", "race of 4, live teacher", 4, config=(("teacher_outputs", "live"),)),
    Variant("d'", "race of 4, stored views", 4, config=(("teacher_outputs", "stored"),)),
)
USUAL = (
    Variant("a", "usual loop, loader in the process"),
    Variant("a2", "usual loop, 2 loader processes"),
)
SINGLE = (
    Variant(
        "e1", "one worker of 1 thread, stored", threads=1, config=(("teacher_outputs", "stored"),)
    ),
    Variant("e2", "its twin", threads=1, config=(("teacher_outputs", "stored"),)),
)
PAYS = (
    Variant("c", "the engine's way", config=(("teacher_outputs", "stored"),)),
    Variant(
        "fp32",
        "fp32 instead of bf16",
        config=(("teacher_outputs", "stored"), ("precision", "fp32")),
    ),
    Variant("nchw", "channels first", config=(("teacher_outputs", "stored"),), change="nchw"),
    Variant(
        "kernels",
        "torch's own kernels",
        config=(("teacher_outputs", "stored"), ("kernels", "torch")),
    ),
    Variant(
        "waits",
        "GNU's own waits of threads",
        config=(("teacher_outputs", "stored"),),
        change="waits",
    ),
    Variant("fused", "fused SGD", config=(("teacher_outputs", "stored"),), change="fused"),
    Variant(
        "foreach",
        "SGD over lists of tensors",
        config=(("teacher_outputs", "stored"),),
        change="foreach",
    ),
    Variant(
        "compile",
        "torch.compile of the student",
        config=(("teacher_outputs", "stored"), ("compile", True)),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS), metavar="TEACHER:STUDENT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="of each variant in each round, about"
    )
    parser.add_argument(
        "--what-pays", action="store_true", help="single choices of the engine instead"
    )
    parser.add_argument(
        "--serve", nargs=3, metavar=("VARIANT", "PAIR", "FOLDER"), help=argparse.SUPPRESS
    )
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    from bickd_core.kernels.building import folder as kernels

    os.environ.setdefault("BICKD_KERNELS", str(kernels()))  # compiled once, not for every benchmark
    print(machine())
    for pair in asked.pairs:
        with tempfile.TemporaryDirectory(prefix="bickd-throughput-") as folder:
            os.environ["BICKD_CACHE"] = str(Path(folder) / "cache")
            prepare(pair, Path(folder))
            if asked.what_pays:
                what_pays(pair, Path(folder), asked.rounds, asked.seconds)
            else:
                compare(pair, Path(folder), asked.rounds, asked.seconds)


def machine() -> str:
    import torch

    from bickd_core.training.hardware import cpu_has_bf16, cpu_name

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    units = "with" if cpu_has_bf16() else "without"
    return (
        f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, {units} bf16 units{gpu}; torch"
        f" {torch.__version__}, Python {platform.python_version()}; load {os.getloadavg()[0]:.1f};"
        f" {time.strftime('%Y-%m-%d')}"
    )


# -- the parent: takes turns
# ---------------------------------------------------------------------------
class Served:
    """A variant in a process of its own."""

    def __init__(self, variant: Variant, pair: str, folder: Path) -> None:
        self.variant = variant
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", variant.name, pair, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=(
                os.environ
                if variant in USUAL or variant.change == "waits"
                else {**os.environ, **brief_waits()}
            ),
        )
        self.about = self._read()

    def ask(self, seconds: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"variant {self.variant.name} ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def answer(self) -> dict[str, Any]:
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def rounds_of(
    served: list[list[Served]], rounds: int, seconds: float
) -> Iterator[dict[str, list[Any]]]:
    """Each round every group once, the members of a group at the same time; name -> answers."""
    for number in range(rounds + 1):
        found: dict[str, list[Any]] = {}
        for group in served:
            for one in group:
                one.ask(seconds if number else 1.0)
            for one in group:
                found.setdefault(group[0].variant.name, []).append(one.answer())
        if number:  # the first round warms up
            yield found


def compare(pair: str, folder: Path, rounds: int, seconds: float) -> None:
    variants = [Served(variant, pair, folder) for variant in (*USUAL, *ENGINE)]
    twins = [Served(variant, pair, folder) for variant in SINGLE]
    groups = [[one] for one in variants] + [twins]
    speeds: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    on_gpu: dict[str, float] = {}
    for found in rounds_of(groups, rounds, seconds):
        for name, answers in found.items():
            speeds.setdefault(name, []).append(
                sum(answer["images_per_second"] for answer in answers)
            )
            shares.setdefault(name, []).append(answers[0]["teacher_share"])
            memory[name] = sum(answer["peak_mb"] for answer in answers)
            on_gpu[name] = sum(answer["peak_gpu_mb"] for answer in answers)
    usual = max(("a", "a2"), key=lambda name: statistics.median(speeds[name]))
    print(
        f"\n{pair.replace(':', ' to ')}, batch {BATCH}, {CLASSES} classes, 32 x 32; 'a' is"
        f" {usual}\n"
    )
    gpu = any(on_gpu.values())
    heads = [
        "",
        "way",
        "images/s a student, all students together",
        "times a",
        "teacher's share",
        "peak memory, MB",
    ]
    heads += ["peak GPU memory, MB"] if gpu else []
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    words = {one.variant.name: one.variant.words for one in variants}
    words["e1"] = "two workers of 1 thread, stored views"
    for name, measured in speeds.items():
        ratios = [speed / base for speed, base in zip(measured, speeds[usual], strict=True)]
        print(
            f"| {name} | {words[name]} | {statistics.median(measured):,.0f} |"
            f" {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] |"
            f" {statistics.median(shares[name]):.0%} | {memory[name]:,.0f}"
            f" |{f' {on_gpu[name]:,.0f} |' if gpu else ''}"
        )
    stored = next(one for one in variants if one.variant.name == "c").about
    print(
        f"\nFilling the store: {stored['fill']:,.0f} images/s, once for each view and teacher"
        f" ({50_000 / stored['fill']:.0f} s for 50,000 images;"
        f" {stored['view_bytes'] / IMAGES * 50_000 / 1e6:.0f} MB)."
    )
    for one in (*variants, *twins):
        one.close()


def what_pays(pair: str, folder: Path, rounds: int, seconds: float) -> None:
    served = [Served(variant, pair, folder) for variant in PAYS]
    speeds: dict[str, list[float]] = {}
    for found in rounds_of([[one] for one in served], rounds, seconds):
        for name, answers in found.items():
            speeds.setdefault(name, []).append(answers[0]["images_per_second"])
    print(f"\n{pair.replace(':', ' to ')}, stored views: one choice changed\n")
    print("| choice | images/s | times the engine's way |\n|---|---|---|")
    for one in served:
        found_speeds = speeds[one.variant.name]
        ratios = [speed / base for speed, base in zip(found_speeds, speeds["c"], strict=True)]
        print(
            f"| {one.variant.words} | {statistics.median(found_speeds):,.0f} |"
            f" {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] |"
        )
    print("\n| images in a batch of the teacher's pass | images/s |\n|---|---|")
    for batch, speed in served[0].about["fills"].items():
        print(f"| {batch} | {speed:,.0f} |")
    for one in served:
        one.close()


# -- the child: one variant
# ------------------------------------------------------------------------------
def prepare(pair: str, folder: Path) -> None:
    """Made-up CIFAR-shaped data and a teacher run with untrained weights: speed does not depend on
    them."""
    import torch

    from bickd_core.models.factory import create_model
    from bickd_core.runs.checkpoints import save_weights
    from bickd_core.runs.create import create_run
    from bickd_core.runs.status import Status

    chance = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, n in (("train", IMAGES + 1_000), ("test", 1_000)):
        arrays[f"{split}_images"] = chance.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(n) % CLASSES
    np.savez(folder / "data.npz", **arrays)
    library = library_of(folder)
    teacher = pair.split(":")[0]
    run = create_run(config_of(folder, pair, role="teacher", arch=teacher), library, name="teacher")
    torch.manual_seed(0)
    save_weights(create_model(teacher, num_classes=CLASSES), run.weights_path, metadata={})
    run.write_status(Status("finished"))


def library_of(folder: Path) -> Any:
    from bickd_core.runs.library import Library

    return Library(shelf=folder / "shelf", own=folder / "own")


def config_of(folder: Path, pair: str, **changes: Any) -> Any:
    from bickd_core.config import TrainConfig

    asked = {
        "dataset": f"npz:{folder / 'data.npz'}",
        "arch": pair.split(":")[1],
        "batch_size": BATCH,
        "train_limit": IMAGES,
        "epochs": 100,
        **changes,
    }
    return TrainConfig.model_validate(asked)


def serve(name: str, pair: str, where: str) -> None:
    """Answer each line, a number of seconds, by a JSON line on that many seconds of training."""
    import psutil
    import torch

    known = {variant.name: variant for variant in (*PAYS, *USUAL, *ENGINE, *SINGLE)}
    folder = Path(where)
    about: dict[str, Any] = {}
    if name in ("a", "a2"):
        step, share = usual_loop(folder, pair, loaders=0 if name == "a" else 2)
        students = 1
    else:
        students = known[name].students
        step, share, about = engine_loop(folder, pair, known[name])
    print(json.dumps(about), flush=True)
    process, peak = psutil.Process(), 0
    for line in sys.stdin:
        wanted, done, started = float(line), 0, time.perf_counter()
        while time.perf_counter() - started < wanted:
            step()
            done += 1
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent = time.perf_counter() - started
        peak = max(peak, process.memory_info().rss)
        answer = {
            "images_per_second": done * BATCH * students / spent,
            "teacher_share": share(),
            "peak_mb": peak / 2**20,
            "peak_gpu_mb": (
                torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
            ),
        }
        print(json.dumps(answer), flush=True)


def engine_loop(
    folder: Path, pair: str, variant: Variant
) -> tuple[Callable[[], None], Callable[[], float], dict[str, Any]]:
    import torch

    from bickd_core.training.engine import Position, sample_order, train_step
    from bickd_core.training.race import lanes_for
    from bickd_core.training.setup import build_race

    kinds = RACE[: variant.students]
    configs = [
        config_of(
            folder,
            pair,
            teacher="teacher",
            objective={"kind": kind},
            threads=variant.threads,
            **{
                "compile": torch.cuda.is_available() and variant not in PAYS,
                **dict(variant.config),
            },
        )
        for kind in kinds
    ]
    jobs = build_race(configs, library_of(folder))
    about: dict[str, Any] = {}
    if ("teacher_outputs", "stored") in variant.config:
        about = fill(jobs[0])
    for job in jobs:
        change(job, variant.change)
        job.student.train()
    order = sample_order(len(jobs[0].train), 0, 0)
    at, clock = [0], [0.0, 0.0]
    batches = jobs[0].batches
    said = batches.teacher
    assert said is not None
    outputs = said.outputs

    def timed(picked: torch.Tensor, inputs: torch.Tensor) -> Any:
        began = time.perf_counter()
        found = outputs(picked, inputs)
        clock[0] += time.perf_counter() - began
        return found

    said.outputs = timed  # type: ignore[method-assign]

    lanes = lanes_for(len(jobs), jobs[0].hardware) if len(jobs) > 1 else 1
    spread: Callable[..., Any] = map
    if lanes > 1:  # as `race` does it
        share = max(1, torch.get_num_threads() // lanes)
        spread = ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(share,)).map

    def step() -> None:
        began = time.perf_counter()
        number = at[0] % jobs[0].steps
        picked = order[number * BATCH : (number + 1) * BATCH]
        batches.get(picked, 0, number)
        list(spread(lambda job: train_step(job, picked, Position(step=number)), jobs))
        at[0] += 1
        clock[1] += time.perf_counter() - began

    return step, lambda: clock[0] / max(clock[1], 1e-9), about


def fill(job: Any) -> dict[str, Any]:
    """Make the first view, and say how fast that went at several sizes of the teacher's batch."""
    import torch

    fills = {}
    for size in (64, 128, 256, 512, 1024, *([2048] if torch.cuda.is_available() else [])):
        picked, passes = torch.arange(size), max(1, 1024 // size)
        began = time.perf_counter()
        for _ in range(passes):
            job.batches.teacher.live.outputs(
                picked, job.batches.views.inputs(picked, 0)
            ).logits.cpu()
        fills[size] = passes * size / (time.perf_counter() - began)
    began = time.perf_counter()
    for _ in job.batches.prepare(0):
        pass
    spent = time.perf_counter() - began
    files = list((Path(os.environ["BICKD_CACHE"]) / "teacher-views").glob("*/view-*"))
    return {"fills": fills, "fill": len(job.train) / spent, "view_bytes": files[0].stat().st_size}


def change(job: Any, what: str) -> None:
    """Undo or try one choice of the engine."""
    import torch

    if what == "nchw":
        job.student.to(memory_format=torch.contiguous_format)
        job.batches.views.normalise.memory_format = torch.contiguous_format
    elif what in ("fused", "foreach"):
        options = {**job.optimizer.defaults, "fused": None, "foreach": None, what: True}
        job.optimizer = torch.optim.SGD(job.student.parameters(), **options)


def usual_loop(
    folder: Path, pair: str, *, loaders: int
) -> tuple[Callable[[], None], Callable[[], float]]:
    """The loop of the usual frameworks, written plainly: nothing of this project but the networks
    and `kd`."""
    import torch
    import torch.nn.functional as F
    from PIL import Image, ImageOps
    from torch.utils.data import DataLoader, Dataset

    from bickd_core.losses.kd import kd
    from bickd_core.models.factory import create_model

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with np.load(folder / "data.npz") as stored:
        images, labels = stored["train_images"][:IMAGES], stored["train_labels"][:IMAGES]
    mean, std = (
        torch.tensor([0.5, 0.5, 0.5]).view(3, 1, 1),
        torch.tensor([0.25, 0.25, 0.25]).view(3, 1, 1),
    )

    class Images(Dataset):
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            image = ImageOps.expand(Image.fromarray(images[index]), 4)
            left, top = torch.randint(0, 9, (2,)).tolist()
            image = image.crop((left, top, left + 32, top + 32))
            if torch.rand(()) < 0.5:
                image = ImageOps.mirror(image)
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)
            return (pixels - mean) / std, int(labels[index])

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teacher_name, student_name = pair.split(":")
    teacher = create_model(teacher_name, num_classes=CLASSES).to(device).eval()
    student = create_model(student_name, num_classes=CLASSES).to(device).train()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(
        Images(),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=loaders,
        persistent_workers=loaders > 0,
    )

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    feed, clock = endless(), [0.0, 0.0]

    def step() -> None:
        began = time.perf_counter()
        x, y = next(feed)
        x, y = x.to(device), y.to(device)
        before = time.perf_counter()
        with torch.no_grad():
            said = teacher(x)
        clock[0] += time.perf_counter() - before
        logits = student(x)
        loss = 0.1 * F.cross_entropy(logits, y) + 0.9 * kd(logits, said)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock[1] += time.perf_counter() - began

    return step, lambda: clock[0] / max(clock[1], 1e-9)


if __name__ == "__main__":
    main()
