"""Show what each rule of matching entropy leaves of the gap in overlap on the bundled runs: a table
in docs/method.md.

`make findings` updates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.atomic import write_text
from bickd_core.geometry.gram_figures import (
    geometry_from_sums,
    overlap_interval,
    replicated_overlap,
)
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.gram_sums import ShardGrams
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.matching import Matching, entropies_at, match
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.two_way import two_way_difference
from bickd_core.runs.predictions import Predictions
from bickd_viz.text import numbers

PAGE = Path(__file__).resolve().parent.parent / "docs" / "method.md"
BEGIN, END = "<!-- rules of matching: `make findings` -->", "<!-- end of rules -->"
T = 4.0
RULES: dict[str, Matching] = {
    "none: T = 4": "none",
    "mean: the teacher's mean entropy": "mean",
    "per image: the teacher's entropy for that image": "image",
    "one: every image, in the teacher too, at the teacher's mean entropy": "image",
}
"""Name -> how temperatures are found; the last has one target for all images."""
NONE, MEAN, IMAGE, ONE = RULES


@dataclass(frozen=True)
class Ruled:
    """The figures of all methods under one rule. Each is the mean over a method's seeds.

    Attributes:
        teacher: The teacher's overlap.
        overlap: Overlap of each method.
        over_seeds: Standard deviation of that overlap over the seeds.
        gap: The first method's overlap minus the second's, with its interval over seeds and images.
        spread: Standard deviation over the images of the entropy of each method, in nats; the
            teacher's under "".
        distance: Root mean square, over pairs of classes, of the cosine minus the teacher's.
        pattern: Pearson's correlation, over pairs of classes, of the cosine with the teacher's.
    """

    teacher: float
    overlap: dict[str, float]
    over_seeds: dict[str, float]
    gap: Interval
    spread: dict[str, float]
    distance: dict[str, float]
    pattern: dict[str, float]


@dataclass(frozen=True)
class Placed:
    """One model under a rule.

    Attributes:
        T: Its temperature; the median over images if each image has its own.
        grams: The sums of its Gram.
        spread: Standard deviation of its entropy over the images, in nats.
    """

    T: float
    grams: ShardGrams
    spread: float


def place(teacher: Predictions, models: Sequence[Predictions], rule: str) -> list[Placed]:
    """Put models under a rule.

    Args:
        teacher: Its entropies at T are the targets.
        models: On the teacher's samples; the teacher may be one of them.
        rule: A key of RULES.

    Raises:
        ValueError: An image of a model cannot be matched.
    """
    shard = stratified_shards(len(teacher), teacher.labels)
    targets = entropies_at(teacher.logits, T)
    if rule == ONE:
        targets = np.full(len(teacher), targets.mean())
    found = []
    for model in models:
        at = match(model.logits, targets, T, RULES[rule])
        if at.unreached:
            raise ValueError(
                f"{at.unreached} images do not reach their entropy under the rule '{rule}'."
            )
        grams = logit_grams([model.logits], [at.T], shard, dtype=np.float64).models[0]
        if RULES[rule] == "mean":
            grams = rematched(grams, model.logits, float(at.T), targets)
        found.append(
            Placed(float(np.median(at.T)), grams, float(entropies_at(model.logits, at.T).std()))
        )
    return found


def ruled(
    teacher: Predictions,
    students: Mapping[str, Sequence[Predictions]],
    rule: str,
    pair: tuple[str, str],
) -> Ruled:
    """Return all figures under one rule.

    Args:
        teacher: Its entropies at T are the targets.
        students: Method -> its runs on the teacher's samples, one for each seed.
        rule: A key of RULES.
        pair: The two methods whose gap is computed.

    Raises:
        ValueError: An image of a model cannot be matched.
    """
    own = place(teacher, [teacher], rule)[0]
    found = {m: place(teacher, runs, rule) for m, runs in students.items()}
    grams = {m: [one.grams for one in placed] for m, placed in found.items()}
    overlaps = {m: [_overlap(one) for one in runs] for m, runs in grams.items()}
    gap = two_way_difference(*([_replicated(one) for one in grams[m]] for m in pair)).interval
    pairs = np.triu_indices(len(teacher.class_names), k=1)
    reference = geometry_from_sums(own.grams).gram[pairs]
    cells = {m: [geometry_from_sums(one).gram[pairs] for one in runs] for m, runs in grams.items()}
    return Ruled(
        teacher=_overlap(own.grams),
        overlap={m: float(np.mean(runs)) for m, runs in overlaps.items()},
        over_seeds={m: float(np.std(runs, ddof=1)) for m, runs in overlaps.items()},
        gap=gap,
        spread={
            m: _mean(one.spread for one in placed) for m, placed in {"": [own], **found}.items()
        },
        distance={
            m: _mean(float(np.sqrt(np.mean((one - reference) ** 2))) for one in runs)
            for m, runs in cells.items()
        },
        pattern={
            m: _mean(float(np.corrcoef(one, reference)[0, 1]) for one in runs)
            for m, runs in cells.items()
        },
    )


def _replicated(grams: ShardGrams) -> Replicated:
    found = replicated_overlap(grams)
    assert found is not None, "the bundled models use every class"
    return found


def _overlap(grams: ShardGrams) -> float:
    found = overlap_interval(grams)
    assert found is not None, "the bundled models use every class"
    return found.estimate


def _mean(values) -> float:
    return float(np.mean(list(values)))


def table(teacher: Predictions, kd: Sequence[Predictions], bickd: Sequence[Predictions]) -> str:
    """Return the rules as a Markdown table: overlaps, the gap with its interval, and how near the
    teacher's Gram is."""
    lines = [
        (
            "| entropy matched | teacher | KD | BicKD | KD minus BicKD | rms from the teacher: KD,"
            " BicKD | r with the teacher: KD, BicKD |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for rule in RULES:
        of = ruled(teacher, {"kd": kd, "bickd": bickd}, rule, ("kd", "bickd"))
        both = ("kd", "bickd")
        lines.append(
            f"| {rule} | {of.teacher:.3f} | {of.overlap['kd']:.3f} | {of.overlap['bickd']:.3f} |"
            f" {numbers.with_interval(of.gap)} | {', '.join(f'{of.distance[m]:.3f}' for m in both)}"
            f" | {', '.join(f'{of.pattern[m]:.3f}' for m in both)} |"
        )
    return "\n".join(lines)


def main() -> None:
    from pretrained.findings import SEEDS, Models  # which takes `ruled` from here

    test = Models.load("test")
    kd, bickd = ([test.students[method, seed] for seed in SEEDS] for method in ("kd", "bickd"))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(
            f"{PAGE.name} must hold the lines '{BEGIN}' and '{END}', got none: put them back."
        )
    write_text(PAGE, f"{before}{BEGIN}\n\n{table(test.teacher, kd, bickd)}\n\n{END}{after}")


if __name__ == "__main__":
    main()
