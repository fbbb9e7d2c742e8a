"""Every objective through the real loop: a few steps that teach, its terms in the metrics, and a
resume."""

import pytest
from run_helpers import small_config

from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.create import create_run
from bickd_core.training.engine import fit
from bickd_core.training.setup import build_job

TERMS = {
    "ce": {"ce"},
    "kd": {"ce", "kl"},
    "dkd": {"ce", "target", "non_target"},
    "dist": {"ce", "rows", "columns"},
    "mlkd": {"ce", "kl", "sample", "class"},
    "nkd": {"ce", "target", "non_target"},
    "sp": {"ce", "similarity"},
    "rkd": {"ce", "distance", "angle"},
    "pkt": {"ce", "similarity"},
    "crd": {"ce", "contrast"},
    "bickd": {"ce", "kl", "sample", "class"},
}


@pytest.mark.parametrize("kind", PRESETS)
def test_it_learns_and_writes_its_terms_and_resumes_to_the_same_bytes(kind, library, teacher):
    config = small_config(objective={"kind": kind}, teacher=None if kind == "ce" else "teacher")
    unbroken = create_run(config, library, name="unbroken")
    assert fit(build_job(config, library), unbroken) == "finished"
    first, last = unbroken.metrics()
    assert {name.removeprefix("loss_") for name in first if name.startswith("loss_")} == TERMS[kind]
    assert last["train_accuracy"] > first["train_accuracy"]
    broken = create_run(config, library, name="broken")
    assert fit(build_job(config, library), broken, stop_after=(1, 3)) == "stopped"
    assert fit(build_job(config, library), broken) == "finished"
    assert broken.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
