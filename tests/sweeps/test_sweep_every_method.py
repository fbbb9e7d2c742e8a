"""Every method on caltech95 by the command line: one epoch on two images a class, from the bundled
teacher."""

from pathlib import Path

import pytest

from bickd_cli.main import main
from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.sweeps.results import read_results

SHELF = Path(__file__).resolve().parents[2] / "pretrained"
ONE_EPOCH = [
    "--dataset", "caltech95", "--train-limit", "190", "--epochs", "1", "--threads", "1", "--no-make-map"
]  # fmt: skip


def run(*words: str, then: list[str] | None = None) -> None:
    """A command for one epoch; `then` are the words that follow its options."""
    with pytest.raises(SystemExit) as left:
        main([*words, *ONE_EPOCH, *(then or [])])
    assert not left.value.code


def test_every_method_races_and_a_run_alone_or_of_a_sweep_is_the_same(
    library, decoded_data, monkeypatch, tmp_path
):
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    methods = [*PRESETS, *VARIANTS]
    run("race", "--name", "race", "--teacher", "caltech95/teacher", "--methods", *methods)
    weights = {
        method: library.find(f"race-{method}-s0").weights_path.read_bytes() for method in methods
    }
    assert len(set(weights.values())) == len(methods)  # no two methods learnt the same

    results = tmp_path / "results.jsonl"
    run("sweep", "--name", "swept", "--methods", "dist", "bickd", "--pairs", "caltech95/teacher:resnet8",
        "--seeds", "0", "--at-once", "2", "--results", str(results))  # fmt: skip
    found = {result.method: result for result in read_results(results)}
    assert set(found) == {"dist", "bickd"}
    for method, result in found.items():
        assert (result.n, result.epochs) == (1208, 1)
        assert library.find(f"swept-{method}-s0").weights_path.read_bytes() == weights[method]

    rate = ["sgd", "--lr", str(PRESETS["bickd"].rate)]
    run("train", "--arch", "resnet8", "--teacher", "caltech95/teacher", then=["bickd", *rate])
    assert library.find("caltech95-resnet8-bickd-s0").weights_path.read_bytes() == weights["bickd"]
