"""The base of the options of all objectives."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Temperature = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

TEMPERATURE = "Temperature T of the softmax. A larger T gives softer probabilities."
ALPHA = "Weight of the cross-entropy with the labels."
STANDARDIZE = (
    "Z-score each sample's logits before the softmax of every term except the cross-entropy. T is"
    " then in units of their standard deviation (published: T 2)."
)


class Options(BaseModel):
    """Base class: frozen, without extra fields.

    Attributes:
        weights: fields of which at least one must be above 0.
        rare: fields that the Distill page shows apart from the others.
        former: what a result line without one of these fields means. They were added later, and a
            line from before has the value here even if the default changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    weights: ClassVar[tuple[str, ...]] = ()
    rare: ClassVar[tuple[str, ...]] = ()
    former: ClassVar[Mapping[str, Any]] = {}
    kind: str

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        if self.weights and not any(getattr(self, name) > 0 for name in self.weights):
            raise ValueError(
                f"at least one of {', '.join(self.weights)} must be above 0, but all are 0"
            )
        return self
