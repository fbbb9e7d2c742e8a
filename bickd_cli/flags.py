"""Convert the config types to dataclasses for the command-line parser, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Annotated, Any, Union, get_args

import tyro
from pydantic import BaseModel

from bickd_core.models.own import is_own

Modules = Annotated[
    tuple[str, ...],
    tyro.conf.arg(
        help=(
            "Python modules that may be imported to build the runs' networks, such as my_module for"
            " my_module:make_net. Their code is run, so name only modules that you trust. --arch"
            " my_module:make_net allows its module too."
        )
    ),
]


def modules_of(command: Any) -> list[str]:
    """Return the modules that a command allows: those of `--modules`, and those of the networks
    that it names."""
    archs = [
        getattr(command, "arch", "") or "",
        getattr(getattr(command, "options", None), "arch", ""),
    ]
    archs += [":".join(pair.rsplit(":", 2)[-2:]) for pair in getattr(command, "pairs", ())]
    return [*getattr(command, "modules", ()), *filter(is_own, archs)]


def plain(model: type[BaseModel], unset: tuple[str, ...] = ()) -> type:
    """Make a dataclass with the fields, defaults and descriptions of a pydantic model, without
    validation.

    The parser fills it, and the model then validates the values, so that all error messages come
    from the model. A union of models becomes subcommands, named by `kind`.

    Args:
        unset: fields, also of nested models, that are None unless given. `values` then leaves them
            out.
    """
    fields: list[tuple[str, Any, Any]] = []
    for name, info in model.model_fields.items():
        if name == "kind":
            continue
        default, kinds = info.get_default(call_default_factory=True), get_args(info.annotation)
        annotation: Any = info.annotation
        if info.discriminator is not None:
            twins = {kind: plain(kind, unset) for kind in kinds}
            choices = [
                Annotated[twin, tyro.conf.subcommand(kind.model_fields["kind"].default)]
                for kind, twin in twins.items()
            ]
            union: Any = Union[tuple(choices)]  # noqa: UP007
            annotation = tyro.conf.OmitSubcommandPrefixes[tyro.conf.OmitArgPrefixes[union]]  # type: ignore[misc]
            default = twins[type(default)]()
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = plain(annotation, unset)
            default = annotation()
        else:
            if name in unset:
                annotation, default = annotation | None, None
            annotation = Annotated[annotation, tyro.conf.arg(help=info.description)]
        fields.append((name, annotation, field(default_factory=lambda value=default: value)))  # type: ignore[misc]
    flags = dataclasses.make_dataclass(model.__name__, fields)
    flags.__doc__ = model.__doc__
    flags.model, flags.unset = model, unset  # type: ignore[attr-defined]
    return flags


def values(filled: Any) -> dict[str, Any]:
    """Return the content of a filled `plain` dataclass as a dictionary for its model."""
    given = {info.name: getattr(filled, info.name) for info in dataclasses.fields(filled)}
    content = {
        name: values(value) if dataclasses.is_dataclass(value) else value
        for name, value in given.items()
        if value is not None or name not in filled.unset
    }
    kind = filled.model.model_fields.get("kind")
    return content if kind is None else {"kind": kind.default, **content}


def refuse_with_resume(command: Any, *allowed: str) -> None:
    """Refuse options that `--resume` would ignore, because a run keeps its settings.

    Args:
        allowed: names of options that may be given besides --background and --modules.

    Raises:
        ValueError: options differ from their defaults; the message names them.
    """
    given = _changed(command, type(command)(), ("resume", "background", "modules", *allowed))
    if given:
        more = ", or train a finished run further with `bickd extend`" * ("--epochs" in given)
        raise ValueError(
            f"--resume keeps the settings of a run, so {', '.join(given)} would be ignored; leave"
            f" {'it' if len(given) == 1 else 'them'} out{more}."
        )


def _changed(filled: Any, unset: Any, allowed: tuple[str, ...], under: str = "") -> list[str]:
    """Return the flags and subcommands whose values differ from those of `unset`."""
    given = []
    for info in dataclasses.fields(filled):
        value, default = getattr(filled, info.name), getattr(unset, info.name)
        if value == default or info.name in allowed:
            continue
        if not dataclasses.is_dataclass(value):
            given.append(f"--{under}{info.name.replace('_', '-')}")
            continue
        kind = value.model.model_fields.get("kind")  # type: ignore[union-attr]
        if type(value) is type(default):
            group = hasattr(filled, "model") and kind is None  # such as --seeds.order
            given += _changed(value, default, allowed, f"{info.name}." if group else "")
        else:
            given.append(kind.default)
    return given
