"""Every registered objective: it runs, it teaches, it is documented, it is tested, its preset is
its own."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from bickd_core.losses import OBJECTIVES, Objective, create_objective
from bickd_core.models.factory import create_model
from bickd_core.models.outputs import Outputs
from bickd_core.presets.catalogue import PRESETS, ObjectiveOptions
from bickd_core.presets.logits import BicKDOptions, DISTOptions, KDOptions

ROOT = Path(__file__).parents[2]
DATASET = SimpleNamespace(train=SimpleNamespace(ids=np.arange(20), labels=np.arange(20) % 5))


def test_presets_and_registry_name_the_same_objectives():
    assert list(PRESETS) == list(OBJECTIVES)
    assert all(preset.kind == kind for kind, preset in PRESETS.items())
    assert "reconstruction" in PRESETS["bickd"].title
    assert all(preset.why and preset.citation for preset in PRESETS.values())


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_option_is_described(kind):
    fields = PRESETS[kind].options.model_fields
    assert all(field.description for name, field in fields.items() if name != "kind")


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_loss_has_its_section_and_its_test_file(kind):
    headings = [
        line
        for line in (ROOT / "docs/losses.md").read_text().splitlines()
        if line.startswith("## ")
    ]
    assert any(line.startswith(f"## {kind}:") for line in headings), (
        f"docs/losses.md has no section '## {kind}: ...'"
    )
    assert (Path(__file__).parent / f"test_loss_{kind}.py").is_file()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_option_stands_in_its_section(kind):
    text = (ROOT / "docs/losses.md").read_text()
    section = text.split(f"\n## {kind}:", 1)[1].split("\n## ", 1)[0]
    missing = [
        name
        for name in PRESETS[kind].options.model_fields
        if name != "kind" and f"`{name}`" not in section
    ]
    assert missing == []


@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("model", ["convnet-small", "resnet8"])
def test_every_student_parameter_gets_a_gradient(kind, model):
    torch.manual_seed(0)
    objective = create_objective(kind)
    student = create_model(model, num_classes=5, in_channels=1)
    teacher = create_model("resnet8", num_classes=5, in_channels=1).eval()
    objective.setup(student, teacher, DATASET)
    images, labels = torch.rand(12, 1, 8, 8), torch.arange(12) % 5
    asked = {name: name in objective.needs for name in ("features", "maps")}
    before = {name: buffer.clone() for name, buffer in teacher.named_buffers()}
    outputs = student.outputs(images, **asked)
    outputs.ids = torch.arange(12) if "ids" in objective.needs else None
    terms = objective(outputs, teacher.outputs(images, **asked), labels, 0.5)
    sum(terms.values()).backward()
    without = [
        name
        for name, p in student.named_parameters()
        if p.grad is None or not p.grad.isfinite().all()
    ]
    assert without == []
    assert all(p.grad.abs().max() > 0 for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(before[name], buffer) for name, buffer in teacher.named_buffers())


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_protocol_is_kept(kind):
    objective = create_objective(kind)
    assert isinstance(objective, Objective)
    assert objective.kind == kind
    assert objective.needs_teacher == (kind != "ce")
    if kind == "crd":  # which trains and remembers: see test_loss_crd.py
        return
    assert list(objective.parameters()) == []
    objective.load_state_dict(objective.state_dict())
    with pytest.raises(
        ValueError, match=f"state must be empty for the objective '{kind}', but it holds memory"
    ):
        objective.load_state_dict({"memory": 1})


def test_a_missing_teacher_and_a_wrong_progress_are_refused():
    outputs, labels = Outputs(torch.zeros(2, 3)), torch.tensor([0, 1])
    with pytest.raises(
        ValueError, match="teacher must be the teacher's Outputs for the objective 'kd'"
    ):
        create_objective("kd")(outputs, None, labels, 0.0)
    with pytest.raises(ValueError, match=r"progress must be in \[0, 1\], got 1.5"):
        create_objective("kd")(outputs, outputs, labels, 1.5)


def test_an_options_object_is_taken_as_it_is():
    options = BicKDOptions(tau=0.5, form="gram")
    assert create_objective(options).options is options
    with pytest.raises(ValueError, match="beside it"):
        create_objective(options, tau=0.2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "bikd",
            {},
            (
                "objective must be one of ce, kd, dkd, dist, mlkd, nkd, sp, rkd, pkt, crd, bickd,"
                " got 'bikd'; the nearest is 'bickd'"
            ),
        ),
        ("bickd", {"lamda_class": 1}, "got 'lamda_class'; the nearest is 'lambda_class'"),
        ("ce", {"temperature": 2}, "an option of 'ce' must be one of none, got 'temperature'"),
        ("kd", {"kind": "dist"}, "got 'kind'"),
        ("kd", {"temperature": 0}, "temperature: .*greater than 0, got 0"),
        ("kd", {"temperature": float("nan")}, "temperature: .*got nan"),
        ("crd", {"negatives": 0}, "negatives: .*greater than or equal to 1, got 0"),
        ("dkd", {"warmup": 1.5}, "warmup: .*less than or equal to 1, got 1.5"),
        (
            "rkd",
            {"alpha": 0, "distance": 0, "angle": 0},
            "rkd: at least one of alpha, distance, angle must be above",
        ),
        ("dist", {"beta": -1.0}, "beta: .*greater than or equal to 0, got -1.0"),
        ("bickd", {"form": "grahm"}, "form: .*'contrast' or 'gram', got 'grahm'"),
        ("kd", {"alpha": 0, "beta": 0}, "kd: at least one of alpha, beta must be above 0"),
    ],
)
def test_wrong_names_and_values_are_refused_in_a_sentence(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        create_objective(name, **options)
    assert "\n" not in str(caught.value)


def test_options_are_told_apart_by_kind_frozen_and_closed():
    read = TypeAdapter(ObjectiveOptions).validate_python
    assert read({"kind": "dist", "gamma": 1}) == DISTOptions(gamma=1)
    options = KDOptions()
    with pytest.raises(ValidationError, match="frozen"):
        options.alpha = 1.0
    with pytest.raises(ValidationError, match="tau"):
        read({"kind": "kd", "tau": 0.2})
    for kind in PRESETS:
        assert read(PRESETS[kind].options().model_dump()) == PRESETS[kind].options()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_objective_says_what_it_computes(kind):
    assert inspect.getdoc(type(create_objective(kind)))
