"""Our kernel beside the formula in float64, beside torch's own operations, and where it must not be
used."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bickd_core.kernels.building import load_kernels
from bickd_core.kernels.norm_relu import _FUSED, fuse, norm_relu
from bickd_core.models.factory import create_model

pytestmark = pytest.mark.skipif(
    load_kernels() is not None, reason=f"no kernels here: {load_kernels()}"
)
EXACT = {torch.float32: 2e-5, torch.bfloat16: 2**-8}  # of the greatest value; bfloat16 has 8 bits


def maps(shape, dtype, seed, scale=1.0, shift=0.0):
    made = torch.from_numpy(np.random.default_rng(seed).normal(shift, scale, shape))
    return made.to(dtype).contiguous(memory_format=torch.channels_last)


def norm_of(channels, seed=0):
    norm = nn.BatchNorm2d(channels)
    chance = np.random.default_rng(seed)
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(chance.uniform(-1.5, 1.5, channels)))
        norm.bias.copy_(torch.from_numpy(chance.normal(0, 0.5, channels)))
        norm.running_mean.copy_(torch.from_numpy(chance.normal(0, 1, channels)))
        norm.running_var.copy_(torch.from_numpy(chance.uniform(0.5, 2, channels)))
    return fuse(norm.train())


def slow(x, gamma, beta, addend, dy, eps):
    """The formula channel by channel in float64: y, dx, d gamma, d beta, d addend, mean, unbiased
    variance."""
    x, dy = x.double().numpy(), dy.double().numpy()
    add = np.zeros_like(x) if addend is None else addend.double().numpy()
    y, dx, da = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    dgamma, dbeta, means, variances = [], [], [], []
    for c in range(x.shape[1]):
        values = x[:, c].ravel()
        n, mean = len(values), values.mean()
        variance = ((values - mean) ** 2).mean()
        h = (values - mean) / np.sqrt(variance + eps)
        z = gamma[c] * h + beta[c] + add[:, c].ravel()
        g = np.where(z > 0, dy[:, c].ravel(), 0.0)
        y[:, c] = np.maximum(z, 0).reshape(x[:, c].shape)
        da[:, c] = g.reshape(x[:, c].shape)
        back = gamma[c] / np.sqrt(variance + eps) * (g - g.mean() - h * (g * h).mean())
        dx[:, c] = back.reshape(x[:, c].shape)
        dgamma.append((g * h).sum())
        dbeta.append(g.sum())
        means.append(mean)
        variances.append(variance * n / (n - 1))
    return y, dx, np.array(dgamma), np.array(dbeta), da, np.array(means), np.array(variances)


def run(norm, x, addend, dy):
    inputs = [x.clone().requires_grad_()]
    if addend is not None:
        inputs.append(addend.clone().requires_grad_())
    y = norm_relu(norm, *inputs)
    y.backward(dy)
    return y.detach(), [one.grad for one in inputs]


def close(found, wanted, dtype, far=1.0):
    wanted = np.asarray(wanted)
    found = found.detach().double().numpy()
    assert np.abs(found - wanted).max() <= far * EXACT[dtype] * max(np.abs(wanted).max(), 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize(
    ("batch", "channels", "size"),
    [
        (4, 16, 8),
        (3, 32, 6),
        (2, 64, 5),
        (5, 48, 4),
        (2, 112, 4),
        (8, 8, 4),
        (4, 128, 3),
        (33, 16, 32),
    ],
)
def test_it_says_what_the_formula_says(batch, channels, size, added, dtype):
    shape = (batch, channels, size, size)
    x, dy = maps(shape, dtype, 1, scale=2.0, shift=0.7), maps(shape, dtype, 2)
    addend = maps(shape, dtype, 3) if added else None
    norm = norm_of(channels)
    before = norm.running_mean.double().numpy(), norm.running_var.double().numpy()
    gamma, beta = (p.detach().double().numpy() for p in (norm.weight, norm.bias))
    y, dx, dgamma, dbeta, da, mean, variance = slow(x, gamma, beta, addend, dy, norm.eps)
    found, grads = run(norm, x, addend, dy)
    assert found.dtype == grads[0].dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    close(found, y, dtype)
    close(grads[0], dx, dtype)
    if added:
        close(grads[1], da, dtype)
    close(norm.weight.grad, dgamma, torch.float32, far=5)
    close(norm.bias.grad, dbeta, torch.float32, far=5)
    close(norm.running_mean, 0.9 * before[0] + 0.1 * mean, torch.float32)
    close(norm.running_var, 0.9 * before[1] + 0.1 * variance, torch.float32)
    assert int(norm.num_batches_tracked) == 1


@pytest.mark.parametrize("shift", [-1000.0, 300.0])
def test_a_mean_far_from_zero_costs_no_digits(shift):
    shape = (8, 16, 8, 8)
    x, dy = maps(shape, torch.float32, 1, shift=shift), maps(shape, torch.float32, 2)
    norm = norm_of(16)
    gamma, beta = (p.detach().double().numpy() for p in (norm.weight, norm.bias))
    before = norm.running_var.double().numpy()
    y, dx, dgamma, dbeta, _, _, variance = slow(x, gamma, beta, None, dy, norm.eps)
    found, (grad,) = run(norm, x, None, dy)
    close(found, y, torch.float32, far=20)  # x itself has so many digits only
    close(norm.running_var, 0.9 * before + 0.1 * variance, torch.float32)
    same = (found > 0).numpy() == (y > 0)
    assert same.mean() > 0.999
    assert np.abs(grad.numpy() - dx)[same].max() < 1e-2 * np.abs(dx).max()
    close(norm.weight.grad, dgamma, torch.float32, far=200)
    close(norm.bias.grad, dbeta, torch.float32, far=200)


@settings(max_examples=25)
@given(
    batch=st.integers(1, 6),
    channels=st.sampled_from([4, 8, 16, 24, 32, 64, 96]),
    size=st.integers(2, 9),
    shift=st.floats(-20, 20),
    seed=st.integers(0, 1000),
)
def test_it_says_what_torch_says_for_any_shape(batch, channels, size, shift, seed):
    shape = (batch, channels, size, size)
    x, dy = maps(shape, torch.float32, seed, shift=shift), maps(shape, torch.float32, seed + 1)
    ours, theirs = norm_of(channels), norm_of(channels)
    del theirs.__dict__[_FUSED]
    (y, (dx,)), (z, (dz,)) = run(ours, x, None, dy), run(theirs, x, None, dy)
    torch.testing.assert_close(y, z, rtol=1e-3, atol=2e-3)
    clear = (z > 2e-3) | (y == 0) & (z == 0)  # one rounding may put a value on the other side of 0
    if bool(clear.all()):
        torch.testing.assert_close(dx, dz, rtol=1e-2, atol=2e-3 * float(dz.abs().max()))
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-3, atol=1e-3)


def test_the_number_of_threads_changes_nothing():
    x, dy = maps((16, 16, 32, 32), torch.bfloat16, 1), maps((16, 16, 32, 32), torch.bfloat16, 2)
    said = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        norm = norm_of(16)
        y, grads = run(norm, x, x.flip(0).contiguous(memory_format=torch.channels_last), dy)
        said.append(
            [y, *grads, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
        )
    torch.set_num_threads(before)
    for other in said[1:]:
        assert all(torch.equal(a, b) for a, b in zip(said[0], other, strict=True))


def test_what_is_not_a_number_stays_so_and_a_constant_channel_is_shifted():
    x = maps((2, 16, 4, 4), torch.float32, 1)
    x[:, 3] = 5.0
    norm = norm_of(16)
    y, _ = run(norm, x, None, torch.ones_like(x))
    torch.testing.assert_close(
        y[:, 3], norm.bias[3].detach().clamp(min=0).expand(2, 4, 4), atol=1e-3, rtol=0
    )
    x[0, 7, 1, 1] = float("nan")
    y, (dx,) = run(norm, x, None, torch.ones_like(x))
    assert bool(y[:, 7].isnan().all())
    assert bool(dx[:, 7].isnan().all())
    assert not bool(y[:, :7].isnan().any())


@pytest.mark.parametrize(
    ("x", "addend"),
    [
        (torch.randn(2, 16, 4, 4), None),  # channels first
        (maps((2, 5, 3, 3), torch.float32, 0), None),  # groups of 5 pixels
        (maps((2, 16, 4, 4), torch.float64, 0), None),
        (maps((2, 16, 4, 4), torch.float32, 0), torch.randn(2, 16, 4, 4)),
        (maps((2, 16, 4, 4), torch.float32, 0), maps((2, 16, 4, 4), torch.bfloat16, 0)),
    ],
)
def test_maps_that_do_not_suit_go_through_torch_and_the_kernel_refuses_them(x, addend):
    norm = norm_of(x.shape[1]).to(x.dtype if x.dtype == torch.float64 else torch.float32)
    expected = torch.relu(norm.eval().train()(x) + (0 if addend is None else addend))
    assert torch.equal(norm_relu(norm, x, addend), expected)
    with pytest.raises(RuntimeError, match="must|use batch_norm and relu"):
        torch.ops.bickd.norm_relu(
            x, norm.weight, norm.bias, norm.running_mean, norm.running_var, addend, 0.1, 1e-5
        )


def test_evaluation_and_unmarked_norms_are_torchs_own():
    x = maps((2, 16, 4, 4), torch.float32, 0)
    norm = norm_of(16).eval()
    assert torch.equal(norm_relu(norm, x), torch.relu(norm(x)))
    assert int(norm.num_batches_tracked) == 0


@pytest.mark.parametrize(
    "arch",
    [
        "resnet8",
        "wrn-16-1",
        "ResNet50",
        "ShuffleV1",
        "ShuffleV2",
        "vgg8",
        "MobileNetV2",
        "convnet-small",
    ],
)
def test_a_marked_network_learns_what_the_other_learns(arch):
    def gradients(mark):
        torch.manual_seed(0)
        model = (
            create_model(arch, num_classes=10, in_channels=3)
            .to(memory_format=torch.channels_last)
            .train()
        )
        if mark:
            fuse(model)
        images = maps((8, 3, 32, 32), torch.float32, 0)
        loss = nn.functional.cross_entropy(model(images), torch.arange(8))
        loss.backward()
        state = model.state_dict()
        return float(loss.detach()), {name: p.grad for name, p in model.named_parameters()}, state

    (a, ours, state), (b, theirs, other) = gradients(True), gradients(False)
    assert a == pytest.approx(b, rel=1e-4)
    assert list(state) == list(other)
    for name, gradient in theirs.items():
        apart = float(
            (ours[name] - gradient).norm()
        )  # a value on the other side of 0 is another mask
        assert apart <= 5e-2 * max(float(gradient.norm()), 1e-4), name
    for name, buffer in other.items():
        torch.testing.assert_close(state[name], buffer, rtol=1e-3, atol=1e-4)


def test_the_networks_in_the_loop_use_the_kernel(monkeypatch):
    from bickd_core.kernels import norm_relu as module

    asked = []
    monkeypatch.setattr(
        module, "_suits", lambda norm, x, addend: asked.append(addend is not None) or False
    )
    model = fuse(create_model("resnet8", num_classes=10, in_channels=3).train())
    model(torch.randn(2, 3, 16, 16))
    assert asked.count(True) == 3  # a block's end each
    assert asked.count(False) == 4
