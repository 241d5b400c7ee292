"""The memory setting: what to keep, what to compute again, how much to do at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Memory = Literal["low", "balanced", "fast"] | int

_MIB = 2**20
_KEEP = {"low": 0, "balanced": 256 * _MIB, "fast": None}  # bytes kept for a backward pass
_BAND = {"low": 16 * _MIB, "balanced": 128 * _MIB, "fast": None}  # bytes of one band of a map
_LEAST_ROWS = 32  # LR rows of the smallest band; below, computing its halo costs too much


@dataclass(frozen=True)
class NeighborPlan:
    """How `sum_neighbors` goes about its memory; results differ by float rounding only.

    Attributes:
        band: LR rows whose neighbour map is made and embedded at a time without gradient.
        keep: Whether a backward pass keeps maps and embeddings rather than computing them again.
    """

    band: int
    keep: bool


class Scratch:
    """Buffers that successive calls write to again and again.

    On a CPU the first touch of fresh memory costs more than the copying that follows.
    """

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, shape: Sequence[int]) -> Tensor:
        """An uninitialised tensor ``shape``, of the kind of ``like``, until ``name`` is retaken."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or len(held) < size:
            held = self._held[name] = like.new_empty(size)
        return held[:size].view(*shape)


def plan_neighbors(
    memory: Memory, shape: Sequence[int], scale: int, num_neighbors: int, itemsize: int = 4
) -> NeighborPlan:
    """Choose a plan for features of one shape.

    Args:
        memory: ``'fast'`` keeps everything and works on whole maps, ``'balanced'`` keeps up to
            256 MiB and works in bands of 128 MiB, ``'low'`` keeps nothing and works in bands of
            16 MiB. A number is a budget in bytes for all that the aggregation allocates.
        shape: ``(N, C, H, W)`` of the features.
        scale: The graph's s.
        num_neighbors: The paper's k.
        itemsize: Bytes of one number.

    Raises:
        ValueError: ``memory`` is none of these, or a budget below the least possible.
    """
    height = shape[2]
    row = shape[0] * shape[1] * shape[3] * itemsize  # bytes of one LR row of features
    kept = num_neighbors * height * row * (scale**2 + 3)
    band_row = row * (2 * scale**2 + 3)
    if isinstance(memory, str):
        if memory not in _KEEP:
            raise ValueError(f"memory must be 'low', 'balanced', 'fast' or bytes, got {memory!r}")
        limit, band = _KEEP[memory], _BAND[memory]
        rows = height if band is None else max(_LEAST_ROWS, band // (row * scale**2))
        return NeighborPlan(_even(height, rows), limit is None or kept <= limit)
    least = smallest_budget(shape, scale, itemsize)
    if memory < least:
        raise ValueError(
            f"memory={memory} bytes cannot hold the aggregation of features {tuple(shape)} at "
            f"scale {scale}: it takes at least {least} bytes ({least / _MIB:.0f} MiB)"
        )
    fixed = _fixed(shape, scale, itemsize)
    return NeighborPlan(_even(height, (memory - fixed) // band_row), kept <= memory - fixed)


def smallest_budget(shape: Sequence[int], scale: int, itemsize: int = 4) -> int:
    """Least bytes that the aggregation of ``(N, C, H, W)`` features needs."""
    row = shape[0] * shape[1] * shape[3] * itemsize
    rows = min(shape[2], _LEAST_ROWS)
    return _fixed(shape, scale, itemsize) + rows * row * (2 * scale**2 + 3)


def _even(height: int, rows: int) -> int:
    """Rows of bands that are all about as high, and no more of them than ``rows`` asks for."""
    bands = -(-height // rows)
    return -(-height // bands)


def _fixed(shape: Sequence[int], scale: int, itemsize: int) -> int:
    """Bytes alive throughout: both sums, the rearranged features, the patch statistics."""
    features = shape[0] * shape[1] * shape[2] * shape[3] * itemsize
    return features * (scale**2 + 3)
