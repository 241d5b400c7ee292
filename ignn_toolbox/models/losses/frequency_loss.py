"""Loss on the spectrum of an image."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import MODELS
from .pixel_losses import PixelLoss


@MODELS.register_module()
class FrequencyLoss(PixelLoss):
    """Mean absolute error of the real and imaginary parts of the two-dimensional spectrum.

    The transform is not normalised, as in Cho et al., MIMO-UNet, ICCV 2021, who weigh it by 0.1,
    and in SMFANet's recipe (0.05, beside `L1Loss`). Its numbers grow with the root of the number
    of pixels, so that a weight belongs to a size of crops.
    """

    def penalty(self, difference: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.rfft2(difference)).abs()
