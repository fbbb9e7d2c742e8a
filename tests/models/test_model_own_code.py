"""A network of the user's own file: only where its module is allowed, and then everywhere a
network's name works."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from run_helpers import small_config

from app.distill.model_choice import choices, cost_table
from bickd_cli.main import main
from bickd_cli.sweep import _pair
from bickd_core.launch.local import submit_race, worker_environment
from bickd_core.models import own
from bickd_core.models.catalogue import resolve
from bickd_core.models.factory import create_model
from bickd_core.runs.create import create_run
from bickd_core.sweeps.definition import PlannedRun
from bickd_core.sweeps.running import check_sweep

CODE = """
from pathlib import Path
from torch import nn

Path(__file__).with_name("was-imported").touch()

def make_net(num_classes, in_channels=3):
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, num_classes),
    )

def ten():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

def eleven():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 11))

def fixed():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 10))

def wrapped():
    from bickd_core.models.wrapped import Wrapped

    return Wrapped(eleven())

def deep():
    from bickd_core.models.wrapped import Wrapped

    net = nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Flatten(), nn.Linear(64, 10))
    return Wrapped(net, stages=["0"])

def headless(num_classes):
    return nn.Sequential(nn.Conv2d(1, num_classes, 8), nn.Flatten())

def broken(num_classes):
    raise RuntimeError("no such file\\nmore")

def number():
    return 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """`my_module.py` in the current folder; nothing is allowed yet."""
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "my_module.py").write_text(CODE)
    monkeypatch.chdir(tmp_path / "shell")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(own.VARIABLE, "")
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    yield tmp_path / "shell"
    sys.modules.pop("my_module", None)


def test_a_module_that_is_not_allowed_is_not_imported(module, library, make_run):
    refused = (
        "allow it with --modules my_module on the command line, or start the app with"
        " BICKD_MODULES=my_module"
    )
    for name in ("my_module:make_net", "os:system"):
        with pytest.raises(ValueError, match=f"the network '{name}' is built by the Python module"):
            create_model(name, num_classes=10)
    with pytest.raises(ValueError, match=refused):
        create_run(small_config(role="teacher", arch="my_module:make_net"), library)
    assert not list(library.own.iterdir())
    assert not (module / "was-imported").exists()
    assert own.VARIABLE not in worker_environment()


def test_a_module_that_the_environment_allows_is_found_by_the_command(module):
    """The console script has no current folder on its path."""
    code = (
        "import sys; sys.path = [p for p in sys.path if p not in ('', sys.argv[1])];"
        "from bickd_cli.main import main; import contextlib\n"
        "with contextlib.suppress(SystemExit): main(['runs'])\n"
        "from bickd_core.models.factory import create_model; create_model('my_module:make_net',"
        " num_classes=10)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(module)],
        cwd=module,
        env={**os.environ, own.VARIABLE: "my_module", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_allowed_module_builds_a_network_that_is_wrapped(module):
    own.allow(["my_module:make_net"])
    assert resolve("my_module:make_net").family == "own"
    model = create_model("my_module:make_net", num_classes=7, in_channels=1)
    outputs = model.outputs(torch.rand(2, 1, 8, 8), features=True)
    assert (outputs.logits.shape, outputs.features.shape) == ((2, 7), (2, 8))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "4.weight", "4.bias"]
    assert create_model("my_module:ten", num_classes=10, in_channels=1)(
        torch.rand(2, 1, 8, 8)
    ).shape == (
        2,
        10,
    )
    assert worker_environment()[own.VARIABLE] == "my_module"
    code = (
        "from bickd_core.models.factory import create_model; create_model('my_module:make_net',"
        " num_classes=5)"
    )
    environment = {**os.environ, **worker_environment()}
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd="/", check=False
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "my_module:make_nett",
            "a function of 'my_module' must be one of Path, .*the nearest is 'make_net'",
        ),
        ("my_module:broken", "could not be built: RuntimeError: no such file."),
        ("my_module:number", "must be built as an nn.Module, got a int"),
        ("my_module:headless", "the network has no nn.Linear"),
        (
            "my_module:ten",
            "puts out 10 classes, and the data has 7; let its builder use num_classes",
        ),
        (
            "not_there:make",
            "the module 'not_there' of 'not_there:make' does not import: ModuleNotFoundError",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(module, name, words):
    own.allow(["my_module", "not_there"])
    with pytest.raises(ValueError, match=words) as caught:
        create_model(name, num_classes=7, in_channels=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arch": "my_module:nope"}, "a function of 'my_module' must be one of"),
        ({"arch": "my_module:eleven"}, "puts out 11 classes, and the data has 10"),
        ({"arch": "my_module:fixed"}, r"must take images of 1 x 8 x 8, but failed .*RuntimeError"),
        ({"arch": "my_module:wrapped"}, r"must put out 10 numbers .* gave \(2, 11\) for two"),
        ({"arch": "my_module:deep"}, r"layer '0' must put out one tensor of 2 to 4 dimensions"),
        ({"arch": "my_module:ten", "device": "cuda"}, "torch sees no CUDA device here"),
    ],
)
def test_settings_that_cannot_train_make_no_run(module, library, changes, words):
    if "device" in changes and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    own.allow(["my_module"])
    config = small_config(role="teacher", **changes)
    plan = [PlannedRun("mine", "ce", "", config)]
    for refuse in (
        lambda: create_run(config, library, name="mine"),
        lambda: submit_race([config], library, names=["mine"], start=False),
        lambda: check_sweep(plan, library),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            refuse()
        assert "\n" not in str(caught.value)
        assert not list(library.own.iterdir())
    check_sweep(plan, library, here=False)  # another machine may have what is missing here


def test_a_corrected_module_is_read_again(module, library):
    own.allow(["my_module"])
    create_run(small_config(role="teacher", arch="my_module:ten"), library)
    later = small_config(role="teacher", arch="my_module:added")
    with pytest.raises(ValueError, match="a function of 'my_module'"):
        create_run(later, library)
    (module / "my_module.py").write_text(CODE + "added = ten\n")
    create_run(later, library, name="added")


def test_a_pair_of_a_sweep_may_name_it():
    assert _pair("a/teacher:my_module:make_net") == {
        "teacher": "a/teacher",
        "student": "my_module:make_net",
    }
    assert _pair("teacher:timm:resnet18") == {"teacher": "teacher", "student": "timm:resnet18"}
    assert _pair("a/teacher:resnet8") == {"teacher": "a/teacher", "student": "resnet8"}


def test_an_installed_package_offers_a_network(module, monkeypatch):
    point = importlib.metadata.EntryPoint("their-net", "my_module:make_net", own.GROUP)
    own.offered.cache_clear()
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [point] if group == own.GROUP else []
    )
    try:
        monkeypatch.syspath_prepend(module)
        assert resolve("their-net").title == "their-net of my_module"
        listed = choices(10, 3, 32)["their-net"]
        assert (listed.label, listed.parameters) == (
            "their-net of my_module · from an installed package",
            None,
        )
        assert cost_table({"their-net": listed})[0]["Parameters"] is None
        assert not (module / "was-imported").exists()
        model = create_model("their-net", num_classes=4, in_channels=1)
        assert model(torch.rand(1, 1, 8, 8)).shape == (1, 4)
    finally:
        own.offered.cache_clear()


@pytest.mark.usefixtures("quick_umap")
def test_an_own_teacher_is_trained_and_distilled_into_a_student_of_the_catalogue(
    module, library, monkeypatch
):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    common = [
        "--dataset",
        "digits",
        "--epochs",
        "1",
        "--train-limit",
        "100",
        "--device",
        "cpu",
        "--kernels",
        "torch",
    ]

    def bickd(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        return ended.value.code

    teach = [
        "train",
        "--name",
        "mine",
        "--role",
        "teacher",
        "--arch",
        "my_module:make_net",
        *common,
        "ce",
        "sgd",
    ]
    assert bickd(*teach) == 0
    assert library.find("mine").info().arch == "my_module:make_net"
    student = ["train", "--name", "small", "--teacher", "mine", "--arch", "convnet-small", *common]
    monkeypatch.setenv(own.VARIABLE, "")
    assert bickd(*student, "kd", "sgd") == 2  # the teacher's module is not allowed in this command
    assert not (library.own / "small").exists()
    assert bickd(*student, "--name", "student", "--modules", "my_module", "kd", "sgd") == 0
    info = library.find("student").info()
    assert (info.arch, info.teacher.key, library.find("student").status().state) == (
        "convnet-small",
        "mine",
        "finished",
    )
