"""The networks: names, sizes, shapes, parameter names, initialisation, errors."""

import doctest
import subprocess
import sys

import pytest
import torch

from bickd_core.models import catalogue
from bickd_core.models.catalogue import MODELS, resolve
from bickd_core.models.deep_resnet import DeepResNet
from bickd_core.models.factory import create_model
from bickd_core.models.resnet import ResNet
from bickd_core.models.vgg import VGG
from bickd_core.models.wrn import PreactivationBlock, WideResNet

ADDED = [
    "resnet20-a", "resnet18", "resnet18-imagenet", "vgg11-mlp", "mobilenetv2-x0.5", "shufflenetv2-x0.5", "repvgg-a0",
]  # fmt: skip
SMALL = ["convnet-small", "resnet8", "resnet20", "resnet14x2", "resnet8x4", "wrn-16-1", "wrn-16-2"]
OTHERS = ["vgg8", "vgg13", "mobilenetv2", "shufflenetv1", "shufflenetv2", "resnet50"]
BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]

# Listed by hand after models/resnet.py of HobbitLong/RepDistiller: which tensors its state dicts
# hold.
PLAIN_BLOCK = ["conv1.weight", "conv2.weight", *(f"bn{n}.{k}" for n in (1, 2) for k in BATCH_NORM)]
SHORTCUT = ["downsample.0.weight", *(f"downsample.1.{k}" for k in BATCH_NORM)]
ENDS = ["conv1.weight", *(f"bn1.{k}" for k in BATCH_NORM), "fc.weight", "fc.bias"]
BLOCKS_WITH_SHORTCUT = {
    "resnet20": {"layer2.0", "layer3.0"},
    "resnet8x4": {"layer1.0", "layer2.0", "layer3.0"},  # its stem is narrower than its first stage
}


@pytest.mark.parametrize(("name", "blocks"), [("resnet20", 3), ("resnet8x4", 1)])
def test_parameter_names_are_repdistillers(name, blocks):
    expected = set(ENDS)
    for block in (f"layer{stage}.{n}" for stage in (1, 2, 3) for n in range(blocks)):
        keys = PLAIN_BLOCK + (SHORTCUT if block in BLOCKS_WITH_SHORTCUT[name] else [])
        expected |= {f"{block}.{key}" for key in keys}
    assert set(create_model(name, num_classes=100).state_dict()) == expected


# Listed by hand after models/wrn.py of HobbitLong/RepDistiller.
WRN_BLOCK = ["conv1.weight", "conv2.weight", *(f"bn{n}.{k}" for n in (1, 2) for k in BATCH_NORM)]
WRN_SHORTCUTS = {
    "wrn-16-1": {"block2.layer.0", "block3.layer.0"},  # its first stage is as wide as the stem
    "wrn-40-2": {"block1.layer.0", "block2.layer.0", "block3.layer.0"},
}


@pytest.mark.parametrize(("name", "blocks"), [("wrn-16-1", 2), ("wrn-40-2", 6)])
def test_parameter_names_of_wide_resnets_are_repdistillers(name, blocks):
    expected = set(ENDS)
    for block in (f"block{stage}.layer.{n}" for stage in (1, 2, 3) for n in range(blocks)):
        shortcut = ["convShortcut.weight"] if block in WRN_SHORTCUTS[name] else []
        expected |= {f"{block}.{key}" for key in WRN_BLOCK + shortcut}
    assert set(create_model(name, num_classes=100).state_dict()) == expected


def test_a_wide_block_shares_its_normalised_input_only_where_the_width_changes():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 8, 8)
    for width, stride in ((16, 1), (32, 2)):
        block = PreactivationBlock(16, width, stride).eval()
        block.bn1.running_mean.uniform_(-0.5, 0.5)
        with torch.inference_mode():
            before = x.clone()
            normal = block.bn1(x).clamp(min=0)
            main = block.conv2(block.bn2(block.conv1(normal)).clamp(min=0))
            shortcut = x if width == 16 else block.convShortcut(normal)
            assert torch.allclose(block(x), main + shortcut, atol=1e-6)
            assert torch.equal(x, before)


def test_option_a_has_akamasters_names_and_shortcuts_without_weights():
    names = {"conv1.weight", "linear.weight", "linear.bias", *(f"bn1.{k}" for k in BATCH_NORM)}
    for block in (f"layer{stage}.{n}" for stage in (1, 2, 3) for n in range(3)):
        names |= {f"{block}.{key}" for key in PLAIN_BLOCK}
    model = create_model("resnet20-a", num_classes=10)
    assert set(model.state_dict()) == names
    x = torch.randn(2, 16, 6, 6)
    expected = torch.cat([torch.zeros(2, 8, 3, 3), x[:, :, ::2, ::2], torch.zeros(2, 8, 3, 3)], 1)
    assert torch.equal(model.layer2[0].downsample(x), expected)


# Listed by hand after the modules of chenyaofo/pytorch-cifar-models.
CHENYAOFO = {
    "vgg11-mlp": ["features.0.bias", "features.25.weight", "features.26.running_var", "classifier.3.weight"],
    "mobilenetv2-x0.5": [
        "features.0.0.weight", "features.1.conv.0.0.weight", "features.1.conv.2.bias", "features.2.conv.0.1.weight",
        "features.17.conv.3.weight", "features.18.1.running_mean", "classifier.1.bias",
    ],
    "shufflenetv2-x0.5": [
        "conv1.0.weight", "stage2.0.branch1.2.weight", "stage3.7.branch2.6.weight", "conv5.1.bias", "fc.weight",
    ],
    "repvgg-a0": [
        "stage0.rbr_dense.conv.weight", "stage0.rbr_1x1.bn.weight", "stage1.0.rbr_identity.weight",
        "stage3.13.rbr_dense.bn.running_var", "stage4.0.rbr_1x1.conv.weight", "linear.weight",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [
        ("vgg11-mlp", 8 * 2 + 8 * 5 + 6, 9_756_426),
        ("mobilenetv2-x0.5", 52 + 52 * 5 + 2, 700_490),
        ("shufflenetv2-x0.5", 56 + 56 * 5 + 2, 352_042),
        ("repvgg-a0", 44 + (44 + 18) * 5 + 2, 7_840_874),
    ],
)
def test_networks_of_chenyaofo_have_their_names_and_sizes(name, tensors, parameters):
    state = create_model(name, num_classes=10).state_dict()
    assert set(CHENYAOFO[name]) <= set(state)
    assert len(state) == tensors
    assert MODELS[name].parameters(10) == parameters


@pytest.mark.parametrize("name", ["vgg16_bn", "mobilenetv2_x1_4", "shufflenetv2_x1_5", "repvgg_a2"])
def test_the_names_of_chenyaofo_are_known(name):
    assert resolve(name.replace("_bn", "_mlp")).family in (
        "vgg-mlp",
        "mobilenetv2-widths",
        "shufflenetv2-widths",
        "repvgg",
    )


def test_some_published_shapes():
    shapes = {
        k: tuple(v.shape)
        for k, v in create_model("resnet8x4", num_classes=100).state_dict().items()
    }
    assert shapes["conv1.weight"] == (32, 3, 3, 3)
    assert shapes["layer1.0.downsample.0.weight"] == (64, 32, 1, 1)
    assert shapes["layer3.0.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["fc.weight"] == (100, 256)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet20", 278_324),
        ("resnet32", 472_756),
        ("resnet56", 861_620),
        ("resnet110", 1_736_564),
        ("resnet8x4", 1_233_540),
        ("resnet32x4", 7_433_860),
        ("wrn-16-1", 180_916),
        ("wrn-16-2", 703_284),
        ("wrn-40-1", 569_780),
        ("wrn-40-2", 2_255_156),
    ],
)
def test_parameter_counts_with_100_classes(name, parameters):
    model = create_model(name, num_classes=100)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize(
    "name", [name for name, info in MODELS.items() if info.family in ("convnet", "resnet")]
)
def test_depth_is_the_longest_path_of_weights(name):
    model = create_model(name, num_classes=10)
    weights = [
        key for key, p in model.named_parameters() if p.ndim in (2, 4) and "downsample" not in key
    ]
    assert MODELS[name].depth == len(weights)


def last_size(name, size):
    """Side of the last maps, by the halvings that each family makes."""
    if name.endswith("-mlp"):
        return max(1, size // 32)
    if name.startswith("vgg"):
        return size // 16 if size >= 64 else size // 8
    halvings = {
        "mobilenetv2": 4,
        "shufflenetv1": 3,
        "shufflenetv2": 3,
        "resnet50": 3,
        "resnet18": 3,
        "resnet18-imagenet": 5,
        "mobilenetv2-x0.5": 3,
        "shufflenetv2-x0.5": 3,
        "repvgg-a0": 3,
    }.get(name, 2)
    for _ in range(halvings):
        size = (size + 1) // 2
    return size


@pytest.mark.parametrize("name", SMALL + OTHERS + ADDED)
@pytest.mark.parametrize("size", [8, 28, 32, 64])
def test_shapes_for_any_square_image(name, size):
    model = create_model(name, num_classes=7, in_channels=1).eval()
    features = MODELS[name].feature_size
    with torch.inference_mode():
        images = torch.rand(2, 1, size, size)
        outputs = model.outputs(images, features=True, maps=True, stages=True)
        assert outputs.logits.shape == (2, 7)
        assert outputs.features.shape == (2, features)
        assert outputs.maps.shape == (2, features, *2 * [last_size(name, size)])
        assert torch.allclose(outputs.features, outputs.maps.mean((2, 3)), atol=1e-6)
        assert torch.allclose(
            outputs.logits, getattr(model, model.head_name)(outputs.features), atol=1e-6
        )
        assert torch.equal(model(images), outputs.logits)
        plain = model.outputs(images)
    assert plain.features is None
    assert plain.maps is None
    assert plain.stages is None
    assert len(outputs.stages) == len(model.stage_names)
    assert torch.equal(outputs.stages[-1], outputs.features)
    assert [s.shape[1] for s in outputs.stages] == list(MODELS[name].widths)
    assert model.feature_size == features


@pytest.mark.parametrize(
    ("name", "layers", "shift"),
    [
        ("resnet8", ["layer1", "layer2", "layer3"], 1),
        ("convnet-small", ["body.2", "body.6"], 0),
        ("wrn-16-1", ["conv1", "block1", "block2"], 0),
        ("mobilenetv2", ["conv1", "blocks.1", "blocks.2", "blocks.4", "blocks.6", "conv2"], 0),
        ("shufflenetv1", ["layer1", "layer2", "layer3"], 1),
        ("shufflenetv2", ["layer1", "layer2", "layer3"], 1),
        ("resnet50", ["layer1", "layer2", "layer3", "layer4"], 1),
        ("resnet18-imagenet", ["pool", "layer1", "layer2", "layer3", "layer4"], 0),
    ],
)
def test_stages_are_the_means_of_what_the_layers_put_out(name, layers, shift):
    model = create_model(name, num_classes=7).eval()
    seen = {}
    for layer in layers:
        model.get_submodule(layer).register_forward_hook(
            lambda module, given, out, layer=layer: seen.update({layer: out.detach().clone()})
        )
    with torch.inference_mode():
        stages = model.outputs(torch.rand(2, 3, 16, 16), stages=True).stages
    for i, layer in enumerate(layers):
        assert torch.allclose(stages[i + shift], seen[layer].mean((2, 3)), atol=1e-6)


def test_pooling_equals_the_published_average_of_8_by_8():
    model = create_model("resnet8", num_classes=5).eval()
    with torch.inference_mode():
        outputs = model.outputs(torch.rand(3, 3, 32, 32), features=True, maps=True)
        published = torch.nn.functional.avg_pool2d(outputs.maps, 8).flatten(1)
    assert torch.allclose(outputs.features, published, atol=1e-6)


@pytest.mark.parametrize("name", ["convnet-small", "resnet8", "wrn-16-1", *OTHERS])
def test_the_seed_alone_decides_the_weights(name):
    def weights(seed):
        torch.manual_seed(seed)
        return create_model(name, num_classes=5).state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first[next(iter(first))], other[next(iter(first))])


def test_convolutions_start_at_kaimings_scale():
    torch.manual_seed(0)
    weight = create_model("resnet8x4", num_classes=5).layer3[0].conv1.weight  # [256, 128, 3, 3]
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("name", ["convnet-small", "resnet8", "wrn-16-1", *OTHERS])
def test_bf16_autocast_and_channels_last_stay_close_to_float32(name):
    torch.manual_seed(0)
    model = create_model(name, num_classes=5).eval()
    images = torch.rand(4, 3, 16, 16)
    with torch.inference_mode():
        exact = model(images)
        model = model.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model.outputs(images.to(memory_format=torch.channels_last), maps=True)
    assert outputs.maps.is_contiguous(memory_format=torch.channels_last)
    assert (outputs.logits.float() - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("name", ["convnet-small", "resnet8", "wrn-16-1", *OTHERS])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_every_parameter_gets_a_gradient(name, form):
    torch.manual_seed(0)
    model = create_model(name, num_classes=5).to(memory_format=form)
    images = torch.randn(4, 3, 32, 32).to(memory_format=form)
    torch.nn.functional.cross_entropy(model(images), torch.arange(4)).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="got 'resnet9'; the nearest is 'resnet8'"):
        create_model("resnet9", num_classes=5)
    with pytest.raises(ValueError, match="model must be one of convnet-small, resnet8"):
        resolve("zzz")
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        create_model("resnet8", num_classes=1)
    with pytest.raises(ValueError, match="in_channels must be at least 1, got 0"):
        create_model("resnet8", num_classes=2, in_channels=0)
    with pytest.raises(ValueError, match="depth must be 6 n"):
        ResNet(9, (16, 16, 32, 64), num_classes=2)
    with pytest.raises(ValueError, match="depth must be 6 n \\+ 4"):
        WideResNet(20, (16, 16, 32, 64), num_classes=2)
    with pytest.raises(ValueError, match="depth must be one of 8, 11, 13, 16, 19, got 9"):
        VGG(9, (64, 128, 256, 512, 512), num_classes=2)
    with pytest.raises(ValueError, match="depth must be one of 18, 34, 50, got 101"):
        DeepResNet(101, (64, 256, 512, 1024, 2048), num_classes=2)
    model = create_model("resnet8", num_classes=2, in_channels=3)
    with pytest.raises(
        ValueError, match=r"\[batch, 3, height, width\] for this model, got \[2, 1, 8, 8\]"
    ):
        model(torch.zeros(2, 1, 8, 8))


def test_looking_at_the_catalogue_imports_no_torch():
    code = (
        "import sys, bickd_core.models.catalogue, bickd_core.presets; sys.exit('torch' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_examples_in_docstrings_hold():
    result = doctest.testmod(catalogue)
    assert result.failed == 0
    assert result.attempted > 0
