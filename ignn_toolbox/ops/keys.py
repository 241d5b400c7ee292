"""The key patches of a feature map: their layout and statistics, made at once or in bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .fold import key_rows
from .graph import PatchGraph
from .patches import PatchGrid
from .statistics import patch_statistics

Allocate = Callable[[tuple[int, ...], torch.dtype], Tensor]


@dataclass(frozen=True)
class KeyPatches:
    """The key patches of one feature map.

    Attributes:
        rows: ``(N, H', W', s, s, C)``, see `fold.key_rows`.
        scale: ``(N * n, C)`` reciprocal deviation of every key patch; ``None`` without AdaPN.
        shift: ``(N * n, C)`` mean times reciprocal deviation.
    """

    rows: Tensor
    scale: Tensor | None
    shift: Tensor | None

    def band(self, grid: PatchGrid, rows: slice) -> KeyPatches:
        """Those in ``rows`` of the key grid, of one image."""
        first, last = rows.start * grid.stride, (rows.stop - 1) * grid.stride + grid.size
        chosen = slice(rows.start * grid.cols, rows.stop * grid.cols)
        return KeyPatches(
            self.rows[:, first:last],
            None if self.scale is None else self.scale[chosen],
            None if self.shift is None else self.shift[chosen],
        )

    def to(self, device: torch.device) -> KeyPatches:
        """The same with its tensors on ``device``."""
        moved = (None if t is None else t.to(device) for t in (self.scale, self.shift))
        return KeyPatches(self.rows.to(device), *moved)


def prepare_keys(features: Tensor, graph: PatchGraph, *, adapn: bool = True) -> KeyPatches:
    """The key patches of a feature map; differentiable.

    Args:
        features: ``(N, C, H, W)`` of the image that the graph was built on.
        graph: Its patch graph.
        adapn: Whether statistics are wanted.

    Raises:
        ValueError: The graph belongs to another batch, size or device.
    """
    _check(features, graph)
    if adapn and graph.key_grid.size == 1:
        raise ValueError("a patch of one pixel has no deviation: use adapn=False or patch_size > 1")
    return _prepare(features, graph.key_grid, graph.scale, adapn)


def prepare_keys_in_bands(
    features: Tensor, graph: PatchGraph, *, adapn: bool, allocate: Allocate, band: int
) -> KeyPatches:
    """`prepare_keys` of one image too large for copies of it in memory; without gradient.

    Args:
        features: ``(1, C, H, W)``, for instance mapped from a file.
        graph: Its patch graph.
        adapn: Whether statistics are wanted.
        allocate: Makes the results' tensors from shape and dtype.
        band: Rows of key patches done at a time.
    """
    _check(features, graph)
    grid, s, channels = graph.key_grid, graph.scale, features.shape[1]
    shape = (1, grid.padded_height, grid.padded_width, s, s, channels)
    rows = allocate(shape, features.dtype)
    wide = torch.promote_types(features.dtype, torch.float32)
    scale, shift = (allocate((len(grid), channels), wide) if adapn else None for _ in range(2))
    whole = KeyPatches(rows, scale, shift)
    for first in range(0, grid.rows, band):
        chosen = slice(first, min(first + band, grid.rows))
        top = chosen.start * grid.stride
        height = min(grid.height, (chosen.stop - 1) * grid.stride + grid.size) - top
        if height < grid.size:  # the last patch alone, over the border: with the one before it
            chosen = slice(chosen.start - 1, chosen.stop)
            top, height = top - grid.stride, height + grid.stride
        part = features[:, :, top * s : (top + height) * s]
        made = _prepare(part, PatchGrid(height, grid.width, grid.size, grid.stride), s, adapn)
        target = whole.band(grid, chosen)
        target.rows.copy_(made.rows)
        for wanted, found in ((target.scale, made.scale), (target.shift, made.shift)):
            if wanted is not None and found is not None:
                wanted.copy_(found)
    return whole


def _prepare(features: Tensor, grid: PatchGrid, scale: int, adapn: bool) -> KeyPatches:
    rows = key_rows(features, grid, scale)
    if not adapn:
        return KeyPatches(rows, None, None)
    mean, std = patch_statistics(rows, grid)
    reciprocal = std.reciprocal()
    return KeyPatches(rows, reciprocal.flatten(0, 2), (mean * reciprocal).flatten(0, 2))


def _check(features: Tensor, graph: PatchGraph) -> None:
    grid = graph.query_grid
    if features.dim() != 4 or tuple(features.shape[2:]) != (grid.height, grid.width):
        raise ValueError(
            f"features {tuple(features.shape)} do not fit a graph of a "
            f"{grid.height}x{grid.width} image: both must come from the same image"
        )
    if len(features) != len(graph.index):
        raise ValueError(
            f"features have batch {len(features)}, the graph has batch {len(graph.index)}"
        )
    if features.device != graph.index.device:
        raise ValueError(
            f"features are on {features.device}, the graph on {graph.index.device}; use graph.to()"
        )
    needed = (graph.key_grid.height * graph.scale, graph.key_grid.width * graph.scale)
    if needed[0] > grid.height or needed[1] > grid.width:
        raise ValueError(
            f"keys on a {graph.key_grid.height}x{graph.key_grid.width} map at scale {graph.scale} "
            f"reach beyond the {grid.height}x{grid.width} features"
        )
