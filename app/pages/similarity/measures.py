"""CKA, RSA and Procrustes distance of every student from the teacher, with intervals and what
chance gives."""

from __future__ import annotations

from app.components import export_menu, frame, style
from app.plain import st
from bickd_core.comparing import similarity
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.similarity import BASES, MEASURES, Chance
from bickd_core.wording import worded
from bickd_viz.charts.whisker_html import whisker_html
from bickd_viz.charts.whiskers import Row
from bickd_viz.text import numbers
from bickd_viz.text import similarity as words

TITLES = {
    "cka": "CKA",
    "rsa": "RSA",
    "procrustes": "Procrustes distance",
}
NOTES = {
    "cka": "1: the same {what} up to rotation and scale",
    "rsa": "1: the same order of {distance} distances",
    "procrustes": "0: the same {what} up to rotation and scale",
}
HELP = {
    "cka": "Debiased linear CKA (centred kernel alignment) of {what}. 0 means nothing in common.",
    "rsa": (
        "Representational similarity analysis: Spearman's rank correlation of the {distance}"
        " distances between all pairs of images, in teacher and student."
    ),
    "procrustes": (
        "The difference of {what} that remains after the best rotation and scaling. 1 means nothing"
        " in common."
    ),
}
WHAT = {
    "outputs": {"what": "logits", "distance": "Hellinger"},
    "features": {"what": "features", "distance": "Euclidean"},
}


def _choose_basis() -> str | None:
    return st.segmented_control(
        "What is compared",
        BASES,
        default="outputs",
        key="similarity-basis",
        format_func=lambda basis: {"outputs": "outputs", "features": "penultimate features"}[basis],
    )


@frame.linked
def show(comparison: Comparison, student: Model, T: float) -> None:
    st.subheader("Similarity of representations")
    basis = (_choose_basis() if _has_features(comparison) else None) or "outputs"
    for place, measure in zip(st.columns(3, gap="small"), MEASURES, strict=True):
        with place, st.container(border=True, height="stretch", key=f"similarity-{measure}"):
            _measure(comparison, student, measure, basis, T)
    ranked = len(similarity.sampled(comparison))
    at = f" at T = {T:g}" if basis == "outputs" else ""
    drawn = ", drawn by class with seed 0" if ranked < comparison.n else ""
    st.caption(
        f"95% intervals over {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}."
        + (
            ""
            if _has_features(comparison)
            else " These runs have no stored features, so only outputs are compared."
        ),
        help=(
            f"The intervals come from a jackknife over shards of {comparison.nouns}. RSA ranks all"
            f" pairs of {numbers.count(ranked)} of {numbers.count(comparison.n)}"
            f" {comparison.nouns}{at}{drawn}."
        ),
    )


def _has_features(comparison: Comparison) -> bool:
    """Whether the features of a student can be compared with the teacher's."""
    stored = [model.predictions.features is not None for model in comparison.models]
    return stored[0] and any(stored[1:])


def _measure(comparison: Comparison, student: Model, measure: str, basis: str, T: float) -> None:
    looks = style.styles(comparison)
    note, help = (text[measure].format(**WHAT[basis]) for text in (NOTES, HELP))
    style.card_title(TITLES[measure], note, worded(help, comparison.noun))
    rows = []
    for model in comparison.students:
        found = similarity.similarity(comparison, model, measure, basis, T)
        interval = None if found is None else found.interval()
        rows.append(
            Row(looks[model.key], None)
            if interval is None
            else Row(looks[model.key], interval.estimate, interval.low, interval.high)
        )
    null = similarity.chance(comparison, measure, basis, T)
    st.html(whisker_html(rows, theme=style.theme(), slots=4))
    title = f"{TITLES[measure]} of {WHAT[basis]['what']} with the teacher"
    export_menu.offer_whiskers(
        f"similarity-{measure}", title, rows, theme=style.theme(), x_title=title
    )
    st.caption(_finding(comparison, student, measure, basis, T, null))


def _finding(
    comparison: Comparison, student: Model, measure: str, basis: str, T: float, null: Chance | None
) -> str:
    if null is None:
        if basis == "features":
            return "These runs have no stored features."
        return "This measure is not defined for these runs."
    said = []
    other = frame.baseline(comparison, student)
    if other is not None:
        difference = similarity.similarity_difference(comparison, student, other, measure, basis, T)
        said.append(
            words.difference_sentence(
                measure, student.name, other.name, difference, noun=comparison.noun
            )
        )
    shuffled = null.null
    assert shuffled.observed is not None  # as `chance` returns it
    said.append(
        words.chance_sentence(
            measure,
            null.student.name,
            shuffled.observed,
            shuffled.values,
            shuffled.p_value,
            alone=len(comparison.students) == 1,
            noun=comparison.noun,
        )
    )
    return " ".join(filter(None, said))
