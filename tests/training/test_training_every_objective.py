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


READINGS = [
    {"kind": "bickd", "queue": 3, "absent": "drop", "column_weights": "teacher_mass"},
    {"kind": "bickd", "off_diagonal": "student", "repel": "above_teacher", "vectors": "root"},
    {"kind": "bickd", "vectors": "centred", "anchors": "student", "contrast_temperature": 2.0},
]
"""Readings of BicKD with all of its options that are not used by default, and a state."""


@pytest.mark.parametrize("kind", PRESETS)
def test_it_learns_and_writes_its_terms_and_resumes_to_the_same_bytes(kind, library, teacher):
    check_learning({"kind": kind}, library)


@pytest.mark.parametrize("objective", READINGS, ids=str)
def test_so_does_another_reading_of_bickd(objective, library, teacher):
    check_learning(objective, library)


def check_learning(objective, library):
    kind = objective["kind"]
    config = small_config(objective=objective, teacher=None if kind == "ce" else "teacher")
    unbroken = create_run(config, library, name="unbroken")
    assert fit(build_job(config, library), unbroken) == "finished"
    first, last = unbroken.metrics()
    assert {name.removeprefix("loss_") for name in first if name.startswith("loss_")} == TERMS[kind]
    assert last["train_accuracy"] > first["train_accuracy"]
    broken = create_run(config, library, name="broken")
    assert fit(build_job(config, library), broken, stop_after=(1, 3)) == "stopped"
    assert fit(build_job(config, library), broken) == "finished"
    assert broken.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
