"""The settings in a made-up result line of the study."""

from typing import Any

from bickd_core.sweeps.definition import PlannedRun, Sweep


def settings_of(run: PlannedRun, sweep: Sweep) -> dict[str, Any]:
    """Return the fields of the run's line that its recipe decides."""
    config = run.config
    same = ("dataset", "arch", "teacher", "epochs", "batch_size", "precision", "threads")
    more = ("view_pool", "train_limit", "validation_seed", "validation_folds", "validation_fold")
    return {
        "sweep": sweep.name,
        "name": run.name,
        "created": "now",
        "method": run.method,
        "kind": config.objective.kind,
        "options": config.objective.model_dump(mode="json", exclude={"kind"}),
        "seed": config.seeds.weights,
        "seeds": config.seeds.model_dump(),
        "image_size": config.image_size or 28,
        "teacher_sha256": "a",
        "optimizer": config.optimizer.model_dump(mode="json"),
        "schedule": config.schedule.model_dump(mode="json"),
        "device": "CPU",
        "split": sweep.results_on,
        **{field: getattr(config, field) for field in (*same, *more)},
    }
