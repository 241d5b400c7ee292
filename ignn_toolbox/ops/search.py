"""Exact k-nearest-patch search, windowed or global, in bounded memory.

Queries are cut into square blocks; each block is compared with the union of its windows by one
matrix product, and the k best of it are kept. The cut depends on the geometry of the two grids
alone, never on a memory setting, a tile or the rest of the batch, so equal inputs give equal bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .graph import PatchGraph
from .patches import PatchGrid, pad_to_grid
from .tracing import is_traced
from .window import WindowMode, check_window, window_size, window_starts

_BLOCK = 16  # side of a query block, in patches
_KEYS = 8192  # most keys in one matrix product
_SCORES = {"cpu": 2**18, "cuda": 2**23}  # scores of blocks computed together


def search(
    queries: Tensor,
    keys: Tensor,
    *,
    scale: int,
    num_neighbors: int = 5,
    window: int | None = 30,
    window_mode: WindowMode = "centred",
    patch_size: int = 3,
    stride: int = 2,
    exclude_self: bool = False,
) -> PatchGraph:
    """Find the k nearest key patches of every query patch (squared Euclidean distance).

    The paper's graph construction (section 3.1): queries are patches of E_L, keys are patches of
    E_L downsampled. Everything is computed in float32, whatever the input's dtype. Neighbours come
    nearest first; among equal distances the lower flat index wins.

    Args:
        queries: ``(N, D, H, W)`` features of the image, any float dtype.
        keys: ``(N, D, H', W')`` features of the image that is searched.
        scale: How many times smaller the searched image is (the paper's s); places the window.
        num_neighbors: The paper's k.
        window: Side d of the square search window in key patches; ``None`` searches everything.
        window_mode: See `window_starts`.
        patch_size: The paper's l.
        stride: Step between neighbouring patches, in pixels of either map.
        exclude_self: Leave out the key at the query's own position (for ``scale=1``).

    Raises:
        ValueError: The shapes, devices or options do not fit, a value is not finite, or there are
            fewer keys in a window than neighbours wanted.
    """
    query_grid, key_grid = check_search(
        queries,
        keys,
        scale,
        num_neighbors,
        window,
        window_mode,
        patch_size,
        stride,
        exclude_self,
    )
    find = nearest_operator if is_traced(queries) else nearest
    index, distance = find(
        queries.detach(),
        keys.detach(),
        scale,
        num_neighbors,
        window,
        window_mode,
        patch_size,
        stride,
        exclude_self,
    )
    return PatchGraph(index, distance, query_grid, key_grid, scale)


def nearest(
    queries: Tensor,
    keys: Tensor,
    scale: int,
    num_neighbors: int,
    window: int | None,
    window_mode: str,
    patch_size: int,
    stride: int,
    exclude_self: bool,
) -> tuple[Tensor, Tensor]:
    """`search` without checks: index int64 and distance float32."""
    query_grid = PatchGrid(queries.shape[-2], queries.shape[-1], patch_size, stride)
    key_grid = PatchGrid(keys.shape[-2], keys.shape[-1], patch_size, stride)
    plan = _plan(query_grid, key_grid, scale, window, window_mode, exclude_self)
    shape = (queries.shape[0], query_grid.rows, query_grid.cols, num_neighbors)
    index = torch.empty(shape, dtype=torch.int64, device=queries.device)
    distance = torch.empty(shape, dtype=torch.float32, device=queries.device)
    with torch.autocast(queries.device.type, enabled=False):
        _search(queries, _patch_view(keys, key_grid), plan, index, distance)
    return index, distance


# What a compiler sees; called directly it costs a second, as its first call imports the compiler.
nearest_operator = torch.library.custom_op("ignn_toolbox::nearest", nearest, mutates_args=())


@nearest_operator.register_fake
def _(queries, keys, scale, num_neighbors, window, window_mode, patch_size, stride, exclude_self):  # type: ignore[no-untyped-def]
    rows, cols = (-(-(length - patch_size) // stride) + 1 for length in queries.shape[-2:])
    shape = (queries.shape[0], rows, cols, num_neighbors)
    return queries.new_empty(shape, dtype=torch.int64), queries.new_empty(
        shape, dtype=torch.float32
    )


@dataclass(frozen=True)
class _Plan:
    """Geometry of one search: the blocks of queries and the union of windows of each."""

    query_grid: PatchGrid
    key_grid: PatchGrid
    window: tuple[int, int]
    row_starts: list[int]
    col_starts: list[int]
    block: tuple[int, int]
    union: tuple[int, int]
    exclude_self: bool

    def corners(self) -> list[tuple[int, int]]:
        """First query (row, column) of every block; the last ones overlap their neighbours."""
        rows = _starts(self.query_grid.rows, self.block[0])
        return [(i, j) for i in rows for j in _starts(self.query_grid.cols, self.block[1])]


def _starts(count: int, block: int) -> list[int]:
    return [min(start, count - block) for start in range(0, count, block)]


def _plan(
    query_grid: PatchGrid,
    key_grid: PatchGrid,
    scale: int,
    window: int | None,
    window_mode: str,
    exclude_self: bool,
) -> _Plan:
    high, wide, rows, cols = window_starts(query_grid, key_grid, scale, window, window_mode)  # type: ignore[arg-type]
    # the smallest number of blocks of at most _BLOCK, all alike
    block = tuple(-(-n // -(-n // _BLOCK)) for n in (query_grid.rows, query_grid.cols))

    def union(starts: list[int], side: int, length: int) -> int:
        first = _starts(len(starts), length)
        return max(starts[i + length - 1] - starts[i] for i in first) + side

    return _Plan(
        query_grid,
        key_grid,
        (high, wide),
        rows,
        cols,
        (block[0], block[1]),
        (union(rows, high, block[0]), union(cols, wide, block[1])),
        exclude_self,
    )


def _patch_view(features: Tensor, grid: PatchGrid) -> Tensor:
    """All patches of ``(N, D, H, W)`` maps as ``(N, rows, cols, size, size * D)``, float32."""
    channels_last = features.permute(0, 2, 3, 1).to(torch.float32)
    padded = pad_to_grid(channels_last, grid).contiguous()
    count, height, width, depth = padded.shape
    line = width * depth
    return padded.as_strided(
        (count, grid.rows, grid.cols, grid.size, grid.size * depth),
        (height * line, grid.stride * line, grid.stride * depth, line, 1),
    )


def _query_block(queries: Tensor, grid: PatchGrid, row: int, col: int, side: tuple) -> Tensor:
    """``(side[0], side[1], size * size * D)``: a block of patches of one ``(D, H, W)`` image.

    They are cut out block by block, as the maps may be mapped from a file larger than memory.
    """
    step, size = grid.stride, grid.size
    top, left = row * step, col * step
    height, width = ((count - 1) * step + size for count in side)
    part = queries[None, :, top : top + height, left : left + width]
    missing = (0, width - part.shape[3], 0, height - part.shape[2])
    return _patch_view(F.pad(part, missing), PatchGrid(height, width, size, step)).flatten(3)[0]


def _search(queries: Tensor, keys: Tensor, plan: _Plan, index: Tensor, distance: Tensor) -> None:
    """Fill ``index`` and ``distance`` ``(N, rows, cols, k)``, a few blocks at a time."""
    device = queries.device
    (bh, bw), (uh, uw) = plan.block, plan.union
    corners = [(n, i, j) for n in range(len(queries)) for i, j in plan.corners()]
    together = max(1, _SCORES.get(device.type, _SCORES["cuda"]) // (bh * bw * uh * uw))
    row_start = torch.tensor(plan.row_starts, device=device)
    col_start = torch.tensor(plan.col_starts, device=device)
    masked = [union > window for union, window in zip(plan.union, plan.window, strict=True)]
    for first in range(0, len(corners), together):
        group = corners[first : first + together]
        origins = [
            (
                n,
                min(plan.row_starts[i], plan.key_grid.rows - uh),
                min(plan.col_starts[j], plan.key_grid.cols - uw),
            )
            for n, i, j in group
        ]
        grid = plan.query_grid
        block = torch.stack([_query_block(queries[n], grid, i, j, (bh, bw)) for n, i, j in group])
        block = block.flatten(1, 2)  # (G, bh * bw, F)
        rows = torch.tensor([i for _, i, _ in group], device=device)[:, None]
        cols = torch.tensor([j for _, _, j in group], device=device)[:, None]
        rows = rows + torch.arange(bh, device=device)
        cols = cols + torch.arange(bw, device=device)
        best = None
        step = max(1, _KEYS // uw)
        for band in range(0, uh, step):
            height = min(step, uh - band)
            union = torch.stack(
                [
                    keys[n, r + band : r + band + height, c : c + uw].flatten(2)
                    for n, r, c in origins
                ]
            ).flatten(1, 2)
            norm = union.square().sum(-1)
            scores = torch.baddbmm(norm[:, None], block, union.transpose(1, 2), alpha=-2)
            scores = scores.view(len(group), bh, bw, height, uw)
            key_row = torch.tensor([r + band for _, r, _ in origins], device=device)[:, None]
            key_row = key_row + torch.arange(height, device=device)
            key_col = torch.tensor([c for _, _, c in origins], device=device)[:, None]
            key_col = key_col + torch.arange(uw, device=device)
            if masked[0]:
                _mask_outside(scores, row_start[rows], key_row, plan.window[0], axis=1)
            if masked[1]:
                _mask_outside(scores, col_start[cols], key_col, plan.window[1], axis=2)
            flat = key_row[:, :, None] * plan.key_grid.cols + key_col[:, None]
            if plan.exclude_self:
                own = rows[:, :, None] * plan.key_grid.cols + cols[:, None]
                same = own[:, :, :, None, None] == flat[:, None, None]
                scores.masked_fill_(same, torch.inf)
            packed = _pack(scores.flatten(3), flat.flatten(1)[:, None, None])
            if best is not None:
                packed = torch.cat((best, packed), dim=-1)
            best = packed.topk(index.shape[-1], dim=-1, largest=False).values
        assert best is not None
        score, flat = _unpack(best)
        score = score + block.square().sum(-1).view(len(group), bh, bw, 1)
        for g, (n, i, j) in enumerate(group):
            index[n, i : i + bh, j : j + bw] = flat[g]
            distance[n, i : i + bh, j : j + bw] = score[g]


def _mask_outside(scores: Tensor, start: Tensor, key: Tensor, side: int, axis: int) -> None:
    """Set to infinity, along one axis, the scores of keys outside the queries' windows.

    Args:
        scores: ``(G, bh, bw, uh, uw)``, changed in place.
        start: ``(G, b)`` first key of each query's window along the axis.
        key: ``(G, u)`` key positions along the axis.
        side: Length of the window.
        axis: 1 for rows, 2 for columns.
    """
    outside = (key[:, None] < start[:, :, None]) | (key[:, None] >= start[:, :, None] + side)
    shape = [scores.shape[0], 1, 1, 1, 1]
    shape[axis], shape[axis + 2] = outside.shape[1:]
    scores.masked_fill_(outside.view(shape), torch.inf)


def _pack(scores: Tensor, index: Tensor) -> Tensor:
    """Order-preserving int64 of (score, index): makes the k smallest unique, ties by index."""
    bits = scores.view(torch.int32)
    bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats sort the other way round
    return bits.to(torch.int64).bitwise_left_shift_(32).bitwise_or_(index)


def _unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    bits = (packed >> 32).to(torch.int32)
    bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return bits.view(torch.float32), packed & 0xFFFFFFFF


def check_search(
    queries: Tensor,
    keys: Tensor,
    scale: int,
    num_neighbors: int,
    window: int | None,
    window_mode: WindowMode,
    patch_size: int,
    stride: int,
    exclude_self: bool,
) -> tuple[PatchGrid, PatchGrid]:
    """The grids of queries and keys, once it is sure that `search` can serve its arguments.

    Raises:
        ValueError: As `search`.
    """
    _check_maps(queries, keys)
    query_grid = PatchGrid(queries.shape[-2], queries.shape[-1], patch_size, stride)
    key_grid = PatchGrid(keys.shape[-2], keys.shape[-1], patch_size, stride)
    check_window(window, window_mode)
    _check_count(num_neighbors, query_grid, key_grid, scale, window, exclude_self)
    if exclude_self and query_grid != key_grid:
        raise ValueError(
            f"exclude_self needs queries and keys of one size, got {tuple(queries.shape[-2:])} "
            f"and {tuple(keys.shape[-2:])}"
        )
    return query_grid, key_grid


def _check_maps(queries: Tensor, keys: Tensor) -> None:
    shapes = f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)}"
    if queries.dim() != 4 or keys.dim() != 4:
        raise ValueError(f"{shapes} must both be (N, D, H, W)")
    if queries.shape[:2] != keys.shape[:2]:
        raise ValueError(f"{shapes} must agree in batch and channels")
    if queries.device != keys.device or queries.dtype != keys.dtype:
        raise ValueError(
            f"queries ({queries.dtype}, {queries.device}) and keys ({keys.dtype}, {keys.device}) "
            "must have one dtype and one device"
        )
    if not queries.is_floating_point():
        raise ValueError(f"queries and keys must be floating point, got {queries.dtype}")
    if queries.device.type == "cpu" and not is_traced(queries):
        for name, value in (("queries", queries), ("keys", keys)):
            if not torch.isfinite(torch.stack(value.aminmax())).all():  # a sum may overflow
                raise ValueError(f"{name} {tuple(value.shape)} hold values that are not finite")


def _check_count(
    num_neighbors: int,
    queries: PatchGrid,
    keys: PatchGrid,
    scale: int,
    window: int | None,
    exclude_self: bool,
) -> None:
    if num_neighbors < 1:
        raise ValueError(f"num_neighbors must be at least 1, got {num_neighbors}")
    high, wide = window_size(keys, window)
    needed = num_neighbors + int(exclude_self)
    if needed <= high * wide:
        return
    if needed <= len(keys):
        sides = range(1, len(keys) + 1)
        side = next(d for d in sides if min(d, keys.rows) * min(d, keys.cols) >= needed)
        raise ValueError(
            f"num_neighbors={num_neighbors} needs at least {needed} key patches, but a window of "
            f"{high}x{wide} holds {high * wide}; use window={side} or more, or None"
        )
    least = smallest_image(needed, scale, keys.size, keys.stride)
    raise ValueError(
        f"num_neighbors={num_neighbors} needs at least {needed} key patches, but a "
        f"{queries.height}x{queries.width} image downsampled by {scale} has {len(keys)}; use an "
        f"image of at least {least}x{least}"
    )


def smallest_image(num_neighbors: int, scale: int, patch_size: int = 3, stride: int = 2) -> int:
    """Side of the smallest square image whose downsampled patches number ``num_neighbors``."""
    side = patch_size
    while len(PatchGrid(side, side, patch_size, stride)) < num_neighbors:
        side += 1
    return side * scale
