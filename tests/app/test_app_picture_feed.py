"""Sheets of pictures for hovering."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.components.picture_feed import COLUMNS, ROWS, sheet


def png(colour: int, size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), colour, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def opened(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))


def test_pictures_stand_row_by_row_and_a_missing_one_leaves_its_place_grey():
    pixels = opened(sheet([png(0), None, *[png(255)] * COLUMNS]))
    assert pixels.shape == (8 * ROWS, 8 * COLUMNS, 3)
    centres = pixels[4::8, 4::8, 0].astype(int)
    np.testing.assert_allclose(centres[0, :3], [0, 127, 255], atol=12)
    np.testing.assert_allclose(centres[1, :3], [255, 255, 127], atol=12)


def test_large_pictures_are_made_small_and_none_at_all_is_a_sheet_too():
    assert opened(sheet([png(9, 300)])).shape == (64 * ROWS, 64 * COLUMNS, 3)
    assert opened(sheet([None])).shape == (ROWS, COLUMNS, 3)
