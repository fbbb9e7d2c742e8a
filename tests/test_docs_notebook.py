"""docs/notebooks/bring_your_own.ipynb runs, and gives the figures that are stored in it."""

import re
import sys
from pathlib import Path

import nbformat
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
from run_notebook import NOTEBOOK, executed, outputs

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def texts(notebook) -> list[str]:
    """What each cell prints or shows as text, without the charts."""
    found = [output.get("text") or output.data.get("text/html") for output in outputs(notebook)]
    return [text for text in found if text]


def test_a_fresh_run_gives_the_stored_figures():
    stored = nbformat.read(NOTEBOOK, as_version=4)
    pictures = [output for output in outputs(stored) if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    assert NOTEBOOK.stat().st_size < 300_000

    fresh = executed(NOTEBOOK, renderer="json")
    charts = [output for output in outputs(fresh) if "application/json" in output.get("data", {})]
    assert len(charts) == len(pictures)
    assert len(texts(fresh)) == len(texts(stored)) == 6
    for own, expected in zip(texts(fresh), texts(stored), strict=True):
        assert NUMBER.sub("#", own) == NUMBER.sub("#", expected)
        values = [[float(value) for value in NUMBER.findall(text)] for text in (own, expected)]
        np.testing.assert_allclose(*values, atol=0.02)  # other processors round a fit otherwise
