"""Explain why weights do not fit a network, from names and shapes only, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bickd_core.models.recognise import COUNTER, STATISTICS, recognise
from bickd_core.naming import classes_text, plain_name, some_names

Shapes = Mapping[str, Sequence[int]]


def describe_mismatch(
    expected: Shapes,
    came: Shapes,
    *,
    name: str,
    head: str = "",
    dataset: str | None = None,
    class_names: Sequence[str] = (),
) -> str | None:
    """Return one sentence on why weights do not fit a network, or None if they fit.

    The cases are: another architecture (names or shapes differ; named if the catalogue has it),
    missing batch norm statistics, another number of classes (the head's rows), another number of
    image channels (the stem's input).

    Args:
        expected: names and shapes of the network's tensors, the stem's first.
        came: names and shapes of the weights. Batch norm's counters are ignored in both.
        name: the architecture's name, for messages.
        head: name of the layer that returns the logits; "" if unknown.
        dataset: the data set's name, for messages.
        class_names: its classes, for messages; empty if unknown.
    """
    own = {key: tuple(shape) for key, shape in expected.items() if not key.endswith(COUNTER)}
    came = {key: tuple(shape) for key, shape in came.items() if not key.endswith(COUNTER)}
    missing = [key for key in own if key not in came]
    unexpected = [key for key in came if key not in own]
    if statistics := missing_statistics(own, came):
        return lacks_statistics(name, statistics, "without which it cannot be evaluated")
    if missing or unexpected:
        shared = len(own) - len(missing)
        details = [f"{missing[0]} is missing"] if missing else []
        details += [f"{plain_name(unexpected[0])} is unexpected"] if unexpected else []
        return (
            f"These are not weights of {name}: it has {len(own)} tensors, the file has {len(came)}"
            f" and {shared} names match ({', '.join(details)}); {_advice(came, name)}."
        )
    shapes = {key: (own[key], came[key]) for key in own if own[key] != came[key]}
    if not shapes:
        return None
    reasons, wrong = _other_data(
        shapes, next((key for key in own if len(own[key]) == 4), ""), head, dataset, class_names
    )
    if reasons and not wrong:
        return f"These weights of {name} are for other data: {', and '.join(reasons)}."
    first = (wrong or list(shapes))[0]
    return (
        f"These are not weights of {name}: {len(shapes)} of its {len(own)} tensors have another"
        f" shape ({first} should be {list(shapes[first][0])}, got {list(shapes[first][1])});"
        f" {_advice(came, name)}."
    )


def _other_data(
    shapes: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    stem: str,
    head: str,
    dataset: str | None,
    class_names: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Return sentences on other classes and channels, and the names of tensors with other
    differences."""
    owner = f"dataset {dataset}" if dataset else "this model"
    reasons, wrong = [], []
    for key, (expected, came) in shapes.items():
        if (
            head
            and key in (f"{head}.weight", f"{head}.bias")
            and expected[1:] == came[1:]
            and len(came)
        ):
            if key.endswith("weight"):
                has = classes_text(expected[0], class_names)
                reasons.append(f"{key} has {came[0]} rows, but {owner} has {has}")
        elif (
            key == stem and len(came) == 4 and (expected[0], *expected[2:]) == (came[0], *came[2:])
        ):
            channels = f"{came[1]} image channel{'' if came[1] == 1 else 's'}"
            reasons.append(f"{key} takes {channels}, but {owner} has {expected[1]}")
        else:
            wrong.append(key)
    return reasons, wrong


def _advice(came: Shapes, name: str) -> str:
    match = next(iter(recognise(came)), None)
    if match is None or match.name == name:
        return "choose the architecture of these weights"
    return (
        f"they belong to {match.name} with {match.num_classes} classes, so choose that architecture"
    )


def missing_statistics(expected: Iterable[str], came: Iterable[str]) -> tuple[str, ...]:
    """Return the names of missing batch norm statistics; none if other names differ too.

    >>> missing_statistics(["bn.weight", "bn.running_mean", "fc.bias"], ["bn.weight", "fc.bias"])
    ('bn.running_mean',)
    >>> missing_statistics(["bn.weight", "bn.running_mean", "fc.bias"], ["bn.weight"])
    ()
    """
    names = [name for name in expected if not name.endswith(COUNTER)]
    present = {name for name in came if not name.endswith(COUNTER)}
    missing = tuple(name for name in names if name not in present)
    fits = present <= set(names) and all(name.endswith(STATISTICS) for name in missing)
    return missing if fits else ()


def lacks_statistics(name: str, missing: Sequence[str], why: str) -> str:
    """Return the error message for weights without batch norm statistics.

    Args:
        why: why they are needed here, as a relative clause.
    """
    return (
        f"These weights of {name} lack the statistics of its batch norms"
        f" ({some_names(missing, most=1)}), {why}; save the whole model.state_dict(), not only the"
        " parameters."
    )
