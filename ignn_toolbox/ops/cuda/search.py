"""The operator `nearest` as one Triton kernel: the k best keys of a query never leave registers.

A program takes a tile of queries and walks over the union of their windows. The result of a query
depends neither on its tile nor on the rest of the batch, so equal inputs give equal bits. Needs
triton.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..geometry import constants
from ..patches import PatchGrid, pad_to_grid
from ..window import Search, check_search, window_starts

_TILE = 8  # side of a tile of queries
_KEYS = 64  # keys compared at a time
_FLOATS = 32  # of their patches multiplied at a time
_LAST = tl.constexpr(2**63 - 1)  # behind every packed score
_FIRST = tl.constexpr(-(2**63))


def nearest(queries: Tensor, keys: Tensor, how: Search) -> tuple[Tensor, Tensor]:
    """`ops.search` for the nearest: index int64 and distance float32, ``(N, rows, cols, k)``."""
    grid, key_grid = check_search(queries, keys, how)
    high, wide, *_ = window_starts(grid, key_grid, how)
    row_start, col_start = constants(_starts, queries.device, grid, key_grid, how)
    laid_out = [
        pad_to_grid(maps.permute(0, 2, 3, 1).to(torch.float32), places).contiguous()
        for maps, places in ((queries, grid), (keys, key_grid))
    ]
    shape = (len(queries), grid.rows, grid.cols, how.num_neighbors)
    index = torch.empty(shape, dtype=torch.int64, device=queries.device)
    distance = torch.empty(shape, device=queries.device)
    tiles = triton.cdiv(grid.rows, _TILE) * triton.cdiv(grid.cols, _TILE)
    with torch.cuda.device_of(queries):
        _search[(len(queries) * tiles,)](
            *laid_out,
            row_start,
            col_start,
            index,
            distance,
            grid.rows,
            grid.cols,
            grid.padded_height,
            grid.padded_width,
            key_grid.cols,
            key_grid.padded_height,
            key_grid.padded_width,
            high,
            wide,
            queries.shape[1],
            SIZE=how.patch_size,
            STRIDE=how.stride,
            EXCLUDE_SELF=how.exclude_self,
            NEIGHBORS=how.num_neighbors,
            SLOTS=max(2, triton.next_power_of_2(how.num_neighbors)),
            TILE=_TILE,
            KEYS=_KEYS,
            FLOATS=_FLOATS,
        )
    return index, distance


def _starts(grid: PatchGrid, key_grid: PatchGrid, how: Search) -> tuple[Tensor, Tensor]:
    _, _, rows, cols = window_starts(grid, key_grid, how)
    return torch.tensor(rows, dtype=torch.int32), torch.tensor(cols, dtype=torch.int32)


@triton.jit
def _search(
    queries,
    keys,
    row_start,
    col_start,
    index,
    distance,
    rows,
    cols,
    height,
    width,
    key_cols,
    key_height,
    key_width,
    high,
    wide,
    depth,
    SIZE: tl.constexpr,
    STRIDE: tl.constexpr,
    EXCLUDE_SELF: tl.constexpr,
    NEIGHBORS: tl.constexpr,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    KEYS: tl.constexpr,
    FLOATS: tl.constexpr,
):
    across = tl.cdiv(cols, TILE)
    tiles = tl.cdiv(rows, TILE) * across
    image = (tl.program_id(0) // tiles).to(tl.int64)
    tile = tl.program_id(0) % tiles
    place = tl.arange(0, TILE * TILE)
    row = tile // across * TILE + place // TILE
    col = tile % across * TILE + place % TILE
    inside = (row < rows) & (col < cols)
    row = tl.minimum(row, rows - 1)  # what hangs over repeats the last queries
    col = tl.minimum(col, cols - 1)
    top = tl.load(row_start + row)
    left = tl.load(col_start + col)
    first_row = tl.min(top, 0)
    first_col = tl.min(left, 0)
    union_cols = tl.max(left, 0) + wide - first_col
    union = (tl.max(top, 0) + high - first_row) * union_cols

    run = SIZE * depth
    line = width * depth
    key_line = key_width * depth
    query = queries + image * height * line
    query += (row.to(tl.int64) * line + col * depth) * STRIDE
    key_image = keys + image * key_height * key_line
    float_ = tl.arange(0, FLOATS)
    query_norm = tl.zeros((TILE * TILE,), tl.float32)
    for a in range(SIZE):
        for start in range(0, run, FLOATS):
            chosen = (start + float_)[None, :]
            q = tl.load(query[:, None] + (a * line + chosen), mask=chosen < run, other=0.0)
            query_norm += tl.sum(q * q, 1)

    slot = tl.arange(0, SLOTS).to(tl.int64)
    empty = tl.where(slot < NEIGHBORS, _LAST - 1 - slot, _FIRST)  # all different
    best = tl.zeros((TILE * TILE, SLOTS), tl.int64) + empty[None, :]
    for begin in range(0, union, KEYS):
        number = begin + tl.arange(0, KEYS)
        there = number < union
        number = tl.where(there, number, 0)
        key_row = first_row + number // union_cols
        key_col = first_col + number % union_cols
        key = key_image + (key_row.to(tl.int64) * key_line + key_col * depth) * STRIDE
        product = tl.zeros((TILE * TILE, KEYS), tl.float32)
        norm = tl.zeros((KEYS,), tl.float32)
        for a in range(SIZE):
            for start in range(0, run, FLOATS):
                chosen = (start + float_)[None, :]
                q = tl.load(query[:, None] + (a * line + chosen), mask=chosen < run, other=0.0)
                k = tl.load(key[:, None] + (a * key_line + chosen), mask=chosen < run, other=0.0)
                product = tl.dot(q, tl.trans(k), product, input_precision="ieee")
                norm += tl.sum(k * k, 1)

        # score and number in one integer of the same order: all are different, ties go by number
        bits = (norm[None, :] - 2.0 * product).to(tl.int32, bitcast=True)
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        flat = key_row * key_cols + key_col
        packed = (bits.to(tl.int64) << 32) | flat.to(tl.int64)[None, :]
        down = key_row[None, :] - top[:, None]
        right = key_col[None, :] - left[:, None]
        allowed = there[None, :] & (down >= 0) & (down < high) & (right >= 0) & (right < wide)
        if EXCLUDE_SELF:
            allowed = allowed & (flat[None, :] != (row * key_cols + col)[:, None])
        packed = tl.where(allowed, packed, _LAST)

        low = tl.min(packed, 1)
        worst = tl.max(best, 1)
        while tl.max((low < worst).to(tl.int32), 0) > 0:
            replaced = (best == worst[:, None]) & (low < worst)[:, None]
            best = tl.where(replaced, low[:, None], best)
            packed = tl.where(packed == low[:, None], _LAST, packed)
            low = tl.min(packed, 1)
            worst = tl.max(best, 1)

    best = tl.where((slot < NEIGHBORS)[None, :], best, _LAST)
    out = ((image * rows + row) * cols + col) * NEIGHBORS
    for rank in range(NEIGHBORS):
        low = tl.min(best, 1)
        best = tl.where(best == low[:, None], _LAST, best)
        bits = (low >> 32).to(tl.int32)
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        tl.store(index + out + rank, low & 0xFFFFFFFF, mask=inside)
        score = bits.to(tl.float32, bitcast=True)
        tl.store(distance + out + rank, score + query_norm, mask=inside)
