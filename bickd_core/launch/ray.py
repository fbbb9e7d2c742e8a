"""Run workers as Ray Jobs on a cluster whose nodes share the disk with the run folders.

Ray (https://docs.ray.io, 2.52 or newer, extra `[ray]`) is imported only when a cluster is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from bickd_core.launch.local import worker_command, worker_environment
from bickd_core.launch.protocol import Poll
from bickd_core.naming import first_line
from bickd_core.runs.library import Library, RunError, RunFolder


class Client(Protocol):
    """The methods of `ray.job_submission.JobSubmissionClient` that are used here."""

    def submit_job(self, *, entrypoint: str, **options: Any) -> str: ...
    def get_job_status(self, job_id: str) -> Any: ...
    def stop_job(self, job_id: str) -> bool: ...


class RayLauncher:
    """Launch runs on a Ray cluster, with `at_once` jobs at a time.

    A job that ended without an end state in its run is lost. It counts as lost only if the run's
    heartbeat is old too, so that two workers never write the same folder.
    """

    here = False

    def __init__(
        self,
        client: Client,
        library: Library,
        *,
        at_once: int,
        cpus: float = 1.0,
        gpus: float = 0.0,
        python: str = "python",
    ) -> None:
        self.at_once = at_once
        self.jobs: dict[Path, str] = {}
        """Return the latest job of each run that was submitted here."""
        self._client = client
        self._library = library
        self._cpus = cpus
        self._gpus = gpus
        self._python = python

    def submit(self, run: RunFolder) -> None:
        run.clear_requests()
        command = shlex.join(worker_command(run, self._library, self._python))
        log = shlex.quote(str(run.log_path.resolve()))
        # Ray counts who works where; the local queue's slots, which the folders' users share, must
        # not hold a job.
        environment = worker_environment(slots=self.at_once)
        try:
            self.jobs[run.path] = self._client.submit_job(
                entrypoint=f"{command} >> {log} 2>&1",
                submission_id=f"bickd-{run.path.name}-{secrets.token_hex(4)}",
                entrypoint_num_cpus=self._cpus,
                entrypoint_num_gpus=self._gpus,
                runtime_env={"env_vars": environment},
                metadata={"run": str(run.path.resolve())},
            )
        except (OSError, RuntimeError) as error:
            if re.search(r"status code 4\d\d", str(error)):  # the head was reached, and refuses
                raise RunError(f"Ray refuses the job: {first_line(error)}.") from error
            raise ConnectionError(f"Ray takes no jobs now: {first_line(error)}.") from error

    def stop(self, run: RunFolder) -> None:
        """Stop a run through its folder, because Ray's own stop kills after three seconds.

        A job that has not started is cancelled.
        """
        run.request_stop()
        if self._job_status(run) == "PENDING":
            with contextlib.suppress(OSError, RuntimeError):  # if it starts, it sees the request
                self._client.stop_job(self.jobs[run.path])

    def poll(self, run: RunFolder) -> Poll:
        job = self._job_status(run)
        if job in ("PENDING", "RUNNING"):
            return "working"
        status = run.status()
        if status.state in ("queued", "running"):
            if job == "UNREACHABLE":
                return (  # nothing can be submitted either; the workers go on without the head
                    "working"
                )
            return "lost" if status.stale() else "working"
        if job == "FAILED" and status.state == "stopped":
            return (  # the state is that of an earlier worker: this one ended before it wrote any
                "lost"
            )
        return status.state  # type: ignore[return-value]

    def _job_status(self, run: RunFolder) -> str:
        """Return Ray's status of the run's job, "UNKNOWN" if there is no job, or "UNREACHABLE"."""
        job = self.jobs.get(run.path)
        if job is None:
            return "UNKNOWN"
        try:
            return str(self._client.get_job_status(job).value)
        except OSError:
            return "UNREACHABLE"
        except RuntimeError as error:  # a head that was started anew does not know the job
            failing = re.search(r"status code 5\d\d", str(error))
            return "UNREACHABLE" if failing else "UNKNOWN"


def connect(address: str | None) -> tuple[Client, str]:
    """Connect to a cluster that requires a token; returns the client and the address.

    Args:
        address: of the dashboard, `http://HOST:8265`; RAY_API_SERVER_ADDRESS if None. Ray reads the
            token from RAY_AUTH_TOKEN, the file at RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token.

    Raises:
        ValueError: Ray is not installed, there is no cluster or token, or the cluster accepts jobs
            without a token.
    """
    address = (address or os.environ.get("RAY_API_SERVER_ADDRESS") or "").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ValueError(
            f"--address must be the dashboard of a Ray cluster, http://HOST:8265, got '{address}'."
        )
    if (
        mode := os.environ.setdefault("RAY_AUTH_MODE", "token")
    ) != "token":  # read when Ray is imported
        raise ValueError(
            f"RAY_AUTH_MODE must be 'token' for jobs to be sent, got '{mode}'; set it so."
        )
    try:
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise ValueError(
            f"the launcher 'ray' needs Ray ({error}); pip install 'bickd-explorer[ray]'."
        ) from error
    _refuse_open(address)
    try:
        return JobSubmissionClient(address), address
    except Exception as error:  # Ray's own kinds: a missing or wrong token, another version
        raise ValueError(f"the Ray cluster at {address} refuses: {first_line(error)}.") from error


def _refuse_open(address: str) -> None:
    """Refuse a cluster that answers without a token, because anyone who reaches it could run code
    there."""
    try:
        with urllib.request.urlopen(f"{address}/api/jobs/", timeout=10):
            pass
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return
        raise ValueError(f"{address} is no Ray cluster: it answers with {error.code}.") from error
    except OSError as error:
        raise ValueError(f"the Ray cluster at {address} cannot be reached: {error}.") from error
    raise ValueError(
        f"the Ray cluster at {address} accepts jobs without a token; start all its nodes with"
        " RAY_AUTH_MODE=token."
    )


def capacity(address: str, *, cpus: float, gpus: float = 0.0) -> int:
    """Return how many runs fit on the cluster's nodes now, at least one."""
    from ray.util.state import list_nodes

    places = 0
    for node in list_nodes(address=address):
        if node.state == "ALIVE":
            there = node.resources_total
            needs = [(cpus, there.get("CPU", 0.0)), (gpus, there.get("GPU", 0.0))]
            places += min(int(has // need) for need, has in needs if need > 0)
    return max(1, places)
