"""An objective of an installed package works wherever an objective's name does."""

import os
import subprocess
import sys

OPTIONS = """
from typing import ClassVar, Literal
from bickd_core.presets.options import Options

class TheirOptions(Options):
    objective: ClassVar[str] = "their_losses:Their"
    title: ClassVar[str] = "Their loss"
    kind: Literal["their"] = "their"
    strength: float = 2.0

class Wrong(Options):
    kind: Literal["wrong"] = "wrong"
"""
LOSSES = """
from bickd_core.losses.objective import LogitObjective

class Their(LogitObjective):
    kind = "their"

    def terms(self, student_logits, teacher_logits, labels, progress):
        return {"their": self.options.strength * (student_logits - teacher_logits).square().mean()}
"""
PROGRAM = """
import logging, sys
from bickd_core.config import TrainConfig
from bickd_core.presets.catalogue import PRESETS, methods_text
assert "torch" not in sys.modules and "their_losses" not in sys.modules
config = TrainConfig.model_validate({"teacher": "t", "objective": {"kind": "their", "strength": 3}})
assert PRESETS["their"].title == "Their loss" and "their" in methods_text() and "wrong" not in PRESETS
import torch
from bickd_core.losses import create_objective
from bickd_core.models.outputs import Outputs
for given in (config.objective, "their"):
    objective = create_objective(given)
    terms = objective.terms(torch.ones(2, 3), torch.zeros(2, 3), None, 0.0)
    print(round(float(terms["their"]), 3))
"""


def test_an_objective_of_a_package_is_configured_and_made(tmp_path):
    (tmp_path / "their_options.py").write_text(OPTIONS)
    (tmp_path / "their_losses.py").write_text(LOSSES)
    about = tmp_path / "their-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their\nVersion: 1.0\n")
    entries = (
        "[bickd.objectives]\ntheir = their_options:TheirOptions\nwrong = their_options:Wrong\n"
    )
    (about / "entry_points.txt").write_text(entries)
    path = os.pathsep.join(
        [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH"), os.getcwd()])]
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.stdout.split() == ["3.0", "2.0"], done.stderr
    assert (
        "The objective 'wrong' of an installed package is left out: its options must say"
        in done.stderr
    )
