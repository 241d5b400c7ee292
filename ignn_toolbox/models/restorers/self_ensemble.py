"""Self-ensemble: the "+" of EDSR+ and IGNN+."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class SelfEnsemble(nn.Module):
    """Mean of a network's outputs over the eight flips and transpositions of its input.

    Unclamped outputs are averaged. A downsampled image is made anew for each transformed input, so
    that odd sizes stay aligned; one that is given is transformed along (the released code always
    does the latter).

    Args:
        network: Any restoration network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.scale = network.scale
        self.min_size = network.min_size

    def forward(self, lq: Tensor, *, lq_down: Tensor | None = None) -> Tensor:
        """``(N, 3, H, W) -> (N, 3, scale * H, scale * W)``."""
        total: Tensor | None = None
        for transform in itertools.product((False, True), repeat=3):
            options = {} if lq_down is None else {"lq_down": _apply(lq_down, transform)}
            sr = _invert(self.network(_apply(lq, transform), **options), transform)
            total = sr if total is None else total + sr
        assert total is not None
        return total / 8


def _apply(image: Tensor, transform: tuple[bool, ...]) -> Tensor:
    flip_w, flip_h, transpose = transform
    dims = [-1] * flip_w + [-2] * flip_h
    image = torch.flip(image, dims) if dims else image
    return image.transpose(-1, -2) if transpose else image


def _invert(image: Tensor, transform: tuple[bool, ...]) -> Tensor:
    flip_w, flip_h, transpose = transform
    image = image.transpose(-1, -2) if transpose else image
    dims = [-1] * flip_w + [-2] * flip_h
    return torch.flip(image, dims) if dims else image
