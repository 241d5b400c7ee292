"""The way back through `fold_neighbors` as Triton kernels, without atomic additions.

The choices of a key are brought together by a stable sort, and one program adds them in the order
of the queries: gradients are the same bits in every run. A key that very many queries chose, as in
a picture of one colour, is added by one program alone. Needs triton.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..gather import image_offsets
from ..patches import PatchGrid
from .fold import options, tensors

_FLOATS = 128  # of a key pixel, or channels of a key, at a time
_PIXELS = 32  # of a patch, times
_CHANNELS = 32  # channels at a time


def fold_backward(
    grad: Tensor,
    keys: Tensor,
    index: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    std: Tensor | None,
    grid: Sequence[int],
    key_grid: Sequence[int],
    region: Sequence[int],
) -> tuple[Tensor, ...]:
    """Gradients of keys, scale, shift, mean and std; empty ones without AdaPN."""
    queries, searched = PatchGrid(*grid), PatchGrid(*key_grid)
    count = len(searched)
    number = (index + image_offsets(index, count)).flatten()
    ordered, order = number.sort(stable=True)
    every_key = torch.arange(len(index) * count + 1, device=index.device)
    segment = torch.searchsorted(ordered, every_key)
    grad = grad.contiguous()
    channels, given = keys.shape[5], tensors(keys, index, scale, shift, mean, std, queries)
    sizes = (index.shape[1], queries.rows, queries.cols, searched.rows, searched.cols)
    places = (*index.stride(), *region, channels)
    compiled: dict[str, Any] = options(keys, scale, queries)
    grad_keys = torch.empty_like(given[0])
    with torch.cuda.device_of(keys):
        _to_keys[(grad_keys.shape[:3].numel(),)](
            grad_keys,
            grad,
            order,
            segment,
            *given,
            *sizes,
            *places,
            **compiled,
            FLOATS=min(_FLOATS, triton.next_power_of_2(grad_keys[0, 0, 0].numel())),
        )
        if scale is None or shift is None or mean is None or std is None:
            return grad_keys, *(grad.new_empty(0) for _ in range(4))
        found = [torch.empty_like(t, memory_format=torch.contiguous_format) for t in given[2:6]]
        shares = [scale.new_empty(number.numel(), channels) for _ in range(2)]
        _to_queries[(len(index) * len(queries),)](
            *found[2:],
            *shares,
            grad,
            *given,
            *sizes,
            *places,
            **compiled,
            PIXELS=_PIXELS,
            CHANNELS=_CHANNELS,
        )
        _to_statistics[(len(index) * count,)](
            *found[:2],
            *shares,
            order,
            segment,
            channels,
            FLOATS=min(_FLOATS, triton.next_power_of_2(channels)),
        )
    return grad_keys, *found


@triton.jit
def _to_keys(
    grad_keys,
    grad,
    order,
    segment,
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
    FLOATS: tl.constexpr,
):
    key_width = (key_cols - 1) * STRIDE + SIZE
    key_height = (key_rows - 1) * STRIDE + SIZE
    source = tl.program_id(0).to(tl.int64)
    image = source // (key_height * key_width)
    y = (source // key_width) % key_height
    x = source % key_width
    map_width = (cols - 1) * STRIDE + SIZE
    pixel = S * S * channels
    for start in range(0, pixel, FLOATS):
        chosen = start + tl.arange(0, FLOATS)
        there = chosen < pixel
        channel = chosen % channels
        dy = chosen // (S * channels)
        total = tl.zeros((FLOATS,), WIDE)
        for t in range(REACH):
            key_row = y // STRIDE - t
            a = y - key_row * STRIDE
            for v in range(REACH):
                key_col = x // STRIDE - v
                b = x - key_col * STRIDE
                covers = (key_row >= 0) & (key_row < key_rows) & (a < SIZE)
                if covers & (key_col >= 0) & (key_col < key_cols) & (b < SIZE):
                    key = image * key_rows * key_cols + key_row * key_cols + key_col
                    part = tl.zeros((FLOATS,), WIDE)
                    for at in range(tl.load(segment + key), tl.load(segment + key + 1)):
                        choice = tl.load(order + at)
                        col = choice % cols
                        row = choice // cols % rows
                        number_of_map = choice // cols // rows
                        map_y = row * STRIDE + a
                        map_x = col * STRIDE + b
                        inside = (map_y >= top) & (map_y < top + height)
                        if inside & (map_x >= left) & (map_x < left + width):
                            line = ((number_of_map * height + map_y - top) * S + dy) * width
                            line = (line + map_x - left) * (S * channels)
                            line += chosen % (S * channels)
                            slope = tl.load(grad + line, mask=there, other=0.0).to(WIDE)
                            slope *= tl.load(counts + map_y * map_width + map_x)
                            if ADAPN:
                                query = ((image * rows + row) * cols + col) * channels + channel
                                slope *= tl.load(std + query, mask=there, other=0.0)
                            part += slope
                    if ADAPN:
                        part *= tl.load(scale + key * channels + channel, mask=there, other=0.0)
                    total += part
        tl.store(grad_keys + source * pixel + chosen, total, mask=there)


@triton.jit
def _to_queries(
    grad_mean,
    grad_std,
    share_scale,
    share_shift,
    grad,
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
    CHANNELS: tl.constexpr,
):
    query = tl.program_id(0).to(tl.int64)
    image = query // (rows * cols)
    row = query // cols % rows
    col = query % cols
    key_width = (key_cols - 1) * STRIDE + SIZE
    first_pixel = image * ((key_rows - 1) * STRIDE + SIZE) * key_width
    map_width = (cols - 1) * STRIDE + SIZE
    for start in range(0, channels, CHANNELS):
        channel = start + tl.arange(0, CHANNELS)
        there = channel < channels
        deviation = tl.load(std + query * channels + channel, mask=there, other=0.0)
        to_mean = tl.zeros((CHANNELS,), WIDE)
        to_std = tl.zeros((CHANNELS,), WIDE)
        for rank in range(ranks):
            at = image * index_image + rank * index_rank
            number = tl.load(index + at + row * index_row + col * index_col)
            number_of_map = image * ranks + rank
            to_gain = tl.zeros((CHANNELS,), WIDE)
            to_offset = tl.zeros((CHANNELS,), WIDE)
            for begin in range(0, SIZE * SIZE * S * S, PIXELS):
                place = begin + tl.arange(0, PIXELS)
                block = place % (S * S)
                b = place // (S * S) % SIZE
                a = place // (S * S * SIZE)
                map_y = row * STRIDE + a
                map_x = col * STRIDE + b
                inside = (map_y >= top) & (map_y < top + height) & (a < SIZE)
                inside = inside & (map_x >= left) & (map_x < left + width)
                wanted = inside[:, None] & there[None, :]
                line = ((number_of_map * height + map_y - top) * S + block // S) * width
                line = ((line + map_x - left) * S + block % S) * channels
                slope = tl.load(grad + line[:, None] + channel[None, :], mask=wanted, other=0.0).to(
                    WIDE
                )
                count = tl.load(counts + map_y * map_width + map_x, mask=inside, other=0.0)
                slope *= count[:, None]
                source = (number // key_cols * STRIDE + a) * key_width
                source += number % key_cols * STRIDE + b + first_pixel
                source = (source * (S * S) + block) * channels
                value = tl.load(
                    keys + source[:, None] + channel[None, :], mask=wanted, other=0.0
                ).to(WIDE)
                to_gain += tl.sum(value * slope, 0)
                to_offset += tl.sum(slope, 0)
            key = (image * key_rows * key_cols + number) * channels + channel
            to_mean += to_offset
            to_std += tl.load(scale + key, mask=there, other=0.0) * to_gain
            to_std -= tl.load(shift + key, mask=there, other=0.0) * to_offset
            share = (number_of_map * rows + row) * cols + col
            share = share * channels + channel
            tl.store(share_scale + share, to_gain * deviation, mask=there)
            tl.store(share_shift + share, -to_offset * deviation, mask=there)
        tl.store(grad_mean + query * channels + channel, to_mean, mask=there)
        tl.store(grad_std + query * channels + channel, to_std, mask=there)


@triton.jit
def _to_statistics(
    grad_scale,
    grad_shift,
    share_scale,
    share_shift,
    order,
    segment,
    channels,
    FLOATS: tl.constexpr,
):
    key = tl.program_id(0).to(tl.int64)
    first = tl.load(segment + key)
    last = tl.load(segment + key + 1)
    for start in range(0, channels, FLOATS):
        channel = start + tl.arange(0, FLOATS)
        there = channel < channels
        to_scale = tl.zeros((FLOATS,), share_scale.dtype.element_ty)
        to_shift = tl.zeros((FLOATS,), share_scale.dtype.element_ty)
        for at in range(first, last):
            share = tl.load(order + at) * channels + channel
            to_scale += tl.load(share_scale + share, mask=there, other=0.0)
            to_shift += tl.load(share_shift + share, mask=there, other=0.0)
        tl.store(grad_scale + key * channels + channel, to_scale, mask=there)
        tl.store(grad_shift + key * channels + channel, to_shift, mask=there)
