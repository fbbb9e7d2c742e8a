"""timm:NAME with a stand-in for the package, without it, and with one that does not import."""

import sys
import textwrap

import pytest
import torch
from run_helpers import small_config

from bickd_core.models import recognise
from bickd_core.models.catalogue import resolve, timm_command
from bickd_core.models.factory import create_model
from bickd_core.models.renormalised import Renormalised
from bickd_core.runs.create import create_run

FAKE = """
    from torch import nn

    def list_models():
        return ["tiny", "pairs", "last", "headless"]

    class Tiny(nn.Module):
        def __init__(self, num_classes, in_chans):
            super().__init__()
            self.stem = nn.Conv2d(in_chans, 4, 3, padding=1)
            self.stage = nn.Conv2d(4, 8, 3, stride=2, padding=1)
            self.fc = nn.Linear(8, num_classes)
            self.feature_info = [{"module": "stem", "num_chs": 4}, {"module": "stage", "num_chs": 8}]

        def get_classifier(self):
            return self.fc

        def forward(self, x):
            return self.fc(self.stage(self.stem(x)).mean((2, 3)))

    class Headless(Tiny):
        def get_classifier(self):
            return self.stage

    class ChannelsLast(nn.Sequential):
        def forward(self, x):
            return super().forward(x).movedim(1, -1)

    class Last(Tiny):
        output_fmt = "NHWC"

        def __init__(self, num_classes, in_chans):
            super().__init__(num_classes, in_chans)
            self.stage = ChannelsLast(self.stage)
            del self.feature_info[0]

        def forward(self, x):
            return self.fc(self.stage(self.stem(x)).mean((1, 2)))

    class Both(nn.Module):
        def forward(self, x):
            return x, x

    class Pairs(Tiny):
        def __init__(self, num_classes, in_chans):
            super().__init__(num_classes, in_chans)
            self.both = Both()
            self.feature_info[1]["module"] = "both"

        def forward(self, x):
            return self.fc(self.both(self.stage(self.stem(x)))[0].mean((2, 3)))

    def create_model(name, pretrained, num_classes, in_chans):
        assert pretrained is False
        kinds = {"tiny": Tiny, "pairs": Pairs, "last": Last, "headless": Headless}
        return kinds[name](num_classes, in_chans)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    def write(code):
        (tmp_path / "timm").mkdir()
        (tmp_path / "timm" / "__init__.py").write_text(textwrap.dedent(code))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "timm", raising=False)

    yield write
    sys.modules.pop("timm", None)


def test_a_network_of_timm_gives_features_maps_and_stages(install):
    install(FAKE)
    assert resolve("timm:tiny").title == "tiny of timm"
    model = create_model("timm:tiny", num_classes=7, in_channels=1)
    outputs = model.outputs(torch.rand(2, 1, 8, 8), features=True, maps=True, stages=True)
    assert outputs.logits.shape == (2, 7)
    assert outputs.features.shape == (2, 8)
    assert outputs.maps.shape == (2, 8, 4, 4)
    assert model.stage_names == ("stem", "stage", "features")
    assert [stage.shape[1] for stage in outputs.stages] == [4, 8, 8]
    assert "fc.weight" in model.state_dict()


def test_maps_with_the_channels_last_are_read_by_channel(install):
    install(FAKE)
    model = create_model("timm:last", num_classes=7, in_channels=1)
    outputs = model.outputs(torch.rand(2, 1, 8, 6), features=True, maps=True, stages=True)
    assert outputs.maps.shape == (2, 8, 4, 3)
    torch.testing.assert_close(outputs.maps.mean((2, 3)), outputs.features)
    torch.testing.assert_close(outputs.stages[0], outputs.features)


def test_stages_that_are_pairs_of_tensors_are_left_out(install):
    install(FAKE)
    model = create_model("timm:pairs", num_classes=7, in_channels=1)
    around = Renormalised(model, mean=[0.5], std=[0.5], own_mean=[0.0], own_std=[1.0])
    for _ in range(2):
        outputs = around.outputs(torch.rand(2, 1, 8, 8), features=True, stages=True)
        assert model.stage_names == around.stage_names == ("stem", "features")
        assert [stage.shape[1] for stage in outputs.stages] == [4, 8]
    with pytest.raises(ValueError, match="layer 'both' must put out one tensor"):
        model.outputs(torch.rand(2, 1, 8, 8), maps=True)


def test_names_that_timm_does_not_have_and_heads_that_do_not_fit(install):
    install(FAKE)
    with pytest.raises(ValueError, match="timm has no model 'tinny'; the nearest is 'tiny'"):
        create_model("timm:tinny", num_classes=7)
    with pytest.raises(ValueError, match="timm:headless must end in one nn.Linear, got a Conv2d"):
        create_model("timm:headless", num_classes=7)


def test_a_run_can_be_named_after_it(install, library):
    install(FAKE)
    run = create_run(small_config(role="teacher", arch="timm:tiny"), library)
    assert run.key == "digits-timm-tiny-teacher-s1"
    assert run.info().arch == "timm:tiny"


def test_a_timm_that_does_not_import_says_why(install):
    install("raise RuntimeError('operator torchvision::nms does not exist.\\nmore')")
    with pytest.raises(
        ValueError,
        match=r"RuntimeError: operator torchvision::nms does not exist\); run `pip install",
    ) as caught:
        create_model("timm:tiny", num_classes=7)
    assert "\n" not in str(caught.value)


def test_without_timm_it_is_said_before_a_run_is_made(monkeypatch, library):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match="timm:tiny needs the package timm, which is not installed"
    ):
        create_run(small_config(role="teacher", arch="timm:tiny"), library)
    assert not list(library.own.glob("*"))


@pytest.mark.parametrize(
    ("torch", "command"),
    [
        ("2.13.0", "pip install --upgrade timm torchvision torch==2.13.0"),
        (
            "2.13.0+cpu",
            (
                "pip install --upgrade --extra-index-url https://download.pytorch.org/whl/cpu timm"
                " torchvision torch==2.13.0+cpu"
            ),
        ),
        (
            "2.13.0+cu130",
            (
                "pip install --upgrade --extra-index-url https://download.pytorch.org/whl/cu130"
                " timm torchvision torch==2.13.0+cu130"
            ),
        ),
    ],
)
def test_the_command_that_installs_timm_keeps_the_torch_that_is_here(monkeypatch, torch, command):
    monkeypatch.setattr("importlib.metadata.version", lambda name: torch)
    assert timm_command() == command


def test_torchvision_is_named_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="torchvision:resnet18 needs the package torchvision"):
        create_model("torchvision:resnet18", num_classes=7)


def test_torchvisions_weights_load_into_our_resnet():
    pytest.importorskip("torchvision", reason="torchvision is not installed", exc_type=Exception)
    theirs = create_model("torchvision:resnet18", num_classes=7).eval()
    (found,) = recognise({name: tuple(value.shape) for name, value in theirs.state_dict().items()})
    ours = create_model(found.name, num_classes=7).eval()
    ours.load_state_dict(
        {name: theirs.state_dict()[stored] for name, stored in found.reading.names.items()},
        strict=False,
    )
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), atol=1e-5, rtol=1e-4)
