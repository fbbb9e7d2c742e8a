"""Sentences about prediction maps: how they are made, and what they cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from bickd_viz.text import numbers

METHODS = {
    "umap": "UMAP",
    "transform": "Transform",
    "aligned": "Aligned UMAP",
    "pca": "PCA",
    "simplex": "Three classes",
}
"""Names of the layouts."""

_HOW = {
    "umap": (
        "Neighbours have similar predictions. Each student's map starts from the teacher's"
        " coordinates and is then shifted and rotated to fit them."
    ),
    "transform": (
        "Neighbours have similar predictions. Each student's samples are placed on the teacher's"
        " map, next to the teacher's samples with the most similar predictions."
    ),
    "aligned": (
        "Neighbours have similar predictions. AlignedUMAP lays out all models together and keeps"
        " each sample near its position in the other models."
    ),
    "pca": (
        "PCA shows the two directions with the largest spread. Each student's map is rotated and"
        " scaled to fit the teacher's."
    ),
    "simplex": (
        "The position shows how a sample's probability is shared among three classes: a corner is"
        " one class, the centre is equal shares. Nothing is projected or estimated."
    ),
}
_LIMITS = {
    "umap": (
        "UMAP keeps neighbours together. It does not keep large distances, areas or densities. Two"
        " groups that are far apart on the map are not always more different than two that are"
        " close."
    ),
    "transform": (
        "A sample can only be placed where the teacher has samples. A group that only the student"
        " forms does not show. Models look more similar than they are."
    ),
    "aligned": (
        "The layout pulls the models towards each other, so it can hide real movement. Each map"
        " depends on the other models in the comparison."
    ),
    "pca": "All other directions are hidden. Neighbours on the map may be far apart.",
    "simplex": (
        "All other classes are hidden. If a sample gives the three classes little probability, its"
        " position means little."
    ),
}


_HOW_ALONE = {
    "umap": "UMAP of the square roots of the probabilities. Neighbours have similar predictions.",
    "pca": (
        "PCA of the square roots of the probabilities: the two directions with the largest spread."
    ),
}


def layout_sentence(method: str, students: bool = True) -> str:
    """How the map is made.

    Args:
        method: The layout.
        students: Whether students are shown with the teacher.
    """
    return _HOW[method] if students else _HOW_ALONE.get(method, _HOW[method])


def with_selection(colour: str, chosen: int, differing: Sequence[tuple[str, int]] = ()) -> str:
    """What the colours mean while samples are selected.

    Args:
        colour: What the colours show.
        chosen: Number of selected samples.
        differing: Name of each student, and on how many of the selected samples it disagrees with
            the teacher.
    """
    if not chosen:
        return ""
    alone = "selected sample is" if chosen == 1 else f"{numbers.count(chosen)} selected samples are"
    if colour == "disagreement" and differing:
        each = ", ".join(f"{name} {numbers.count(count)}" for name, count in differing)
        text = (
            f"Only the {alone} marked. Coloured: the model disagrees with the teacher ({each})."
            " Dark: it agrees."
        )
    else:
        text = f"Only the {alone} coloured."
    return f"{text} Clear the selection to see the colours of all samples."


def cannot_tell(method: str, moved: float | None = None) -> str:
    """What the map cannot show.

    Args:
        method: The layout.
        moved: Mean distance of a sample from its place on the teacher's map, in map widths.
    """
    drift = ""
    if moved is not None and method != "simplex":
        drift = (
            f" From the teacher's map to a student's, a sample moves {moved:.2f} map widths on"
            " average. Part of this can come from the layout itself: compare it with the map of"
            " another seed."
        )
    return (
        f"{_LIMITS[method]}{drift} Displacement and rankings are always computed in the full space"
        " of probabilities, not on a map."
    )


def quality_note(displaced_beyond: float, quality_n: int, n: int) -> str:
    """How to read the figures under a map."""
    part = (
        ""
        if quality_n >= n
        else f" Both are measured on {numbers.count(quality_n)} of the samples."
    )
    return (
        "Trustworthiness drops if neighbours on the map are not true neighbours. Continuity drops"
        f" if true neighbours are apart on the map.{part} Moved by another seed: the share of"
        f" samples that move by more than {numbers.percent(displaced_beyond, 0)} of the map's width"
        " if another seed is used. Duplicates: the share of samples with the same probabilities as"
        " another sample."
    )


def simplex_note(
    names: Sequence[str], outside: Sequence[float], of_corners: Sequence[float], least: float
) -> str:
    """How much probability the three classes leave out.

    Args:
        names: Names of the models.
        outside: Mean probability outside the three classes for each model, over all samples.
        of_corners: The same over the samples of the three classes; nan if there are none.
        least: Samples with a smaller share of the three classes are hidden.
    """
    every = ", ".join(
        f"{name} {numbers.percent(share, 0)}" for name, share in zip(names, outside, strict=True)
    )
    text = f"Mean probability outside the three classes: {every}."
    if all(share == share for share in of_corners):
        shares = ", ".join(f"{numbers.percent(share, 0)}" for share in of_corners)
        text += f" Over the samples of these classes only: {shares}."
    if least > 0:
        text += (
            f" Samples with less than {numbers.percent(least, 0)} in the three classes are hidden."
        )
    return text
