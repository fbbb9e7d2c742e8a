"""`bickd export`: a run as files that other programs read."""

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
    """Write a run as safetensors, a hub's folder, ONNX, torch.export or TensorBoard events, with a README on its use.

    For example `bickd export caltech95/kd-s0 --to onnx`.
    """

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a run."""
    to: Kind
    """What to write."""
    out: Path | None = None
    """The folder to make; RUN-KIND in the current folder if not given."""
    modules: Modules = ()
    best: bool = False
    """Take the weights of the epoch that was best on validation, not the last."""
    upload: str | None = None
    """Of a hub folder: the repository on Hugging Face to upload it to, such as `alice/kd-s0`. Made private if it is new."""
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
        folder = export(run, self.to, self.out or Path(f"{run.path.name}-{self.to}"), library, best=self.best)
        print(f"export: {folder}")
        if self.upload is not None:
            print(f"uploaded: {upload(folder, self.upload, public=self.public)}")
        return 0
