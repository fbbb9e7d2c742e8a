"""What tests share: one thread, a home of their own, a library of runs, one teacher that was really
trained."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import shutil
import sys
import time
from pathlib import Path

import hypothesis
import pytest
from run_helpers import small_config

from bickd_core.places import cache_folder
from bickd_core.runs.library import Library, RunFolder, RunInfo
from bickd_core.runs.status import Status

hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")
os.environ.setdefault(
    "BICKD_KERNELS", str(cache_folder() / "kernels")
)  # compiled once, not for each test
STAND_INS = Path(__file__).parent / "stand_ins"


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their argument: their content may differ between the processes of one run."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the home, the cache or the runs of whoever starts it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("BICKD_CACHE", str(home / "cache"))
    monkeypatch.setenv("BICKD_RUNS", str(home / "runs"))
    monkeypatch.setenv("BICKD_SHELF", str(home / "shelf"))
    monkeypatch.delenv("BICKD_SLOTS", raising=False)
    return home


@pytest.fixture(scope="session")
def _decoded(tmp_path_factory):
    return tmp_path_factory.mktemp("decoded")


@pytest.fixture
def decoded_data(_decoded, own_home, monkeypatch):
    """A cache of decoded images that tests share, so that a data set is decoded once a session."""
    monkeypatch.setenv("BICKD_CACHE", str(_decoded))
    return _decoded


@pytest.fixture
def library(tmp_path):
    """An empty library: a shelf and a folder of one's own."""
    made = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")
    made.shelf.mkdir()
    made.own.mkdir()
    return made


@pytest.fixture
def quick_umap(monkeypatch):
    """UMAP's place is taken by its own start, here and in worker processes: importing it takes many
    seconds."""
    path = os.pathsep.join(filter(None, (str(STAND_INS), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(STAND_INS)
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    yield
    sys.modules.pop("umap", None)


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    """A teacher trained once a session, evaluated on both splits, with a card and a map by PCA."""
    from bickd_core.geometry.layout import pca_layout
    from bickd_core.geometry.map_space import map_space
    from bickd_core.maps.store import TEMPERATURE, layout_key
    from bickd_core.runs.card import write_card
    from bickd_core.runs.create import create_run
    from bickd_core.training.engine import fit
    from bickd_core.training.evaluate import predict
    from bickd_core.training.finish import measure
    from bickd_core.training.setup import build_job

    root = tmp_path_factory.mktemp("trained")
    made = Library(shelf=root / "shelf", own=root / "own")
    asked = small_config(role="teacher", epochs=4, train_limit=None)
    run = create_run(asked, made, name="teacher")
    job = build_job(asked, made)
    assert fit(job, run) == "finished"
    for split in ("validation", "test"):
        predict(job.student, job.dataset.split(split), job.dataset).save(
            run.predictions_path(split)
        )
    run.write_info(run.info().model_copy(update={"cost": measure(job.student, (1, 8, 8))}))
    for method in ("umap", "pca"):
        layout = pca_layout(map_space(run.predictions("test").probabilities(TEMPERATURE)))
        layout.save(run.layout_path(layout_key(run, "test", method, None)))
    write_card(run, made)
    run.write_status(Status("finished", heartbeat=time.time()))
    return run.path


@pytest.fixture
def teacher(_trained, library):
    """The trained teacher as run `teacher` of this test's library."""
    shutil.copytree(_trained, library.own / "teacher")
    return library.find("teacher")


@pytest.fixture
def make_run(library):
    """Make a run folder without training: `make_run("a", state="running", on_shelf="digits",
    ...)`."""

    def make(
        name,
        *,
        state="finished",
        on_shelf=None,
        predictions=None,
        info=None,
        status=None,
        config=None,
    ):
        root = library.own if on_shelf is None else library.shelf / on_shelf
        fields = {
            "name": name,
            "role": "student",
            "arch": "convnet-small",
            "dataset": "digits",
            "image_size": 8,
            "in_channels": 1,
            "num_classes": 10,
            "config": small_config() if config is None else config,
            **(info or {}),
        }
        run = RunFolder.create(root, RunInfo(**fields))
        if status is not None or state is not None:
            run.write_status(Status(state, heartbeat=time.time()) if status is None else status)
        if predictions is not None:
            predictions.save(run.predictions_path("test"))
        return library.find(name if on_shelf is None else f"{on_shelf}/{name}")

    return make
