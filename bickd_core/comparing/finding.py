"""What a comparison shows first: the student in focus against its baseline."""

from __future__ import annotations

from dataclasses import dataclass

from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.measures import most_separated_pair, separates
from bickd_core.comparing.seeds import Recipes, RecipesCompared


@dataclass(frozen=True)
class Finding:
    """The student in focus against the baseline, and then against the other students.

    Attributes:
        compared: name of each other model in a sentence -> comparison, the baseline's first.
            P-values are adjusted for all of them.
        teacher: the student against the teacher, if the baseline is another student. This is a
            question of its own, so its p-values are not adjusted for the others.
    """

    student: Model
    baseline: Model
    compared: dict[str, RecipesCompared]
    teacher: RecipesCompared | None = None

    @property
    def main(self) -> RecipesCompared:
        """The student against the baseline."""
        return self.compared[self.baseline.called]

    @property
    def against_each(self) -> dict[str, RecipesCompared]:
        """The student against each other model, the teacher last if it is not the baseline."""
        last = {} if self.teacher is None else {"the teacher": self.teacher}
        return self.compared | last

    @property
    def names_bickd(self) -> bool:
        return "bickd" in (self.student.kind, self.baseline.kind)


def finding(
    comparison: Comparison, recipes: Recipes, student: Model | None = None
) -> Finding | None:
    """Compare the student in focus with each other student, and with the teacher.

    Args:
        recipes: the models of the comparison with their seeds.
        student: the student in focus by default.

    Returns:
        None for a comparison without students.
    """
    if not comparison.students:
        return None
    student = student or comparison.focus()
    baseline = comparison.baseline(student)
    shown = (student.key, baseline.key)
    against = [baseline, *(model for model in comparison.students if model.key not in shown)]
    differences = recipes.against(student.key, [model.key for model in against])
    compared = {model.called: differences[model.key] for model in against}
    if baseline.is_teacher:
        return Finding(student, baseline, compared)
    teacher = comparison.teacher.key
    return Finding(student, baseline, compared, recipes.against(student.key, [teacher])[teacher])


@dataclass(frozen=True)
class SeparatedPair:
    """The two classes whose cosine falls most from the baseline to the student.

    Attributes:
        separated: whether it falls at all; if not, they are the pair with the greatest cosine.
    """

    classes: tuple[int, int]
    separated: bool


def separated_pair(
    comparison: Comparison, temperature: float, student: Model | None = None
) -> SeparatedPair:
    """The pair of classes that the student in focus separates most from the baseline."""
    student = student or comparison.focus()
    baseline = comparison.baseline(student)
    pair = most_separated_pair(comparison, student, baseline, temperature)
    return SeparatedPair(pair, separates(comparison, student, baseline, pair, temperature))
