"""Every method on caltech95 by the command line: one epoch on two images a class, from the bundled teacher."""

from pathlib import Path

import pytest

from bickd_core.cli import main
from bickd_core.presets import PRESETS, VARIANTS
from bickd_core.sweeps.results import read_results

SHELF = Path(__file__).resolve().parents[2] / "pretrained"
ONE_EPOCH = ["--dataset", "caltech95", "--train-limit", "190", "--epochs", "1", "--threads", "1"]


@pytest.mark.slow
def test_every_method_and_variant_is_swept_and_one_is_trained(
    library, decoded_data, quick_umap, monkeypatch, tmp_path
):
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    methods = [*PRESETS, *VARIANTS]
    results = tmp_path / "results.jsonl"
    what = ["--name", "every", "--methods", *methods, "--seeds", "0", "--pairs", "caltech95/teacher:resnet8"]
    with pytest.raises(SystemExit) as left:
        main(["sweep", *what, *ONE_EPOCH, "--at-once", "2", "--results", str(results)])
    assert left.value.code == 0
    found = {result.method: result for result in read_results(results)}
    assert set(found) == set(methods)
    for result in found.values():
        assert (result.n, result.epochs) == (1208, 1)
        assert 0 <= result.accuracy <= 1
        assert result.overlap > 0
    # No two methods learnt the same from the same start.
    assert len({result.nll for result in found.values()}) == len(methods)
    with pytest.raises(SystemExit) as left:
        main(["train", *ONE_EPOCH, "--arch", "resnet8", "--teacher", "caltech95/teacher", "bickd"])
    assert not left.value.code
    trained = library.find("caltech95-resnet8-bickd-s0")
    swept = library.find("every-bickd-s0")
    assert trained.weights_path.read_bytes() == swept.weights_path.read_bytes()
