"""Similarity without a browser: what is cached is what the core says, and the page for few and for
many samples."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.data import comparison as comparisons
from app.data import layers
from app.pages.similarity import matrices
from app.state import ViewState
from bickd_core.comparing import measures
from bickd_core.comparing import similarity as similarity_figures
from bickd_core.comparing.class_geometry import Lens, cross_gram_figures
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.similarity import MEASURES, chance, sampled, similarity_difference
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.procrustes import procrustes
from bickd_core.geometry.rsa import ranked_distances, rsa
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import cka, row_cosines, without_constants
from bickd_core.runs.predictions import Predictions
from bickd_core.runs.stages import Stages


def predictions(
    seed: int, n: int, c: int, *, labels: bool = True, features: bool = True
) -> Predictions:
    random = np.random.default_rng(0)
    logits = random.normal(size=(n, c)) * 2
    own = np.random.default_rng(seed)
    logits = logits + 0.7 * own.normal(size=(n, c))
    return Predictions(
        logits=logits.astype(np.float32),
        class_names=tuple(f"class {i}" for i in range(c)),
        ids=np.arange(n) * 2,
        labels=np.arange(n) % c if labels else None,
        features=logits[:, : c - 1].astype(np.float32) if features else None,
    )


def stages(of: Predictions, seed: int, n: int = 40, names=("stem", "stage 1")) -> Stages:
    own = np.random.default_rng(seed)
    values = [
        of.logits[:n] @ own.normal(size=(of.num_classes, w)).astype(np.float32) for w in (3, 6)
    ]
    return Stages(
        tuple(names), tuple(v.astype(np.float32) for v in values), of.ids[:n], np.arange(n) % 2
    )


@pytest.fixture
def compare(make_run, library, monkeypatch):
    """A teacher and two students on made-up data, with stages unless told otherwise."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def make(n: int = 60, c: int = 5, *, with_stages: bool = True, **options) -> Comparison:
        info = {"num_classes": c, "dataset": "made up", "config": None}
        for seed, name in enumerate(("teacher-x", "student-a", "student-b")):
            role = "teacher" if seed == 0 else "student"
            said = predictions(seed, n, c, **options)
            run = make_run(name, predictions=said, info={**info, "role": role})
            if with_stages:
                run.write_stages(stages(said, seed))
        return comparisons.comparison(
            ViewState(teacher="teacher-x", students=("student-a", "student-b"))
        )

    return make


def page() -> AppTest:
    def script():
        from app.pages.similarity import page as similarity

        similarity.show()

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params["teacher"] = "teacher-x"
    app.query_params["students"] = "student-a~student-b"
    return app


def test_measures_are_those_of_the_core(compare):
    comparison = compare()
    a = comparison.students[0]
    teacher, student = comparison.teacher.predictions, a.predictions
    shard = stratified_shards(comparison.n, comparison.labels)
    found = similarity_figures.similarity(comparison, a, "cka", "outputs", 4.0)
    assert found.value == pytest.approx(
        cka(*(without_constants(p.logits) for p in (teacher, student)))
    )
    found = similarity_figures.similarity(comparison, a, "procrustes", "features", 4.0)
    assert found.estimate == pytest.approx(
        procrustes(teacher.features, student.features, shard).estimate
    )
    ranks = [ranked_distances(softmax(p.logits, 2.0)) for p in (teacher, student)]
    found = similarity_figures.similarity(comparison, a, "rsa", "outputs", 2.0)
    assert found.estimate == pytest.approx(rsa(*ranks, shard).estimate)
    difference = similarity_difference(comparison, *comparison.students, "rsa", "outputs", 2.0)
    other = similarity_figures.similarity(comparison, comparison.students[1], "rsa", "outputs", 2.0)
    assert difference.estimate == pytest.approx(found.estimate - other.estimate)
    assert measures.row_cosines(comparison, a, 2.0) == pytest.approx(
        row_cosines(softmax(teacher.logits, 2.0), softmax(student.logits, 2.0))
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_chance_is_that_of_the_least_similar_student(compare, measure):
    comparison = compare()
    values = {
        s.key: similarity_figures.similarity(comparison, s, measure, "outputs", 4.0).estimate
        for s in comparison.students
    }
    worst = (max if measure == "procrustes" else min)(values, key=values.get)
    found = chance(comparison, measure, "outputs", 4.0)
    assert found.student.key == worst
    plain = similarity_figures.similarity(comparison, found.student, measure, "outputs", 4.0).value
    assert found.null.observed == pytest.approx(plain, abs=1e-6)
    assert found.null.p_value == pytest.approx(1 / 51)


def test_only_what_depends_on_the_temperature_is_worked_out_again(compare):
    comparison = compare()
    a = comparison.students[0]
    assert similarity_figures.similarity(
        comparison, a, "cka", "outputs", 1.0
    ) is similarity_figures.similarity(comparison, a, "cka", "outputs", 8.0)
    assert similarity_figures.similarity(
        comparison, a, "rsa", "features", 1.0
    ) is similarity_figures.similarity(comparison, a, "rsa", "features", 8.0)
    assert similarity_figures.similarity(
        comparison, a, "rsa", "outputs", 1.0
    ) is not similarity_figures.similarity(comparison, a, "rsa", "outputs", 8.0)


def test_many_images_are_drawn_by_class_and_few_are_all_taken(compare):
    comparison = compare(n=1000)
    positions = sampled(comparison)
    assert len(positions) == 800
    assert np.bincount(comparison.labels[positions]).tolist() == [160] * 5
    assert (
        similarity_figures.similarity(comparison, comparison.students[0], "rsa", "outputs", 4.0).n
        == 800
    )


def test_runs_without_features_or_stages_say_so(compare):
    comparison = compare(features=False, with_stages=False)
    assert (
        similarity_figures.similarity(comparison, comparison.students[0], "cka", "features", 4.0)
        is None
    )
    assert chance(comparison, "cka", "features", 4.0) is None
    assert layers.layers(comparison, comparison.students[0]) is None
    assert "“bickd stages teacher-x student-a student-b”" in layers.why_no_layers(
        comparison, comparison.students[0]
    )
    app = page().run()
    assert not app.exception
    assert "“bickd stages teacher-x student-a student-b”" in app.info[0].value
    assert "similarity-basis" not in [control.key for control in app.segmented_control]
    assert any("no stored features" in caption.value for caption in app.caption)


def test_layers_are_matched_by_id_and_end_with_the_logits(compare):
    comparison = compare()
    a, b = comparison.students
    run = a.run
    whole = run.stages()
    run.write_stages(
        Stages(
            whole.names,
            tuple(f[::-1][:30] for f in whole.features),
            whole.ids[::-1][:30],
            whole.labels[::-1][:30],
        )
    )
    view = layers.layers(comparison, a)
    assert (view.teacher, view.student) == (("stem", "stage 1", "logits"),) * 2
    assert view.n == 30
    mine, theirs = run.stages(), comparison.teacher.run.stages()
    rows = np.argsort(mine.ids)
    expected = cka(theirs.features[0][10:40], mine.features[1][rows])
    assert view.cka.values[0, 1] == pytest.approx(expected, abs=1e-6)
    logits = (p.predictions.logits[10:40] for p in (comparison.teacher, a))
    assert view.cka.values[2, 2] == pytest.approx(cka(*map(without_constants, logits)), abs=1e-6)
    assert layers.layer_difference(comparison, a, b, "stem") is None  # other images
    run.write_stages(whole)
    difference = layers.layer_difference(comparison, a, b, "stem")
    assert difference.estimate == pytest.approx(
        layers.layers(comparison, a).cka.estimates[0, 0]
        - layers.layers(comparison, b).cka.estimates[0, 0]
    )
    assert layers.layer_difference(comparison, a, b, "stage 9") is None


def test_networks_of_no_common_images_are_not_compared(compare):
    comparison = compare()
    run = comparison.students[0].run
    whole = run.stages()
    run.write_stages(Stages(whole.names, whole.features, whole.ids + 1, whole.labels))
    assert layers.layers(comparison, comparison.students[0]) is None
    app = page()
    app.query_params["student"] = "student-a"
    app.run()
    assert "(40 and 40) have none in common" in app.info[0].value


@pytest.mark.parametrize(
    ("n", "labels", "said"),
    [
        (60, True, "for two different ones"),
        (60, False, "for two different ones"),
        (600, True, "for two of one class"),
    ],
)
def test_the_page_shows_each_sample_up_to_500_and_bins_beyond(compare, n, labels, said):
    compare(n=n, labels=labels)
    app = page().run()
    assert not app.exception
    captions = [caption.value for caption in app.caption]
    assert any("for the same image" in c and said in c for c in captions)
    shown = f"RSA ranks all pairs of {n} of {n} images at T = 4."
    assert any(shown in caption.proto.help for caption in app.caption)


def test_many_samples_without_labels_are_not_binned(compare):
    compare(n=600, labels=False)
    app = page().run()
    assert not app.exception
    assert "groups them by true class" in app.info[0].value


def test_a_teacher_alone_asks_for_a_student(compare):
    compare()
    app = page()
    del app.query_params["students"]
    app.run()
    assert app.title[0].value == "Similarity needs a student"


def test_why_layers_cannot_be_compared_is_true(compare, library):
    comparison = compare(with_stages=True)
    student = comparison.students[0]
    own = predictions(1, 60, 5)
    stored = stages(own, 1)
    for shared, said in (
        (3, "share 3 of their stored probe images (40 and 40)"),
        (0, "have none in common"),
    ):
        ids = np.concatenate([stored.ids[:shared], 1001 + np.arange(40 - shared)])
        student.run.write_stages(Stages(stored.names, stored.features, ids, stored.labels))
        assert layers.layers(comparison, student) is None
        assert said in layers.why_no_layers(comparison, student)
    texts = np.array([str(id) for id in stored.ids])
    student.run.write_stages(Stages(stored.names, stored.features, texts, stored.labels))
    assert "ids of different types" in layers.why_no_layers(comparison, student)
    student.run.stages_path.write_bytes(b"PK")
    assert "student-a/stages.npz: expected a whole npz file" in layers.why_no_layers(
        comparison, student
    )
    student.run.stages_path.unlink()
    assert layers.why_no_layers(comparison, student).startswith(
        "No layers are stored for student-a."
    )


def test_title_and_caption_show_the_same_corrected_mean(compare):
    comparison = compare(n=400, c=5)
    student = comparison.students[-1]
    corrected = cross_gram_figures(comparison, student, Lens(4.0)).consistency
    plain = float(np.diag(measures.cross(comparison, student, 4.0).gram).mean())
    assert f"{corrected.estimate:.3f}" != f"{plain:.3f}"
    app = page()
    app.run()
    assert not app.exception, app.exception
    mean = f"{corrected.estimate:.2f}"
    assert app.title[0].value.endswith(f"(mean {mean})")
    (caption,) = [c for c in app.caption if c.value.startswith("Mean cosine: ") and c.proto.help]
    assert caption.value.startswith(f"Mean cosine: {mean} for the same class")
    assert "corrected for the number of images" in caption.proto.help


@pytest.mark.parametrize(
    ("rule", "cell"),
    [("samples:{0}~{3}", (0, 3)), ("samples:{2}", (2, 2)), ("samples:{0}~{1}~{2}", None),
     ("samples:{0}~nobody", None), ("class:a", None), ("", None)],
)  # fmt: skip
def test_the_outlined_cell_is_the_selection(compare, monkeypatch, rule, cell):
    comparison = compare(n=60)
    ids = [str(id) for id in comparison.teacher.predictions.ids]
    monkeypatch.setattr(matrices.state, "current", lambda: ViewState(selection=rule.format(*ids)))
    assert matrices._selected_samples(comparison) == cell
