"""Run docs/notebooks/bring_your_own.ipynb and store its outputs: `python docs/run_notebook.py`.

Charts are stored as PNG, which needs a Chromium or Chrome (`BROWSER_PATH` names another place).
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).resolve().parent / "notebooks" / "bring_your_own.ipynb"


def executed(path: Path, *, renderer: str) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of a fresh run.

    Args:
        path: of the notebook.
        renderer: what Plotly writes for a chart: "png" for a picture, "json" for its numbers alone.
    """
    notebook = nbformat.read(path, as_version=4)
    environment = {**os.environ, "PLOTLY_RENDERER": renderer, "PYTHONPATH": str(path.parents[2])}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False)
    client.execute(env=environment)
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the outputs of all cells, in order."""
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _smaller(picture: str) -> str:
    """Return a PNG in base64 with 256 colours, a third as large."""
    found = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.convert("RGB").quantize(256, kmeans=3).save(found, format="PNG", optimize=True)
    return base64.b64encode(found.getvalue()).decode()


if __name__ == "__main__":
    notebook = executed(NOTEBOOK, renderer="png")
    for output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = _smaller(output.data["image/png"])
    nbformat.write(notebook, NOTEBOOK)
