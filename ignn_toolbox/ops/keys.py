"""The key patches of a feature map: their layout and statistics, made at once or in bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .graph import PatchGraph
from .operators import define
from .patches import PatchGrid
from .statistics import patch_statistics

Allocate = Callable[[tuple[int, ...], torch.dtype], Tensor]


@dataclass(frozen=True)
class KeyPatches:
    """The key patches of one feature map.

    Attributes:
        rows: ``(N, H', W', s, s, C)``, see `key_rows`.
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
    scale, shift = (
        allocate((grid.rows * grid.cols, channels), wide) if adapn else None for _ in range(2)
    )
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


def key_rows(features: Tensor, key_grid: PatchGrid, scale: int) -> Tensor:
    """Rearrange features so that one key pixel is one contiguous row; differentiable.

    Args:
        features: ``(N, C, H, W)``; what is left over by ``scale`` at the bottom and right is cut.
        key_grid: Patches of the map ``scale`` times smaller.
        scale: Side of the block of ``features`` that belongs to one key pixel.

    Returns:
        ``(N, H', W', s, s, C)`` with the key grid's zero rows and columns appended, contiguous.

    Raises:
        ValueError: The keys reach beyond the features.
    """
    return key_rows_operator(features, key_grid.sides, scale)


def _prepare(features: Tensor, grid: PatchGrid, scale: int, adapn: bool) -> KeyPatches:
    rows = key_rows(features, grid, scale)
    if not adapn:
        return KeyPatches(rows, None, None)
    mean, std = patch_statistics(rows, grid.size, grid.stride)
    reciprocal = std.reciprocal()
    return KeyPatches(rows, reciprocal.flatten(0, 2), (mean * reciprocal).flatten(0, 2))


def _check(features: Tensor, graph: PatchGraph) -> None:
    grid = graph.query_grid
    if features.dim() != 4 or tuple(features.shape[2:]) != (grid.height, grid.width):
        raise ValueError(
            f"features {tuple(features.shape)} do not fit a graph of a "
            f"{grid.height}x{grid.width} image: both must come from the same image"
        )
    if features.shape[0] != graph.index.shape[0]:
        raise ValueError(
            f"features have batch {len(features)}, the graph has batch {len(graph.index)}"
        )
    if features.device != graph.index.device:
        raise ValueError(
            f"features are on {features.device}, the graph on {graph.index.device}; use graph.to()"
        )


def _kernel(features: Tensor, sides: Sequence[int], scale: int) -> Tensor:
    grid = PatchGrid(*sides)
    height, width = grid.height * scale, grid.width * scale
    if height > features.shape[2] or width > features.shape[3]:
        raise ValueError(
            f"keys on a {grid.height}x{grid.width} map at scale {scale} reach beyond the "
            f"{features.shape[2]}x{features.shape[3]} features"
        )
    blocks = features.permute(0, 2, 3, 1)[:, :height, :width]
    blocks = blocks.unflatten(2, (-1, scale)).unflatten(1, (-1, scale)).transpose(2, 3)
    n, _, _, s, _, c = blocks.shape
    shape = (n, grid.padded_height, grid.padded_width, s, s, c)
    rows = blocks.new_zeros(shape) if any(grid.padding) else blocks.new_empty(shape)
    rows[:, : grid.height, : grid.width] = blocks
    return rows


def _kernel_backward(
    grad: Tensor, sides: Sequence[int], scale: int, height: int, width: int
) -> Tensor:
    grid = PatchGrid(*sides)
    image = grad[:, : grid.height, : grid.width].transpose(2, 3).flatten(3, 4).flatten(1, 2)
    missing = (0, 0, 0, width - image.shape[2], 0, height - image.shape[1])
    return F.pad(image, missing).permute(0, 3, 1, 2)


def _fake(features: Tensor, sides: Sequence[int], scale: int) -> Tensor:
    grid = PatchGrid(*sides)
    n, c = features.shape[:2]
    return features.new_empty((n, grid.padded_height, grid.padded_width, scale, scale, c))


def _fake_backward(
    grad: Tensor, sides: Sequence[int], scale: int, height: int, width: int
) -> Tensor:
    return grad.new_empty((grad.shape[0], height, width, grad.shape[5])).permute(0, 3, 1, 2)


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    features, ctx.sides, ctx.scale = inputs
    ctx.size = features.shape[2:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return _operator_backward(grad, ctx.sides, ctx.scale, *ctx.size), None, None


_operator_backward = define(
    "key_rows_backward(Tensor grad, SymInt[] key_grid, int scale, SymInt height, SymInt width) "
    "-> Tensor",
    _kernel_backward,
    _fake_backward,
)
key_rows_operator = define(
    "key_rows(Tensor features, SymInt[] key_grid, int scale) -> Tensor",
    _kernel,
    _fake,
    _backward,
    _save,
)
