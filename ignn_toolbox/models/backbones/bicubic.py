"""Bicubic interpolation as a network: the first row of every table."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ...ops import imresize_uint8
from ...registry import MODELS


@MODELS.register_module()
class Bicubic(BaseModule):
    """MATLAB's ``imresize`` of 8-bit images; no parameters.

    The input is rounded to 8 bits, as MATLAB gets it, and the result has 8 bits; see
    `ops.imresize_uint8`. The LR images of the field's tables are made by the same function.

    Args:
        scale: How many times larger the output is.
        init_cfg: mmengine's initialisation config.

    Attributes:
        min_size: Smallest height and width of an input.
    """

    min_size = 1

    def __init__(self, scale: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if scale < 1:
            raise ValueError(f"Bicubic enlarges by its scale, which must be >= 1, got {scale}")
        self.scale = scale

    def forward(self, lq: Tensor) -> Tensor:
        """``(N, 3, H, W)`` RGB in [0, 1] to ``(N, 3, scale * H, scale * W)`` in [0, 1]."""
        pixels = (lq.detach() * 255).round().clamp(0, 255).to(torch.uint8)
        return imresize_uint8(pixels, self.scale).to(lq.dtype) / 255
