"""Settings for turning an image of any shape into a square."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Resize = Literal["crop", "stretch", "pad"]
Interpolation = Literal["bicubic", "bilinear", "lanczos", "box", "nearest"]
RESIZE_TITLES: dict[Resize, str] = {
    "crop": "cut to the central square",
    "stretch": "stretched to a square",
    "pad": "scaled to fit, with black borders",
}


class Resizing(BaseModel):
    """How an image is made square and scaled.

    Attributes:
        resize: "crop" keeps the central square, "stretch" changes the shape, "pad" adds black
            borders.
        interpolation: Pillow's, antialiased if an image gets smaller.
        crop_share: share of the side to keep before scaling, in (0, 1], like timm's `crop_pct`.

    >>> Resizing().key, Resizing(resize="stretch").key, Resizing(crop_share=0.875).key
    ('', 'stretch_bicubic', 'crop_bicubic_0.875')
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    resize: Resize = "crop"
    interpolation: Interpolation = "bicubic"
    crop_share: float = Field(1.0, gt=0.1, le=1)

    @model_validator(mode="after")
    def _padded_whole(self) -> Resizing:
        if self.resize == "pad" and self.crop_share != 1:
            raise ValueError(
                "`crop_share` must be 1 with `resize` pad, which keeps the whole image, got"
                f" {self.crop_share:g}; leave it out."
            )
        return self

    @property
    def key(self) -> str:
        """The settings as part of a file name; "" for the default."""
        if self == DEFAULT:
            return ""
        share = "" if self.crop_share == 1 else f"_{self.crop_share:g}"
        return f"{self.resize}_{self.interpolation}{share}"

    @property
    def description(self) -> str:
        """The settings as the end of a sentence: "cut to the central square (bicubic)"."""
        share = "" if self.crop_share == 1 else f", {self.crop_share:.1%} of its side"
        return f"{RESIZE_TITLES[self.resize]}{share} ({self.interpolation})"


DEFAULT = Resizing()
"""The default, which older runs used too."""
