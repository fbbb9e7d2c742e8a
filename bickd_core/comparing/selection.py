"""Selections: sets of samples, each defined by a rule.

A rule is text, so that it can be part of a link: `class:crab`, `cell:caltech95/kd-s0~crab~lobster`.
Its samples are computed from the compared models. So the same link selects the same samples on
another machine.

A cell belongs to the Gram at the view's temperature. `cell:RUN~crab~lobster~matched` belongs to the
Gram at matched mean entropy, `~image` to the one matched per image, and `~centred` (alone or after
one of these) to the one with centred columns. The rule holds what the clicked matrix showed. So it
selects the same samples on every page, even if the controls change later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import numpy as np

from bickd_core.comparing.saved_selections import SavedSelection
from bickd_core.geometry.agreement import kl_and_hellinger
from bickd_core.geometry.calibration import confidence_bins
from bickd_core.geometry.matching import Matching, entropies_at, match
from bickd_core.geometry.orthogonality import cross_contributions, pair_contributions
from bickd_core.geometry.probabilities import class_probabilities, top_class
from bickd_core.naming import nearest, percent_range
from bickd_core.runs.predictions import Predictions

CARRIED = 0.8
"""A cell's samples account for this share of its cosine, the largest part first."""
_MATCHED: dict[str, Matching] = {"matched": "mean", "image": "image"}
"""Arguments that may follow the classes in a cell's rule; "centred" may come after them."""


def lens_arguments(matching: Matching, centred: bool) -> tuple[str, ...]:
    """Return the arguments for a lens in the rule of a cell. They follow the classes."""
    matched = tuple(word for word, rule in _MATCHED.items() if rule == matching)
    return (*matched, "centred") if centred else matched


class SelectionError(ValueError):
    """A rule that cannot be read, or that names something outside the comparison."""


@dataclass(frozen=True)
class Rule:
    """How samples are selected: a kind of `KINDS` and its arguments.

    As text it is `kind:argument~argument`. Arguments are percent-quoted, so that a class can have
    any name.
    """

    kind: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        quoted = (quote(each, safe="/ .-_").replace("~", "%7E") for each in self.arguments)
        return f"{self.kind}:{'~'.join(quoted)}"

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The inverse of `str`.

        Raises:
            SelectionError: The kind is missing or not known.
        """
        kind, colon, rest = text.partition(":")
        if not colon or kind not in KINDS:
            near = nearest(kind, KINDS)
            hint = f"did you mean '{near}'?" if near else f"known are {', '.join(KINDS)}."
            raise SelectionError(f"a selection reads 'kind:arguments', got '{text:.60}'; {hint}")
        return cls(kind, tuple(unquote(word) for word in rest.split("~")) if rest else ())


@dataclass(frozen=True)
class Scene:
    """What rules are applied to.

    Attributes:
        models: Run key -> its predictions, aligned, the teacher first.
        names: Run key -> its name.
        temperature: T of the probabilities.
        saved: Name -> saved selection.
        match: (run key, rule) -> temperature at the teacher's entropy, or [N] of the samples, if
            it is stored somewhere. Default: it is computed.
    """

    models: Mapping[str, Predictions]
    names: Mapping[str, str]
    temperature: float
    saved: Mapping[str, SavedSelection] = field(default_factory=dict)
    match: Callable[[str, Matching], float | np.ndarray] | None = None

    @property
    def teacher(self) -> Predictions:
        return next(iter(self.models.values()))

    def model(self, key: str) -> Predictions:
        if key not in self.models:
            raise SelectionError(
                f"the selection is about run '{key:.80}', which is not compared here; "
                f"compared are {', '.join(self.models)}."
            )
        return self.models[key]

    def name(self, key: str) -> str:
        return self.names.get(key, key)

    def class_index(self, name: str) -> int:
        if name not in self.teacher.class_names:
            near = nearest(name, self.teacher.class_names)
            hint = f"; did you mean '{near}'?" if near else "."
            raise SelectionError(
                f"the selection names class '{name:.60}', which these models do not have{hint}"
            )
        return self.teacher.class_names.index(name)

    def labels(self) -> np.ndarray:
        if self.teacher.labels is None:
            raise SelectionError(
                "this selection needs true labels, and these predictions have none."
            )
        return self.teacher.labels


@dataclass(frozen=True)
class Selection:
    """The samples that a rule selects.

    Attributes:
        rule: The rule.
        title: Their description.
        positions: Rows of the comparison, int64 [n].
        ranked: Whether they are ordered, the strongest first.
        origin: What a saved selection was made from; "" if it is not known, and for all others.
    """

    rule: Rule
    title: str
    positions: np.ndarray
    ranked: bool = False
    origin: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    def origin_at(self, T: float) -> str:
        """The origin to store when this selection is saved at the temperature T."""
        if self.rule.kind == "kept":
            return self.origin or self.title
        return f"{self.title}, T = {T:g}" if self.ranked else self.title


Picked = tuple[str, np.ndarray]


def resolve(rule: Rule, scene: Scene) -> Selection:
    """The samples that `rule` selects.

    Raises:
        SelectionError: The kind takes another number of arguments, or the comparison has no such
            run, class or sample.
    """
    pick, takes = KINDS[rule.kind]
    if takes is not None:
        required = sum(not name.startswith("[") for name in takes)
        if not required <= len(rule.arguments) <= len(takes):
            raise SelectionError(
                f"a selection of kind '{rule.kind}' takes {'~'.join(takes)}, got"
                f" '{'~'.join(rule.arguments)}'."
            )
    title, positions = pick(scene, *rule.arguments)
    saved = scene.saved[rule.arguments[0]] if rule.kind == "kept" else None
    return Selection(
        rule,
        title,
        np.asarray(positions, dtype=np.int64),
        ranked=rule.kind in RANKED if saved is None else saved.ranked,
        origin="" if saved is None else saved.origin,
    )


def with_renamed_run(text: str, old: str, new: str) -> str:
    """Return a rule after a run was renamed, or deleted (`new` is "").

    A rule about a deleted run becomes "". A rule that cannot be read stays as it is.
    """
    try:
        rule = Rule.parse(text)
    except SelectionError:
        return text
    names = KINDS[rule.kind][1] or ()
    about = {i for i, name in enumerate(names) if name in RUNS}
    if not any(i in about and word == old for i, word in enumerate(rule.arguments)):
        return text
    if not new:
        return ""
    words = (new if i in about and word == old else word for i, word in enumerate(rule.arguments))
    return str(Rule(rule.kind, tuple(words)))


def _of_class(scene: Scene, *names: str) -> Picked:
    """The samples of one class or of several."""
    if not names:
        raise SelectionError(
            "a selection of kind 'class' takes the name of a class or of several, got none."
        )
    indices = [scene.class_index(name) for name in names]
    title = (
        f"class {names[0]}"
        if len(names) == 1
        else f"classes {', '.join(names[:-1])} and {names[-1]}"
    )
    return title, np.flatnonzero(np.isin(scene.labels(), indices))


def _cell(scene: Scene, key: str, row: str, column: str, *lens: str) -> Picked:
    """The samples that account for 80 % of the cosine of two class columns, the largest part
    first."""
    pair = scene.class_index(row), scene.class_index(column)
    columns = _columns(scene, key, pair, lens)
    parts = pair_contributions(columns, 0, 1, centred="centred" in lens)
    return f"{row} × {column} in {scene.name(key)}{_lens_title(lens)}", _carriers(parts)


def _cross(scene: Scene, key: str, row: str, column: str, *lens: str) -> Picked:
    """The samples that account for 80 % of the cosine of the teacher's column `row` with the
    model's column `column`."""
    first, second = scene.class_index(row), scene.class_index(column)
    student = _columns(scene, key, (second,), lens)
    teacher = class_probabilities(scene.teacher.logits, scene.temperature, (first,))
    parts = cross_contributions(teacher, student, 0, 0, centred="centred" in lens)
    return f"the teacher's {row} × {column} in {scene.name(key)}{_lens_title(lens)}", _carriers(
        parts
    )


def _columns(scene: Scene, key: str, classes: tuple[int, ...], lens: tuple[str, ...]) -> np.ndarray:
    """A model's probabilities of some classes [N, k] at T, or at the temperatures that match its
    entropy to the teacher's."""
    matching: Matching = _MATCHED.get(lens[0], "none") if lens else "none"
    if lens != lens_arguments(matching, "centred" in lens):
        raise SelectionError(
            f"after its classes a cell takes {' or '.join(_MATCHED)}, and then centred, got"
            f" '{'~'.join(lens):.60}'."
        )
    model, T = scene.model(key), scene.temperature
    if matching == "none" or model is scene.teacher:
        return class_probabilities(model.logits, T, classes)
    if scene.match is not None:
        return class_probabilities(model.logits, scene.match(key, matching), classes)
    targets = entropies_at(scene.teacher.logits, T)
    return class_probabilities(model.logits, match(model.logits, targets, T, matching).T, classes)


def _lens_title(lens: tuple[str, ...]) -> str:
    titles = {
        "matched": " at matched mean entropy",
        "image": ", matched per sample",
        "centred": ", columns centred",
    }
    return "".join(titles[name] for name in lens)


def _carriers(parts: np.ndarray) -> np.ndarray:
    """The samples whose parts add up to 80 % of the positive parts of a cosine, the largest
    first."""
    order = np.argsort(-parts, kind="stable")
    carried = np.cumsum(
        np.clip(parts[order], 0.0, None)
    )  # centred columns have negative parts as well
    if not len(parts) or carried[-1] <= 0:
        return order[:0]
    return order[: int(np.searchsorted(carried, CARRIED * carried[-1])) + 1]


def _confusion(scene: Scene, key: str, true: str, predicted: str) -> Picked:
    is_true, is_predicted = scene.class_index(true), scene.class_index(predicted)
    predicted_class = scene.model(key).predicted
    return (
        f"{true} that {scene.name(key)} calls {predicted}",
        np.flatnonzero((scene.labels() == is_true) & (predicted_class == is_predicted)),
    )


OUTCOMES = ("both", "first", "second", "neither")


def _outcome(scene: Scene, first: str, second: str, outcome: str) -> Picked:
    """The samples in one of the four cells of the table that counts which model is right."""
    if outcome not in OUTCOMES:
        raise SelectionError(f"an outcome is one of {', '.join(OUTCOMES)}, got '{outcome:.40}'.")
    labels = scene.labels()
    a, b = (scene.model(key).predicted == labels for key in (first, second))
    names = scene.name(first), scene.name(second)
    title = {
        "both": f"{names[0]} and {names[1]} right",
        "first": f"only {names[0]} right, not {names[1]}",
        "second": f"only {names[1]} right, not {names[0]}",
        "neither": f"{names[0]} and {names[1]} wrong",
    }[outcome]
    mask = {"both": a & b, "first": a & ~b, "second": ~a & b, "neither": ~a & ~b}[outcome]
    return title, np.flatnonzero(mask)


def displacement(scene: Scene, key: str) -> np.ndarray:
    """Hellinger distance of a model's probabilities from the teacher's, float64 [N]."""
    return kl_and_hellinger(scene.teacher.logits, scene.model(key).logits, scene.temperature)[1]


def _disagree(scene: Scene, key: str) -> Picked:
    differs = np.flatnonzero(scene.teacher.predicted != scene.model(key).predicted)
    order = np.argsort(-displacement(scene, key)[differs], kind="stable")
    return f"{scene.name(key)} disagrees with the teacher", differs[order]


def _displaced(scene: Scene, key: str, most: str) -> Picked:
    if not most.isdigit() or int(most) < 1:
        raise SelectionError(
            f"how many displaced samples must be a whole number above 0, got '{most:.20}'."
        )
    order = np.argsort(-displacement(scene, key), kind="stable")[: int(most)]
    return f"the {len(order)} samples that {scene.name(key)} moves most", order


def _bin(scene: Scene, key: str, scheme: str, bins: str, which: str, temperature: str) -> Picked:
    """The samples in one bin of a reliability diagram, wrong and most confident first. Bins count
    from 1."""
    try:
        count, number, T = int(bins), int(which), float(temperature)
        predicted, confidence = top_class(scene.model(key).logits, T)
        edges, index = confidence_bins(confidence, count, scheme)  # type: ignore[arg-type]
    except SelectionError:
        raise
    except ValueError as error:
        raise SelectionError(
            f"the selection's bin cannot be read: {str(error).rstrip('.')}."
        ) from error
    if not 1 <= number < len(edges):
        raise SelectionError(f"a bin is a number from 1 to {len(edges) - 1}, got '{which:.20}'.")
    inside = np.flatnonzero(index == number - 1)
    wrong = predicted != scene.labels()
    order = np.lexsort((-confidence[inside], ~wrong[inside]))
    return (
        f"{scene.name(key)} with confidence {percent_range(edges[number - 1], edges[number])}",
        inside[order],
    )


def _saved(scene: Scene, name: str) -> Picked:
    if name not in scene.saved:
        raise SelectionError(
            f"there is no saved selection '{name:.60}' here. It may be on another machine."
        )
    saved = scene.saved[name]
    place = {id: position for position, id in enumerate(scene.teacher.ids.tolist())}
    positions = [place[id] for id in dict.fromkeys(saved.ids.tolist()) if id in place]
    return (name if saved.named else "picked by hand"), np.array(positions, dtype=np.int64)


def _samples(scene: Scene, *ids: str) -> Picked:
    known = {str(id): position for position, id in enumerate(scene.teacher.ids.tolist())}
    positions = [known[id] for id in ids if id in known]
    if not positions:
        raise SelectionError(f"none of the samples {', '.join(ids[:5])} is compared here.")
    return (f"sample {ids[0]}" if len(ids) == 1 else f"{len(positions)} samples"), np.array(
        positions
    )


RANKED = ("cell", "cross", "disagree", "displaced")
"""Kinds whose samples are ordered, the strongest first. A saved selection keeps its order."""

RUNS = ("run", "first run", "second run")
"""Names of arguments that are keys of runs."""

KINDS: dict[str, tuple[Callable[..., Picked], tuple[str, ...] | None]] = {
    "class": (_of_class, None),
    "cell": (_cell, ("run", "row class", "column class", "[matched or image]", "[centred]")),
    "cross": (
        _cross,
        ("run", "the teacher's class", "the run's class", "[matched or image]", "[centred]"),
    ),
    "confusion": (_confusion, ("run", "true class", "predicted class")),
    "outcome": (_outcome, ("first run", "second run", "who is right")),
    "disagree": (_disagree, ("run",)),
    "bin": (_bin, ("run", "width or mass", "how many bins", "which bin", "temperature")),
    "displaced": (_displaced, ("run", "how many")),
    "kept": (_saved, ("name",)),
    "samples": (_samples, None),
}
