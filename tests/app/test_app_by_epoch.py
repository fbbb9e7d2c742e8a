"""By epoch without a browser: what is read of the trajectories, and what travels to the player."""

from __future__ import annotations

import base64
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.data import class_groups, epochs
from app.data import comparison as comparisons
from app.data.epochs import end_gap, epoch_intervals
from app.pages.by_epoch import player
from app.pages.by_epoch.page import figure_line
from app.state import ViewState
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry import gram_figures, jackknife
from bickd_core.geometry.class_groups import Group, Part, part_of
from bickd_core.geometry.gram_figures import overlap_interval
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.probabilities import entropy, softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.predictions import Predictions, PredictionsError
from bickd_viz.theme import LIGHT, ModelStyle

C, N, P = 6, 60, 24
NAMES = tuple(f"class {i}" for i in range(C))


def trajectory(seed: int, epochs: int, ids: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = ids % C
    logits = random.normal(size=(epochs, len(ids), C))
    logits[:, np.arange(len(ids)), labels] += np.linspace(0, 6, epochs)[:, None]
    return {
        "logits": logits.astype(np.float16),
        "ids": ids,
        "labels": labels,
        "epochs": np.arange(epochs),
    }


def courses(comparison, T, how, *, most=epochs.MOST_CLASSES, **more):
    """The courses over the part that the page begins with."""
    part = part_of(class_groups.class_groups(comparison, how), (), most=most)
    return epochs.courses(comparison, T, part, **more)


@pytest.fixture
def compare(make_run, library, monkeypatch):
    """A teacher and students, each with predictions, and trajectories of so many epochs (0 for
    none)."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def make(*epochs: int, ids=None, names=NAMES) -> tuple[ViewState, Comparison]:
        probe = np.arange(P) if ids is None else ids
        for k, (name, count) in enumerate(
            zip(("teacher-x", "student-a", "student-b"), (3, *epochs), strict=False)
        ):
            random = np.random.default_rng(k)
            order = NAMES if k == 0 else names
            own = Predictions(
                random.normal(size=(N, C)).astype(np.float32), NAMES, np.arange(N), np.arange(N) % C
            )
            info = {
                "num_classes": C,
                "dataset": "made up",
                "role": "student" if k else "teacher",
                "config": None,
            }
            run = make_run(name, predictions=own.with_class_order(order), info=info)
            own.save(run.predictions_path("validation"))
            if count:
                made = trajectory(k, count, probe if k == 1 else np.arange(P))
                columns = [NAMES.index(one) for one in order]
                made["logits"] = made["logits"][:, :, columns]
                made["labels"] = np.array([order.index(NAMES[c]) for c in made["labels"]])
                run.write_trajectory(made)
        view = ViewState(teacher="teacher-x", students=("student-a", "student-b")[: len(epochs)])
        return view, comparisons.comparison(view)

    return make


def test_a_learning_teacher_has_the_samples_that_all_have(compare):
    """Its own probe set may hold other images than its students'."""
    _, comparison = compare(2, ids=np.arange(20, 44))
    found = courses(comparison, 2.0, "index", teacher_learns=True)
    assert found.n == 4
    assert [course.learns for course in found.courses] == [True, True]
    stored = trajectory(0, 3, np.arange(P))["logits"][-1, 20:].astype(float)
    assert (
        found.courses[0].figures.accuracy[-1] == (stored.argmax(1) == np.arange(20, 24) % C).mean()
    )


def test_figures_are_those_of_the_slices_in_the_order_of_the_comparison(compare):
    _, comparison = compare(4, 5, names=NAMES[::-1])
    found = courses(comparison, 2.0, "index")
    assert found is not None
    assert (found.n, found.n_validation, found.last, found.names) == (P, N, 5, NAMES)
    teacher, first, second = found.courses
    assert (teacher.learns, first.learns) == (False, True)
    assert first.figures.epochs.tolist() == [1, 2, 3, 4]
    final = comparison.teacher.run.predictions("validation").logits[:P]
    assert teacher.figures.grams[0] == pytest.approx(
        class_geometry(softmax(final, 2.0)).gram, abs=1e-6
    )
    for k, course in ((1, first), (2, second)):
        stored = trajectory(k, 3 + k, np.arange(P))
        for e, logits in enumerate(stored["logits"].astype(float)):
            plain = class_geometry(softmax(logits, 2.0))
            assert course.figures.grams[e] == pytest.approx(plain.gram, abs=1e-6)
            assert course.figures.accuracy[e] == pytest.approx(
                (logits.argmax(1) == stored["labels"]).mean()
            )
            assert course.figures.agreement[e] == pytest.approx(
                (logits.argmax(1) == final.argmax(1)).mean()
            )
            told = epoch_intervals(found, course, e + 1)
            assert told.overlap.estimate == pytest.approx(course.figures.overlap[e])
            assert told.overlap.raw == pytest.approx(plain.overlap)
            assert told.accuracy.estimate == pytest.approx(course.figures.accuracy[e])
            assert told.agreement.estimate == pytest.approx(course.figures.agreement[e])
    assert (first.at(99), first.at(2), teacher.at(3)) == (3, 1, 0)


def test_each_image_has_the_entropy_of_the_finished_teacher_for_it(compare):
    _, comparison = compare(3)
    found = courses(comparison, 4.0, "index", matching="image")
    teacher, student = found.courses
    target = entropy(softmax(teacher.logits[0], 4.0))
    assert student.figures.unreached.tolist() == [0, 0, 0]
    for e in range(3):
        P = softmax(student.logits[e], student.figures.temperatures[e])
        assert entropy(P) == pytest.approx(target)
        assert student.figures.overlap[e] == pytest.approx(
            overlap_interval(shard_grams(P, stratified_shards(found.n, found.labels))).estimate
        )
        assert epoch_intervals(found, student, e + 1).overlap.estimate == pytest.approx(
            overlap_interval(shard_grams(P, stratified_shards(found.n, found.labels))).estimate
        )


def test_matched_entropy_is_that_of_the_finished_teacher(compare):
    _, comparison = compare(3)
    found = courses(comparison, 4.0, "index", matching="mean")
    teacher, student = found.courses
    target = entropy(softmax(teacher.logits[0], 4.0)).mean()
    assert teacher.figures.temperatures[0] == pytest.approx(4.0)
    for e in range(3):
        P = softmax(student.logits[e], student.figures.temperatures[e])
        assert entropy(P).mean() == pytest.approx(target)
        fixed = overlap_interval(shard_grams(P, stratified_shards(found.n, found.labels))).estimate
        assert student.figures.overlap[e] == pytest.approx(fixed)
        estimate = epoch_intervals(found, student, e + 1).overlap.estimate
        assert estimate == pytest.approx(
            fixed, abs=5e-4
        )  # matched anew in each replicate, on few samples


def test_the_teacher_as_it_learned_has_its_own_epochs(compare):
    _, comparison = compare(2)
    found = courses(comparison, 4.0, "index", teacher_learns=True)
    assert found.courses[0].figures.epochs.tolist() == [1, 2, 3]
    assert found.courses[0].learns
    assert found.last == 3
    assert epoch_intervals(found, found.courses[0], 1).agreement is None


def test_probe_sets_are_matched_by_id(compare):
    _, comparison = compare(2, 2, ids=np.arange(10, 40))
    assert courses(comparison, 4.0, "index").n == P - 10


def test_other_probe_sets_altogether_are_refused(compare):
    _, comparison = compare(2, 2, ids=np.arange(30, 50))
    with pytest.raises(PredictionsError, match="no sample in common"):
        courses(comparison, 4.0, "index")


def test_models_without_a_trajectory_are_named_and_none_at_all_is_none(compare):
    _, comparison = compare(2, 0)
    assert [model.key for model in courses(comparison, 4.0, "index").missing] == ["student-b"]


def test_no_trajectory_at_all(compare):
    view, comparison = compare(0)
    assert courses(comparison, 4.0, "index") is None
    app = opened(view)
    assert app.title[0].value == "No epochs to show"


def test_many_classes_travel_as_groups(compare):
    _, comparison = compare(2)
    found = courses(comparison, 4.0, "name", most=4)
    assert found.grouped
    assert found.courses[1].figures.grams.shape == (2, len(found.names), len(found.names))
    stored = trajectory(1, 2, np.arange(P))["logits"][1].astype(float)
    gram = class_geometry(softmax(stored, 4.0)).gram
    rows = class_groups.class_groups(comparison, "name").parts[0].members
    pairs = [gram[a, b] for a in rows for b in rows if a != b]
    assert found.courses[1].figures.grams[1, 0, 0] == pytest.approx(np.mean(pairs), abs=1e-6)


@given(st.integers(0, 300), st.integers(1, 50))
def test_subsampled_epochs_keep_the_first_and_the_last(count, step):
    kept = player.kept_epochs(count, step)
    assert kept == sorted(set(kept))
    if count:
        assert kept[0] == 0
        assert kept[-1] == count - 1
        assert all(b - a <= step for a, b in itertools.pairwise(kept))
        assert len(kept) <= -(-count // step) + 1


def test_codes_come_back_within_half_a_step(compare):
    _, comparison = compare(2)
    found = courses(comparison, 1.0, "index")
    sent = player._encoded(found.courses[1], ModelStyle("A", "#000000"), LIGHT, 1)
    raw = np.frombuffer(base64.b64decode(sent["grams"]), dtype=np.uint8).reshape(2, -1)
    rows, columns = np.triu_indices(C)
    for e in range(2):
        gram = found.courses[1].figures.grams[e]
        assert raw[e] / 254 == pytest.approx(gram[rows, columns], abs=0.502 / 254)
    assert sent["overlap"] == pytest.approx(found.courses[1].figures.overlap.tolist(), abs=1e-5)


def test_a_group_of_one_class_has_no_cosine_with_itself(compare):
    _, comparison = compare(2)
    groups = (Group("most", tuple(range(C - 1))), Group("one", (C - 1,)))
    part = Part((), tuple(range(C)), groups)
    found = epochs.courses(comparison, 1.0, part)
    gram = found.courses[1].figures.grams[0]
    assert np.isnan(gram).tolist() == [[False, False], [False, True]]
    assert (player.codes(gram) == 255).tolist() == [False, False, True]


def test_all_grams_together_stay_within_their_budget(compare, monkeypatch):
    _, comparison = compare(40)
    found = courses(comparison, 4.0, "index")
    assert player.stride(found) == 1
    monkeypatch.setattr(player, "MOST_BYTES", 400)
    step = player.stride(found)
    assert step == 3  # 41 Grams of 21 cells
    total = sum(
        len(
            base64.b64decode(
                player._encoded(course, ModelStyle("A", "#000000"), LIGHT, step)["grams"]
            )
        )
        for course in found.courses
    )
    assert total <= 400


def test_the_lowest_two_are_told_apart_only_where_the_paired_interval_does(compare, monkeypatch):
    monkeypatch.setattr(jackknife, "FEWEST", P)
    monkeypatch.setattr(gram_figures, "SAMPLES_A_CLASS", 1)
    view, comparison = compare(4, 4)
    found = courses(comparison, 4.0, "index")
    _, first, second = found.courses
    gap = end_gap(found, first, second)
    assert gap.estimate == pytest.approx(first.figures.overlap[-1] - second.figures.overlap[-1])
    seen = gap.low > 0 or gap.high < 0
    title = opened(view).title[0].value
    assert title.startswith("No difference seen") != seen
    assert "these runs" in title, "not about their methods"
    assert end_gap(found, first, first).estimate == 0.0


def test_the_export_shows_a_finished_teacher_as_a_level_over_all_epochs(compare):
    _, comparison = compare(4, 2)
    looks = {model.key: ModelStyle(model.name, "#000000") for model in comparison.models}
    found = courses(comparison, 4.0, "index")
    teacher, first, second = (
        figure_line(found, course, looks, "overlap") for course in found.courses
    )
    assert teacher.style.name.endswith(" (finished)")
    assert (list(teacher.x), teacher.dash) == ([1, 2, 3, 4], "dash")
    assert list(teacher.y) == [float(found.courses[0].figures.overlap[0])] * 4
    assert (list(first.x), list(second.x), first.dash) == ([1, 2, 3, 4], [1, 2], "solid")
    assert figure_line(found, found.courses[0], looks, "agreement") is None
    learning = courses(comparison, 4.0, "index", teacher_learns=True)
    line = figure_line(learning, learning.courses[0], looks, "overlap")
    assert (list(line.x), line.dash) == ([1, 2, 3], "solid")


def page(view) -> None:
    from app import state
    from app.pages.by_epoch import page as by_epoch

    state.update(teacher=view.teacher, students=view.students, epoch=view.epoch)
    by_epoch.show()


def opened(view: ViewState) -> AppTest:
    app = AppTest.from_function(page, args=(view,), default_timeout=60)
    app.run()
    assert not app.exception, app.exception
    return app


def test_the_page_opens_a_group_of_many_classes(compare, monkeypatch):
    view, comparison = compare(3)
    monkeypatch.setattr("app.data.epochs.MOST_CLASSES", 4)
    names: list[tuple[str, ...]] = []
    monkeypatch.setattr(player, "show", lambda found, *_, **__: names.append(found.names))
    app = opened(view)
    root = class_groups.class_groups(comparison, "cluster")
    assert names[-1] == tuple(group.name for group in root.parts)
    assert any("Choose a group above to see" in caption.value for caption in app.caption)
    app.selectbox(key="epoch-part").select(root.parts[0].name).run()
    assert not app.exception
    assert names[-1] == tuple(comparison.class_names[c] for c in root.parts[0].members)
    app.button(key="epoch-part-back").click().run()
    assert not app.exception
    assert names[-1] == tuple(group.name for group in root.parts)


def test_the_page_names_its_probe_set_and_its_epoch(compare):
    view, _ = compare(4, 2)
    app = opened(ViewState(teacher=view.teacher, students=view.students, epoch=3))
    assert f"Probe set: {P} of {N} validation images" in app.caption[0].value
    head = next(e.proto.body for e in app.get("html") if "After epoch 3" in e.proto.body)
    assert "After epoch 3 on 24 validation images" in head
    assert "had ended by then" in head
