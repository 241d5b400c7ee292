"""Gather key patches, scale and shift them, fold them into an overlap-mean map; and the way back.

Everything runs in strips of query rows small enough to stay in the processor's cache. One patch row
of ``size`` key pixels is one contiguous run, so gathering is copying.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .memory import Scratch
from .patches import PatchGrid, Region, overlap_weights
from .tracing import is_traced

_STRIP = 2**19  # elements gathered at a time on the CPU, to stay in its cache
_STRIP_ACCELERATOR = 2**26


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
    runs = _runs(rows, grid.size)
    for images, block in _strips(
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
            run = _gather_runs(runs, position, rows, grid.size, scratch)
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
    runs, flat, scratch = _runs(rows, size), grad_rows.view(-1, rows[0, 0, 0].numel()), Scratch()
    along = torch.arange(size, device=rows.device)
    for images, block in _strips(
        grad.device, len(grad), slice(0, grid.rows), grid.cols, runs.shape[1]
    ):
        for a in range(size):
            here = starts[images, block] + a * rows.shape[2]
            part = windows[images, block, a]
            if gain is None or grad_gain is None or grad_offset is None:
                contribution = part
            else:
                run = _gather_runs(runs, here, rows, size, scratch)
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


def _reciprocal_counts(grid: PatchGrid, like: Tensor) -> tuple[Tensor, Tensor]:
    """One over how many patches cover each padded row and each padded column."""
    rows, cols = overlap_weights(grid, like.device, like.dtype)
    step = grid.stride

    def along(weights: Tensor, length: int) -> Tensor:
        position = torch.arange(length, device=like.device)
        patch = (position // step).clamp(max=len(weights) - 1)
        return weights[patch, position - patch * step]

    return along(rows, grid.padded_height), along(cols, grid.padded_width)


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


def _runs(rows: Tensor, size: int) -> Tensor:
    """Overlapping view ``(positions, size * s * s * C)``: ``size`` key pixels from each one."""
    pixel = rows[0, 0, 0].numel()
    count = rows.shape[0] * rows.shape[1] * rows.shape[2] - size + 1
    return rows.as_strided((count, size * pixel), (pixel, 1))


def _gather_runs(
    runs: Tensor, position: Tensor, rows: Tensor, size: int, scratch: Scratch
) -> Tensor:
    """``(n, rows, cols, size, s, s, C)`` runs at ``position`` (n, rows, cols)."""
    gathered = scratch.take("run", runs, (position.numel(), runs.shape[1]))
    torch.index_select(runs, 0, position.reshape(-1), out=gathered)
    return gathered.view(*position.shape, size, *rows.shape[3:])


def _strips(
    device: torch.device, images: int, rows: slice, cols: int, run: int
) -> Iterator[tuple[slice, slice]]:
    """Cut ``images`` x ``rows`` so that the gathered runs of one strip stay in cache."""
    limit = _STRIP if device.type == "cpu" else _STRIP_ACCELERATOR
    count = rows.stop - rows.start
    together = limit // max(1, count * cols * run)
    if together >= 1:
        for first in range(0, images, together):
            yield slice(first, min(first + together, images)), rows
        return
    step = max(1, limit // (cols * run))
    for image in range(images):
        for first in range(rows.start, rows.stop, step):
            yield slice(image, image + 1), slice(first, min(first + step, rows.stop))
