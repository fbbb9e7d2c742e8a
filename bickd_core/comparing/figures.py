"""The headline figures: one list for Overview, reports, notebooks and their tables."""

from __future__ import annotations

from dataclasses import dataclass

from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.summary import Summary


@dataclass(frozen=True)
class Figure:
    """A headline figure.

    Attributes:
        field: its field in `Summary`.
        title: its name.
        note: how to read it, in a few words.
        sentence: how to read it, for a reader who has no tooltip.
        axis: its name and unit on an axis.
        share: whether it is a fraction, shown in per cent.
        of_teacher: whether the teacher has it. If not, it compares a student with the teacher.
        at_T: whether it changes with the temperature.
        help: what it means.
    """

    field: str
    title: str
    note: str
    sentence: str
    axis: str
    share: bool = False
    of_teacher: bool = True
    at_T: bool = False
    help: str = ""

    @property
    def fmt(self) -> str:
        return "percent" if self.share else "number"

    def note_at(self, T: float) -> str:
        """The note, with the temperature if the figure changes with it."""
        return f"T = {T:g}, {self.note}" if self.at_T else self.note

    def interval(self, summary: Summary, *, is_teacher: bool) -> Interval | None:
        """The figure of one model; None if the model does not have it."""
        return None if is_teacher and not self.of_teacher else getattr(summary, self.field)


CORRECTED = "Corrected for the number of images by a jackknife."
"""For figures from a jackknife. Matrices and single pairs of classes are not corrected."""
FIGURES = (
    Figure(
        "accuracy", "Accuracy", "higher is better", "Higher is better.", "accuracy (%)", share=True,
        help="How often the class with the highest probability is the true class.",
    ),
    Figure(
        "agreement", "Agreement", "same top-1 class", "Same top-1 class as the teacher.",
        "agreement with the teacher (%)", share=True, of_teacher=False,
        help="How often the student and the teacher give the same top-1 class, right or wrong.",
    ),
    Figure(
        "overlap_per_image", "Overlap, matched", "per image, lower: further apart",
        "Each image at the teacher's entropy for it. Lower: classes further apart.",
        "class overlap matched per image (mean cosine)",
        help="How much classes share probability: the cosine between two columns of the "
        "probability matrix (images × classes), averaged over all pairs of classes. Sharper "
        "predictions alone lower it. So each image is compared at the temperature where the "
        "student's entropy for it equals the teacher's at the sidebar's T. What is left is no "
        f"longer a difference in entropy, but its size still depends on the rule. {CORRECTED}",
    ),
    Figure(
        "overlap", "Overlap, unmatched", "lower: further apart",
        "Every model at the same T. Lower: classes further apart.", "class overlap (mean cosine)",
        at_T=True,
        help="The same cosine with every model at the sidebar's T. Sharper predictions alone lower "
        f"it. {CORRECTED}",
    ),
    Figure(
        "overlap_matched", "Overlap, matched mean entropy", "one temperature for each model",
        "Each student at the teacher's mean entropy.",
        "class overlap at matched mean entropy (mean cosine)",
        help="Each student at the one temperature where its mean entropy equals the teacher's at "
        "the sidebar's T. Models can still differ in how entropy varies from image to image. "
        f"{CORRECTED}",
    ),
    Figure(
        "kl", "KL from the teacher", "nats at T", "At T, without T².",
        "KL(teacher ‖ student) (nats)",
        of_teacher=False, at_T=True,
    ),
    Figure(
        "displacement", "Displacement", "mean Hellinger distance at T",
        "Mean Hellinger distance at T.",
        "mean Hellinger distance", of_teacher=False, at_T=True,
    ),
    Figure(
        "calibration_error", "ECE", "15 bins, T = 1", "15 bins, T = 1; lower is better.",
        "expected calibration error (%)", share=True,
    ),
    Figure(
        "cka_logits", "CKA of logits", "debiased", "Debiased, with the teacher's logits.",
        "debiased linear CKA",
        of_teacher=False,
    ),
    Figure(
        "score", "Orthogonality score", "1 is orthogonal", "At T; 1 is orthogonal.",
        "orthogonality score", at_T=True,
    ),
)  # fmt: skip
"""In the order of Overview, the most important first."""
OVER_SEEDS = FIGURES[:5]
"""Figures that a recipe has over its seeds; see `bickd_core.comparing.seeds`."""
CARDS = FIGURES[:4]
"""Figures that are charts on Overview."""
