"""Patch arithmetic in operators that ONNX has: unfold, matmul, topk, gather and fold.

What `ops` computes with loops over the picture, these functions compute in one piece, for one
picture of any size: an exported file holds no loop whose length depends on the size. That costs
memory, see `search`. Patches are 3x3 with stride 2, as everywhere in `models`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops import WindowMode
from ..ops.resize import cubic

SIZE, STRIDE = 3, 2
_BLOCK = 16  # largest side of a block of queries whose windows are searched together
_OUTSIDE = 1e30  # added to the score of a key outside the query's window
_EPSILON = 1e-5


class Found(NamedTuple):
    """Neighbours of every query, nearest first.

    Attributes:
        index: ``(rows * cols, k)`` row-major numbers of key patches.
        rows: Rows of query patches.
        cols: Columns of query patches.
    """

    index: Tensor
    rows: int
    cols: int


def unfold(features: Tensor, block: int = 1) -> Tensor:
    """All patches of a map, ``(1, C, b * H, b * W) -> (C, (3b)^2, rows * cols)``.

    Args:
        features: The map; a patch that reaches over its lower or right border is filled with zeros.
        block: Side b of what counts as one pixel.
    """
    padded = F.pad(features, (0, block, 0, block))
    columns = F.unfold(padded, SIZE * block, stride=STRIDE * block)
    return columns[0].unflatten(0, (features.shape[1], (SIZE * block) ** 2))


def fold(patches: Tensor, rows: int, cols: int, size: tuple[int, int], block: int = 1) -> Tensor:
    """Overlap mean of patches, ``(C, (3b)^2, rows * cols) -> (1, C, b * H, b * W)``.

    Args:
        patches: As from `unfold`.
        rows: Rows of patches.
        cols: Columns of patches.
        size: H and W.
        block: Side b of what counts as one pixel.
    """
    reached = tuple(block * (STRIDE * count + 1) for count in (rows, cols))
    kernel, stride = SIZE * block, STRIDE * block

    def total(values: Tensor) -> Tensor:
        columns = values.flatten(0, 1)[None]
        summed = F.fold(columns, reached, kernel, stride=stride)  # type: ignore[arg-type]
        return summed.narrow(2, 0, block * size[0]).narrow(3, 0, block * size[1])

    return total(patches) / total(torch.ones_like(patches[:1]))


def shrink_weights(scale: int) -> list[float]:
    """Weights of `shrink`, one for each input pixel from ``2 * scale`` before an output's first."""
    taps = torch.arange(-2 * scale, 3 * scale, dtype=torch.float64)
    weights = cubic((taps - 0.5 * (scale - 1)) / scale)
    return (weights / weights.sum()).tolist()


def shrink(image: Tensor, scale: int, weights: list[float]) -> Tensor:
    """`ops.imresize` by ``1 / scale`` of ``(1, C, H, W)``, cut to a multiple of ``scale``.

    The same sums in the same order: along each axis a weighted sum of shifted copies.

    Args:
        image: The image.
        scale: How many times smaller it becomes.
        weights: From `shrink_weights`, which cannot run while a network is traced.
    """
    for axis in (2, 3):
        length, border = image.shape[axis] // scale, 2 * scale
        image = image.narrow(axis, 0, length * scale)
        before, after = image.narrow(axis, 0, border), image.narrow(axis, -border, border)
        padded = torch.cat((before.flip(axis), image, after.flip(axis)), axis)
        first = torch.arange(length) * scale
        parts = [
            padded.index_select(axis, first + number) * weight
            for number, weight in enumerate(weights)
            if weight
        ]
        image = functools.reduce(torch.add, parts)
    return image


def search(
    queries: Tensor,
    keys: Tensor,
    scale: int,
    num_neighbors: int,
    window: int | None,
    window_mode: WindowMode,
    exclude_self: bool,
) -> Found:
    """`ops.search` of one picture: same windows, distances in float32, ties to the lower number.

    Queries go in blocks of about 16x16; a block is compared with the union of its windows by one
    matrix product. A key outside a query's window is told by further columns of the same product:
    the query's hold a one for its row and column in the block, the key's hold a large penalty
    wherever it lies outside of that row's or column's window.

    All scores stand in memory at once: for every query the union's keys, ``(window + 7)^2`` floats
    with scale 2, and all keys of the picture with ``window=None``.

    Args:
        queries: ``(1, D, H, W)``.
        keys: ``(1, D, H', W')``.
        scale: As in `ops.search`.
        num_neighbors: As in `ops.search`.
        window: As in `ops.search`.
        window_mode: As in `ops.search`.
        exclude_self: As in `ops.search`.
    """
    rows, cols = (length // STRIDE for length in queries.shape[-2:])
    key_rows, key_cols = (length // STRIDE for length in keys.shape[-2:])
    wanted = num_neighbors + int(exclude_self)
    # the order of `ops.search`, with which products round alike
    query = unfold(queries).transpose(0, 1).flatten(0, 1).T
    key = unfold(keys).transpose(0, 1).flatten(0, 1).T
    query = torch.cat((-2 * query, torch.ones_like(query[:, :1])), 1)
    key = torch.cat((key, key.square().sum(1, keepdim=True)), 1)
    if window is None:
        index = _smallest(query @ key.T, wanted)
    else:
        divisor = 2 if window_mode == "official" else scale
        side = _BLOCK - _BLOCK % divisor
        high, wide = _window(key_rows, key_cols, window)
        down = _axis(rows, key_rows, high, window, divisor, scale, window_mode, side)
        right = _axis(cols, key_cols, wide, window, divisor, scale, window_mode, side)
        index = _in_blocks(query, key, cols, key_cols, down, right, side, wanted)
        index = index.narrow(0, 0, rows).narrow(1, 0, cols).flatten(0, 1)
    if exclude_self:
        index = _without(index, torch.arange(rows * cols)[:, None])
    return Found(index, rows, cols)


class _Axis(NamedTuple):
    """One axis of the blocks: ``count`` blocks of ``side`` queries, ``union`` keys for each.

    Attributes:
        query: ``(count, side)`` place of each query; those beyond the last one repeat it.
        key: ``(count, union)`` place of each key, likewise.
        group: ``(side, groups)`` one-hot: queries of one group have the same window.
        outside: ``(count, union, groups)`` penalty of a key for each group.
    """

    query: Tensor
    key: Tensor
    group: Tensor
    outside: Tensor


def _window(rows: int, cols: int, window: int) -> tuple[Tensor, Tensor]:
    """`ops.window.window_size` of sizes that are only known when the file runs."""
    high, wide = (torch.full((), n, dtype=torch.int64) for n in (rows, cols))
    side = torch.minimum(high, wide).clamp(max=window)
    whole = torch.maximum(high, wide) <= window
    return torch.where(whole, high, side), torch.where(whole, wide, side)


def _axis(
    queries: int,
    keys: int,
    length: Tensor,
    window: int,
    divisor: int,
    scale: int,
    mode: WindowMode,
    side: int,
) -> _Axis:
    """Blocks of one axis, placed by `ops.window_starts`; windows are ``length`` long."""
    count = (queries + side - 1) // side
    groups = side // divisor
    offset = length // scale if mode == "official" else length // 2
    last = keys - length
    block = torch.arange(count)[:, None]
    start = block * groups + torch.arange(groups) - offset
    start = torch.minimum(start.clamp(min=0), last)
    key = start[:, :1] + torch.arange(window + groups - 1)
    inside = (key[..., None] >= start[:, None]) & (key[..., None] < start[:, None] + length)
    query = (block * side + torch.arange(side)).clamp(max=queries - 1)
    group = torch.eye(groups).repeat_interleave(divisor, 0)
    return _Axis(query, key.clamp(max=keys - 1), group, torch.where(inside, 0.0, _OUTSIDE))


def _in_blocks(
    query: Tensor,
    key: Tensor,
    cols: int,
    key_cols: int,
    down: _Axis,
    right: _Axis,
    side: int,
    wanted: int,
) -> Tensor:
    """Numbers of the nearest keys, ``(at least rows, at least cols, wanted)``."""
    high, wide = down.query.shape[0], right.query.shape[0]
    groups = down.group.shape[1]

    def places(first: Tensor, second: Tensor, length: int) -> Tensor:
        return (first[:, None, :, None] * length + second[None, :, None]).flatten(0, 1).flatten(1)

    def spread(first: Tensor, second: Tensor) -> Tensor:
        shape = (high, wide, first.shape[-2], second.shape[-2], groups)
        parts = first[:, None, :, None].expand(shape), second[None, :, None].expand(shape)
        return torch.cat(parts, -1).flatten(0, 1).flatten(1, 2)

    place = places(down.key, right.key, key_cols)
    hot = spread(down.group.expand(high, -1, -1), right.group.expand(wide, -1, -1))
    outside = spread(down.outside, right.outside)
    block = torch.cat((query[places(down.query, right.query, cols)], hot), -1)
    union = torch.cat((key[place], outside), -1)
    best = _smallest(block @ union.transpose(1, 2), wanted)
    index = place.gather(1, best.flatten(1))
    index = index.view(high, wide, side, side, wanted).transpose(1, 2)
    return index.reshape(high * side, wide * side, wanted)


def _smallest(scores: Tensor, count: int) -> Tensor:
    """Places of the smallest scores of each row; ONNX, not torch, gives equal ones in order."""
    return scores.topk(count, largest=False).indices


def _without(index: Tensor, own: Tensor) -> Tensor:
    """Drop one of k + 1 neighbours: the query itself, or the last where it is not among them."""
    passed = (index == own).cumsum(1) > 0
    return torch.where(passed[:, :-1], index[:, 1:], index[:, :-1])


def deviation(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the second axis of ``(C, p, n)``, both ``(C, 1, n)``."""
    mean = patches.mean(1, keepdim=True)
    variance = (patches - mean).square().sum(1, keepdim=True) / (patches.shape[1] - 1)
    return mean, (variance + _EPSILON).sqrt()
