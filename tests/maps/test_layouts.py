"""Stored maps: keyed by what they were made from, the student's from the teacher's, and never on
the shelf."""

from dataclasses import replace

import numpy as np
import pytest
from run_helpers import random_predictions

from bickd_core.geometry.layout import Layout, pca_layout
from bickd_core.geometry.map_space import map_space
from bickd_core.maps import store
from bickd_core.maps.store import (
    TEMPERATURE,
    compute_layout,
    content_key,
    layout_key,
    stored_layout,
)
from bickd_core.runs.library import RunError
from bickd_core.runs.pack import pack
from bickd_core.runs.predictions import PredictionsError


def names(folder):
    return sorted(path.name for path in folder.glob("layout-*"))


@pytest.fixture
def asked(monkeypatch):
    """UMAP's place is taken: each call is noted and gives the start, one to the right."""
    calls = []

    def umap(space, *, seed, init):
        calls.append((space.points**2, seed, init))
        made = pca_layout(space)
        start = made.coordinates if init is None else init
        return replace(made, method="umap", seed=seed, coordinates=start + np.float32([1, 0]))

    monkeypatch.setattr(store, "umap_layout", umap)
    return calls


@pytest.fixture
def pair(make_run):
    """A teacher and its student on the same samples, in another order of samples and classes."""
    base = random_predictions(30, 4, seed=1)
    generator = np.random.default_rng(2)
    own = replace(
        base, logits=base.logits + generator.normal(0, 0.3, base.logits.shape).astype(np.float32)
    )
    own = own.take(generator.permutation(30)).with_class_order(
        [base.class_names[i] for i in (2, 0, 3, 1)]
    )
    return make_run("teacher", predictions=base), make_run("student", predictions=own)


def test_the_teachers_map_comes_first_and_the_students_starts_from_it(library, pair, asked):
    teacher, student = pair
    compute_layout(library, student, teacher=teacher)
    base = stored_layout(library, teacher, teacher=None)
    own = stored_layout(library, student, teacher=teacher)
    assert [call[2] is None for call in asked] == [True, False]
    assert [call[1] for call in asked] == [0, 0]
    np.testing.assert_allclose(asked[0][0], teacher.predictions("test").probabilities(TEMPERATURE))
    np.testing.assert_array_equal(asked[1][2], base.coordinates)
    np.testing.assert_array_equal(own.coordinates, base.coordinates + np.float32([1, 0]))


def test_rows_of_a_students_map_are_in_the_teachers_order(library, pair, asked):
    teacher, student = pair
    compute_layout(library, student, teacher=teacher)
    P = asked[1][0]
    predictions, base = student.predictions("test"), teacher.predictions("test")
    for row, ident in enumerate(base.ids):
        expected = predictions.probabilities(TEMPERATURE)[predictions.ids == ident][0]
        by_name = dict(zip(predictions.class_names, expected, strict=True))
        np.testing.assert_allclose(P[row], [by_name[name] for name in base.class_names])


def test_the_pca_twin_is_turned_onto_the_teachers(library, make_run, asked):
    base = random_predictions(30, 4, seed=1)
    teacher = make_run("teacher", predictions=base)
    student = make_run("student", predictions=replace(base, logits=base.logits[:, [1, 0, 3, 2]]))
    compute_layout(library, student, teacher=teacher)
    ours = stored_layout(library, student, teacher=teacher, method="pca").coordinates
    theirs = stored_layout(library, teacher, teacher=None, method="pca").coordinates
    alone = pca_layout(
        map_space(student.predictions("test").probabilities(TEMPERATURE))
    ).coordinates
    assert ((ours - theirs) ** 2).sum() <= ((alone - theirs) ** 2).sum()
    gap = np.linalg.norm(ours[:, None] - ours[None], axis=2) / np.linalg.norm(
        alone[:, None] - alone[None], axis=2
    ).clip(1e-9)
    np.testing.assert_allclose(gap[~np.eye(30, dtype=bool)], gap[0, 1], rtol=1e-3)


def test_maps_that_are_there_are_not_made_again(library, pair, asked):
    teacher, student = pair
    compute_layout(library, student, teacher=teacher)
    before = {path: path.stat().st_mtime_ns for run in pair for path in run.path.glob("layout-*")}
    assert len(before) == 4
    compute_layout(library, student, teacher=teacher)
    compute_layout(library, teacher, teacher=teacher)
    assert len(asked) == 2
    assert before == {
        path: path.stat().st_mtime_ns for run in pair for path in run.path.glob("layout-*")
    }


def test_keys_follow_method_split_content_and_start(pair):
    teacher, student = pair
    base, own = (content_key(run.predictions("test")) for run in pair)
    assert base != own
    assert layout_key(teacher, "test", "umap", None) == f"umap-test-{base}"
    assert layout_key(teacher, "test", "umap", teacher) == f"umap-test-{base}"
    assert layout_key(student, "test", "pca", teacher) == f"pca-test-{own}-from-{base}"


def test_keys_are_the_same_after_packing_and_so_the_map_is_still_found(library, pair, asked):
    teacher, student = pair
    compute_layout(library, student, teacher=teacher)
    before = layout_key(student, "test", "umap", teacher)
    for run in pair:
        pack(run)
    assert layout_key(student, "test", "umap", teacher) == before
    assert stored_layout(library, student, teacher=teacher) is not None
    pack(student)
    assert layout_key(student, "test", "umap", teacher) == before


def test_keys_change_with_a_logit_an_id_and_the_order():
    one = random_predictions(10, 3)
    keys = {content_key(one)}
    logits = one.logits.copy()
    logits[3, 1] += 0.1
    keys |= {content_key(replace(one, logits=logits)), content_key(replace(one, ids=one.ids + 1))}
    keys.add(content_key(one.take(np.arange(10)[::-1])))
    keys.add(content_key(replace(one, ids=one.ids.astype(str))))
    assert len(keys) == 5
    assert content_key(replace(one, logits=np.asfortranarray(one.logits))) == content_key(one)
    assert content_key(replace(one, features=None, labels=None)) == content_key(one)


def test_a_key_of_huge_logits_is_a_key():
    huge = random_predictions(10, 3)
    assert len(content_key(replace(huge, logits=huge.logits * 1e6))) == 8


def test_maps_of_the_shelf_lie_aside_among_ones_own(library, make_run, asked):
    base = random_predictions(30, 4, seed=1)
    teacher = make_run("teacher", predictions=base, on_shelf="digits")
    student = make_run("student", predictions=replace(base, logits=-base.logits))
    compute_layout(library, student, teacher=teacher)
    key = content_key(base)
    assert names(teacher.path) == []
    assert names(library.own / ".layouts") == [
        f"layout-pca-test-{key}.npz",
        f"layout-umap-test-{key}.npz",
    ]
    assert len(names(student.path)) == 2
    assert stored_layout(library, teacher, teacher=None) is not None


def test_bundled_maps_of_the_shelf_are_used(library, make_run, asked):
    teacher = make_run("teacher", predictions=random_predictions(30, 4), on_shelf="digits")
    bundled = replace(
        pca_layout(map_space(teacher.predictions("test").probabilities(1))), method="umap"
    )
    bundled.save(teacher.layout_path(layout_key(teacher, "test", "umap", None)))
    np.testing.assert_array_equal(
        stored_layout(library, teacher, teacher=None).coordinates, bundled.coordinates
    )
    compute_layout(library, teacher, teacher=None)
    assert asked == []


def test_maps_that_were_asked_aside_leave_the_run_alone(library, pair, asked):
    teacher, student = pair
    compute_layout(library, student, teacher=teacher, aside=True)
    assert names(teacher.path) == names(student.path) == []
    assert len(names(library.own / ".layouts")) == 4


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"nonsense"])
def test_a_damaged_map_is_made_again(library, pair, asked, content):
    teacher, _ = pair
    compute_layout(library, teacher, teacher=None)
    path = teacher.layout_path(layout_key(teacher, "test", "umap", None))
    path.write_bytes(content)
    assert stored_layout(library, teacher, teacher=None) is None
    compute_layout(library, teacher, teacher=None)
    assert Layout.load(path).method == "umap"


def test_a_student_that_lacks_samples_of_the_teachers_map_is_one_sentence(
    library, pair, make_run, asked
):
    teacher, student = pair
    part = make_run("part", predictions=student.predictions("test").take(np.arange(25)))
    with pytest.raises(
        PredictionsError, match="run 'part' has 25 of the 30 samples of its teacher's map"
    ):
        compute_layout(library, part, teacher=teacher)
    more = make_run("more", predictions=student.predictions("test"))
    fewer = make_run("fewer", predictions=teacher.predictions("test").take(np.arange(25)))
    compute_layout(library, more, teacher=fewer)
    assert len(stored_layout(library, more, teacher=fewer).coordinates) == 25


def test_a_run_without_predictions_is_one_sentence(library, make_run):
    with pytest.raises(RunError, match="run 'a' has no predictions on test yet"):
        compute_layout(library, make_run("a"), teacher=None)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_samples_has_a_map_too(library, make_run, asked, n):
    run = make_run("a", predictions=random_predictions(n, 4))
    compute_layout(library, run, teacher=None)
    assert stored_layout(library, run, teacher=None).coordinates.shape == (n, 2)
    assert asked == []


def test_the_key_of_large_predictions_is_computed_once_a_machine(
    library, make_run, own_home, monkeypatch
):
    monkeypatch.setattr(store, "LARGE_BYTES", 0)
    monkeypatch.setattr(store, "_keys", {})
    run = make_run("run", predictions=random_predictions(20, 4, seed=1))
    key = store.run_key(run, "test")
    assert key == content_key(run.predictions("test"))

    computed = []
    monkeypatch.setattr(store, "content_key", lambda own: computed.append(len(own)) or "anew")
    assert store.run_key(run, "test") == key
    monkeypatch.setattr(store, "_keys", {})  # another process
    assert store.run_key(run, "test") == key
    assert computed == []
    random_predictions(21, 4, seed=2).save(run.predictions_path("test"))
    assert store.run_key(run, "test") == "anew"
    assert computed == [21]

    monkeypatch.setattr(store, "_keys", {})
    assert store.run_key(run, "test") == "anew"
    assert computed == [21, 21]  # a stored key has eight digits
