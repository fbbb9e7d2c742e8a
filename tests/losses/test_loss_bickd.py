"""BicKD as reconstructed: values against loops, exact cases, options, errors."""

import math

import loss_references as reference
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bickd_core.losses import bickd_class, bickd_sample, create_objective
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=10, derandomize=True)


def batch(seed, samples=6, classes=4, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * scale
    )
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


@pytest.mark.parametrize("form", ["contrast", "gram"])
@pytest.mark.parametrize("same_class", ["negative", "ignore", "positive"])
@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(2, 5), st.sampled_from([0.1, 0.2, 1.0]))
@example(seed=0, samples=6, classes=3, tau=0.2)  # two samples a class at least somewhere
def test_sample_side_equals_the_loop(form, same_class, seed, samples, classes, tau):
    student, teacher, labels = batch(seed, samples, classes)
    value = bickd_sample(
        student,
        teacher,
        labels,
        temperature=2.0,
        tau=tau,
        form=form,
        same_class=same_class,
        gram_weight=0.7,
    )
    m = reference.sample_cosines(student.tolist(), teacher.tolist(), 2.0)
    expected = (
        reference.contrast(m, tau, labels.tolist(), same_class)
        if form == "contrast"
        else reference.gram(m, 0.7, labels.tolist(), same_class)
    )
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("form", ["contrast", "gram"])
@pytest.mark.parametrize("absent", ["keep", "drop"])
@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(2, 5), st.sampled_from([0.1, 0.2, 1.0]))
@example(seed=0, samples=3, classes=5, tau=0.2)  # two classes are absent at least
def test_class_side_equals_the_loop(form, absent, seed, samples, classes, tau):
    student, teacher, labels = batch(seed, samples, classes)
    value = bickd_class(
        student,
        teacher,
        labels,
        temperature=2.0,
        tau=tau,
        form=form,
        absent=absent,
        gram_weight=0.7,
    )
    kept = sorted(set(labels.tolist())) if absent == "drop" else None
    m = reference.class_cosines(student.tolist(), teacher.tolist(), 2.0, kept)
    expected = reference.contrast(m, tau) if form == "contrast" else reference.gram(m, 0.7)
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("same_class", ["negative", "ignore", "positive"])
def test_a_very_small_tau_takes_the_other_road_to_the_same_formula(same_class):
    student, teacher, labels = batch(8)
    student.requires_grad_()
    found = {}
    for tau in (1 / 60 + 1e-9, 1 / 60 - 1e-9):  # one exponential for both directions, and logsumexp
        value = bickd_sample(student, teacher, labels, tau=tau, same_class=same_class)
        (slope,) = torch.autograd.grad(value, student)
        found[tau] = (value, slope)
    (one, slope_one), (other, slope_other) = found.values()
    assert torch.allclose(one, other, rtol=1e-6)
    assert torch.allclose(slope_one, slope_other, rtol=1e-5, atol=1e-9)
    tiny = bickd_sample(student.float(), teacher.float(), labels, tau=1e-3, same_class=same_class)
    assert torch.isfinite(tiny)


def test_same_class_choices_differ():
    student, teacher, _ = batch(5)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    values = {
        same: bickd_sample(student, teacher, labels, same_class=same).item()
        for same in ("negative", "ignore", "positive")
    }
    assert values["ignore"] < values["negative"]  # fewer terms in the denominator
    assert len({round(v, 6) for v in values.values()}) == 3


@pytest.mark.parametrize("side", [bickd_sample, bickd_class])
def test_identical_one_hot_predictions_are_the_best_there_is(side):
    z, labels = 1e4 * torch.eye(5), torch.arange(5)
    assert side(z, z.clone(), labels, form="gram").item() == 0
    by_tau = [side(z, z.clone(), labels, tau=tau).item() for tau in (1.0, 0.5, 0.2, 0.05)]
    expected = [math.log(1 + 4 * math.exp(-1 / tau)) for tau in (1.0, 0.5, 0.2, 0.05)]
    assert by_tau == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert by_tau[-1] < 1e-6


@pytest.mark.parametrize("count", [2, 3])
def test_samples_of_one_class_cost_the_log_of_their_number(count):
    labels = torch.arange(4).repeat(count)
    z = 1e4 * torch.eye(4)[labels]
    choose = {"tau": 0.02}
    assert bickd_sample(z, z, labels, **choose).item() == pytest.approx(0, abs=1e-5)
    assert bickd_sample(z, z, same_class="negative", **choose).item() == pytest.approx(
        math.log(count), abs=1e-5
    )
    assert bickd_sample(z, z, labels, same_class="positive", **choose).item() == pytest.approx(
        math.log(count), abs=1e-5
    )
    assert bickd_sample(z, z, labels, same_class="positive", form="gram").item() == 0
    assert bickd_class(z, z, **choose).item() == pytest.approx(0, abs=1e-5)


@quick
@given(st.integers(0, 999), st.sampled_from([1.0, 100.0, 1e4]))
def test_a_student_with_the_teachers_logits_has_a_diagonal_of_ones(seed, scale):
    # gram without its off-diagonal part is mean (1 - M_ii)^2, so 0 says that every diagonal entry
    # is 1
    z, _, labels = batch(seed, scale=scale)
    z = z.float()
    for side in (bickd_sample, bickd_class):
        value = side(z, z.clone(), labels, form="gram", gram_weight=0.0)
        assert value.item() == pytest.approx(0, abs=1e-12)


def test_a_class_that_nobody_predicts_keeps_its_direction():
    # class 2 has probabilities near e^-2500, which underflow in float64 too, but its column still
    # leans to the first sample in both models: the cosine is that of (1, e^-1), exactly, not 0 and
    # not NaN
    student = torch.tensor([[0.0, 0.0, -1e4], [0.0, 0.0, -1e4 - 4]], dtype=torch.float64)
    teacher = torch.tensor([[0.0, 0.0, -2e4], [0.0, 0.0, -2e4]], dtype=torch.float64)
    value = bickd_class(student, teacher, form="gram", gram_weight=0.0)
    leaning = (1 + math.exp(-1)) / math.sqrt(2 * (1 + math.exp(-2)))
    assert value.item() == pytest.approx((1 - leaning) ** 2 / 3, rel=1e-6)


def test_one_sample_alone():
    student, teacher, labels = batch(1, samples=1, classes=5)
    assert bickd_sample(student, teacher, labels).item() == pytest.approx(0, abs=1e-12)
    assert bickd_class(student, teacher).item() == pytest.approx(math.log(5))
    assert bickd_class(student, teacher, labels, absent="drop").item() == pytest.approx(
        0, abs=1e-12
    )


def test_objective_names_and_weights_its_terms():
    student, teacher, labels = batch(2)
    arguments = (Outputs(student), Outputs(teacher), labels, 0.0)
    terms = create_objective("bickd", lambda_sample=3, lambda_class=5, alpha=0.5, beta=2)(
        *arguments
    )
    s, t, y = student.tolist(), teacher.tolist(), labels.tolist()
    expected = {
        "ce": 0.5 * reference.cross_entropy(s, y),
        "kl": 2 * reference.kd(s, t, 4.0),
        "sample": 3 * reference.contrast(reference.sample_cosines(s, t, 4.0), 0.2, y, "ignore"),
        "class": 5 * reference.contrast(reference.class_cosines(s, t, 4.0), 0.2),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


@pytest.mark.parametrize("form", ["contrast", "gram"])
def test_objective_hands_every_option_on(form):
    student, teacher, _ = batch(3, samples=4, classes=6)
    labels = torch.tensor([0, 0, 1, 5])  # a pair of one class, and three classes absent
    options = {"temperature": 2.0, "tau": 0.7, "form": form, "gram_weight": 0.3}
    objective = create_objective(
        "bickd", lambda_sample=1, lambda_class=1, same_class="positive", absent="drop", **options
    )
    terms = objective(Outputs(student), Outputs(teacher), labels, 0.0)
    sample = bickd_sample(student, teacher, labels, same_class="positive", **options)
    by_class = bickd_class(student, teacher, labels, absent="drop", **options)
    assert terms["sample"].item() == sample.item()
    assert terms["class"].item() == by_class.item()


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"lambda_sample": 0}, {"ce", "kl", "class"}),
        ({"lambda_class": 0}, {"ce", "kl", "sample"}),
        ({"lambda_sample": 0, "lambda_class": 0}, {"ce", "kl"}),
        ({"alpha": 0, "beta": 0}, {"sample", "class"}),
    ],
)
def test_a_weight_of_zero_computes_nothing(off, left, monkeypatch):
    asked = []
    for name in ("_sample_side", "_class_side"):
        monkeypatch.setattr(
            f"bickd_core.losses.bickd.{name}",
            lambda *_, name=name, **__: asked.append(name) or torch.ones(()),
        )
    student, teacher, labels = batch(4)
    assert (
        set(create_objective("bickd", **off)(Outputs(student), Outputs(teacher), labels, 0.0))
        == left
    )
    assert {name[1:].removesuffix("_side") for name in asked} == left & {"sample", "class"}


def test_labels_are_needed_only_where_an_option_asks():
    student, teacher, _ = batch(6)
    assert torch.isfinite(bickd_sample(student, teacher, same_class="negative"))
    assert torch.isfinite(bickd_class(student, teacher))
    with pytest.raises(ValueError, match="labels must be given for same_class='ignore'"):
        bickd_sample(student, teacher)
    with pytest.raises(ValueError, match="labels must be given for absent='drop'"):
        bickd_class(student, teacher, absent="drop")


@pytest.mark.parametrize(
    ("side", "wrong", "message"),
    [
        (bickd_sample, {"form": "grahm"}, "form must be one of contrast, gram, got 'grahm'"),
        (bickd_sample, {"same_class": "x"}, "same_class must be one of negative, ignore, positive"),
        (bickd_class, {"absent": "x"}, "absent must be one of keep, drop"),
        (bickd_class, {"tau": 0.0}, "tau must be above 0"),
        (bickd_class, {"temperature": -1.0}, "temperature must be above 0"),
    ],
)
def test_wrong_options_are_refused(side, wrong, message):
    student, teacher, labels = batch(7)
    with pytest.raises(ValueError, match=message):
        side(student, teacher, labels, **wrong)
