"""Loggers: each gets what metrics.jsonl gets; a failing one ends alone; an unknown one is named
before training."""

import sys
from types import SimpleNamespace

import pytest
from run_helpers import small_config

from bickd_core.runs.create import create_run
from bickd_core.training import loggers
from bickd_core.training.loggers import GROUP, VARIABLE, start_loggers
from bickd_core.training.worker import work

pytestmark = pytest.mark.usefixtures("quick_umap")


@pytest.fixture
def offered(monkeypatch):
    """Loggers of an installed package: `offered["name"] = function`."""
    functions = {}

    def entry_points(*, group):
        assert group == GROUP
        return [
            SimpleNamespace(name=name, load=lambda made=made: made)
            for name, made in functions.items()
        ]

    monkeypatch.setattr(loggers, "entry_points", entry_points)
    return functions


def test_a_worker_hands_every_epoch_to_the_loggers_and_outlives_one_that_fails(
    library, monkeypatch, offered, capfd
):
    heard = []

    def broken(run):
        def on_epoch(record):
            heard.append(("broken", record))
            raise ConnectionError("the server is gone")

        return on_epoch

    offered["probe"] = lambda run: lambda record: heard.append((run.info().name, record))
    offered["broken"] = broken
    monkeypatch.setenv(VARIABLE, "broken probe")
    run = create_run(small_config(), library, name="followed")
    assert work(run, library) == "finished"
    records = run.metrics()
    assert len(records) == 2
    assert [record for name, record in heard if name == "followed"] == records
    assert [record for name, record in heard if name == "broken"] == records[:1]
    out, err = capfd.readouterr()
    assert "logger broken failed, as shown above" in out
    assert "ConnectionError: the server is gone" in err


def test_names_and_missing_libraries_are_told(make_run, monkeypatch, offered):
    run = make_run("a")
    monkeypatch.setenv(VARIABLE, "")
    assert start_loggers(run) == []
    monkeypatch.setenv(VARIABLE, "tensorbord")
    with pytest.raises(
        ValueError, match="BICKD_LOGGERS: logger must be one of .*the nearest is 'tensorboard'"
    ):
        start_loggers(run)

    def needs(run):
        import no_such_tracker  # noqa: F401

    offered["needy"] = needs
    monkeypatch.setenv(VARIABLE, "needy")
    with pytest.raises(
        ValueError, match="whose library is not installed: run pip install no_such_tracker"
    ):
        start_loggers(run)


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_follows(make_run, monkeypatch, offered):
    pytest.importorskip(
        "tensorboard",
        reason="tensorboard is not installed: pip install 'bickd-explorer[tensorboard]'",
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = make_run("a")
    monkeypatch.setenv(VARIABLE, "tensorboard")
    (on_epoch,) = start_loggers(run)
    for epoch in range(3):
        on_epoch({"epoch": epoch, "validation_accuracy": 0.25 * epoch})
    events = EventAccumulator(str(run.path / "tensorboard")).Reload().Scalars("validation_accuracy")
    assert [(event.step, event.value) for event in events] == [(1, 0.0), (2, 0.25), (3, 0.5)]


@pytest.mark.parametrize(
    ("name", "options"), [("trackio", {}), ("wandb", {"reinit": "create_new"})]
)
def test_a_tracker_gets_project_config_and_figures_by_epoch(
    make_run, monkeypatch, offered, name, options
):
    """A stand-in for the library: what the two share is `init(...).log(figures, step=...)`."""
    asked, logged = [], []
    tracked = SimpleNamespace(log=lambda figures, step: logged.append((step, figures)))
    library = SimpleNamespace(init=lambda **given: asked.append(given) or tracked)
    monkeypatch.setitem(sys.modules, name, library)
    monkeypatch.setenv(VARIABLE, name)
    monkeypatch.setenv("BICKD_PROJECT", "mine")
    run = make_run("a")
    (on_epoch,) = start_loggers(run)
    on_epoch({"epoch": 0, "validation_accuracy": 0.25})
    (given,) = asked
    assert given.pop("config")["arch"] == "convnet-small"
    assert given == {"project": "mine", "name": "a", **options}
    assert logged == [(1, {"validation_accuracy": 0.25})]
