"""Build the wheel of this clone and install it outside of it, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel into `folder` with the build backend that pyproject.toml names.

    Returns:
        Path of the wheel.
    """
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel into a new environment in `folder`.

    The environment sees the libraries of this one, but not its editable installation of the clone:
    of a folder that a .pth file names, Python reads no further .pth files.

    Returns:
        The environment's `bin` folder.
    """
    venv.create(folder, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries))
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-compile",
    ]
    command += [
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
        "--ignore-installed",
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True, env=clean_environment())
    return python.parent


def clean_environment() -> dict[str, str]:
    """This process's environment without what would lead back to the clone or to the tests'
    folders."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "BICKD_RUNS", "BICKD_SHELF")
    }
