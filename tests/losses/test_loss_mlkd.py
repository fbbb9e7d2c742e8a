"""MLKD: divergence, sample Gram and class Gram, each summed over temperatures."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, mlkd_class, mlkd_kl, mlkd_sample, standardized
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=15, derandomize=True)
PUBLISHED = [2.0, 3.0, 4.0, 5.0, 6.0]


def batch(seed, samples=5, classes=4):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3
    )
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


@quick
@given(
    st.integers(0, 999), st.integers(1, 6), st.integers(2, 6), st.sampled_from([PUBLISHED, [1.0]])
)
def test_each_level_equals_its_loop(seed, samples, classes, temperatures):
    student, teacher, _ = batch(seed, samples, classes)
    plain, close = (student.tolist(), teacher.tolist()), {"rel": 1e-9, "abs": 1e-12}
    kl = mlkd_kl(student, teacher, temperatures=temperatures)
    assert kl.item() == pytest.approx(sum(reference.kd(*plain, t) for t in temperatures), **close)
    by_sample = mlkd_sample(student, teacher, temperatures=temperatures)
    assert by_sample.item() == pytest.approx(reference.mlkd_sample(*plain, temperatures), **close)
    by_class = mlkd_class(student, teacher, temperatures=temperatures)
    assert by_class.item() == pytest.approx(reference.mlkd_class(*plain, temperatures), **close)


@pytest.mark.parametrize("level", [mlkd_kl, mlkd_sample, mlkd_class])
def test_equal_logits_give_exactly_zero(level):
    student, _, _ = batch(1)
    assert level(student, student.clone()).item() == 0


@pytest.mark.parametrize("level", [mlkd_kl, mlkd_sample, mlkd_class])
def test_gradient_agrees_with_finite_differences(level):
    student, teacher, _ = batch(2)
    assert torch.autograd.gradcheck(lambda z: level(z, teacher), student.requires_grad_())


@pytest.mark.parametrize("level", [mlkd_sample, mlkd_class])
@quick
@given(st.permutations(range(5)), st.permutations(range(4)))
def test_orders_of_samples_and_classes_do_not_matter(level, samples, classes):
    student, teacher, _ = batch(3)
    moved = [z[list(samples)][:, list(classes)] for z in (student, teacher)]
    assert torch.allclose(level(*moved), level(student, teacher), rtol=1e-10)


@pytest.mark.parametrize("base", [4.0, 2.0])
def test_terms_take_the_base_temperature_beside_2_3_5_and_6(base):
    student, teacher, labels = batch(4)
    options = {
        "temperature": base,
        "alpha": 0.5,
        "beta": 2.0,
        "lambda_sample": 3.0,
        "lambda_class": 5.0,
    }
    terms = create_objective("mlkd", **options)(Outputs(student), Outputs(teacher), labels, 0.0)
    temperatures, plain = [base, 2.0, 3.0, 5.0, 6.0], (student.tolist(), teacher.tolist())
    expected = {
        "ce": 0.5 * reference.cross_entropy(student.tolist(), labels.tolist()),
        "kl": 2 * sum(reference.kd(*plain, t) for t in temperatures),
        "sample": 3 * reference.mlkd_sample(*plain, temperatures),
        "class": 5 * reference.mlkd_class(*plain, temperatures),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_standardising_reaches_the_divergence_alone_as_released():
    student, teacher, labels = batch(5)
    arguments = (Outputs(student), Outputs(teacher), labels, 0.0)
    plain = create_objective("mlkd")(*arguments)
    chosen = create_objective("mlkd", standardize=True)(*arguments)
    assert {name for name in plain if plain[name].item() != chosen[name].item()} == {"kl"}
    expected = 0.9 * mlkd_kl(standardized(student), standardized(teacher))
    assert chosen["kl"].item() == pytest.approx(expected.item(), rel=1e-12)
