"""`bickd import --arch timm:NAME --pretrained`, with a stand-in for timm and its hub."""

import sys
import textwrap

import numpy as np
import pytest
import torch
from weights_helpers import import_weights

from bickd_cli.main import main
from bickd_core.data.registry import dataset_info
from bickd_core.importing import weights
from bickd_core.importing.pretrained import fetch_pretrained
from bickd_core.runs.checkpoints import read_weights
from bickd_core.runs.library import Library

FAKE = """
    import types
    import torch
    from torch import nn

    CLASSES, REACHED = 10, True

    def list_models():
        return ["tiny", "bare"]

    def get_pretrained_cfg(name):
        if name.endswith(".nothing"):
            raise RuntimeError("Invalid pretrained tag (nothing) for tiny.")
        if name == "bare":
            return None
        fields = {"mean": (0.5,), "std": (0.25,), "input_size": (1, 8, 8), "interpolation": "bilinear", "crop_pct": 0.9}
        return types.SimpleNamespace(has_weights=True, num_classes=CLASSES, to_dict=lambda: fields)

    class Tiny(nn.Module):
        def __init__(self, num_classes):
            super().__init__()
            self.stage = nn.Conv2d(1, 8, 3, padding=1)
            self.fc = nn.Linear(8, num_classes)
            self.feature_info = [{"module": "stage", "num_chs": 8}]

        def get_classifier(self):
            return self.fc

        def forward(self, x):
            return self.fc(self.stage(x).relu().mean((2, 3)))

    def create_model(name, pretrained, num_classes=CLASSES, in_chans=1):
        if pretrained and not REACHED:
            raise ConnectionError("[Errno -2] Name or service not known")
        torch.manual_seed(7 if pretrained else 8)
        return Tiny(num_classes)
"""


@pytest.fixture
def timm(tmp_path, monkeypatch):
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text(textwrap.dedent(FAKE))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    import timm

    yield timm
    sys.modules.pop("timm", None)


def fetch(arch, folder, dataset="digits"):
    return fetch_pretrained(arch, dataset_info(dataset), folder)


def test_the_weights_and_what_timm_says_of_the_inputs(timm, tmp_path):
    found = fetch("timm:tiny.some_tag", tmp_path)
    assert (found.file.name, found.arch) == ("tiny.some_tag.safetensors", "timm:tiny.some_tag")
    assert found.inputs == {
        "normalisation": "given",
        "mean": (0.5,),
        "std": (0.25,),
        "input_size": 8,
        "interpolation": "bilinear",
        "crop_share": 0.9,
    }


@pytest.mark.parametrize(
    ("arch", "words"),
    [
        (
            "resnet8",
            "--pretrained needs a timm network, such as --arch timm:resnet18, got resnet8.",
        ),
        ("", "got none."),
        ("timm:tinny", "timm has no model 'tinny'; the nearest is 'tiny'."),
        (
            "timm:tiny.nothing",
            "timm has no such weights of tiny.nothing: Invalid pretrained tag (nothing) for tiny.",
        ),
        (
            "timm:bare",
            "timm has no pretrained weights of bare; choose another network, or import a file.",
        ),
    ],
)
def test_what_has_no_weights_is_a_sentence(timm, tmp_path, arch, words):
    with pytest.raises(ValueError, match=".") as caught:
        fetch(arch, tmp_path)
    assert str(caught.value).endswith(words)
    assert "\n" not in str(caught.value)


def test_another_number_of_classes_is_refused_before_the_hub_is_asked(timm, tmp_path, monkeypatch):
    monkeypatch.setattr(timm, "CLASSES", 1000)
    monkeypatch.setattr(timm, "create_model", None)
    with pytest.raises(
        ValueError,
        match="are for 1,000 classes, but dataset digits has 10 classes; choose data of the",
    ):
        fetch("timm:tiny", tmp_path)


def test_without_a_hub_it_is_said_how_to_get_the_weights(timm, tmp_path, monkeypatch):
    monkeypatch.setattr(timm, "REACHED", False)
    with pytest.raises(ValueError, match="could not be downloaded") as caught:
        fetch("timm:tiny", tmp_path)
    assert (
        str(caught.value)
        == "The pretrained weights of timm:tiny could not be downloaded (ConnectionError: ?Errno"
        " -2? Name or service not known); on a machine that reaches the hub, save them with"
        " torch.save(timm.create_model('tiny', pretrained=True).state_dict(), 'w.pth'), and"
        " import w.pth with --arch timm:tiny."
    )


@pytest.mark.usefixtures("quick_umap")
def test_the_command_makes_a_run_of_them(timm, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(weights, "import_weights", import_weights)
    with pytest.raises(SystemExit) as ended:
        main(["import", "--arch", "timm:tiny", "--pretrained", "--dataset", "digits"])
    assert not ended.value.code, capsys.readouterr().err
    run = Library(shelf=tmp_path, own=tmp_path / "runs").find("tiny")
    info = run.info()
    assert (info.arch, info.source.file) == ("timm:tiny", "tiny.safetensors")
    assert (info.preprocessing.name, info.preprocessing.mean) == ("given", (0.5,))
    torch.manual_seed(7)
    expected = timm.Tiny(10).state_dict()
    np.testing.assert_array_equal(
        read_weights(run.weights_path)["fc.weight"], expected["fc.weight"]
    )


@pytest.mark.parametrize(
    ("given", "came"),
    [
        (["--dataset", "digits"], "neither"),
        (["w.pth", "--pretrained", "--dataset", "digits"], "both"),
    ],
)
def test_a_file_or_pretrained_and_not_both(given, came, capsys):
    with pytest.raises(SystemExit):
        main(["import", *given])
    assert (
        capsys.readouterr().err
        == f"bickd: expected a weights file or --arch timm:NAME --pretrained, got {came}.\n"
    )
