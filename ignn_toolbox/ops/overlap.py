"""Overlapping patches: how many cover a pixel, and the mean of patches that are constant inside."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import constants
from .operators import define
from .patches import PatchGrid, count_patches


def fold_constant(values: Tensor, grid: PatchGrid) -> Tensor:
    """Overlap mean of patches that are constant inside; differentiable.

    Args:
        values: ``(..., rows, cols, C)``, a number per patch and channel.
        grid: The patches.

    Returns:
        ``(..., H, W, C)``: the mean of ``values`` over the patches that cover a pixel.
    """
    return fold_constant_operator(values, grid.sides)


def reciprocal_counts(grid: PatchGrid, like: Tensor) -> Tensor:
    """One over how many patches cover each pixel of the padded map, ``(H', W', 1)``."""
    (weights,) = constants(_reciprocal_counts, like.device, grid, like.dtype)
    return weights


def _reciprocal_counts(grid: PatchGrid, dtype: torch.dtype) -> tuple[Tensor]:
    def axis(count: int) -> Tensor:
        position = torch.arange(count)[:, None] * grid.stride + torch.arange(grid.size)
        covers = torch.zeros((count - 1) * grid.stride + grid.size, dtype=torch.float64)
        ones = torch.ones(position.numel(), dtype=torch.float64)
        return covers.index_add(0, position.flatten(), ones).reciprocal()

    return ((axis(grid.rows)[:, None, None] * axis(grid.cols)[:, None]).to(dtype),)


def units(grid: PatchGrid) -> list[slice]:
    """Cut the rows (or columns) of a patch into pieces as long as the stride; the last is shorter.

    Piece t of all patches, side by side, fills a map from its pixel ``t * stride`` on.
    """
    first = range(0, grid.size, grid.stride)
    return [slice(offset, min(offset + grid.stride, grid.size)) for offset in first]


def spread(values: Tensor, grid: PatchGrid) -> Tensor:
    """Sum, in every pixel, over the patches that cover it.

    Args:
        values: ``(B, rows, cols, C)``.
        grid: The patches.

    Returns:
        ``(B, H, W, C)``.
    """
    pieces = units(grid)
    for axis, length in ((1, grid.height), (2, grid.width)):
        count = values.shape[axis]
        shape = [
            *values.shape[:axis],
            count + len(pieces) - 1,
            grid.stride,
            *values.shape[axis + 1 :],
        ]
        out = values.new_zeros(shape)
        for t, piece in enumerate(pieces):
            part = out.narrow(axis, t, count).narrow(axis + 1, 0, piece.stop - piece.start)
            part += values.unsqueeze(axis + 1)
        values = out.flatten(axis, axis + 1).narrow(axis, 0, length)
    return values


def sum_patches(pixels: Tensor, grid: PatchGrid) -> Tensor:
    """Sum, in every patch, over its pixels inside the map: the adjoint of `spread`."""
    pieces = units(grid)
    for axis, length in ((1, grid.height), (2, grid.width)):
        count = (grid.rows, grid.cols)[axis - 1]
        missing = (count + len(pieces) - 1) * grid.stride - length
        padding = [0, 0] * (pixels.dim() - 1 - axis) + [0, missing]
        split = F.pad(pixels, padding).unflatten(axis, (-1, grid.stride))
        parts = [
            split.narrow(axis, t, count).narrow(axis + 1, 0, piece.stop - piece.start).sum(axis + 1)
            for t, piece in enumerate(pieces)
        ]
        pixels = functools.reduce(torch.add, parts)
    return pixels


def _kernel(values: Tensor, sides: Sequence[int]) -> Tensor:
    grid = PatchGrid(*sides)
    out = spread(values.flatten(0, -4), grid)
    out = out * reciprocal_counts(grid, out)[: grid.height, : grid.width]
    return out.unflatten(0, values.shape[:-3])


def _kernel_backward(grad: Tensor, sides: Sequence[int]) -> Tensor:
    grid = PatchGrid(*sides)
    grad = grad * reciprocal_counts(grid, grad)[: grid.height, : grid.width]
    return sum_patches(grad.flatten(0, -4), grid).unflatten(0, grad.shape[:-3])


def _fake(values: Tensor, sides: Sequence[int]) -> Tensor:
    return values.new_empty((*values.shape[:-3], sides[0], sides[1], values.shape[-1]))


def _fake_backward(grad: Tensor, sides: Sequence[int]) -> Tensor:
    rows, cols = count_patches(sides[0], *sides[2:]), count_patches(sides[1], *sides[2:])
    return grad.new_empty((*grad.shape[:-3], rows, cols, grad.shape[-1]))


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.sides = inputs[1]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return _operator_backward(grad, ctx.sides), None


_operator_backward = define(
    "fold_constant_backward(Tensor grad, SymInt[] grid) -> Tensor", _kernel_backward, _fake_backward
)
fold_constant_operator = define(
    "fold_constant(Tensor values, SymInt[] grid) -> Tensor", _kernel, _fake, _backward, _save
)
