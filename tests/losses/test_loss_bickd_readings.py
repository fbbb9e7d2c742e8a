"""Other readings of BicKD: each against loops, its gradient, its edge cases, and the queue from
step to step."""

import io
import itertools
import math

import loss_references as reference
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bickd_core.losses import BicKD, bickd_class, bickd_sample, create_objective
from bickd_core.losses.batch_queue import Rows
from bickd_core.models.outputs import Outputs
from bickd_core.presets.logits import BicKDOptions

quick = settings(max_examples=8, derandomize=True)
CHOICES = {
    "form": ("contrast", "gram"),
    "absent": ("keep", "drop"),
    "vectors": ("plain", "root", "centred"),
    "anchors": ("both", "student", "teacher"),
    "off_diagonal": ("cross", "student"),
    "repel": ("all", "above_teacher", "above_margin"),
    "column_weights": ("equal", "teacher_mass"),
}
EVERY = [dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*CHOICES.values())]
ONE_BY_ONE = [{option: value} for option, values in CHOICES.items() for value in values[1:]] + [
    {"off_diagonal": "student", "repel": "above_teacher"},
    {"vectors": "centred", "form": "gram"},
    {"column_weights": "teacher_mass", "form": "gram", "absent": "drop"},
    {"column_weights": "teacher_mass", "repel": "above_margin", "anchors": "student"},
    {"contrast_temperature": 2.0},
    {"queue": 2},
    {"queue": 2, "absent": "drop", "column_weights": "teacher_mass", "vectors": "root"},
]
readings = st.sampled_from(EVERY)


def batch(seed, samples=6, classes=4, scale=3.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * scale
    )
    labels = torch.randint(classes, (samples,), generator=generator)
    return student.to(dtype), teacher.to(dtype), labels


def expected_class_side(student, teacher, labels, temperature, tau, margin, weight, reading):
    """The class-wise side by loops."""
    classes = range(student.shape[1])
    kept = sorted(set(labels.tolist())) if reading["absent"] == "drop" else list(classes)
    given = {name: reading[name] for name in ("vectors", "off_diagonal", "repel")}
    s, t = student.tolist(), teacher.tolist()
    m = reference.class_matrix(s, t, temperature, kept, margin=margin, **given)
    weights = [1.0] * len(kept)
    if reading["column_weights"] == "teacher_mass":
        weights = reference.teacher_mass(t, temperature, kept)
    if reading["form"] == "gram":
        return reference.class_gram(m, weight, weights)
    return reference.class_contrast(m, tau, weights, reading["anchors"])


@pytest.mark.parametrize("reading", EVERY, ids=lambda reading: "-".join(reading.values()))
def test_the_class_side_equals_the_loop_with_any_options_together(reading):
    for seed, samples, classes, tau in ((0, 6, 4, 0.2), (1, 3, 5, 1.0), (2, 7, 2, 0.02)):
        student, teacher, labels = batch(seed, samples, classes)
        value = bickd_class(
            student,
            teacher,
            labels,
            temperature=2.0,
            tau=tau,
            margin=0.3,
            gram_weight=0.7,
            **reading,
        )
        expected = expected_class_side(student, teacher, labels, 2.0, tau, 0.3, 0.7, reading)
        assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("anchors", ["both", "student", "teacher"])
@pytest.mark.parametrize("same_class", ["negative", "ignore", "positive"])
@pytest.mark.parametrize("vectors", ["plain", "root", "centred"])
def test_the_sample_side_equals_the_loop(anchors, same_class, vectors):
    student, teacher, labels = batch(3, classes=3)
    value = bickd_sample(
        student, teacher, labels, temperature=2.0, same_class=same_class, vectors=vectors,
        anchors=anchors,
    )  # fmt: skip
    s, t = (reference.probabilities(z.tolist(), 2.0) for z in (student, teacher))
    if vectors == "root":
        s, t = ([[math.sqrt(x) for x in row] for row in rows] for rows in (s, t))
    m = reference.cosines(s, t)
    one = reference._one_direction(m, 0.2, labels.tolist(), same_class)
    other = reference._one_direction(reference.columns(m), 0.2, labels.tolist(), same_class)
    expected = {"both": (one + other) / 2, "student": one, "teacher": other}[anchors]
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_a_cosine_of_roots_is_the_bhattacharyya_coefficient():
    student, teacher, labels = batch(4, samples=2)
    value = bickd_sample(
        student, teacher, labels, form="gram", gram_weight=0.0, vectors="root", temperature=1.0
    )
    p, q = (z.softmax(1) for z in (student, teacher))
    assert value.item() == pytest.approx((1 - (p * q).sqrt().sum(1)).square().mean().item())


# -- today's defaults ------------------------------------------------------------------------------


def test_the_defaults_are_those_from_before_the_options_were_added():
    fresh = BicKDOptions()
    assert {name: getattr(fresh, name) for name in BicKDOptions.former} == BicKDOptions.former
    assert set(BicKDOptions.rare) == set(BicKDOptions.former)


@pytest.mark.parametrize("same_class", ["negative", "ignore", "positive"])
@pytest.mark.parametrize("absent", ["keep", "drop"])
@pytest.mark.parametrize("form", ["contrast", "gram"])
@quick
@given(
    st.integers(0, 999),
    st.sampled_from([torch.float32, torch.float64]),
    st.sampled_from([0.2, 0.01]),
)
def test_with_the_defaults_value_and_gradient_are_the_same_to_the_bit(
    form, absent, same_class, seed, dtype, tau
):
    student, teacher, labels = batch(seed, samples=9, classes=6, dtype=dtype)
    student.requires_grad_()
    options = {"form": form, "absent": absent, "same_class": same_class, "tau": tau}
    objective = create_objective("bickd", alpha=0, beta=0, **options)
    terms = objective(Outputs(student), Outputs(teacher), labels, 0.0)
    by_sample, by_class = as_before(student, teacher, labels, **options)
    assert terms["sample"].item() == (8 * by_sample).item()
    assert terms["class"].item() == (8 * by_class).item()
    (slope,) = torch.autograd.grad(sum(terms.values()), student)
    (before,) = torch.autograd.grad(8 * by_sample + 8 * by_class, student)
    assert torch.equal(slope, before)


def as_before(student, teacher, labels, *, form, absent, same_class, tau):
    """Both sides as the code computed them before it had other readings: the same operations in the
    same order."""
    from bickd_core.losses.contrast import _LogSums
    from bickd_core.losses.numerics import log_probabilities, unit_columns, unit_rows

    log_s, log_t = log_probabilities(student, 4.0), log_probabilities(teacher, 4.0)

    def mean_over(values, mask):
        return (values * mask).sum(1) / mask.sum(1)

    def side(m, positives=None, ignored=None):
        if form == "gram":
            diagonal = torch.eye(len(m), dtype=torch.bool)
            pulled = diagonal if positives is None else positives
            pushed = ~pulled if ignored is None else ~pulled & ~ignored
            repulsion = (m.square() * pushed).sum() / pushed.sum().clamp(min=1)
            return mean_over((1 - m).square(), pulled).mean() + 1.0 * repulsion
        pulled = m.diagonal() if positives is None else mean_over(m, positives)
        both = pulled if positives is None else (pulled + mean_over(m.T, positives)) / 2
        if tau >= 1 / 60:
            sums = _LogSums.apply(m, tau, ignored)
        else:
            scaled = m / tau if ignored is None else (m / tau).masked_fill(ignored, -torch.inf)
            sums = (
                torch.logsumexp(scaled, dim=1).mean() + torch.logsumexp(scaled, dim=0).mean()
            ) / 2
        return sums - both.mean() / tau

    same = labels[:, None] == labels[None, :]
    pairs = {
        "negative": {},
        "positive": {"positives": same},
        "ignore": {"ignored": same & ~torch.eye(len(labels), dtype=torch.bool)},
    }[same_class]
    by_sample = side(unit_rows(log_s) @ unit_rows(log_t).T, **pairs)
    if absent == "drop":
        present = labels.unique()
        log_s, log_t = log_s[:, present], log_t[:, present]
    return by_sample, side(unit_columns(log_s).T @ unit_columns(log_t))


# -- gradients and edges ---------------------------------------------------------------------------
def total(student, teacher, labels, reading, objective=None):
    objective = objective or create_objective("bickd", **reading)
    return sum(objective(Outputs(student), Outputs(teacher), labels, 0.0).values())


@pytest.mark.parametrize("reading", ONE_BY_ONE, ids=str)
def test_gradient_agrees_with_finite_differences(reading):
    objective = create_objective("bickd", **{"margin": 0.3, "tau": 0.5, **reading})
    if reading.get("queue"):
        total(
            *(x.requires_grad_() if x.is_floating_point() else x for x in batch(8, 5, 3)),
            {},
            objective,
        )
    student, teacher, labels = batch(1, samples=4, classes=3)
    # finite differences call it without a gradient, so the queue stays as it is
    objective._queue = _frozen(objective._queue)
    assert torch.autograd.gradcheck(
        lambda z: total(z, teacher, labels, {}, objective), student.requires_grad_()
    )


def _frozen(queue):
    """A queue to which nothing is added."""
    if queue is not None:
        queue.add = lambda *_: None
    return queue


@pytest.mark.parametrize("reading", ONE_BY_ONE, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 2), (1, 7), (5, 2), (6, 9)])
@pytest.mark.parametrize("scale", [1e4, 50.0, 0.0])
def test_one_sample_two_classes_absent_classes_and_saturated_logits_stay_finite(
    reading, dtype, shape, scale
):
    objective = create_objective("bickd", **reading)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):  # so that a queue fills
        student, teacher = scale * torch.randint(-1, 2, (2, *shape), generator=generator).double()
        labels = torch.randint(shape[1], (shape[0],), generator=generator)
        student = student.to(dtype).requires_grad_()
        loss = total(student, teacher.to(dtype), labels, {}, objective)
        loss.backward()
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert torch.isfinite(loss)
        assert torch.isfinite(student.grad).all()


@quick
@given(st.integers(0, 999), st.permutations(range(6)), st.permutations(range(4)), readings)
@example(0, list(range(6)), list(range(4)), EVERY[0])
def test_the_order_of_samples_and_classes_does_not_matter(seed, samples, classes, reading):
    student, teacher, labels = batch(seed)
    samples, classes = list(samples), list(classes)
    renamed = torch.tensor([classes.index(c) for c in range(4)])[labels[samples]]
    moved = total(student[samples][:, classes], teacher[samples][:, classes], renamed, reading)
    assert torch.allclose(moved, total(student, teacher, labels, reading), rtol=1e-9)


def test_one_sample_alone():
    student, teacher, labels = batch(1, samples=1, classes=5)
    assert bickd_class(student, teacher, vectors="centred").item() == pytest.approx(math.log(5))
    assert bickd_class(student, teacher, vectors="centred", form="gram").item() == 1
    assert bickd_class(student, teacher, repel="above_teacher").item() == pytest.approx(
        math.log(1 + 4 * math.exp(-5))  # all columns are parallel, as the teacher's are
    )
    dropped = bickd_class(
        student, teacher, labels, absent="drop", column_weights="teacher_mass", form="gram"
    )
    assert dropped.item() == pytest.approx(0, abs=1e-12)


def test_a_student_no_closer_than_the_teacher_is_left_alone():
    student, teacher, _ = batch(2)
    value = bickd_class(student, student.clone(), form="gram", repel="above_teacher")
    assert value.item() == pytest.approx(0, abs=1e-12)
    far = bickd_class(student, teacher, form="gram", repel="above_margin", margin=1.0)
    assert far.item() == pytest.approx(
        bickd_class(student, teacher, form="gram", gram_weight=0.0).item()
    )


def test_a_class_without_mass_neither_pulls_nor_pushes():
    student, teacher, _ = batch(5, classes=4)
    teacher[:, 3] = -1e4  # the teacher is sure that no sample is of class 3
    student.requires_grad_()
    weighed = bickd_class(student, teacher, column_weights="teacher_mass", temperature=1.0)
    three = bickd_class(
        student, teacher, torch.tensor([0, 1, 2, 0, 1, 2]), column_weights="teacher_mass",
        temperature=1.0, absent="drop",
    )  # fmt: skip
    (slope,) = torch.autograd.grad(weighed, student)
    assert torch.isfinite(slope).all()
    # v has a mean of 1 over four classes here and over three there
    tau = 0.2
    m = reference.class_matrix(
        student.tolist(), teacher.tolist(), 1.0, [0, 1, 2], vectors="plain", off_diagonal="cross",
        repel="all", margin=0.0,
    )  # fmt: skip
    mass = reference.teacher_mass(teacher.tolist(), 1.0, [0, 1, 2, 3])[:3]
    expected = reference.class_contrast(m, tau, mass, "both") * 3 / 4
    assert weighed.item() == pytest.approx(expected)
    assert three.item() != pytest.approx(weighed.item())


def test_the_teacher_gets_no_gradient_from_any_reading():
    for reading in ONE_BY_ONE:
        student, teacher, labels = batch(6)
        student.requires_grad_(), teacher.requires_grad_()
        total(student, teacher, labels, reading).backward()
        assert teacher.grad is None
        assert student.grad.abs().max() > 0


def test_its_own_temperature_is_that_of_both_contrasts_and_not_of_the_divergence():
    student, teacher, labels = batch(7)
    arguments = (Outputs(student), Outputs(teacher), labels, 0.0)
    plain = create_objective("bickd")(*arguments)
    apart = create_objective("bickd", contrast_temperature=1.5)(*arguments)
    assert apart["kl"].item() == plain["kl"].item()
    sample = bickd_sample(student, teacher, labels, temperature=1.5)
    assert apart["sample"].item() == 8 * sample.item()
    assert apart["class"].item() == 8 * bickd_class(student, teacher, temperature=1.5).item()
    same = create_objective("bickd", contrast_temperature=4.0)(*arguments)
    assert {k: v.item() for k, v in same.items()} == {k: v.item() for k, v in plain.items()}


def test_half_precision_and_autocast_lose_only_the_inputs_rounding():
    for reading in ONE_BY_ONE:
        student, teacher, labels = batch(9, samples=16, classes=10, dtype=torch.float16)
        with torch.autocast("cpu", torch.bfloat16):
            inside = total(student, teacher, labels, reading)
        exact = total(student.double(), teacher.double(), labels, reading)
        assert inside.dtype == torch.float32
        assert inside.item() == pytest.approx(exact.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vectors": "x"}, "vectors must be one of plain, root, centred, got 'x'"),
        ({"anchors": "x"}, "anchors must be one of both, student, teacher"),
        ({"off_diagonal": "x"}, "off_diagonal must be one of cross, student"),
        ({"repel": "x"}, "repel must be one of all, above_teacher, above_margin"),
        ({"column_weights": "x"}, "column_weights must be one of equal, teacher_mass"),
    ],
)
def test_wrong_words_are_refused(wrong, message):
    student, teacher, labels = batch(7)
    with pytest.raises(ValueError, match=message):
        bickd_class(student, teacher, labels, **wrong)


# -- the queue -------------------------------------------------------------------------------------
def steps(count, samples=4, classes=5, dtype=torch.float64):
    for seed in range(count):
        student, teacher, labels = batch(100 + seed, samples + seed % 2, classes, dtype=dtype)
        yield student.requires_grad_(), teacher, labels


def run(objective, batches):
    values = []
    for student, teacher, labels in batches:
        loss = total(student, teacher, labels, {}, objective)
        (slope,) = torch.autograd.grad(loss, student)
        values.append((loss.item(), slope))
    return values


def same(one, other):
    return [a[0] for a in one] == [b[0] for b in other] and all(
        torch.equal(a[1], b[1]) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("absent", ["keep", "drop"])
@pytest.mark.parametrize("weights", ["equal", "teacher_mass"])
def test_the_class_side_has_the_rows_of_the_last_batches_below(absent, weights):
    objective = create_objective(
        "bickd", queue=2, lambda_class=1, absent=absent, column_weights=weights
    )
    seen = []
    for student, teacher, labels in steps(5):
        term = objective(Outputs(student), Outputs(teacher), labels, 0.0)["class"]
        seen.append((student.detach(), teacher, labels))
        rows = [torch.cat(parts) for parts in zip(*reversed(seen[-3:]), strict=True)]
        reading = {**EVERY[0], "absent": absent, "column_weights": weights}
        expected = expected_class_side(*rows, 4.0, 0.2, 0.1, 1.0, reading)
        assert term.item() == pytest.approx(expected, rel=1e-9)
    earlier = Rows(*(torch.cat(parts) for parts in zip(*seen[2:4], strict=True)))
    by_hand = bickd_class(
        *seen[4], absent=absent, column_weights=weights, earlier=earlier, temperature=4.0
    )
    assert by_hand.item() == pytest.approx(term.item(), rel=1e-12)


def test_earlier_rows_get_no_gradient_and_change_the_columns():
    first, second = steps(2)
    objective = create_objective("bickd", queue=1)
    loss = total(*first, {}, objective) + total(*second, {}, objective)
    loss.backward()
    alone = first[0].grad.clone()
    first[0].grad = None
    total(*first, {"queue": 1}).backward()
    assert torch.equal(first[0].grad, alone)
    plain = total(*second, {}).item()
    assert loss.item() != pytest.approx(total(*first, {}).item() + plain)


def test_a_resumed_queue_goes_on_to_the_bit():
    reading = {"queue": 3, "absent": "drop", "standardize": True, "contrast_temperature": 2.0}
    batches = list(steps(8, dtype=torch.bfloat16))
    expected = run(create_objective("bickd", **reading), batches)
    broken = create_objective("bickd", **reading)
    assert same(run(broken, batches[:5]), expected[:5])
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = create_objective("bickd", **reading)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert same(run(resumed, batches[5:]), expected[5:])


def test_an_evaluation_leaves_the_queue_as_it_is():
    first, second, third = steps(3)
    objective = create_objective("bickd", queue=2)
    total(*first, {}, objective)
    with torch.no_grad():
        total(*second, {}, objective)
    total(second[0].detach(), *second[1:], {}, objective)
    without = create_objective("bickd", queue=2)
    total(*first, {}, without)
    assert total(*third, {}, objective).item() == total(*third, {}, without).item()


def test_another_number_of_classes_or_missing_labels_start_the_queue_anew():
    options = {"alpha": 0, "same_class": "negative"}
    objective = create_objective("bickd", queue=2, **options)
    (first,) = steps(1)
    total(*first, {}, objective)
    (other,) = steps(1, classes=3)
    assert total(*other, {}, objective).item() == total(*other, options).item()
    student, teacher, _ = other
    assert total(student, teacher, None, {}, objective).item() == pytest.approx(
        total(student, teacher, None, options).item(), rel=1e-12
    )


def test_the_state_of_another_objective_is_refused():
    with pytest.raises(ValueError, match="state must hold batches .* but it holds nothing"):
        create_objective("bickd", queue=1).load_state_dict({})
    full = create_objective("bickd", queue=1)
    total(*next(steps(1)), {}, full)
    with pytest.raises(ValueError, match="state must be empty .* but it holds batches"):
        create_objective("bickd").load_state_dict(full.state_dict())


def test_the_module_has_its_queue_in_its_state_dict():
    first, second = steps(2)
    plain = torch.nn.ModuleDict({"loss": BicKD()})
    assert not plain.state_dict()  # so it saves as tensors alone
    whole, again = (torch.nn.ModuleDict({"loss": BicKD(queue=1)}) for _ in range(2))
    whole["loss"](*first)
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))  # strict
    with torch.no_grad():
        expected = whole["loss"](*second).item()
        assert again["loss"](*second).item() == expected
        assert plain["loss"](*second).item() != expected
    again.load_state_dict(plain.state_dict())  # without a queue, it stays as it is


def test_a_student_with_more_rows_meets_fewer_absent_classes():
    objective = create_objective("bickd", queue=4, absent="drop", lambda_class=1)
    counts = []
    original = objective._queue.rows
    objective._queue.rows = lambda *a: (rows := original(*a), counts.append(rows))[0]
    run(objective, list(steps(6, samples=3, classes=20)))
    known = [0 if rows is None else len(rows.labels.unique()) for rows in counts]
    assert known[0] == 0
    assert known[-1] > known[1]
