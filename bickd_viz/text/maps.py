"""What a map shows and what it cannot tell, in sentences filled from data."""

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
"""Names of the ways to draw a prediction space."""

_HOW = {
    "umap": "Each student's UMAP starts from the teacher's coordinates, so that what stays in place can be compared, and is "
    "shifted and turned to lie nearest them.",
    "transform": "Each student's samples are placed into the teacher's own map, beside the teacher's samples that they "
    "are most like; the teacher's map stays as it is.",
    "aligned": "All models are laid out together; AlignedUMAP holds each sample near its places in the other models.",
    "pca": "The two directions of the largest spread; each student's picture is turned and scaled onto the teacher's.",
    "simplex": "Each sample at its shares of three classes, given that it is one of them: a corner is one class alone, "
    "the middle all three alike. Nothing is projected or estimated.",
}
_LIMITS = {
    "umap": "UMAP keeps neighbours together and gives up far distances, areas and densities: two groups that lie far "
    "apart need not be more different than two that lie close.",
    "transform": "A sample can only land where the teacher has samples: groups that a student alone forms do not show, "
    "and models look more alike than they are.",
    "aligned": "Models are pulled towards each other: what moves little here may well have moved. Each model's map "
    "depends on which others are compared.",
    "pca": "All other directions are hidden: points that lie together here may be far apart.",
    "simplex": "All other classes are hidden: where a sample gives the three little, its place says little.",
}


_HOW_ALONE = {
    "umap": "UMAP of the square roots of the probabilities: samples lie together that the model sees alike.",
    "pca": "The two directions of the largest spread of the square roots of the probabilities.",
}


def how_made(method: str, students: bool = True) -> str:
    """How the map came about; students: whether the teacher has company."""
    return _HOW[method] if students else _HOW_ALONE.get(method, _HOW[method])


def with_selection(colour: str, chosen: int, differing: Sequence[tuple[str, int]] = ()) -> str:
    """What the colours mean while samples are selected.

    differing: for each student its name and on how many of the selected samples it names another class than the teacher.
    """
    if not chosen:
        return ""
    alone = (
        "the selected sample keeps its"
        if chosen == 1
        else f"the {numbers.count(chosen)} selected samples keep their"
    )
    words = f"While there is a selection, only {alone} colour, and all others are grey"
    if colour == "disagreement" and differing:
        each = ", ".join(f"{name} {numbers.count(count)}" for name, count in differing)
        words += (
            f". In colour are those on which the model of that panel names another class than the teacher ({each}); a "
            "selected sample on which it names the same is dark"
        )
    return f"{words}. Clear the selection to see every sample in its colour."


def cannot_tell(method: str, moved: float | None = None) -> str:
    """What the map cannot tell. moved: mean 2-D displacement from the teacher's map, in layout widths."""
    drift = ""
    if moved is not None and method != "simplex":
        drift = (
            f" Here a sample moves {moved:.2f} layout widths on average from the teacher's picture to a student's, and "
            "much of that is the method, not the models: the very same data moved between 0.04 and 1.12 widths "
            "by method alone."
        )
    return f"{_LIMITS[method]}{drift} Displacement and rankings on these pages are always computed in the full space."


def quality_note(displaced_beyond: float, quality_n: int, n: int) -> str:
    """How to read the figures under a map."""
    part = "" if quality_n >= n else f" (on {numbers.count(quality_n)} of the samples)"
    return (
        f"Trustworthiness falls with false neighbours, continuity with torn ones{part}; both are 1 at best. Moved by the "
        f"seed: samples that lie more than {numbers.percent(displaced_beyond, 0)} of the map's width elsewhere when it is "
        "made again with another seed. Duplicates: samples whose probabilities equal another's."
    )


def simplex_note(
    names: Sequence[str], outside: Sequence[float], of_theirs: Sequence[float], least: float
) -> str:
    """What the three classes leave out.

    outside, of_theirs: for each model the mean share of probability outside the three classes, over all samples and
    over the samples of the three classes (nan where there are none). least: share from which a sample is shown.
    """
    every = ", ".join(
        f"{name} {numbers.percent(share, 0)}" for name, share in zip(names, outside, strict=True)
    )
    parts = [f"Outside the three lies on average {every}"]
    if all(share == share for share in of_theirs):
        theirs = ", ".join(f"{numbers.percent(share, 0)}" for share in of_theirs)
        parts.append(f"over the samples of the three classes alone {theirs}")
    words = "; ".join(parts) + "."
    if least > 0:
        words += f" Shown are samples that give the three at least {numbers.percent(least, 0)}."
    return words
