"""A decoded picture."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: ``(H, W, C)`` as stored in the file, before any rotation that EXIF asks for
            (TIFF files are turned when they are read); uint8 or uint16; C is 1 (grey), 2 (grey and
            alpha), 3 (RGB) or 4 (RGB and alpha).
        format: ``png``, ``jpg``, ``webp``, ``tiff`` or ``bmp``.
        exif: The EXIF block without its record of the size, orientation included.
        icc_profile: The colour profile.
    """

    pixels: np.ndarray
    format: str
    exif: bytes | None = None
    icc_profile: bytes | None = None

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 (upright) to 8."""
        if self.exif is None:
            return 1
        exif = Image.Exif()
        exif.load(self.exif)
        value = exif.get(ORIENTATION_TAG, 1)
        return value if value in range(1, 9) else 1
