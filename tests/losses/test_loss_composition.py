"""How presets compose parts: by name and weight, and none twice; what holds for every objective on
logits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_terms import ON_LOGITS, batch, terms_of

from bickd_core.losses import cross_entropy, kd
from bickd_core.presets.catalogue import PRESETS

quick = settings(max_examples=15, derandomize=True)
TERMS = {
    "ce": {},
    "kd": {"ce": "alpha", "kl": "beta"},
    "dkd": {"ce": "alpha", "target": "target", "non_target": "non_target"},
    "dist": {"ce": "alpha", "rows": "beta", "columns": "gamma"},
    "mlkd": {"ce": "alpha", "kl": "beta", "sample": "lambda_sample", "class": "lambda_class"},
    "nkd": {"ce": "alpha", "target": "target", "non_target": "gamma"},
    "sp": {"ce": "alpha", "similarity": "beta"},
    "rkd": {"ce": "alpha", "distance": "distance", "angle": "angle"},
    "pkt": {"ce": "alpha", "similarity": "beta"},
    "crd": {"ce": "alpha", "contrast": "beta"},
    "bickd": {"ce": "alpha", "kl": "beta", "sample": "lambda_sample", "class": "lambda_class"},
}
"""Term -> the option that is its weight."""


@pytest.mark.parametrize("kind", TERMS)
def test_every_term_has_a_weight_and_every_weight_a_term(kind):
    assert sorted(TERMS[kind].values()) == sorted(PRESETS[kind].options.weights)
    expected = set(TERMS[kind]) or {"ce"}
    assert set(terms_of(kind, *batch(0))) == expected


@pytest.mark.parametrize(("kind", "term"), [(kind, term) for kind in TERMS for term in TERMS[kind]])
def test_a_part_alone_is_what_it_is_among_the_others(kind, term):
    # so no part hides inside another: switching all others off leaves this one, to the bit
    off = {option: 0.0 for name, option in TERMS[kind].items() if name != term}
    together, alone = terms_of(kind, *batch(1)), terms_of(kind, *batch(1), **off)
    assert set(alone) == {term}
    assert alone[term].item() == together[term].item()


@pytest.mark.parametrize(("kind", "term"), [(kind, term) for kind in TERMS for term in TERMS[kind]])
def test_twice_the_weight_is_twice_the_term_and_nothing_else(kind, term):
    weight = getattr(PRESETS[kind].options(), TERMS[kind][term])
    once, twice = (
        terms_of(kind, *batch(2)),
        terms_of(kind, *batch(2), **{TERMS[kind][term]: 2 * weight}),
    )
    for name in once:
        assert twice[name].item() == pytest.approx(
            once[name].item() * (2 if name == term else 1), rel=1e-12
        )


@pytest.mark.parametrize("kind", TERMS)
def test_the_cross_entropy_and_the_divergence_are_the_same_parts_everywhere(kind):
    student, teacher, labels = batch(3)
    terms, options = terms_of(kind, student, teacher, labels), PRESETS[kind].options()
    assert (
        terms["ce"].item() == getattr(options, "alpha", 1.0) * cross_entropy(student, labels).item()
    )
    if "kl" in terms:
        temperatures = [2.0, 3.0, 4.0, 5.0, 6.0] if kind == "mlkd" else [4.0]
        expected = options.beta * sum(
            kd(student, teacher, temperature=t).item() for t in temperatures
        )
        assert terms["kl"].item() == pytest.approx(expected, rel=1e-12)


# -- objectives on logits --------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ON_LOGITS)
@quick
@given(
    st.integers(0, 999),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.sampled_from([(1, 2), (1, 7), (5, 2), (6, 9)]),
    st.sampled_from([1e4, 50.0]),
)
def test_saturated_logits_give_finite_values_and_gradients(kind, seed, dtype, shape, scale):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = scale * torch.randint(-1, 2, (2, *shape), generator=generator).double()
    labels = torch.randint(shape[1], (shape[0],), generator=generator)
    student = student.to(dtype).requires_grad_()
    loss = sum(terms_of(kind, student, teacher.to(dtype), labels).values())
    loss.backward()
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("kind", ON_LOGITS)
@quick
@given(st.integers(0, 999), st.permutations(range(6)), st.permutations(range(4)))
def test_orders_of_samples_and_classes_do_not_matter(kind, seed, samples, classes):
    student, teacher, labels = batch(seed)
    samples, classes = list(samples), list(classes)
    renamed = torch.tensor([classes.index(c) for c in range(4)])[labels[samples]]
    moved = terms_of(kind, student[samples][:, classes], teacher[samples][:, classes], renamed)
    assert {k: v.item() for k, v in moved.items()} == pytest.approx(
        {k: v.item() for k, v in terms_of(kind, student, teacher, labels).items()},
        rel=1e-9,
        abs=1e-12,
    )


@pytest.mark.parametrize("kind", ON_LOGITS)
@quick
@given(st.integers(0, 999), st.floats(-50, 50))
def test_adding_a_constant_to_a_sample_changes_nothing(kind, seed, shift):
    student, teacher, labels = batch(seed)
    moved = student.clone()
    moved[0] += shift
    assert {
        k: v.item() for k, v in terms_of(kind, moved, teacher, labels).items()
    } == pytest.approx(
        {k: v.item() for k, v in terms_of(kind, student, teacher, labels).items()},
        rel=1e-7,
        abs=1e-9,
    )


@pytest.mark.parametrize("kind", ON_LOGITS)
def test_the_teacher_gets_no_gradient(kind):
    student, teacher, labels = batch(4)
    student.requires_grad_(), teacher.requires_grad_()
    sum(terms_of(kind, student, teacher, labels).values()).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0


@pytest.mark.parametrize("kind", ON_LOGITS)
@pytest.mark.parametrize("standardize", [False, True])
def test_autocast_does_not_lower_the_precision(kind, standardize):
    options = {"standardize": standardize} if kind != "ce" else {}
    arguments = batch(5, samples=32, classes=10, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = terms_of(kind, *arguments, **options)
    assert all(term.dtype == torch.float32 for term in inside.values())
    outside = terms_of(kind, *arguments, **options)
    assert {k: v.item() for k, v in inside.items()} == {k: v.item() for k, v in outside.items()}


@pytest.mark.parametrize("kind", ON_LOGITS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_lose_only_their_own_rounding(kind, dtype):
    student, teacher, labels = batch(6, samples=16, classes=10, dtype=dtype)
    rounded = terms_of(kind, student, teacher, labels)
    exact = terms_of(kind, student.double(), teacher.double(), labels)
    assert {k: v.item() for k, v in rounded.items()} == pytest.approx(
        {k: v.item() for k, v in exact.items()}, rel=1e-4, abs=1e-6
    )
