"""How an image of any shape becomes a square of pixels."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Resize = Literal["crop", "stretch", "pad"]
RESIZES: tuple[Resize, ...] = get_args(Resize)
Interpolation = Literal["bicubic", "bilinear", "lanczos", "box", "nearest"]
RESIZE_TITLES: dict[Resize, str] = {
    "crop": "cut to the central square",
    "stretch": "stretched to a square",
    "pad": "scaled to fit, with black borders",
}


class Resizing(BaseModel):
    """How an image is made square and scaled; part of what a data set's images are.

    resize: "crop" keeps the central square, "stretch" all of it in another shape, "pad" all of it between black borders.
    interpolation: Pillow's, antialiased when an image gets smaller. crop_share: of the side, what is kept before it is
    scaled, as timm's `crop_pct`; in (0, 1].

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
                f"`crop_share` must be 1 with `resize` pad, which keeps the whole image, got {self.crop_share:g}; leave it out."
            )
        return self

    @property
    def key(self) -> str:
        """Part of a file's name; "" for the default."""
        if self == DEFAULT:
            return ""
        share = "" if self.crop_share == 1 else f"_{self.crop_share:g}"
        return f"{self.resize}_{self.interpolation}{share}"

    @property
    def words(self) -> str:
        """As the end of a sentence on images: "cut to the central square (bicubic)"."""
        share = "" if self.crop_share == 1 else f", {self.crop_share:.1%} of its side"
        return f"{RESIZE_TITLES[self.resize]}{share} ({self.interpolation})"


DEFAULT = Resizing()
"""What all images were made with before there was a choice."""
