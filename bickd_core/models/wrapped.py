"""Use any `nn.Module` as a student or a teacher. Features and maps are read from named layers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch.nn as nn
from torch import Tensor

from bickd_core.models.outputs import Outputs
from bickd_core.naming import nearest

FEATURES = "features"  # name of the last stage, the input of the classifier


class Wrapped(nn.Module):
    """Give your own network the interface of this package's networks.

    Args:
        net: takes images [B, channels, H, W] and returns logits [B, C]. Its names in the state dict
            do not change.
        head: name of its last linear layer. The input [B, D] of this layer are the features. By
            default, the last `nn.Linear`.
        maps: name of the layer whose output [B, D, h, w] are the last feature maps, for objectives
            that need them.
        stages: names of layers, first to last, for layer similarity. Their outputs are averaged
            over positions or tokens. The features are added as the last stage. If an in-place ReLU
            follows a layer, its output is the one after the ReLU.
        some_stages: leave out stages that do not put out one tensor of 2 to 4 dimensions, instead
            of raising a ValueError. The first call for stages shortens `stage_names`.
        channels_last: whether the named layers put out maps as [B, h, w, D], as Swin does. They are
            returned as [B, D, h, w].

    Raises:
        ValueError: the network does not have a named layer, or the head is not linear.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8,
    ...     5))
    >>> model = Wrapped(net, maps="0", stages=["0"])
    >>> model.feature_size, model.stage_names, list(model.state_dict())
    (8, ('0', 'features'), ['0.weight', '0.bias', '3.weight', '3.bias'])
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        head: str | None = None,
        maps: str | None = None,
        stages: Sequence[str] = (),
        some_stages: bool = False,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        modules = dict(net.named_modules())
        if head is None:
            head = next(
                (name for name in reversed(modules) if isinstance(modules[name], nn.Linear)), None
            )
            if head is None:
                raise ValueError(
                    "the network has no nn.Linear, so name the layer behind its features as `head`."
                )
        for name in (head, *([] if maps is None else [maps]), *stages):
            _check_layer(name, modules)
        linear = modules[head]
        if not isinstance(linear, nn.Linear):
            raise ValueError(
                f"head must name an nn.Linear, but {head!r} is a {type(linear).__name__}."
            )
        self.net = net
        self.head, self.maps, self.stages = head, maps, tuple(stages)
        self.some_stages, self.channels_last = some_stages, channels_last
        self.feature_size = linear.in_features
        self.stage_names = (*stages, FEATURES)
        hide_wrapper_in_state_dict(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C] for images [B, channels, H, W]."""
        return self.net(images)

    def outputs(
        self, images: Tensor, features: bool = False, maps: bool = False, stages: bool = False
    ) -> Outputs:
        """Return the outputs for images [B, channels, H, W], like `Classifier.outputs`.

        Raises:
            ValueError: maps are requested but no layer was named for them, or an output of the
                network or a layer has a wrong shape.
        """
        if maps and self.maps is None:
            raise ValueError(
                "this objective needs feature maps: name the layer with the last ones as `maps`."
            )
        seen: dict[str, Tensor] = {}
        needed = [self.maps] if maps and self.maps else []
        optional = list(self.stages) if stages else []
        if not self.some_stages:
            needed, optional = [*needed, *optional], []
        with _watching(self.net, needed, optional, self.head if features or stages else None, seen):
            logits = self.net(images)
        if self.channels_last:
            seen = {name: x.movedim(-1, 1) if x.ndim == 4 else x for name, x in seen.items()}
        if optional:
            self.stages = tuple(name for name in self.stages if name in seen)
            self.stage_names = (*self.stages, FEATURES)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            came = (
                list(logits.shape) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
            )
            raise ValueError(
                f"the network must return logits [batch, classes] as one tensor, got {came}."
            )
        pooled = seen.get(FEATURES)
        if pooled is not None and pooled.ndim != 2:
            raise ValueError(
                f"the input of {self.head!r} must be [batch, features], but it is"
                f" {list(pooled.shape)}."
            )
        last = seen[self.maps] if maps and self.maps else None
        if last is not None and last.ndim != 4:
            raise ValueError(
                f"the output of {self.maps!r} must be [batch, features, height, width], but it is"
                f" {list(last.shape)}."
            )
        return Outputs(
            logits=logits,
            features=pooled if features else None,
            maps=last,
            stages=(
                (*(_mean(seen[name]) for name in self.stages), pooled)
                if stages and pooled is not None
                else None
            ),
        )


def _check_layer(name: str, modules: dict[str, nn.Module]) -> None:
    if name not in modules:
        near = nearest(name, modules)
        raise ValueError(
            f"the network has no layer {name!r}{f'; the nearest is {near!r}' if near else ''}."
        )


@contextlib.contextmanager
def _watching(
    net: nn.Module,
    needed: Sequence[str],
    optional: Sequence[str],
    head: str | None,
    seen: dict[str, Tensor],
) -> Iterator[None]:
    """Store the outputs of the named layers in `seen`, and the head's input under FEATURES, while
    the block runs. Outputs of another form are left out if they are optional."""

    def store_output(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            if isinstance(output, Tensor) and 2 <= output.ndim <= 4:
                seen[name] = output
            elif name in needed:
                came = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
                raise ValueError(
                    f"layer {name!r} must put out one tensor of 2 to 4 dimensions, got {came}."
                )

        return hook

    def store_input(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen[FEATURES] = given[0]

    names = dict.fromkeys([*needed, *optional])
    handles = [net.get_submodule(name).register_forward_hook(store_output(name)) for name in names]
    if head is not None:
        handles.append(net.get_submodule(head).register_forward_pre_hook(store_input))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _mean(output: Tensor) -> Tensor:
    """Return the mean [B, D] over positions [B, D, h, w] or tokens [B, N, D]."""
    if output.ndim == 4:
        return output.mean((2, 3))
    return output.mean(1) if output.ndim == 3 else output


def hide_wrapper_in_state_dict(module: nn.Module) -> None:
    """Let a module that wraps another one as `net` use the names of that one in its state dict."""
    module.register_state_dict_post_hook(_without_own_name)
    module.register_load_state_dict_pre_hook(_with_own_name)


def _without_own_name(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Remove `net.` from the names, so that files fit the network with and without this wrapper."""
    own = f"{prefix}net."
    for key in [key for key in state if key.startswith(own)]:
        state[prefix + key.removeprefix(own)] = state.pop(key)


def _with_own_name(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[f"{prefix}net.{key.removeprefix(prefix)}"] = state.pop(key)
