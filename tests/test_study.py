"""The recipes of the study: the committed one, and those that follow from made-up result lines."""

import base64

import numpy as np
import pytest
import yaml
from study_lines import settings_of

from bickd_core.presets.logits import BicKDOptions
from bickd_core.sweeps.definition import planned_runs, read_sweep
from bickd_core.sweeps.diverged import Diverged, diverged_path
from bickd_core.sweeps.results import Result, add_result, read_results
from pretrained import study

TUNE = study.RECIPES / "study-tune.yaml"
IMAGES = 1005
"""Of a validation fold."""


def test_the_committed_recipe_tunes_every_method_with_one_budget():
    planned = planned_runs(read_sweep(TUNE))
    assert len(planned) == 7 * 17 * 2
    by_kind: dict[str, set[str]] = {}
    for run in planned:
        by_kind.setdefault(run.config.objective.kind, set()).add(run.method)
        assert 0.00625 <= run.config.optimizer.lr <= 1.6
        assert run.config.validation_folds == 5
        assert run.config.validation_fold == run.config.seeds.weights
        assert run.config.teacher == "caltech95/teacher"
    assert {kind: len(several) for kind, several in by_kind.items()} == dict.fromkeys(
        ("ce", "kd", "dist", "dkd", "mlkd", "pkt", "bickd"), 17
    )
    lines = {line.name: line for line in read_results(TUNE.with_suffix(".jsonl"))}
    for method in yaml.safe_load(TUNE.read_text())["methods"]:
        kind = method["objective"].pop("kind")  # all options, so that no default is needed
        assert method["objective"] == lines[f"study-tune-{kind}-preset-s0"].options
    made = read_sweep(TUNE)
    assert made.results_on == "validation"
    searched = [method.search for method in made.methods if method.search]
    assert [space["lr"].limits for space in searched] == [(0.00625, 1.6)] * 7


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A folder with a small recipe of stage A: two methods, six configurations."""
    monkeypatch.setattr(study, "RECIPES", tmp_path)
    content = yaml.safe_load(TUNE.read_text())
    content["methods"] = [
        method
        for method in content["methods"]
        if "search" in method and method["objective"]["kind"] in ("kd", "bickd")
    ]
    content["configurations"] = 6
    (tmp_path / "study-tune.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def finish(recipes, name, accuracy, leave_out=()):
    """Add a line for each run of a recipe; `accuracy` is a function of method and seed."""
    sweep = read_sweep(recipes / f"{name}.yaml")
    for run in planned_runs(sweep):
        if run.name in leave_out:
            continue
        fields = {
            **settings_of(run, sweep), "n": IMAGES,
            "accuracy": accuracy(run.method, run.config.seeds.weights), "agreement": None, "overlap": None,
            "overlap_matched": None, "score": None, "ece": 0.1, "nll": 1.0, "validation_last": 0.1, "validation_best": 0.1,
            "seconds": 1.0, "cpu_seconds": 1.0, "samples": 1,
            "predicted": base64.b64encode(np.zeros(4, "<u2").tobytes()).decode(),
        }  # fmt: skip
        add_result(recipes / f"{name}.jsonl", Result.model_validate(fields))


def number(method):
    return int(method.rpartition("-")[2])


def test_the_best_four_on_two_folds_run_on_the_other_three(recipes):
    finish(recipes, "study-tune", lambda method, seed: 0.1 * (number(method) % 5) + 0.01 * seed)
    (path,) = [study.write(sweep) for sweep in study.finalists()]
    made = read_sweep(path)
    assert [method.shown for method in made.methods] == [
        *(f"kd-0{i}" for i in (4, 3, 2, 1)),
        *(f"bickd-0{i}" for i in (4, 3, 2, 1)),
    ]
    tuned = {
        run.method: run.config for run in planned_runs(read_sweep(recipes / "study-tune.yaml"))
    }
    for run in planned_runs(made):
        assert run.config.objective == tuned[run.method].objective
        assert run.config.optimizer == tuned[run.method].optimizer
        assert (run.config.validation_folds, run.config.validation_fold) == (
            5,
            run.config.seeds.weights,
        )
    assert made.seeds == (2, 3, 4)
    assert made.results_on == "validation"


@pytest.fixture
def tuned(recipes):
    """Stages A and A2 done: configuration 4 leads on two folds, configuration 1 on all five."""
    finish(recipes, "study-tune", lambda method, seed: 0.1 * (number(method) % 5))
    for sweep in study.finalists():
        study.write(sweep)
    finish(recipes, "study-finalists", lambda method, seed: 0.9 if number(method) == 1 else 0.2)
    return recipes


def test_a_tie_goes_to_the_first_although_lines_are_rounded(recipes):
    """Both configurations have 1,152 hits, but the rounded shares of the second have a higher
    sum."""
    hits = {0: (540, 612), 1: (544, 608)}
    shares = {number: [round(each / IMAGES, 6) for each in both] for number, both in hits.items()}
    assert sum(shares[1]) > sum(shares[0])
    finish(
        recipes,
        "study-tune",
        lambda method, seed: shares[number(method)][seed] if number(method) in hits else 0.1,
    )
    best = study.chosen(("study-tune",), 2)
    assert [method.label for method in best["kd"]] == ["kd-00", "kd-01"]


def test_what_is_best_over_five_folds_is_frozen_and_runs_on_fresh_seeds(tuned):
    best = {run.method: run.config for run in planned_runs(read_sweep(tuned / "study-tune.yaml"))}
    (path,) = [study.write(sweep) for sweep in study.confirm()]
    runs = planned_runs(read_sweep(path))
    assert {run.method for run in runs} == {"kd", "bickd"}
    for run in runs:
        assert run.config.objective == best[f"{run.method}-01"].objective
        assert run.config.optimizer == best[f"{run.method}-01"].optimizer
        assert run.config.validation_folds is None
    assert sorted({run.config.seeds.weights for run in runs}) == list(range(100, 120))
    assert read_sweep(path).results_on == "test"
    assert read_sweep(path).corruptions
    (longer,) = study.schedule()
    assert {run.config.epochs for run in planned_runs(longer)} == {160}


def test_the_twelve_cells_differ_from_the_frozen_one_in_one_option(tuned):
    (made,) = study.readings()
    base = study.frozen()["bickd"].objective
    assert len(made.methods) == 12
    assert len({method.objective for method in made.methods} | {base}) == 13
    for method in made.methods:
        changed = [
            name for name in BicKDOptions.model_fields
            if getattr(method.objective, name) != getattr(base, name)
        ]  # fmt: skip
        assert len(changed) == 1
        assert method.train == study.frozen()["bickd"].train
    negative = BicKDOptions(same_class="negative")
    plain = dict(study.cells(negative))
    assert plain["queue-8"] == negative.model_copy(update={"queue": 8})
    assert plain["beta-0"] == negative.model_copy(update={"beta": 0.0})
    both = dict(study.cells(BicKDOptions(queue=8)))
    assert both["same_class-negative"] == BicKDOptions(queue=8, same_class="negative")
    assert both["queue-0"] == BicKDOptions()


def test_other_settings_choose_their_rate_on_validation(tuned):
    for sweep in study.generality():
        path = study.write(sweep)
        assert read_sweep(path).results_on == "validation"
        finish(tuned, sweep.name, lambda method, seed: float(method.partition("@")[2]))
    frozen = study.frozen()
    runs = [run for sweep in study.transfer() for run in planned_runs(sweep)]
    assert {run.config.arch for run in runs} == {"resnet8", "resnet20", "mobilenetv2"}
    for run in runs:
        rate = frozen[run.method].train["optimizer"]["lr"]
        assert run.config.optimizer.lr == pytest.approx(4 * rate, rel=1e-3)
    assert len({run.name for run in runs}) == len(runs)


def test_a_run_without_a_line_is_unfinished_unless_it_diverged_or_is_said_to_have_failed(recipes):
    lost = "study-tune-kd-05-s0"
    finish(recipes, "study-tune", lambda method, seed: 0.5, leave_out=[lost])
    with pytest.raises(ValueError, match="1 of 24 runs of study-tune have no result line, such as"):
        study.finalists()
    named = recipes / study.FAILED
    named.write_text(f"{lost}: the machine had too little memory\n")
    (made,) = study.finalists()
    assert "kd-05" not in {method.shown for method in made.methods}
    named.unlink()
    record = Diverged(name=lost, error="the loss is not finite", settings={})
    diverged_path(recipes / "study-tune.jsonl").write_text(record.model_dump_json() + "\n")
    assert study.finalists() == [made]
