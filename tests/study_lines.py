"""The settings in a made-up result line of the study."""

from typing import Any

from bickd_core.sweeps import results
from bickd_core.sweeps.definition import PlannedRun, Sweep


def settings_of(run: PlannedRun, sweep: Sweep) -> dict[str, Any]:
    """Return the fields of the run's line that its recipe decides."""
    config = run.config
    return {
        **results.settings_of(config),
        "sweep": sweep.name,
        "name": run.name,
        "created": "now",
        "method": run.method,
        "dataset": config.dataset,
        "image_size": config.image_size or 28,
        "arch": config.arch,
        "teacher": config.teacher,
        "teacher_sha256": "a",
        "device": "CPU",
        "split": sweep.results_on,
    }
