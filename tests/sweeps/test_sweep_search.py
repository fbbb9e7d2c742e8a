"""Random configurations of a sweep: draws that nothing else moves, and the runs that follow."""

import math

import pytest
import yaml

from bickd_core.config import TrainConfig
from bickd_core.presets.logits import BicKDOptions
from bickd_core.runs.library import RunError
from bickd_core.sweeps.definition import Sweep, planned_runs, read_sweep, write_sweep
from bickd_core.sweeps.search import Choice, LogUniform, Uniform, draw

RATE = LogUniform(log_uniform=(0.00625, 1.6))
SPACE = {
    "lr": RATE,
    "alpha": Uniform(uniform=(0.0, 1.0)),
    "absent": Choice(choice=("keep", "drop")),
}


def sweep(**changes):
    searched = {
        "objective": {"kind": "kd", "beta": 3.0},
        "search": {
            "lr": {"log_uniform": [0.00625, 1.6]},
            "temperature": {"uniform": [1, 8]},
            "standardize": {"choice": [True, False]},
        },
    }
    return {
        "name": "s",
        "pairs": [{"teacher": "t", "student": "resnet8"}],
        "methods": [searched, "ce"],
        "seeds": [0, 1],
        "configurations": 4,
        **changes,
    }


def test_every_part_of_a_range_is_drawn_once():
    drawn = draw(SPACE, 16, seed=3, label="kd")
    parts = sorted(16 * math.log(one["lr"] / 0.00625) / math.log(256) for one in drawn)
    assert all(k - 0.01 < x < k + 1.01 for k, x in enumerate(parts))
    shares = sorted(one["alpha"] for one in drawn)
    assert all(k - 0.01 < 16 * x < k + 1.01 for k, x in enumerate(shares))  # rounded
    assert [one["absent"] for one in drawn].count("drop") == 8
    order = sorted(range(16), key=lambda i: drawn[i]["lr"])
    assert order != sorted(range(16), key=lambda i: drawn[i]["alpha"])


def test_draws_depend_on_seed_label_and_name_and_not_on_the_other_options():
    drawn = draw(SPACE, 8, seed=0, label="kd")
    assert draw(SPACE, 8, seed=0, label="kd") == drawn
    alone = draw({"lr": RATE}, 8, seed=0, label="kd")
    assert [one["lr"] for one in alone] == [one["lr"] for one in drawn]
    assert draw({"lr": RATE}, 8, seed=1, label="kd") != alone
    assert draw({"lr": RATE}, 8, seed=0, label="dist") != alone


def test_the_draws_are_the_same_in_every_version():
    # a change here would make committed result lines belong to other configurations
    drawn = draw({"lr": RATE}, 3, seed=1, label="kd")
    assert [one["lr"] for one in drawn] == [0.5864, 0.2341, 0.01722]


def test_a_method_with_a_search_becomes_its_configurations():
    made = Sweep.model_validate(sweep())
    runs = planned_runs(made)
    assert [run.name for run in runs[:5]] == [
        "s-kd-00-s0", "s-kd-01-s0", "s-kd-02-s0", "s-kd-03-s0", "s-ce-s0",
    ]  # fmt: skip
    assert len(runs) == 10
    first, again = runs[0], runs[5]
    assert (first.method, first.config.objective.beta) == ("kd-00", 3.0)
    assert first.config.objective == again.config.objective  # the same configuration, another seed
    assert first.config.optimizer == again.config.optimizer
    assert len({run.config.optimizer.lr for run in runs[:4]}) == 4
    assert len({run.config.objective.temperature for run in runs[:4]}) == 4
    assert sum(run.config.objective.standardize for run in runs[:4]) == 2


def test_only_the_rate_is_searched_and_the_optimizer_stays():
    shared = {"optimizer": {"kind": "sgd", "momentum": 0.5, "weight_decay": 0.001}}
    made = sweep(train=shared, own_rates=True)
    runs = planned_runs(Sweep.model_validate(made))
    assert {run.config.optimizer.momentum for run in runs} == {0.5}
    assert {run.config.optimizer.weight_decay for run in runs} == {0.001}


def test_the_fold_of_a_run_follows_its_seed():
    made = Sweep.model_validate(sweep(seeds=[0, 3, 7], train={"validation_folds": 5}))
    folds = {run.config.seeds.weights: run.config.validation_fold for run in planned_runs(made)}
    assert folds == {0: 0, 3: 3, 7: 2}
    assert all(run.config.validation_folds == 5 for run in planned_runs(made))
    plain = planned_runs(Sweep.model_validate(sweep(seeds=[3])))
    assert {(run.config.validation_folds, run.config.validation_fold) for run in plain} == {
        (None, 0)
    }


def test_what_is_stored_beside_the_runs_has_the_same_configurations(tmp_path):
    made = Sweep.model_validate(sweep(results_on="validation"))
    assert planned_runs(read_sweep(write_sweep(made, tmp_path))) == planned_runs(made)


def search(**space):
    return {"methods": [{"objective": {"kind": "bickd"}, "search": space}]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"configurations": None}, "a `search`, here of kd, needs the number of `configurations`"),
        ({"methods": ["kd"]}, "`configurations` needs a method with a `search`"),
        (
            {"results_on": "validation", "corruptions": True},
            "`corruptions` are of test images, but `results_on` is validation",
        ),
        (search(taau={"uniform": [0, 1]}), "`search` of bickd: an option must be one of lr, "),
        (search(taau={"uniform": [0, 1]}), "got 'taau'; the nearest is 'tau'."),
        (search(tau={"uniform": [-2, -1]}), "`search` of bickd: `tau`: input should be greater"),
        (search(tau={"uniform": [1, 1]}), "a range must be [low, high] with low below high"),
        (search(tau={"log_uniform": [0, 1]}), "input should be greater than 0, got 0"),
        (search(tau={"normal": [0, 1]}), "should be {uniform: [0, 1]}, {log_uniform: [0.1, 1]} or"),
        (search(tau=0.2), "should be {uniform: [0, 1]}, {log_uniform: [0.1, 1]} or"),
        ({"train": {"validation_fold": 1}}, "`validation_fold` is not known"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_sentence(tmp_path, changes, words):
    path = tmp_path / "mistaken.yaml"
    path.write_text(yaml.safe_dump(sweep(**changes)))
    with pytest.raises(RunError, match="is not a valid sweep: ") as error:
        read_sweep(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_fold_is_below_their_number():
    assert TrainConfig(validation_folds=5, validation_fold=4).validation_fold == 4
    with pytest.raises(ValueError, match="`validation_fold` must be below `validation_folds`"):
        TrainConfig(validation_folds=5, validation_fold=5)
    with pytest.raises(ValueError, match="got 1 with no folds"):
        TrainConfig(validation_fold=1)


def test_an_option_that_may_be_unset_can_be_searched():
    made = sweep(**search(contrast_temperature={"choice": [None, 2.0]}), configurations=2)
    found = {run.config.objective for run in planned_runs(Sweep.model_validate(made))}
    assert found == {BicKDOptions(), BicKDOptions(contrast_temperature=2.0)}
