"""Sheets of pictures for hovering, and captions of pictures."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from app.components import thumbs
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


def test_predicted_classes_from_right_to_left_stay_in_the_order_of_the_models():
    names = ("\u0642\u0637\u0629", "dog")
    models = [SimpleNamespace(predictions=SimpleNamespace(predicted=np.array([k]))) for k in (0, 1)]
    comparison = SimpleNamespace(class_names=names, labels=np.array([1]))
    captions = thumbs.predicted_classes(comparison, models, np.array([0]))
    assert captions == [("dog", f"\u2068{names[0]}\u2069 | dog")]
