"""RNAN's non-local block: every place is shared out among all places.

Paper: Zhang, Li, Li, Zhong, Fu, "Residual Non-local Attention Networks for Image Restoration", ICLR
2019. Status: equal to the authors' code on its golden cases. There the softmax runs over the
queries, not over the keys: what the paper writes is another block, `NonLocal`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import zero_conv
from ..spec import Given
from ..steps import Allocate, Place
from .base import Aggregator

_BAND = 64  # rows that are embedded at a time
_PAIRS = 2**24  # products of queries and keys that are in memory at a time


@MODELS.register_module()
class QuerySoftmax(Aggregator):
    """Non-local block whose weights of a key sum to one over all queries; starts as identity.

    ``y_p = sum_k exp(theta_p . phi_k - L_k) g_k`` with ``L_k = log sum_p exp(theta_p . phi_k)``:
    the sums L over all queries are made first, then any query can be computed alone.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(self, channels: int, reduction: int = 2, init_cfg: dict | None = None) -> None:
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
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make keys, values and the logarithms L of all pixels; see `Attention.prepare`."""
        device = self.g.weight.device
        bands = [features] if allocate is None else features.split(_BAND, 2)
        made = [
            [_sequence(f(part.to(device))) for f in (self.theta, self.phi, self.g)]
            for part in bands
        ]
        queries, keys, values = (torch.cat(parts, 1) for parts in zip(*made, strict=True))
        sums = [(queries @ part.transpose(1, 2)).logsumexp(1) for part in _portions(keys, queries)]
        return keys, values, torch.cat(sums, 1)

    def attend(
        self, prepared: tuple[Tensor, Tensor, Tensor], features: Tensor, place: Place
    ) -> Tensor:
        """Attend; see `Attention.attend`."""
        keys, values, sums = prepared
        found = [
            (part @ keys.transpose(1, 2) - sums[:, None]).exp() @ values
            for part in _portions(_sequence(self.theta(features)), keys)
        ]
        joined = torch.cat(found, 1).transpose(1, 2).unflatten(2, features.shape[-2:])
        return features + self.out(joined)


def _sequence(x: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, H * W, C)``."""
    return x.flatten(2).transpose(1, 2)


def _portions(rows: Tensor, others: Tensor) -> Iterator[Tensor]:
    """Rows in portions whose products with all others are few enough."""
    if torch.compiler.is_compiling():  # loops that depend on a size cannot be followed
        yield rows
        return
    count = max(1, _PAIRS // max(1, len(others) * others.shape[1]))
    yield from rows.split(count, 1)
