"""Each family's block against its formula, written plainly on the block's own layers."""

import pytest
import torch

from bickd_core.models import deep_resnet, mobilenetv2, shufflenetv1, shufflenetv2
from bickd_core.models.factory import create_model


def ready(block):
    """Evaluation mode, batch norms that are not the identity."""
    torch.manual_seed(1)
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
    return block.eval().requires_grad_(False)


def check(block, x, expected):
    before = x.clone()
    assert torch.allclose(block(x), expected, atol=1e-5)
    assert torch.equal(x, before)


def shuffled(x, groups):
    """Channel j of group i comes to place j * groups + i."""
    out, length = torch.empty_like(x), x.shape[1] // groups
    for i in range(groups):
        for j in range(length):
            out[:, j * groups + i] = x[:, i * length + j]
    return out


def relu(x):
    return x.clamp(min=0)


@pytest.mark.parametrize(("width", "stride"), [(8, 1), (8, 2), (12, 1)])
def test_an_inverted_residual_adds_its_input_where_the_shape_allows_it(width, stride):
    block = ready(mobilenetv2.InvertedResidual(8, width, stride, 6))
    x = torch.randn(2, 8, 9, 9)
    c = block.conv
    main = c[7](c[6](relu(c[4](c[3](relu(c[1](c[0](x))))))))
    check(block, x, main + x if (width, stride) == (8, 1) else main)


@pytest.mark.parametrize("halve", [True, False])
@pytest.mark.parametrize("entry_groups", [1, 3])
def test_a_shuffle_unit_of_version_1(halve, entry_groups):
    inputs, width = (24, 240) if halve else (240, 240)
    block = ready(shufflenetv1.Unit(inputs, width, halve=halve, entry_groups=entry_groups))
    x = torch.randn(2, inputs, 7, 7)
    y = shuffled(relu(block.bn1(block.conv1(x))), entry_groups)
    y = block.bn3(block.conv3(relu(block.bn2(block.conv2(y)))))
    if halve:
        padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
        means = torch.stack(
            [
                padded[:, :, r : r + 3, c : c + 3].mean((2, 3))
                for r in (0, 2, 4, 6)
                for c in (0, 2, 4, 6)
            ],
            2,
        ).view(2, inputs, 4, 4)
        check(block, x, relu(torch.cat([y, means], 1)))
    else:
        check(block, x, relu(x + y))


def test_the_units_of_version_2():
    x = torch.randn(2, 12, 6, 6)
    unit = ready(shufflenetv2.Unit(12))
    y = unit.bn2(unit.conv2(relu(unit.bn1(unit.conv1(x[:, 6:])))))
    y = relu(unit.bn3(unit.conv3(y)))
    check(unit, x, shuffled(torch.cat([x[:, :6], y], 1), 2))
    halving = ready(shufflenetv2.HalvingUnit(12, 20))
    left = relu(halving.bn2(halving.conv2(halving.bn1(halving.conv1(x)))))
    right = halving.bn4(halving.conv4(relu(halving.bn3(halving.conv3(x)))))
    right = relu(halving.bn5(halving.conv5(right)))
    check(halving, x, shuffled(torch.cat([left, right], 1), 2))


@pytest.mark.parametrize(("inputs", "stride"), [(16, 1), (8, 1), (16, 2)])
def test_a_bottleneck(inputs, stride):
    block = ready(deep_resnet.Bottleneck(inputs, 16, stride))
    x = torch.randn(2, inputs, 5, 5)
    y = block.bn3(block.conv3(relu(block.bn2(block.conv2(relu(block.bn1(block.conv1(x))))))))
    shortcut = x if (inputs, stride) == (16, 1) else block.shortcut[1](block.shortcut[0](x))
    check(block, x, relu(y + shortcut))


@pytest.mark.parametrize(("size", "poolings"), [(32, 3), (64, 4)])
def test_vgg_is_its_layers_one_after_another(size, poolings):
    model = ready(create_model("vgg11", num_classes=5))
    x = torch.rand(2, 3, size, size)
    y = x
    for number in range(5):
        if 0 < number <= poolings or (number == 4 and poolings == 4):
            y = torch.nn.functional.max_pool2d(y, 2)
        y = relu(getattr(model, f"block{number}")(y))
    check(model, x, model.classifier(y.mean((2, 3))))
