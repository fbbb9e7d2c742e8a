"""The page of the study, from made-up lines of all its stages."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from bickd_core.geometry.intervals import Interval
from bickd_core.presets.catalogue import PRESETS
from bickd_core.sweeps.definition import planned_runs, read_sweep
from bickd_core.sweeps.results import Result
from bickd_viz.theme import LIGHT
from pretrained import study, study_page, study_stages
from pretrained.study_page import Results, written
from pretrained.study_stages import verdicts
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


def line(sweep: str, run, share: float) -> Result:
    """A run that classifies this share of images correctly, each seed other ones."""
    config = run.config
    rng = np.random.default_rng(config.seeds.weights * 7 + len(run.method))
    hits = rng.random(N) < share
    predicted = np.where(hits, LABELS, (LABELS + 1) % 10)
    replicates = tuple(0.2 + 0.01 * rng.standard_normal(20))
    fields = {
        "sweep": sweep, "name": run.name, "created": "now", "method": run.method, "kind": config.objective.kind,
        "options": config.objective.model_dump(mode="json", exclude={"kind"}), "seed": config.seeds.weights, "seeds": {},
        "dataset": config.dataset, "image_size": 32, "arch": config.arch, "teacher": config.teacher, "teacher_sha256": "a",
        "epochs": config.epochs, "batch_size": 64, "optimizer": config.optimizer.model_dump(mode="json"), "schedule": {},
        "precision": "auto", "threads": 1, "device": "CPU", "n": N, "accuracy": float(hits.mean()), "agreement": 0.5,
        "overlap": 0.2, "overlap_matched": 0.2, "overlap_per_image": 0.2, "score": None, "ece": 0.2, "ece_scaled": 0.2,
        "nll": 1.0, "validation_last": 0.1, "validation_best": 0.1, "seconds": 1.0, "cpu_seconds": 120.0, "samples": 1,
        "split": "test", "predicted": base64.b64encode(predicted.astype("<u2").tobytes()).decode(),
        "replicates": {name: replicates for name in ("overlap", "overlap_per_image", "ece", "ece_scaled")},
        "corrupted": {"noise": 0.3, "blur": 0.2},
        "corrupted_hits": base64.b64encode(hits.astype(np.uint8).tobytes()).decode(),
    }  # fmt: skip
    return Result.model_validate(fields)


def finish(folder: Path, name: str, shares: dict[str, float]) -> None:
    """Add all lines of a recipe at once; `add_result` would read the file again for each."""
    runs = planned_runs(read_sweep(folder / f"{name}.yaml"))
    made = [line(name, run, shares[run.config.objective.kind]) for run in runs]
    content = "".join(one.model_dump_json() + "\n" for one in made)
    (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    monkeypatch.setattr(study_stages, "labels_of", lambda line: LABELS)
    monkeypatch.setattr(study_page, "teacher_of", lambda line: TEACHER)
    monkeypatch.setattr(study, "RECIPES", tmp_path)
    return tmp_path


def up_to_b(folder: Path) -> None:
    (folder / "study-tune.yaml").write_bytes(
        (study_page.DOCS.parent / "recipes/study-tune.yaml").read_bytes()
    )
    finish(folder, "study-tune", SHARES)
    for step, name in (("finalists", "study-finalists"), ("confirm", "study-confirm")):
        for sweep in study.STAGES[step](()):
            study.write(sweep)
        finish(folder, name, SHARES)


def the_rest(folder: Path) -> None:
    for step in ("readings", "generality", "transfer", "schedule"):
        for sweep in study.STAGES[step](()):
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
    assert "**BicKD is more accurate than KD**: +" in page
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
    assert "other readings of BicKD" in page
    assert "In 6 other settings the 95 % interval of BicKD minus KD is" in page
    assert "| ResNet-8 on Fashion-MNIST |" in page
    assert page.count("\n## Appendix: ") == 5
    assert written(page, results) == page
    assert [row[0] for row in study_page.differences(results)][:2] == [
        "ResNet-8 on caltech95",
        "ResNet-8 on caltech95, 160 epochs",
    ]
    figure = study_page.chart(results, LIGHT)
    assert len(figure.layout.yaxis.ticktext) == 7


def test_an_unfinished_stage_b_is_not_summarised(recipes):
    up_to_b(recipes)
    path = recipes / "study-confirm.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    results = Results.read()
    assert results.confirmed is None
    assert "| B confirm | 140 | 139 | 0 |" in written(PAGE, results)


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
    assert study_stages.mean_of(
        runs, LABELS, lambda run: run.classes == LABELS
    ).estimate == pytest.approx(mean["kd"])
    assert study_stages.replicated_mean_of(runs, "ece", correct=False).estimate == pytest.approx(
        0.2
    )


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
    assert expected in study_page.VERDICTS


def test_a_lost_marker_is_named(recipes):
    with pytest.raises(ValueError, match="must have <!-- answer -->"):
        written(PAGE.replace("<!-- answer -->", ""), Results.read())


def test_the_committed_page_is_fresh():
    assert written(PAGE, Results.read()) == PAGE
