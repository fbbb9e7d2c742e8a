"""The operations that a torch.export program may use: tensor arithmetic, but nothing that reads
files or memory."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from bickd_core.importing.programs.program import ProgramError
from bickd_core.naming import plain_name

_NAMES = """
    conv1d conv2d conv3d convolution conv_transpose2d batch_norm
    _native_batch_norm_legit_no_training native_batch_norm layer_norm native_layer_norm group_norm
    native_group_norm instance_norm rms_norm linear addmm mm bmm matmul baddbmm einsum dot outer
    scaled_dot_product_attention relu relu6 hardtanh gelu silu hardswish hardsigmoid sigmoid tanh
    leaky_relu elu selu celu prelu mish glu softplus softsign threshold softmax _softmax log_softmax
    _log_softmax log_sigmoid add sub rsub mul div floor_divide remainder fmod pow square sqrt rsqrt
    exp expm1 log log1p log2 abs neg reciprocal sign floor ceil round trunc sin cos erf clamp
    clamp_min clamp_max minimum maximum lerp addcmul addcdiv mean sum prod amax amin max min argmax
    argmin var std var_mean std_mean norm linalg_vector_norm logsumexp cumsum sort topk max_pool2d
    max_pool2d_with_indices avg_pool2d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d
    lp_pool2d avg_pool1d max_pool1d adaptive_avg_pool1d flatten unflatten view reshape _unsafe_view
    view_as reshape_as permute transpose t numpy_T swapaxes movedim squeeze unsqueeze expand
    expand_as repeat repeat_interleave tile broadcast_to cat concat stack split split_with_sizes
    chunk tensor_split unbind slice select narrow index_select index gather take_along_dim roll flip
    pad constant_pad_nd reflection_pad2d replication_pad2d upsample_nearest2d upsample_bilinear2d
    upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa pixel_shuffle pixel_unshuffle
    channel_shuffle native_channel_shuffle im2col unfold grid_sampler grid_sampler_2d
    affine_grid_generator dropout feature_dropout alpha_dropout contiguous clone detach alias
    lift_fresh_copy to _to_copy type_as float zeros ones full zeros_like ones_like full_like
    new_zeros new_ones new_full arange linspace eye scalar_tensor tril triu where masked_fill eq ne
    lt gt le ge logical_and logical_or logical_not bitwise_and bitwise_or bitwise_not any all copy
    meshgrid embedding one_hot sym_size
"""
_ATEN = frozenset(_NAMES.split())
"""Names in torch.ops.aten. A name with `_` at its end is the in-place version."""
_SCALARS: dict[str, Callable[..., Any]] = {
    f"_operator.{name}": getattr(operator, name)
    for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "eq", "ne", "lt", "le",
    "gt", "ge", "getitem")
}  # fmt: skip
_IGNORED = (
    "torch.ops.aten._assert",
    "torch.ops.aten.sym_constrain_range",
    "torch.ops.aten._assert_async",
)
"""Assertions that torch.export adds. Nothing uses their results."""


def operation(target: str) -> Callable[..., Any] | None:
    """Return the function that computes a node; None for a node that is skipped.

    Raises:
        ProgramError: the operation is not supported.
    """
    if target.startswith(_IGNORED):
        return None
    if target in _SCALARS:
        return _SCALARS[target]
    start, _, rest = target.partition("torch.ops.aten.")
    name, _, overload = rest.partition(".")
    if not start and (name in _ATEN or (name.endswith("_") and name[:-1] in _ATEN)):
        packet = getattr(torch.ops.aten, name, None)
        if packet is not None and overload in packet.overloads():
            return getattr(packet, overload)
    raise ProgramError(f"uses the operation {plain_name(target)[:80]}, which is not supported")
