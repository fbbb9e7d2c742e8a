"""The work after the last epoch: predictions on validation and test, cost, map and model card."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bickd_core.maps.store import compute_layout
from bickd_core.models.cost import count_macs, count_parameters, time_pass
from bickd_core.runs.card import write_card
from bickd_core.runs.library import Cost, Library, RunError, RunFolder
from bickd_core.runs.same_data import check_data_there
from bickd_core.training.evaluate import predict, predict_stages
from bickd_core.training.hardware import cpu_name
from bickd_core.training.setup import Job, load_run_data, load_run_model


def finish(job: Job, run: RunFolder, library: Library, *, say: Callable[[str], None]) -> None:
    """Write the files of a finished run besides weights and metrics. Safe to repeat after a
    kill."""
    say("evaluating on validation and test")
    for split in ("validation", "test"):
        images = job.dataset.split(split)
        predict(job.student, images, job.dataset, device=job.hardware.device).save(
            run.predictions_path(split)
        )
    run.write_stages(predict_stages(job.student, job.dataset, device=job.hardware.device))
    say("measuring parameters, multiply-accumulates and latency")
    run.change_info({"cost": measure(job.student, run.info().image_shape)})
    if job.config.make_map:
        say("laying out the map")
        compute_layout(library, run, teacher=_teacher(run, library))
    write_card(run, library)


def add_stages(run: RunFolder) -> None:
    """Write stages.npz of an older finished run from its weights.

    Raises:
        RunError: the run has no weights yet, or its data is no longer there.
    """
    check_data_there(run)
    info = run.info()
    dataset = load_run_data(info)
    run.write_stages(predict_stages(load_run_model(run, dataset), dataset))


def _teacher(run: RunFolder, library: Library) -> RunFolder | None:
    """Return the teacher if it still exists with predictions. A student does not fail without its
    teacher."""
    reference = run.info().teacher
    if reference is None:
        return None
    try:
        teacher = library.locate(reference.key)
    except RunError:
        return None
    return teacher if teacher.has_predictions("test") else None


def measure(model: torch.nn.Module, shape: tuple[int, int, int]) -> Cost:
    """Measure parameters, multiply-adds of one image, and median CPU latencies at batch 1 and 64 on
    this machine."""
    threads = torch.get_num_threads()
    single = time_pass(model, shape)
    batch = time_pass(model, shape, batch_size=64, repeats=5, warmup=1, budget_s=2.0)
    return Cost(
        parameters=count_parameters(model),
        macs=count_macs(model, shape),
        latency_ms=round(single.milliseconds, 3),
        latency_batch_ms=round(batch.milliseconds, 2),
        latency_busy=single.busy or batch.busy,
        latency_cpu=f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}",
    )
