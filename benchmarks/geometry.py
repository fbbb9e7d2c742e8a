"""Compare the time of the class geometry with the plain matrix products that it needs, and print
tables.

    python benchmarks/geometry.py            50,000 x 1,000, teacher and student
    python benchmarks/geometry.py --quick    5,000 x 200

The reference is P_t'P_t, P_s'P_s and P_t'P_s, each once, with numpy in float32, from probabilities
in memory. The tested pass starts from logits. It ends with all class and cross Grams of all
samples, and with the intervals of overlap (of all and of each class) and score of each model and of the cross Gram's
overlap and consistency.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from threadpoolctl import threadpool_limits

from bickd_core.geometry.gram_figures import (
    class_figures,
    cross_figures,
    cross_geometry_from_sums,
    geometry_from_sums,
)
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.summary import summarise
from bickd_core.runs.predictions import Predictions

T = 4.0


def models(n: int, n_classes: int, count: int, features: int = 0) -> list[Predictions]:
    """Models that share what is hard about a sample and differ in noise."""
    random = np.random.default_rng(0)
    labels = random.integers(0, n_classes, n)
    means = random.standard_normal((n_classes, n_classes), dtype=np.float32) * 2
    shared = random.standard_normal((n, n_classes), dtype=np.float32) + means[labels]
    shared[np.arange(n), labels] += 8
    names = tuple(f"class {c}" for c in range(n_classes))
    made = []
    for _ in range(count):
        logits = shared + random.standard_normal((n, n_classes), dtype=np.float32)
        deep = random.standard_normal((n, features), dtype=np.float32) if features else None
        made.append(Predictions(logits, names, np.arange(n), labels, deep))
    return made


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def row(what: str, seconds: list[float], more: str = "") -> str:
    median = statistics.median(seconds)
    return f"| {what} | {median:.3f} | {min(seconds):.3f} | {max(seconds):.3f} | {more} |"


def peak() -> float:
    """Most memory that this process has held so far, in GB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def large(n: int, n_classes: int, repeats: int) -> None:
    """The Grams and intervals of a teacher and a student beside the plain products, in turn, in one
    run."""
    teacher, student = models(n, n_classes, 2)
    logits = [teacher.logits, student.logits]
    shard = stratified_shards(n, teacher.labels)

    def geometry() -> None:
        kept = logit_grams(logits, (T, T), shard)
        for grams in kept.models:
            geometry_from_sums(grams)
            class_figures(grams, effective_rank=False)
        cross_geometry_from_sums(kept.crosses[0])
        cross_figures(kept.crosses[0])

    geometry()  # the first call also loads and warms the BLAS threads
    alone = peak()
    P_t, P_s = (softmax(z, T).astype(np.float32) for z in logits)

    def plain() -> None:
        for left, right in ((P_t, P_t), (P_s, P_s), (P_t, P_s)):
            np.matmul(left.T, right)

    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(repeats):
        theirs += timed(plain, 1)
        ours += timed(geometry, 1)
    ratio = statistics.median(ours) / statistics.median(theirs)
    held = sum(z.nbytes for z in logits) / 1e9
    kept = logit_grams(logits, (T, T), shard)
    gap = np.abs(
        geometry_from_sums(kept.models[0]).gram - class_geometry(softmax(logits[0], T)).gram
    ).max()
    print(f"\n### {n:,} x {n_classes:,}, teacher and student\n")
    print("| what | median s | min | max | |\n|---|---|---|---|---|")
    print(row("three plain products, float32, from probabilities", theirs))
    print(row("all Grams, figures and intervals, from logits", ours, f"**{ratio:.2f} x** (goal 3)"))
    print(
        f"\nPeak memory of the pass: {alone:.2f} GB, of which {held:.2f} GB are the logits; "
        f"greatest difference of a cosine from float64: {gap:.1e}."
    )


def small(n: int, n_classes: int, repeats: int) -> None:
    """What a page asks for: a teacher with four students."""
    every = models(n, n_classes, 5, features=64)
    teacher = every[0]

    def five() -> None:
        for model in every:
            summarise(teacher, model, T=T)

    parts: list[tuple[str, Callable[[], object]]] = [
        (
            "class_geometry of five models",
            lambda: [class_geometry(m.probabilities(T)) for m in every],
        ),
        ("summarise of one model beside the teacher", lambda: summarise(teacher, every[1], T=T)),
        ("summarise of five models", five),
    ]
    print(
        f"\n### {n:,} x {n_classes:,}, teacher and four students, one BLAS thread as in the app\n"
    )
    print("| what | median s | min | max | processor s |\n|---|---|---|---|---|")
    with threadpool_limits(1, user_api="blas"):
        for what, work in parts:
            work()
            cpu = time.process_time()
            seconds = timed(work, repeats)
            print(row(what, seconds, f"{(time.process_time() - cpu) / repeats:.3f}"))


def threads() -> str:
    wanted = next(
        (os.environ[v] for v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS") if v in os.environ),
        None,
    )
    return (
        f"{wanted} BLAS thread(s)" if wanted else f"one BLAS thread a core, {os.cpu_count()} cores"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--repeats", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="5,000 x 200 in place of 50,000 x 1,000"
    )
    parser.add_argument("--part", choices=("large", "pages", "both"), default="both")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{date.today()}, {platform.machine()}, numpy {np.__version__}, {threads()}, load"
        f" {load:.1f} at the start."
    )
    if asked.part in ("large", "both"):
        large(*((5_000, 200) if asked.quick else (50_000, 1_000)), asked.repeats)
    if asked.part in ("pages", "both"):
        small(1_208, 95, asked.repeats)
        small(10_000, 100, asked.repeats)


if __name__ == "__main__":
    main()
