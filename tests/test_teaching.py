"""docs/teaching.md: the figures on the sheet are those of the bundled runs and of the pages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bickd_core.comparing import lessons
from bickd_core.comparing.lessons import same_way
from bickd_core.comparing.seeds import Recipes, score
from bickd_core.runs.library import Library
from bickd_core.runs.predictions import Predictions, align
from bickd_viz.text.numbers import number, percent, points

ROOT = Path(__file__).resolve().parent.parent
SHEET = re.sub(r"\s+", " ", (ROOT / "docs" / "teaching.md").read_text())
RESULTS = (ROOT / "docs" / "results.md").read_text()
METHODS = {"ce": "CE", "kd": "KD", "dist": "DIST", "bickd": "BicKD"}
LIBRARY = Library(ROOT / "pretrained", ROOT / "runs-of-nobody")
TEACHER = LIBRARY.find("caltech95/teacher").predictions("test")


def student(method: str, seed: int = 0) -> Predictions:
    own = LIBRARY.find(f"caltech95/{method}-s{seed}").predictions("test")
    return align([TEACHER, own]).predictions[1]


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    runs = {
        method: tuple(score(TEACHER, student(method, seed), 4.0) for seed in range(3))
        for method in METHODS
    }
    return Recipes("teacher", runs | {"teacher": (score(TEACHER, TEACHER, 4.0),)}, TEACHER.labels)


def test_the_opening_figures_are_those_of_overviews_first_card(recipes):
    opening = SHEET.split("| 0–4 | Why distil |")[1].split("|")[1]
    shown = {name: percent(figures["accuracy"].mean) for name, figures in recipes.figures.items()}
    assert f"right on {shown['teacher']} of the test images" in opening
    assert (
        f"(CE) on {shown['ce']}, the same network with that teacher on {shown['kd']} (KD)"
        in opening
    )
    assert f"{shown['dist']} (DIST) or {shown['bickd']} (BicKD)" in opening


def test_methods_that_do_not_beat_the_labels_are_named_with_their_figures():
    own_rates = RESULTS.split("each with its learning rate\n")[1]
    table = dict(re.findall(r"^\| (SP|RKD|CRD|CE) \| 5 \| ([\d.]+) ±", own_rates, re.MULTILINE))
    assert (
        f"SP reaches {table['SP']}%, RKD {table['RKD']}% and CRD {table['CRD']}%, where CE reaches"
        f" {table['CE']}%" in SHEET
    )


def test_the_answer_on_accuracy_has_the_intervals_over_seeds_and_images(recipes):
    found = recipes.against("bickd", ["kd", "dist", "ce"])
    for method, joint in (("kd", "from KD"), ("dist", "from DIST")):
        interval = found[method].figures["accuracy"].interval
        low, high = (points(end).removesuffix(" points") for end in (interval.low, interval.high))
        estimate = points(interval.estimate).removesuffix(" points")
        assert re.search(
            rf"{re.escape(estimate)}( points)? \[{re.escape(low)}, {re.escape(high)}\] {joint}",
            SHEET,
        )
        assert not found[method].figures["accuracy"].seen
    own_rates = RESULTS.split("each with its learning rate\n")[1].split(
        "| minus BicKD (reconstruction) |"
    )[1]
    for method, behind in (("KD", " and"), ("DIST", " over five")):
        row = re.search(
            rf"^\| {method} \| ([-+][\d.]+) \[([-+][\d.]+), ([-+][\d.]+)\](\*?) ",
            own_rates,
            re.MULTILINE,
        )
        estimate, low, high = (
            f"{-float(value):+.1f}".replace("-", "−") for value in row.groups()[:3]
        )
        assert f"{estimate} [{high}, {low}]{behind}" in SHEET, (method, estimate, high, low)
        assert not row[4], "with an asterisk the sheet says something else"
    at_one_rate = RESULTS.split("## All methods on caltech95, at one learning rate\n")[1].split(
        "| minus KD |"
    )[1]
    lead = re.search(
        r"\| BicKD \(reconstruction\) \| \+([\d.]+) \[\+([\d.]+), \+([\d.]+)\]", at_one_rate
    )
    assert f"it leads KD by {lead[1]} points [{lead[2]}, {lead[3]}]" in SHEET
    three = found["kd"].figures["accuracy"].interval
    row = re.search(r"^\| KD \| [-+][\d.]+ \[([-+][\d.]+), ([-+][\d.]+)\]", own_rates, re.MULTILINE)
    five = (float(row[2]) - float(row[1])) / 2
    assert (
        f"leave ±{50 * (three.high - three.low):.1f} points between BicKD and KD, five seeds"
        f" ±{five:.1f}" in SHEET
    )


def test_the_overlaps_of_the_answers_are_those_on_the_screen(recipes):
    answer = SHEET.split("4. At T = 4: ")[1].split(" 5. ")[0]
    rules = {
        "overlap": "",
        "overlap_matched": "At matched mean entropy: ",
        "overlap_per_image": "Matched per image: ",
    }
    gaps = {}
    for field, before in rules.items():
        values = {
            name: recipes.runs[name][0].overlaps[field].interval().estimate
            for name in ("teacher", *METHODS)
        }
        gaps[field] = values["kd"] - values["bickd"]
        part = answer.split(before)[1] if before else answer
        for name, value in values.items():
            assert f"{METHODS.get(name, name)} {value:.3f}" in part.split(". ")[0], (
                field,
                name,
                value,
            )
    assert (
        f"Of the gap of {gaps['overlap']:.3f} between KD and BicKD, {gaps['overlap_matched']:.3f}"
        f" is left at matched mean entropy and {gaps['overlap_per_image']:.3f} matched per image"
        in answer
    )
    at_three = score(TEACHER, TEACHER, 3.0).overlaps["overlap"].interval().estimate
    assert f"38% at T = 3, where the overlap is {number(at_three)}" in SHEET


@pytest.fixture(scope="module")
def pulls() -> dict[str, list[dict]]:
    """Logits of CE and of BicKD -> the pulls of each of the lesson's batches."""
    found = {}
    for method in ("ce", "bickd"):
        own, batches = (
            student(method).logits.astype(np.float64),
            range(len(TEACHER) // lessons.BATCH),
        )
        teacher = TEACHER.logits.astype(np.float64)
        rows = [lessons.batch(len(TEACHER), number) for number in batches]
        found[method] = [
            lessons.preset_pulls(own[at], teacher[at], TEACHER.labels[at]) for at in rows
        ]
    return found


def test_the_cosines_of_pulls_are_those_of_the_lesson(pulls):
    alike = {
        (method, other): [same_way(one["kd"].gradient, one[other].gradient) for one in batches]
        for method, batches in pulls.items()
        for other in ("bickd", "dist")
    }
    mean = {key: f"{np.mean(values):.2f}" for key, values in alike.items()}
    assert f"is {mean['ce', 'bickd']} on average over the {len(pulls['ce'])} batches" in SHEET
    assert (
        f"of KD's and DIST's {mean['ce', 'dist']}; on BicKD's own logits {mean['bickd', 'bickd']}"
        f" and {mean['bickd', 'dist']}" in SHEET
    )
    five = {method: [f"{value:.2f}" for value in alike[method, "bickd"][:5]] for method in pulls}
    assert f"Four of five ({', '.join(five['ce'])}); and none ({', '.join(five['bickd'])})" in SHEET
    assert sum(float(value) >= 0.85 for value in five["ce"]) == 4
    assert all(abs(float(value) - 0.85) > 0.004 for value in five["ce"]), (
        "what is shown must not hide the answer"
    )
    assert not any(float(value) >= 0.85 for value in five["bickd"])


def test_what_the_lesson_says_of_doubled_logits_and_of_the_batch():
    own, teacher = student("ce").logits.astype(np.float64), TEACHER.logits.astype(np.float64)
    for number_ in range(3):
        at = lessons.batch(len(TEACHER), number_)
        labels = TEACHER.labels[at]
        plain, twice = (
            lessons.preset_pulls(factor * own[at], teacher[at], labels) for factor in (1, 2)
        )
        change = {
            name: (
                np.linalg.norm(twice[name].gradient - plain[name].gradient)
                / np.linalg.norm(plain[name].gradient)
            )
            for name in ("kd", "dist", "bickd")
        }
        assert change["dist"] < change["bickd"] < change["kd"]
        less = lessons.preset_pulls(own[at[:-1]], teacher[at[:-1]], labels[:-1])
        n = len(at)
        for name, depends in (("kd", False), ("dist", True), ("sample", True), ("class", True)):
            before, after = n * plain[name].gradient[:-1], (n - 1) * less[name].gradient
            assert np.allclose(before, after, atol=1e-10) != depends, name


def test_the_calibration_errors_are_those_of_the_results_page():
    rows = dict(
        re.findall(
            r"^\| (KD|BicKD) [^\n]*\| ([\d.]+) ± [\d.]+ \| [\d.]+ \|$", RESULTS, re.MULTILINE
        )
    )
    assert f"({float(rows['BicKD']):.0f}% against {float(rows['KD']):.0f}% for KD)" in SHEET


def test_the_closing_link_names_a_run_and_classes_that_are_there():
    link = re.search(r"class_geometry\?student=(\S+)&pair=(\w+)~(\w+)", SHEET)
    assert {link[2], link[3]} <= set(TEACHER.class_names)
    assert LIBRARY.find(link[1]).info().role == "student"
