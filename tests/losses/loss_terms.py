"""A batch of logits, and the terms of any objective on it."""

from types import SimpleNamespace

import numpy as np
import torch

from bickd_core.losses import OBJECTIVES, create_objective
from bickd_core.models.outputs import Outputs

ON_LOGITS = [kind for kind in OBJECTIVES if not create_objective(kind).needs]


def batch(seed, samples=6, classes=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3
    )
    return (
        student.to(dtype),
        teacher.to(dtype),
        torch.randint(classes, (samples,), generator=generator),
    )


def terms_of(kind, student, teacher, labels, **options):
    """The terms on these logits, with features and maps made of them where the objective needs
    any."""
    objective = create_objective(kind, **options)
    if kind == "crd":
        model = torch.nn.Linear(2, 2)
        model.feature_size = student.shape[1]
        ids = np.arange(len(student))
        torch.manual_seed(0)
        objective.setup(
            model, model, SimpleNamespace(train=SimpleNamespace(ids=ids, labels=ids % 2))
        )
    outputs = []
    for z in (student, teacher):
        with torch.inference_mode(z.is_inference()):
            features, maps = 2 * z, z[:, :, None, None]
        outputs.append(Outputs(z, features=features, maps=maps, ids=torch.arange(len(z))))
    return objective(*outputs, labels, 1.0)
