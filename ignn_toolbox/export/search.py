"""The form of the operator `nearest`: one picture of any size, no loops over it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..ops import WindowMode
from .patches import STRIDE, check_patches, unfold

_BLOCK = 16  # largest side of a block of queries whose windows are searched together
_OUTSIDE = 1e30  # added to the score of a key outside the query's window


def nearest(
    queries: Tensor,
    keys: Tensor,
    scale: int,
    num_neighbors: int,
    window: int | None,
    window_mode: WindowMode,
    patch_size: int,
    stride: int,
    exclude_self: bool,
) -> tuple[Tensor, Tensor]:
    """Same windows, distances in float32, ties to the lower number.

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
        patch_size: 3.
        stride: 2.
        exclude_self: As in `ops.search`.

    Returns:
        Index int64 and distance float32, ``(1, rows, cols, k)``.
    """
    check_patches(patch_size, stride)
    queries, keys = queries.float(), keys.float()
    rows, cols = (length // STRIDE for length in queries.shape[-2:])
    key_rows, key_cols = (length // STRIDE for length in keys.shape[-2:])
    wanted = num_neighbors + int(exclude_self)
    # the order of the operator, with which products round alike
    patches = unfold(queries).transpose(0, 1).flatten(0, 1).T
    key_patches = unfold(keys).transpose(0, 1).flatten(0, 1).T
    query = torch.cat((-2 * patches, torch.ones_like(patches[:, :1])), 1)
    key = torch.cat((key_patches, key_patches.square().sum(1, keepdim=True)), 1)
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
    others = (key_patches[chosen] for chosen in index.unbind(1))
    distance = torch.stack([(patches - other).square().sum(1) for other in others], 1)
    return index.unflatten(0, (rows, cols))[None], distance.unflatten(0, (rows, cols))[None]


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
