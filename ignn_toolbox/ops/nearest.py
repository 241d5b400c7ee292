"""The operator `nearest`: exact k-nearest-patch search, windowed or global, in bounded memory.

Queries are cut into square blocks; each block is compared with the union of its windows by one
matrix product, and the k best of it are kept. The cut depends on the geometry of the two grids
alone, never on a memory setting, a tile or the rest of the batch, so equal inputs give equal bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .geometry import constants
from .operators import define, implement
from .patches import PatchGrid, pad_to_grid, patch_view, pixel_runs
from .precision import exact_float32
from .window import OPTIONS, Search, check_search, fake_neighbors, window_starts

BLOCK = 16  # side of a query block, in patches
KEYS = 8192  # most keys in one matrix product
_SCORES = 2**24  # scores of blocks computed together
_SCORES_CPU = 2**18  # to stay in the cache

Cut = Callable[[slice], Tensor]


def _kernel(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """`search` for the nearest: index int64 and distance float32, ``(N, rows, cols, k)``."""
    how = Search(*options)
    plan = _plan(*check_search(queries, keys, how), how)
    places = _Places(*constants(_places, queries.device, plan, len(queries)))
    lines = pixel_runs(_padded(queries, plan.query_grid), how.patch_size)
    count = plan.block[0] * plan.block[1]

    def cut(chosen: slice) -> Tensor:
        line = places.query[chosen, None] + places.in_block
        return lines.index_select(0, line.flatten()).view(len(line), count, -1)

    return _search(cut, keys, plan, places, how, _SCORES)


def _kernel_cpu(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """The same, cutting queries block by block: the map may lie in a file larger than memory."""
    how = Search(*options)
    plan = _plan(*check_search(queries, keys, how), how)
    places = _Places(*constants(_places, queries.device, plan, len(queries)))
    corners = plan.corners()

    def cut(chosen: slice) -> Tensor:
        numbers = (divmod(number, len(corners)) for number in range(chosen.start, chosen.stop))
        return torch.stack([_query_block(queries[n], plan, corners[b]) for n, b in numbers])

    return _search(cut, keys, plan, places, how, _SCORES_CPU)


@dataclass(frozen=True)
class _Plan:
    """Geometry of one search: the blocks of queries and the union of windows of each."""

    query_grid: PatchGrid
    key_grid: PatchGrid
    window: tuple[int, int]
    row_starts: tuple[int, ...]
    col_starts: tuple[int, ...]
    block: tuple[int, int]
    union: tuple[int, int]

    def corners(self) -> list[tuple[int, int]]:
        """First query (row, column) of every block; the last ones overlap their neighbours."""
        rows = _starts(self.query_grid.rows, self.block[0])
        return [(i, j) for i in rows for j in _starts(self.query_grid.cols, self.block[1])]

    def origin(self, corner: tuple[int, int]) -> tuple[int, int]:
        """First key (row, column) of the union that belongs to a block."""
        return (
            min(self.row_starts[corner[0]], self.key_grid.rows - self.union[0]),
            min(self.col_starts[corner[1]], self.key_grid.cols - self.union[1]),
        )


def _starts(count: int, block: int) -> list[int]:
    return [min(start, count - block) for start in range(0, count, block)]


@functools.lru_cache(maxsize=64)
def _plan(query_grid: PatchGrid, key_grid: PatchGrid, how: Search) -> _Plan:
    high, wide, rows, cols = window_starts(query_grid, key_grid, how)
    # the smallest number of blocks of at most BLOCK, all alike
    block = tuple(-(-n // -(-n // BLOCK)) for n in (query_grid.rows, query_grid.cols))

    def union(starts: list[int], side: int, length: int) -> int:
        first = _starts(len(starts), length)
        return max(starts[i + length - 1] - starts[i] for i in first) + side

    return _Plan(
        query_grid,
        key_grid,
        (high, wide),
        tuple(rows),
        tuple(cols),
        (block[0], block[1]),
        (union(rows, high, block[0]), union(cols, wide, block[1])),
    )


class _Places(NamedTuple):
    """Where the blocks of a batch lie, on the device.

    Attributes:
        corner: ``(2, blocks)`` first query row and column of every block of every image.
        origin: ``(2, blocks)`` first key row and column of its union.
        row_start: First key row of the window of each query row.
        col_start: First key column of the window of each query column.
        query: ``(blocks,)`` first pixel of every block in the padded maps of all images.
        key: ``(blocks,)`` first pixel of every union likewise.
        in_block: ``(bh * bw * size,)`` pixels where the lines of a block's patches begin.
        in_union: ``(uh, uw * size)`` likewise for a union.
        block_row: ``(rows, 1)`` row of the block in which a query is found.
        block_col: ``(cols,)`` column of that block.
        row: ``(rows, 1)`` row of the query in it.
        col: ``(cols,)`` column of the query in it.
    """

    corner: Tensor
    origin: Tensor
    row_start: Tensor
    col_start: Tensor
    query: Tensor
    key: Tensor
    in_block: Tensor
    in_union: Tensor
    block_row: Tensor
    block_col: Tensor
    row: Tensor
    col: Tensor


def _places(plan: _Plan, images: int) -> _Places:
    corners = plan.corners()
    corner = torch.tensor(corners).T
    origin = torch.tensor([plan.origin(c) for c in corners]).T
    image = torch.arange(images)[:, None]

    def first_pixels(grid: PatchGrid, place: Tensor) -> Tensor:
        pixel = (place[0] * grid.padded_width + place[1]) * grid.stride
        return (pixel + image * (grid.padded_height * grid.padded_width)).flatten()

    def lines(grid: PatchGrid, side: tuple[int, int]) -> Tensor:
        row, col, line = (torch.arange(n) for n in (*side, grid.size))
        row = (row * grid.stride)[:, None] + line
        return (row * grid.padded_width)[:, None] + (col * grid.stride)[:, None]

    def owners(count: int, block: int) -> tuple[Tensor, Tensor]:
        first = torch.tensor(_starts(count, block))
        place = torch.arange(count)
        number = torch.where(place >= count - block, len(first) - 1, place // block)
        return number, place - first[number]  # the last block owns all that it holds

    down, right = (
        owners(count, block)
        for count, block in zip(
            (plan.query_grid.rows, plan.query_grid.cols), plan.block, strict=True
        )
    )
    return _Places(
        corner.repeat(1, images),
        origin.repeat(1, images),
        torch.tensor(plan.row_starts),
        torch.tensor(plan.col_starts),
        first_pixels(plan.query_grid, corner),
        first_pixels(plan.key_grid, origin),
        lines(plan.query_grid, plan.block).flatten(),
        lines(plan.key_grid, plan.union).flatten(1),
        down[0][:, None],
        right[0],
        down[1][:, None],
        right[1],
    )


def _by_query(found: Tensor, plan: _Plan, places: _Places) -> Tensor:
    """``(blocks, bh, bw, k)`` to ``(N, rows, cols, k)``."""
    grid, block = plan.query_grid, plan.block
    blocks = (-(-grid.rows // block[0]), -(-grid.cols // block[1]))
    found = found.view(-1, *blocks, *found.shape[1:])
    return found[:, places.block_row, places.block_col, places.row, places.col]


def _padded(features: Tensor, grid: PatchGrid) -> Tensor:
    """``(N, D, H, W)`` maps as ``(N, H', W', D)``, float32 and contiguous."""
    return pad_to_grid(features.permute(0, 2, 3, 1).to(torch.float32), grid).contiguous()


def _query_block(queries: Tensor, plan: _Plan, corner: tuple[int, int]) -> Tensor:
    """``(bh * bw, size * size * D)``: a block of patches of one ``(D, H, W)`` image."""
    step, size = plan.query_grid.stride, plan.query_grid.size
    top, left = (place * step for place in corner)
    height, width = ((count - 1) * step + size for count in plan.block)
    part = queries[None, :, top : top + height, left : left + width]
    part = F.pad(part, (0, width - part.shape[3], 0, height - part.shape[2]))
    grid = PatchGrid(height, width, size, step)
    return patch_view(_padded(part, grid), grid)[0].flatten(0, 1).flatten(1)


def _search(
    cut: Cut, keys: Tensor, plan: _Plan, places: _Places, how: Search, scores: int
) -> tuple[Tensor, Tensor]:
    """Index and distance of every query.

    Args:
        cut: Makes some of the blocks, ``(G, bh * bw, F)``.
        keys: ``(N, D, H', W')``.
        plan: Geometry.
        places: The same on the device.
        how: What is asked for.
        scores: How many are computed together.
    """
    bh, bw = plan.block
    count, device = places.key.numel(), keys.device
    index = torch.empty((count, bh, bw, how.num_neighbors), dtype=torch.int64, device=device)
    distance = torch.empty(index.shape, device=device)
    together = max(1, scores // (bh * bw * plan.union[0] * plan.union[1]))
    with torch.no_grad(), exact_float32(device):
        key_lines = pixel_runs(_padded(keys, plan.key_grid), how.patch_size)
        for first in range(0, count, together):
            chosen = slice(first, min(first + together, count))
            block = cut(chosen)
            best = _best(block, key_lines, plan, places, how, chosen)
            score, index[chosen] = _unpack(best)
            norm = block.square().sum(-1).view(-1, bh, bw, 1)
            torch.add(score, norm, out=distance[chosen])
    return _by_query(index, plan, places), _by_query(distance, plan, places)


def _best(
    block: Tensor, keys: Tensor, plan: _Plan, places: _Places, how: Search, chosen: slice
) -> Tensor:
    """The k best keys of the queries in ``block`` ``(G, bh * bw, F)``, packed (see `_pack`)."""
    (bh, bw), (uh, uw), grid = plan.block, plan.union, plan.key_grid
    step = max(1, KEYS // uw)
    own_row, own_col = places.corner[:, chosen, None]
    rows, cols = own_row + _upto(bh, keys), own_col + _upto(bw, keys)
    first_row, first_col = places.origin[:, chosen, None]
    key_col = first_col + _upto(uw, keys)
    best: Tensor | None = None
    for band in range(0, uh, step):
        height = min(step, uh - band)
        line = places.key[chosen, None] + places.in_union[band : band + height].flatten()
        union = keys.index_select(0, line.flatten()).view(len(block), height * uw, -1)
        norm = union.square().sum(-1)
        scores = torch.baddbmm(norm[:, None], block, union.transpose(1, 2), alpha=-2)
        del union
        scores = scores.view(len(block), bh, bw, height, uw)
        key_row = first_row + band + _upto(height, keys)
        if uh > plan.window[0]:
            _mask_outside(scores, places.row_start[rows], key_row, plan.window[0], axis=1)
        if uw > plan.window[1]:
            _mask_outside(scores, places.col_start[cols], key_col, plan.window[1], axis=2)
        flat = key_row[:, :, None] * grid.cols + key_col[:, None]
        if how.exclude_self:
            own = rows[:, :, None] * grid.cols + cols[:, None]
            same = own[:, :, :, None, None] == flat[:, None, None]
            scores.masked_fill_(same, torch.inf)
        packed = _pack(scores.flatten(3), flat.flatten(1)[:, None, None])
        if best is not None:
            packed = torch.cat((best, packed), dim=-1)
        best = packed.topk(how.num_neighbors, dim=-1, largest=False).values
    assert best is not None
    return best


def _upto(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, device=like.device)


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


nearest = define(
    f"nearest(Tensor queries, Tensor keys, {OPTIONS}) -> (Tensor, Tensor)", _kernel, fake_neighbors
)
implement(nearest, _kernel_cpu, "CPU")
