"""Objectives: they turn the outputs of a batch into named, weighted terms for the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch.nn as nn
from torch import Tensor

from bickd_core.losses.inputs import check_pair
from bickd_core.models.outputs import Outputs


@runtime_checkable
class Objective(Protocol):
    """The protocol of objectives. The loss of a step is the sum of the terms that a call returns.

    Attributes:
        kind: the name in configs and in the registry.
        needs: outputs of both models besides logits: any of "features", "maps", "ids".
        needs_teacher: whether a call needs the teacher's outputs.
    """

    kind: ClassVar[str]

    @property
    def needs(self) -> frozenset[str]: ...

    @property
    def needs_teacher(self) -> bool: ...

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Build heads and memories, if the objective has any."""
        ...

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Return the weighted terms, scalars by name.

        Args:
            progress: share of the training that is done, in [0, 1], for warm-ups.
        """
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters to train in addition to the student's."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


Given = TypeVar("Given")
"""The options class of an objective, one of `bickd_core.presets`."""


class WithOptions(Generic[Given]):
    """An object that is made from validated options."""

    def __init__(self, options: Given) -> None:
        self.options = options


def weighted(*parts: tuple[str, float, Callable[[], Tensor]]) -> dict[str, Tensor]:
    """Return weight times term by name, in this order. Terms of weight 0 are left out and not
    computed."""
    return {name: weight * term() for name, weight, term in parts if weight > 0}


def check_state(kind: str, state: dict[str, Any], names: Collection[str]) -> None:
    """Raise a ValueError if a state does not have these entries: it is another objective's."""
    if set(state) != set(names):
        expected = f"hold {' and '.join(names)}" if names else "be empty"
        raise ValueError(
            f"state must {expected} for the objective {kind!r}, but it holds"
            f" {', '.join(state) or 'nothing'}; resume with the objective and the options that"
            " the run was started with."
        )


class Stateless:
    """Set up, save and resume an objective without parameters and state."""

    kind: ClassVar[str]

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Do nothing."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return no parameters."""
        return iter(())

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Check that the state is empty."""
        check_state(self.kind, state, ())


class LogitObjective(WithOptions[Given], Stateless, ABC):
    """The base class of objectives on logits without parameters and state. Subclasses add the
    formula."""

    needs: frozenset[str] = frozenset()
    needs_teacher: bool = True

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Return the weighted terms of one batch, scalars by name, in float32 or float64.

        Args:
            student, teacher: outputs with logits [B, C]. The teacher's get no gradient.
            labels: [B] integers, or None if no term needs them.
            progress: in [0, 1].

        Raises:
            TypeError: something is of another type, see `bickd_core.losses.inputs`.
            ValueError: shapes or devices do not fit, or the teacher or labels are missing.
        """
        check_progress(progress)
        check_outputs(student, "student")
        known = check_teacher(teacher, self.kind) if self.needs_teacher else student
        return self.terms(*check_pair(student.logits, known.logits), labels, progress)

    @abstractmethod
    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Compute the terms from both logits, [B, C], as `check_pair` returns them."""


class FeatureObjective(WithOptions[Given], ABC):
    """An objective on pooled features or on the last maps, besides the cross-entropy on the logits.

    Features and maps of the two models may have different widths and sizes. Their rows are the
    same B samples. Only the cross-entropy has a gradient for the classifier's last layer.
    """

    kind: ClassVar[str]
    needs: frozenset[str] = frozenset({"features"})
    needs_teacher: bool = True

    def __call__(
        self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Return the weighted terms of one batch, as in `LogitObjective`.

        Args:
            student, teacher: outputs with everything in `needs` (only the student needs ids). The
                teacher's get no gradient.

        Raises:
            ValueError: an output is missing or has another number of samples.
        """
        check_progress(progress)
        check_outputs(student, "student")
        known = check_teacher(teacher, self.kind)
        for name in sorted(self.needs):
            for role, outputs in (("student", student), ("teacher", known)):
                if name == "ids" and outputs is known:
                    continue
                values, count = getattr(outputs, name, None), len(student.logits)
                if values is None or len(values) != count:
                    came = "None" if values is None else f"{len(values)} rows"
                    raise ValueError(
                        f"{role} must be Outputs with {count} rows of {name} for the objective"
                        f" {self.kind!r}, got {came}; ask the model for what `needs` names, on"
                        " the same samples."
                    )
        return self.terms(student, known, labels, progress)

    @abstractmethod
    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        """Compute the terms from checked outputs. The teacher's are not detached yet."""


def check_progress(progress: float) -> None:
    """Raise a ValueError unless progress is in [0, 1]."""
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must be in [0, 1], got {progress}.")


def check_outputs(outputs: Outputs, role: str) -> None:
    """Raise a TypeError unless these are outputs with logits."""
    if not hasattr(outputs, "logits"):
        raise TypeError(
            f"{role} must be Outputs with logits, got {type(outputs).__name__}; give"
            " Outputs(logits) from bickd_core.models.outputs."
        )


def check_teacher(teacher: Outputs | None, kind: str) -> Outputs:
    """Return the teacher's outputs. Raises a ValueError if they are missing."""
    if teacher is None:
        raise ValueError(
            f"teacher must be the teacher's Outputs for the objective {kind!r}, got None."
        )
    check_outputs(teacher, "teacher")
    return teacher
