"""Large comparisons in the app: figures come from other processes, and are there on another day."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.data import cache
from app.data.cache import figures_cache
from app.state import ViewState
from bickd_core.comparing import measures
from bickd_core.comparing.cache import Figure, MemoryCache
from bickd_core.comparing.processes import FigureProcesses
from bickd_core.comparing.store import MISSING, FigureStore
from bickd_core.runs.predictions import Predictions

N, C = 20_100, 100


@pytest.fixture
def large(make_run, monkeypatch, library):
    """The view of a teacher and two students on 20,100 x 100 logits."""
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    random = np.random.default_rng(0)
    labels, names = np.arange(N) % C, tuple(f"class {i}" for i in range(C))
    shared = random.normal(0, 2, (N, C)).astype(np.float32)
    shared[np.arange(N), labels] += 3
    for role, name in (("teacher", "teacher"), ("student", "kd"), ("student", "bickd")):
        logits = shared + random.normal(0, 1, (N, C)).astype(np.float32)
        make_run(
            name,
            predictions=Predictions(logits, names, np.arange(N), labels),
            info={"role": role, "num_classes": C},
        )
    return ViewState(teacher="teacher", students=("kd", "bickd"))


@pytest.fixture
def another_day(own_home, monkeypatch):
    """Forget everything in memory, as a new server does."""

    begun = []

    def begin(processes):
        begun.append(processes)
        memory, store = MemoryCache(10**9), FigureStore(own_home / "cache" / "figures")
        monkeypatch.setattr(cache, "_memory", lambda: memory)
        monkeypatch.setattr(cache, "_store", lambda: store)
        monkeypatch.setattr(cache, "_processes", lambda: processes)
        return memory, store

    yield begin
    for processes in begun:
        processes.close()


class NoProcesses:
    """Processes that must not be needed."""

    def close(self):
        pass

    def submit(self, figure):
        raise AssertionError(f"{figure.name} is computed again")


def page(view) -> None:
    from app import state
    from app.pages.class_geometry import page as class_geometry

    state.update(teacher=view.teacher, students=view.students)
    class_geometry.show()


def opened(view) -> AppTest:
    app = AppTest.from_function(page, args=(view,), default_timeout=120).run()
    assert not app.exception, app.exception
    return app


def test_a_page_computes_elsewhere_and_nothing_on_another_day(
    large, own_home, another_day, monkeypatch
):
    plain = Figure.__call__

    def only_of_the_app(figure):
        assert figure.quick, f"{figure.name} is computed in the server"
        return plain(figure)

    monkeypatch.setattr(Figure, "__call__", only_of_the_app)
    another_day(FigureProcesses(own_home / "cache" / "figures"))
    first = opened(large)
    another_day(NoProcesses())
    assert opened(large).title[0].value == first.title[0].value


def test_the_figure_of_other_models_is_computed_at_the_same_time(large, another_day, monkeypatch):
    from app.data.comparison import comparison

    _, store = another_day(NoProcesses())
    submitted = []

    class Here:
        """Has every figure at once, and stores none."""

        def submit(self, figure):
            submitted.append([value.key for _, value in figure.arguments if hasattr(value, "key")])
            return Done()

    class Done:
        def result(self):
            return 2.5

        def done(self, seconds=0.0):
            return True

    monkeypatch.setattr(cache, "_processes", Here)
    compared = comparison(large)
    teacher, kd, _ = compared.models
    measures.divergences(compared, teacher, kd, 4.0)
    assert submitted == []  # it is quick
    measures.class_view(compared, kd, 4.0)
    assert submitted == [["kd"], ["bickd"]]
    submitted.clear()
    measures.class_view(compared, teacher, 4.0)
    assert submitted == [["teacher"], ["kd"], ["bickd"]]
    submitted.clear()
    measures.class_view(compared, teacher, 4.0)
    assert submitted == []  # it is in memory
    assert store.get(Figure(len, "x", compared, ())) is MISSING


def test_small_comparisons_are_computed_in_the_server(another_day):
    class Small:
        key, large = "small", False

    memory, _ = another_day(NoProcesses())
    figure = Figure(lambda comparison: 2.5, "bickd_core.x:y", Small(), ())
    assert figures_cache(figure.key, figure) == 2.5
    assert figure.key in memory


def test_every_slow_figure_has_a_name_for_the_progress_bar():
    folder = Path(measures.__file__).parent
    text = "".join(file.read_text() for file in sorted(folder.glob("*.py")))
    assert sorted(cache.TITLES) == sorted(set(re.findall(r"^@cached\ndef (\w+)\(", text, re.M)))


def test_a_server_removes_old_figures_when_it_starts(own_home, monkeypatch):
    from app import main

    version = own_home / "cache" / "figures" / "an-old-version"
    version.mkdir(parents=True)
    (version / "figure.npz").touch()
    os.utime(version / "figure.npz", (0, 0))
    monkeypatch.setattr(main, "FIRST_PAGE", ())
    main.warm()
    assert not version.exists()
