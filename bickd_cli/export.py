"""`bickd export`: write a run in formats of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bickd_cli.flags import Modules
from bickd_core.exporting.kinds import Kind
from bickd_core.runs.library import Library


@dataclass
class Export:
    """Export a run as safetensors, Hugging Face folder, ONNX or torch.export, each with a README,
    or as TensorBoard events.

    Example: `bickd export caltech95/kd-s0 --to onnx`.
    """

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a run."""
    to: Kind
    """The format."""
    out: Path | None = None
    """The new folder. If not set: RUN-FORMAT in the current folder."""
    modules: Modules = ()
    best: bool = False
    """Use the weights of the best epoch on validation instead of the last. Not with --to hub or
    tensorboard."""
    upload: str | None = None
    """With --to hub: upload to this repository on Hugging Face, such as `alice/kd-s0`. A new
    repository is private."""
    public: bool = False
    """Make a new repository public."""

    def run(self, library: Library) -> int:
        from bickd_core.exporting.export import export
        from bickd_core.exporting.network import ExportError
        from bickd_core.exporting.upload import check_signed_in, upload

        if self.upload is not None:
            if self.to != "hub":
                raise ExportError(f"--upload needs --to hub, got --to {self.to}.")
            check_signed_in()
        run = library.locate(self.run_key)
        folder = export(
            run, self.to, self.out or Path(f"{run.path.name}-{self.to}"), library, best=self.best
        )
        print(f"export: {folder}")
        if self.upload is not None:
            print(f"uploaded: {upload(folder, self.upload, public=self.public)}")
        return 0
