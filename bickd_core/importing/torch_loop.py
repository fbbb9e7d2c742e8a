"""Predict with any PyTorch model over any loader of batches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bickd_core.naming import not_known
from bickd_core.runs.predictions import Predictions, PredictionsError

LABELS = ("labels", "label", "targets", "target", "y")
IDS = ("ids", "id", "idx", "index")
"""Keys for labels and ids in a dictionary batch. The first existing one is used."""
_MORE = "pass `call=lambda model, batch: ...`, which returns the logits."
_SHUFFLES = (
    "`loader` must keep its order, but it shuffles, so that ids 0 to N - 1 would be other samples"
    " for another model; use shuffle=False, or give `ids` in the batches."
)

Call = Callable[[nn.Module, Any], Tensor]


def log_predictions(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    class_names: Any = None,
    ids: Any = None,
    features: str | None = None,
    device: torch.device | str | None = None,
    call: Call | None = None,
) -> Predictions:
    """Return the predictions of a PyTorch model over a loader, without gradients, in evaluation
    mode.

    A batch is a tuple (inputs, labels) or (inputs, labels, ids), a dictionary, or a tensor of
    inputs. Of a dictionary, `labels` and `ids` are read under their usual names (`LABELS`, `IDS`),
    and the model gets what its `forward` names. The model may return logits, a tuple that begins
    with them, or an object or dictionary with `logits`, as Hugging Face models do. The model is
    left in the mode it was in.

    Args:
        model: returns logits [B, C].
        loader: batches in a fixed order. Without ids, samples are numbered in that order, so that
            two models must see the same one.
        class_names: [C] in the order of the columns; "0" to "C-1" by default.
        ids: [N] of all samples, if the batches have none.
        features: name of a layer, as in `model.named_modules()`, whose output is stored; maps [B,
            D, h, w] and tokens [B, N, D] are averaged over positions.
        device: where the batches go; that of the model's first parameter by default.
        call: gets the model and a batch on the device, and returns logits, for any other kind of
            batch.

    Raises:
        PredictionsError: the loader shuffles and there are no ids, a batch or output of another
            form, or no batch at all.
    """
    where = torch.device(device) if device is not None else _device(model)
    scores, pooled, labels, batch_ids = [], [], [], []
    seen: list[Tensor] = []
    hook = None
    if features is not None:
        layers = dict(model.named_modules())
        if features not in layers:
            raise PredictionsError(f"`features` {not_known(features, filter(None, layers))}")
        hook = layers[features].register_forward_hook(
            lambda layer, given, output: seen.append(output)
        )
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for batch in loader:
                seen.clear()
                inputs, truth, names = _parts(batch)
                if ids is None and names is None and _shuffles(loader):
                    raise PredictionsError(_SHUFFLES)
                moved = _moved(batch if call is not None else inputs, where)
                output = call(model, moved) if call is not None else _forward(model, moved)
                scores.append(_logits(output).float().cpu().numpy())
                if features is not None:
                    pooled.append(_pooled(seen, features).float().cpu().numpy())
                labels.append(truth)
                batch_ids.append(names)
    finally:
        model.train(was_training)
        if hook is not None:
            hook.remove()
    if not scores:
        raise PredictionsError("`loader` must give at least one batch, got none.")
    return Predictions.from_arrays(
        logits=np.concatenate(scores),
        labels=_joined(labels, "labels"),
        class_names=class_names,
        ids=ids if ids is not None else _joined(batch_ids, "ids"),
        features=np.concatenate(pooled) if pooled else None,
    )


def _device(model: nn.Module) -> torch.device:
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _parts(batch: Any) -> tuple[Any, Any, Any]:
    """Return inputs, labels and ids of a batch; None for what it does not have."""
    if isinstance(batch, Mapping):
        truth, names = (next((key for key in keys if key in batch), None) for keys in (LABELS, IDS))
        inputs = {key: value for key, value in batch.items() if key not in (truth, names)}
        return (
            inputs,
            None if truth is None else batch[truth],
            None if names is None else batch[names],
        )
    if isinstance(batch, list | tuple):
        padded = [*batch, None, None, None]
        return padded[0], padded[1], padded[2]
    return batch, None, None


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_moved(item, device) for item in value]
    return value


def _forward(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, dict):
        accepted = inspect.signature(model.forward).parameters
        named = {key: value for key, value in inputs.items() if key in accepted}
        tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
        if named:
            return model(**named)
        if len(tensors) == 1:
            return model(tensors[0])
        raise PredictionsError(
            "a batch must have a key that the model's forward method names, got"
            f" {', '.join(inputs)}; {_MORE}"
        )
    if not isinstance(inputs, Tensor):
        raise PredictionsError(
            f"a batch must begin with a tensor, got {type(inputs).__name__}; {_MORE}"
        )
    return model(inputs)


def _logits(output: Any) -> Tensor:
    if isinstance(output, Mapping):
        output = output.get("logits")
    elif not isinstance(output, Tensor) and hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor) or output.ndim != 2:
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise PredictionsError(f"the model must return logits [batch, classes], got {got}; {_MORE}")
    return output


def _pooled(seen: Sequence[Any], layer: str) -> Tensor:
    if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].ndim not in (2, 3, 4):
        got = [
            list(item.shape) if isinstance(item, Tensor) else type(item).__name__ for item in seen
        ]
        raise PredictionsError(
            f"layer {layer!r} must put out one tensor [batch, D], [batch, tokens, D] or [batch, D,"
            f" h, w], got {got}; name another layer as `features`."
        )
    output = seen[0]
    return (
        output.mean((2, 3)) if output.ndim == 4 else output.mean(1) if output.ndim == 3 else output
    )


def _joined(parts: Sequence[Any], name: str) -> np.ndarray | None:
    """Return the labels or ids of all batches, or None if the batches have none."""
    if all(part is None for part in parts):
        return None
    arrays = [np.asarray(part.cpu() if isinstance(part, Tensor) else part) for part in parts]
    if any(array.ndim != 1 for array in arrays):
        shape = next(array.shape for array in arrays if array.ndim != 1)
        raise PredictionsError(
            f"`{name}` must be one for each sample of a batch, got shape {shape}; {_MORE}"
        )
    return np.concatenate(arrays)


def _shuffles(loader: Iterable[Any]) -> bool:
    """Return whether torch draws a new order for each pass; False for other samplers."""
    data = torch.utils.data
    random = data.RandomSampler | data.WeightedRandomSampler | data.SubsetRandomSampler
    batches = getattr(loader, "batch_sampler", None)
    for sampler in (getattr(loader, "sampler", None), getattr(batches, "sampler", None)):
        shuffled = isinstance(sampler, data.DistributedSampler) and sampler.shuffle
        if shuffled or isinstance(sampler, random):
            return True
    return False
