"""Gather key patches, scale and shift them, fold them into an overlap-mean map.

The way back is in `fold_backward`, what both go through in `strips`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .fold_backward import fold_patches_backward
from .memory import Scratch
from .patches import PatchGrid, Region, overlap_weights, pixel_runs
from .strips import gather_runs, strips
from .tracing import is_traced


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
    """Overlap mean of gathered patches ``gain * patch + offset``; differentiable.

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
    return _fold(rows, starts, gain, offset, grid, Region.whole(grid), Scratch())


@fold_patches.register_fake
def _(rows, starts, gain, offset, height, width, size, stride):  # type: ignore[no-untyped-def]
    return rows.new_empty(
        rows.shape[0], height, rows.shape[3], width, rows.shape[3], rows.shape[-1]
    )


def fold_region(
    rows: Tensor,
    starts: Tensor,
    gain: Tensor | None,
    offset: Tensor | None,
    grid: PatchGrid,
    region: Region,
    scratch: Scratch | None = None,
) -> Tensor:
    """`fold_patches` of one region of the map: ``(N, h, s, w, s, C)``, without gradient.

    ``starts``, ``gain`` and ``offset`` hold only the queries that touch the region
    (``region.queries(grid)``). With ``scratch`` the result is valid until the next call with it.
    """
    scratch = scratch or Scratch()
    if not is_traced(rows):
        return _fold(rows, starts, gain, offset, grid, region, scratch)
    if not torch.compiler.is_compiling():  # a dry run asks for the memory only
        return _take_buffers(rows, grid, region, scratch)[0]
    sides = [grid.height, grid.width, grid.size, grid.stride]
    place = [region.top, region.left, region.height, region.width]
    return _fold_region(rows, starts, gain, offset, sides, place)


@torch.library.custom_op("ignn_toolbox::fold_region", mutates_args=())
def _fold_region(
    rows: Tensor,
    starts: Tensor,
    gain: Tensor | None,
    offset: Tensor | None,
    grid: list[int],
    region: list[int],
) -> Tensor:
    """`fold_region`, opaque to the compiler."""
    return _fold(rows, starts, gain, offset, PatchGrid(*grid), Region(*region), Scratch())


@_fold_region.register_fake
def _(rows, starts, gain, offset, grid, region):  # type: ignore[no-untyped-def]
    return rows.new_empty(
        rows.shape[0], region[2], rows.shape[3], region[3], rows.shape[3], rows.shape[-1]
    )


def _fold(
    rows: Tensor,
    starts: Tensor,
    gain: Tensor | None,
    offset: Tensor | None,
    grid: PatchGrid,
    region: Region,
    scratch: Scratch,
) -> Tensor:
    n, box = rows.shape[0], region.queries(grid)
    weights = _corner_weights(grid, rows)[:, :, box[0], box[1]]
    out, base = _take_buffers(rows, grid, region, scratch)
    base.zero_()
    if offset is not None:
        for a, b in _offsets(grid):
            part, inside = _pixels(base, grid, region, a, b, box[0])
            part.addcmul_(offset[inside], weights[a, b][inside[1:]][..., None])
    # every pixel but the last ones has one patch whose first ``stride`` rows and columns hold it:
    # that patch writes, the others add
    written = (grid.rows * grid.stride - region.top, grid.cols * grid.stride - region.left)
    for rest in (
        (slice(None), slice(max(0, written[0]), None)),
        (slice(None), slice(None), slice(max(0, written[1]), None)),
    ):
        _blocks(out)[rest] = base[rest][:, :, :, None, None]
    runs = pixel_runs(rows, grid.size)
    for images, block in strips(
        rows.device, n, _block_rows(grid, box[0]), starts.shape[2], runs.shape[1]
    ):
        for a in range(grid.size):
            late, _ = divmod(a, grid.stride)
            chosen = slice(
                max(block.start - late, box[0].start), min(block.stop - late, box[0].stop)
            )
            if chosen.stop <= chosen.start:
                continue
            here = slice(chosen.start - box[0].start, chosen.stop - box[0].start)
            position = starts[images, here] + a * rows.shape[2]
            run = gather_runs(runs, position, rows, grid.size, scratch)
            for b in range(grid.size):
                target, inside = _pixels(out[images], grid, region, a, b, chosen, box[1])
                scale = weights[a, b, here][inside[1:]][..., None]
                if gain is not None:
                    scale = scale * gain[images, here][inside]
                source, scale = run[:, :, :, b][inside], scale[..., None, None, :]
                if late or b >= grid.stride:
                    target.addcmul_(source, scale)
                else:
                    under, _ = _pixels(base[images], grid, region, a, b, chosen, box[1])
                    torch.addcmul(under[:, :, :, None, None], source, scale, out=target)
    return out


def _take_buffers(
    rows: Tensor, grid: PatchGrid, region: Region, scratch: Scratch
) -> tuple[Tensor, Tensor]:
    """The folded map, and the offsets' overlap mean below it."""
    n, s, c = rows.shape[0], rows.shape[3], rows.shape[-1]
    base = scratch.take("base", rows, (n, region.height, region.width, c))
    return scratch.take("out", rows, (n, region.height, s, region.width, s, c)), base


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


def _blocks(canvas: Tensor) -> Tensor:
    """``(N, H, s, W, s, C)`` seen as ``(N, H, W, s, s, C)``."""
    return canvas.permute(0, 1, 3, 2, 4, 5)


def _pixels(
    canvas: Tensor,
    grid: PatchGrid,
    region: Region,
    a: int,
    b: int,
    rows: slice,
    cols: slice | None = None,
) -> tuple[Tensor, tuple[slice, slice, slice]]:
    """Pixel (a, b) of those patches in ``rows`` and ``cols`` that have it in the region.

    Args:
        canvas: ``(N, h, w, C)`` or ``(N, h, s, w, s, C)``, the region's pixels.
        grid: The patches.
        region: What part of the map the canvas shows.
        a: Row inside the patch.
        b: Column inside the patch.
        rows: Patch rows.
        cols: Patch columns; those that touch the region when ``None``.

    Returns:
        A view ``(N, r, c, C)`` or ``(N, r, c, s, s, C)``, and the index that cuts a tensor
        ``(N, rows, cols, ...)`` of the given patches to the same r x c.
    """
    cols = region.queries(grid)[1] if cols is None else cols
    row_pixels, row_patches = _span(rows, grid.stride, a - region.top, region.height)
    col_pixels, col_patches = _span(cols, grid.stride, b - region.left, region.width)
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


def _block_rows(grid: PatchGrid, patches: slice) -> slice:
    """Canvas rows, in units of the stride, that the given patch rows reach."""
    return slice(patches.start, patches.stop + (grid.size - 1) // grid.stride)
