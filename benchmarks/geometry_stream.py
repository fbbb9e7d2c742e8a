"""Compute the class geometry of more samples than memory holds, in one streaming pass, and print a
table.

    python benchmarks/geometry_stream.py                   ImageNet's training set: 1,281,167 x 1,000
    python benchmarks/geometry_stream.py --samples 50000   fewer

Random logits are made one block at a time and seen once. The pass ends with both class Grams and
the cross Gram of all samples, and with intervals over samples. Its time does not include the time
to make the logits. The reference is the three plain matrix products on one block, times the number
of blocks.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bickd_core.geometry.gram_figures import class_figures, cross_figures
from bickd_core.geometry.gram_streams import stream_grams
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards

BLOCK, T = 4096, 4.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_281_167)
    parser.add_argument("--classes", type=int, default=1_000)
    asked = parser.parse_args()
    n, n_classes = asked.samples, asked.classes
    chance = np.random.default_rng(0)
    labels = chance.integers(0, n_classes, n)
    means = chance.standard_normal((n_classes, n_classes), dtype=np.float32) * 2
    clock = {"made up": 0.0, "softmax": 0.0}

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, n, BLOCK):
            began = time.perf_counter()
            part = labels[start : start + BLOCK]
            shared = chance.standard_normal((len(part), n_classes), dtype=np.float32) + means[part]
            shared[np.arange(len(part)), part] += 8
            logits = [
                shared + chance.standard_normal(shared.shape, dtype=np.float32)
                for _ in ("teacher", "student")
            ]
            clock["made up"] += time.perf_counter() - began
            began = time.perf_counter()
            pair = (softmax(logits[0], T), softmax(logits[1], T))
            clock["softmax"] += time.perf_counter() - began
            yield pair

    before = peak()
    began = time.perf_counter()
    kept = stream_grams(blocks(), stratified_shards(n, labels))
    streamed = time.perf_counter() - began - clock["made up"]
    began = time.perf_counter()
    figures = [class_figures(model) for model in kept.models]
    crossed = cross_figures(kept.crosses[0])
    last = time.perf_counter() - began
    plain = products(n_classes) * n / BLOCK
    print(
        f"{n:,} x {n_classes:,}, two models, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
        f" {date.today()}\n"
    )
    print("| what | seconds |\n|---|---|")
    print(f"| the pass: softmax, three Grams by shard | {streamed:.1f} |")
    print(f"| of it softmax | {clock['softmax']:.1f} |")
    print(f"| all figures with intervals from the kept sums | {last:.1f} |")
    print(f"| three plain float32 products of the same rows | {plain:.1f} |")
    print(f"| times the plain products | {(streamed + last) / plain:.2f} |")
    print(f"| (making up the logits) | {clock['made up']:.1f} |")
    print(f"\nPeak memory {peak():.2f} GB, {before:.2f} GB of it before the pass.\n")
    for name, one in zip(("teacher", "student"), figures, strict=True):
        print(f"overlap of the {name}: {one.overlap}")
    print(f"cross: {crossed.consistency}")


def products(n_classes: int) -> float:
    """Seconds of P_t'P_t, P_s'P_s and P_t'P_s on one block, the best of five."""
    chance = np.random.default_rng(1)
    P, Q = (chance.random((BLOCK, n_classes), dtype=np.float32) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for one, other in ((P, P), (Q, Q), (P, Q)):
            one.T @ other
        best = min(best, time.perf_counter() - began)
    return best


def peak() -> float:
    """Most memory that this process has held so far, in GB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
