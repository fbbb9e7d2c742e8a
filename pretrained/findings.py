"""Write three findings of the bundled runs as Markdown: `make findings` makes docs/findings.md and
its images.

Pairs of classes are picked on validation and reported on test, so that picking them does not
improve their figures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from bickd_core.atomic import write_bytes
from bickd_core.comparing.names import SHORT
from bickd_core.data.registry import image_credit
from bickd_core.geometry.calibration import (
    calibration_interval,
    chance_error,
    confidence_and_hits,
)
from bickd_core.geometry.disagreement import outcomes
from bickd_core.geometry.gram_figures import geometry_from_sums
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.orthogonality import class_geometry, pair_contributions
from bickd_core.geometry.proper_scores import fit_temperature
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.library import Library, Split
from bickd_core.runs.predictions import Predictions, align
from bickd_core.runs.thumbnails import Thumbnails
from bickd_viz.text import numbers
from pretrained.matching_rules import IMAGE, MEAN, RULES, Ruled, place, ruled

SHELF = Path(__file__).resolve().parent
IMAGES = SHELF.parent / "docs" / "findings"
DATASET, METHODS, SEEDS = "caltech95", ("ce", "kd", "dist", "bickd"), (0, 1, 2)
T = 4.0
STRIP = 10


@dataclass(frozen=True)
class Models:
    """The teacher and the students on one split, with their samples aligned."""

    teacher: Predictions
    students: dict[tuple[str, int], Predictions]

    @classmethod
    def load(cls, split: Split) -> Models:
        library = Library(SHELF, SHELF / DATASET)
        keys = [(method, seed) for method in METHODS for seed in SEEDS]
        runs = [
            library.find(f"{DATASET}/teacher"),
            *(library.find(f"{DATASET}/{method}-s{seed}") for method, seed in keys),
        ]
        teacher, *students = align(
            [run.predictions(split) for run in runs], [run.key for run in runs]
        ).predictions
        return cls(teacher, dict(zip(keys, students, strict=True)))

    def grams(self, method: str, rule: str = MEAN) -> np.ndarray:
        """Return a method's class Grams under a rule of matching, [seeds, C, C]."""
        found = place(self.teacher, [self.students[method, seed] for seed in SEEDS], rule)
        return np.stack([geometry_from_sums(one.grams).gram for one in found])

    @property
    def names(self) -> tuple[str, ...]:
        return self.teacher.class_names


def main() -> None:
    validation, test = Models.load("validation"), Models.load("test")
    print(
        "# Three findings, and how to see them\n\nThree things that the bundled runs show. `make"
        " findings` writes this page from `pretrained/caltech95`.\n\n- The teacher is a ResNet-14"
        " of double width. The students are ResNet-8 of four methods, with three seeds each. [The"
        " study](study.md) has 20 seeds and tuned options, and not every finding holds there.\n-"
        " The learning rate was chosen on validation data for each method"
        " ([how](results.md#all-methods-on-caltech95-each-with-its-learning-rate)). All other"
        f" options are the presets'.\n- Figures are on the {len(test.teacher):,} test images.\n-"
        " BicKD is a reconstruction from the abstract of arXiv 2602.01265.\n- Links open the app"
        " at <http://localhost:8501>, the address of `make app`. With another PORT, change the"
        " number in the address.\n"
    )
    print(pairs(validation, test))
    print(sharpness(test))
    print(confidence(validation, test))


# -- 1 ---------------------------------------------------------------------------------------------
def pairs(validation: Models, test: Models) -> str:
    names = test.names
    above = np.triu_indices(len(names), k=1)
    fall = (validation.grams("kd") - validation.grams("bickd")).min(axis=0)[above]
    apart = [(int(above[0][i]), int(above[1][i])) for i in np.argsort(-fall)[:5]]
    together = [
        (int(above[0][i]), int(above[1][i]))
        for i in np.argsort(fall_up(validation)[above])[::-1][:3]
    ]
    kd, bickd, dist = (test.grams(method) for method in ("kd", "bickd", "dist"))
    teacher = class_geometry(test.teacher.probabilities(T)).gram
    lower = float((bickd.max(axis=0) < kd.min(axis=0))[above].mean())
    higher = float((bickd.min(axis=0) > kd.max(axis=0))[above].mean())
    kd_each, bickd_each = (test.grams(method, IMAGE) for method in ("kd", "bickd"))
    falls, rises = (kd, bickd, kd_each, bickd_each), (bickd, kd, bickd_each, kd_each)
    kept, kept_each = _held(apart, *falls)
    risen, risen_each = _held(together, *rises)
    lower_each = float((bickd_each.max(axis=0) < kd_each.min(axis=0))[above].mean())
    higher_each = float((bickd_each.min(axis=0) > kd_each.max(axis=0))[above].mean())
    rows = [_pair_row(names, pair, teacher, kd, dist, bickd) for pair in (*apart, *together)]
    first = apart[0]
    strip = f"{names[first[0]]}-{names[first[1]]}.webp".replace(" ", "-")
    own, share = _strip(test, first, IMAGES / strip)
    return "\n".join(
        [
            (
                f"## 1. {names[first[0]].capitalize()} and {names[first[1]]} share less probability"
                " in BicKD than in KD, in all three seeds\n"
            ),
            (
                "The table shows the cosine of two class columns, as a range over three seeds. Each"
                " student is at the temperature where its mean entropy is the teacher's at T = 4"
                " (matched mean entropy).\n"
            ),
            (
                f"The pairs were picked on **validation**: the first {len(apart)} fall most from KD"
                f" to BicKD in the worst of three seeds, the last {len(together)} rise most. The"
                " table is on **test**. There, every BicKD seed is below every KD seed in"
                f" {kept} of the {len(apart)} falls ({kept_each} if each image is matched), and"
                f" above in {risen} of the {len(together)} rises ({risen_each}).\n"
            ),
            "| pair | teacher | KD | DIST | BicKD |\n|---|---|---|---|---|",
            *rows,
            (
                "\nA shared probability is not a confusion: on the test images of"
                f" {names[first[0]]} and {names[first[1]]}, the three runs of KD predict one class"
                f" for the other {_confused(test, 'kd', first)} times, and those of BicKD"
                f" {_confused(test, 'bickd', first)} times."
            ),
            (
                f"\nOf all {len(above[0]):,} pairs, every BicKD seed is below every KD seed in"
                f" {numbers.percent(lower)}, and above in {numbers.percent(higher)}. Matched per"
                f" image, it is {numbers.percent(lower_each)} and {numbers.percent(higher_each)}.\n"
            ),
            (
                f"![The {STRIP} images that add most to the cosine of {names[first[0]]} and"
                f" {names[first[1]]} in KD, seed 0](findings/{strip})\n"
            ),
            (
                f"The {STRIP} images that add most to {names[first[0]]} × {names[first[1]]} in KD"
                f" (seed 0, T = {T:g}). Together they add {numbers.percent(share, 0)} of it. {own}"
                f" of the {STRIP} belong to one of the two classes. {image_credit(DATASET)}\n"
            ),
            "See it: "
            + _link(
                "class_geometry",
                f"{names[first[0]]} × {names[first[1]]} in KD and BicKD",
                students=f"{DATASET}/kd-s0~{DATASET}/bickd-s0",
                student=f"{DATASET}/bickd-s0",
                pair=f"{names[first[0]]}~{names[first[1]]}",
                selection=f"cell:{DATASET}/kd-s0~{names[first[0]]}~{names[first[1]]}",
                matching="mean",
            )
            + ". Put KD in focus to see the other side.\n",
        ]
    )


def _held(pairs: list[tuple[int, int]], *grams: np.ndarray) -> tuple[int, int]:
    """Count the pairs of classes in which every seed of one method is above every seed of another.

    Args:
        grams: Of the higher and the lower method [seeds, C, C], then the same if each image is
            matched.
    """
    first, second = (
        sum(high[:, r, c].min() > low[:, r, c].max() for r, c in pairs)
        for high, low in (grams[:2], grams[2:])
    )
    return first, second


def fall_up(models: Models) -> np.ndarray:
    """Return how much the cosine rises from KD to BicKD, in the seed where it rises least, [C,
    C]."""
    return (models.grams("bickd") - models.grams("kd")).min(axis=0)


def _pair_row(
    names: tuple[str, ...], pair: tuple[int, int], teacher: np.ndarray, *grams: np.ndarray
) -> str:
    r, c = pair
    ranges = [f"{g[:, r, c].min():.2f} to {g[:, r, c].max():.2f}" for g in grams]
    return f"| {names[r]} × {names[c]} | {teacher[r, c]:.2f} | {' | '.join(ranges)} |"


def _strip(models: Models, pair: tuple[int, int], path: Path, side: int = 96) -> tuple[int, float]:
    """Save the images that add most to a pair's cosine in KD, seed 0. Return how many belong to the
    two classes, and their share of the cosine."""
    parts = pair_contributions(models.students["kd", 0].probabilities(T), *pair)
    pictures = Thumbnails.for_dataset(DATASET, "test", shelf=SHELF / DATASET)
    sheet = Image.new("RGB", (STRIP * (side + 6) - 6, side), "white")
    shown = np.argsort(-parts, kind="stable")[:STRIP]
    for column, position in enumerate(shown):
        content = pictures.png(int(models.teacher.ids[position]))
        assert content is not None
        with Image.open(io.BytesIO(content), formats=("PNG", "WEBP")) as picture:
            sheet.paste(picture.convert("RGB").resize((side, side)), (column * (side + 6), 0))
    path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=85)
    write_bytes(path, buffer.getvalue())
    assert models.teacher.labels is not None
    own = int(np.isin(models.teacher.labels[shown], pair).sum())
    return own, float(parts[shown].sum() / parts.sum())


# -- 2 ---------------------------------------------------------------------------------------------
def sharpness(test: Models) -> str:
    """Return the finding on what each rule of matching leaves of the gap in overlap between KD and
    BicKD."""
    students = {method: [test.students[method, seed] for seed in SEEDS] for method in METHODS}
    by_rule = {rule: ruled(test.teacher, students, rule, ("kd", "bickd")) for rule in RULES}
    plain, mean, image, one = by_rule.values()
    rows = [
        f"| {SHORT[method]} | "
        + " | ".join(
            f"{of.overlap[method]:.3f} ± {of.over_seeds[method]:.3f}" for of in (plain, mean, image)
        )
        + f" | {np.mean([one.T for one in place(test.teacher, students[method], MEAN)]):.2f} |"
        for method in METHODS
    ]
    own, gap = plain.teacher, plain.gap.estimate
    shares = [numbers.percent(of.gap.estimate / gap, 0) for of in (mean, image)]
    seen = sum(numbers.excludes_zero(of.gap) for of in by_rule.values())
    most = max(METHODS, key=lambda method: abs(plain.overlap[method] - mean.overlap[method]))
    return "\n".join(
        [
            (
                "## 2. Most of the gap in overlap between KD and BicKD disappears when entropy is"
                f" matched: {shares[0]} is left at matched mean entropy, {shares[1]} matched per"
                " image\n"
            ),
            (
                "| model | overlap at T = 4 | at matched mean entropy | matched per image | T at"
                " the mean |\n|---|---|---|---|---|"
            ),
            f"| teacher | {own:.3f} | {own:.3f} | {own:.3f} | 4 |",
            *rows,
            (
                f"\nA sharper softmax alone lowers overlap. At T = 4, BicKD's overlap is {gap:.3f}"
                " below KD's. With every model at the teacher's mean entropy,"
                f" {numbers.with_interval(mean.gap)} of that is left. With each image at the"
                f" teacher's entropy for it, {numbers.with_interval(image.gap)} is left. With every"
                " image, in the teacher too, at the teacher's mean entropy,"
                f" {numbers.with_interval(one.gap)} is left. (These are 95% intervals over seeds"
                f" and images.) So the difference is seen under {seen} of these {len(RULES)} rules,"
                " and its size depends on the rule.\n"
            ),
            (
                "Matched mean entropy does not match how entropy is spread over the images: its"
                f" standard deviation is still {mean.spread['bickd']:.2f} nats in BicKD,"
                f" {mean.spread['kd']:.2f} in KD and {mean.spread['']:.2f} in the teacher.\n"
            ),
            (
                f"At T = 4, DIST ({plain.overlap['dist']:.3f}) is"
                f" {_side(plain.overlap['dist'], own)} the teacher ({own:.3f}). At matched mean"
                f" entropy ({mean.overlap['dist']:.3f}) it is {_side(mean.overlap['dist'], own)}"
                f" the teacher. {SHORT[most]} changes most, from {plain.overlap[most]:.3f} to"
                f" {mean.overlap[most]:.3f}. {_nearest(mean, own)}\n"
            ),
            (
                "So a claim about orthogonality should name its temperature and its rule of"
                " matching ([the rules](method.md#what-each-rule-of-matching-leaves)).\n"
            ),
            "See it: "
            + _link("", "the four students beside their teacher")
            + ", or "
            + _link(
                "class_geometry",
                "their Grams with each image at the teacher's entropy",
                matching="image",
            )
            + ".\n",
        ]
    )


def _nearest(of: Ruled, own: float) -> str:
    """Say which method is nearest to the teacher at matched mean entropy, in three ways."""
    level = min(METHODS, key=lambda method: abs(of.overlap[method] - own))
    distance = min(METHODS, key=lambda method: of.distance[method])
    pattern = max(METHODS, key=lambda method: of.pattern[method])
    figures = ", ".join(
        f"{SHORT[m]} {of.pattern[m]:.3f}" for m in dict.fromkeys((pattern, level, distance))
    )
    return (
        f"At matched mean entropy, the nearest to the teacher is {SHORT[level]} in level"
        f" ({of.overlap[level]:.3f}), {SHORT[distance]} in the root mean square of the cells'"
        f" differences ({of.distance[distance]:.3f}), and {SHORT[pattern]} in pattern (correlation"
        f" over pairs of classes: {figures})."
    )


def _side(value: float, of: float) -> str:
    return "below" if value < of else "above"


# -- 3 ---------------------------------------------------------------------------------------------
def confidence(validation: Models, test: Models) -> str:
    labels = test.teacher.labels
    assert labels is not None
    assert validation.teacher.labels is not None
    shard_validation = stratified_shards(len(validation.teacher), validation.teacher.labels)
    rows, before, after = [], {}, {}
    for method in ("teacher", *METHODS):
        on_test = test.teacher if method == "teacher" else test.students[method, 0]
        fitted_on = validation.teacher if method == "teacher" else validation.students[method, 0]
        fitted = fit_temperature(fitted_on.logits, validation.teacher.labels, shard_validation)
        fit = fitted.temperature
        raw = calibration_interval(*confidence_and_hits(on_test.probabilities(1.0), labels))
        sides = confidence_and_hits(on_test.probabilities(fitted.shown), labels)
        cooled = calibration_interval(*sides)
        before[method], after[method] = raw.estimate, cooled
        by_chance = chance_error(sides[0])
        rows.append(
            f"| {SHORT.get(method, method)} | {_percent(raw)} | {fit.estimate:.2f} [{fit.low:.2f},"
            f" {fit.high:.2f}] | {_percent(cooled)} | {numbers.percent(cooled.plain)}"
            f" ({numbers.percent(by_chance)}) |"
        )
    fitted_by_seed = {
        method: [_error_after_one_temperature(validation, test, method, seed) for seed in SEEDS]
        for method in METHODS
    }
    left = {method: [each.estimate for each in fitted_by_seed[method]] for method in METHODS}
    by_seed = {
        method: np.array(
            [
                calibration_interval(
                    *confidence_and_hits(test.students[method, seed].probabilities(1.0), labels)
                ).estimate
                for seed in SEEDS
            ]
        )
        for method in METHODS
    }
    seeds = {method: float(values.mean()) for method, values in by_seed.items()}
    found = outcomes(
        test.students["bickd", 0].predicted, test.students["dist", 0].predicted, labels
    )
    worst = max(METHODS, key=lambda method: seeds[method])
    highest = int((by_seed[worst] >= np.max(list(by_seed.values()), axis=0)).sum())
    each_left = [_percent(each) for each in fitted_by_seed[worst]]
    seen = "no difference seen" if found.p_value >= 0.05 else "a difference is seen"
    return "\n".join(
        [
            f"## 3. {SHORT[worst]} is the most overconfident, and one temperature"
            f" {repair(fitted_by_seed[worst])}\n",
            (
                "ECE is the calibration error (15 equal-width bins, T = 1, seed 0), corrected for"
                " the number of images, with a 95% interval over the test images. The fitted T"
                " gives the **validation** images the highest likelihood. The next column is the"
                " error on **test** at that T. The last column is the uncorrected error there; in"
                " parentheses, what a perfectly calibrated model would get.\n"
            ),
            (
                "| model | ECE at T = 1 | fitted T | ECE at fitted T | plain (by chance)"
                " |\n|---|---|---|---|---|"
            ),
            *rows,
            "\nMean ± standard deviation over three seeds at T = 1: "
            + ", ".join(
                f"{SHORT[m]} {numbers.percent(seeds[m])} ± {100 * by_seed[m].std(ddof=1):.1f}"
                for m in METHODS
            )
            + f". {SHORT[worst]}'s is the highest in {highest} of {len(SEEDS)} seeds. Dividing the"
            f" logits by one number brings {SHORT[worst]} from {numbers.percent(before[worst])}"
            f" to {_at_most(after[worst])} (seed 0), without changing a single prediction. Over the"
            " three seeds, the mean ECE at each run's fitted T is "
            + ", ".join(f"{SHORT[m]} {numbers.percent(float(np.mean(left[m])))}" for m in METHODS)
            + f" ({SHORT[worst]}'s runs: {numbers.listed(each_left)}).\n",
            (
                "In accuracy, these two networks (seed 0 of each): BicKD alone is right on"
                f" {found.first} images and DIST alone on {found.second}, of {found.n:,}. McNemar's"
                f" exact p = {found.p_value:.2f} (mid-p {found.mid_p:.2f}): {seen}.\n"
            ),
            "See it: "
            + _link("calibration", "reliability of the five models")
            + ", "
            + _link(
                "disagreements",
                "the images that BicKD alone gets right",
                student=f"{DATASET}/bickd-s0",
                against=f"{DATASET}/dist-s0",
                selection=f"outcome:{DATASET}/bickd-s0~{DATASET}/dist-s0~first",
            )
            + "\n",
        ]
    )


def repair(left: Sequence[Interval]) -> str:
    """Say whether the calibration error that a temperature leaves may be 0 in every run."""
    return "repairs it" if all(not each.low for each in left) else "removes most of it"


def _error_after_one_temperature(
    validation: Models, test: Models, method: str, seed: int
) -> Interval:
    truth, labels = validation.teacher.labels, test.teacher.labels
    assert truth is not None
    assert labels is not None
    fitted = fit_temperature(
        validation.students[method, seed].logits, truth, stratified_shards(len(truth), truth)
    )
    cooled = test.students[method, seed].probabilities(fitted.shown)
    return calibration_interval(*confidence_and_hits(cooled, labels))


def _confused(test: Models, method: str, pair: tuple[int, int]) -> int:
    """Count the images of one class of the pair for which the other is predicted, over all
    seeds."""
    labels = test.teacher.labels
    assert labels is not None
    a, b = pair
    runs = (test.students[method, seed].predicted for seed in SEEDS)
    return sum(
        int(((predicted == a) & (labels == b) | (predicted == b) & (labels == a)).sum())
        for predicted in runs
    )


def _at_most(interval) -> str:
    return f"no more than {numbers.percent(interval.high)}"


def _percent(interval) -> str:
    return f"{numbers.percent(interval.estimate)} {numbers.interval_text(interval, 'percent')}"


def _link(page: str, words: str, **query: str) -> str:
    view = {
        "teacher": f"{DATASET}/teacher",
        "students": "~".join(f"{DATASET}/{m}-s0" for m in METHODS),
    } | query
    return f"[{words}](http://localhost:8501/{page}?{urlencode(view)})"


if __name__ == "__main__":
    main()
