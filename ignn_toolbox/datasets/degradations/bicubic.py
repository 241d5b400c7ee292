"""Smaller pictures, as MATLAB makes them."""

import numpy as np
import torch

from ...ops.resize import BORDERS, imresize_uint8
from ...registry import DEGRADATIONS
from .base import Degradation


@DEGRADATIONS.register_module()
class BicubicDown(Degradation):
    """Exact bicubic reduction, bit for bit as MATLAB's ``imresize``.

    Args:
        scale: Factor by which the picture becomes smaller.
        border: ``'symmetric'`` (current MATLAB) or ``'replicate'``, see
            `ops.resize.imresize`.

    Raises:
        ValueError: The border is unknown, or the scale is no positive whole number.
    """

    def __init__(self, scale: int, border: str = "symmetric") -> None:
        if border not in BORDERS:
            raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
        if not isinstance(scale, int) or scale < 1:
            raise ValueError(f"scale must be a positive whole number, got {scale!r}")
        self.scale = scale
        self.border = border

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image if self.scale == 1 else bicubic_lr(image, self.scale, self.border)


def bicubic_lr(gt: np.ndarray, scale: float, border: str = "symmetric") -> np.ndarray:
    """Downscales an image (H, W, C), uint8, bit for bit as MATLAB's ``imresize(gt, 1/scale)``."""
    small = imresize_uint8(torch.tensor(gt).permute(2, 0, 1), 1 / scale, border=border)
    return small.permute(1, 2, 0).contiguous().numpy()
