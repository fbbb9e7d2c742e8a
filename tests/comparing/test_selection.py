"""Selections: rules as text, and what each picks, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bickd_core.atomic import write_json
from bickd_core.comparing.saved_selections import SavedSelectionError, SavedSelections
from bickd_core.comparing.selection import (
    KINDS,
    OUTCOMES,
    Rule,
    Scene,
    SelectionError,
    resolve,
    with_renamed_run,
)
from bickd_core.runs.predictions import Predictions

NAMES = ("crab", "lobster", "sea ~ star")


def predictions(seed: int, n: int = 60, labels: bool = True) -> Predictions:
    chance = np.random.default_rng(seed)
    return Predictions(
        logits=(3 * chance.standard_normal((n, 3))).astype(np.float32),
        class_names=NAMES,
        ids=np.arange(n) * 7,
        labels=np.arange(n) % 3 if labels else None,
    )


def scene(**changes) -> Scene:
    models = {"shelf/teacher": predictions(0), "shelf/kd": predictions(1), "mine": predictions(2)}
    names = {"shelf/teacher": "the teacher", "shelf/kd": "KD", "mine": "mine"}
    return Scene(**{"models": models, "names": names, "temperature": 4.0, **changes})


@given(st.sampled_from(sorted(KINDS)), st.lists(st.text(min_size=1), max_size=4))
def test_a_rule_comes_back_from_its_text(kind, words):
    assert Rule.parse(str(Rule(kind, tuple(words)))) == Rule(kind, tuple(words))


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(SelectionError, match="did you mean 'cell'"):
        Rule.parse("cel:a~b")
    with pytest.raises(SelectionError, match="known are class, cell"):
        Rule.parse("zzz:a")


def test_a_class_picks_the_samples_with_that_label():
    found = resolve(Rule("class", ("sea ~ star",)), scene())
    assert found.positions.tolist() == [i for i in range(60) if i % 3 == 2]
    assert found.title == "class sea ~ star"
    assert len(found) == 20


def test_several_classes_are_picked_together():
    found = resolve(Rule("class", ("crab", "lobster")), scene())
    assert found.positions.tolist() == [i for i in range(60) if i % 3 < 2]
    assert found.title == "classes crab and lobster"
    with pytest.raises(SelectionError, match="got none"):
        resolve(Rule("class"), scene())


def test_a_cross_cell_picks_the_carriers_of_teacher_against_student():
    comparison = scene()
    found = resolve(Rule("cross", ("mine", "crab", "lobster")), comparison)
    p, q = (
        [
            [math.exp(z / 4) / sum(math.exp(v / 4) for v in row) for z in row]
            for row in comparison.models[key].logits.astype(float)
        ]
        for key in ("shelf/teacher", "mine")
    )
    parts = [a[0] * b[1] for a, b in zip(p, q, strict=True)]
    order = sorted(range(60), key=lambda i: -parts[i])
    carried = np.cumsum([parts[i] for i in order])
    assert found.positions.tolist() == order[: int((carried < 0.8 * carried[-1]).sum()) + 1]
    assert found.title == "the teacher's crab × lobster in mine"
    swapped = resolve(Rule("cross", ("mine", "lobster", "crab")), comparison)
    assert swapped.positions.tolist() != found.positions.tolist()


def test_a_cell_picks_the_fewest_samples_that_carry_80_percent_of_the_cosine():
    comparison = scene()
    found = resolve(Rule("cell", ("mine", "crab", "lobster")), comparison)
    logits = comparison.models["mine"].logits.astype(float)
    p = [[math.exp(z / 4) / sum(math.exp(v / 4) for v in row) for z in row] for row in logits]
    norms = [math.sqrt(sum(row[c] ** 2 for row in p)) for c in (0, 1)]
    parts = [row[0] * row[1] / norms[0] / norms[1] for row in p]
    order = sorted(range(60), key=lambda i: -parts[i])
    cosine, carried, expected = sum(parts), 0.0, []
    for i in order:
        expected.append(i)
        carried += parts[i]
        if carried >= 0.8 * cosine:
            break
    assert found.positions.tolist() == expected
    assert 1 < len(expected) < 60


@pytest.mark.parametrize(
    "lens",
    [(), ("matched",), ("image",), ("centred",), ("matched", "centred"), ("image", "centred")],
)
@pytest.mark.parametrize("kind", ["cell", "cross"])
def test_a_cells_rule_carries_how_its_matrix_was_made(kind, lens):
    comparison = scene()
    found = resolve(Rule.parse(str(Rule(kind, ("mine", "crab", "lobster", *lens)))), comparison)

    def entropy(logits: np.ndarray, T: float | np.ndarray) -> np.ndarray:
        p = np.exp(logits / T) / np.exp(logits / T).sum(axis=1, keepdims=True)
        return -(p * np.log(p)).sum(axis=1)

    logits = [comparison.models[key].logits.astype(float) for key in ("shelf/teacher", "mine")]
    T = np.full((60, 1), 4.0)
    if "matched" in lens or "image" in lens:  # by bisection
        low, high = np.full((60, 1), 0.01), np.full((60, 1), 1000.0)
        for _ in range(200):
            T = (low * high) ** 0.5
            gap = entropy(logits[1], T) - entropy(logits[0], 4.0)
            over = (np.full(60, gap.mean()) if "matched" in lens else gap)[:, None] > 0
            low, high = np.where(over, low, T), np.where(over, T, high)
        assert np.abs(T - 4.0).max() > 1e-3
    columns = []
    for rows, at in zip(logits, (4.0, T), strict=True):
        p = np.exp(rows / at) / np.exp(rows / at).sum(axis=1, keepdims=True)
        columns.append(p - p.mean(axis=0) if "centred" in lens else p)
    first = columns[0] if kind == "cross" else columns[1]
    parts = [float(first[i, 0] * columns[1][i, 1]) for i in range(60)]
    total = sum(part for part in parts if part > 0)
    carried, expected = 0.0, []
    for i in sorted(range(60), key=lambda i: -parts[i]):
        expected.append(i)
        carried += max(parts[i], 0.0)
        if carried >= 0.8 * total:
            break
    assert found.positions.tolist() == expected
    said = ("at matched mean entropy", "matched per sample", "centred")
    assert [words in found.title for words in said] == [
        word in lens for word in ("matched", "image", "centred")
    ]


def test_the_four_outcomes_share_out_all_samples():
    comparison = scene()
    found = {
        who: resolve(Rule("outcome", ("shelf/kd", "mine", who)), comparison).positions
        for who in OUTCOMES
    }
    labels, kd, mine = (
        comparison.teacher.labels,
        comparison.models["shelf/kd"].predicted,
        comparison.models["mine"].predicted,
    )
    right = [(bool(kd[i] == labels[i]), bool(mine[i] == labels[i])) for i in range(60)]
    for who, pattern in zip(
        OUTCOMES, [(True, True), (True, False), (False, True), (False, False)], strict=True
    ):
        assert found[who].tolist() == [i for i in range(60) if right[i] == pattern]


def test_confusion_and_disagreement_pick_what_they_say():
    comparison = scene()
    said, truth, teacher = (
        comparison.models["mine"].predicted,
        comparison.teacher.labels,
        comparison.teacher.predicted,
    )
    found = resolve(Rule("confusion", ("mine", "crab", "lobster")), comparison)
    assert found.positions.tolist() == [i for i in range(60) if truth[i] == 0 and said[i] == 1]
    found = resolve(Rule("disagree", ("mine",)), comparison)
    assert sorted(found.positions.tolist()) == [i for i in range(60) if teacher[i] != said[i]]


def test_the_most_displaced_come_first():
    comparison = scene()
    p, q = comparison.teacher.probabilities(4.0), comparison.models["mine"].probabilities(4.0)
    far = [
        math.sqrt(sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(x, y, strict=True)))
        for x, y in zip(p, q, strict=True)
    ]
    found = resolve(Rule("displaced", ("mine", "5")), comparison)
    assert found.positions.tolist() == sorted(range(60), key=lambda i: -far[i])[:5]
    with pytest.raises(SelectionError, match="whole number above 0"):
        resolve(Rule("displaced", ("mine", "-1")), comparison)


def test_samples_are_found_by_id():
    found = resolve(Rule("samples", ("14", "7", "999")), scene())
    assert found.positions.tolist() == [2, 1]
    with pytest.raises(SelectionError, match="none of the samples 3"):
        resolve(Rule("samples", ("3",)), scene())


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule("cell", ("mine", "crab")), "takes run~row class~column class"),
        (
            Rule("cell", ("mine", "crab", "lobster", "centred", "matched")),
            "takes matched or image, and then centred",
        ),
        (Rule("cell", ("mine", "crab", "lobster", "sharp")), "got 'sharp'"),
        (Rule("cell", ("gone", "crab", "lobster")), "'gone', which is not compared here"),
        (Rule("class", ("carb",)), "did you mean 'crab'"),
        (Rule("outcome", ("mine", "shelf/kd", "nobody")), "one of both, first, second, neither"),
        (Rule("kept", ("abc",)), "no saved selection 'abc'"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(rule, message):
    with pytest.raises(SelectionError, match=message):
        resolve(rule, scene())


def test_without_labels_a_class_is_refused():
    with pytest.raises(SelectionError, match="needs true labels"):
        resolve(Rule("class", ("crab",)), scene(models={"t": predictions(0, labels=False)}))


def test_kept_ids_come_back_and_belong_to_their_data(tmp_path):
    kept = SavedSelections(tmp_path / "selections")
    where = {"dataset": "digits", "split": "test"}
    name = kept.save([21, 7], **where)
    assert name == kept.save([7, 21], **where)
    assert kept.find(name, **where).ids.tolist() == [7, 21]
    assert kept.save([1], name="hard ones", **where) == "hard ones"
    assert kept.names(**where) == ["hard ones"], "a lasso that nobody named is not listed"
    assert kept.names(dataset="digits", split="validation") == []
    with pytest.raises(
        SavedSelectionError, match="is from digits, test, but the page shows caltech95, test"
    ):
        kept.find(name, dataset="caltech95", split="test")
    found = resolve(Rule("kept", (name,)), scene(saved={name: kept.find(name, **where)}))
    assert found.positions.tolist() == [1, 3]
    assert found.title == "picked by hand"


def test_a_kept_selection_keeps_its_order_and_says_what_it_was_made_from(tmp_path):
    kept, where = SavedSelections(tmp_path), {"dataset": "digits", "split": "test"}
    first = resolve(Rule("cell", ("shelf/kd", "crab", "lobster")), scene())
    assert first.ranked
    assert first.positions.tolist() != sorted(first.positions.tolist())
    ids = scene().teacher.ids[first.positions].tolist()
    name = kept.save(
        ids, name="hard ones", origin=first.origin_at(4.0), ranked=first.ranked, **where
    )
    again = resolve(Rule("kept", (name,)), scene(saved={name: kept.find(name, **where)}))
    assert again.positions.tolist() == first.positions.tolist()
    assert (again.title, again.origin, again.ranked) == (
        "hard ones",
        "crab × lobster in KD, T = 4",
        True,
    )
    assert again.origin_at(2.0) == again.origin, "kept under another name, it comes from the same"


def test_older_lists_still_load(tmp_path):
    kept, where = SavedSelections(tmp_path), {"dataset": "digits", "split": "test"}
    for name in ("hard ones", "bf817d97"):
        write_json(tmp_path / f"{name}.json", {"format": 1, **where, "ids": [21, 7]})
    assert kept.names(**where) == ["hard ones"]
    assert kept.find("bf817d97", **where).named is False
    found = resolve(
        Rule("kept", ("hard ones",)), scene(saved={"hard ones": kept.find("hard ones", **where)})
    )
    assert (found.positions.tolist(), found.origin, found.ranked) == ([3, 1], "", False)


@pytest.mark.parametrize("name", ["../up", "a/b", "", " ", ".hidden", "x" * 61])
def test_a_name_never_leaves_the_folder(tmp_path, name):
    kept = SavedSelections(tmp_path)
    if name:
        with pytest.raises(SavedSelectionError, match="name takes letters"):
            kept.save([1], dataset="d", split="test", name=name)
    with pytest.raises(SavedSelectionError, match="no saved selection"):
        kept.find(name, dataset="d", split="test")


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SavedSelectionError, match=r"bad\.json is not a saved selection"):
        SavedSelections(tmp_path).find("bad", dataset="d", split="test")


def test_a_bin_picks_the_samples_of_the_reliability_diagrams_bin():
    comparison = scene()
    logits = comparison.models["mine"].logits.astype(float)
    p = [[math.exp(z / 2) / sum(math.exp(v / 2) for v in row) for z in row] for row in logits]
    wrong = [
        row.index(max(row)) != truth
        for row, truth in zip(p, comparison.teacher.labels, strict=True)
    ]
    inside = [i for i in range(60) if 0.6 < max(p[i]) <= 0.8]
    found = resolve(Rule("bin", ("mine", "width", "5", "4", "2")), comparison)
    assert found.positions.tolist() == sorted(inside, key=lambda i: (not wrong[i], -max(p[i])))
    assert found.title == "mine with confidence 60% to 80%"
    counts = [
        len(resolve(Rule("bin", ("mine", "mass", "6", str(b), "1")), comparison))
        for b in range(1, 7)
    ]
    assert counts == [10] * 6


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mine", "log", "5", "1", "1"), "scheme must be 'width' or 'mass', got 'log'"),
        (("mine", "width", "0", "1", "1"), "bins must be at least 1"),
        (("mine", "width", "5", "6", "1"), "a bin is a number from 1 to 5, got '6'"),
        (("mine", "width", "5", "one", "1"), "bin cannot be read"),
        (("mine", "width", "5", "1", "-1"), "bin cannot be read"),
        (("mine", "width", "5", "1", "nan"), "bin cannot be read"),
        (("other", "width", "5", "1", "1"), "not compared here"),
    ],
)
def test_a_bin_that_cannot_be_read_says_why(words, says):
    with pytest.raises(SelectionError, match=says):
        resolve(Rule("bin", words), scene())


@pytest.mark.parametrize(
    ("text", "renamed", "deleted"),
    [
        ("cell:old~old~crab", "cell:new~old~crab", ""),
        ("outcome:a~old~both", "outcome:a~new~both", ""),
        ("bin:old~mass~15~old~1", "bin:new~mass~15~old~1", ""),
        ("cell:a~old~crab", "cell:a~old~crab", "cell:a~old~crab"),
        ("class:old", "class:old", "class:old"),
        ("kept:old", "kept:old", "kept:old"),
        ("no rule", "no rule", "no rule"),
        ("", "", ""),
    ],
)
def test_a_rule_follows_its_run(text, renamed, deleted):
    assert with_renamed_run(text, "old", "new") == renamed
    assert with_renamed_run(text, "old", "") == deleted


def test_a_name_is_not_taken_from_a_selection_for_other_data(tmp_path):
    saved = SavedSelections(tmp_path)
    digits = {"dataset": "digits", "split": "test"}
    saved.save([1, 2], name="hard", **digits)
    for other in ({"dataset": "pets", "split": "test"}, {**digits, "split": "validation"}):
        with pytest.raises(SavedSelectionError, match="of digits, test; choose another name"):
            saved.save([3], name="hard", **other)
    saved.save([4], name="hard", **digits)
    assert saved.find("hard", **digits).ids.tolist() == [4]


def test_a_selection_follows_images_to_another_path(tmp_path):
    saved = SavedSelections(tmp_path)
    saved.save([1, 2], name="hard", dataset="folder:/old", split="test", content="a" * 64)
    there = {"dataset": "folder:/new", "split": "test"}
    assert saved.names(**there, content="a" * 64) == ["hard"]
    assert saved.find("hard", **there, content="a" * 64).ids.tolist() == [1, 2]
    assert saved.names(**there, content="b" * 64) == saved.names(**there) == []
