"""From the config types to what the command-line parser fills, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Annotated, Any, Union, get_args

import tyro
from pydantic import BaseModel


def plain(model: type[BaseModel]) -> type:
    """A dataclass with the fields, defaults and descriptions of a pydantic model, and no validation.

    The parser fills it, and the model then checks all of it at once: so there is one message in one voice. A
    union of models becomes subcommands, named by `kind`.
    """
    fields: list[tuple[str, Any, Any]] = []
    for name, about in model.model_fields.items():
        if name == "kind":
            continue
        default, kinds = about.get_default(call_default_factory=True), get_args(about.annotation)
        annotation: Any = about.annotation
        if about.discriminator is not None:
            twins = {kind: plain(kind) for kind in kinds}
            choices = [
                Annotated[twin, tyro.conf.subcommand(kind.model_fields["kind"].default)]
                for kind, twin in twins.items()
            ]
            union: Any = Union[tuple(choices)]  # noqa: UP007
            annotation = tyro.conf.OmitSubcommandPrefixes[tyro.conf.OmitArgPrefixes[union]]  # type: ignore[misc]
            default = twins[type(default)]()
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = plain(annotation)
            default = annotation()
        else:
            annotation = Annotated[annotation, tyro.conf.arg(help=about.description)]
        fields.append((name, annotation, field(default_factory=lambda value=default: value)))  # type: ignore[misc]
    made = dataclasses.make_dataclass(model.__name__, fields)
    made.__doc__ = model.__doc__
    made.model = model  # type: ignore[attr-defined]
    return made


def values(filled: Any) -> dict[str, Any]:
    """The content of a filled `plain` dataclass, ready for its model to validate."""
    found = {
        about.name: values(value) if dataclasses.is_dataclass(value := getattr(filled, about.name)) else value
        for about in dataclasses.fields(filled)
    }
    kind = filled.model.model_fields.get("kind")
    return found if kind is None else {"kind": kind.default, **found}
