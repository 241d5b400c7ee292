"""The memory setting: what to keep, what to compute again, how much to do at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Memory = Literal["low", "fast"] | int | None

_MIB = 2**20
_LEAST_ROWS = 32  # LR rows of the smallest band; below, computing its halo costs too much


@dataclass(frozen=True)
class NeighborPlan:
    """How `sum_neighbors` goes about its memory; results differ by float rounding only.

    Attributes:
        band: LR rows whose neighbour maps are made and embedded at a time without gradient; all
            when ``None``.
        keep: Whether a backward pass keeps maps and embeddings rather than computing them again.
        together: How many neighbours are made and embedded at a time.
    """

    band: int | None
    keep: bool
    together: int = 1

    def bands(self, height: int) -> list[slice]:
        """Rows of each band of an image."""
        if self.band is None:
            return [slice(0, height)]
        return _in_steps(height, self.band)

    def ranks(self, num_neighbors: int) -> list[slice]:
        """The neighbours that are done together."""
        return _in_steps(num_neighbors, self.together)


@dataclass(frozen=True)
class _Limits:
    """Bytes that may be kept for a backward pass, and of one band of maps."""

    keep: int
    band: int


_LOW, _FAST = _Limits(0, 16 * _MIB), _Limits(2**62, 2**62)
_USUAL, _USUAL_ACCELERATOR = _Limits(256 * _MIB, 128 * _MIB), _Limits(4096 * _MIB, 1024 * _MIB)


def plan_neighbors(
    memory: Memory,
    features: Tensor,
    scale: int,
    num_neighbors: int,
) -> NeighborPlan:
    """Choose a plan for features of one shape.

    Args:
        memory: ``'fast'`` keeps everything and works on whole maps, ``'low'`` keeps nothing and
            works in bands of 16 MiB. ``None`` keeps up to 256 MiB and works in bands of 128 MiB on
            a CPU, up to 4 GiB and in bands of 1 GiB on a GPU. A number is a budget in bytes for all
            that the aggregation allocates.
        features: ``(N, C, H, W)``.
        scale: The graph's s.
        num_neighbors: The paper's k.

    Raises:
        ValueError: ``memory`` is none of these, or a budget below the least possible.
    """
    if memory not in ("low", "fast", None) and not isinstance(memory, int):
        raise ValueError(f"memory must be 'low', 'fast', None or bytes, got {memory!r}")
    on_cpu = features.device.type == "cpu"
    if torch.compiler.is_compiling() and not torch.is_grad_enabled():
        return NeighborPlan(None, True, 1 if on_cpu else num_neighbors)  # serves any size
    n, c, height, width = features.shape
    row = n * c * width * features.element_size()  # bytes of one LR row of features
    kept = num_neighbors * height * row * (scale**2 + 3)
    if isinstance(memory, int):
        fixed = _fixed(row, height, scale)
        least = fixed + min(height, _LEAST_ROWS) * row * (2 * scale**2 + 3)
        if memory < least:
            raise ValueError(
                f"memory={memory} bytes cannot hold the aggregation of features "
                f"{tuple(features.shape)} at scale {scale}: it takes at least {least} bytes "
                f"({least / _MIB:.0f} MiB)"
            )
        limits = _Limits(memory - fixed, (memory - fixed) * scale**2 // (2 * scale**2 + 3))
    elif memory is None:
        limits = _USUAL if on_cpu else _USUAL_ACCELERATOR
    else:
        limits = {"low": _LOW, "fast": _FAST}[memory]
    keep = kept <= limits.keep
    # launching costs a GPU more than computing; a CPU's cache holds less than one map anyway
    together = num_neighbors if keep and not on_cpu else 1
    rows = limits.band // (row * scale**2 * together)
    return NeighborPlan(_even(height, max(rows, _LEAST_ROWS)), keep, together)


def ranks_together(num_neighbors: int, device: torch.device) -> list[slice]:
    """The neighbours whose LR-sized parts, as edge labels, are made together on a device.

    A CPU's cache holds one; an exported program is shorter with all of them.
    """
    is_one_by_one = device.type == "cpu" and not torch.compiler.is_exporting()
    return _in_steps(num_neighbors, 1 if is_one_by_one else num_neighbors)


def _in_steps(length: int, step: int) -> list[slice]:
    return [slice(first, min(first + step, length)) for first in range(0, length, step)]


def _even(height: int, rows: int) -> int:
    """Rows of bands that are all about as high, and no more of them than ``rows`` asks for."""
    bands = -(-height // rows)
    return -(-height // bands)


def _fixed(row: int, height: int, scale: int) -> int:
    """Bytes alive throughout: both sums, the rearranged features, the patch statistics."""
    return row * height * (scale**2 + 3)
