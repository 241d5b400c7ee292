"""Bayer mosaics: one colour a pixel."""

from typing import Literal

import numpy as np

from ...registry import DEGRADATIONS
from .base import Degradation

PHASES = ("GRBG", "RGGB", "BGGR", "GBRG")
Phase = Literal["GRBG", "RGGB", "BGGR", "GBRG"]


@DEGRADATIONS.register_module()
class BayerMosaic(Degradation):
    """Keeps one of red, green and blue a pixel and sets the others to zero; the size stays.

    Args:
        phase: Colours of the cell of 2x2 pixels in reading order: ``'GRBG'`` has green at even
            rows and columns, red beside it, blue below it.

    Raises:
        ValueError: The phase is unknown; when called, the picture has no three channels.
    """

    def __init__(self, phase: Phase = "GRBG") -> None:
        if phase not in PHASES:
            raise ValueError(f"phase must be one of {', '.join(PHASES)}, got {phase!r}")
        self.phase = phase

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if image.shape[2] != 3:
            raise ValueError("a mosaic is made of pictures of three channels, RGB")
        mosaic = np.zeros_like(image)
        for place, colour in enumerate(self.phase):
            row, column, channel = place // 2, place % 2, "RGB".index(colour)
            mosaic[row::2, column::2, channel] = image[row::2, column::2, channel]
        return mosaic
