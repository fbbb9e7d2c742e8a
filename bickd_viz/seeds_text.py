"""Two students' accuracies in sentences: of these runs, and over the seeds of both recipes."""

from __future__ import annotations

from bickd_core.geometry import Interval
from bickd_core.over_seeds import AccuracyOverSeeds
from bickd_viz.text import comparison_sentence


def accuracy_note(
    student: str,
    baseline: str,
    ours: float,
    theirs: float,
    difference: Interval,
    over: AccuracyOverSeeds | None,
) -> str:
    """One sentence, or two where both recipes have several seeds: one pair of runs may say what others do not.

    ours, theirs, difference: accuracies of the two runs and their difference on the same samples. over: the same over
    seeds, if it is known.
    """
    if over is None:
        return comparison_sentence("Accuracy", student, baseline, ours, theirs, difference)
    many = " and ".join(str(count) for count in dict.fromkeys(over.seeds))
    return " ".join(
        (
            comparison_sentence("Accuracy of these two", student, baseline, ours, theirs, difference),
            comparison_sentence(
                f"Over {many} seeds of each", student, baseline, over.ours, over.theirs, over.difference
            ),
        )
    )
