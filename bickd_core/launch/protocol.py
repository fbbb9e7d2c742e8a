"""The one protocol of places where runs work: submit, stop, poll."""

from __future__ import annotations

from typing import Literal, Protocol

from bickd_core.runs.folder import RunFolder

Poll = Literal["working", "finished", "failed", "stopped", "lost"]
"""What a place says of a run: "working" holds a wait for its turn as well; "lost" means that the worker is gone
and the run says nothing of an end, so that it may be submitted again and goes on from its `resume/`."""


class Launcher(Protocol):
    """A place where workers run. Every place works on the run folder itself, which it must reach under one path."""

    at_once: int
    """How many runs the place works on side by side."""

    def submit(self, run: RunFolder) -> None:
        """Start a worker on a new, stopped, failed or lost run."""

    def stop(self, run: RunFolder) -> None:
        """Ask for an orderly end: the worker saves its state and leaves within a step."""

    def poll(self, run: RunFolder) -> Poll:
        """How it stands with a run that was submitted here, or that some other worker holds."""
