"""The figures of one run in a line: accuracies, size and latency."""

from __future__ import annotations

from app.distill.model_choice import millions, milliseconds
from app.plain import st
from app.run_table import Figures, parameters
from bickd_core.runs.library import RunFolder, RunInfo
from bickd_viz.text import numbers

_VALIDATION = "Validation"
_SEEN = (
    "Validation is a part of the training images, so this network was probably trained on it. Its"
    " accuracy is then higher than on new images."
)


def show(run: RunFolder, info: RunInfo, reached: Figures, prefix: str) -> None:
    """Show the known figures; each names its split."""
    size = parameters(info)
    cost = info.cost
    company = ", busy machine" if cost and cost.latency_busy else ""
    shown = [
        ("Test accuracy", numbers.percent(reached.test) if reached.test is not None else None),
        (
            "Validation, last epoch" if info.config is not None else _VALIDATION,
            numbers.percent(reached.validation) if reached.validation is not None else None,
        ),
        ("Validation, best", numbers.percent(reached.best) if reached.best is not None else None),
        ("Parameters", millions(size) if size else None),
        (
            f"Latency, batch 1{company}",
            milliseconds(cost.latency_ms) if cost and cost.latency_ms else None,
        ),
        (
            f"Latency, batch 64{company}",
            milliseconds(cost.latency_batch_ms) if cost and cost.latency_batch_ms else None,
        ),
        ("On disk", f"{run.size_bytes() / 2**20:.1f} MB"),
    ]
    with st.container(horizontal=True, gap="medium", key=f"{prefix}-figures"):
        for label, value in shown:
            if value is not None:
                seen = label == _VALIDATION and info.source.saw_validation
                st.metric(label, value, width="content", help=_SEEN if seen else None)
