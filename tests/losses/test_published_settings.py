"""Every preset's and variant's options against the table of sources in docs/losses.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bickd_core.presets.catalogue import PRESETS, RATES_TO_CHOOSE, VARIANTS, setting_of
from bickd_core.presets.options import Options
from bickd_core.sweeps.results import read_results
from pretrained import study

ROOT = Path(__file__).parents[2]
SOURCE = re.compile(
    r"ours: |\[the study\]\(study\.md\)|cross-entropy has no options|[\w-]+, (`\S+`( and `\S+`)?, [0-9a-f]{7}(,"
    r" \d{4}-\d\d-\d\d)?)"
)
OPTION = re.compile(r"`(\w+)` (\S+)")


def rows() -> list[tuple[str, str, dict[str, object], str]]:
    """Method, setting, options and source of each row of the table."""
    section = (
        (ROOT / "docs/losses.md")
        .read_text()
        .split("\n## Published settings\n")[1]
        .split("\n## ")[0]
    )
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    found = []
    for line in lines:
        method, setting, options, source = (cell.strip() for cell in line.strip("|").split(" | "))
        parts = [] if options == "none" else options.split("; ")
        matches = [OPTION.fullmatch(part) for part in parts]
        assert all(matches), line
        values = {m[1]: value(m[2]) for m in matches if m is not None}
        assert len(values) == len(parts), f"an option twice: {line}"
        found.append((method.strip("`"), setting, values, source))
    return found


def value(word: str) -> object:
    if word in ("on", "off", "unset"):
        return {"on": True, "off": False, "unset": None}[word]
    if match := re.fullmatch(r"(\d+)/(\d+)", word):
        return int(match[1]) / int(match[2])
    return float(word) if re.fullmatch(r"[\d.]+", word) else word


ROWS = rows()
OPTIONS: dict[str, Options] = {
    **{kind: preset.options.model_validate({}) for kind, preset in PRESETS.items()},
    **{name: variant.options for name, variant in VARIANTS.items()},
}


def test_the_table_has_every_registered_method_and_no_other():
    assert {method for method, *_ in ROWS} == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_has_the_tables_value(name):
    table: dict[str, object] = {}
    for method, _, values, _ in ROWS:
        if method == name:
            assert not table.keys() & values.keys(), "an option stands in two rows"
            table |= values
    assert table == OPTIONS[name].model_dump(exclude={"kind"})


@pytest.mark.parametrize(("method", "setting", "values", "source"), ROWS)
def test_every_row_names_its_setting_and_a_file_with_its_commit(method, setting, values, source):
    entry = VARIANTS[method] if method in VARIANTS else PRESETS[method]
    assert setting == entry.setting
    assert SOURCE.match(source), source
    assert setting_of(method) == setting
    if setting != "none":
        assert entry.citation


def test_the_table_would_show_a_value_that_is_not_as_published():
    """What the audit found wrong: each of these values was another one."""
    table = {method: values for method, _, values, _ in ROWS}
    assert table["kd-standardize"]["alpha"] == 0.1
    assert (table["dkd-standardize"]["temperature"], table["dkd-standardize"]["non_target"]) == (
        2,
        72,
    )
    assert (table["nkd"]["temperature"], table["nkd"]["gamma"]) == (3, 3.5)
    assert [table["mlkd"][name] for name in ("alpha", "beta", "lambda_sample", "lambda_class")] == [
        0.1, 0.9, 0.9, 0.9,
    ]  # fmt: skip
    assert (table["dkd"]["non_target"], table["dkd-thin"]["non_target"]) == (8, 2)


def test_the_rates_that_are_to_be_chosen_again_are_those_whose_trials_had_other_options():
    trials = ROOT / "pretrained" / "sweeps" / "caltech95-rates.jsonl"
    tried = [result.options for result in read_results(trials)]
    tried += [VARIANTS[name].options.model_dump(exclude={"kind"}) for name in TUNED]
    expected = {
        name
        for name, options in OPTIONS.items()
        if options.model_dump(exclude={"kind"}) not in tried
    }
    assert expected == RATES_TO_CHOOSE


def test_a_setting_without_trials_takes_the_rate_of_its_objective():
    without = [name for name in RATES_TO_CHOOSE if name in VARIANTS and name != "kd-standardize"]
    assert len(without) > 5
    for name in without:
        assert VARIANTS[name].rate == PRESETS[VARIANTS[name].options.kind].rate, name


TUNED = [name for name, variant in VARIANTS.items() if variant.setting == "caltech95"]


def test_the_tuned_settings_are_those_that_the_study_froze():
    for kind, frozen in study.frozen().items():
        variant = VARIANTS.get(f"{kind}-tuned")
        rate = frozen.train["optimizer"]["lr"]
        if variant is not None:
            assert (variant.options, variant.rate) == (frozen.objective, rate)
        else:  # the preset was the best, or only the rate can be tuned
            assert frozen.objective == PRESETS[kind].options.model_validate({})
            assert rate == PRESETS[kind].rate or kind == "ce"


def test_a_run_of_an_earlier_version_keeps_its_variants_name():
    from bickd_core.presets.catalogue import own_rate, title_of
    from bickd_core.presets.logits import BicKDOptions, KDOptions

    negative = {"same_class": "negative"}
    for name, earlier in (
        ("kd-standardize", KDOptions(temperature=2.0, alpha=1.0, beta=9.0, standardize=True)),
        ("bickd-class", BicKDOptions(lambda_sample=0.0, **negative)),
        ("bickd-no-kl", BicKDOptions(beta=0.0, **negative)),
    ):
        assert title_of(earlier) == VARIANTS[name].title
        assert own_rate(earlier) == VARIANTS[name].rate
