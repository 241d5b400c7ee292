"""Bicubic interpolation as a network: the first row of every table."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...ops import imresize_uint8
from ...registry import MODELS
from ..layers import BicubicEnlarge
from ..spec import NetworkSpec
from ..steps import Network


@MODELS.register_module()
class Bicubic(Network):
    """MATLAB's ``imresize`` of 8-bit images; no parameters.

    The input is rounded to 8 bits, as MATLAB gets it, and the result has 8 bits; see
    `ops.imresize_uint8`. The LR images of the field's tables are made by the same function.

    Args:
        scale: How many times larger the output is.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(self, scale: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if scale < 1:
            raise ValueError(f"Bicubic enlarges by its scale, which must be >= 1, got {scale}")
        self.spec = NetworkSpec(scale)

    def run(self, lq: Any, go: Any) -> Any:
        """One local step."""
        return go.local(self._enlarge, lq, through=(BicubicEnlarge(self.spec.scale),))

    def _enlarge(self, lq: Tensor) -> Tensor:
        lq = lq.detach()
        # 0, or NaN where a value is not finite, of which the cast would make a number
        spoilt = (lq * 0).sum((1, 2, 3), keepdim=True)
        pixels = (lq * 255).round().clamp(0, 255).to(torch.uint8)
        return imresize_uint8(pixels, self.spec.scale).to(lq.dtype) / 255 + spoilt
