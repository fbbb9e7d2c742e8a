"""Three worked findings from the bundled runs, as Markdown: `make findings` writes docs/findings.md and its images.

Pairs of classes are picked on validation and reported on test, so that the picking does not flatter the figures.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from bickd_core.atomic import write_bytes
from bickd_core.comparing import SHORT
from bickd_core.data import image_credit
from bickd_core.data.thumbnails import Thumbnails
from bickd_core.geometry import (
    calibration_interval,
    class_geometry,
    expected_calibration_error,
    fit_temperature,
    outcomes,
    pair_contributions,
    stratified_shards,
    summarise,
)
from bickd_core.predictions import Predictions, align
from bickd_core.runs import Library, Split
from bickd_viz import text

SHELF = Path(__file__).resolve().parent
IMAGES = SHELF.parent / "docs" / "findings"
DATASET, METHODS, SEEDS = "caltech95", ("ce", "kd", "dist", "bickd"), (0, 1, 2)
T = 4.0
STRIP = 10


@dataclass(frozen=True)
class Models:
    """Teacher and students of one split, aligned, with the temperature of each at the teacher's mean entropy."""

    teacher: Predictions
    students: dict[tuple[str, int], Predictions]
    matched: dict[tuple[str, int], float]

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
        matched = {}
        for key, student in zip(keys, students, strict=True):
            found = summarise(teacher, student, T=T).matched
            if found is None or not found.reached:
                raise ValueError(f"{key} does not reach the teacher's mean entropy at any temperature.")
            matched[key] = found.temperature
        return cls(teacher, dict(zip(keys, students, strict=True)), matched)

    def grams(self, method: str) -> np.ndarray:
        """Class Grams at matched entropy, [seeds, C, C]."""
        keys = [(method, seed) for seed in SEEDS]
        return np.stack(
            [class_geometry(self.students[key].probabilities(self.matched[key])).gram for key in keys]
        )

    @property
    def names(self) -> tuple[str, ...]:
        return self.teacher.class_names


def main() -> None:
    validation, test = Models.load("validation"), Models.load("test")
    print(
        "# Three findings, and how to see them\n\n"
        "Made by `make findings` from the run folders in `pretrained/caltech95`: one teacher (ResNet-14 of double width), "
        f"ResNet-8 students of four methods, three seeds each, the learning rate chosen on validation for each method ([how](results.md#all-methods-on-caltech95-each-with-its-learning-rate)), all other options as the presets have them. Figures are on the {len(test.teacher):,} test "
        "images; BicKD is a reconstruction from the abstract of arXiv 2602.01265. Links open the app at "
        "<http://localhost:8501>, where `make app` puts it; with another PORT, change the number in the address.\n"
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
        (int(above[0][i]), int(above[1][i])) for i in np.argsort(fall_up(validation)[above])[::-1][:3]
    ]
    kd, bickd, dist = (test.grams(method) for method in ("kd", "bickd", "dist"))
    teacher = class_geometry(test.teacher.probabilities(T)).gram
    lower = float((bickd.max(axis=0) < kd.min(axis=0))[above].mean())
    higher = float((bickd.min(axis=0) > kd.max(axis=0))[above].mean())
    kept = sum(bickd[:, r, c].mean() < kd[:, r, c].mean() for r, c in apart)
    rows = [_pair_row(names, pair, teacher, kd, dist, bickd) for pair in (*apart, *together)]
    first = apart[0]
    strip = f"{names[first[0]]}-{names[first[1]]}.webp".replace(" ", "-")
    own = _strip(test, first, IMAGES / strip)
    return "\n".join(
        [
            f"## 1. BicKD takes {names[first[0]]} from {names[first[1]]}; KD leaves them mixed\n",
            "Cosine of two class columns, each student at the temperature where its mean entropy is the teacher's at T = 4, so "
            "that sharpness plays no part; range over three seeds. The pairs were picked on **validation** (largest fall from "
            f"KD to BicKD in the worst of three seeds; the last {len(together)} the largest rise) and are shown on **test**, "
            f"where {kept} of the {len(apart)} falls hold.\n",
            "| pair | teacher | KD | DIST | BicKD |\n|---|---|---|---|---|",
            *rows,
            f"\nOver all {len(above[0]):,} pairs, every BicKD seed is below every KD seed in {text.percent(lower)} of them and above "
            f"in {text.percent(higher)}: the effect is broad, and it is not one-sided.\n",
            f"![The images that carry most of the cosine of {names[first[0]]} and {names[first[1]]} in KD, seed 0]"
            f"(findings/{strip})\n",
            f"Above, the images that carry most of {names[first[0]]} × {names[first[1]]} in KD (seed 0): {own} of the {STRIP} belong "
            f"to one of the two classes. {image_credit(DATASET)}\n",
            "See it: "
            + _link(
                "class_geometry",
                f"{names[first[0]]} × {names[first[1]]} in KD and BicKD",
                students=f"{DATASET}/kd-s0~{DATASET}/bickd-s0",
                student=f"{DATASET}/bickd-s0",
                pair=f"{names[first[0]]}~{names[first[1]]}",
                selection=f"cell:{DATASET}/kd-s0~{names[first[0]]}~{names[first[1]]}",
            )
            + " (switch on *At matched entropy*, and put KD in focus for the other side)\n",
        ]
    )


def fall_up(models: Models) -> np.ndarray:
    """The rise of the cosine from KD to BicKD in the seed where it is least, [C, C]."""
    return (models.grams("bickd") - models.grams("kd")).min(axis=0)


def _pair_row(names: tuple[str, ...], pair: tuple[int, int], teacher: np.ndarray, *grams: np.ndarray) -> str:
    r, c = pair
    ranges = [f"{g[:, r, c].min():.2f} to {g[:, r, c].max():.2f}" for g in grams]
    return f"| {names[r]} × {names[c]} | {teacher[r, c]:.2f} | {' | '.join(ranges)} |"


def _strip(models: Models, pair: tuple[int, int], path: Path, side: int = 96) -> int:
    """Save the images that carry most of a pair's cosine in KD, seed 0; how many of them are of the two classes."""
    parts = pair_contributions(models.students["kd", 0].probabilities(T), *pair)
    pictures = Thumbnails.for_dataset(DATASET, "test", shelf=SHELF / DATASET)
    sheet = Image.new("RGB", (STRIP * (side + 6) - 6, side), "white")
    shown = np.argsort(-parts, kind="stable")[:STRIP]
    for place, position in enumerate(shown):
        content = pictures.png(int(models.teacher.ids[position]))
        assert content is not None
        with Image.open(io.BytesIO(content)) as picture:
            sheet.paste(picture.convert("RGB").resize((side, side)), (place * (side + 6), 0))
    path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=85)
    write_bytes(path, buffer.getvalue())
    assert models.teacher.labels is not None
    return int(np.isin(models.teacher.labels[shown], pair).sum())


# -- 2 ---------------------------------------------------------------------------------------------
def sharpness(test: Models) -> str:
    rows, plain, matched = [], {}, {}
    teacher = summarise(test.teacher, test.teacher, T=T)
    assert teacher.overlap is not None
    for method in METHODS:
        found = [summarise(test.teacher, test.students[method, seed], T=T) for seed in SEEDS]
        a = np.array([s.overlap.estimate for s in found if s.overlap is not None])
        b = np.array([s.overlap_matched.estimate for s in found if s.overlap_matched is not None])
        temperatures = np.array([test.matched[method, seed] for seed in SEEDS])
        plain[method], matched[method] = a.mean(), b.mean()
        rows.append(
            f"| {SHORT[method]} | {a.mean():.3f} ± {a.std(ddof=1):.3f} | {b.mean():.3f} ± {b.std(ddof=1):.3f} | "
            f"{temperatures.mean():.2f} |"
        )
    own = teacher.overlap.estimate
    gap, left = plain["kd"] - plain["bickd"], matched["kd"] - matched["bickd"]
    most = max(METHODS, key=lambda method: abs(plain[method] - matched[method]))
    nearest = min(METHODS, key=lambda method: abs(matched[method] - own))
    return "\n".join(
        [
            f"## 2. {text.percent(1 - left / gap)} of the distance between KD and BicKD is sharpness\n",
            "| model | overlap at T = 4 | overlap at matched entropy | T there |\n|---|---|---|---|",
            f"| teacher | {own:.3f} | {own:.3f} | 4 |",
            *rows,
            f"\nA sharper softmax alone lowers overlap. At T = 4 BicKD stands {gap:.3f} below KD; with every model at the teacher's mean "
            f"entropy {left:.3f} of that is left. DIST, at {plain['dist']:.3f}, lies {_side(plain['dist'], own)} the teacher ({own:.3f}) at "
            f"T = 4, and {_side(matched['dist'], own)} it, at {matched['dist']:.3f}, when entropy is matched. {SHORT[most]} changes most "
            f"({plain[most]:.3f} to {matched[most]:.3f}); {SHORT[nearest]}, at {matched[nearest]:.3f}, ends nearest to the teacher's own "
            "geometry. A claim about orthogonality that names no temperature says little.\n",
            "See it: "
            + _link("", "the four students beside their teacher")
            + " (fourth card), or move the temperature in the sidebar.\n",
        ]
    )


def _side(value: float, of: float) -> str:
    return "below" if value < of else "above"


# -- 3 ---------------------------------------------------------------------------------------------
def confidence(validation: Models, test: Models) -> str:
    labels = test.teacher.labels
    assert labels is not None
    assert validation.teacher.labels is not None
    shard, shard_validation = (
        stratified_shards(len(m.teacher), m.teacher.labels) for m in (test, validation)
    )
    rows, before, after = [], {}, {}
    for method in ("teacher", *METHODS):
        on_test = test.teacher if method == "teacher" else test.students[method, 0]
        fitted_on = validation.teacher if method == "teacher" else validation.students[method, 0]
        fitted = fit_temperature(fitted_on.logits, validation.teacher.labels, shard_validation)
        fit = fitted.temperature
        raw = calibration_interval(on_test.probabilities(1.0), labels, shard)
        cooled = calibration_interval(on_test.probabilities(fitted.shown), labels, shard)
        before[method], after[method] = raw.estimate, cooled.estimate
        rows.append(
            f"| {SHORT.get(method, method)} | {_percent(raw)} | {fit.estimate:.2f} [{fit.low:.2f}, {fit.high:.2f}] | {_percent(cooled)} |"
        )
    seeds = {
        method: np.mean(
            [
                expected_calibration_error(test.students[method, seed].probabilities(1.0), labels)
                for seed in SEEDS
            ]
        )
        for method in METHODS
    }
    found = outcomes(test.students["bickd", 0].predicted, test.students["dist", 0].predicted, labels)
    worst = max(METHODS, key=lambda method: seeds[method])
    seen = "no difference seen" if found.p_value >= 0.05 else "a difference is seen"
    return "\n".join(
        [
            f"## 3. {SHORT[worst]} is the surest of itself, and one temperature mends it\n",
            "Expected calibration error (15 equal-width bins, T = 1, seed 0), with its jackknife interval over the test images; the "
            "temperature that makes the likelihood of the **validation** images largest; and the error on **test** at that temperature.\n",
            "| model | ECE at T = 1 | fitted T | ECE at fitted T |\n|---|---|---|---|",
            *rows,
            "\nMean over three seeds at T = 1: "
            + ", ".join(f"{SHORT[m]} {text.percent(float(seeds[m]))}" for m in METHODS)
            + f". The price of the stronger pulls is confidence, not rank: dividing the logits by one number brings {SHORT[worst]} from "
            f"{text.percent(before[worst])} to {text.percent(after[worst])} without changing a single prediction.\n",
            f"Against DIST (seed 0) BicKD alone is right on {found.first} images and DIST alone on {found.second}, of {found.n:,}: McNemar's exact "
            f"p = {found.p_value:.2f}, {seen}.\n",
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


def _percent(interval) -> str:
    return f"{text.percent(interval.estimate)} {text.interval_text(interval, 'percent')}"


def _link(page: str, words: str, **query: str) -> str:
    view = {
        "teacher": f"{DATASET}/teacher",
        "students": "~".join(f"{DATASET}/{m}-s0" for m in METHODS),
    } | query
    return f"[{words}](http://localhost:8501/{page}?{urlencode(view)})"


if __name__ == "__main__":
    main()
