"""A decoded picture, and the errors of files that are none."""

import copy
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .tiff_tags import Tag

ORIENTATION_TAG = 0x0112


class PictureError(ValueError):
    """A file is no picture, is damaged, or is of a kind that is not taken."""

    def about(self, subject: str) -> "PictureError":
        """Return the same error with the name of what it is about before its words."""
        named = copy.copy(self)
        named.args = (f"{subject} {self}",)
        return named


class TooLargeError(PictureError):
    """A picture has more pixels than are let in.

    Attributes:
        width: Its width.
        height: Its height.
    """

    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: ``(H, W, C)`` as stored in the file, before any rotation that EXIF asks for
            (TIFF files are turned when they are read); uint8, uint16 or, from TIFF, floating
            point; C is 1 (grey), 2 (grey and alpha), 3 (RGB), 4 (RGB and alpha) or, from TIFF, more
            (bands). Alpha is not multiplied into the colours.
        format: A key of `ignn_toolbox.images.FORMATS`.
        exif: The EXIF block without its record of the size, orientation included.
        icc_profile: The colour profile.
        xmp: The XMP packet, which holds captions, ratings and the like.
        resolution: Pixels per inch, across and down.
        chunks: What else a PNG file says, kind and content of each chunk: gamma, primaries, text.
        tags: What else a TIFF file says: texts, and the place on Earth (GeoTIFF), see `tiff_tags`.
        notes: What was changed or left behind, one phrase each.
    """

    pixels: np.ndarray
    format: str
    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 (upright) to 8."""
        if self.exif is None:
            return 1
        exif = Image.Exif()
        exif.load(self.exif)
        value = exif.get(ORIENTATION_TAG, 1)
        return value if value in range(1, 9) else 1
