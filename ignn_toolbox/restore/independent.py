"""Tiles restored each on its own, as most of the literature does, and blended where they overlap.

A network that looks at the whole picture sees only a tile here, so its result depends on the tile
size; `exact.restore_exactly` does not have this fault.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .tiles import MapStore, TileRun, grow, view

_BAND = 64  # rows that are compared at a time
_OVERLAP = 16  # LR pixels that a tile shares with its neighbour, on each side


def restore_independently(
    network: Callable[[Tensor], Tensor], lq: Tensor, scale: int, run: TileRun, store: MapStore
) -> Tensor:
    """Restore ``(1, 3, H, W)`` in independent tiles.

    The weights of overlapping tiles fall linearly towards their edges and are divided by their sum,
    so that a network without a view beyond its tile leaves no seam.
    """
    height, width = lq.shape[-2:]
    run.expect(height * width)
    shape = (1, lq.shape[1], scale * height, scale * width)
    total = store.allocate(shape, torch.float32)
    weights = store.allocate((1, 1, *shape[2:]), torch.float32)

    def work(region) -> None:  # type: ignore[no-untyped-def]
        outer = grow(region, _OVERLAP, height, width)
        sr = network(view(lq, outer).contiguous()).float()
        rows, cols = (_ramp(n * scale, _OVERLAP * scale) for n in (outer.height, outer.width))
        weight = rows[:, None] * cols
        view(total, outer, scale).add_((sr * weight.to(sr.device)).to(total.device))
        view(weights, outer, scale).add_(weight.to(weights.device))

    run.over(height, width, work)
    return total.div_(weights)


@dataclass(frozen=True)
class Deviation:
    """How far a picture is from another, in levels of 8 bits, both clipped to their range.

    Attributes:
        largest: Largest difference of a pixel's channel.
        mean: Mean of the absolute differences.
    """

    largest: float
    mean: float

    def __str__(self) -> str:
        return (
            f"largest deviation from exact {self.largest:.2f} of 255 levels, mean {self.mean:.4f}"
        )


def deviation(restored: Tensor, exact: Tensor) -> Deviation:
    """Compare ``(1, 3, H, W)`` pictures with values in [0, 1]; they may be mapped from files."""
    largest, total = 0.0, 0.0
    for own, other in zip(restored.split(_BAND, 2), exact.split(_BAND, 2), strict=True):
        off = (own.float().clamp(0, 1).cpu() - other.float().clamp(0, 1).cpu()).abs_().mul_(255)
        largest = max(largest, off.max().item())
        total += off.sum(dtype=torch.float64).item()
    return Deviation(largest, total / restored.numel())


def _ramp(length: int, overlap: int) -> Tensor:
    position = torch.arange(length) + 0.5
    return torch.minimum(position, length - position).clamp(max=2 * overlap) / (2 * overlap)
