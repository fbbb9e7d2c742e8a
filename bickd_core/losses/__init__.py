"""Distillation losses: pure functions on logits, and the objectives that the training loop runs."""

from bickd_core.losses.bickd import BicKDObjective, bickd_class, bickd_sample
from bickd_core.losses.ce import CEObjective, cross_entropy
from bickd_core.losses.dist import DISTObjective, dist, dist_columns, dist_rows
from bickd_core.losses.kd import KDObjective, kd
from bickd_core.losses.objective import LogitObjective, Objective
from bickd_core.losses.registry import OBJECTIVES, create_objective

__all__ = [
    "OBJECTIVES",
    "BicKDObjective",
    "CEObjective",
    "DISTObjective",
    "KDObjective",
    "LogitObjective",
    "Objective",
    "bickd_class",
    "bickd_sample",
    "create_objective",
    "cross_entropy",
    "dist",
    "dist_columns",
    "dist_rows",
    "kd",
]
