"""The part of the weights form that asks for the network's inputs: normalisation, channel order and
size."""

from __future__ import annotations

from typing import Any, Literal

from app.components.fields import Fields
from app.plain import lines, md, st
from bickd_core.data.external import LARGEST, SMALLEST
from bickd_core.data.normalisation import CHOICES, TITLES, Preset, described
from bickd_core.data.registry import DatasetInfo
from bickd_core.importing.weights import TRIED_ON

_TRY: Literal["try"] = "try"
_ORDERS = {"rgb": "RGB", "bgr": "BGR"}


def ask(
    fields: Fields, info: DatasetInfo | None, network_channels: int | None = None
) -> dict[str, Any]:
    """Ask for the network's inputs; returns fields of an `ImportRequest`.

    Args:
        network_channels: channels of the network, if it was recognised.
    """
    channels = 3 if info is None else info.in_channels
    inputs: dict[str, Any] = {"normalisation": _normalisation(fields, network_channels or channels)}
    left, right = st.columns(2)
    with left:
        inputs["input_size"] = _size(fields)
    if channels == 3 and network_channels in (None, 3):
        with right:
            inputs["channel_order"] = _order(fields)
    return inputs


def _normalisation(fields: Fields, channels: int) -> Preset | None:
    """Ask for the normalisation; None lets the import try the usual ones."""
    options: list[Preset | Literal["try"]] = [_TRY, *CHOICES]
    chosen = fields.select(
        "normalisation",
        "Input normalisation",
        options,
        title=lambda name: (
            "Automatic" if name == _TRY else TITLES[name][0].upper() + TITLES[name][1:]
        ),
        help=lines(
            md(
                "The network needs its inputs as in training: (value / 255 − mean) / std for each"
                " channel. Automatic uses the data's own mean and std, or ImageNet's for networks"
                " of timm and torchvision. It also tries four usual choices on {count} images of"
                " validation, and of train if validation is smaller, and tells you if another is"
                " clearly better. If these images do not decide, it takes the teacher's choice, or"
                " the likeliest one, and tells you.\n",
                count=TRIED_ON,
            ),
            *(md("- {preset}", preset=described(name, channels)) for name in CHOICES[1:]),
        ),
    )
    if chosen == _TRY:
        return None
    if chosen not in ("data", "half"):
        st.caption(f"{described(chosen, channels)}.")
    return chosen


def _size(fields: Fields) -> int | None:
    return fields.number(
        "input_size",
        "Network input size",
        default=None,
        step=1,
        limits=(SMALLEST, LARGEST),
        placeholder="same as the images",
        help=(
            "Pixels per side that the network was trained with. Images of another size are scaled"
            " to it."
        ),
    )


def _order(fields: Fields) -> str:
    return fields.segmented(
        "channel_order",
        "Channel order",
        list(_ORDERS),
        title=_ORDERS.__getitem__,
        width="stretch",
        help="Networks trained with Caffe or OpenCV often expect BGR.",
    )
