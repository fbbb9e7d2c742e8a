"""The figures of one run on Runs."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.run_table import Figures
from bickd_core.runs.info import Source


def page(run, reached) -> None:
    from app.components import run_figures

    run_figures.show(run, run.info(), reached, "test")


@pytest.mark.parametrize(
    ("kind", "label", "warned"),
    [
        ("trained", "Validation, last epoch", False),
        ("imported", "Validation", True),
        ("program", "Validation", True),
        ("predictions", "Validation", False),
    ],
)
def test_validation_of_an_imported_network_is_explained(make_run, kind, label, warned):
    changes = {} if kind == "trained" else {"config": None}
    run = make_run("a", info={"source": Source(kind=kind), **changes})
    app = AppTest.from_function(page, args=(run, Figures(test=0.5, validation=0.75)))
    app.run()
    assert not app.exception, app.exception
    (shown,) = (metric for metric in app.metric if metric.label.startswith("Validation"))
    assert (shown.label, shown.value) == (label, "75.0%")
    assert ("probably trained on it" in shown.help) == warned
