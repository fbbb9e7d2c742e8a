"""The page of the study, from made-up lines of all its stages."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study_lines import settings_of

from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.two_way import TwoWay
from bickd_core.presets.catalogue import PRESETS
from bickd_core.presets.logits import BicKDOptions
from bickd_core.sweeps.definition import PlannedRun, Sweep, planned_runs, read_sweep
from bickd_core.sweeps.diverged import Diverged, diverged_path
from bickd_core.sweeps.results import Result, read_results
from bickd_viz.theme import LIGHT
from pretrained import study, study_comparisons, study_page, study_sentences, study_tables
from pretrained.study_comparisons import Reading, Versus, new_defaults, verdicts
from pretrained.study_page import Results, written
from pretrained.study_tables import defaults_sentence
from pretrained.sweep_results import Teacher

N = 400
LABELS = np.repeat(np.arange(10), N // 10)
TEACHER = Teacher(LABELS, np.where(np.arange(N) % 10 < 7, LABELS, (LABELS + 1) % 10), 1)
SHARES = {
    "ce": 0.40,
    "kd": 0.60,
    "dist": 0.61,
    "dkd": 0.60,
    "mlkd": 0.75,
    "pkt": 0.59,
    "bickd": 0.70,
}
PAGE = study_page.PAGE.read_text(encoding="utf-8")


def line(sweep: Sweep, run: PlannedRun, share: float) -> Result:
    """A run that classifies this share of images correctly, each seed other ones."""
    config = run.config
    rng = np.random.default_rng(config.seeds.weights * 7 + len(run.method))
    hits = rng.random(N) < share
    predicted = np.where(hits, LABELS, (LABELS + 1) % 10)
    replicates = tuple(0.2 + 0.01 * rng.standard_normal(20))
    fields = {
        **settings_of(run, sweep), "n": N, "accuracy": float(hits.mean()), "agreement": 0.5,
        "overlap": 0.2, "overlap_matched": 0.2, "overlap_per_image": 0.2, "score": None, "ece": 0.2, "ece_scaled": 0.2,
        "nll": 1.0, "validation_last": 0.1, "validation_best": 0.1, "seconds": 1.0, "cpu_seconds": 120.0, "samples": 1,
        "predicted": base64.b64encode(predicted.astype("<u2").tobytes()).decode(),
        "replicates": {name: replicates for name in ("overlap", "overlap_per_image", "ece", "ece_scaled")},
        "corrupted": {"noise": 0.3, "blur": 0.2},
        "corrupted_hits": base64.b64encode(hits.astype(np.uint8).tobytes()).decode(),
    }  # fmt: skip
    return Result.model_validate(fields)


def finish(folder: Path, name: str, shares: dict[str, float]) -> None:
    """Add all lines of a recipe at once; `add_result` would read the file again for each."""
    sweep = read_sweep(folder / f"{name}.yaml")
    made = [line(sweep, run, shares[run.config.objective.kind]) for run in planned_runs(sweep)]
    content = "".join(one.model_dump_json() + "\n" for one in made)
    (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    monkeypatch.setattr(study_comparisons, "teacher_of", lambda line: TEACHER)
    monkeypatch.setattr(study_page, "teacher_of", lambda line: TEACHER)
    monkeypatch.setattr(study, "RECIPES", tmp_path)
    return tmp_path


def up_to_b(folder: Path) -> None:
    (folder / "study-tune.yaml").write_bytes(
        (study_page.DOCS.parent / "recipes/study-tune.yaml").read_bytes()
    )
    finish(folder, "study-tune", SHARES)
    for step, name in (("finalists", "study-finalists"), ("confirm", "study-confirm")):
        for sweep in study.STAGES[step]():
            study.write(sweep)
        finish(folder, name, SHARES)


def the_rest(folder: Path) -> None:
    for step in ("readings", "generality", "transfer", "schedule"):
        for sweep in study.STAGES[step]():
            study.write(sweep)
            finish(folder, sweep.name, SHARES)


def test_the_page_grows_with_its_stages(recipes):
    (recipes / "study-tune.yaml").write_bytes(
        (study_page.DOCS.parent / "recipes/study-tune.yaml").read_bytes()
    )
    page = written(PAGE, Results.read())
    assert "**State: 0 of 671 runs have ended.**" in page
    assert "| A1 tune | 238 | 0 | 0 |" in page
    assert "## The answer" not in page

    up_to_b(recipes)
    results = Results.read()
    page = written(PAGE, results)
    assert "| B confirm | 140 | 140 | 0 |" in page
    assert "**BicKD is more accurate than KD** (ResNet-8 on caltech95, both tuned" in page
    assert "MLKD (+" in page
    assert "CE (-" in page
    assert "no difference is seen for DIST" in page
    assert "Whether another reading of BicKD is better is not known yet." in page
    assert "## Appendix: tuning" in page
    assert "## Appendix: readings" not in page

    the_rest(recipes)
    results = Results.read()
    page = written(page, results)
    assert "**State: complete.** All 671 runs have ended." in page
    assert "| stage | runs in the design |" not in page
    assert len(results.readings) == 12
    assert results.readings["repel-above_teacher"].option == "repel"
    assert "| `repel: above_teacher` | " in page
    assert (
        "By the rule of the design, the default of `same_class` becomes `ignore` (no value" in page
    )
    assert "other readings of BicKD" in page
    assert (
        "In 6 other settings, with 3 or 5 runs of each method, the 95% interval of BicKD minus KD is"
        in page
    )
    assert "| ResNet-8 on Fashion-MNIST |" in page
    assert page.count("\n## Appendix: ") == 5
    assert written(page, results) == page
    assert [row[0] for row in study_page.differences(results)][:2] == [
        "ResNet-8 on caltech95",
        "ResNet-8 on caltech95 for 160 epochs",
    ]
    first, second, third = study_page.three_lines(results)
    begin = (
        "In our study of ResNet-8 on caltech95, MLKD and BicKD (reconstruction) are more accurate"
        " than KD. Of the other methods there, in points"
    )
    assert first.startswith(begin)
    assert second.startswith("BicKD is more accurate than KD (ResNet-8 on caltech95, both tuned")
    assert second.endswith(" BicKD is our reconstruction from the paper's abstract.")
    assert third.startswith("In 6 other settings")
    figure = study_page.chart(results, LIGHT)
    names = [row[0] for row in study_page.differences(results)]
    assert sorted(figure.layout.yaxis.ticktext) == sorted(names)  # none is cut


def test_the_page_is_the_same_after_defaults_and_rates_have_changed(recipes, monkeypatch):
    up_to_b(recipes)
    the_rest(recipes)
    before = written(PAGE, Results.read())
    assert "the default of `same_class` becomes `ignore`" in before
    monkeypatch.setattr(BicKDOptions.model_fields["same_class"], "default", "positive")
    BicKDOptions.model_rebuild(force=True)
    monkeypatch.setitem(PRESETS, "kd", replace(PRESETS["kd"], rate=0.1))
    try:
        assert BicKDOptions().same_class == "positive"
        assert written(PAGE, Results.read()) == before
    finally:
        monkeypatch.undo()
        BicKDOptions.model_rebuild(force=True)


def changed(path: Path, name: str, **values: object) -> None:
    """Change the line of this run."""
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["name"] == name:
            line.update(values)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def test_runs_of_stage_d_are_of_one_teacher_and_of_the_rate_that_validation_chooses(recipes):
    up_to_b(recipes)
    the_rest(recipes)
    settings = Results.read().settings
    rate, factor = settings["pairs"].rates["kd"]
    assert factor in study.FACTORS
    page = written(PAGE, Results.read())
    row = page.split("\n| learning rate |")[1].split("| ResNet-8 on pairs of Fashion-MNIST |")[1]
    mark = {0.25: " (lowest)", 4.0: " (highest)"}.get(factor, "")
    assert row.split(" | ")[1] == f"{rate:.3g}{mark}"

    runs = recipes / "study-large.jsonl"
    kept = runs.read_text(encoding="utf-8")
    changed(runs, "study-large-bickd-s101", teacher_sha256="0" * 64)
    with pytest.raises(ValueError, match="must share `teacher_sha256`"):
        Results.read()
    runs.write_text(kept, encoding="utf-8")

    rates = recipes / "study-pairs-rates.jsonl"
    names = [line.name for line in read_results(rates) if line.kind == "kd"]
    other = next(name for name in names if f"kd-{rate:g}-" not in name)
    changed(rates, other, accuracy=0.999)
    with pytest.raises(ValueError, match="but validation chooses"):
        Results.read()


def test_a_rate_that_diverged_does_not_make_its_method_look_better(recipes):
    up_to_b(recipes)
    the_rest(recipes)
    names = [line.name for line in read_results(recipes / "study-fashion-rates.jsonl")]
    chosen = {study.rates()["fashion"]["ce"][0]}
    lose(recipes, next(name for name in names if f"ce-{max(chosen):g}-" not in name))
    page = written(PAGE, Results.read())
    assert "Where configurations and rates are chosen, they count as 0 %." in page
    assert "looks better than it is" not in page
    lose(recipes, "study-fashion-ce-s100")
    assert "looks better than it is" in written(PAGE, Results.read())


def test_an_unfinished_stage_b_is_not_summarised(recipes):
    up_to_b(recipes)
    path = recipes / "study-confirm.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    results = Results.read()
    assert results.confirmed is None
    assert "| B confirm | 140 | 139 | 0 |" in written(PAGE, results)


def lose(folder: Path, *names: str, why: str = "") -> None:
    """Take away the lines of these runs: they failed for a reason, or diverged."""
    for name in names:
        (path,) = (
            file
            for file in folder.glob("study-*.jsonl")
            if f'"name":"{name}"' in file.read_text(encoding="utf-8")
            and not file.name.endswith(".diverged.jsonl")
        )
        kept = [
            text for text in path.read_text(encoding="utf-8").splitlines(keepends=True)
            if f'"name":"{name}"' not in text
        ]  # fmt: skip
        path.write_text("".join(kept), encoding="utf-8")
        if why:
            with (folder / study.FAILED).open("a") as file:
                file.write(f"{name}: {why}\n")
        else:
            with diverged_path(path).open("a") as file:
                record = Diverged(name=name, error="the loss is not finite", settings={})
                file.write(record.model_dump_json() + "\n")


def test_a_lost_run_of_stage_a_counts_as_0_and_one_of_stage_b_is_left_out(recipes):
    up_to_b(recipes)
    before = Results.read()
    assert before.tuned["pkt"].label == "pkt-preset"
    lose(recipes, "study-tune-bickd-preset-s0", "study-confirm-kd-s119")
    lose(recipes, "study-tune-kd-preset-s1", "study-confirm-bickd-s100", why="no memory")
    results = Results.read()
    for kind in ("kd", "bickd"):
        assert 0.45 < results.tuned[kind].preset / before.tuned[kind].preset < 0.55
        assert results.tuned[kind].preset_folds == 2
    assert results.confirmed.primary.seeds == (19, 19)
    page = written(PAGE, results)
    assert f"**State: {238 + 84 + 140} of 671 runs have ended.**" in page
    assert "| A1 tune | 238 | 236 | 2 |" in page
    assert "| B confirm | 140 | 138 | 2 |" in page


def test_stages_b_to_e_are_reported_with_the_runs_that_they_have(recipes):
    up_to_b(recipes)
    the_rest(recipes)
    cell = [f"study-readings-vectors-root-s{seed}" for seed in range(100, 105)]
    lose(recipes, "study-confirm-bickd-s101", *cell)
    lose(recipes, *(f"study-resnet20-kd-s{seed}" for seed in (100, 101)))
    lose(recipes, *(f"study-mobilenetv2-bickd-s{seed}" for seed in (100, 101, 102)))
    lose(recipes, "study-large-ce-s100", "study-schedule-kd-s102", why="no memory")
    results = Results.read()
    assert results.complete
    assert results.confirmed.primary.seeds == (19, 20)

    cells = results.readings
    assert len(cells) == 11
    assert {one.accuracy.seeds for one in cells.values()} == {(4, 4)}
    p_values = [one.accuracy.whole.p_value for one in cells.values()]
    least = min(cells.values(), key=lambda one: one.accuracy.whole.p_value)
    assert least.accuracy.adjusted == pytest.approx(min(1.0, 12 * min(p_values)))

    settings = results.settings
    assert settings["resnet20"].differences["bickd"].seeds == (3, 1)
    assert settings["resnet20"].differences["bickd"].interval.low is None
    assert "bickd" not in settings["mobilenetv2"].differences
    assert results.longer.difference.seeds == (3, 2)
    assert results.longer.change.seeds == (2, 2)  # BicKD has no seed 101 with 40 epochs
    assert results.longer.gains["ce"].seeds == (3, 3)

    page = written(PAGE, results)
    assert "ended, 13 of them without a result (diverged or failed)." in page
    assert "`study-confirm-bickd-s101` (diverged)" in page
    assert "`study-schedule-kd-s102` (no memory)" in page
    assert "| ResNet-8 on caltech95 at 64 pixels | " in page
    large = next(
        row for row in page.splitlines() if row.startswith("| ResNet-8 on caltech95 at 64")
    )
    assert large.split(" | ")[1].endswith("(2 runs)")
    assert "(2 runs)" not in large.split(" | ", 2)[2]
    assert [row.split(" | ")[-1] for row in page.splitlines() if row.startswith("| `repel")] == [
        "4 |"
    ]
    assert "| BicKD (reconstruction) (19 runs) | " in page
    assert " over 19 and 20 seeds." in page
    assert "Of 12 other readings" in page or "None of 12 other readings" in page
    assert "1 reading of 12 cannot be compared" in page
    assert "not known for ResNet-20 on caltech95 and MobileNetV2 on caltech95." in page
    only = settings["resnet20"].groups["kd"][102].accuracy
    assert f"| ResNet-20 on caltech95 | 39.2 | {100 * only:.1f} (1 run) |" in page
    assert "(no interval) | 3 and 1 |" in page
    assert "| – | – | – |" in page
    assert len(study_page.chart(results, LIGHT).layout.yaxis.ticktext) == 7


def test_a_setting_is_not_shown_before_its_whole_stage_is_there(recipes):
    up_to_b(recipes)
    the_rest(recipes)
    path = recipes / "study-large.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    page = written(PAGE, Results.read())
    assert "| D generality | 128 | 127 | 0 |" in page
    assert "## Appendix: other students" not in page
    assert "ResNet-20" not in page.partition("<!-- answer -->")[2].partition("<!-- end of")[0]


def test_a_line_of_another_recipe_or_of_other_images_is_refused(recipes):
    up_to_b(recipes)
    path = recipes / "study-confirm.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace('"samples":1,', '"samples":2,', 1))
    with pytest.raises(ValueError, match="s100 was tested on other images"):
        Results.read()
    path.write_text(whole.replace('"epochs":40,', '"epochs":41,', 1))
    with pytest.raises(ValueError, match="s100 has `epochs` 41, but the recipe 40"):
        Results.read()


def test_the_difference_of_stage_b_is_that_of_the_means(recipes):
    up_to_b(recipes)
    found = Results.read().confirmed
    mean = {
        method: np.mean([run.accuracy for run in runs.values()])
        for method, runs in found.groups.items()
    }
    assert found.primary.interval.estimate == pytest.approx(mean["bickd"] - mean["kd"])
    assert found.primary.seeds == (20, 20)
    assert found.primary.adjusted is None
    assert set(found.accuracy["kd"]) == set(PRESETS) & set(SHARES) - {"kd"}
    assert all(one.adjusted is not None for one in found.accuracy["bickd"].values())
    runs = found.groups["kd"]
    assert study_comparisons.mean_of(
        runs, LABELS, lambda run: run.classes == LABELS
    ).estimate == pytest.approx(mean["kd"])
    assert study_comparisons.replicated_mean_of(
        runs, "ece", correct=False
    ).estimate == pytest.approx(0.2)


def test_cost_leaves_out_the_views_and_is_compared_on_cpus_of_the_same_kind(recipes):
    up_to_b(recipes)
    groups = Results.read().confirmed.groups

    def spent(method, seeds):
        return {
            seed: groups[method][seed].model_copy(
                update={"cpu_seconds": cpu, "teacher_cpu_seconds": teacher, "device": device}
            )
            for seed, (cpu, teacher, device) in seeds.items()
        }

    kd = spent("kd", {100: (320.0, 200.0, "slow"), 101: (60.0, 0.0, "fast")})
    own = spent("bickd", {100: (180.0, None, "slow"), 101: (240.0, None, "slow")})
    assert study_page.cost(own, kd) == "3.5 (1.50)"
    assert study_page.cost(kd, kd) == "1.5 (1.00)"
    assert study_page.cost({101: own[101]}, kd) == "4.0"


def reading(option, value, points, p, validation=0.01, frozen=None):
    found = TwoWay(interval(points - 0.01, points + 0.01), p)
    return Reading(option, value, frozen, Versus(found, (5, 5), p), validation)


def defaults(*readings):
    return new_defaults({f"{one.option}-{one.value}": one for one in readings})


def test_a_default_changes_only_by_the_rule_of_the_design():
    ignored = reading("same_class", "ignore", 0.001, 0.9)
    not_positive = reading("same_class", "positive", -0.001, 0.9)
    assert defaults(ignored, not_positive) == {"same_class": "ignore"}
    assert defaults(ignored) == defaults() == {}  # both must have been compared
    assert defaults(reading("same_class", "positive", -0.02, 0.01)) == {}
    worse_on_validation = reading("queue", 8, 0.02, 0.01, validation=-0.001)
    by_chance = reading("vectors", "root", 0.02, 0.2)
    assert defaults(worse_on_validation, by_chance) == {}
    positive = reading("same_class", "positive", 0.02, 0.01)
    root = reading("vectors", "root", 0.02, 0.01)
    found = defaults(
        positive,
        reading("vectors", "centred", 0.03, 0.01),
        root,
        reading("column_weights", "equal", 0.02, 0.01),
    )
    assert found == {"same_class": "positive", "vectors": "centred"}
    assert defaults_sentence(found, {"same_class-positive": positive, "vectors-root": root}) == (
        "By the rule of the design, the default of `same_class` becomes `positive` and `vectors`"
        " becomes `centred`. Every reading was tried with the tuned weights and temperatures, and"
        " not with the default ones. Each option was changed alone; together they were not tried."
    )
    frozen = replace(positive, frozen="positive"), replace(root, frozen="root")
    cells = {"same_class-negative": frozen[0], "vectors-plain": frozen[1]}
    assert defaults_sentence({"same_class": "positive", "vectors": "root"}, cells).endswith(
        " The frozen BicKD has these values together."
    )
    default_is_worse = reading("same_class", "negative", -0.02, 0.01, -0.001, "ignore")
    assert defaults(default_is_worse) == {"same_class": "ignore"}
    assert defaults(replace(default_is_worse, validation=0.001)) == {}
    assert defaults(replace(default_is_worse, value="positive")) == {}
    tied = [reading("vectors", value, 0.02, 0.01) for value in ("root", "centred")]
    assert defaults(*tied) == {"vectors": "root"}  # the first that the design names
    assert defaults_sentence({}, {}) == "By the rule of the design, no default of BicKD changes."


def interval(low, high):
    return Interval((low + high) / 2, low, high, 0.95, "", 100)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ((0.001, 0.02), (0.003, 0.018), ("better",)),
        ((0.001, 0.012), (0.002, 0.011), ("better", "as good")),
        ((-0.02, -0.001), (-0.018, -0.002), ("worse",)),
        ((-0.016, 0.01), (-0.0149, 0.008), ("as good",)),
        ((-0.02, 0.01), (-0.0151, 0.008), ("cannot tell",)),
    ],
)
def test_the_verdict_follows_the_two_intervals(wide, narrow, expected):
    assert verdicts(interval(*wide), interval(*narrow)) == expected
    assert expected in study_sentences.VERDICTS


def compared(low, high, p=1.0, seeds=(20, 20)):
    limits = interval(low, high) if low is not None else Interval(0.0, None, None, 0.95, "", 400)
    return Versus(TwoWay(limits, p), seeds, p)


def test_every_outcome_has_a_true_sentence(recipes):
    up_to_b(recipes)
    found = Results.read().confirmed

    def primary(low, high, narrow, seeds=(20, 20)):
        one = compared(low, high, seeds=seeds)
        limits = interval(*narrow) if narrow else one.interval
        verdict = verdicts(one.interval, limits)
        return study_sentences.primary(replace(found, primary=one, narrow=limits, verdict=verdict))

    near = primary(-0.0152, 0.0004, (-0.01496, -0.0008), seeds=(19, 20))
    assert near == (
        "**BicKD is as accurate as KD to within 1.5 points, and no difference is seen** (ResNet-8"
        " on caltech95, both tuned with the same budget): -0.74 points, 95% interval [-1.52,"
        " +0.04], 90% interval [-1.496, -0.08], over 19 and 20 seeds."
    )
    alike = primary(None, None, None)
    assert alike.startswith("**The study cannot tell whether")
    assert alike.endswith(
        "+0.00 points without an interval, because the runs are too few or all alike, over 20"
        " seeds."
    )

    rest = {kind: compared(-0.05, -0.03, 0.001) for kind in ("ce", "dist", "dkd", "mlkd", "pkt")}
    worse = replace(found, accuracy={"kd": rest, "bickd": {}})
    assert study_sentences.others(worse) == (
        "Of the other methods there, in points of accuracy and with Holm's correction: CE (-4.0), DIST"
        " (-4.0), DKD (-4.0), MLKD (-4.0) and PKT (-4.0) are less accurate than KD."
    )

    cells = {
        "queue-8": reading("queue", 8, 0.03, 0.01),
        "vectors-root": reading("vectors", "root", -0.03, 0.02),
        "beta-0": reading("beta", 0.0, 0.0, 0.9),
    }
    assert study_sentences.readings(cells) == (
        "Of 12 other readings of BicKD, 2 differ from the frozen one, in points and with Holm's"
        " correction: `queue: 8` (+3.0 [+2.0, +4.0]) and `vectors: root` (-3.0 [-4.0, -2.0])."
        " The test images are those of the first answer, so this is a suggestion."
    )
    assert study_sentences.readings({}).endswith("because none could be compared.")

    assert study_sentences.generality([]) == "Whether this holds elsewhere is not known yet."
    one = study_sentences.generality([("A", compared(-0.01, 0.02, seeds=(3, 3)))])
    assert one.startswith(
        "In 1 other setting, with 3 runs of each method, the 95% interval of BicKD minus KD is"
        " around zero for A. "
    )
    several = study_sentences.generality(
        [
            ("A", compared(0.01, 0.02, seeds=(3, 3))),
            ("B", compared(-0.02, -0.01, seeds=(5, 5))),
            ("C", compared(None, None, seeds=(1, 3))),
            ("D", None),
        ]
    )
    assert (
        "with 1, 3 or 5 runs of each method, the 95% interval of BicKD minus KD is above zero for"
        " A; below zero for B; not known for C and D."
    ) in several


def test_a_lost_marker_is_named(recipes):
    with pytest.raises(ValueError, match="must have <!-- answer -->"):
        written(PAGE.replace("<!-- answer -->", ""), Results.read())


def test_the_committed_page_is_fresh():
    assert written(PAGE, Results.read()) == PAGE


def test_the_readme_has_the_difference_of_the_study():
    found = Results.read().confirmed
    interval = found.primary.interval
    low, high = map(study_sentences.hundredths, (interval.low, interval.high))
    expected = (
        f"BicKD minus KD is {study_sentences.hundredths(interval.estimate)} points [{low}, {high}]"
    )
    readme = (study_page.DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert expected in readme.replace("−", "-").replace("\n", " ")
    lines = PAGE.split("| method | accuracy % |")[1].split("\n\n")[0].splitlines()[2:]
    table = [line.strip("| ").split(" | ") for line in lines]
    cells = {row[0].split(" ")[0]: row for row in table}

    def figure(method: str, column: int) -> str:
        return cells[method][column].split(" ")[0]

    said = " ".join(readme.split())
    assert ("longer training are not all finished" in said) != Results.read().complete
    overlap = {method: figure(method, 6) for method in ("DIST", "BicKD", "KD")}
    assert (
        f"overlap is {overlap['DIST']} in DIST, {overlap['BicKD']} in BicKD and {overlap['KD']} in KD"
        in said
    )
    assert f"it is {figure('BicKD', 7)} in BicKD and in KD" in said
    assert figure("BicKD", 7) == figure("KD", 7)
    assert f"error ({figure('PKT', 4)} %, KD {figure('KD', 4)} %)" in said
    assert min(cells.values(), key=lambda row: float(row[4].split(" ")[0]))[0] == "PKT"
    left = sorted(float(row[5].split(" ")[0]) for row in cells.values())
    assert f"it leaves {left[0]} to {left[-1]} % in every method" in said
    sheet = (study_page.DOCS / "teaching.md").read_text(encoding="utf-8")
    below = f"{-100 * interval.estimate:.1f} points below KD [{-100 * interval.high:.1f},"
    assert f"{below} {-100 * interval.low:.1f}]" in " ".join(sheet.split())


def test_methods_without_an_interval_are_not_called_alike(recipes):
    up_to_b(recipes)
    found = Results.read().confirmed
    unknown = {"ce": compared(None, None), "mlkd": compared(0.03, 0.05, 0.001)}
    assert study_sentences.others(replace(found, accuracy={"kd": unknown, "bickd": {}})) == (
        "Of the other methods there, in points of accuracy and with Holm's correction: MLKD (+4.0) is more"
        " accurate than KD; too few runs ended to tell for CE, DIST, DKD and PKT."
    )
    near = {"ce": compared(-0.0104, 0.01, 0.9)}
    assert "no difference is seen for CE (+0.0)" in study_sentences.others(
        replace(found, accuracy={"kd": near, "bickd": {}})
    )


def test_kd_is_recommended_if_no_method_is_more_accurate(recipes):
    up_to_b(recipes)
    level = {"ce": compared(-0.05, -0.03, 0.001), "bickd": compared(-0.01, 0.01, 0.9)}
    found = replace(
        Results.read().confirmed, verdict=("as good",), accuracy={"kd": level, "bickd": {}}
    )
    assert study_sentences.recommendation(found) == (
        "Start with KD: no other method in our study of ResNet-8 on caltech95 is more accurate."
    )


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0003, "+0.03"), (-0.0003, "-0.03"), (0.00001, "+0.001"), (0.0, "+0.0"), (0.0123, "+1.2")],
)
def test_a_limit_beside_zero_shows_its_side_in_tables(share, shown):
    assert study_tables.limit(share) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.01496, "+1.496"), (-0.015004, "-1.5004"), (0.015, "+1.50"), (0.0152, "+1.52"),
        (-0.00001, "-0.001"), (0.0, "+0.00"), (-1e-17, "+0.00"),
    ],
)  # fmt: skip
def test_a_limit_beside_zero_or_the_margin_shows_its_side(share, shown):
    assert study_sentences.hundredths(share) == shown


def test_equal_means_on_validation_are_not_worse_although_lines_are_rounded(recipes):
    """Both sides classify 1,482 of five times 502 images correctly."""
    up_to_b(recipes)
    own = Results.read().confirmed.groups["bickd"]
    hits = (304, 295, 308, 287, 288), (281, 299, 290, 307, 305)
    (cell, frozen), made = zip(*own.items(), strict=True), []
    for side in hits:
        made.append(
            {
                seed: run.model_copy(update={"validation_last": round(right / 502, 6)})
                for seed, run, right in zip(cell, frozen, side, strict=False)
            }
        )
    means = [sum(run.validation_last for run in side.values()) for side in made]
    assert means[0] < means[1]
    assert study_comparisons.on_validation(*made) == 0.0
    assert not np.signbit(study_comparisons.on_validation(*made))


def test_a_stage_b_without_kd_names_it(recipes):
    up_to_b(recipes)
    lose(recipes, *(f"study-confirm-kd-s{seed}" for seed in range(100, 120)))
    with pytest.raises(ValueError, match="stage B has no result line of kd, so the study's"):
        Results.read()


def test_figures_are_of_the_runs_that_have_them(recipes):
    up_to_b(recipes)
    runs = Results.read().confirmed.groups["kd"]
    some = dict(runs)
    some[100] = runs[100].model_copy(update={"replicates": {}})
    assert study_page.replicated(some, "ece", 1, 100).endswith(" (19 runs)")
    none = {100: some[100]}
    assert study_page.replicated(none, "ece", 1, 100) == "–"
    bare = runs[100].model_copy(update={"corrupted_hits": "", "corrupted": {}})
    with pytest.raises(ValueError, match=f"the line of {bare.name} has no results on corrupted"):
        study_page._robustness(bare)


def test_runs_that_diverged_in_tuning_are_named_in_its_appendix(recipes):
    up_to_b(recipes)
    lose(recipes, "study-tune-pkt-00-s1")
    page = written(PAGE, Results.read())
    assert "Runs that diverged, and count as 0 %: `study-tune-pkt-00-s1`." in page
