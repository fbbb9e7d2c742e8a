"""`bickd relocate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from bickd_core.runs.library import Library, RunError


@dataclass
class Relocate:
    """Record where the images of runs are now, for example on the laptop to which you copied the
    runs of a cluster.

    Example: `bickd relocate --dataset folder:NEW`. The images must be the same. They are decoded
    into the cache, so that the app can show them.
    """

    dataset: str
    """The images' path now, with the kind that the runs have: folder:PATH, csv:PATH, parquet:PATH,
    npz:PATH or all-test:PATH."""
    run_keys: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Keys or folders of runs. If not set: every run of these images whose path no longer
    exists."""

    def run(self, library: Library) -> int:
        from bickd_core.runs.same_data import relocate, relocate_all

        named = [library.locate(key) for key in self.run_keys]
        for run in named:
            relocate(run, self.dataset)
            print(f"{run.key}: {run.info().dataset}")
        if named:
            return 0
        found = relocate_all(library, self.dataset)
        if not found:
            raise RunError(
                f"{self.dataset} must have the same images as a run in {library.own}, but none of"
                " the runs whose images have moved has these; name a run to learn why."
            )
        for run in found:
            print(f"{run.key}: {run.info().dataset}")
        return 0
