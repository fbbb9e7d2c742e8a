"""CRD: its contrast against the loop, its memory step by step, its negatives, and that it resumes
to the bit."""

import io
from types import SimpleNamespace

import loss_references as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bickd_core.losses import crd, create_objective
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=15, derandomize=True)
# ids with gaps and out of order, as a carved or shortened training split has them
IDS = np.array([90, 7, 55, 12, 300, 41, 8, 77, 1000, 23], dtype=np.int64)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1, 2], dtype=np.int64)
DATASET = SimpleNamespace(train=SimpleNamespace(ids=IDS, labels=LABELS))


def ready(seed=0, student=6, teacher=4, dataset=DATASET, **options):
    """An objective that is set up for models of these widths of features."""
    objective = create_objective("crd", **{"width": 3, **options})
    models = [SimpleNamespace(feature_size=width) for width in (student, teacher)]
    models[0].parameters = lambda: iter([torch.zeros(1)])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        objective.setup(*models, dataset)
    return objective


def batches(steps, size=4, student=6, teacher=4, dtype=torch.float32):
    generator = torch.Generator().manual_seed(9)
    for _ in range(steps):
        positions = torch.randperm(len(IDS), generator=generator)[:size]
        f, g = (torch.randn(size, w, generator=generator).to(dtype) for w in (student, teacher))
        logits = torch.randn(size, 3, generator=generator)
        ids, labels = torch.tensor(IDS)[positions], torch.tensor(LABELS)[positions]
        yield Outputs(logits, features=f, ids=ids), Outputs(logits, features=g), labels


def run(objective, steps):
    """Terms of each step, with a step of descent on the heads after it."""
    values = []
    for student, teacher, labels in steps:
        terms = objective(student, teacher, labels, 0.0)
        values.append({name: term.item() for name, term in terms.items()})
        terms["contrast"].backward()
        for parameter in objective.parameters():
            parameter.data -= 0.1 * parameter.grad
            parameter.grad = None
    return values


# -- the contrast ----------------------------------------------------------------------------------
def contrast_arguments(seed, samples=3, width=3, size=7, negatives=5):
    generator = torch.Generator().manual_seed(seed)
    anchors, memory = (
        nn.functional.normalize(
            torch.randn(n, width, generator=generator, dtype=torch.float64), dim=1
        )
        for n in (samples, size)
    )
    return anchors, memory, torch.randint(size, (samples, negatives + 1), generator=generator)


@quick
@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 9), st.sampled_from([0.07, 0.5]))
def test_contrast_equals_the_loop(seed, samples, negatives, tau):
    anchors, memory, chosen = contrast_arguments(seed, samples, negatives=negatives)
    value = crd(anchors, memory, chosen, tau=tau, log_normaliser=np.log(11.0))
    expected = reference.crd(anchors.tolist(), memory.tolist(), chosen.tolist(), tau, 11.0)
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_gradient_agrees_with_finite_differences():
    anchors, memory, chosen = contrast_arguments(1)
    assert torch.autograd.gradcheck(
        lambda v: crd(v, memory, chosen, log_normaliser=3.0), anchors.requires_grad_()
    )


@pytest.mark.parametrize("tau", [0.001, 0.07])
def test_a_small_tau_overflows_nothing(tau):
    anchors, memory, chosen = (
        x.float() if x.is_floating_point() else x for x in contrast_arguments(2)
    )
    anchors.requires_grad_()
    value = crd(anchors, memory, chosen, tau=tau, log_normaliser=0.0)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(anchors.grad).all()


# -- the memory ------------------------------------------------------------------------------------
@pytest.mark.parametrize("negatives_from", ["other_classes", "all"])
def test_steps_equal_the_formula_written_out(negatives_from):
    objective = ready(negatives_from=negatives_from, negatives=6)
    start, drawn = objective.state_dict()["parts"], []
    choose = objective._choose
    objective._choose = lambda *a: drawn.append(choose(*a)) or drawn[-1]
    memory = {who: start[f"{who}_memory"].double().tolist() for who in ("student", "teacher")}
    row_of, normalisers = {i: row for row, i in enumerate(sorted(IDS.tolist()))}, {}
    for step, (student, teacher, labels) in enumerate(batches(4)):
        heads = {name: x.double().tolist() for name, x in objective.state_dict()["parts"].items()}
        (found,) = run(objective, [(student, teacher, labels)])
        projected = {}
        for who, outputs in (("student", student), ("teacher", teacher)):
            weight, bias = heads[f"{who}_head.weight"], heads[f"{who}_head.bias"]
            projected[who] = [
                reference.unit([sum(a * b for a, b in zip(w, f, strict=True)) + c for w, c in zip(weight, bias, strict=True)])
                for f in outputs.features.double().tolist()
            ]  # fmt: skip
        chosen, expected = drawn[step].tolist(), 0.0
        for who, other in (("student", "teacher"), ("teacher", "student")):
            if step == 0:
                h = [
                    reference.critic(v, memory[other][j], 0.07, 1.0)
                    for v, row in zip(projected[who], chosen, strict=True)
                    for j in row
                ]
                normalisers[who] = reference.mean(h) * len(IDS)
            expected += reference.crd(projected[who], memory[other], chosen, 0.07, normalisers[who])
        assert found["contrast"] == pytest.approx(0.8 * expected, rel=2e-5)
        for who, vectors in projected.items():
            for i, v in zip(student.ids.tolist(), vectors, strict=True):
                old = memory[who][row_of[i]]
                memory[who][row_of[i]] = reference.unit(
                    [0.5 * a + 0.5 * b for a, b in zip(old, v, strict=True)]
                )
    for who, rows in memory.items():
        kept = objective.state_dict()["parts"][f"{who}_memory"].double()
        assert torch.allclose(kept, torch.tensor(rows, dtype=torch.float64), atol=1e-6)


def test_only_the_entries_of_the_samples_seen_move():
    objective = ready()
    before = {name: x.clone() for name, x in objective.state_dict()["parts"].items()}
    ((student, *rest),) = batches(1)
    run(objective, [(student, *rest)])
    after = objective.state_dict()["parts"]
    seen = set(np.searchsorted(np.sort(IDS), student.ids.numpy()).tolist())
    for name in ("student_memory", "teacher_memory"):
        moved = (before[name] != after[name]).any(1).nonzero()[:, 0].tolist()
        assert set(moved) == seen


def test_an_id_that_is_not_of_the_training_split_is_refused():
    ((student, teacher, labels),) = batches(1)
    student.ids[0] = 91
    with pytest.raises(ValueError, match=r"ids must be of the training split .* got \[91\]"):
        ready()(student, teacher, labels, 0.0)


# -- negatives -------------------------------------------------------------------------------------
def test_negatives_are_of_other_classes_and_all_of_those_alike():
    objective = ready(negatives=10)
    index = objective._parts.index
    rows = torch.arange(len(IDS)).repeat(500)
    chosen = objective._choose(objective._parts, rows)
    label_of = torch.tensor(LABELS[np.argsort(IDS)])
    assert chosen.shape == (5000, 11)
    assert torch.equal(chosen[:, 0], rows)
    assert (label_of[chosen[:, 1:]] != label_of[rows][:, None]).all()
    of_class_0 = chosen[label_of[rows] == 0][:, 1:].flatten()
    counts = torch.bincount(of_class_0, minlength=len(index))
    expected = len(of_class_0) / 6  # six samples are not of class 0
    assert ((counts > 0) == (label_of != 0)).all()
    assert (counts[counts > 0] - expected).abs().max() < 5 * expected**0.5
    everything = ready(negatives_from="all")._parts.index
    drawn = everything.negatives(rows, 10, others=False, generator=torch.Generator().manual_seed(0))
    assert (torch.bincount(drawn.flatten()) - len(rows)).abs().max() < 5 * len(rows) ** 0.5


def test_there_are_never_more_negatives_than_samples():
    objective = ready()
    assert objective.options.negatives == 16384
    assert objective._choose(objective._parts, torch.tensor([0])).shape == (1, 11)


def test_one_class_has_no_negatives_of_others():
    alone = SimpleNamespace(train=SimpleNamespace(ids=IDS, labels=np.zeros_like(LABELS)))
    with pytest.raises(ValueError, match="negatives_from must be 'all'"):
        ready(dataset=alone)
    run(ready(dataset=alone, negatives_from="all"), batches(1))


# -- chance, resume, gradients ---------------------------------------------------------------------
def test_a_resumed_objective_goes_on_to_the_bit():
    steps = list(batches(6))
    unbroken = ready(seed=3)
    expected = run(unbroken, steps)
    broken = ready(seed=3)
    assert run(broken, steps[:3]) == expected[:3]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = ready(seed=8)  # built by other chances: the state holds all of them
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert run(resumed, steps[3:]) == expected[3:]
    ours, theirs = resumed.state_dict(), unbroken.state_dict()
    assert torch.equal(ours["generator"], theirs["generator"])
    assert all(torch.equal(ours["parts"][name], theirs["parts"][name]) for name in theirs["parts"])


def test_a_state_of_another_kind_of_device_goes_on_with_new_negatives():
    steps = list(batches(2))
    results = {}
    for number in (1, 1, 2):
        state = ready().state_dict()
        state["generator"] = torch.full((16,), number, dtype=torch.uint8)  # as of a CUDA device
        objective = ready(seed=8)
        objective.load_state_dict(state)
        values = run(objective, steps)
        assert results.setdefault(number, values) == values
    assert results[1] != results[2]


def test_chance_comes_from_the_seed_at_setup_and_leaves_the_global_generator_alone():
    assert run(ready(seed=1), batches(2)) == run(ready(seed=1), batches(2))
    assert run(ready(seed=1), batches(2)) != run(ready(seed=2), batches(2))
    objective, before = ready(), torch.get_rng_state()
    run(objective, batches(2))
    assert torch.equal(before, torch.get_rng_state())


def test_the_order_of_the_split_does_not_matter():
    order = np.random.default_rng(0).permutation(len(IDS))
    shuffled = SimpleNamespace(train=SimpleNamespace(ids=IDS[order], labels=LABELS[order]))
    assert run(ready(), batches(3)) == run(ready(dataset=shuffled), batches(3))


def test_the_student_and_both_heads_learn_and_the_teacher_does_not():
    objective = ready()
    ((student, teacher, labels),) = batches(1)
    student.features.requires_grad_(), teacher.features.requires_grad_()
    objective(student, teacher, labels, 0.0)["contrast"].backward()
    assert student.features.grad.abs().max() > 0
    assert teacher.features.grad is None
    assert len(list(objective.parameters())) == 4
    assert all(p.grad.abs().max() > 0 for p in objective.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_extreme_features_and_half_precision_stay_finite(dtype, scale):
    objective = ready()
    for student, teacher, labels in batches(2, size=1, dtype=dtype):
        student.features = (scale * student.features).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            terms = objective(student, teacher, labels, 0.0)
        sum(terms.values()).backward()
        assert terms["contrast"].dtype == torch.float32
        assert torch.isfinite(terms["contrast"])
        assert torch.isfinite(student.features.grad).all()


def test_what_is_missing_is_said():
    ((student, teacher, labels),) = batches(1)
    with pytest.raises(ValueError, match="setup must be called before the objective 'crd'"):
        create_objective("crd")(student, teacher, labels, 0.0)
    with pytest.raises(ValueError, match="student must be Outputs with 4 rows of ids"):
        ready()(Outputs(student.logits, features=student.features), teacher, labels, 0.0)
    with pytest.raises(
        ValueError, match="state must hold parts and generator .* but it holds nothing"
    ):
        ready().load_state_dict({})
    with pytest.raises(ValueError, match="has neither `feature_size` nor `fc.in_features`"):
        create_objective("crd").setup(nn.Linear(2, 2), nn.Linear(2, 2), DATASET)
    with pytest.raises(ValueError, match="teacher must be a model"):
        create_objective("crd").setup(nn.Linear(2, 2), None, DATASET)
