"""Calibration: whether confidence matches accuracy, and what temperature scaling changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app import page_export, selection, state
from app.components import chart, frame, selection_bar, style, thumbs
from app.data import best_temperature, samples
from app.pages.calibration import panels
from app.plain import st
from bickd_core.comparing import calibration, measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.calibration import BINS
from bickd_viz import tables
from bickd_viz.charts.reliability import RARE, bin_from_code, reliability_diagram
from bickd_viz.text import calibration as sentences
from bickd_viz.text import numbers
from bickd_viz.text.classes import isolated

SCHEMES = {"width": "equal width", "mass": "equal counts"}
MOST_IMAGES = 12


@dataclass(frozen=True)
class Controls:
    """The values of the controls: the binning, and whether each model is used at its best
    temperature."""

    scheme: str
    best: bool

    def at(self, model: Model) -> float:
        """The temperature of this model; 1 if it has no best one."""
        best = best_temperature.best_temperature(model) if self.best else None
        return 1.0 if best is None else best.shown


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    if comparison.labels is None:
        page_export.title("Calibration needs true labels")
        st.info("These predictions have no labels, so their accuracy is unknown.")
        return
    student = frame.focused(comparison)
    head = st.container()
    if comparison.students:
        student = frame.choose_student(comparison, "calibration-student")
    controls = _controls(comparison)
    with head:
        _title(comparison, student, controls)
    _linked(comparison, student, controls)
    panels.cards(comparison, controls.at)
    panels.temperatures(comparison)
    panels.by_class(comparison, student, controls.at)


def _controls(comparison: Comparison) -> Controls:
    """Show the controls: the bins and, if some model has a best temperature, the temperature."""
    fitted = any(
        best_temperature.best_temperature(model) is not None for model in comparison.models
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        best = fitted and st.segmented_control(
            "Temperature",
            [False, True],
            default=False,
            format_func=lambda best: "each model's best" if best else "as used, T = 1",
            key="calibration-best",
            help=(
                "This page ignores the sidebar's T, because models are used at T = 1. The best"
                " temperature has the lowest negative log-likelihood on the validation split."
            ),
        )
        scheme = st.segmented_control(
            "Bins",
            list(SCHEMES),
            default="width",
            format_func=SCHEMES.__getitem__,
            key="calibration-bins",
        )
    return Controls(scheme or "width", bool(best))


def _title(comparison: Comparison, student: Model, controls: Controls) -> None:
    assert comparison.labels is not None
    T = controls.at(student)
    summary = calibration.calibration(comparison, student, T)
    accuracy = float((student.predictions.predicted == comparison.labels).mean())
    page_export.title(
        sentences.sureness_title(
            student.called, summary.excess, accuracy + summary.excess.estimate, accuracy
        )
    )
    mass = controls.scheme == "mass"
    error, chance = (
        (summary.ece_mass, summary.chance_mass)
        if mass
        else (summary.ece_width, summary.chance_width)
    )
    note = sentences.error_note(error, summary.excess)
    details = [sentences.error_detail(error.plain, chance)]
    other = frame.baseline(comparison, student) or comparison.teacher
    if other.key != student.key:
        gap = calibration.calibration_gap(comparison, student, other, (T, controls.at(other)))
        difference = gap.ece_mass if mass else gap.ece_width
        details.append(
            sentences.gap_sentence(
                "ECE", student.name, other.called, difference, fmt="percent", noun=comparison.noun
            )
        )
    page_export.note(
        f"{note} {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}, T = {T:.4g}.",
        *details,
        f"{BINS} bins of {SCHEMES[controls.scheme]}. One run of each model. Intervals are at 95%,"
        f" over {comparison.nouns}.",
    )


@frame.linked
def _linked(comparison: Comparison, student: Model, controls: Controls) -> None:
    """Draw the diagram and the images of a bin. A click redraws only these."""
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(border=True, height="stretch"):
        _diagram(comparison, student, controls)
    with right, st.container(border=True, height="stretch"):
        _images(comparison, student, controls)
    selection_bar.show(comparison)
    state.show_in_url()


def _diagram(comparison: Comparison, student: Model, controls: Controls) -> None:
    looks = style.styles(comparison)
    style.card_title(
        "Accuracy by confidence",
        "Below the dotted line, a model is overconfident. Click a point to select its"
        f" {comparison.nouns}.",
    )
    drawn = []
    for model in comparison.models:
        summary = calibration.calibration(comparison, model, controls.at(model))
        drawn.append(
            (looks[model.key], summary.mass if controls.scheme == "mass" else summary.width)
        )
    focus = comparison.models.index(student)
    figure = reliability_diagram(
        drawn, focus=focus, selected=_selected(comparison, controls), theme=style.theme()
    )

    def clicked(code: str) -> None:
        model, place = bin_from_code(code)
        chosen = comparison.models[model]
        at = f"{controls.at(chosen):g}"
        selection.select("bin", chosen.key, controls.scheme, str(BINS), str(place + 1), at)

    export = chart.Export(
        f"Reliability in {BINS} bins of {SCHEMES[controls.scheme]}",
        lambda: tables.reliability_table(drawn),
    )
    chart.show_clickable(figure, "calibration-diagram", clicked, export=export)
    st.caption(
        f"Band: 95% interval of {student.called}'s accuracy. Below: {comparison.nouns} per bin."
        f" Hollow: fewer than {RARE} {comparison.nouns}.",
        help="To see the band of another student, choose it above. The lines skip hollow points.",
    )


def _selected(comparison: Comparison, controls: Controls) -> tuple[int, int] | None:
    """The selected bin on this diagram: (model, bin), or None."""
    rule = selection.rule()
    if rule is None:
        return None
    for i, model in enumerate(comparison.models):
        head = (model.key, controls.scheme, str(BINS))
        if (
            rule.kind == "bin"
            and rule.arguments[:3] == head
            and rule.arguments[4:] == (f"{controls.at(model):g}",)
        ):
            return (i, int(rule.arguments[3]) - 1) if rule.arguments[3].isdigit() else None
    return None


def _images(comparison: Comparison, student: Model, controls: Controls) -> None:
    chosen = selection.selected(comparison)
    if chosen is None or chosen.rule.kind != "bin":
        counts = calibration.calibration(comparison, student, controls.at(student)).width.counts
        surest = int(np.flatnonzero(counts).max()) + 1
        at = f"{controls.at(student):g}"
        chosen = selection.picked(
            comparison, "bin", student.key, "width", str(BINS), str(surest), at
        )
    shown = chosen.positions[:MOST_IMAGES]
    model = comparison.model(chosen.rule.arguments[0])
    sure = measures.probabilities_at(model, shown, float(chosen.rule.arguments[4])).max(axis=1)
    style.card_title(
        f"{numbers.count(len(shown))} of {numbers.counted(len(chosen), comparison.noun)}:"
        f" {chosen.title}",
        "Wrong and most confident first. Below each: true class, then predicted class and"
        " confidence.",
    )
    captions = [
        (
            thumbs.true_class(comparison, p),
            f"{isolated(comparison.class_names[model.predictions.predicted[p]])} {s:.0%}",
        )
        for p, s in zip(shown, sure, strict=True)
    ]
    with st.container(key="calibration-images"):
        thumbs.show(comparison, shown, captions)
    st.caption(samples.image_credit(comparison))
