"""Ray Jobs: what is asked of a cluster and made of its answers; and, where Ray is installed, a
cluster that loses a node."""

import contextlib
import http.server
import importlib.util
import os
import shlex
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from run_helpers import long_silent, small_config, wait_for

from bickd_core.launch import local
from bickd_core.launch.ray import RayLauncher, connect
from bickd_core.runs.create import create_run
from bickd_core.runs.library import RunError
from bickd_core.runs.status import Status, Worker
from bickd_core.sweeps.definition import Sweep, planned_runs
from bickd_core.sweeps.running import Sweeping

RAY = importlib.util.find_spec("ray") is not None
TOKEN = "0123456789abcdef" * 4


class MadeUpClient:
    """A cluster that answers what the test says."""

    def __init__(self):
        self.jobs = []
        self.taken_back = []
        self.answer = "PENDING"

    def submit_job(self, **asked):
        self.jobs.append(asked)
        return asked["submission_id"]

    def get_job_status(self, job):
        assert job == self.jobs[-1]["submission_id"]
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(value=self.answer)

    def stop_job(self, job):
        self.taken_back.append(job)
        return True


@pytest.fixture
def client():
    return MadeUpClient()


@pytest.fixture
def launcher(client, library):
    return RayLauncher(client, library, at_once=7, cpus=2.0, gpus=0.5, python="python3.11")


def test_a_job_is_the_same_worker_command_with_its_share_of_a_node(
    launcher, client, library, make_run
):
    run = make_run("a b".replace(" ", "-"), state=None)
    run.request_stop()
    launcher.submit(run)
    (job,) = client.jobs
    command, log = job["entrypoint"].split(" >> ")
    assert shlex.split(command) == local.worker_command(run, library, "python3.11")
    assert log == f"{run.log_path.resolve()} 2>&1"
    assert (job["entrypoint_num_cpus"], job["entrypoint_num_gpus"]) == (2.0, 0.5)
    assert job["runtime_env"]["env_vars"]["BICKD_SLOTS"] == "7"
    assert job["metadata"] == {"run": str(run.path.resolve())}
    assert not run.stop_requested()
    launcher.submit(run)
    assert len({job["submission_id"] for job in client.jobs}) == 2


@pytest.mark.parametrize("error", [RuntimeError("status code 500: no head\n"), OSError("no route")])
def test_a_cluster_that_does_not_answer_is_a_connection_error(
    launcher, client, make_run, monkeypatch, error
):
    def refuse(*_, **__):
        raise error

    run = make_run("a", state=None)
    monkeypatch.setattr(client, "stop_job", refuse)
    launcher.submit(run)
    launcher.stop(run)
    assert run.stop_requested()
    monkeypatch.setattr(client, "submit_job", refuse)
    with pytest.raises(
        ConnectionError, match=r"Ray takes no jobs now: (status .* head|no route)\."
    ):
        launcher.submit(run)


def test_a_job_that_ray_refuses_is_no_reason_to_wait(launcher, client, make_run, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("Request failed with status code 400: too many CPUs")

    monkeypatch.setattr(client, "submit_job", refuse)
    with pytest.raises(RunError, match="Ray refuses the job: Request failed"):
        launcher.submit(make_run("a", state=None))


OLD, NEW = 0.0, 2e9


@pytest.mark.parametrize(
    ("answer", "state", "heartbeat", "poll"),
    [
        ("PENDING", "queued", OLD, "working"),
        ("RUNNING", "running", OLD, "working"),  # Ray sees the process; a silent disk is no loss
        ("SUCCEEDED", "finished", NEW, "finished"),
        ("FAILED", "failed", NEW, "failed"),
        ("FAILED", "finished", NEW, "finished"),
        ("SUCCEEDED", "stopped", NEW, "stopped"),
        ("FAILED", "stopped", NEW, "lost"),
        (
            "FAILED",
            "running",
            NEW,
            "working",
        ),  # until its heartbeat is old, a worker may still be there
        ("FAILED", "running", OLD, "lost"),
        ("STOPPED", "queued", OLD, "lost"),
        (RuntimeError("no such job"), "running", OLD, "lost"),
        (RuntimeError("Request failed with status code 404: no job"), "queued", OLD, "lost"),
        (RuntimeError("Request failed with status code 503: busy"), "queued", OLD, "working"),
        (ConnectionError("no head"), "running", OLD, "working"),
        (ConnectionError("no head"), "finished", NEW, "finished"),
    ],
)
def test_what_a_jobs_status_and_its_run_folder_say_together(
    launcher, client, make_run, answer, state, heartbeat, poll
):
    run = make_run("a", state=None)
    launcher.submit(run)
    client.answer = answer
    elsewhere = Worker("another-host", 1, 0.0)
    run.write_status(Status(state, worker=elsewhere, heartbeat=heartbeat))
    if heartbeat == OLD:
        long_silent(run)
    assert launcher.poll(run) == poll


def test_a_run_of_others_is_polled_by_its_folder(launcher, make_run):
    assert launcher.poll(make_run("a", state="finished")) == "finished"
    assert launcher.poll(make_run("b", state="running")) == "working"


def test_a_working_run_is_stopped_by_its_folder_and_a_waiting_job_is_taken_back(
    launcher, client, make_run
):
    run = make_run("a", state=None)
    launcher.submit(run)
    client.answer = "RUNNING"
    launcher.stop(run)
    assert run.stop_requested()
    assert client.taken_back == []
    client.answer = "PENDING"
    launcher.stop(run)
    assert client.taken_back == [client.jobs[0]["submission_id"]]


@pytest.fixture
def answering(request):
    """The address of a server that answers everything with one code."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(request.param)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def some_ray(monkeypatch):
    """A stand-in where Ray is not installed: what is refused here is refused before it is asked
    anything."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    monkeypatch.setitem(
        sys.modules, "ray.job_submission", SimpleNamespace(JobSubmissionClient=None)
    )


@pytest.mark.parametrize(
    ("answering", "words"),
    [(200, "accepts jobs without a token; start all its nodes with RAY_AUTH_MODE=token"), (404, "is no Ray cluster")],
    indirect=["answering"],
)  # fmt: skip
def test_a_cluster_that_asks_for_no_token_gets_no_job(some_ray, answering, words):
    with pytest.raises(ValueError, match=words):
        connect(answering)


@pytest.mark.parametrize("address", [None, "ray://host:10001", "host:8265"])
def test_an_address_that_is_no_dashboard_is_refused(some_ray, address, monkeypatch):
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    with pytest.raises(ValueError, match="--address must be the dashboard of a Ray cluster"):
        connect(address)


def test_tokens_that_are_switched_off_and_a_cluster_that_is_not_there_are_named(
    some_ray, monkeypatch
):
    with pytest.raises(ValueError, match="cannot be reached"):
        connect("http://127.0.0.1:1")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(
        ValueError, match="RAY_AUTH_MODE must be 'token' for jobs to be sent, got 'disabled'"
    ):
        connect("http://127.0.0.1:1")


@pytest.mark.skipif(RAY, reason="Ray is installed")
def test_without_ray_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(ValueError, match=r"pip install 'bickd-explorer\[ray\]'"):
        connect("http://127.0.0.1:8265")


# -- a real cluster --------------------------------------------------------------------------------
@pytest.fixture
def cluster(monkeypatch, tmp_path_factory):
    """Two nodes of one core each on this machine, with token authentication on."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    about = {"num_cpus": 1, "object_store_memory": 80_000_000}
    head = {**about, "include_dashboard": True, "dashboard_port": 0}
    made = Cluster(initialize_head=True, head_node_args=head)
    second = made.add_node(**about)
    yield SimpleNamespace(
        remove_second=lambda: made.remove_node(second, allow_graceful=False),
        second=second.node_id,
        address=f"http://{made.head_node.webui_url}",
    )
    made.shutdown()


def processes_of(pid):
    """The job's processes, from Ray's supervisor down to the worker."""
    found = [psutil.Process(pid)]
    while not any("JobSupervisor" in part for part in found[-1].cmdline()):
        found.append(found[-1].parent())
    return found[::-1]


@pytest.mark.skipif(
    not RAY, reason="Ray is not installed: pip install 'bickd-explorer[ray]' to run this test"
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("quick_umap", "teacher")
def test_a_node_removed_in_mid_run_costs_no_run_and_changes_no_weight(
    cluster, library, monkeypatch
):
    """Two runs, one a node; the second node is taken away; its run goes on on the first, to an
    unbroken run's bytes."""
    from bickd_core.launch.ray import capacity

    made = {
        "name": "c",
        "pairs": [{"teacher": "teacher", "student": "convnet-small"}],
        "methods": ["kd", "bickd"],
        "seeds": [0],
        "train": (
            small_config(epochs=150, train_limit=200).model_dump(
                include={"dataset", "epochs", "train_limit", "threads", "precision", "device"}
            )
        ),
    }
    planned = planned_runs(Sweep.model_validate(made))
    client, address = connect(cluster.address)
    at_once = capacity(address, cpus=1.0)
    assert at_once == 2
    launcher = RayLauncher(client, library, at_once=at_once, cpus=1.0, python=sys.executable)
    sweeping = Sweeping(planned, library, launcher)
    sweeping.turn()
    runs = [library.find(each.name) for each in planned]
    began = time.monotonic()

    def say(words):
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    say(f"submitted: {', '.join(launcher.jobs.values())}")
    wait_for(lambda: all(len(run.metrics()) > 3 for run in runs), what="some epochs of both")
    on_second = [
        run
        for run in runs
        if client.get_job_info(launcher.jobs[run.path]).driver_node_id == cluster.second
    ]
    (lost,) = on_second  # one run a node
    say("; ".join(f"{run.key} at epoch {len(run.metrics())}" for run in runs))
    first_job = launcher.jobs[lost.path]
    supervisor_and_worker = processes_of(lost.status().worker.pid)
    cluster.remove_second()
    # Both nodes are this machine, so what worked on the removed one outlives it for a while. A lost
    # machine takes it along.
    for process in supervisor_and_worker:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    say(f"the node of {lost.key} is removed at epoch {len(lost.metrics())}")
    assert lost.status().state == "running"

    def submitted_again():
        ended = [each.planned.name for each in sweeping.turn()]
        assert lost.key not in ended  # the other may well be done
        return launcher.jobs[lost.path] != first_job

    wait_for(submitted_again, what="its second job")
    before = len(lost.metrics())
    say(
        f"{lost.key} is submitted again from epoch {before}:"
        f" {client.get_job_info(first_job).message.splitlines()[0]!r}"
    )
    assert before < 150

    def all_ended():
        sweeping.turn()
        return not sweeping.at_work

    wait_for(all_ended, what="the end of the sweep")
    for each in sweeping.ended:
        say(f"{each.planned.name}: {each.state} {each.error}")
        assert each.state == "finished"
    assert [record["epoch"] for record in lost.metrics()] == list(range(150))
    unbroken = create_run(lost.info().config, library, name="unbroken")
    monkeypatch.delenv("RAY_AUTH_MODE")
    assert local.start_worker(unbroken, library).wait(timeout=300) == 0
    assert lost.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
    say(
        f"{lost.key} has the weights of an unbroken run, byte for byte; jobs:"
        f" {len(client.list_jobs())}"
    )
    assert os.environ["RAY_AUTH_TOKEN"] == TOKEN
