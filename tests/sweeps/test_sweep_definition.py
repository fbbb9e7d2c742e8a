"""A sweep's file: which runs follow from it, and one sentence for what is wrong with it."""

from pathlib import Path

import pytest
import yaml

from bickd_core.config import SGD, AdamW, Seeds
from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.presets.logits import BicKDOptions, KDOptions
from bickd_core.runs.library import Library, RunError
from bickd_core.sweeps.definition import Sweep, planned_runs, read_sweep, sweep_path, write_sweep
from bickd_core.sweeps.results import measured, read_results

REAL = Path(__file__).resolve().parents[2] / "pretrained" / "sweeps"


def sweep(**changes):
    return {
        "name": "first",
        "pairs": [{"teacher": "data/teacher", "student": "resnet8"}],
        "methods": ["ce", "kd"],
        "seeds": [3, 5],
        **changes,
    }


def names(**changes):
    return [run.name for run in planned_runs(Sweep.model_validate(sweep(**changes)))]


def test_methods_seeds_and_pairs_are_multiplied_seeds_outermost():
    assert names() == ["first-ce-s3", "first-kd-s3", "first-ce-s5", "first-kd-s5"]
    two = [
        {"teacher": "data/teacher", "student": "resnet8"},
        {"teacher": "t2", "student": "resnet14", "label": "b"},
    ]
    assert names(pairs=two, methods=["kd"], seeds=[0]) == [
        "first-teacher-resnet8-kd-s0",
        "first-b-kd-s0",
    ]
    one = [{"teacher": "t2", "student": "resnet14", "label": "b"}]
    assert names(pairs=one, methods=["kd"], seeds=[0]) == ["first-b-kd-s0"]


def test_every_run_has_the_shared_settings_its_objective_and_its_own_three_seeds():
    made = Sweep.model_validate(
        sweep(train={"epochs": 7, "threads": 1, "optimizer": {"kind": "adamw"}})
    )
    run = planned_runs(made)[-1]
    assert (run.config.arch, run.config.teacher, run.config.role) == (
        "resnet8",
        "data/teacher",
        "student",
    )
    assert (run.config.epochs, run.config.threads, run.config.optimizer) == (7, 1, AdamW())
    assert run.config.objective == KDOptions()
    assert run.config.seeds == Seeds.all(5)
    assert (run.method, run.pair, run.title) == ("kd", "teacher-resnet8", "")
    assert planned_runs(Sweep.model_validate(sweep()))[0].config.optimizer == SGD(
        lr=PRESETS["ce"].rate
    )


def test_one_augmentation_stream_for_all_is_the_first_seeds():
    made = Sweep.model_validate(sweep(shared_augmentation=True))
    assert [run.config.seeds for run in planned_runs(made)][1:3] == [
        Seeds.all(3),
        Seeds(weights=5, order=5, augmentation=3),
    ]


def test_one_kind_may_come_twice_with_other_options():
    methods = [
        "bickd",
        {"label": "bickd, columns alone", "objective": {"kind": "bickd", "lambda_sample": 0}},
    ]
    found = planned_runs(Sweep.model_validate(sweep(methods=methods, seeds=[0])))
    assert [run.name for run in found] == ["first-bickd-s0", "first-bickd-columns-alone-s0"]
    assert found[1].config.objective == BicKDOptions(lambda_sample=0)
    assert (found[1].method, found[1].title) == (
        "bickd, columns alone",
        "bickd, columns alone, seed 0",
    )


def test_each_method_may_have_its_presets_learning_rate():
    own = {"objective": {"kind": "dist"}, "train": {"optimizer": {"kind": "sgd", "lr": 0.3}}}
    methods = ["kd", "kd-standardize", "bickd", own]
    shared = {"optimizer": {"kind": "sgd", "lr": 0.07, "momentum": 0.5}}
    runs = planned_runs(
        Sweep.model_validate(sweep(methods=methods, seeds=[0], own_rates=True, train=shared))
    )
    rates = [PRESETS["kd"].rate, VARIANTS["kd-standardize"].rate, PRESETS["bickd"].rate, 0.3]
    assert [run.config.optimizer.lr for run in runs] == rates
    assert [run.config.optimizer.momentum for run in runs] == [0.5, 0.5, 0.5, 0.9]
    plain = planned_runs(Sweep.model_validate(sweep(methods=methods[:3], seeds=[0], train=shared)))
    assert [run.config.optimizer.lr for run in plain] == [0.07] * 3
    unsaid = planned_runs(
        Sweep.model_validate(sweep(methods=methods, seeds=[0], train={"epochs": 3}))
    )
    assert [run.config.optimizer.lr for run in unsaid] == rates
    one = planned_runs(Sweep.model_validate(sweep(methods=methods[:3], seeds=[0], own_rates=False)))
    assert [run.config.optimizer.lr for run in one] == [0.05] * 3
    with pytest.raises(
        ValueError, match="own_rates are learning rates of sgd, got the optimizer adamw"
    ):
        Sweep.model_validate(sweep(own_rates=True, train={"optimizer": {"kind": "adamw"}}))


def test_an_optimizer_without_a_rate_leaves_each_method_its_own():
    methods = ["kd", "bickd"]
    rates = [PRESETS[kind].rate for kind in methods]
    shared = {"optimizer": {"kind": "sgd", "momentum": 0.5}}
    runs = planned_runs(Sweep.model_validate(sweep(methods=methods, seeds=[0], train=shared)))
    assert [(r.config.optimizer.lr, r.config.optimizer.momentum) for r in runs] == [
        (rate, 0.5) for rate in rates
    ]
    for own_rates in (None, True):
        own = {"objective": {"kind": "bickd"}, "train": shared}
        made = sweep(
            methods=["kd", own],
            seeds=[0],
            own_rates=own_rates,
            train={"optimizer": {"kind": "sgd", "lr": 0.07}},
        )
        runs = planned_runs(Sweep.model_validate(made))
        shared_rate = 0.07 if own_rates is None else rates[0]
        assert [r.config.optimizer.lr for r in runs] == [shared_rate, rates[1]]
    adamw = {"objective": {"kind": "kd"}, "train": {"optimizer": {"kind": "adamw"}}}
    (run,) = planned_runs(Sweep.model_validate(sweep(methods=[adamw], seeds=[0])))
    assert run.config.optimizer == AdamW()


def test_a_method_may_have_settings_of_its_own():
    faster = {
        "label": "kd-fast",
        "objective": {"kind": "kd"},
        "train": {"optimizer": {"kind": "sgd", "lr": 0.1}},
    }
    made = Sweep.model_validate(
        sweep(methods=["kd", faster], seeds=[0], train={"epochs": 7, "view_pool": 4})
    )
    plain, own = planned_runs(made)
    assert (plain.config.epochs, own.config.epochs) == (7, 7)
    assert (plain.config.optimizer.lr, own.config.optimizer.lr) == (PRESETS["kd"].rate, 0.1)
    assert own.name == "first-kd-fast-s0"


@pytest.mark.parametrize("path", sorted(REAL.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_committed_definition_plans_the_very_runs_that_it_recorded(path, tmp_path):
    library = Library(shelf=REAL.parent, own=tmp_path)
    recorded = {result.name: result for result in read_results(path.with_suffix(".jsonl"))}
    sweep = read_sweep(path)
    planned = planned_runs(sweep)
    assert planned
    for run in planned:
        line = recorded[run.name]
        assert run.config.objective.model_dump(exclude={"kind"}) == line.options, run.name
        assert run.config.optimizer.model_dump(mode="json") == line.optimizer, run.name
        assert measured([line], run, library, sweep), run.name


def test_a_published_variant_goes_by_its_name():
    (run,) = planned_runs(Sweep.model_validate(sweep(methods=["kd-standardize"], seeds=[0])))
    assert (run.name, run.method) == ("first-kd-standardize-s0", "kd-standardize")
    assert run.config.objective == VARIANTS["kd-standardize"].options


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 3}, "`epochs` is not known"),
        ({"train": {"epoch": 3}}, "in `train`: `epoch` is not known"),
        ({"train": {"seeds": 3}}, "in `train`: `seeds` is not known"),
        ({"train": {"epochs": 0}}, "in `train`: `epochs`: input should be greater than 0, got 0"),
        ({"methods": ["disst"]}, "a method must be one of ce, kd, "),
        ({"methods": ["disst"]}, "got 'disst'; the nearest is 'dist'."),
        ({"methods": [{"objective": {"kind": "disst"}}]}, "`methods.0.objective`: `kind` must be one of ce, "),
        ({"methods": [{"objective": {"kind": "disst"}}]}, "got 'disst'; the nearest is 'dist'."),
        ({"methods": [{"objective": {"weight": 1}}]}, "`methods.0.objective`: expected a `kind`, got {'weight': 1}"),
        ({"train": {"optimizer": {"kind": "adam"}}}, "`kind` must be one of sgd, adamw, got 'adam'; the nearest is 'adamw'."),
        ({"methods": [{"objective": {"kind": "kd", "tau": 1}}]}, "tau` is not known"),
        ({"methods": [{"objective": {"kind": "kd"}, "train": {"epoch": 3}}]}, "in `train`: `epoch` is not known"),
        ({"methods": [{"objective": {"kind": "kd"}, "search": {"lr": {"uniform": [0.1, 1]}}}], "configurations": 2, "train": {"optimizer": "sgd"}}, "in `train`: `optimizer` must be a mapping such as {kind: sgd}, got 'sgd'."),
        ({"train": {"optimizer": "sgd"}}, "in `train`: `optimizer`"),
        ({"methods": []}, "`methods`: tuple should have at least 1 item"),
        ({"methods": ["kd", "kd"]}, "two runs would be named 'first-kd-s3'; give methods of one kind a `label`"),
        ({"seeds": [1, 1]}, "two runs would be named 'first-ce-s1'"),
        ({"seeds": [-1]}, "greater than or equal to 0, got -1"),
        ({"pairs": [{"teacher": "t"}]}, "`pairs.0.student`: field required"),
        ({"name": "a b"}, "a run's name must have 1 to 80 letters"),
        ({"name": "n" * 78}, "cannot be a run's name; shorten"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_sentence(tmp_path, changes, words):
    path = tmp_path / "mistaken.yaml"
    path.write_text(yaml.safe_dump(sweep(**changes)))
    with pytest.raises(RunError, match="mistaken.yaml is not a valid sweep: ") as error:
        read_sweep(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [None, "", "- a", "a: [", "name: x"])
def test_a_file_that_is_no_sweep_is_refused(tmp_path, text):
    path = tmp_path / "no.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match="no.yaml is not a valid sweep"):
        read_sweep(path)


def test_what_is_kept_beside_the_runs_gives_the_same_runs(tmp_path):
    made = Sweep.model_validate(
        sweep(train={"epochs": 7, "optimizer": {"kind": "adamw", "lr": 0.1}})
    )
    path = write_sweep(made, tmp_path / "runs")
    assert path == sweep_path(tmp_path / "runs", "first")
    assert planned_runs(read_sweep(path)) == planned_runs(made)


@pytest.mark.parametrize("path", sorted(REAL.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_sweeps_in_the_repository_are_valid_and_share_optimiser_and_teacher(path):
    made = read_sweep(path)
    runs = planned_runs(made)
    assert made.name == path.stem
    assert (
        len({run.config.optimizer.model_copy(update={"lr": 1.0}) for run in runs}) == 1
    )  # but for its rate
    assert all(run.config.teacher for run in runs)
    assert all(run.config.seeds == Seeds.all(run.config.seeds.weights) for run in runs)


def test_the_sweep_behind_the_results_has_every_method():
    kinds = {
        method.objective.kind for method in read_sweep(REAL / "caltech95-methods.yaml").methods
    }
    assert kinds == set(PRESETS)


def test_the_recipe_for_cifar100_has_the_settings_of_the_published_tables():
    planned = planned_runs(
        read_sweep(Path(__file__).resolve().parents[2] / "recipes/cifar100.yaml")
    )
    assert len(planned) == 6 * 11 * 3
    assert "cifar100-wrn-40-2-wrn-16-2-bickd-s2" in {run.name for run in planned}
    for run in planned:
        assert (run.config.epochs, run.config.batch_size) == (240, 64)
        assert run.config.optimizer == SGD(lr=0.05, momentum=0.9, weight_decay=0.0005)
        assert [share * 240 for share in run.config.schedule.milestones] == [150, 180, 210]
        if run.config.objective.kind in PRESETS:
            options = PRESETS[run.config.objective.kind].options.model_validate({})
            assert run.config.objective == options
