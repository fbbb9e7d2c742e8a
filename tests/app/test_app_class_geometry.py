"""Class geometry without a browser: lenses and groups over a comparison, and a thousand classes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from gram_references import cross_gram
from streamlit.testing.v1 import AppTest

from app.data import class_groups
from app.data import comparison as comparisons
from app.pages.class_geometry import matrices, pairs
from app.state import ViewState
from bickd_core.comparing import class_geometry as class_geometry_figures
from bickd_core.comparing import class_ranking
from bickd_core.comparing.cache import MemoryCache
from bickd_core.comparing.class_geometry import Lens, cell_parts, entropy_at, gram_figures
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.matching import matched_temperatures
from bickd_core.geometry.orthogonality import class_geometry, overlap
from bickd_core.geometry.probabilities import entropy, matched_temperature, softmax
from bickd_core.runs.predictions import Predictions
from bickd_viz.text import numbers

SECONDS = 60.0
"""A loose bound: on two idle cores the page of a thousand classes opens in a few seconds."""


def predictions(seed: int, n: int, c: int, sharp: float = 1.0) -> Predictions:
    labels = np.arange(n) % c
    random = np.random.default_rng(0)
    means = random.normal(size=(c, c)).astype(np.float32)
    noise = np.random.default_rng(seed).normal(size=(n, c)).astype(np.float32)
    logits = means[labels] * 2 + noise
    logits[np.arange(n), labels] += 5
    return Predictions(
        logits=(logits * sharp).astype(np.float32),
        class_names=tuple(f"class {i}" for i in range(c)),
        ids=np.arange(n),
        labels=labels,
    )


@pytest.fixture
def compare(make_run, library, monkeypatch):
    """A comparison of a teacher and two students of `c` classes on `n` samples."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def make(n: int = 120, c: int = 8) -> tuple[ViewState, Comparison]:
        info = {"num_classes": c, "dataset": "made up", "config": None}
        for seed, name in enumerate(("teacher-x", "student-a", "student-b")):
            role = "teacher" if seed == 0 else "student"
            make_run(
                name, predictions=predictions(seed, n, c, 1 + seed / 2), info={**info, "role": role}
            )
        view = ViewState(teacher="teacher-x", students=("student-a", "student-b"))
        return view, comparisons.comparison(view)

    return make


def test_a_lens_is_what_it_says(compare):
    _, comparison = compare()
    student = comparison.students[1]
    P_t = softmax(comparison.teacher.predictions.logits, 4.0)
    found = matched_temperature(student.predictions.logits, entropy(P_t).mean()).temperature
    lens = Lens(4.0, "mean")
    assert lens.at(comparison, comparison.teacher) == 4.0
    assert lens.at(comparison, student) == pytest.approx(found)
    P_s = softmax(student.predictions.logits, found)
    assert class_geometry_figures.gram(comparison, student, lens).gram == pytest.approx(
        class_geometry(P_s).gram
    )
    figures = gram_figures(comparison, student, lens)
    assert figures.overlap.raw == pytest.approx(overlap(P_s))
    assert class_geometry_figures.overlap(comparison, student, lens) == pytest.approx(
        figures.overlap.estimate
    )
    assert class_geometry_figures.cross_gram(comparison, student, lens).gram == pytest.approx(
        cross_gram(P_t, P_s)
    )
    each = matched_temperatures(student.predictions.logits, entropy(P_t), start=4.0).temperatures
    lens = Lens(4.0, "image")
    assert lens.at(comparison, comparison.teacher) == 4.0
    assert lens.at(comparison, student) == pytest.approx(each)
    assert lens.match(comparison, student).unreached == 0
    assert entropy_at(comparison, student, lens) == pytest.approx(entropy(P_t).mean())
    P_i = softmax(student.predictions.logits, each)
    assert class_geometry_figures.gram(comparison, student, lens).gram == pytest.approx(
        class_geometry(P_i).gram
    )
    assert gram_figures(comparison, student, lens).overlap.raw == pytest.approx(overlap(P_i))
    assert class_geometry_figures.cross_gram(comparison, student, lens).gram == pytest.approx(
        cross_gram(P_t, P_i)
    )
    assert cell_parts(comparison, student, (2, 5), lens).probabilities == pytest.approx(
        P_i[:, [2, 5]]
    )
    centred = Lens(4.0, centred=True)
    P = softmax(student.predictions.logits, 4.0)
    assert class_geometry_figures.gram(comparison, student, centred).gram == pytest.approx(
        class_geometry(P, centred=True).gram
    )


def test_large_comparisons_give_the_same_figures_from_one_float32_pass(compare, monkeypatch):
    _, comparison = compare()
    lens = Lens(2.0)
    exact = class_geometry_figures.gram(comparison, comparison.students[0], lens)
    monkeypatch.setattr("bickd_core.comparing.comparison.LARGE", 0)
    monkeypatch.setattr("bickd_core.geometry.probabilities.FLOAT32_ABOVE", 0)
    assert comparison.large
    comparison = replace(comparison, cache=MemoryCache())
    assert class_geometry_figures.gram(
        comparison, comparison.students[0], lens
    ).gram == pytest.approx(exact.gram, abs=2e-6)


def test_parts_of_a_cell_sum_to_it_and_are_ranked(compare):
    _, comparison = compare()
    for model in comparison.models:
        for lens in (
            Lens(4.0),
            Lens(4.0, "mean"),
            Lens(4.0, "image"),
            Lens(1.0, centred=True),
        ):
            found = cell_parts(comparison, model, (2, 5), lens)
            assert found.parts.sum() == pytest.approx(
                class_geometry_figures.gram(comparison, model, lens).gram[2, 5]
            )
            assert (np.diff(found.parts) <= 0).all()
            assert sorted(found.positions.tolist()) == list(range(comparison.n))
            count = found.carriers()
            positive = found.parts.clip(0)
            assert positive[:count].sum() >= 0.8 * positive.sum() > positive[: count - 1].sum()
            assert found.added - found.subtracted == pytest.approx(found.parts.sum())
            shares = [found.share(place) for place in range(count)]
            assert sum(shares[:-1]) < 0.8 <= sum(shares) <= 1
            assert (found.subtracted > 0) == lens.centred


@pytest.mark.parametrize("how", ["cluster", "index", "name", "hierarchy"])
def test_groups_hold_each_class_once_in_the_order_shown(compare, how):
    _, comparison = compare(c=30)
    groups = class_groups.class_groups(comparison, how).parts
    members = [c for group in groups for c in group.members]
    assert members == list(class_groups.class_groups(comparison, how).members)
    assert sorted(members) == list(range(30))
    assert len({group.name for group in groups}) == len(groups)


def test_an_uploaded_hierarchy_orders_the_classes_and_can_be_forgotten(compare):
    _, comparison = compare()
    assert class_groups.hierarchy(comparison) is None
    rows = "".join(f"class {i},{'even' if i % 2 == 0 else 'odd'}\n" for i in range(8))
    class_groups.save_hierarchy(comparison, b"class,superclass\n" + rows.encode(), "mine.csv")
    assert class_groups.hierarchy(comparison).groups == ("even", "odd")
    order = class_groups.class_groups(comparison, "hierarchy").members
    assert len({c % 2 for c in order[:4]}) == 1
    assert {group.name for group in class_groups.class_groups(comparison, "hierarchy").parts} == {
        "even",
        "odd",
    }
    class_groups.forget_hierarchy(comparison)
    assert class_groups.hierarchy(comparison) is None


def page(view) -> None:
    from app import state
    from app.pages.class_geometry import page as class_geometry

    state.update(teacher=view.teacher, students=view.students)
    class_geometry.show()


def opened(view: ViewState) -> AppTest:
    app = AppTest.from_function(page, args=(view,), default_timeout=SECONDS)
    app.run()
    assert not app.exception, app.exception
    return app


def test_the_page_says_its_finding_with_n_and_interval(compare):
    view, comparison = compare()
    app = opened(view)
    assert "share most probability" in app.title[0].value
    assert f"{comparison.n} test images" in app.caption[0].value
    assert "overlap 0." in app.caption[0].value
    for rule, said in (
        ("mean", "the teacher's mean entropy at T = 4"),
        ("image", "each image at the teacher's entropy for it, T = 4"),
    ):
        app.segmented_control(key="geometry-matching").set_value(rule).run()
        assert not app.exception
        assert said in app.caption[0].value
        assert app.query_params["matching"] == rule
        assert "cosine" in app.title[0].value
    app.toggle(key="geometry-centred").set_value(True).run()
    assert not app.exception
    said = [app.title[0].value, *(element.value for element in app.caption)]
    assert "correlation" in said[0]
    assert "correlation of the two" in said[1]
    assert not [words for words in said if "cosine" in words.lower() or "orthogonal." in words]
    assert any(
        "that images add to it." in words and "Other images subtract" in words for words in said
    )


def test_the_title_speaks_of_the_pair_that_a_link_names(compare):
    view, comparison = compare()
    gram = class_geometry_figures.gram(comparison, comparison.students[-1], Lens(4.0)).gram
    app = AppTest.from_function(page, args=(view,), default_timeout=SECONDS)
    app.query_params["pair"] = "class 2~class 5"
    app.run()
    assert not app.exception, app.exception
    assert app.title[0].value.startswith(
        f"class 2 and class 5: cosine {gram[2, 5]:.2f} in {comparison.students[-1].name}"
    )
    assert not [element for element in app.caption if "You chose this pair" in element.value]


def test_the_pairs_mixed_most_are_ranked_and_a_row_is_chosen_as_a_cell_is(compare, monkeypatch):
    view, comparison = compare()
    student, lens = comparison.students[-1], Lens(4.0)
    found = class_ranking.mixed_pairs(comparison, student, lens, "own", 10)
    assert [one.own for one in found] == sorted((one.own for one in found), reverse=True)
    far = class_ranking.mixed_pairs(comparison, student, lens, "difference", 10)
    gap = np.abs(
        class_geometry_figures.gram(comparison, student, lens).gram
        - class_geometry_figures.gram(comparison, comparison.teacher, lens).gram
    )
    assert abs(far[0].difference) == pytest.approx(gap.max())
    drawn = []
    monkeypatch.setattr(
        pairs.rows, "show", lambda columns, lines, **more: drawn.append((columns, lines, more))
    )
    app = opened(view)
    columns, lines, more = drawn[-1]
    assert columns == ["row class", "column class", student.name, "teacher", "difference"]
    assert [line[2] for line in lines] == [numbers.number(one.own) for one in found]
    assert f"{lines[0][0]} and {lines[0][1]} share most probability" in app.title[0].value
    assert more["selected"] == 0
    chosen = []
    monkeypatch.setattr(pairs.frame, "on_cell", lambda *a, **k: lambda *pair: chosen.append(pair))
    more["on_row"](3)
    assert chosen == [found[3].classes]
    app.segmented_control(key="geometry-pairs-by").set_value("difference").run()
    assert not app.exception
    assert [line[4] for line in drawn[-1][1]] == [numbers.signed(one.difference) for one in far]


def test_superclasses_are_parted_where_classes_stand_in_their_order(compare, monkeypatch):
    view, comparison = compare(c=8)
    rows = "".join(f"class {i},{'even' if i % 2 == 0 else 'odd'}\n" for i in range(8))
    class_groups.save_hierarchy(comparison, b"class,superclass\n" + rows.encode(), "mine.csv")
    drawn = []
    monkeypatch.setattr(matrices.matrix, "show", lambda scene, *_, **__: drawn.append(scene.blocks))
    app = opened(view)
    assert drawn == [[]] * 4
    drawn.clear()
    app.segmented_control(key="geometry-order").set_value("hierarchy").run()
    assert not app.exception
    assert [sorted(blocks) for blocks in drawn] == [[("even", 4), ("odd", 4)]] * 4


def test_a_thousand_classes_begin_with_groups_and_open_in_reasonable_time(compare):
    view, _ = compare(n=2100, c=1000)
    began = time.monotonic()
    app = opened(view)
    assert time.monotonic() - began < SECONDS
    assert app.selectbox(key="geometry-part").value == "groups of classes"
    assert "all 1000 classes" not in app.selectbox(key="geometry-part").options
    name = app.selectbox(key="geometry-part").options[1]
    app.selectbox(key="geometry-part").select(name).run()
    assert not app.exception
