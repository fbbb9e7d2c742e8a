"""resume/state.pt and the status of a map job: a value or a sentence, whatever they hold."""

import pytest
import torch
from mutations import COUNT, from_file, mutate_bytes, mutate_text, mutate_zip, outcomes
from run_helpers import small_config

from bickd_core.maps import jobs
from bickd_core.maps.jobs import JobStatus
from bickd_core.runs.create import create_run
from bickd_core.runs.status import Worker
from bickd_core.training.setup import build_job
from bickd_core.training.state import Position, TrainingError, load_state, save_state


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
def test_the_state_that_a_resume_starts_from(library, mutate):
    config = small_config(train_limit=100)
    run = create_run(config, library, name="a")
    job = build_job(config, library)
    save_state(job, run, Position(1, 2, {"loss": 0.5}, 3.0, 0.25, 0))
    count = COUNT // 8  # a state is large, and the same for each run
    read = from_file(run.resume_path, lambda path: load_state(job, run))
    found = outcomes(
        read, [run.resume_path.read_bytes()], mutate, count=count, errors=(TrainingError,)
    )
    assert found["sentence"] > count // 10
    assert torch.get_num_threads() > 0


def test_the_status_of_a_map_job_is_read_or_none(library):
    path = jobs._path(library, "a", "json")
    path.parent.mkdir(parents=True)
    jobs._write(library, "a", JobStatus("running", 1.0, 2, 6, "umap", Worker.this()))
    read = from_file(path, lambda _: jobs.status(library, "a"))
    assert outcomes(read, [path.read_bytes()], mutate_text)["accepted"] == COUNT
