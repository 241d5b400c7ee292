"""`fold_neighbors` on the CPU: strips of query rows small enough for its cache, pixel by pixel.

A patch's pixels are scaled and added to the map straight from where they were gathered, so that the
map is written as often as its patches overlap and nothing of its size is made beside it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .fold_parts import Patches, patch_windows, whole_grid
from .gather import Runs, strips
from .overlap import reciprocal_counts, units
from .patches import PatchGrid


def fold(*arguments: Any) -> Tensor:
    parts = Patches.of(*arguments)
    gain, offset = (None if t is None else t.flatten(0, 1) for t in parts.affine())
    grid, region, box = parts.grid, parts.region, parts.box
    keys, position = parts.keys, parts.position.flatten(0, 1)
    n, (s, c) = len(position), keys.shape[-2:]
    weights = _corner_weights(grid, keys)[:, :, box[0], box[1]]
    out = keys.new_empty(n, region.height, s, region.width, s, c)
    base = keys.new_zeros(n, region.height, region.width, c)  # the offsets' overlap mean
    if offset is not None:
        for a, b in _offsets(grid):
            part, inside = _pixels(base, parts, a, b, box[0])
            part.addcmul_(offset[inside], weights[a, b][inside[1:]][..., None])
    # every pixel but the last ones has one patch whose first ``stride`` rows and columns hold it:
    # that patch writes, the others add
    written = (grid.rows * grid.stride - region.top, grid.cols * grid.stride - region.left)
    for rest in (
        (slice(None), slice(max(0, written[0]), None)),
        (slice(None), slice(None), slice(max(0, written[1]), None)),
    ):
        _blocks(out)[rest] = base[rest][:, :, :, None, None]
    runs = Runs(keys, grid.size)
    block_rows = slice(box[0].start, box[0].stop + len(units(grid)) - 1)
    for images, block in strips(keys.device, n, block_rows, position.shape[2] * runs.length):
        for a in range(grid.size):
            late = a // grid.stride
            chosen = slice(
                max(block.start - late, box[0].start), min(block.stop - late, box[0].stop)
            )
            if chosen.stop <= chosen.start:
                continue
            here = slice(chosen.start - box[0].start, chosen.stop - box[0].start)
            line = position[images, here] + a * keys.shape[2]
            run = runs.take(line).view(*line.shape, grid.size, s, s, c)
            for b in range(grid.size):
                target, inside = _pixels(out[images], parts, a, b, chosen)
                scale = weights[a, b, here][inside[1:]][..., None]
                if gain is not None:
                    scale = scale * gain[images, here][inside]
                source, scale = run[:, :, :, b][inside], scale[..., None, None, :]
                if late or b >= grid.stride:
                    target.addcmul_(source, scale)
                else:
                    under, _ = _pixels(base[images], parts, a, b, chosen)
                    torch.addcmul(under[:, :, :, None, None], source, scale, out=target)
    return out.unflatten(0, parts.position.shape[:2])


def fold_backward(grad: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    parts = Patches.of(*arguments)
    windows = patch_windows(parts, grad).flatten(0, 1)  # (N * r, rows, a, cols, b, dy, dx, C)
    gain, _ = parts.affine()
    keys, position, size = parts.keys, parts.position.flatten(0, 1), parts.grid.size
    grads: tuple[Tensor, ...] = tuple(grad.new_empty(0) for _ in range(4))
    grad_keys = torch.zeros_like(keys)
    runs, flat = Runs(keys, size), grad_keys.view(-1, keys[0, 0, 0].numel())
    along = torch.arange(size)
    if gain is not None:
        grad_gain, grad_offset = torch.zeros_like(gain), torch.zeros_like(gain)
        gains, gain_sums, offset_sums = (t.flatten(0, 1) for t in (gain, grad_gain, grad_offset))
    n, rows, cols = position.shape
    for images, chosen in strips(grad.device, n, slice(0, rows), cols * runs.length):
        for a in range(size):
            line = position[images, chosen] + a * keys.shape[2]
            part = windows[images, chosen, a]
            if gain is not None:
                run = runs.take(line).view(part.shape)
                gain_sums[images, chosen] += (part * run).flatten(3, 5).sum(3)
                offset_sums[images, chosen] += part.flatten(3, 5).sum(3)
                part = run.copy_(part).mul_(gains[images, chosen, :, None, None, None])
            pixel = (line[..., None] + along).flatten()
            flat.index_add_(0, pixel, part.reshape(-1, flat.shape[1]))
    if gain is not None:
        grads = parts.affine_backward(grad_gain, grad_offset)
    return grad_keys, *whole_grid(parts, grads)


def _offsets(grid: PatchGrid) -> list[tuple[int, int]]:
    return [(a, b) for a in range(grid.size) for b in range(grid.size)]


def _corner_weights(grid: PatchGrid, like: Tensor) -> Tensor:
    """``(size, size, rows, cols)`` reciprocal overlap counts of every pixel of every patch."""
    weights = reciprocal_counts(grid, like)[..., 0].contiguous()
    line = grid.padded_width
    return weights.as_strided(
        (grid.size, grid.size, grid.rows, grid.cols),
        (line, 1, grid.stride * line, grid.stride),
    )


def _blocks(canvas: Tensor) -> Tensor:
    """``(N, H, s, W, s, C)`` seen as ``(N, H, W, s, s, C)``."""
    return canvas.permute(0, 1, 3, 2, 4, 5)


def _pixels(
    canvas: Tensor, parts: Patches, a: int, b: int, rows: slice
) -> tuple[Tensor, tuple[slice, slice, slice]]:
    """Pixel (a, b) of those patches in ``rows`` that have it in the region.

    Args:
        canvas: ``(N, h, w, C)`` or ``(N, h, s, w, s, C)``, the region's pixels.
        parts: The patches.
        a: Row inside the patch.
        b: Column inside the patch.
        rows: Patch rows.

    Returns:
        A view ``(N, r, c, C)`` or ``(N, r, c, s, s, C)``, and the index that cuts a tensor
        ``(N, rows, cols, ...)`` of the given patches to the same r x c.
    """
    stride, region = parts.grid.stride, parts.region
    row_pixels, row_patches = _span(rows, stride, a - region.top, region.height)
    col_pixels, col_patches = _span(parts.box[1], stride, b - region.left, region.width)
    blocks = canvas if canvas.dim() == 4 else _blocks(canvas)
    return blocks[:, row_pixels, col_pixels], (slice(None), row_patches, col_patches)


def _span(patches: slice, stride: int, offset: int, length: int) -> tuple[slice, slice]:
    """Where pixels ``patch * stride + offset`` lie in 0..length-1: the pixels and the patches."""
    first = max(patches.start, -(offset // stride))
    stop = min(patches.stop, (length - 1 - offset) // stride + 1)
    if stop <= first:
        return slice(0, 0), slice(0, 0)
    pixels = slice(first * stride + offset, (stop - 1) * stride + offset + 1, stride)
    return pixels, slice(first - patches.start, stop - patches.start)
