"""What the training loop runs: an objective turns a batch's outputs into named, weighted terms."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch.nn as nn
from torch import Tensor

from bickd_core.losses.numerics import check_pair
from bickd_core.models.outputs import Outputs


@runtime_checkable
class Objective(Protocol):
    """The protocol. The loss of a step is the sum of the terms that a call returns.

    kind: the name in configs and in the registry.
    needs: what both models must return besides logits: any of "features", "maps", "ids".
    needs_teacher: whether a call needs the teacher's outputs.
    """

    kind: ClassVar[str]

    @property
    def needs(self) -> frozenset[str]: ...

    @property
    def needs_teacher(self) -> bool: ...

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Build what is trained or remembered beside the student (heads, memories), if anything."""
        ...

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Name -> weighted scalar. progress: share of the training done, in [0, 1], for
        warm-ups."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """What the optimiser must train besides the student's parameters."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


Given = TypeVar("Given")
"""The options class of an objective, one of `bickd_core.presets`."""


class WithOptions(Generic[Given]):
    """Made from its options, validated already."""

    def __init__(self, options: Given) -> None:
        self.options = options


def weighted(*parts: tuple[str, float, Callable[[], Tensor]]) -> dict[str, Tensor]:
    """Name -> weight times term, in this order; a term of weight 0 is not computed and not among
    them."""
    return {name: weight * term() for name, weight, term in parts if weight > 0}


class Stateless:
    """What an objective with nothing to train or to remember does when it is set up, saved and
    resumed."""

    kind: ClassVar[str]

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Nothing to build."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """None."""
        return iter(())

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Accepts the empty state only."""
        if state:
            raise ValueError(
                f"state must be empty for the objective {self.kind!r}, but it holds"
                f" {', '.join(state)}; resume with the objective that the run was started with."
            )


class LogitObjective(WithOptions[Given], Stateless, ABC):
    """An objective on logits alone, with nothing to train or to remember: all of it but the
    formula."""

    needs: frozenset[str] = frozenset()
    needs_teacher: bool = True

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Weighted terms of one batch.

        student, teacher: Outputs with logits [B, C]; the teacher's get no gradient. labels: [B]
        int64, or None where no term needs them. progress: in [0, 1]. Returns name -> weighted
        scalar, float32 or float64. Raises ValueError for shapes that do not fit, a missing teacher
        or missing labels.
        """
        check_progress(progress)
        if not self.needs_teacher:
            return self.terms(student.logits, student.logits.detach(), labels, progress)
        known = check_teacher(teacher, self.kind)
        check_pair(student.logits, known.logits)
        return self.terms(student.logits, known.logits.detach(), labels, progress)

    @abstractmethod
    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """The formula, on logits [B, C] and [B, C] without gradient."""


class FeatureObjective(WithOptions[Given], ABC):
    """An objective on pooled features or on the last maps, besides the cross-entropy on the logits.

    The two models' features and maps may have any widths and sizes; their rows are the same B
    samples. The gradient reaches the classifier's last layer by the cross-entropy alone.
    """

    kind: ClassVar[str]
    needs: frozenset[str] = frozenset({"features"})
    needs_teacher: bool = True

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Weighted terms of one batch, as in `LogitObjective`.

        student, teacher: Outputs with what `needs` names (ids: the student's); the teacher's get no
        gradient. Raises ValueError for what is missing or has another number of samples.
        """
        check_progress(progress)
        known = check_teacher(teacher, self.kind)
        for name in sorted(self.needs):
            for who, outputs in (("student", student), ("teacher", known)):
                if name == "ids" and outputs is known:
                    continue
                found, count = getattr(outputs, name), len(student.logits)
                if found is None or len(found) != count:
                    came = "None" if found is None else f"{len(found)} rows"
                    raise ValueError(
                        f"{who} must be Outputs with {count} rows of {name} for the objective"
                        f" {self.kind!r}, but {came} came; ask the model for what `needs` names, on"
                        " the same samples."
                    )
        return self.terms(student, known, labels, progress)

    @abstractmethod
    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """The formula, on checked outputs; it detaches what it takes of the teacher's."""


def check_progress(progress: float) -> None:
    """ValueError unless progress lies in [0, 1]."""
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must lie in [0, 1], but {progress} came.")


def check_teacher(teacher: Outputs | None, kind: str) -> Outputs:
    """The teacher's outputs; ValueError where they are missing."""
    if teacher is None:
        raise ValueError(
            f"teacher must be the teacher's Outputs for the objective {kind!r}, but None came."
        )
    return teacher
