"""The operator `fold_neighbors` as one Triton kernel: gather, AdaPN and fold without a copy.

Every pixel of the maps asks which patches cover it, so nothing is added by two programs: equal
inputs give equal bits. Needs triton.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..overlap import reciprocal_counts
from ..patches import PatchGrid, Region

_PIXELS = 16  # of a row, done by one program
_FLOATS = 128  # of each at a time


def fold(
    keys: Tensor,
    index: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    std: Tensor | None,
    grid: Sequence[int],
    key_grid: Sequence[int],
    region: Sequence[int],
) -> Tensor:
    """Maps of the neighbours in a region, ``(N, r, h, s, w, s, C)``; see `fold.fold_neighbors`."""
    queries, searched, place = PatchGrid(*grid), PatchGrid(*key_grid), Region(*region)
    (n, ranks), (s, c) = index.shape[:2], keys.shape[4:]
    out = keys.new_empty((n, ranks, place.height, s, place.width, s, c))
    programs = n * ranks * place.height * triton.cdiv(place.width, _PIXELS)
    with torch.cuda.device_of(keys):
        _fold[(programs,)](
            out,
            *tensors(keys, index, scale, shift, mean, std, queries),
            ranks,
            queries.rows,
            queries.cols,
            searched.rows,
            searched.cols,
            *index.stride(),
            place.top,
            place.left,
            place.height,
            place.width,
            c,
            **options(keys, scale, queries),
            PIXELS=_PIXELS,
            FLOATS=min(_FLOATS, triton.next_power_of_2(s * s * c)),
        )
    return out


def tensors(
    keys: Tensor,
    index: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    std: Tensor | None,
    grid: PatchGrid,
) -> list[Tensor]:
    """What the kernels read: keys, index, scale, shift, mean, std, one over the overlap counts."""
    statistics = [keys if t is None else t.contiguous() for t in (scale, shift, mean, std)]
    wide = torch.promote_types(keys.dtype, torch.float32)
    counts = reciprocal_counts(grid, keys.new_empty(0, dtype=wide))
    return [keys.contiguous(), index, *statistics, counts]


def options(keys: Tensor, scale: Tensor | None, grid: PatchGrid) -> dict[str, Any]:
    """What the kernels are compiled for."""
    return dict(
        S=keys.shape[4],
        SIZE=grid.size,
        STRIDE=grid.stride,
        REACH=-(-grid.size // grid.stride),
        ADAPN=scale is not None,
        WIDE=tl.float64 if keys.dtype == torch.float64 else tl.float32,
    )


@triton.jit
def _fold(
    out,
    keys,
    index,
    scale,
    shift,
    mean,
    std,
    counts,
    ranks,
    rows,
    cols,
    key_rows,
    key_cols,
    index_image,
    index_rank,
    index_row,
    index_col,
    top,
    left,
    height,
    width,
    channels,
    S: tl.constexpr,
    SIZE: tl.constexpr,
    STRIDE: tl.constexpr,
    REACH: tl.constexpr,
    ADAPN: tl.constexpr,
    WIDE: tl.constexpr,
    PIXELS: tl.constexpr,
    FLOATS: tl.constexpr,
):
    across = tl.cdiv(width, PIXELS)
    x = tl.program_id(0) % across * PIXELS + tl.arange(0, PIXELS)
    y = tl.program_id(0) // across % height
    number_of_map = (tl.program_id(0) // across // height).to(tl.int64)
    image = number_of_map // ranks
    rank = number_of_map % ranks
    key_width = (key_cols - 1) * STRIDE + SIZE
    first_pixel = image * ((key_rows - 1) * STRIDE + SIZE) * key_width
    pixel = S * S * channels
    inside = x < width
    count = tl.load(
        counts + (top + y) * ((cols - 1) * STRIDE + SIZE) + left + x, mask=inside, other=0.0
    )
    for start in range(0, pixel, FLOATS):
        chosen = start + tl.arange(0, FLOATS)
        channel = (chosen % channels)[None, :]
        total = tl.zeros((PIXELS, FLOATS), WIDE)
        for t in range(REACH):
            row = (top + y) // STRIDE - t
            a = top + y - row * STRIDE
            if (row >= 0) & (row < rows) & (a < SIZE):
                for v in range(REACH):
                    col = (left + x) // STRIDE - v
                    b = left + x - col * STRIDE
                    covers = inside & (col >= 0) & (col < cols) & (b < SIZE)
                    wanted = covers[:, None] & (chosen < pixel)[None, :]
                    at = image * index_image + rank * index_rank
                    at += row * index_row + col * index_col
                    number = tl.load(index + at, mask=covers, other=0)
                    source = (number // key_cols * STRIDE + a) * key_width
                    source += number % key_cols * STRIDE + b + first_pixel
                    source = (source * pixel)[:, None] + chosen[None, :]
                    value = tl.load(keys + source, mask=wanted, other=0.0).to(WIDE)
                    if ADAPN:
                        key = (image * key_rows * key_cols + number) * channels
                        key = key[:, None] + channel
                        query = ((image * rows + row) * cols + col) * channels
                        query = query[:, None] + channel
                        deviation = tl.load(std + query, mask=wanted, other=0.0)
                        gain = tl.load(scale + key, mask=wanted, other=0.0) * deviation
                        offset = tl.load(mean + query, mask=wanted, other=0.0)
                        offset -= tl.load(shift + key, mask=wanted, other=0.0) * deviation
                        value = offset.to(WIDE) + value * gain.to(WIDE)
                    total += value
        dy = (chosen // (S * channels))[None, :]
        line = ((number_of_map * height + y) * S + dy) * width + x[:, None]
        target = line * (S * channels) + (chosen % (S * channels))[None, :]
        tl.store(
            out + target, total * count[:, None], mask=inside[:, None] & (chosen < pixel)[None, :]
        )
