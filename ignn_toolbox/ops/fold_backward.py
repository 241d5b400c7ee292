"""Gradients of `fold.fold_patches`, which gather again what the way there gathered."""

from __future__ import annotations

import torch
from torch import Tensor

from .memory import Scratch
from .patches import PatchGrid, overlap_weights, pixel_runs
from .strips import gather_runs, strips


def fold_patches_backward(
    grad: Tensor,
    rows: Tensor,
    starts: Tensor,
    gain: Tensor | None,
    size: int,
    stride: int,
    grad_rows: Tensor,
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of `fold_patches`, recomputing what it gathered.

    Args:
        grad: ``(N, H, s, W, s, C)`` gradient of the result.
        rows: As given to `fold_patches`, like the next four.
        starts: See there.
        gain: See there.
        size: See there.
        stride: See there.
        grad_rows: Gradient of ``rows``; what this neighbour contributes is added in place.

    Returns:
        Gradients of ``gain`` and ``offset``, ``None`` without them.
    """
    grid = PatchGrid(grad.shape[1], grad.shape[3], size, stride)
    windows = _patch_windows(_share_among_patches(grad, grid), grid)
    grad_gain = grad_offset = None
    if gain is not None:
        grad_gain, grad_offset = torch.zeros_like(gain), torch.zeros_like(gain)
    runs, flat, scratch = (
        pixel_runs(rows, size),
        grad_rows.view(-1, rows[0, 0, 0].numel()),
        Scratch(),
    )
    along = torch.arange(size, device=rows.device)
    for images, block in strips(
        grad.device, len(grad), slice(0, grid.rows), grid.cols, runs.shape[1]
    ):
        for a in range(size):
            here = starts[images, block] + a * rows.shape[2]
            part = windows[images, block, a]
            if gain is None or grad_gain is None or grad_offset is None:
                contribution = part
            else:
                run = gather_runs(runs, here, rows, size, scratch)
                grad_gain[images, block] += (part * run).flatten(3, 5).sum(3)
                grad_offset[images, block] += part.flatten(3, 5).sum(3)
                contribution = run.copy_(part).mul_(gain[images, block, :, None, None, None])
            position = (here[..., None] + along).reshape(-1)
            flat.index_add_(0, position, contribution.reshape(-1, flat.shape[1]))
    return grad_gain, grad_offset


def _share_among_patches(grad: Tensor, grid: PatchGrid) -> Tensor:
    """Gradient of the mean, divided by the overlap counts and padded to the grid, contiguous."""
    n, height, s, width, _, c = grad.shape
    rows, cols = _reciprocal_counts(grid, grad)
    weight = rows[:height, None, None, None, None] * cols[:width, None, None]
    if grid.padding == (0, 0):
        return grad * weight
    shared = grad.new_zeros(n, grid.padded_height, s, grid.padded_width, s, c)
    torch.mul(grad, weight, out=shared[:, :height, :, :width])
    return shared


def _patch_windows(canvas: Tensor, grid: PatchGrid) -> Tensor:
    """Overlapping view ``(N, rows, size, cols, size, s, s, C)`` of a padded canvas.

    Its order is ``(N, rows, a, cols, b, dy, dx, C)`` for pixel (a, b) of a patch.
    """
    n, height, s, width, _, c = canvas.shape
    line = width * s * c
    return canvas.as_strided(
        (n, grid.rows, grid.size, grid.cols, grid.size, s, s, c),
        (
            height * s * line,
            grid.stride * s * line,
            s * line,
            grid.stride * s * c,
            s * c,
            line,
            c,
            1,
        ),
    )


def _reciprocal_counts(grid: PatchGrid, like: Tensor) -> tuple[Tensor, Tensor]:
    """One over how many patches cover each padded row and each padded column."""
    rows, cols = overlap_weights(grid, like.device, like.dtype)
    step = grid.stride

    def along(weights: Tensor, length: int) -> Tensor:
        position = torch.arange(length, device=like.device)
        patch = (position // step).clamp(max=len(weights) - 1)
        return weights[patch, position - patch * step]

    return along(rows, grid.padded_height), along(cols, grid.padded_width)
