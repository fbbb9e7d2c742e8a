"""The summary of one model, the public surface, and what importing it loads."""

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from bickd_core.geometry import probabilities
from bickd_core.geometry.agreement import agreement_rate, correct, hellinger
from bickd_core.geometry.calibration import confidence_and_hits, reliability
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.matching import matched_temperatures
from bickd_core.geometry.orthogonality import class_geometry, overlap
from bickd_core.geometry.probabilities import entropy, softmax
from bickd_core.geometry.procrustes import procrustes
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import cka, without_constants
from bickd_core.geometry.summary import summarise
from bickd_core.runs.predictions import Predictions


def model(seed, n=120, c=6, sharp=1.0, features=True):
    base = np.random.default_rng(0)
    labels = base.integers(0, c, n)
    shared = base.normal(size=(n, c))
    shared[np.arange(n), labels] += 3
    random = np.random.default_rng(seed)
    logits = ((shared + 0.5 * random.normal(size=(n, c))) * sharp).astype(np.float32)
    return Predictions(
        logits=logits,
        class_names=tuple(f"class {i}" for i in range(c)),
        ids=np.arange(n),
        labels=labels,
        features=(
            np.tanh(logits @ random.normal(size=(c, 9))).astype(np.float32) if features else None
        ),
    )


def intervals(summary):
    values = {f.name: getattr(summary, f.name) for f in fields(summary)}
    return {name: value for name, value in values.items() if isinstance(value, Interval)}


@pytest.mark.parametrize("n", [200, 5])
def test_logits_and_probabilities_of_one_model_are_alike(n):
    """They differ by a number for each sample, which no probability depends on."""
    teacher, student = model(1, n=n), model(2, n=n)
    twin, given = (replace(m, logits=np.log(softmax(m.logits))) for m in (teacher, student))
    shard = stratified_shards(n, teacher.labels)
    whole = [m.logits for m in (teacher, student)]
    found = procrustes(*whole, shard, logits=True)
    assert procrustes(whole[0], given.logits, shard, logits=True).value == pytest.approx(
        found.value
    )
    assert procrustes(whole[0], twin.logits, shard, logits=True).value == pytest.approx(
        0.0, abs=1e-6
    )
    expected = summarise(teacher, student).cka_logits
    mixed = summarise(teacher, given).cka_logits
    assert mixed.estimate == pytest.approx(expected.estimate)
    assert (mixed.low, mixed.high) == pytest.approx((expected.low, expected.high))
    assert summarise(teacher, twin).cka_logits.estimate == pytest.approx(1.0)


def test_every_figure_is_what_its_function_says():
    teacher, student = model(1, sharp=3.0), model(2)
    found = summarise(teacher, student, T=4.0)
    P_t, P_s = softmax(teacher.logits, 4.0), softmax(student.logits, 4.0)
    each = matched_temperatures(student.logits, entropy(P_t), start=4.0)
    expected = {
        "accuracy": correct(student.logits, student.labels).mean(),
        "agreement": agreement_rate(teacher.logits, student.logits),
        "kl": (P_t * np.log(P_t / P_s)).sum(axis=1).mean(),
        "displacement": hellinger(P_t, P_s).mean(),
        "calibration_error": reliability(
            *confidence_and_hits(softmax(student.logits), student.labels)
        ).error,
        "cka_logits": cka(*(without_constants(m.logits) for m in (teacher, student))),
        "cka_features": cka(teacher.features, student.features),
        "overlap": overlap(P_s),
        "overlap_per_image": overlap(softmax(student.logits, each.temperatures)),
        "overlap_matched": overlap(softmax(student.logits, found.matched.temperature)),
        "score": class_geometry(P_s).score,
        "effective_rank": class_geometry(P_s).effective_rank,
    }
    made = intervals(found)
    assert set(made) == set(expected)
    for name, interval in made.items():
        assert interval.plain == pytest.approx(expected[name]), name
        assert interval.low <= interval.estimate <= interval.high, name
        assert interval.low < interval.high, name
    at_matched = entropy(softmax(student.logits, found.matched.temperature)).mean()
    assert at_matched == pytest.approx(entropy(P_t).mean())
    assert found.matched.temperature < 4.0  # the teacher is the sharper one
    assert (found.n, found.n_classes, found.n_classes_used, found.unreached) == (120, 6, 6, 0)


def test_sharpness_alone_is_gone_at_matched_entropy():
    teacher = model(1)
    sharper = replace(teacher, logits=teacher.logits * np.float32(3))
    found = summarise(teacher, sharper)
    plain = summarise(teacher, teacher)
    assert found.overlap.high < plain.overlap.low
    assert found.overlap_matched.estimate == pytest.approx(plain.overlap.estimate, abs=1e-6)
    assert found.overlap_per_image.estimate == pytest.approx(plain.overlap.estimate, abs=1e-6)
    assert found.matched.temperature == pytest.approx(12.0, rel=1e-5)


def test_a_model_beside_itself():
    teacher = model(3)
    found = summarise(teacher, teacher)
    assert found.agreement.estimate == 1.0
    assert found.agreement.low < 1.0
    assert (found.kl.estimate, found.kl.high, found.displacement.estimate) == (0, 0, 0)
    assert found.cka_logits.estimate == pytest.approx(1.0)
    assert found.overlap_matched == found.overlap
    assert found.overlap_per_image.estimate == pytest.approx(found.overlap.estimate, abs=1e-12)
    assert found.overlap_per_image.low == pytest.approx(found.overlap.low, abs=1e-12)


def test_without_teacher_labels_or_features():
    teacher, student = model(1, features=False), model(2)
    alone = summarise(None, student)
    assert set(intervals(alone)) == {
        "accuracy",
        "calibration_error",
        "overlap",
        "score",
        "effective_rank",
    }
    blind = summarise(replace(teacher, labels=None), replace(student, labels=None))
    assert (blind.accuracy, blind.calibration_error) == (None, None)
    assert blind.cka_features is None
    assert blind.agreement.method == "Wilson"
    borrowed = summarise(teacher, replace(student, labels=None))
    assert borrowed.accuracy == summarise(teacher, student).accuracy


@pytest.mark.parametrize(("n", "c"), [(1, 2), (2, 2), (3, 4), (5, 2)])
def test_few_samples_give_figures_and_no_nan(n, c):
    found = summarise(model(1, n=n, c=c), model(2, n=n, c=c))
    for name, interval in intervals(found).items():
        assert np.isfinite(interval.estimate), name
        assert (interval.low is None) == (interval.high is None), name
        assert interval.low is None or interval.low <= interval.estimate <= interval.high, name
    assert found.overlap is not None


def test_saturated_models_give_figures_and_no_nan():
    teacher = model(1)
    logits = np.full_like(teacher.logits, -1e4)
    logits[:, 0] = 1e4
    found = summarise(teacher, replace(teacher, logits=logits))
    assert found.n_classes_used == 1
    assert found.overlap is None
    assert found.kl.estimate > 1e3
    assert found.cka_logits is None  # its rows do not vary
    assert all(np.isfinite(i.estimate) for i in intervals(found).values())
    flat = summarise(teacher, replace(teacher, logits=np.zeros_like(logits)))
    assert not flat.matched.reached
    assert flat.overlap_matched is None
    assert (flat.unreached, flat.overlap_per_image) == (120, None)


def test_models_that_are_not_aligned_are_refused():
    teacher, student = model(1), model(2)
    with pytest.raises(ValueError, match="same sample ids in the same order"):
        summarise(teacher, replace(student, ids=student.ids[::-1]))
    with pytest.raises(ValueError, match="same classes in the same order"):
        summarise(teacher, replace(student, class_names=tuple(reversed(student.class_names))))


def test_importing_loads_no_large_library():
    code = (
        "import sys, pkgutil, importlib, bickd_core.geometry as"
        " g;[importlib.import_module(f'{g.__name__}.{m.name}') for m in"
        " pkgutil.iter_modules(g.__path__)];print([m for m in ('torch', 'umap', 'sklearn', 'numba',"
        " 'plotly', 'streamlit', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("classes", [6, 40])
def test_float32_passes_over_blocks_give_the_figures_of_float64(classes, monkeypatch):
    teacher, student = model(0, c=classes), model(1, c=classes)
    plain = summarise(teacher, student)
    monkeypatch.setattr(probabilities, "FLOAT32_ABOVE", 0)
    monkeypatch.setattr(probabilities, "CELLS", 7 * classes)
    streamed = summarise(teacher, student)
    assert streamed.unreached == plain.unreached
    assert streamed.matched.temperature == pytest.approx(plain.matched.temperature, rel=1e-5)
    for name, interval in intervals(plain).items():
        other = intervals(streamed)[name]
        assert other.estimate == pytest.approx(interval.estimate, abs=1e-5), name
        assert (other.low, other.high) == pytest.approx((interval.low, interval.high), abs=1e-5)


def test_a_mapped_file_gives_the_same_figures(tmp_path):
    teacher, student = model(0), model(1)
    np.save(tmp_path / "logits.npy", student.logits)
    mapped = replace(student, logits=np.load(tmp_path / "logits.npy", mmap_mode="r"))
    assert summarise(teacher, mapped) == summarise(teacher, student)
