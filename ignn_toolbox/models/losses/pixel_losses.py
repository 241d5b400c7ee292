"""Losses on pixels in [0, 1]; all are means over batch, channels and pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...registry import MODELS


class PixelLoss(nn.Module):
    """Weighted mean of a penalty on the difference.

    Args:
        loss_weight: Factor on the mean.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, sr: Tensor, gt: Tensor) -> Tensor:
        """Scalar loss of ``(N, 3, H, W)`` pairs.

        Raises:
            ValueError: The shapes differ.
        """
        if sr.shape != gt.shape:
            raise ValueError(
                f"prediction {tuple(sr.shape)} and ground truth {tuple(gt.shape)} differ in shape: "
                "do the scales of model and data agree?"
            )
        return self.loss_weight * self.penalty(sr - gt).mean()

    def penalty(self, difference: Tensor) -> Tensor:
        raise NotImplementedError


@MODELS.register_module()
class L1Loss(PixelLoss):
    """Mean absolute error; EDSR's and IGNN's loss."""

    def penalty(self, difference: Tensor) -> Tensor:
        return difference.abs()


@MODELS.register_module()
class MSELoss(PixelLoss):
    """Mean squared error."""

    def penalty(self, difference: Tensor) -> Tensor:
        return difference.square()


@MODELS.register_module()
class CharbonnierLoss(PixelLoss):
    """``sqrt(d^2 + eps^2)``, an L1 that is smooth at zero (Lai et al., LapSRN, CVPR 2017).

    Args:
        loss_weight: Factor on the mean.
        eps: Width of the smooth part, in units of the image range [0, 1].
    """

    def __init__(self, loss_weight: float = 1.0, eps: float = 1e-3) -> None:
        super().__init__(loss_weight)
        self.eps = eps

    def penalty(self, difference: Tensor) -> Tensor:
        return torch.sqrt(difference.square() + self.eps**2)
