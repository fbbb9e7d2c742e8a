"""Distillation losses: pure functions on logits, and the objectives that the training loop runs."""

from bickd_core.losses.bickd import BicKDObjective, bickd_class, bickd_sample
from bickd_core.losses.ce import CEObjective, cross_entropy
from bickd_core.losses.crd import CRDObjective, crd
from bickd_core.losses.dist import DISTObjective, dist, dist_columns, dist_rows
from bickd_core.losses.dkd import DKDObjective, dkd_non_target, dkd_target
from bickd_core.losses.kd import KDObjective, kd
from bickd_core.losses.mlkd import MLKDObjective, mlkd_class, mlkd_kl, mlkd_sample
from bickd_core.losses.modules import DIST, DKD, KD, MLKD, NKD, BicKD, LogitLoss
from bickd_core.losses.nkd import NKDObjective, nkd_non_target, nkd_target
from bickd_core.losses.numerics import standardized
from bickd_core.losses.objective import FeatureObjective, LogitObjective, Objective
from bickd_core.losses.pkt import PKTObjective, pkt
from bickd_core.losses.registry import OBJECTIVES, create_objective
from bickd_core.losses.rkd import RKDObjective, rkd_angle, rkd_distance
from bickd_core.losses.sp import SPObjective, sp

__all__ = [
    "DIST",
    "DKD",
    "KD",
    "MLKD",
    "NKD",
    "OBJECTIVES",
    "BicKD",
    "BicKDObjective",
    "CEObjective",
    "CRDObjective",
    "DISTObjective",
    "DKDObjective",
    "FeatureObjective",
    "KDObjective",
    "LogitLoss",
    "LogitObjective",
    "MLKDObjective",
    "NKDObjective",
    "Objective",
    "PKTObjective",
    "RKDObjective",
    "SPObjective",
    "bickd_class",
    "bickd_sample",
    "crd",
    "create_objective",
    "cross_entropy",
    "dist",
    "dist_columns",
    "dist_rows",
    "dkd_non_target",
    "dkd_target",
    "kd",
    "mlkd_class",
    "mlkd_kl",
    "mlkd_sample",
    "nkd_non_target",
    "nkd_target",
    "pkt",
    "rkd_angle",
    "rkd_distance",
    "sp",
    "standardized",
]
