"""Export a run for download: call `bickd export` in a separate process and zip its folder.

Free of Streamlit. The app's process loads no torch, so it does not export by itself.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from bickd_core.exporting.kinds import Kind
from bickd_core.launch.local import worker_environment
from bickd_core.runs.library import Library, RunError, RunFolder

MOST_SECONDS = 600


def exported(run: RunFolder, kind: Kind, library: Library, *, best: bool = False) -> bytes:
    """Return the export as a zip file with one folder in it.

    Raises:
        RunError: the export failed; the message is that of the command.
    """
    name = f"{run.path.name}-{kind}"
    with tempfile.TemporaryDirectory(prefix="bickd-export-") as place:
        folder = Path(place) / name
        command = [
            sys.executable,
            "-m",
            "bickd_cli.main",
            "export",
            run.key,
            "--to",
            kind,
            "--out",
            str(folder),
        ]
        folders = {
            "BICKD_SHELF": str(library.shelf.resolve()),
            "BICKD_RUNS": str(library.own.resolve()),
        }
        try:
            done = subprocess.run(
                [*command, *(["--best"] if best else [])],
                capture_output=True,
                text=True,
                timeout=MOST_SECONDS,
                env={**os.environ, **worker_environment(), **folders},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RunError(
                f"the export took more than {MOST_SECONDS // 60} minutes and was stopped; run bickd"
                " export in a shell instead."
            ) from error
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or [
                "the export ended without an error message."
            ]
            raise RunError(last[0].removeprefix("bickd: "))
        return _zipped(folder)


def _zipped(folder: Path) -> bytes:
    """Return the folder with its files as a zip file; its names begin with the folder's."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(folder.parent).as_posix())
    return content.getvalue()
