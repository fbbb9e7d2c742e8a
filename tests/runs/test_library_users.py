"""A server's runs folder with a folder for each user: what each sees, and what she may change."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from run_helpers import random_predictions, small_config

from bickd_core.importing.add_validation import add_validation
from bickd_core.importing.layout import FileSplit
from bickd_core.importing.matching import Imported, ImportedModel
from bickd_core.importing.prediction_runs import create_runs
from bickd_core.launch import local
from bickd_core.maps import jobs
from bickd_core.maps.make import Maps
from bickd_core.runs.create import create_run
from bickd_core.runs.library import USERS, Library, NameTaken, RunError
from bickd_core.runs.status import Status


@pytest.fixture
def server(library, make_run) -> Library:
    """The library of a server with a bundled run, a shared run and no users yet."""
    make_run("kd-s0", on_shelf="digits", predictions=random_predictions(), state="finished")
    make_run("common", predictions=random_predictions(), state="finished")
    return library


def of_user(server: Library, name: str, *runs: str) -> Library:
    """The library of a user who has copies of the shared run under these names."""
    own = server.own / USERS / name
    own.mkdir(parents=True)
    for run in runs:
        shutil.copytree(server.own / "common", own / run)
        copy = Library(server.shelf, own).find(run)
        copy.write_info(copy.info().model_copy(update={"name": run}))
    return Library(server.shelf, own)


def seen(library: Library) -> list[tuple[str, str, bool]]:
    return [(run.key, run.origin, run.read_only) for run in library.runs()]


def test_a_user_sees_the_shared_runs_and_her_own_and_changes_only_her_own(server):
    ann, bob = of_user(server, "ann", "mine"), of_user(server, "bob", "his")
    bundled, common = ("digits/kd-s0", "bundled", True), ("common", "shared", True)
    assert seen(ann) == [bundled, common, ("mine", "own", False)]
    assert seen(bob) == [bundled, common, ("his", "own", False)]
    assert seen(server) == [bundled, ("common", "own", False)]  # in the shell, or without users
    assert ann.find("common").path == server.own / "common"
    for change in (lambda run: run.delete(), lambda run: run.rename("x"), local.stop):
        with pytest.raises(RunError, match=r"run 'common' cannot be \w+: it is a shared run"):
            change(ann.find("common"))
    ann.find("mine").rename("still-mine").delete()
    assert (server.own / "common").exists()


@pytest.mark.parametrize(
    "key", ["his", "../bob/his", ".users/bob/his", "bob/his", ".other-0", "..", "%2e%2e/bob/his"]
)
def test_no_key_leads_to_another_users_run(server, key):
    ann, _ = of_user(server, "ann"), of_user(server, "bob", "his")
    with pytest.raises(RunError, match="there is no run") as error:
        ann.find(key)
    assert "did you mean 'his'" not in str(error.value)


def test_no_typed_path_leads_to_another_users_files(server, tmp_path, monkeypatch):
    ann, bob = of_user(server, "ann", "mine"), of_user(server, "bob", "his")
    (tmp_path / "link").symlink_to(bob.own)
    monkeypatch.setenv("HOME", str(bob.own))
    paths = [bob.own / "his", server.own / "x" / ".." / USERS / "bob", tmp_path / "link" / "his"]
    for path in [*paths, Path("~/his"), server.own / USERS]:
        with pytest.raises(RunError, match="is in the folder of another user"):
            ann.check_path(path)
    with pytest.raises(RunError, match="is in the folder of another user"):
        ann.locate(str(bob.own / "his"))
    ann.check_path(ann.own / "mine")
    ann.check_path(server.own / "common")
    ann.check_path(tmp_path / "elsewhere")
    server.check_path(bob.own / "his")


def test_a_new_run_takes_no_name_of_a_shared_one(server):
    ann = of_user(server, "ann")
    assert ann.free_name("common") == "common-2"
    with pytest.raises(NameTaken, match="a run named 'common' already exists"):
        create_run(small_config(), ann, name="common")
    assert not ann.taken(f"../{USERS}/ann")  # no name, and no question about other folders
    assert create_run(small_config(), ann, name="new").path == ann.own / "new"
    assert [run.key for run in server.runs()] == ["digits/kd-s0", "common"]


def test_an_own_run_hides_a_shared_one_of_the_same_name(server, make_run):
    ann = of_user(server, "ann", "late")
    make_run("late")  # shared afterwards
    assert [key for key, _, _ in seen(ann)] == ["digits/kd-s0", "common", "late"]
    assert ann.find("late").path == ann.own / "late"


def test_the_queue_has_everyones_runs_without_their_names(server):
    ann, _ = of_user(server, "ann", "mine"), of_user(server, "bob", "his", "other")
    found = {run.key: (run.origin, run.path.name) for run in ann.everyones()}
    assert found == {
        "common": ("shared", "common"),
        "mine": ("own", "mine"),
        ".other-0": ("other", "his"),
        ".other-1": ("other", "other"),
    }
    with pytest.raises(RunError, match="this run of another user cannot be stopped"):
        next(run for run in ann.everyones() if run.origin == "other").request_stop()


def test_all_users_wait_for_the_same_slots(server, monkeypatch):
    ann, bob = of_user(server, "ann"), of_user(server, "bob")
    assert (ann.root, bob.root, server.root) == (server.own, server.own, server.own)
    assert ann.shared == server.own
    assert server.shared is None
    monkeypatch.setenv("BICKD_RUNS", str(ann.own))
    monkeypatch.setenv("BICKD_SHELF", str(ann.shelf))
    assert Library.default() == ann  # as in the processes that the app starts


# -- a read-only library --------------------------------------------------------------------------
def imported(name: str, split: FileSplit = "test") -> Imported:
    model = ImportedModel(name, random_predictions(), "new.npz", "logits")
    return Imported((model,), "one file", 20, 20, {}, {}, (), split=split)


def test_nothing_is_written_by_a_read_only_library(server, make_run):
    make_run("halted", status=Status("stopped"))
    before = sorted((path, path.stat().st_mtime_ns) for path in server.own.rglob("*"))
    fixed = replace(server, writable=False)
    assert seen(fixed)[1:] == [("common", "shared", True), ("halted", "shared", True)]
    common, halted = fixed.find("common"), fixed.find("halted")
    for write in (
        lambda: local.submit(small_config(), fixed),
        lambda: local.submit_race([small_config()], fixed),
        lambda: local.resume(halted, fixed),
        lambda: local.stop(halted),
        lambda: create_runs(imported("new"), fixed, teacher="new"),
        lambda: jobs.start(Maps(fixed, common, (), "test", "pca")),
        lambda: jobs.stop(fixed, "pca-test-12345678"),
        common.delete,
        lambda: common.rename("x"),
    ):
        with pytest.raises(RunError, match=r"this server is read-only|it is a shared run"):
            write()
    fixed.sweep_unfinished(older_than=-1)
    assert sorted((path, path.stat().st_mtime_ns) for path in server.own.rglob("*")) == before


def test_validation_is_added_to_no_shared_run(server):
    ann = of_user(server, "ann")
    with pytest.raises(RunError, match="run 'common' cannot be changed: it is a shared run"):
        add_validation(imported("common", "validation"), ann)
