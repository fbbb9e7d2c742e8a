"""Figures from other processes: the same values, and a kill costs only the figure at work."""

import contextlib
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import psutil
import pytest

from bickd_core.comparing import measures
from bickd_core.comparing.cache import MemoryCache
from bickd_core.comparing.comparison import assemble, content_key
from bickd_core.comparing.processes import FigureProcesses, can_compute
from bickd_core.runs.predictions import Predictions, PredictionsError
from bickd_core.runs.thumbnails import Thumbnails


@pytest.fixture
def processes(own_home):
    made = FigureProcesses(own_home / "figures", processes=1)
    yield made
    made.close()


def predictions(seed, n=60, c=5):
    random = np.random.default_rng(seed)
    names = tuple(f"class {i}" for i in range(c))
    logits = random.normal(0, 2, (n, c)).astype(np.float32)
    return Predictions(logits, names, np.arange(n), np.arange(n) % c)


@pytest.fixture
def comparison(library, make_run):
    runs = [
        make_run(name, predictions=predictions(seed), info={"role": role, "num_classes": 5})
        for seed, (name, role) in enumerate(
            (("teacher", "teacher"), ("kd", "student"), ("bickd", "student"))
        )
    ]
    return assemble(
        runs,
        [run.info() for run in runs],
        [run.predictions("test") for run in runs],
        "test",
        Thumbnails(None, "none"),
        key=content_key(runs, "test"),
        cache=MemoryCache(),
    )


def figure_of(function, comparison, *arguments):
    """The `Figure` that a cached function asks a cache for."""
    asked = []

    def cache(key, make):
        asked.append(make)
        return None

    function(replace(comparison, cache=cache), *arguments)
    (figure,) = asked
    return replace(figure, comparison=comparison)


def workers():
    """The processes that compute, without loky's own tracker of resources."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
            if "popen_loky" in " ".join(process.cmdline()):
                yield process


def kill_workers():
    for process in workers():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_process_computes_what_is_computed_here(comparison, processes):
    _, kd, bickd = comparison.models
    for function, arguments in (
        (measures.mean_match, (bickd, 4.0)),
        (measures._fixed_figures, (kd,)),
    ):
        figure = figure_of(function, comparison, *arguments)
        assert can_compute(figure)
        assert processes.submit(figure).result() == function(comparison, *arguments)


def test_a_figure_that_several_ask_for_is_computed_once(comparison, processes):
    figure = figure_of(measures.summary, comparison, comparison.teacher, 4.0)
    again = figure_of(measures.summary, comparison, comparison.teacher, 4.0)
    first = processes.submit(figure)
    assert processes.submit(again) is first
    values = []
    threads = [threading.Thread(target=lambda: values.append(first.result())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [values[0]] * 4


def test_threads_share_the_processes(comparison, processes):
    figures = [
        figure_of(measures.teacher_entropies, comparison, temperature)
        for temperature in (1.0, 2.0, 3.0)
    ]
    for figure in figures:  # a session's script runs in a new thread each time
        thread = threading.Thread(target=lambda figure=figure: processes.submit(figure).result())
        thread.start()
        thread.join()
    assert len(list(workers())) == 1


def test_a_killed_process_costs_only_its_work(comparison, processes):
    expected = measures.summary(comparison, comparison.teacher, 4.0)
    job = processes.submit(figure_of(measures.summary, comparison, comparison.teacher, 4.0))
    kill_workers()
    assert job.result() == expected
    other = processes.submit(figure_of(measures.teacher_entropies, comparison, 2.0))
    assert other.result().shape == (60,)


def test_a_process_that_always_ends_is_an_error(comparison, processes, monkeypatch):
    job = processes.submit(figure_of(measures.summary, comparison, comparison.teacher, 4.0))
    stop = threading.Event()

    def kill_again_and_again():
        while not stop.wait(0.01):
            kill_workers()

    killer = threading.Thread(target=kill_again_and_again)
    killer.start()
    try:
        with pytest.raises(RuntimeError, match="ended 3 times"):
            job.result()
    finally:
        stop.set()
        killer.join()


def test_other_predictions_than_the_comparison_had_are_refused(comparison, processes):
    figure = figure_of(measures.summary, comparison, comparison.teacher, 4.0)
    predictions(9).save(comparison.teacher.run.predictions_path("test"))
    with pytest.raises(PredictionsError, match="changed while"):
        processes.submit(figure).result()


def test_only_slow_figures_of_run_folders_can_be_computed_elsewhere(comparison):
    assert not can_compute(figure_of(measures.summary, comparison, comparison.teacher, 4.0))
    figure = figure_of(measures.class_view, comparison, comparison.teacher, 4.0)
    assert can_compute(figure)
    models = tuple(replace(model, folder=None) for model in comparison.models)
    assert not can_compute(replace(figure, comparison=replace(comparison, models=models)))
    assert not can_compute(replace(figure, name="app.data.maps:simplex"))


def test_a_figure_knows_the_same_figure_of_another_model(comparison):
    teacher, kd, bickd = comparison.models
    figure = figure_of(measures.summary, comparison, kd, 4.0)
    assert figure.of(bickd).key == figure_of(measures.summary, comparison, bickd, 4.0).key
    assert figure_of(measures.divergences, comparison, kd, bickd, 4.0).of(teacher) is None
    assert figure_of(measures.teacher_entropies, comparison, 4.0).of(kd) is None


def test_processes_end_with_the_program_that_started_them(tmp_path):
    program = f"""
import time
from pathlib import Path
from bickd_core.comparing.processes import FigureProcesses

pool = FigureProcesses(Path({str(tmp_path)!r}), processes=2)._started()
pool.submit(time.sleep, 0).result()
print("ready", flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.kill()
    assert psutil.wait_procs(children, timeout=30)[1] == []
