"""The section on chosen learning rates, made of made-up lines: the choice is by validation
alone."""

import pytest
from test_sweep_results_page import TEACHER, line

from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.sweeps.results import add_result, read_results
from pretrained import rate_results
from pretrained.rate_results import by_rate, check_alike, chosen_rate, complete, section, write
from pretrained.recipe import METHODS, RECIPES

VALIDATION = {
    "kd": {0.025: 0.50, 0.05: 0.55, 0.1: 0.54, 0.2: 0.1, 0.4: 0.1},
    "bickd": {0.025: 0.50, 0.05: 0.55, 0.1: 0.58, 0.2: 0.60, 0.4: 0.1},
}
TEST = {
    "kd": {0.025: 0.99, 0.05: 0.50, 0.1: 0.99, 0.2: 0.99, 0.4: 0.99},
    "bickd": {0.025: 0.30, 0.05: 0.60, 0.1: 0.61, 0.2: 0.62, 0.4: 0.99},
}


def trial(method, rate, seed):
    name = method if rate == 0.05 else f"{method}@{rate:g}"
    return line(
        name,
        seed,
        TEST[method][rate],
        kind=method,
        optimizer={"kind": "sgd", "lr": rate},
        validation_last=VALIDATION[method][rate] + seed / 100,
    )


def trials(methods=("kd", "bickd"), seeds=(0, 1)):
    return [
        trial(method, rate, seed)
        for method in methods
        for rate in VALIDATION[method]
        for seed in seeds
    ]


def test_the_rate_is_chosen_by_validation_however_the_test_split_looks():
    runs = by_rate(trials())
    assert {method: chosen_rate(rates) for method, rates in runs.items()} == {
        "kd": 0.05,
        "bickd": 0.2,
    }


def test_the_page_shows_trials_choice_figures_and_what_the_choice_changed():
    page = write(by_rate([*trials(), trial("bickd", 0.2, 2)]), TEACHER)
    assert "| KD | 50.0 | **55.0** | 54.0 | 10.0 | 10.0 | 0.05 |" in page
    assert "| BicKD (reconstruction) | 50.0 | 55.0 | 58.0 | **60.0** | 10.0 | 0.2 |" in page
    assert "| KD | 2 | 50.0 ± 0.0 |" in page
    assert "| BicKD (reconstruction) | 3 | 62.0 ± 0.0 |" in page
    assert "- BicKD (reconstruction), 0.2 instead of 0.05: +2.0" in page
    assert "at the edge" not in page
    assert "10 trials took 0.2 hours of CPU time." in page
    assert "In progress" not in page


def test_a_rate_at_the_edge_of_what_was_tried_is_said(monkeypatch):
    monkeypatch.setattr(rate_results, "TRIED", (0.05, 0.1, 0.2))
    page = write(by_rate(trials()), TEACHER)
    assert "so a rate beyond it may do better still: KD, BicKD (reconstruction).\n" in page


def test_the_presets_have_the_rates_that_the_committed_trials_chose():
    runs = by_rate(
        [
            result
            for file in (rate_results.FILE, rate_results.RATES)
            for result in read_results(file)
        ]
    )
    chosen = {method: chosen_rate(rates) for method, rates in runs.items()}
    offered = {name: preset.rate for name, preset in PRESETS.items()}
    assert chosen == offered | {"kd+standardize": VARIANTS["kd-standardize"].rate}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.dataset)
def test_the_recipe_has_the_rates_that_the_committed_trials_chose(recipe):
    files = {
        "caltech95": (rate_results.FILE, rate_results.RATES),
        "fashion-mnist": (rate_results.FASHION,),
    }[recipe.dataset]
    runs = by_rate([result for file in files for result in read_results(file)])
    assert recipe.rates == {method: chosen_rate(runs[method]) for method in recipe.rates}
    assert set(recipe.rates) == set(METHODS)
    for method, rate in recipe.rates.items():
        assert {config.optimizer.lr for config in recipe.students(method).values()} == {rate}


def test_a_method_without_all_trials_is_left_out_and_named():
    lines = [one for one in trials() if (one.method, one.seed) != ("kd@0.1", 0)]
    runs = by_rate(lines)
    assert [method for method in runs if complete(runs[method])] == ["bickd"]
    page = write(runs, TEACHER)
    assert "**In progress:** kd lack trials and are left out." in page
    assert "| KD |" not in page


def test_another_budget_is_refused_and_another_rate_is_not():
    check_alike(trials())
    other = trial("kd", 0.1, 0).model_copy(update={"epochs": 20})
    with pytest.raises(ValueError, match="must share `epochs`, got 20 and 40"):
        check_alike([*trials(), other])
    momentum = trial("kd", 0.1, 0).model_copy(
        update={"optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.5}}
    )
    with pytest.raises(ValueError, match="must share `optimizer`"):
        check_alike([*trials(), momentum])


def test_the_section_joins_both_files_and_is_empty_until_a_method_is_complete(
    tmp_path, monkeypatch
):
    methods, rates, chosen = (tmp_path / f"{name}.jsonl" for name in ("methods", "rates", "chosen"))
    monkeypatch.setattr(rate_results, "teacher_of", lambda result: TEACHER)
    assert section(rates, chosen, methods) == ""
    for one in trials(("kd",), seeds=(0,)):
        assert section(rates, chosen, methods) == ""
        add_result(methods if one.optimizer["lr"] == 0.05 else rates, one)
    add_result(chosen, trial("kd", 0.05, 3))
    page = section(rates, chosen, methods)
    assert "| KD | 2 |" in page
    assert page.startswith("## All methods on caltech95, each with its learning rate\n")
