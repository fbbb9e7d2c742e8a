"""What a loss may be given: types, labels and shapes, the same for every loss."""

from types import SimpleNamespace

import pytest
import torch
from loss_terms import batch, terms_of

from bickd_core.losses import (
    OBJECTIVES,
    BicKD,
    LogitLoss,
    bickd_class,
    bickd_sample,
    create_objective,
    cross_entropy,
    dist_columns,
    dist_rows,
    dkd_non_target,
    dkd_target,
    kd,
    mlkd_class,
    mlkd_kl,
    mlkd_sample,
    nkd_non_target,
    nkd_target,
    pkt,
    rkd_angle,
    rkd_distance,
    sp,
)
from bickd_core.models.outputs import Outputs

MODULES = {each.kind: each for each in LogitLoss.__subclasses__()}
ON_PAIRS = [
    *(kd, dist_rows, dist_columns, mlkd_kl, mlkd_sample, mlkd_class, bickd_sample, bickd_class),
]
WITH_LABELS = [dkd_target, dkd_non_target, nkd_target, nkd_non_target]
ON_FEATURES = [sp, pkt, rkd_angle, rkd_distance]


def same(terms, others):
    return terms.keys() == others.keys() and all(
        torch.equal(term, others[name]) for name, term in terms.items()
    )


# -- types -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize(
    ("student_type", "teacher_type"),
    [
        (torch.float32, torch.float64),
        (torch.float64, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float64),
        (torch.float32, torch.bfloat16),
        (torch.float32, torch.int32),
    ],
)
def test_the_teacher_is_computed_in_the_students_type_at_least_in_float32(
    kind, student_type, teacher_type
):
    student, teacher, labels = batch(0, dtype=student_type)
    teacher = teacher.to(teacher_type)
    lifted = torch.float64 if student_type == torch.float64 else torch.float32
    student.requires_grad_()
    terms = terms_of(kind, student, teacher, labels)
    assert all(
        term.dtype == lifted for name, term in terms.items() if (kind, name) != ("crd", "contrast")
    )
    assert same(terms, terms_of(kind, student, teacher.to(lifted), labels))
    sum(terms.values()).backward()
    assert student.grad.dtype == student_type
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_teacher_may_be_computed_in_inference_mode(kind):
    student, teacher, labels = batch(0, dtype=torch.float32)
    with torch.inference_mode():
        known = teacher.clone()
    terms = terms_of(kind, student.requires_grad_(), known, labels)
    assert same(terms, terms_of(kind, student, teacher, labels))
    sum(terms.values()).backward()


@pytest.mark.parametrize("kind", MODULES)
def test_a_module_takes_the_types_too(kind):
    student, teacher, labels = batch(1, dtype=torch.float32)
    loss = MODULES[kind]()(student, teacher.double(), labels)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, MODULES[kind]()(student, teacher, labels))


def test_a_queue_may_hold_rows_of_another_type():
    student, teacher, labels = batch(2)
    loss = BicKD(queue=1)
    loss(student.float().requires_grad_(), teacher, labels)
    assert loss(student, teacher.float(), labels).dtype == torch.float64


# -- NaN -------------------------------------------------------------------------------------------
BICKD_OPTIONS = [
    {"vectors": "centred"},
    {"form": "gram"},
    {"off_diagonal": "student", "repel": "above_teacher"},
    {"same_class": "positive"},
    {"column_weights": "teacher_mass"},
    {"absent": "drop"},
]
OPTIONS = [
    *((kind, {}) for kind in OBJECTIVES),
    *((kind, {"standardize": True}) for kind in MODULES),
    *(("bickd", options) for options in BICKD_OPTIONS),
]


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
@pytest.mark.parametrize("of_teacher", [True, False])
def test_a_row_of_nan_is_not_hidden_by_any_term(kind, options, of_teacher):
    student, teacher, labels = batch(3)
    (teacher if of_teacher else student)[2] = torch.nan
    terms = terms_of(kind, student, teacher, labels, **options)
    assert {name for name, term in terms.items() if not term.isnan()} == (
        {"ce"} if of_teacher else set()
    )


# -- what is refused -------------------------------------------------------------------------------
S, T, Y = batch(4, samples=3, classes=4, dtype=torch.float32)
WRONG_PAIRS = [
    (S, T.tolist(), TypeError, "teacher_logits must be a torch.Tensor, got list; give torch.as_t"),
    (S, T.numpy(), TypeError, "teacher_logits must be a torch.Tensor, got ndarray; give torch.as_"),
    (S, (T,), TypeError, "teacher_logits .* got tuple; give the tensor of the model's output"),
    (S, None, TypeError, "teacher_logits .* got NoneType; give the tensor of the model's output"),
    (S, SimpleNamespace(logits=T), TypeError, "teacher_logits .* got Simple.*; give its `.logits`"),
    (SimpleNamespace(logits=S), T, TypeError, "student_logits .* got Simple.*; give its `.logits`"),
    (
        S,
        T.cfloat(),
        TypeError,
        "teacher_logits must be real numbers, got torch.complex64; give the",
    ),
    (S, T.to("meta"), ValueError, "teacher_logits must be on the student's device cpu, got meta; "),
    (S, torch.zeros(3, 6), ValueError, r"shape \[3, 4\], got \[3, 6\]; if the teacher has more"),
    (S, T[:2], ValueError, r"shape \[3, 4\], got \[2, 4\]; run both models on the same samples"),
    (S[None], T[None], ValueError, r"got \[1, 3, 4\]; if the classes come last, give .*flatten"),
    (S[0], T[0], ValueError, r"got \[4\]; give one row of logits for each sample"),
    (S[:0], T[:0], ValueError, r"got \[0, 4\]; give one row of logits for each sample"),
    (S[:, :1], T[:, :1], ValueError, r"got \[3, 1\]; if it is the logit z .* give F.pad\(z"),
]
WRONG_LABELS = [
    (None, ValueError, r"labels must be given for .*, got None; give \[3\] labels"),
    (Y.tolist(), TypeError, "labels must be a torch.Tensor, got list; give torch.as_tensor"),
    (Y.numpy(), TypeError, "labels must be a torch.Tensor, got ndarray; give torch.as_tensor"),
    (Y.float(), TypeError, r"labels must be integers, got torch.float32; give labels.long\(\)"),
    (Y > 0, TypeError, r"labels must be integers, got torch.bool; give labels.long\(\)"),
    (Y[:2], ValueError, r"labels must be \[3\].*, got \[2\]; give one class for each row"),
    (Y[:, None], ValueError, r"labels must be \[3\].*, got \[3, 1\]; give labels.flatten\(\)"),
    (torch.eye(4)[Y], ValueError, r"got \[3, 4\]; give labels.argmax\(1\), or set alpha=0 and add"),
    (Y.to("meta"), ValueError, "labels must be on the student's device cpu, got meta; move"),
]


@pytest.mark.parametrize(("student", "teacher", "error", "message"), WRONG_PAIRS)
def test_every_loss_on_logits_says_in_one_sentence_what_is_wrong_with_them(
    student, teacher, error, message
):
    calls = [
        *((loss, (student, teacher)) for loss in ON_PAIRS),
        *((loss, (student, teacher, Y)) for loss in WITH_LABELS),
        *((module(), (student, teacher, Y)) for module in MODULES.values()),
    ]
    for call, arguments in calls:
        with pytest.raises(error, match=message) as caught:
            call(*arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("labels", "error", "message"), WRONG_LABELS)
def test_every_term_with_labels_says_in_one_sentence_what_is_wrong_with_them(
    labels, error, message
):
    calls = [
        (cross_entropy, (S, labels)),
        *((loss, (S, T, labels)) for loss in WITH_LABELS),
        *((module(), (S, T, labels)) for module in MODULES.values()),
        (BicKD(alpha=0, absent="drop"), (S, T, labels)),
        (BicKD(alpha=0), (S, T, labels)),
    ]
    for call, arguments in calls:
        with pytest.raises(error, match=message) as caught:
            call(*arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", ON_FEATURES)
def test_every_loss_on_features_refuses_other_things_than_tensors_and_other_devices(loss):
    name = "maps" if loss is sp else "features"
    with pytest.raises(TypeError, match=f"the teacher's {name} must be a torch.Tensor, got list"):
        loss(S, T.tolist())
    with pytest.raises(TypeError, match=f"the student's {name} must be real numbers"):
        loss(S.cfloat(), T)
    with pytest.raises(ValueError, match=f"the teacher's {name} must be on the student's device"):
        loss(S, T.to("meta"))


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_an_objective_asks_for_outputs_and_not_for_logits(kind):
    objective = create_objective(kind)
    with pytest.raises(TypeError, match=r"student must be Outputs .* Tensor; give Outputs\(logits"):
        objective(S, Outputs(T), Y, 0.0)
    if objective.needs_teacher:
        with pytest.raises(TypeError, match="teacher must be Outputs with logits, got Tensor"):
            objective(Outputs(S), T, Y, 0.0)


def test_ids_may_be_any_integers_and_nothing_else():
    ids, terms = torch.arange(3), []
    model = torch.nn.Linear(2, 2)
    model.feature_size = 4
    dataset = SimpleNamespace(train=SimpleNamespace(ids=ids.numpy(), labels=ids.numpy() % 2))
    for id_type in (torch.int64, torch.int32):
        torch.manual_seed(0)
        objective = create_objective("crd")
        objective.setup(model, model, dataset)
        outputs = [Outputs(z, features=z, ids=ids.to(id_type)) for z in (S, T)]
        terms.append(objective(*outputs, Y, 0.0))
    assert same(*terms)
    with pytest.raises(TypeError, match=r"ids must be integers, got torch.float32; give ids.long"):
        objective(Outputs(S, features=S, ids=ids.float()), outputs[1], Y, 0.0)


# -- labels ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("label_type", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_labels_may_be_any_integers(kind, label_type):
    student, teacher, labels = batch(5)
    terms = terms_of(kind, student, teacher, labels)
    assert same(terms, terms_of(kind, student, teacher, labels.to(label_type)))


@pytest.mark.parametrize("options", [{"absent": "drop"}, {"same_class": "positive"}, {"queue": 2}])
def test_labels_of_uint8_are_classes_in_bickd(options):
    student, teacher, labels = batch(6)
    expected = terms_of("bickd", student, teacher, labels, **options)
    assert same(expected, terms_of("bickd", student, teacher, labels.byte(), **options))


OF_LABELS = {"ce", "target", "non_target"}
WITHOUT_PAIRS = {"bickd": {"same_class": "negative"}}
"""Options with which no other term depends on the labels."""


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_sample_without_a_label_is_left_out_of_the_means_over_labels_and_of_nothing_else(kind):
    student, teacher, labels = batch(7)
    some = labels.clone()
    some[[1, 4]] = -100
    kept = some != -100
    options = WITHOUT_PAIRS.get(kind, {})
    terms = terms_of(kind, student.requires_grad_(), teacher, some, **options)
    whole = terms_of(kind, student, teacher, labels, **options)
    part = terms_of(kind, student[kept], teacher[kept], labels[kept], **options)
    for name, term in terms.items():
        expected = part[name] if name in OF_LABELS else whole[name]
        assert term.item() == pytest.approx(expected.item(), rel=1e-12)
        if name in OF_LABELS:
            (gradient,) = torch.autograd.grad(term, student, retain_graph=True)
            assert (gradient.abs().sum(1) > 0).tolist() == kept.tolist()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_without_any_label_the_means_over_labels_are_0_without_gradient(kind):
    student, teacher, labels = batch(8)
    options, none = WITHOUT_PAIRS.get(kind, {}), torch.full_like(labels, -100)
    terms = terms_of(kind, student.requires_grad_(), teacher, none, **options)
    whole = terms_of(kind, student, teacher, labels, **options)
    for name, term in terms.items():
        assert term.item() == (0 if name in OF_LABELS else whole[name].item())
        if name in OF_LABELS:
            (gradient,) = torch.autograd.grad(term, student, retain_graph=True)
            assert gradient.abs().max() == 0


@pytest.mark.parametrize("form", ["contrast", "gram"])
@pytest.mark.parametrize("same_class", ["ignore", "positive"])
def test_in_bickd_a_sample_without_a_label_is_like_no_other(form, same_class):
    student, teacher, _ = batch(9)
    unlabelled, apart = (torch.tensor([0, -100, 0, -100, 1, 1]), torch.tensor([0, 2, 0, 3, 1, 1]))
    options = {"form": form, "same_class": same_class}
    term = bickd_sample(student, teacher, unlabelled, **options)
    assert term.item() == bickd_sample(student, teacher, apart, **options).item()


def test_in_bickd_a_sample_without_a_label_makes_no_class_present():
    student, teacher, _ = batch(10, classes=120)  # so that index -100 would be a class
    student.requires_grad_()
    unlabelled, present = (torch.tensor([3, -100, 3, -100, 9, 9]), torch.tensor([3, 3, 3, 9, 9, 9]))
    term = bickd_class(student, teacher, unlabelled, absent="drop")
    assert term.item() == bickd_class(student, teacher, present, absent="drop").item()
    none = bickd_class(student, teacher, torch.full_like(present, -100), absent="drop")
    assert none.item() == 0
    (gradient,) = torch.autograd.grad(none, student)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("label", [-1, 4])
@pytest.mark.parametrize("kind", MODULES)
def test_other_labels_outside_the_classes_are_errors_on_a_cpu(kind, label):
    student, teacher, labels = batch(11)
    with pytest.raises((IndexError, RuntimeError), match="out of (bounds|range)"):
        MODULES[kind]()(student, teacher, torch.full_like(labels, label))
    with pytest.raises((IndexError, RuntimeError), match="out of (bounds|range)"):
        bickd_class(student, teacher, torch.full_like(labels, label), absent="drop")


@pytest.mark.parametrize("kind", MODULES)
def test_soft_labels_go_beside_the_module(kind):
    student, teacher, _ = batch(12)
    soft = torch.softmax(teacher, dim=1)
    loss = MODULES[kind](alpha=0)
    hard = soft.argmax(1) if kind in ("dkd", "nkd", "bickd") else None
    beside = torch.nn.functional.cross_entropy(student, soft, label_smoothing=0.1)
    assert (loss(student, teacher, hard) + beside).isfinite()
