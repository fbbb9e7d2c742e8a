"""Simulate how often the 95 % intervals of the product hold the right value.

Usage: coverage.py [--repetitions 300] [--size caltech95 95x2 10x20 10x10 10x5 4x5] [--only WORD
...] [--markdown]

The population. The logits and penultimate features of three bundled models (the teacher, a KD
student and a BicKD student of caltech95) on their 1,208 test images become an endless population. A
new image of a class takes its place from one test image of that class, and noise from the
difference of two others. So every class keeps its mean and its covariance, within and between the
models.

The right value of a figure is its mean over two draws of 60,000 or more images of the population.
An interval is made, as on the pages, from a sample with a fixed number of images of each class:
`caltech95` has the test set's own numbers (n = 1,208), `10x5` has five images of each of ten
classes. "Best T" in the name of a figure means a fixed temperature near the best one.

Figures "over seeds" have new seeds in every sample, three for each method: the mean of the logits
of the three bundled runs plus their deviations, turned at random, which keeps their covariance. The
right value is the mean over 120 such seeds, in pairs of opposite deviations.

A row says: in what percentage of the samples the interval held the right value; on which side it
missed (the whole interval too low, too high); in how many samples there was an interval; and how
far the means of the estimate and of the plain formula are from the right value. Slow figures (SLOW)
use a third of the repetitions. A figure without an interval in the first 30 samples stops there;
the column "samples" says how many there were. With 300 repetitions, a coverage of 95 is known to
within 2.5 points. Ctrl-C ends a size early and prints the results so far. It runs on one thread.
All random numbers follow from the seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from bickd_core.geometry.agreement import correct, hellinger, kl_and_hellinger
from bickd_core.geometry.calibration import (
    calibration_difference,
    calibration_interval,
    confidence_and_hits,
)
from bickd_core.geometry.gram_figures import (
    ClassFigures,
    class_figures,
    cross_figures,
    overlap_interval,
    paired_overlap_difference,
    replicated_overlap,
)
from bickd_core.geometry.gram_streams import column_cosine, logit_grams, shard_grams
from bickd_core.geometry.gram_sums import ShardGrams
from bickd_core.geometry.intervals import (
    Interval,
    mean_interval,
    paired_mean_difference,
    proportion_interval,
)
from bickd_core.geometry.jackknife import (
    Replicated,
    cka_between,
    cka_side,
    mean_replicated,
    replicated_difference,
)
from bickd_core.geometry.layers import layer_cka
from bickd_core.geometry.matching import Matching, entropies_at, match
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.procrustes import procrustes
from bickd_core.geometry.proper_scores import fit_temperature, nll, sample_scores
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.rsa import ranked_distances, rsa, rsa_sample
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.two_way import TwoWay, two_way_difference, two_way_mean_difference
from bickd_core.runs.library import Library

SHELF = Path(__file__).resolve().parents[1] / "pretrained"
DATASET = "caltech95"
MODELS = ("teacher", "kd-s0", "kd-s1", "kd-s2", "bickd-s0", "bickd-s1", "bickd-s2")
TEACHER, KD, BICKD = 0, 1, 4
SEEDS = 3
"""Runs of each method, one after another in MODELS, and seeds drawn in a sample."""
FEATURES = (TEACHER, KD, BICKD)
SIZES = ("caltech95", "95x2", "10x20", "10x10", "10x5", "4x5")
T = 4.0
BEST = 2.1
"""Near the temperature with the least NLL of the BicKD student on 95 classes."""
TRUTH = 60_000
DRAWS = 2
"""Draws of TRUTH images that a right value is the mean of."""
SEED_TRUTH = (120, 3_000)
"""Seeds of each method that right values over seeds are taken of, and for overlap the images."""
NOISE = 0.6
"""Share of an image's variance about its class that is drawn anew."""
RANKED = 400
"""Images whose pairs RSA ranks in a sample; the product ranks 800."""
RSA_PARTS = 30
"""Parts of a draw, of up to 1,500 images each, that the right value of RSA is the mean of."""
SLOW = ("over seeds: difference in overlap", "Procrustes", "a layer", "RSA", "cross Gram")
"""Parts of the names of figures that take a third of the repetitions."""
NEVER = 30
"""Samples after which a figure without any interval is taken as not shown."""
LAYERED = 200
"""Images of a sample that layers are compared on, as many as in the product."""

Found = Interval | Replicated | None
Value = TypeVar("Value")


@dataclass(frozen=True)
class Sample:
    """Images of the population, and seeds.

    Attributes:
        logits: of each of MODELS [N, C].
        features: of some of them [N, D]. labels, shard: [N].
        seeds: [2, S, SEEDS] for KD and BicKD the weights of the bundled runs' deviations in each
            new seed.
    """

    logits: tuple[np.ndarray, ...]
    features: dict[int, np.ndarray]
    labels: np.ndarray
    shard: np.ndarray
    seeds: np.ndarray
    _made: dict[object, object] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: object, make: Callable[[], Value]) -> Value:
        """What several figures need, made once."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]

    def probabilities(self, model: int, temperature: float = T) -> np.ndarray:
        return self.once(
            ("P", model, temperature), lambda: softmax(self.logits[model], temperature)
        )

    def targets(self) -> np.ndarray:
        return self.once("targets", lambda: entropies_at(self.logits[TEACHER], T))

    def grams(self, model: int, matching: Matching) -> ShardGrams:
        return self.once(
            ("grams", model, matching),
            lambda: placed(self.logits[model], self.targets(), self.shard, matching),
        )

    def figures(self, model: int) -> ClassFigures:
        return self.once(("figures", model), lambda: class_figures(self.grams(model, "none")))

    def new_seeds(self, method: int) -> list[np.ndarray]:
        """Logits of the new seeds of KD or BicKD."""
        return self.once(("seeds", method), lambda: list(self.each_seed(method)))

    def each_seed(self, method: int) -> Iterator[np.ndarray]:
        """The same one at a time, not saved."""
        runs = np.stack(self.logits[method : method + SEEDS])
        mean = runs.mean(axis=0)
        deviations = runs - mean
        for weights in self.seeds[(KD, BICKD).index(method)]:
            yield mean + np.tensordot(weights.astype(np.float32), deviations, 1)

    def sure(self, model: int, T: float) -> tuple[np.ndarray, np.ndarray]:
        """The confidence of each image, and whether the model is right."""
        return confidence_and_hits(self.probabilities(model, T), self.labels)

    def right(self, model: int) -> np.ndarray:
        return correct(self.logits[model], self.labels)

    def take(self, most: int) -> Sample:
        """At most so many of the images, each class by its share."""
        rows = rsa_sample(len(self.labels), self.labels, most=most)
        labels = self.labels[rows]
        return Sample(
            tuple(z[rows] for z in self.logits),
            {model: x[rows] for model, x in self.features.items()},
            labels,
            stratified_shards(len(labels), labels),
            self.seeds,
        )


class Population:
    """Draws images of the bundled models' test images without end.

    Args:
        size: a name of SIZES, or CLASSESxIMAGES.
    """

    def __init__(self, size: str) -> None:
        library = Library(SHELF, SHELF / DATASET)
        runs = [library.find(f"{DATASET}/{name}").predictions("test") for name in MODELS]
        labels = runs[0].labels
        assert labels is not None
        count, _, each = (f"{labels.max() + 1}x" if size == DATASET else size).partition("x")
        classes = np.linspace(0, labels.max(), int(count)).astype(int)
        self.sizes = np.full(len(classes), int(each)) if each else np.bincount(labels)
        features = [runs[model].features for model in FEATURES]
        blocks = [run.logits[:, classes] for run in runs] + [f for f in features if f is not None]
        self._ends = np.cumsum([block.shape[1] for block in blocks])
        rows = np.concatenate([np.asarray(block, dtype=np.float32) for block in blocks], axis=1)
        self._members = [rows[labels == c] for c in classes]

    @property
    def n(self) -> int:
        """Images in one sample."""
        return int(self.sizes.sum())

    def draw(self, random: np.random.Generator, times: int = 1) -> Sample:
        """One sample, and new seeds; `times` images for each one of it."""
        parts = []
        for members, size in zip(self._members, self.sizes * times, strict=True):
            mean = members.mean(axis=0)
            place, plus, minus = members[random.integers(0, len(members), (3, size))]
            noise = (plus - minus) * np.float32(np.sqrt(NOISE / 2))
            parts.append(mean + (place - mean) * np.float32(np.sqrt(1 - NOISE)) + noise)
        labels = np.repeat(np.arange(len(self.sizes)), self.sizes * times)
        blocks = np.split(np.concatenate(parts), self._ends[:-1], axis=1)
        features = dict(zip(FEATURES, blocks[len(MODELS) :], strict=True))
        shard = stratified_shards(len(labels), labels)
        return Sample(
            tuple(blocks[: len(MODELS)]), features, labels, shard, new_weights(random, SEEDS)
        )


def new_weights(random: np.random.Generator, count: int) -> np.ndarray:
    """Weights of the deviations of `count` new seeds of both methods, as `Sample.seeds`.

    They are turned at random and of one length, so that every new seed is as far from the mean of
    the runs as these are on average. Near the mean it would be an ensemble of them, and more
    accurate than any.
    """
    weights = random.normal(size=(2, count, SEEDS))
    weights -= weights.mean(axis=2, keepdims=True)
    return weights / np.linalg.norm(weights, axis=2, keepdims=True)


# -- the figures of the product
# ----------------------------------------------------------------------
def placed(
    logits: np.ndarray, targets: np.ndarray, shard: np.ndarray, matching: Matching
) -> ShardGrams:
    """The sums of a model whose entropy follows the teacher's by a rule."""
    at = match(logits, targets, T, matching)
    grams = shard_grams(softmax(logits, at.T), shard)
    if matching == "mean" and not at.unreached:
        return rematched(grams, logits, float(at.T), targets)
    return grams


def _overlap(s: Sample, model: int, matching: Matching = "none") -> Interval | None:
    return overlap_interval(s.grams(model, matching))


def _overlap_gap(s: Sample, matching: Matching) -> Interval | None:
    return paired_overlap_difference(s.grams(BICKD, matching), s.grams(KD, matching))


def _three_overlaps(s: Sample, matching: Matching) -> Replicated | None:
    """Mean overlap of the three bundled runs of KD, over images."""
    figures = [replicated_overlap(s.grams(KD + k, matching)) for k in range(SEEDS)]
    return mean_replicated([one for one in figures if one is not None])


def _wanted(s: Sample, against: str) -> np.ndarray:
    return s.labels if against == "accuracy" else s.logits[TEACHER].argmax(axis=1)


def _hits(s: Sample, method: int, against: str) -> np.ndarray:
    """[S, N] whether each new seed is right, or says what the teacher says."""
    wanted = _wanted(s, against)
    return np.array(
        [logits.argmax(axis=1) == wanted for logits in s.new_seeds(method)], dtype=np.float64
    )


def _two_way_share(s: Sample, against: str) -> TwoWay:
    return two_way_mean_difference(_hits(s, BICKD, against), _hits(s, KD, against), s.labels)


def _two_way_teacher(s: Sample) -> TwoWay:
    teacher = s.right(TEACHER)[None].astype(np.float64)
    return two_way_mean_difference(
        _hits(s, BICKD, "accuracy"), teacher, s.labels, drawn=(True, False)
    )


def _two_way_overlap(s: Sample, matching: Matching) -> TwoWay:
    sides = [
        [replicated_overlap(placed(z, s.targets(), s.shard, matching)) for z in s.new_seeds(method)]
        for method in (BICKD, KD)
    ]
    return two_way_difference(*([one for one in side if one is not None] for side in sides))


def _class_overlap(s: Sample) -> Interval | None:
    band = s.figures(BICKD).class_overlap
    if band is None or not np.isfinite(band.low[0]):
        return None
    limits = (float(band.estimate[0]), float(band.low[0]), float(band.high[0]))
    return Interval(*limits, band.level, band.method, band.n)


def _cross(s: Sample, name: str) -> Interval | None:
    kept = logit_grams([s.logits[TEACHER], s.logits[BICKD]], [T, T], s.shard, dtype=np.float64)
    return getattr(cross_figures(kept.crosses[0]), name)


def _cosine(s: Sample, a: int, b: int) -> Interval | None:
    P = s.probabilities(BICKD)
    return column_cosine(P[:, a], P[:, b % P.shape[1]], s.shard)


def _rsa(s: Sample) -> Replicated | None:
    s = s.take(RANKED)
    first, second = (ranked_distances(s.probabilities(model)) for model in (TEACHER, BICKD))
    return rsa(first, second, s.shard)


def _layer(s: Sample) -> Replicated | None:
    s = s.take(LAYERED)
    if len(s.labels) < 4:
        return None
    found = layer_cka([s.features[TEACHER]], [s.features[BICKD]], s.shard, permutations=1)
    return found.cell(0, 0)


def _cka(X: np.ndarray, Y: np.ndarray, shard: np.ndarray) -> Replicated | None:
    return cka_between(cka_side(X, shard), cka_side(Y, shard))


def _pair(s: Sample, measure: Callable[..., Replicated | None]) -> Interval | None:
    return replicated_difference(*(_logits(s, measure, m) for m in (BICKD, KD)))


def _logits(s: Sample, measure: Callable[..., Replicated | None], model: int) -> Replicated | None:
    return s.once((measure, model), lambda: measure(s.logits[TEACHER], s.logits[model], s.shard))


FIGURES: dict[str, Callable[[Sample], Found]] = {
    "accuracy": lambda s: proportion_interval(s.right(BICKD), s.labels),
    "agreement": lambda s: proportion_interval(
        s.logits[BICKD].argmax(axis=1) == s.logits[TEACHER].argmax(axis=1), s.labels
    ),
    "difference in accuracy": lambda s: paired_mean_difference(
        s.right(BICKD), s.right(KD), s.labels
    ),
    "KL": lambda s: mean_interval(
        kl_and_hellinger(s.logits[TEACHER], s.logits[BICKD], T)[0], s.labels, bounds=(0.0, np.inf)
    ),
    "displacement": lambda s: mean_interval(
        hellinger(s.probabilities(TEACHER), s.probabilities(BICKD)), s.labels, bounds=(0.0, 1.0)
    ),
    "Brier score": lambda s: mean_interval(
        sample_scores(s.logits[BICKD], s.labels).brier, s.labels, bounds=(0.0, 2.0)
    ),
    "NLL": lambda s: mean_interval(nll(s.logits[BICKD], s.labels), s.labels, bounds=(0.0, np.inf)),
    "difference in NLL": lambda s: paired_mean_difference(
        nll(s.logits[BICKD], s.labels), nll(s.logits[KD], s.labels), s.labels
    ),
    "confidence minus accuracy": lambda s: mean_interval(
        s.probabilities(BICKD, 1.0).max(axis=1) - s.right(BICKD), s.labels, bounds=(-1.0, 1.0)
    ),
    "overlap, KD": lambda s: _overlap(s, KD),
    "overlap, BicKD": lambda s: _overlap(s, BICKD),
    "overlap at matched mean entropy, KD": lambda s: _overlap(s, KD, "mean"),
    "overlap at matched mean entropy, BicKD": lambda s: _overlap(s, BICKD, "mean"),
    "overlap matched per image, BicKD": lambda s: _overlap(s, BICKD, "image"),
    "difference in overlap": lambda s: _overlap_gap(s, "none"),
    "difference in overlap, matched mean entropy": lambda s: _overlap_gap(s, "mean"),
    "difference in overlap, matched per image": lambda s: _overlap_gap(s, "image"),
    "orthogonality score, BicKD": lambda s: s.figures(BICKD).score,
    "effective rank, teacher": lambda s: s.figures(TEACHER).effective_rank,
    "effective rank, BicKD": lambda s: s.figures(BICKD).effective_rank,
    "overlap of a class": _class_overlap,
    "cosine of two classes": lambda s: _cosine(s, 2, 5),
    "overlap of the cross Gram": lambda s: _cross(s, "overlap"),
    "consistency of the cross Gram": lambda s: _cross(s, "consistency"),
    "ECE, T = 1, KD": lambda s: calibration_interval(*s.sure(KD, 1.0)),
    "ECE, T = 1, BicKD": lambda s: calibration_interval(*s.sure(BICKD, 1.0)),
    "ECE, best T": lambda s: calibration_interval(*s.sure(BICKD, BEST)),
    "ECE of equal counts, T = 1": lambda s: calibration_interval(
        *s.sure(BICKD, 1.0), scheme="mass"
    ),
    "ECE of equal counts, best T": lambda s: calibration_interval(
        *s.sure(BICKD, BEST), scheme="mass"
    ),
    "difference in ECE, T = 1": lambda s: calibration_difference(
        s.sure(BICKD, 1.0), s.sure(KD, 1.0), s.shard
    ),
    "difference in ECE, best T": lambda s: calibration_difference(
        s.sure(BICKD, BEST), s.sure(KD, 1.6), s.shard
    ),
    "best temperature": lambda s: fit_temperature(s.logits[BICKD], s.labels, s.shard).temperature,
    "CKA of logits": lambda s: _logits(s, _cka, BICKD),
    "CKA of features": lambda s: _cka(s.features[TEACHER], s.features[BICKD], s.shard),
    "difference in CKA": lambda s: _pair(s, _cka),
    "CKA of a layer, 200 images": _layer,
    "RSA, 400 images": _rsa,
    "Procrustes distance of logits": lambda s: _logits(s, procrustes, BICKD),
    "Procrustes distance of features": lambda s: procrustes(
        s.features[TEACHER], s.features[BICKD], s.shard
    ),
    "difference in Procrustes distance": lambda s: _pair(s, procrustes),
    "accuracy, mean of three runs": lambda s: mean_interval(
        np.mean([s.right(KD + k) for k in range(SEEDS)], axis=0), s.labels, bounds=(0.0, 1.0)
    ),
    "overlap, mean of three runs": lambda s: _three_overlaps(s, "none"),
    "over seeds: difference in accuracy": lambda s: _two_way_share(s, "accuracy").interval,
    "over seeds: difference in agreement": lambda s: _two_way_share(s, "agreement").interval,
    "over seeds: accuracy minus the teacher's": lambda s: _two_way_teacher(s).interval,
    "over seeds: difference in overlap": lambda s: _two_way_overlap(s, "none").interval,
    "over seeds: difference in overlap, matched mean entropy": lambda s: (
        _two_way_overlap(s, "mean").interval
    ),
    "over seeds: difference in overlap, matched per image": lambda s: (
        _two_way_overlap(s, "image").interval
    ),
}
"""Name -> the interval that the product shows for it, made from one sample."""


def right_value(name: str, big: Sample, seeds: Sample) -> float:
    """The right value of a figure on one large draw.

    Args:
        big: images of the population. seeds: fewer of them, with many seeds.
    """
    if "overlap" in name and name.startswith("over seeds"):
        return _overlap_of_many_seeds(name, seeds)
    if name.startswith("over seeds"):
        return _hits_of_many_seeds(name, replace(big, seeds=seeds.seeds))
    if name.startswith("RSA"):  # its pairs are too many: the mean of several parts
        random = np.random.default_rng(2)
        each = min(1500, len(big.labels) // RSA_PARTS)
        rows = random.permutation(len(big.labels))[: RSA_PARTS * each].reshape(RSA_PARTS, each)
        values = []
        for r in rows:
            first, second = (
                ranked_distances(softmax(big.logits[model][r], T)) for model in (TEACHER, BICKD)
            )
            part = rsa(first, second, np.arange(each) % 20)
            assert part is not None, "distances that are all the same"
            values.append(part.value)
        return float(np.mean(values))
    if name.startswith("CKA of a layer"):
        name = "CKA of features"
    found = FIGURES[name](big)
    assert found is not None, f"{name} is not defined on the whole population"
    return found.estimate


def _overlap_of_many_seeds(name: str, s: Sample) -> float:
    """Mean overlap over many seeds of BicKD less that of KD."""
    rule: Matching = "mean" if "mean" in name else "image" if "image" in name else "none"
    means = [
        np.mean([_corrected(z, s, rule) for z in s.new_seeds(method)]) for method in (BICKD, KD)
    ]
    return float(means[0] - means[1])


def _hits_of_many_seeds(name: str, s: Sample) -> float:
    """Mean accuracy or agreement over many seeds of BicKD less that of KD, or of the teacher."""
    if name == "over seeds: accuracy minus the teacher's":
        return _share(s, BICKD, "accuracy") - float(s.right(TEACHER).mean())
    kind = "accuracy" if "accuracy" in name else "agreement"
    return _share(s, BICKD, kind) - _share(s, KD, kind)


def _share(s: Sample, method: int, against: str) -> float:
    """Mean of `_hits`, one seed at a time: all seeds of many images do not fit in memory."""
    wanted = _wanted(s, against)
    return float(np.mean([(z.argmax(axis=1) == wanted).mean() for z in s.each_seed(method)]))


def _corrected(logits: np.ndarray, s: Sample, matching: Matching) -> float:
    value = streamed_overlap(logits, match(logits, s.targets(), T, matching).T, s.shard)
    assert value is not None
    return value.estimate


@dataclass(frozen=True)
class Row:
    """What the intervals of one figure did.

    Attributes:
        truth: the right value.
        samples: how many were drawn.
        made: share of samples with an interval.
        held, low, high: of these, the shares that held it, lay below it and lay above it.
        bias, raw_bias: mean of the estimate, and of the plain formula, less the right value.
        width: mean width of an interval.
    """

    name: str
    truth: float
    samples: int
    made: float
    held: float
    low: float
    high: float
    bias: float
    raw_bias: float
    width: float


def coverage(
    size: str,
    repetitions: int,
    names: Sequence[str] = tuple(FIGURES),
    *,
    truth: int = TRUTH,
    seed: int = 0,
    said: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Simulate test sets of one size.

    Args:
        size: as for `Population`.
        repetitions: samples drawn.
        names: of FIGURES.
        truth: images in each draw that right values are taken of, at least.
        seed: of all draws.
        said: is told how far it is.
    """
    population = Population(size)
    random = np.random.default_rng([seed, 2])
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    most = {name: _repetitions(name, repetitions) for name in names}
    samples = dict.fromkeys(names, 0)
    begin = time.monotonic()
    done = 0
    try:
        for done in range(1, repetitions + 1):
            sample = population.draw(random)
            asked = [
                name for name in names if done <= most[name] and (found[name] or done <= NEVER)
            ]
            made = {name: _limits(FIGURES[name](sample)) for name in asked}
            for name, limits in made.items():
                found[name] += [limits] if limits is not None else []
                samples[name] += 1
            if done % 10 == 0:
                said(f"{size}: {done} of {repetitions} samples, {time.monotonic() - begin:.0f} s")
    except KeyboardInterrupt:
        done -= 1
        said(f"{size}: stopped after {done} samples")
    right = _right_values(population, [name for name in names if found[name]], truth, seed)
    said(f"{size}: right values of {len(right)} figures, {time.monotonic() - begin:.0f} s")
    return [
        _row(name, right.get(name, float("nan")), found[name], max(samples[name], 1))
        for name in names
    ]


def _repetitions(name: str, repetitions: int) -> int:
    slow = any(word in name for word in SLOW)
    return -(-repetitions // 3) if slow else repetitions


def _right_values(
    population: Population, names: Sequence[str], truth: int, seed: int
) -> dict[str, float]:
    """The right values of figures that are shown: the mean over a few draws, or over many seeds."""
    draws: dict[str, list[float]] = {name: [] for name in names}
    images = min(SEED_TRUTH[1], truth)
    for draw in range(DRAWS):
        random = np.random.default_rng([seed, 1, draw])
        big = population.draw(random, -(-truth // population.n))
        many = population.draw(random, -(-images // population.n))
        weights = new_weights(random, max(1, SEED_TRUTH[0] // 2 // DRAWS))
        many = replace(many, seeds=np.concatenate([weights, -weights], axis=1))
        for name in names:
            draws[name].append(right_value(name, big, many))
    return {name: float(np.mean(values)) for name, values in draws.items()}


def _limits(found: Found) -> tuple[float, float, float, float] | None:
    """Estimate, low, high and the plain figure; None where there is no interval."""
    one = found.interval() if isinstance(found, Replicated) else found
    if one is None or one.low is None or one.high is None:
        return None
    return one.estimate, one.low, one.high, one.plain


def _row(name: str, truth: float, found: list[tuple[float, ...]], samples: int) -> Row:
    if not found:
        return Row(name, truth, samples, 0.0, *[float("nan")] * 6)
    estimate, low, high, raw = np.array(found).T
    slack = 1e-9 * max(1.0, abs(truth))
    below, above = float(np.mean(high < truth - slack)), float(np.mean(low > truth + slack))
    return Row(
        name=name,
        truth=truth,
        samples=samples,
        made=len(found) / samples,
        held=1.0 - below - above,
        low=below,
        high=above,
        bias=float(estimate.mean()) - truth,
        raw_bias=float(raw.mean()) - truth,
        width=float(np.mean(high - low)),
    )


def table(rows: Sequence[Row], markdown: bool) -> str:
    """The rows as text."""
    titles = (
        "figure",
        "right value",
        "held %",
        "too low %",
        "too high %",
        "shown %",
        "samples",
        "bias",
        "plain bias",
        "width",
    )
    lines = [
        (
            row.name, f"{row.truth:.4g}", *(f"{100 * v:.1f}" for v in (row.held, row.low, row.high)),
            f"{100 * row.made:.0f}", f"{row.samples}", *(f"{v:+.4f}" for v in (row.bias, row.raw_bias)), f"{row.width:.4f}",
        )
        for row in rows
    ]  # fmt: skip
    lines = [tuple("–" if cell in ("nan", "+nan") else cell for cell in line) for line in lines]
    if markdown:
        rule = "|".join(["---"] * len(titles))
        return "\n".join(
            [f"| {' | '.join(titles)} |", f"|{rule}|", *(f"| {' | '.join(x)} |" for x in lines)]
        )
    widths = [max(len(line[i]) for line in [titles, *lines]) for i in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(x, widths, strict=True)))
        for x in [titles, *lines]
    )  # fmt: skip


def overview(rows: Mapping[str, Sequence[Row]]) -> str:
    """One markdown table of several sizes: in each cell the held percentage, and in brackets the
    number of samples.

    Args:
        rows: size -> its rows.
    """
    cells: dict[str, dict[str, str]] = {}
    for size, found in rows.items():
        for row in found:
            cells.setdefault(row.name, {})[size] = _cell(row)
    lines = [
        f"| {name} | {' | '.join(by_size.get(size, '–') for size in rows)} |"
        for name, by_size in cells.items()
    ]
    return "\n".join(
        [f"| figure | {' | '.join(rows)} |", "|".join(["", *["---"] * (len(rows) + 1), ""]), *lines]
    )


def _cell(row: Row) -> str:
    """ "94.3 (300)", "91.2 (300, shown in 76 %)" or "not shown"."""
    if not row.made:
        return "not shown"
    part = "" if row.made == 1 else f", shown in {100 * row.made:.0f} %"
    return f"{100 * row.held:.1f} ({row.samples}{part})"


def chosen(words: Sequence[str]) -> tuple[str, ...]:
    """Figures whose name holds one of the words; all of them for none.

    Raises:
        ValueError: no name holds any of them.
    """
    names = tuple(
        name for name in FIGURES if not words or any(word.lower() in name.lower() for word in words)
    )
    if not names:
        raise ValueError(
            f"--only must be part of a figure's name, got {' '.join(words)!r}:"
            f" {', '.join(FIGURES)}."
        )
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--size", nargs="+", default=list(SIZES), metavar="SIZE")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    try:
        names = chosen(args.only)
    except ValueError as error:
        parser.error(str(error))
    every = {}
    for size in args.size:
        rows = every[size] = coverage(
            size, args.repetitions, names, seed=args.seed,
            said=lambda line: print(line, file=sys.stderr, flush=True),
        )  # fmt: skip
        print(f"\n{size}: {Population(size).n:,} images, at most {args.repetitions} repetitions\n")
        print(table(rows, args.markdown), flush=True)
    if args.markdown:
        print(f"\n{overview(every)}")


if __name__ == "__main__":
    main()
