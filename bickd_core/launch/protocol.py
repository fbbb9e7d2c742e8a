"""The protocol of launchers: submit, stop and poll."""

from __future__ import annotations

from typing import Literal, Protocol

from bickd_core.runs.folder import RunFolder

Poll = Literal["working", "finished", "failed", "stopped", "lost"]
"""State of a run on a launcher. "working" includes waiting for a slot. "lost" means that the worker
is gone without an end state, so the run can be submitted again and continues from its `resume/`."""


class Launcher(Protocol):
    """Starts workers. Every launcher works on the run folder itself, under the same path."""

    here: bool
    """Whether the runs train on this machine."""
    at_once: int
    """How many runs the place works on side by side."""

    def submit(self, run: RunFolder) -> None:
        """Start a worker on a new, stopped, failed or lost run.

        Raises:
            RunError: this run cannot be started.
            ConnectionError: the place cannot be reached now.
        """

    def stop(self, run: RunFolder) -> None:
        """Ask the worker to save its state and stop, which it does within a step."""

    def poll(self, run: RunFolder) -> Poll:
        """Return the state of a run that was submitted here or that another worker holds."""
