"""Gather key patches, scale and shift them, fold them into an overlap-mean map; and the way back.

Everything runs in strips of query rows small enough to stay in the processor's cache. One patch row
of ``size`` key pixels is one contiguous run, so gathering is copying.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .patches import PatchGrid, offset_extent, overlap_weights, sum_blocks

_STRIP = {"cpu": 2**18, "cuda": 2**26}  # elements gathered at a time


def key_rows(features: Tensor, key_grid: PatchGrid, scale: int) -> Tensor:
    """Rearrange features so that one key pixel is one contiguous row.

    Args:
        features: ``(N, C, H, W)``; what is left over by ``scale`` at the bottom and right is cut.
        key_grid: Patches of the map ``scale`` times smaller.
        scale: Side of the block of ``features`` that belongs to one key pixel.

    Returns:
        ``(N, H', W', s, s, C)`` with the key grid's zero rows and columns appended, contiguous.
    """
    n, c = features.shape[:2]
    height, width = key_grid.height, key_grid.width
    blocks = features.permute(0, 2, 3, 1)[:, : height * scale, : width * scale]
    blocks = blocks.unflatten(2, (width, scale)).unflatten(1, (height, scale))
    bottom, right = key_grid.padding
    blocks = blocks.permute(0, 1, 3, 2, 4, 5)
    return F.pad(blocks, (0, 0, 0, 0, 0, 0, 0, right, 0, bottom)).contiguous()


def key_starts(index: Tensor, key_grid: PatchGrid) -> Tensor:
    """Flat position of each chosen key patch's first pixel in `key_rows`, over the whole batch.

    Args:
        index: ``(N, rows, cols)`` flat patch numbers of one neighbour rank.
        key_grid: The grid that ``index`` counts in.
    """
    row = torch.div(index, key_grid.cols, rounding_mode="floor")
    col = index - row * key_grid.cols
    position = (row * key_grid.padded_width + col) * key_grid.stride
    image = torch.arange(index.shape[0], device=index.device)
    return position + image.view(-1, 1, 1) * (key_grid.padded_height * key_grid.padded_width)


@torch.library.custom_op("ignn_toolbox::fold_patches", mutates_args=())
def fold_patches(
    rows: Tensor,
    starts: Tensor,
    gain: Tensor | None,
    offset: Tensor | None,
    height: int,
    width: int,
    size: int,
    stride: int,
) -> Tensor:
    """Overlap mean of gathered patches ``gain * patch + offset``.

    Args:
        rows: ``(N, H', W', s, s, C)`` from `key_rows`.
        starts: ``(N, rows, cols)`` from `key_starts`, for one neighbour rank.
        gain: ``(N, rows, cols, C)`` per query and channel, or ``None`` for 1.
        offset: The same shape, or ``None`` for 0; given exactly when ``gain`` is.
        height: Height of the query map.
        width: Width of the query map.
        size: Patch size in key pixels.
        stride: Patch stride in pixels.

    Returns:
        ``(N, H, s, W, s, C)``: seen as ``(N, sH, sW, C)``, the folded map.
    """
    grid = PatchGrid(height, width, size, stride)
    n, s, c = rows.shape[0], rows.shape[3], rows.shape[-1]
    weights = _corner_weights(grid, rows)
    if offset is None:
        out = rows.new_zeros(n, height, s, width, s, c)
    else:
        base = offset.new_zeros(n, height, width, c)
        for a, b in _offsets(grid):
            part = _pixels(base, grid, a, b)
            inside = _inside(part)
            part.addcmul_(offset[inside], weights[a, b][inside[1:]][..., None])
        out = rows.new_empty(n, height, s, width, s, c)
        out.copy_(base[:, :, None, :, None])
    runs = _runs(rows, size)
    for images, block in _strips(starts, runs.shape[1]):
        for a in range(size):
            run = _gather_runs(runs, starts[images, block] + a * rows.shape[2], rows, size)
            for b in range(size):
                target = _pixels(out, grid, a, b, images, block)
                inside = _inside(target)
                scale = weights[a, b, block][inside[1:]][..., None]
                if gain is not None:
                    scale = scale * gain[images, block][inside]
                target.addcmul_(run[:, :, :, b][inside], scale[..., None, None, :])
    return out


@fold_patches.register_fake
def _(rows, starts, gain, offset, height, width, size, stride):  # type: ignore[no-untyped-def]
    return rows.new_empty(
        rows.shape[0], height, rows.shape[3], width, rows.shape[3], rows.shape[-1]
    )


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
    weights = _corner_weights(grid, rows)
    grad_gain = grad_offset = None
    if gain is not None:
        grad_gain, grad_offset = torch.zeros_like(gain), torch.zeros_like(gain)
        block_sum = sum_blocks(grad.permute(0, 1, 3, 2, 4, 5))
        for a, b in _offsets(grid):
            part = _pixels(block_sum, grid, a, b)
            inside = _inside(part)
            grad_offset[inside].addcmul_(part, weights[a, b][inside[1:]][..., None])
    runs, flat = _runs(rows, size), grad_rows.view(-1, rows[0, 0, 0].numel())
    for images, block in _strips(starts, runs.shape[1]):
        here = starts[images, block]
        for a in range(size):
            run = None
            if gain is not None:
                run = _gather_runs(runs, here + a * rows.shape[2], rows, size)
            for b in range(size):
                part = _pixels(grad, grid, a, b, images, block)
                inside = _inside(part)
                scale = weights[a, b, block][inside[1:]][..., None]
                if run is not None:
                    product = sum_blocks(part * run[:, :, :, b][inside])
                    grad_gain[images, block][inside].addcmul_(product, scale)
                    scale = scale * gain[images, block][inside]
                contribution = part * scale[..., None, None, :]
                position = here[inside] + (a * rows.shape[2] + b)
                flat.index_add_(0, position.reshape(-1), contribution.reshape(-1, flat.shape[1]))
    return grad_gain, grad_offset


def _save_for_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    rows, starts, gain, _, _, _, ctx.size, ctx.stride = inputs
    ctx.save_for_backward(rows, starts, gain)


def _backward(ctx, grad):  # type: ignore[no-untyped-def]
    rows, starts, gain = ctx.saved_tensors
    grad_rows = torch.zeros_like(rows)
    grad_gain, grad_offset = fold_patches_backward(
        grad.contiguous(), rows, starts, gain, ctx.size, ctx.stride, grad_rows
    )
    return grad_rows, None, grad_gain, grad_offset, None, None, None, None


fold_patches.register_autograd(_backward, setup_context=_save_for_backward)


def _offsets(grid: PatchGrid) -> list[tuple[int, int]]:
    return [(a, b) for a in range(grid.size) for b in range(grid.size)]


def _corner_weights(grid: PatchGrid, like: Tensor) -> Tensor:
    """``(size, size, rows, cols)`` reciprocal overlap counts of every pixel of every patch."""
    rows, cols = overlap_weights(grid, like.device, like.dtype)
    return rows.t()[:, None, :, None] * cols.t()[None, :, None, :]


def _inside(pixels: Tensor) -> tuple[slice, slice, slice]:
    """Index that cuts ``(N, rows, cols, ...)`` to the patches that `_pixels` returned."""
    return slice(None), slice(pixels.shape[1]), slice(pixels.shape[2])


def _pixels(
    canvas: Tensor,
    grid: PatchGrid,
    a: int,
    b: int,
    images: slice = slice(None),
    block: slice = slice(None),
) -> Tensor:
    """Pixel (a, b) of all patches in ``block`` rows that have it on the canvas, as a view.

    Args:
        canvas: ``(N, H, W, C)`` or ``(N, H, s, W, s, C)``.

    Returns:
        ``(N, rows, cols, C)`` or ``(N, rows, cols, s, s, C)``.
    """
    first, stop, _ = block.indices(offset_extent(grid, a, grid.height, grid.rows))
    last_col = offset_extent(grid, b, grid.width, grid.cols)
    step = grid.stride
    rows = slice(first * step + a, (stop - 1) * step + a + 1, step) if stop > first else slice(0)
    cols = slice(b, (last_col - 1) * step + b + 1, step)
    if canvas.dim() == 4:
        return canvas[images, rows, cols]
    return canvas[images, rows, :, cols].permute(0, 1, 3, 2, 4, 5)


def _runs(rows: Tensor, size: int) -> Tensor:
    """Overlapping view ``(positions, size * s * s * C)``: ``size`` key pixels from each position."""
    pixel = rows[0, 0, 0].numel()
    count = rows.shape[0] * rows.shape[1] * rows.shape[2] - size + 1
    return rows.as_strided((count, size * pixel), (pixel, 1))


def _gather_runs(runs: Tensor, position: Tensor, rows: Tensor, size: int) -> Tensor:
    """``(n, rows, cols, size, s, s, C)`` runs at ``position`` (n, rows, cols)."""
    gathered = runs.index_select(0, position.reshape(-1))
    return gathered.view(*position.shape, size, *rows.shape[3:])


def _strips(starts: Tensor, run: int) -> Iterator[tuple[slice, slice]]:
    """Cut the queries into (images, query rows) so that one gather stays in cache."""
    n, rows, cols = starts.shape
    limit = _STRIP.get(starts.device.type, _STRIP["cuda"])
    together = limit // max(1, rows * cols * run)
    if together >= 1:
        for first in range(0, n, together):
            yield slice(first, min(first + together, n)), slice(0, rows)
        return
    step = max(1, limit // (cols * run))
    for image in range(n):
        for first in range(0, rows, step):
            yield slice(image, image + 1), slice(first, min(first + step, rows))
