"""What the attentions of CSNLN and PANet share: three embeddings, keys of the whole map."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops.patch_attention import as_line, attend_patches
from ..spec import Given
from ..steps import Allocate
from .base import Aggregator

_LEAST_NORM = 1e-4  # of a patch of keys; the released codes' "escape_NaN"
_BAND = 2**24  # bytes of features from which keys are made at a time for a large picture


class Searched(NamedTuple):
    """Keys of a whole map, see `ops.patch_attention.attend_patches`."""

    keys: Tensor
    values: Tensor
    gain: Tensor
    grids: tuple[int, ...]


class PatchAttention(Aggregator):
    """Softmax attention between patches of a map and those of maps that are made of it.

    A subclass says what the searched maps are. Queries, keys and values are embeddings of the
    features: 1x1 convolution and PReLU.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        size: Side of the compared patches: 3, whose keys are normalised, or 1.
        softmax_scale: Factor on the products, before the softmax.
        cells: Values that belong to a key, for each channel.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int,
        reduction: int,
        size: int,
        softmax_scale: float,
        cells: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction={reduction} must lie in 1..{channels}, the channels")
        self.size = size
        self.softmax_scale = softmax_scale
        self.widths = channels // reduction, channels * cells
        self.match_queries = _embedding(channels, channels // reduction)
        self.match_keys = _embedding(channels, channels // reduction)
        self.assemble = _embedding(channels, channels)

    def searched_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of the maps of keys of ``(N, C, height, width)`` features."""
        raise NotImplementedError

    def searched(self, features: Tensor, number: int, rows: slice) -> tuple[Tensor, Tensor]:
        """Rows of a map of keys, ``(N, D, h, w)``, and their values, ``(N, E, h, w)``.

        Args:
            features: ``(N, C, H, W)``, perhaps on another device.
            number: Which of `searched_sizes`.
            rows: Of that map.
        """
        raise NotImplementedError

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Searched:
        """Make keys and values of the whole map; see `Attention.prepare`."""
        sizes = self.searched_sizes(*features.shape[-2:])
        grids = tuple(n for size in sizes for n in size)
        if allocate is None:
            keys, values, gains = [], [], []
            for number, (rows, _) in enumerate(sizes):
                key, value = self.searched(features, number, slice(0, rows))
                keys.append(self._line(key))
                values.append(self._line(value))
                gains.append(self._line(self._gain(_squares(key)))[..., 0])
            return Searched(torch.cat(keys, 1), torch.cat(values, 1), torch.cat(gains, 1), grids)
        return self._searched_in_bands(features, sizes, grids, allocate)

    def _searched_in_bands(
        self,
        features: Tensor,
        sizes: list[tuple[int, int]],
        grids: tuple[int, ...],
        allocate: Allocate,
    ) -> Searched:
        gap = self.size // 2
        length = sum(height * (width + gap) for height, width in sizes)
        dtype = _wide(features.dtype)
        keys, values = (allocate((1, length, width), dtype) for width in self.widths)
        gains, first = [], 0
        for number, (height, width) in enumerate(sizes):
            step = max(1, _BAND * height // features.nbytes)
            squares = []
            for top in range(0, height, step):
                rows = slice(top, min(top + step, height))
                key, value = self.searched(features, number, rows)
                own = slice(first + top * (width + gap), first + rows.stop * (width + gap))
                keys[:, own], values[:, own] = self._line(key), self._line(value)
                squares.append(_squares(key))
            gains.append(self._line(self._gain(torch.cat(squares, 2)))[..., 0])
            first += height * (width + gap)
        return Searched(keys, values, torch.cat(gains, 1), grids)

    def found(self, prepared: Searched, features: Tensor) -> Tensor:
        """The sums of values for a region, ``(N, E, h, w)``."""
        queries = self.match_queries(features).permute(0, 2, 3, 1)
        keys, values, gain = (x.to(features.device) for x in prepared[:3])
        out = attend_patches(
            queries.to(keys.dtype).contiguous(), keys, values, gain, prepared.grids, self.size
        )
        return out.permute(0, 3, 1, 2).to(features.dtype)

    def weights_from(self, features: Tensor, row: int, col: int) -> list[Tensor]:
        """The weights of all keys for one query, to look at.

        Args:
            features: ``(1, C, H, W)``.
            row: Of the pixel that the query's patch lies around.
            col: Its column.

        Returns:
            A map ``(h, w)`` for each of `searched_sizes`; all sum to 1.
        """
        around = self.size // 2
        queries = F.pad(self.match_queries(features), (around,) * 4)
        query = queries[:, :, row : row + self.size, col : col + self.size]
        scores = []
        for number, (rows, _) in enumerate(self.searched_sizes(*features.shape[-2:])):
            key, _ = self.searched(features, number, slice(0, rows))
            products = F.conv2d(key, query, padding=around)
            scores.append((products * self._gain(_squares(key)))[0, 0])
        weights = torch.cat([score.flatten() for score in scores]).softmax(0)
        parts = weights.split([score.numel() for score in scores])
        return [part.view_as(score) for part, score in zip(parts, scores, strict=True)]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def _gain(self, squares: Tensor) -> Tensor:
        """Factor on the products with each patch of keys, of their squared lengths by pixel."""
        if self.size == 1:
            return torch.full_like(squares, self.softmax_scale)
        lengths = F.avg_pool2d(squares, 3, 1, 1) * 9
        return self.softmax_scale * lengths.clamp_min(_LEAST_NORM**2).rsqrt()

    def _line(self, x: Tensor) -> Tensor:
        return as_line(x.to(_wide(x.dtype)), self.size)


def _embedding(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1), nn.PReLU())


def _squares(key: Tensor) -> Tensor:
    return key.to(_wide(key.dtype)).square().sum(1, keepdim=True)


def _wide(dtype: torch.dtype) -> torch.dtype:
    """At least float32: a softmax of products in less is another one."""
    return torch.promote_types(dtype, torch.float32)
