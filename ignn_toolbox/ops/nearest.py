"""The operator `nearest`: exact k-nearest-patch search, windowed or global, in bounded memory.

Queries are cut into square blocks; each block is compared with the union of its windows by one
matrix product, and the k best of it are kept. The cut depends on the geometry of the two grids
alone, never on a memory setting, a tile or the rest of the batch, so equal inputs give equal bits.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .operators import define
from .patches import PatchGrid, pad_to_grid, pixel_runs
from .precision import exact_float32
from .window import OPTIONS, Search, check_search, fake_neighbors, window_starts

_BLOCK = 16  # side of a query block, in patches
_KEYS = 8192  # most keys in one matrix product
_SCORES = {"cpu": 2**18}  # scores of blocks computed together, to stay in the cache
_SCORES_ACCELERATOR = 2**24


def _nearest(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """`search` for the nearest: index int64 and distance float32, ``(N, rows, cols, k)``."""
    how = Search(*options)
    plan = _plan(*check_search(queries, keys, how), how)
    places = _places(plan, len(queries), queries.device)
    with torch.no_grad(), exact_float32(queries.device):
        index, distance = _search(queries, _padded(keys, plan.key_grid), plan, places, how)
        return _by_query(index, plan, places), _by_query(distance, plan, places)


nearest = define(
    f"nearest(Tensor queries, Tensor keys, {OPTIONS}) -> (Tensor, Tensor)", _nearest, fake_neighbors
)


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
    # the smallest number of blocks of at most _BLOCK, all alike
    block = tuple(-(-n // -(-n // _BLOCK)) for n in (query_grid.rows, query_grid.cols))

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


@dataclass(frozen=True)
class _Places:
    """Where the blocks of a batch lie, on the device.

    Attributes:
        corner: ``(2, blocks)`` first query row and column of every block of every image.
        origin: ``(2, blocks)`` first key row and column of its union.
        start: First key row of the window of each query row, and first key column of each column.
        query: ``(blocks,)`` first pixel of every block in the padded maps of all images.
        key: ``(blocks,)`` first pixel of every union likewise.
        in_block: ``(bh * bw * size,)`` pixels where the lines of a block's patches begin.
        in_union: ``(uh, uw * size)`` likewise for a union.
        owner: Row and column of blocks, then row and column in the block, where each query is
            found: ``(rows, 1)`` or ``(cols,)``.
    """

    corner: Tensor
    origin: Tensor
    start: tuple[Tensor, Tensor]
    query: Tensor
    key: Tensor
    in_block: Tensor
    in_union: Tensor
    owner: tuple[Tensor, ...]


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _places(plan: _Plan, images: int, device: torch.device) -> _Places:
    """Geometry as tensors: it depends on sizes only, and takes a copy to the device to make."""
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
    owner = (down[0][:, None], right[0], down[1][:, None], right[1])
    return _Places(
        corner.repeat(1, images).to(device),
        origin.repeat(1, images).to(device),
        (torch.tensor(plan.row_starts).to(device), torch.tensor(plan.col_starts).to(device)),
        first_pixels(plan.query_grid, corner).to(device),
        first_pixels(plan.key_grid, origin).to(device),
        lines(plan.query_grid, plan.block).flatten().to(device),
        lines(plan.key_grid, plan.union).flatten(1).to(device),
        tuple(part.to(device) for part in owner),
    )


def _by_query(found: Tensor, plan: _Plan, places: _Places) -> Tensor:
    """``(blocks, bh, bw, k)`` to ``(N, rows, cols, k)``."""
    grid, block = plan.query_grid, plan.block
    blocks = (-(-grid.rows // block[0]), -(-grid.cols // block[1]))
    block_row, block_col, row, col = places.owner
    return found.view(-1, *blocks, *found.shape[1:])[:, block_row, block_col, row, col]


def _padded(features: Tensor, grid: PatchGrid) -> Tensor:
    """``(N, D, H, W)`` maps as ``(N, H', W', D)``, float32 and contiguous."""
    return pad_to_grid(features.permute(0, 2, 3, 1).to(torch.float32), grid).contiguous()


def _query_block(queries: Tensor, grid: PatchGrid, corner: tuple[int, int], side: tuple) -> Tensor:
    """``(side[0] * side[1], size * size * D)``: a block of patches of one ``(D, H, W)`` image."""
    step, size = grid.stride, grid.size
    top, left = (place * step for place in corner)
    height, width = ((count - 1) * step + size for count in side)
    part = queries[None, :, top : top + height, left : left + width]
    part = F.pad(part, (0, width - part.shape[3], 0, height - part.shape[2]))
    padded = part.permute(0, 2, 3, 1).to(torch.float32).contiguous()[0]
    line, depth = padded[0].numel(), padded.shape[-1]
    patches = padded.as_strided((*side, size, size * depth), (step * line, step * depth, line, 1))
    return patches.flatten(0, 1).flatten(1)


def _search(
    queries: Tensor, keys: Tensor, plan: _Plan, places: _Places, how: Search
) -> tuple[Tensor, Tensor]:
    """Index and distance ``(blocks, bh, bw, k)`` of all blocks, a few at a time."""
    device, (bh, bw) = queries.device, plan.block
    count = places.key.numel()
    found = torch.empty((count, bh, bw, how.num_neighbors), dtype=torch.int64, device=device)
    score = torch.empty(found.shape, device=device)
    scores = _SCORES.get(device.type, _SCORES_ACCELERATOR)
    together = max(1, scores // (bh * bw * plan.union[0] * plan.union[1]))
    key_lines = pixel_runs(keys, plan.key_grid.size)
    corners = plan.corners()
    if device.type != "cpu":
        query_lines = pixel_runs(_padded(queries, plan.query_grid), plan.query_grid.size)
    for first in range(0, count, together):
        chosen = slice(first, min(first + together, count))
        if device.type == "cpu":  # block by block: the maps may lie in a file larger than memory
            cuts = [divmod(number, len(corners)) for number in range(chosen.start, chosen.stop)]
            grid = plan.query_grid
            block = torch.stack(
                [_query_block(queries[n], grid, corners[b], plan.block) for n, b in cuts]
            )
        else:
            line = places.query[chosen, None] + places.in_block
            block = query_lines.index_select(0, line.flatten()).view(len(line), bh * bw, -1)
        best = _best(block, key_lines, plan, places, how, chosen)
        part, found[chosen] = _unpack(best)
        norm = block.square().sum(-1).view(-1, bh, bw, 1)
        torch.add(part, norm, out=score[chosen])
    return found, score


def _best(
    block: Tensor, keys: Tensor, plan: _Plan, places: _Places, how: Search, chosen: slice
) -> Tensor:
    """The k best keys of the queries in ``block`` ``(G, bh * bw, F)``, packed (see `_pack`)."""
    (bh, bw), (uh, uw), grid = plan.block, plan.union, plan.key_grid
    step = max(1, _KEYS // uw)
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
            _mask_outside(scores, places.start[0][rows], key_row, plan.window[0], axis=1)
        if uw > plan.window[1]:
            _mask_outside(scores, places.start[1][cols], key_col, plan.window[1], axis=2)
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
