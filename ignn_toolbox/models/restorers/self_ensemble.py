"""Self-ensemble: the "+" of EDSR+ and IGNN+."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from ..spec import Given, NetworkSpec


class SelfEnsemble(nn.Module):
    """Mean of a network's outputs over the eight flips and transpositions of its input.

    Unclamped outputs are averaged. A downsampled image is made anew for each transformed input, so
    that odd sizes stay aligned; one that is given is transformed along (the released code always
    does the latter).

    Args:
        network: Any restoration network, or a callable that has a spec.
        spreads: Whether to keep how far the eight results are apart.

    Attributes:
        spread: Standard deviation of the last eight results, ``(N, 1, H, W)``, mean over channels.
    """

    def __init__(self, network: Any, spreads: bool = False) -> None:
        super().__init__()
        self.network = network
        self.spread: Tensor | None = None
        self._spreads = spreads
        self.spec: NetworkSpec = network.spec

    def forward(self, lq: Tensor, given: Given | None = None) -> Tensor:
        """``(N, C, H, W) -> (N, C', scale * H, scale * W)``.

        Raises:
            TypeError: A graph is given, which fits one of the eight inputs only.
        """
        if given is not None and given.graph is not None:
            raise TypeError("the self-ensemble makes a graph for each of its inputs: give none")
        total: Tensor | None = None
        first: Tensor | None = None
        squares: Tensor | float = 0.0
        for transform in itertools.product((False, True), repeat=3):
            part = _apply(lq, transform)
            if given is None or given.image_down is None:
                sr = self.network(part)
            else:
                sr = self.network(part, Given(image_down=_apply(given.image_down, transform)))
            sr = _invert(sr, transform)
            total = sr if total is None else total + sr
            if self._spreads:
                first = sr if first is None else first
                squares = squares + (sr - first).float().square()
        assert total is not None
        if first is not None:  # squares from the first result: those of small numbers
            off = (total / 8 - first).float()
            variance = (squares / 8 - off.square()).clamp(min=0)
            self.spread = variance.sqrt().mean(1, keepdim=True)
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
