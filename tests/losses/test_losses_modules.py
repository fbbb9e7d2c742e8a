"""The losses as modules: the same numbers as in training, and everything that a strange loop may
ask of them."""

import re
from pathlib import Path

import pytest
import torch

from bickd_core import losses
from bickd_core.losses import OBJECTIVES, BicKD, LogitLoss, LogitObjective, create_objective
from bickd_core.models.outputs import Outputs

ROOT = Path(__file__).resolve().parents[2]
MODULES = {each.kind: each for each in LogitLoss.__subclasses__()}
B, C = 12, 5


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, B, C, generator=generator)
    return (
        student.requires_grad_(),
        teacher.requires_grad_(),
        torch.randint(C, (B,), generator=generator),
    )


def test_every_loss_on_logits_with_a_teacher_has_a_module_that_is_exported():
    on_logits = {
        kind for kind, objective in OBJECTIVES.items() if issubclass(objective, LogitObjective)
    }
    assert set(MODULES) == on_logits - {"ce"}
    for module in MODULES.values():
        assert getattr(losses, module.__name__) is module
        assert module.__name__ in losses.__all__


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("progress", [0.25, 1.0])
def test_a_module_gives_the_sum_of_the_objectives_terms_and_its_gradient(batch, kind, progress):
    student, teacher, labels = batch
    expected = create_objective(kind, temperature=2.0)(
        Outputs(student), Outputs(teacher), labels, progress
    )
    loss = MODULES[kind](temperature=2.0)(student, teacher, labels, progress=progress)
    torch.testing.assert_close(loss, torch.stack(list(expected.values())).sum())
    (gradient,) = torch.autograd.grad(loss, student)
    assert gradient.abs().sum() > 0
    assert not list(MODULES[kind]().parameters())


def test_the_teacher_gets_no_gradient(batch):
    student, teacher, labels = batch
    BicKD()(student, teacher, labels).backward()
    assert teacher.grad is None


def test_labels_may_be_left_out_where_no_term_needs_them(batch):
    student, teacher, _ = batch
    assert BicKD(alpha=0, same_class="negative")(student, teacher) > 0
    with pytest.raises(ValueError, match="labels must be given for same_class='ignore'"):
        BicKD(alpha=0)(student, teacher)
    with pytest.raises(ValueError, match="labels"):
        BicKD()(student, teacher)


def test_wrong_options_and_shapes_are_named(batch):
    student, teacher, labels = batch
    with pytest.raises(ValueError, match="temperature"):
        BicKD(temprature=2.0)
    with pytest.raises(ValueError, match="teacher"):
        BicKD()(student, teacher[:, :-1], labels)
    assert repr(BicKD(temperature=2.0)) == "BicKD(temperature=2.0)"


def test_the_lines_in_the_readme_run_as_they_are_printed(batch):
    readme = (ROOT / "README.md").read_text()
    (code,) = re.findall(
        r"```python\n(import torch\nfrom bickd_core\.losses.*?)```", readme, re.DOTALL
    )
    student, teacher = torch.nn.Linear(C, C), torch.nn.Linear(C, C)
    before = student.weight.clone()
    images, _, labels = batch
    names = {
        "student": student,
        "teacher": teacher,
        "loader": [(images.detach(), labels)] * 2,
        "optimizer": torch.optim.SGD(student.parameters(), lr=0.1),
    }
    exec(code, names)
    assert not torch.equal(student.weight, before)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
