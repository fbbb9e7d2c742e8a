"""Images for hover in the browser, sent in sheets when they are first needed.

A chart's script asks `window.bkPictures[name](row)` for an element. If the sheet of that row is
missing, the feed fetches it with a run of its own small fragment. The page's charts are not drawn
again.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np

from app.components import frame
from app.components.browser_part import part
from app.components.scatter import packed
from app.data import samples
from app.plain import st
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison

COLUMNS, ROWS = 16, 8
_LARGEST = 64
"""Pixels of a picture's side at most."""

_component = part("pictures", "pictures.js")


def name(comparison: Comparison) -> str:
    """The feed's name for `scatter.show(pictures=...)`; "" if there are no images."""
    if not samples.thumbnails(comparison).any:
        return ""
    return hashlib.sha256(repr((comparison.key, comparison.split)).encode()).hexdigest()[:12]


def put(comparison: Comparison) -> None:
    """Put the feed at the end of the page. It is invisible but takes a gap."""
    if called := name(comparison):
        _feed(comparison, called)


@frame.linked
def _feed(comparison: Comparison, called: str) -> None:
    wanted = f"pictures-{called}-sheet"

    def request() -> None:
        st.session_state[wanted] = st.session_state[f"pictures-{called}"].get("want")

    number = st.session_state.get(wanted)
    image = b"" if number is None else _sheet(comparison, comparison.split, int(number))
    head = {"name": called, "sheet": number, "columns": COLUMNS, "rows": ROWS}
    with st.container(key="picture-feed"):
        _component(
            key=f"pictures-{called}",
            data=packed(head, {"image": np.frombuffer(image, dtype="u1")}),
            on_want_change=request,
        )


@cached_in_memory
def _sheet(comparison: Comparison, split: str, number: int) -> bytes:
    each = COLUMNS * ROWS
    ids = comparison.teacher.predictions.ids[max(0, number) * each : (max(0, number) + 1) * each]
    return sheet(samples.thumbnails(comparison).many(ids))


def sheet(pictures: list[bytes | None]) -> bytes:
    """A WebP image with up to 128 pictures (files of any kind and size), row by row. A missing
    picture stays empty."""
    from PIL import Image

    opened = [
        None if raw is None else Image.open(io.BytesIO(raw), formats=("PNG", "WEBP")).convert("RGB")
        for raw in pictures
    ]
    side = min(_LARGEST, max((max(image.size) for image in opened if image is not None), default=1))
    grid = Image.new("RGB", (COLUMNS * side, ROWS * side), (127, 127, 127))
    for i, image in enumerate(opened[: COLUMNS * ROWS]):
        if image is not None:
            fitted = image.resize((side, side))
            grid.paste(fitted, (i % COLUMNS * side, i // COLUMNS * side))
    buffer = io.BytesIO()
    grid.save(buffer, format="WEBP", quality=72, method=2)
    return buffer.getvalue()
