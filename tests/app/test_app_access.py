"""A shared server: its settings, who sees which runs, and the limits on queue and disk."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
from run_helpers import random_predictions, small_config
from streamlit.testing.v1 import AppTest

from app import settings
from app.data import access
from app.guard import Guard
from app.state import ViewState
from bickd_core.runs.create import create_run
from bickd_core.runs.library import USERS, Library, RunError
from bickd_core.runs.status import Progress, Status, Worker

ANN = {"is_logged_in": True, "iss": "https://id.example", "sub": "1", "email": "ann@lab.example"}
BOB = ANN | {"sub": "2", "email": "bob@lab.example"}


@pytest.fixture
def server(library, monkeypatch) -> Library:
    """A server with a folder for each user; `as_user` signs somebody in."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setenv("BICKD_USER_FOLDERS", "1")
    return library


@pytest.fixture
def as_user(monkeypatch):
    """Sign this user in, as far as the app can see."""

    def sign_in(user: dict[str, object]) -> Library:
        monkeypatch.setattr(access, "claims", lambda: user)
        access.enter()
        return access.library()

    return sign_in


def put(library: Library, name: str, state: str = "finished") -> None:
    """A run that works, waits or is done, on a host that cannot be asked."""
    run = create_run(small_config(epochs=4), library, name=name)
    random_predictions().save(run.predictions_path("test"))
    worker = Worker("elsewhere", abs(hash(name)) % 10_000, 1.0)
    run.write_status(Status(state, Progress(1, 4, 0, 6), worker, heartbeat=time.time()))  # type: ignore[arg-type]


# -- settings -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("BICKD_READ_ONLY", "yes", "must be 0 or 1, got 'yes'"),
        ("BICKD_USER_FOLDERS", "on", "must be 0 or 1, got 'on'"),
        ("BICKD_MAX_QUEUED", "0", "must be a whole number of at least 1, got '0'"),
        ("BICKD_MAX_QUEUED", "٣", "must be a whole number of at least 1"),
        ("BICKD_MAX_DISK_GB", "-1", "must be a number of gigabytes of at least 0, got '-1'"),
        ("BICKD_MEMORY_GB", "all", "must be a number of gigabytes of at least 0, got 'all'"),
        ("BICKD_VIEWS_GB", "half", "must be a number of gigabytes of at least 0, got 'half'"),
        ("BICKD_RESIDENT_MB", "1.5", "must be a whole number of megabytes, got '1.5'"),
        ("BICKD_SLOTS", "many", "must be a whole number of at least 1, got 'many'"),
    ],
)
def test_a_wrong_value_is_refused_when_the_server_starts(monkeypatch, variable, text, expected):
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValueError, match=f"{variable} {expected}"):
        settings.check_environment(signs_in=True)


def test_user_folders_need_a_sign_in(monkeypatch):
    monkeypatch.setenv("BICKD_USER_FOLDERS", "1")
    settings.check_environment(signs_in=True)
    with pytest.raises(ValueError, match="BICKD_USER_FOLDERS=1 needs visitors who sign in"):
        settings.check_environment(signs_in=False)


def test_a_server_without_settings_is_as_before(library, monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setattr(access, "claims", lambda: ANN)  # a sign-in alone makes no folders
    settings.check_environment(signs_in=False)
    access.enter()
    assert access.library() == access.for_training(99) == access.for_import(10**15) == library
    assert access.disk_use() is None
    assert list(library.own.iterdir()) == []


# -- who ------------------------------------------------------------------------------------------
def test_a_folder_follows_the_providers_number_and_not_the_mail_address():
    name = access.folder_name(ANN)
    assert name == access.folder_name(ANN | {"email": "ann@elsewhere.example", "name": "Ann"})
    others = [BOB, ANN | {"iss": "https://other.example"}]
    assert name not in map(access.folder_name, others)
    assert len(name) == 20
    assert name.isalnum()


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"is_logged_in": False},
        {"sub": "1", "iss": "x"},
        *({**ANN, c: ""} for c in ("iss", "sub")),
    ],
)
def test_who_is_not_known_has_no_library(server, user, monkeypatch):
    monkeypatch.setattr(access, "claims", lambda: user)
    for ask in (access.library, access.enter, lambda: access.for_training(1), access.for_import):
        with pytest.raises(RunError, match="nobody is signed in|must send the claims"):
            ask()


def test_signing_in_makes_a_folder_that_says_whose_it_is(server, as_user):
    ann = as_user(ANN)
    assert ann == Library(server.shelf, server.own / USERS / access.folder_name(ANN))
    assert json.loads((ann.own / access.PROFILE).read_text()) == {
        "iss": "https://id.example",
        "sub": "1",
        "email": "ann@lab.example",
    }
    assert as_user(BOB).own != ann.own


def test_on_a_read_only_server_users_see_their_runs_and_write_nothing(server, as_user, monkeypatch):
    ann = as_user(ANN)
    put(ann, "mine")
    monkeypatch.setenv("BICKD_READ_ONLY", "1")
    fixed = as_user(ANN)
    (run,) = fixed.runs()
    assert (run.key, run.origin, run.read_only) == ("mine", "own", True)
    as_user(BOB)
    assert len(list((server.own / USERS).iterdir())) == 1
    for ask in (lambda: access.for_training(1), access.for_import):
        with pytest.raises(RunError, match="this server is read-only"):
            ask()


def test_a_download_that_a_thread_makes_sees_the_runs_of_its_session(server, as_user, monkeypatch):
    ann = as_user(ANN)
    make = access.in_session(access.library)
    monkeypatch.setattr(access, "claims", dict)  # a thread has no session, so no user
    seen: list[Library] = []
    thread = threading.Thread(target=lambda: seen.append(make()))
    thread.start()
    thread.join()
    assert seen == [ann]
    with pytest.raises(RunError, match="nobody is signed in"):
        access.library()


# -- limits ---------------------------------------------------------------------------------------
def test_a_user_may_have_so_many_trainings_at_work_or_waiting(server, as_user, monkeypatch):
    monkeypatch.setenv("BICKD_MAX_QUEUED", "3")
    ann = as_user(ANN)
    for name, state in (("a", "running"), ("b", "queued"), ("c", "finished"), ("d", "stopped")):
        put(ann, name, state)
    assert access.for_training(1) == ann
    with pytest.raises(
        RunError,
        match="with 2 more runs, 4 would be running or queued, and the limit is 3; start fewer",
    ):
        access.for_training(2)
    as_user(BOB)
    access.for_training(3)  # the limit is each user's


def test_a_full_folder_stops_imports_and_trainings_and_says_what_to_delete(
    server, as_user, monkeypatch
):
    ann = as_user(ANN)
    put(ann, "small")
    put(ann, "large")
    (ann.own / "large" / "model.safetensors").write_bytes(bytes(3_000_000))
    monkeypatch.setenv("BICKD_MAX_DISK_GB", "0.0031")
    access.for_training(1)
    access.for_import(50_000)
    with pytest.raises(
        RunError,
        match=r"your runs use 0\.003\d* of 0\.0031 GB and this needs 0\.001 GB more; delete runs on"
        r" Runs; the largest are large \(0\.003\d* GB\), small",
    ):
        access.for_import(1_000_000)
    monkeypatch.setenv("BICKD_MAX_DISK_GB", "0.003")
    with pytest.raises(RunError, match=r"your runs use .* of 0\.003 GB; delete runs on Runs"):
        access.for_training(1)
    as_user(BOB)
    access.for_training(1)


# -- pages ----------------------------------------------------------------------------------------
def page(path: str) -> None:
    import importlib

    from app import login
    from app.components import sidebar

    login.require()
    sidebar.show(path)
    importlib.import_module(f"app.pages.{path}.page").show()


def opened(path: str, **view: object) -> str:
    """Everything that the page says, as one text."""
    app = AppTest.from_function(page, args=(path,), default_timeout=60)
    for name, value in ViewState(**view).to_query().items():  # type: ignore[arg-type]
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    said: list[str] = []

    def collect(node: object) -> None:
        said.append(str(getattr(node, "proto", "")))
        for child in getattr(node, "children", {}).values():
            collect(child)

    collect(app.main)
    collect(app.sidebar)
    return "\n".join(said)


@pytest.fixture
def crowd(server, as_user) -> Library:
    """Ann is signed in; Bob has runs too, and one of them trains."""
    put(server, "common")
    bob = as_user(BOB)
    put(bob, "secret-run")
    put(bob, "secret-training", "running")
    ann = as_user(ANN)
    put(ann, "mine")
    return ann


@pytest.mark.parametrize("path", ["overview", "runs", "distill", "bring_your_own", "learn"])
def test_pages_say_nothing_of_another_users_runs(crowd, path):
    said = opened(path, teacher="common")
    assert "secret" not in said
    assert access.folder_name(BOB) not in said
    assert ("A run of another user" in said) == (path == "distill")


@pytest.mark.parametrize(
    ("path", "view", "expected"),
    [
        ("overview", {"teacher": "secret-run"}, "There is no run"),
        ("overview", {"teacher": "common", "students": ("secret-run",)}, "There is no run"),
        ("sample", {"teacher": "secret-run", "sample": "1"}, "There is no run"),
        ("runs", {"teacher": "common", "run": "secret-run"}, "no longer exists"),
        ("distill", {"teacher": "common", "run": "secret-training"}, "cannot be opened"),
        ("distill", {"teacher": "common", "race": ("secret-training",)}, "Distil a student"),
        ("runs", {"teacher": "common", "run": ".other-0"}, "no longer exists"),
    ],
)
def test_no_link_opens_another_users_run(crowd, path, view, expected):
    said = opened(path, **view)
    assert expected in said
    assert "class 0" not in said  # its classes
    assert access.folder_name(BOB) not in said


def test_a_shared_run_can_be_watched_and_compared_and_not_changed(crowd):
    said = opened("runs", teacher="common", run="common")
    assert "This is a shared run." in said
    assert "Show in comparison" in said
    assert "Delete permanently" not in said
    assert "Delete permanently" in opened("runs", teacher="common", run="mine")


def test_who_is_not_known_sees_the_reason_and_nothing_else(crowd, monkeypatch):
    monkeypatch.setattr(access, "claims", lambda: {"is_logged_in": True, "email": "x@lab.example"})
    said = opened("runs", teacher="common")
    assert "Your runs cannot be opened. The identity provider must send the claims" in said
    assert "common" not in said


# -- uploads --------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize("fixed", ["0", "1"])
def test_a_read_only_server_takes_no_upload(monkeypatch, method, fixed):
    monkeypatch.setenv("BICKD_READ_ONLY", fixed)
    reached, answers = [], []

    async def app(scope, receive, send):
        reached.append(scope["path"])

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/bickd/_stcore/upload_file/session/file",
        "headers": [(b"host", b"127.0.0.1")],
    }
    asyncio.run(Guard(app)(scope, None, send))
    refused = fixed == "1" and method != "DELETE"
    assert bool(reached) != refused
    assert [a["status"] for a in answers if "status" in a] == ([403] if refused else [])
