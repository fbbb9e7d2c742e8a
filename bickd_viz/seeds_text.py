"""Two students in sentences: the accuracies of these runs, and what the seeds of both recipes say."""

from __future__ import annotations

from bickd_core.geometry import Interval
from bickd_core.over_seeds import ComparedOverSeeds
from bickd_viz.text import comparison_sentence


def accuracy_note(
    student: str,
    baseline: str,
    ours: float,
    theirs: float,
    difference: Interval,
    over: ComparedOverSeeds | None,
) -> str:
    """One sentence, or three where both recipes have several seeds: one pair of runs may say what others do not.

    ours, theirs, difference: accuracies of the two runs and their difference on the same samples. over: the same over
    seeds, if it is known.
    """
    if over is None:
        return comparison_sentence("Accuracy", student, baseline, ours, theirs, difference)
    many = " and ".join(str(count) for count in dict.fromkeys(over.seeds))
    accuracy, agreement = (
        (found.ours, found.theirs, found.difference) for found in (over.accuracy, over.agreement)
    )
    return " ".join(
        (
            comparison_sentence("Accuracy of these two", student, baseline, ours, theirs, difference),
            comparison_sentence(f"Over {many} seeds of each", student, baseline, *accuracy),
            comparison_sentence("Agreement over these seeds", student, baseline, *agreement),
        )
    )
