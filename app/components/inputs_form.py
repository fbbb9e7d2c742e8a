"""What an imported network's inputs are: normalisation, order of channels, size. Part of the form for weights."""

from __future__ import annotations

from typing import Any, Literal

from app.components.fields import Fields
from app.plain import lines, md, st
from bickd_core.data import DatasetInfo
from bickd_core.data.external import LARGEST, SMALLEST
from bickd_core.data.normalisation import CHOICES, TITLES, Preset, described
from bickd_core.importing.weights import TRIED_ON

_TRY: Literal["try"] = "try"
_ORDERS = {"rgb": "RGB", "bgr": "BGR"}


def ask(fields: Fields, about: DatasetInfo | None) -> dict[str, Any]:
    """The fields of an `ImportRequest` on the network's inputs."""
    channels = 3 if about is None else about.in_channels
    found: dict[str, Any] = {"normalisation": _normalisation(fields, channels)}
    left, right = st.columns(2)
    with left:
        found["input_size"] = _size(fields)
    if channels == 3:
        with right:
            found["channel_order"] = _order(fields)
    return found


def _normalisation(fields: Fields, channels: int) -> Preset | None:
    """How the network's inputs are normalised; None lets the import find out."""
    options: list[Preset | Literal["try"]] = [_TRY, *CHOICES]
    chosen = st.selectbox(
        "Normalisation of its inputs",
        options,
        index=options.index(fields.start("normalisation", _TRY, options)),
        key=fields.key("normalisation"),
        format_func=lambda name: (
            "The data's own, if none does better"
            if name == _TRY
            else TITLES[name][0].upper() + TITLES[name][1:]
        ),
        help=lines(
            md(
                "A network has to get its inputs as in its training: (value / 255 − mean) / deviation for each channel. "
                "Four usual choices are tried on {count} validation images, and what they reach is shown. Networks of "
                "timm and torchvision get ImageNet's in place of the data's own.\n",
                count=TRIED_ON,
            ),
            *(md("- {preset}", preset=described(name, channels)) for name in CHOICES[1:]),
        ),
    )
    fields.keep("normalisation", chosen)
    if chosen == _TRY:
        return None
    if chosen not in ("data", "half"):
        st.caption(f"{described(chosen, channels)}.")
    return chosen


def _size(fields: Fields) -> int | None:
    chosen = st.number_input(
        "Its input size",
        min_value=SMALLEST,
        max_value=LARGEST,
        value=fields.start("input_size", None),
        key=fields.key("input_size"),
        placeholder="as the images",
        help="Pixels a side that the network was trained with. Images of another size are scaled to it.",
    )
    return fields.keep("input_size", chosen)


def _order(fields: Fields) -> str:
    chosen = st.segmented_control(
        "Channel order",
        list(_ORDERS),
        default=fields.start("channel_order", "rgb", list(_ORDERS)),
        key=fields.key("channel_order"),
        format_func=_ORDERS.__getitem__,
        required=True,
        width="stretch",
        help="Networks of Caffe and OpenCV take blue, green, red.",
    )
    return fields.keep("channel_order", chosen)
