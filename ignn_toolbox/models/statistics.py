"""Statistics of whole maps that can be gathered part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .steps import Place, Statistic


class Mean(Statistic):
    """Mean over all pixels, ``(N, C, 1, 1)``."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    def part(self, x: Tensor, place: Place) -> tuple[Tensor, int]:
        return x.sum((2, 3), keepdim=True, dtype=torch.float64), x.shape[2] * x.shape[3]

    def join(self, parts: Sequence[tuple[Tensor, int]]) -> Tensor:
        total = sum((p[0] for p in parts[1:]), parts[0][0])
        return total / sum(p[1] for p in parts)


class Variance(Statistic):
    """Variance over all pixels, ``(N, C, 1, 1)``.

    Args:
        unbiased: Divide by one less than the number of pixels.
    """

    def __init__(self, unbiased: bool = False) -> None:
        self.unbiased = unbiased

    def __call__(self, x: Tensor) -> Tensor:
        return x.var((2, 3), keepdim=True, unbiased=self.unbiased)

    def part(self, x: Tensor, place: Place) -> tuple[int, Tensor, Tensor]:
        own = x.double()
        mean = own.mean((2, 3), keepdim=True)
        return x.shape[2] * x.shape[3], mean, (own - mean).square().sum((2, 3), keepdim=True)

    def join(self, parts: Sequence[tuple[int, Tensor, Tensor]]) -> Tensor:
        count, mean, squares = parts[0]
        for other, other_mean, other_squares in parts[1:]:
            both, apart = count + other, other_mean - mean
            squares = squares + other_squares + apart.square() * (count * other / both)
            mean, count = mean + apart * (other / both), both
        return squares / (count - int(self.unbiased))


class Covariance(Statistic):
    """Covariance of the channels over all pixels, ``(N, C, C)``, divided by their number."""

    def __call__(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        centred = flat - flat.mean(2, keepdim=True)
        return centred @ centred.transpose(1, 2) / flat.shape[2]

    def part(self, x: Tensor, place: Place) -> tuple[int, Tensor, Tensor]:
        flat = x.flatten(2).double()
        mean = flat.mean(2, keepdim=True)
        centred = flat - mean
        return flat.shape[2], mean, centred @ centred.transpose(1, 2)

    def join(self, parts: Sequence[tuple[int, Tensor, Tensor]]) -> Tensor:
        count, mean, squares = parts[0]
        for other, other_mean, other_squares in parts[1:]:
            both, apart = count + other, other_mean - mean
            squares = (
                squares + other_squares + apart @ apart.transpose(1, 2) * (count * other / both)
            )
            mean, count = mean + apart * (other / both), both
        return squares / count


@dataclass(frozen=True)
class _Cells:
    """Largest values in the cells that a part touches, and where these cells lie."""

    top: int
    left: int
    values: Tensor
    size: tuple[int, int]


class AdaptiveMaxPool(Statistic):
    """Largest value in each of ``(floor(H / factor), floor(W / factor))`` cells.

    Cell i of n along a side of N pixels holds the pixels ``floor(i N / n) .. ceil((i + 1) N / n)``
    (torch's adaptive pooling), so that where they lie depends on the picture's size.

    Args:
        factor: Pixels of a cell's side, about.
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return F.adaptive_max_pool2d(x, self._size(x.shape[2], x.shape[3]))

    def part(self, x: Tensor, place: Place) -> _Cells:
        size = self._size(place.height, place.width)
        region = place.region
        top, x = _pool(x, 2, region.top, place.height, size[0])
        left, x = _pool(x, 3, region.left, place.width, size[1])
        return _Cells(top, left, x, size)

    def join(self, parts: Sequence[_Cells]) -> Tensor:
        first = parts[0]
        whole = first.values.new_full((*first.values.shape[:2], *first.size), -torch.inf)
        for cells in parts:
            height, width = cells.values.shape[2:]
            own = whole[:, :, cells.top : cells.top + height, cells.left : cells.left + width]
            torch.maximum(own, cells.values, out=own)
        return whole

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return height // self.factor, width // self.factor


def _pool(x: Tensor, dim: int, start: int, length: int, cells: int) -> tuple[int, Tensor]:
    """The first cell that a stretch touches, and the largest values in all that it touches."""
    stop = start + x.shape[dim]
    first, last = start * cells // length, min(cells - 1, (stop * cells - 1) // length)
    while first > 0 and -(-first * length // cells) > start:  # cells overlap by a pixel
        first -= 1
    while last < cells - 1 and (last + 1) * length // cells < stop:
        last += 1
    found = []
    for cell in range(first, last + 1):
        low = max(start, cell * length // cells) - start
        high = min(stop, -(-(cell + 1) * length // cells)) - start
        found.append(x.narrow(dim, low, high - low).amax(dim, keepdim=True))
    return first, torch.cat(found, dim)
