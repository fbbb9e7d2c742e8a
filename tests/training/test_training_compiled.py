"""A student through torch.compile: the eager one's figures, the same bytes after a resume, words
where it cannot be."""

import os
import shutil

import pytest
import torch
from run_helpers import small_config
from safetensors.torch import load_file

from bickd_core.runs.create import create_run
from bickd_core.training.compiling import compiled
from bickd_core.training.engine import Position, fit, train_step
from bickd_core.training.setup import build_job

pytestmark = pytest.mark.usefixtures("quick_umap", "teacher")


def started(library, name, **changes):
    config = small_config(
        objective={"kind": "bickd"}, teacher="teacher", train_limit=200, **changes
    )
    return create_run(config, library, name=name)


def job_of(run, library):
    return build_job(run.info().config, library)


@pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler here"
)
def test_a_compiled_student_learns_as_the_eager_one_and_resumes_to_the_same_bytes(library):
    eager, whole, broken = (
        started(library, name, compile=name != "eager") for name in ("eager", "whole", "broken")
    )
    for run in (eager, whole):
        job = job_of(run, library)
        assert (job.compiled is not None) == (run is whole)
        assert fit(job, run) == "finished"
    assert fit(job_of(broken, library), broken, stop_after=(1, 1)) == "stopped"
    assert fit(job_of(broken, library), broken) == "finished"
    assert broken.weights_path.read_bytes() == whole.weights_path.read_bytes()
    for plain, other in zip(eager.metrics(), whole.metrics(), strict=True):
        assert other["loss"] == pytest.approx(plain["loss"], rel=1e-3)
    plain, other = (load_file(run.weights_path) for run in (eager, whole))
    assert set(plain) == set(other)


def test_without_a_compiler_it_is_said_before_the_first_step(monkeypatch, library):
    run = started(library, "a", compile=True)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        ValueError, match="`compile` needs a C\\+\\+ compiler for a CPU, and there is no 'no-such-"
    ):
        job_of(run, library)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="`compile` needs triton"):
        compiled(lambda: None, torch.device("cuda"))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("kind", ["kd", "dist", "bickd", "dkd", "mlkd", "nkd", "pkt"])
def test_a_step_on_a_gpu_never_waits_for_it(library, kind, compile):
    config = small_config(
        objective={"kind": kind},
        teacher="teacher",
        device="cuda",
        precision="auto",
        compile=compile,
    )
    job = build_job(config, library)
    for _ in job.batches.prepare(0):
        pass
    picked = torch.arange(64, device="cuda")
    for step in range(4):  # compiles, warms up, records the graph
        train_step(job, picked, Position(step=step))
    torch.cuda.set_sync_debug_mode("error")
    try:
        train_step(job, picked, Position(step=4))
    finally:
        torch.cuda.set_sync_debug_mode("default")
