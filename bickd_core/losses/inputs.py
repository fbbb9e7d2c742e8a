"""Check what a loss is given, and bring the teacher's part to the type that the student's is
computed in.

Every loss gets its tensors through one of these functions. They look at types, shapes and devices,
never at values, so they do not wait for a GPU.
"""

import torch
from torch import Tensor

NO_LABEL = -100
"""The label of a sample without a label, as `ignore_index` of torch's cross-entropy."""


def check_pair(student_logits: Tensor, teacher_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return both logits [B, C]; the teacher's without gradient, and in the student's type.

    That type is float64 for a student in float64, else float32.

    Raises:
        TypeError: they are not tensors of real numbers.
        ValueError: they are not [B, C] of the same shape, with B >= 1 and C >= 2, on one device.
    """
    check_logits(student_logits)
    _check_tensor(teacher_logits, "teacher_logits")
    shape, came = list(student_logits.shape), list(teacher_logits.shape)
    if came != shape:
        advice = "run both models on the same samples and classes"
        if len(came) == 2 and came[0] == shape[0] and came[1] > shape[1]:
            advice = (
                "if the teacher has more classes, give the columns of the student's, such as"
                " teacher_logits[:, columns]"
            )
        raise ValueError(
            f"teacher_logits must have the student's shape {shape}, got {came}; {advice}."
        )
    return student_logits, _like(student_logits, teacher_logits, "teacher_logits")


def check_logits(student_logits: Tensor) -> None:
    """Raise a TypeError or ValueError unless these are real logits [B >= 1, C >= 2]."""
    _check_tensor(student_logits, "student_logits")
    shape = student_logits.shape
    if len(shape) == 2 and shape[0] >= 1 and shape[1] >= 2:
        return
    advice = "give one row of logits for each sample"
    if len(shape) > 2:
        advice = (
            "if the classes come last, give logits.flatten(0, -2) of both models and"
            " labels.flatten()"
        )
    elif len(shape) == 2 and shape[1] == 1:
        advice = "if it is the logit z of the second of two classes, give F.pad(z, (1, 0))"
    raise ValueError(
        f"student_logits must be [samples >= 1, classes >= 2], got {list(shape)}; {advice}."
    )


def check_labels(labels: Tensor | None, logits: Tensor, reason: str) -> Tensor:
    """Return the labels [B] as int64, with `NO_LABEL` for samples without a label.

    Args:
        reason: what needs the labels, for the message.

    Raises:
        TypeError: they are not a tensor of integers.
        ValueError: they are missing, not [B], or on another device than the logits.
    """
    samples = len(logits)
    if labels is None:
        raise ValueError(f"labels must be given for {reason}, got None; give [{samples}] labels.")
    _check_tensor(labels, "labels")
    if tuple(labels.shape) != (samples,):
        advice = "give one class for each row of logits"
        if labels.shape == logits.shape:
            advice = (
                "give labels.argmax(1), or set alpha=0 and add your own cross-entropy with soft"
                " labels"
            )
        elif labels.numel() == samples:
            advice = "give labels.flatten()"
        raise ValueError(
            f"labels must be [{samples}], one class for each sample, got {list(labels.shape)};"
            f" {advice}."
        )
    return check_integers(labels, "labels", logits.device)


def check_integers(values: Tensor, name: str, device: torch.device) -> Tensor:
    """Return values on this device as int64. Raises a TypeError unless they are integers."""
    _check_tensor(values, name)
    if values.is_floating_point() or values.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, got {values.dtype}; give {name}.long().")
    _check_device(values, name, device)
    return values.long()


def check_features(student: Tensor, teacher: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Return features or maps (`name`) of both models; the teacher's as in `check_pair`.

    Raises:
        TypeError: they are not tensors of real numbers.
        ValueError: they are not of the same B samples, on one device.
    """
    _check_tensor(student, f"the student's {name}")
    _check_tensor(teacher, f"the teacher's {name}")
    if (
        student.ndim < 2
        or student.ndim != teacher.ndim
        or not len(student)
        or len(student) != len(teacher)
    ):
        raise ValueError(
            f"student and teacher must be {name} of the same samples, one row or more, got"
            f" {list(student.shape)} and {list(teacher.shape)}; run both models on the same"
            " batch."
        )
    return student, _like(student, teacher, f"the teacher's {name}")


def _check_tensor(value: object, name: str) -> None:
    if not isinstance(value, Tensor):
        advice = "give torch.as_tensor(...) of it"
        if hasattr(value, "logits"):
            advice = "give its `.logits`"
        elif value is None or isinstance(value, dict | tuple):
            advice = "give the tensor of the model's output"
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; {advice}.")
    if value.is_complex():
        raise TypeError(f"{name} must be real numbers, got {value.dtype}; give the real part.")


def _check_device(value: Tensor, name: str, device: torch.device) -> None:
    if value.device != device:
        raise ValueError(
            f"{name} must be on the student's device {device}, got {value.device}; move one of"
            " them with .to(device)."
        )


def _like(student: Tensor, teacher: Tensor, name: str) -> Tensor:
    _check_device(teacher, name, student.device)
    known = teacher.detach().to(torch.float64 if student.dtype == torch.float64 else torch.float32)
    return known.clone() if known.is_inference() else known  # a trained head must save it
