"""SAN's region-level non-local block: the map's four quarters, each alone.

Paper: Dai, Cai, Zhang, Xia, Zhang, "Second-order Attention Network for Single Image
Super-Resolution", CVPR 2019. Status: equal to the authors' code on its golden case.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import zero_conv
from ..spec import Given
from ..steps import Allocate, Place
from .base import Aggregator


@MODELS.register_module()
class RegionNonLocal(Aggregator):
    """Embedded-Gaussian non-local block in each quarter of the map; starts as identity.

    A quarter's places are compared with the largest values of its 2x2 cells; an odd last row or
    column is compared with others, but others not with it.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        init_cfg: mmengine's initialisation config.
    """

    min_size = 4

    def __init__(self, channels: int, reduction: int = 8, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction={reduction} must lie in 1..{channels}, the channels")
        inner = channels // reduction
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.out = nn.Conv2d(inner, channels, 1)
        zero_conv(self.out)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> list[list[tuple[Tensor, Tensor]]]:
        """Make keys and values of each quarter, by rows and columns; see `Attention.prepare`."""
        device = self.g.weight.device
        height, width = features.shape[-2:]
        return [
            [
                self._compared(features[:, :, top:bottom, left:right].to(device))
                for left, right in _halves(width)
            ]
            for top, bottom in _halves(height)
        ]

    def attend(
        self, prepared: list[list[tuple[Tensor, Tensor]]], features: Tensor, place: Place
    ) -> Tensor:
        """Attend; see `Attention.attend`."""
        region = place.region
        rows = _shares(region.top, region.height, place.height)
        cols = _shares(region.left, region.width, place.width)
        found = [
            torch.cat(
                [self._attended(features[:, :, top, left], *prepared[i][j]) for j, left in cols], 3
            )
            for i, top in rows
        ]
        return torch.cat(found, 2)

    def _compared(self, part: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = (F.max_pool2d(f(part), 2) for f in (self.phi, self.g))
        return _sequence(keys), _sequence(values)

    def _attended(self, part: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        queries = _sequence(self.theta(part))
        found = F.scaled_dot_product_attention(queries, keys, values, scale=1.0)
        return part + self.out(found[:, 0].transpose(1, 2).unflatten(2, part.shape[-2:]))


def _halves(length: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, length // 2), (length // 2, length)


def _shares(start: int, count: int, length: int) -> list[tuple[int, slice]]:
    """Which half a stretch has a share of, and where in the stretch that is."""
    found = []
    for number, (begin, end) in enumerate(_halves(length)):
        low, high = max(begin, start), min(end, start + count)
        if low < high:
            found.append((number, slice(low - start, high - start)))
    return found


def _sequence(x: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, 1, H * W, C)``."""
    return x.flatten(2).transpose(1, 2)[:, None].contiguous()
