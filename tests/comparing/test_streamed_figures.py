"""Every figure of a comparison, in float64 and in float32 passes, against the plain formula on a
matrix of probabilities; and the memory that they take."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gram_references import cross_gram

from bickd_core.comparing import calibration, class_geometry, measures, selection, similarity
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import TEACHER, Comparison, Model
from bickd_core.comparing.seeds import score, scored
from bickd_core.comparing.selection_table import selection_table
from bickd_core.geometry import agreement as plain_agreement
from bickd_core.geometry import orthogonality, probabilities, procrustes, proper_scores, rsa
from bickd_core.geometry import similarity as plain_similarity
from bickd_core.geometry.calibration import (
    calibration_difference,
    calibration_interval,
    chance_error,
    confidence_and_hits,
)
from bickd_core.geometry.gram_figures import class_figures, replicated_overlap
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.intervals import mean_interval
from bickd_core.geometry.matching import match
from bickd_core.geometry.probabilities import entropy, softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.summary import summarise
from bickd_core.runs.info import RunInfo, Source
from bickd_core.runs.predictions import Predictions

T = 3.0


def comparison(n: int = 240, c: int = 8, *, even: bool = False) -> Comparison:
    """A teacher and a student on n samples of c classes."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(n) % c) if even else random.integers(0, c, n)
    shared = random.normal(0, 1, (n, c))
    shared[np.arange(n), labels] += 2
    models = []
    for key, kind, sharpness, noise in (("t", TEACHER, 2.0, 0.3), ("s", "kd", 1.2, 0.8)):
        logits = sharpness * (shared + noise * random.normal(0, 1, (n, c)))
        own = Predictions(
            logits.astype(np.float32),
            tuple(f"class {i}" for i in range(c)),
            np.arange(n),
            labels,
            np.tanh(logits[:, : c // 2]).astype(np.float32),
        )
        info = RunInfo(
            name=key,
            role="student",
            num_classes=c,
            dataset="made",
            source=Source(kind="predictions"),
        )
        models.append(Model(key, key, kind, info, own))
    return Comparison("", "test", tuple(models), (n, n), noun="sample")


@pytest.fixture(params=["float64", "float32"])
def compared(request, monkeypatch) -> Comparison:
    made = comparison()
    if request.param == "float32":
        monkeypatch.setattr(probabilities, "FLOAT32_ABOVE", 0)
    monkeypatch.setattr(probabilities, "CELLS", 7 * 8)  # seven rows at a time
    return made


class Plain:
    """The figures of a comparison from float64 matrices of probabilities."""

    def __init__(self, compared: Comparison) -> None:
        self.teacher, self.student = (m.predictions for m in compared.models)
        assert compared.labels is not None
        self.labels = compared.labels
        self.shard = stratified_shards(compared.n, compared.labels)
        self.P = softmax(self.teacher.logits, T)
        self.Q = softmax(self.student.logits, T)
        logits = [m.predictions.logits.astype(np.float64) for m in compared.models]
        self.row_centred = [z - z.mean(axis=1, keepdims=True) for z in logits]
        self.sure = confidence_and_hits(self.Q, self.labels)

    def matched(self, rule: str) -> np.ndarray:
        targets = entropy(self.P)
        logits = self.student.logits.astype(np.float64)
        return softmax(logits, match(logits, targets, T, rule).T)  # type: ignore[arg-type]

    def figures(self, P: np.ndarray, centred: bool = False):
        return class_figures(shard_grams(P, self.shard), centred=centred)


def limits(interval):
    return [interval.estimate, interval.low, interval.high]


def values(replicated):
    return [replicated.value, *replicated.replicates]


def _rows_by_class(p: Plain) -> list[float]:
    R = plain_similarity.row_cosines(p.P, p.Q)
    member = p.labels == np.arange(p.Q.shape[1])[:, None]
    same = member.T @ member
    matrix = [R[np.ix_(c, d)].mean() for c in member for d in member]
    within = R[same & ~np.eye(len(R), dtype=bool)].mean()
    return [*matrix, np.diag(R).mean(), within, R[~same].mean()]


def _neighbours(P: np.ndarray, position: int, k: int) -> np.ndarray:
    distances = plain_agreement.hellinger(P, np.broadcast_to(P[position], P.shape))
    order = np.argsort(distances, kind="stable")[1 : k + 1]
    return np.concatenate([order, distances[order]])


Pair = tuple[Callable[[Comparison, Model], Any], Callable[[Plain], Any]]
FIGURES: dict[str, Pair] = {
    "confidence": (
        lambda c, s: measures.confidence(c, s, T),
        lambda p: p.Q.max(axis=1),
    ),
    "teacher entropies": (
        lambda c, s: measures.teacher_entropies(c, T),
        lambda p: entropy(p.P),
    ),
    "mean entropy matched per sample": (
        lambda c, s: measures.mean_entropy(c, s, T, "image"),
        lambda p: entropy(p.P).mean(),
    ),
    "Gram": (
        lambda c, s: measures.geometry(c, s, T).gram,
        lambda p: orthogonality.class_geometry(p.Q).gram,
    ),
    "effective rank": (
        lambda c, s: measures.geometry(c, s, T).effective_rank,
        lambda p: orthogonality.class_geometry(p.Q).effective_rank,
    ),
    "centred Gram matched per sample": (
        lambda c, s: class_geometry.gram(c, s, Lens(T, "image", True)).gram,
        lambda p: orthogonality.class_geometry(p.matched("image"), centred=True).gram,
    ),
    "score of a Gram": (
        lambda c, s: limits(class_geometry.gram_figures(c, s, Lens(T)).score),
        lambda p: limits(p.figures(p.Q).score),
    ),
    "class_overlap": (
        lambda c, s: class_geometry.gram_figures(c, s, Lens(T)).class_overlap.estimate,
        lambda p: p.figures(p.Q).class_overlap.estimate,
    ),
    "spectrum": (
        lambda c, s: class_geometry.spectrum(c, s, Lens(T)),
        lambda p: orthogonality.eigenvalues(
            orthogonality.class_geometry(p.Q).gram, np.zeros(8, dtype=bool)
        ),
    ),
    "overlap": (
        lambda c, s: values(measures.overlap_at(c, s, T)),
        lambda p: values(replicated_overlap(shard_grams(p.Q, p.shard))),
    ),
    "overlap matched per sample": (
        lambda c, s: values(measures.overlap_at(c, s, T, "image")),
        lambda p: values(replicated_overlap(shard_grams(p.matched("image"), p.shard))),
    ),
    "centred overlap matched per sample": (
        lambda c, s: limits(measures.overlap_at(c, s, T, "image", True).interval()),
        lambda p: limits(p.figures(p.matched("image"), centred=True).overlap),
    ),
    "centred overlap": (
        lambda c, s: limits(measures.overlap_at(c, s, T, centred=True).interval()),
        lambda p: limits(p.figures(p.Q, centred=True).overlap),
    ),
    "overlap by temperature": (
        lambda c, s: class_geometry.sharpness(c, s).overlap[[2, 6]],
        lambda p: [p.figures(softmax(p.student.logits, t)).overlap.estimate for t in (1.0, 4.0)],
    ),
    "centred overlap by temperature": (
        lambda c, s: class_geometry.sharpness(c, s, centred=True).overlap[[2, 6]],
        lambda p: [
            p.figures(softmax(p.student.logits, t), centred=True).overlap.estimate
            for t in (1.0, 4.0)
        ],
    ),
    "entropy by temperature": (
        lambda c, s: class_geometry.sharpness(c, s).entropy[[2, 6]],
        lambda p: [entropy(softmax(p.student.logits, t)).mean() for t in (1.0, 4.0)],
    ),
    "cross Gram": (
        lambda c, s: measures.cross(c, s, T).gram,
        lambda p: cross_gram(p.P, p.Q),
    ),
    "cosines of the same class": (
        lambda c, s: measures.same_class(c, s, T),
        lambda p: np.diag(cross_gram(p.P, p.Q)),
    ),
    "cross Gram, matched and centred": (
        lambda c, s: class_geometry.cross_gram(c, s, Lens(T, "image", True)).gram,
        lambda p: cross_gram(p.P, p.matched("image"), centred=True),
    ),
    "rows by class": (
        lambda c, s: [
            *measures.rows_similarity(c, s, T).matrix.ravel(),
            measures.rows_similarity(c, s, T).matched,
            measures.rows_similarity(c, s, T).within,
            measures.rows_similarity(c, s, T).between,
        ],
        lambda p: _rows_by_class(p),
    ),
    "KL": (
        lambda c, s: measures.divergences(c, c.teacher, s, T)[0],
        lambda p: (p.P * np.log(p.P / p.Q)).sum(axis=1),
    ),
    "displacement": (
        lambda c, s: measures.displacement(c, s, T),
        lambda p: plain_agreement.hellinger(p.P, p.Q),
    ),
    "columns of a cell": (
        lambda c, s: class_geometry.cell_parts(c, s, (1, 4), Lens(T)).probabilities,
        lambda p: p.Q[:, [1, 4]],
    ),
    "parts of a cell": (
        lambda c, s: class_geometry.cell_parts(c, s, (1, 4), Lens(T)).parts,
        lambda p: np.sort(orthogonality.pair_contributions(p.Q, 1, 4))[::-1],
    ),
    "neighbours": (
        lambda c, s: np.concatenate(calibration.neighbours(c, s, 5, T, 9)),
        lambda p: _neighbours(p.Q, 5, 9),
    ),
    "NLL and Brier": (
        lambda c, s: [
            *limits(calibration.calibration(c, s, T).nll),
            *limits(calibration.calibration(c, s, T).brier),
        ],
        lambda p: [
            *limits(mean_interval(proper_scores.nll(p.student.logits, p.labels, T), p.labels)),
            *limits(mean_interval(((p.Q - np.eye(8)[p.labels]) ** 2).sum(axis=1), p.labels)),
        ],
    ),
    "calibration error": (
        lambda c, s: [
            *limits(calibration.calibration(c, s, T).ece_width),
            *limits(calibration.calibration(c, s, T).ece_mass),
            calibration.calibration(c, s, T).chance_width,
        ],
        lambda p: [
            *limits(calibration_interval(*p.sure)),
            *limits(calibration_interval(*p.sure, scheme="mass")),
            chance_error(p.sure[0]),
        ],
    ),
    "calibration by class": (
        lambda c, s: [
            *calibration.calibration(c, s, T).by_class.error,
            *calibration.calibration(c, s, T).by_class.bias,
            *calibration.calibration(c, s, T).by_class.chance,
        ],
        lambda p: _by_class(p),
    ),
    "calibration gap": (
        lambda c, s: limits(calibration.calibration_gap(c, c.teacher, s, (1.0, T)).ece_width),
        lambda p: limits(
            calibration_difference(
                confidence_and_hits(softmax(p.teacher.logits), p.labels), p.sure, p.shard
            )
        ),
    ),
    "CKA": (
        lambda c, s: [measures.cka(c, s, "outputs").value, measures.cka(c, s, "features").value],
        lambda p: [
            plain_similarity.cka(*p.row_centred),
            plain_similarity.cka(p.teacher.features, p.student.features),
        ],
    ),
    "CKA without a shard": (
        lambda c, s: measures.cka(c, s, "outputs").replicates[3],
        lambda p: plain_similarity.cka(*(z[p.shard != 3] for z in p.row_centred)),
    ),
    "Procrustes distance": (
        lambda c, s: values(similarity.similarity(c, s, "procrustes", "outputs", T)),
        lambda p: values(procrustes.procrustes(*p.row_centred, p.shard)),
    ),
    "RSA": (
        lambda c, s: values(similarity.similarity(c, s, "rsa", "outputs", T)),
        lambda p: values(rsa.rsa(rsa.ranked_distances(p.P), rsa.ranked_distances(p.Q), p.shard)),
    ),
    "probabilities of a selection": (
        lambda c, s: selection_table({"s": s.predictions}, np.arange(0, 240, 7), temperature=T)[
            ["s_probability", "s_probability_of_true"]
        ].to_numpy(),
        lambda p: np.stack([p.Q.max(axis=1), p.Q[np.arange(240), p.labels]], axis=1)[::7],
    ),
}


def _by_class(p: Plain) -> list[float]:
    """Class-wise calibration by loops over classes and bins."""
    n, c = p.Q.shape
    edges = np.linspace(0, 1, 16)

    def errors(labels: np.ndarray) -> list[float]:
        gaps = []
        for k in range(c):
            bins = np.searchsorted(edges[1:-1], p.Q[:, k], side="left")
            inside = [bins == b for b in range(15)]
            gaps.append(sum(abs(p.Q[i, k].sum() - (labels[i] == k).sum()) for i in inside) / n)
        return gaps

    steps = np.cumsum(p.Q, axis=1)
    random, chance = np.random.default_rng(0), []
    for _ in range(50):
        level = random.random((n, 1)) * steps[:, -1:]
        chance.append(errors(np.minimum((steps < level).sum(axis=1), c - 1)))
    bias = p.Q.mean(axis=0) - np.bincount(p.labels, minlength=c) / n
    return [*errors(p.labels), *bias, *np.mean(chance, axis=0)]


@pytest.mark.parametrize("name", FIGURES)
def test_a_streamed_figure_is_the_plain_one(name, compared):
    streamed, plain = FIGURES[name]
    made = np.asarray(streamed(compared, compared.students[0]), dtype=np.float64)
    expected = np.asarray(plain(Plain(compared)), dtype=np.float64)
    assert made == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rule", ["none", "mean", "image"])
def test_the_score_of_a_model_is_that_of_its_run(rule, compared):
    student = compared.students[0]
    own = scored(compared, student, T)
    run = score(compared.teacher.predictions, student.predictions, T)
    assert run is not None
    assert own.shares.keys() == run.shares.keys() == {"accuracy", "agreement"}
    for field, overlap in run.overlaps.items():
        assert values(own.overlaps[field]) == pytest.approx(values(overlap), abs=1e-5)


def test_the_summary_of_a_model_is_that_of_its_predictions(compared):
    teacher = compared.teacher
    for model in compared.models:
        made = measures.summary(compared, model, T)
        plain = summarise(teacher.predictions, model.predictions, T=T)
        assert made.unreached == plain.unreached
        for field in ("accuracy", "kl", "overlap_matched", "cka_features"):
            first, second = getattr(made, field), getattr(plain, field)
            assert limits(first) == pytest.approx(limits(second), abs=1e-5), field


def _replicates_at_matched_mean_entropy(compared: Comparison):
    return measures.class_view(compared, compared.students[0], T, "mean")[1].replicated


def test_replicates_without_a_gram_are_those_of_the_gram(compared):
    streamed = measures.overlap_at(compared, compared.students[0], T, "mean")
    assert streamed is not None
    by_gram = _replicates_at_matched_mean_entropy(compared)
    assert values(streamed) == pytest.approx(values(by_gram), abs=1e-6)
    fixed = shard_grams(
        softmax(
            compared.students[0].predictions.logits,
            measures.mean_match(compared, compared.students[0], T).temperature,
        ),
        measures.shards(compared),
    )
    assert values(streamed) != pytest.approx(values(class_figures(fixed).replicated), abs=1e-6)


N, C = 16_000, 250
PASSES = {
    "summary of the teacher": lambda c, t, s: measures.summary(c, t, T),
    "summary": lambda c, t, s: measures.summary(c, s, T),
    "Gram": lambda c, t, s: class_geometry.gram_figures(c, s, Lens(T, "mean")),
    "sharpness": lambda c, t, s: class_geometry.sharpness(c, s),
    "cross Gram": lambda c, t, s: measures.cross(c, s, T),
    "rows by class": lambda c, t, s: measures.rows_similarity(c, s, T),
    "calibration": lambda c, t, s: calibration.calibration(c, s, T),
    "calibration gap": lambda c, t, s: calibration.calibration_gap(c, t, s, (1.0, T)),
    "disagreement": lambda c, t, s: calibration.disagreement(c, t, s),
    "neighbours": lambda c, t, s: calibration.neighbours(c, s, 3, T, 9),
    "CKA": lambda c, t, s: similarity.similarity(c, s, "cka", "outputs", T),
    "Procrustes distance": lambda c, t, s: similarity.similarity(c, s, "procrustes", "outputs", T),
    "chance": lambda c, t, s: similarity.chance(c, "cka", "outputs", T),
    "cell": lambda c, t, s: class_geometry.cell_interval(c, s, (1, 4), Lens(T, "image")),
    "selection of a cell": lambda c, t, s: _select(c, "cell", "s", "class 1", "class 4"),
    "selection of a cross cell": lambda c, t, s: _select(c, "cross", "s", "class 1", "class 4"),
    "selection of a bin": lambda c, t, s: _select(c, "bin", "s", "width", "15", "3", "1"),
    "selection of displaced": lambda c, t, s: _select(c, "displaced", "s", "9"),
    "score": lambda c, t, s: score(t.predictions, s.predictions, T),
    "fitted temperature": lambda c, t, s: proper_scores.fit_temperature(
        s.predictions.logits, c.labels, measures.shards(c)
    ),
}


def _select(compared: Comparison, kind: str, *arguments: str) -> selection.Selection:
    models = {model.key: model.predictions for model in compared.models}
    scene = selection.Scene(models, {key: key for key in models}, T)
    return selection.resolve(selection.Rule(kind, arguments), scene)


@pytest.fixture(scope="module")
def large() -> Comparison:
    return comparison(N, C, even=True)


@pytest.mark.parametrize("name", PASSES)
def test_no_figure_makes_a_matrix_of_probabilities(name, large):
    tracemalloc.start()
    PASSES[name](large, *large.models)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < N * C * 8 / 2
