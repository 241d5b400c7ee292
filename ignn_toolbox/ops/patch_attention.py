"""Attention between 3x3 patches, with the numbers of unfold, softmax and fold, in bounded memory.

CSNLN and PANet compare each 3x3 patch of queries with each 3x3 patch of keys, and fold the blocks
of 3x3 cells of values that belong to the keys over one another. Here neither patches nor the matrix
of all pairs are made. The product of two patches is a sum over nine places d,

    S[p, l] = sum over d of Q[p + d] . K[l + d],

and a cell of the fold is a sum over the nine queries whose blocks reach it,

    O[p] = sum over m of B[p, m] V[m],    B[p, m] = sum over d of A[p + d, m + d],

so that both are plain matrix products beside a sum along common diagonals: a ninth of the
multiplications of the patches' products. Queries go through row by row, few rows being there at a
time. Sums along diagonals are their own adjoint, and gradients go the same way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .operators import define
from .precision import exactly

_ROW = 4 * 2**20  # bytes of one row of queries times all keys that fit the cache with a few others
_LEAST_WIDE = 8  # queries; narrower strips would compute more around themselves than inside


def as_line(x: Tensor, size: int = 3) -> Tensor:
    """``(N, C, h, w)`` keys or values in the order of `attend_patches`.

    With ``size`` 3 a zero stands behind every row, so that neighbours across a border are zeros.

    Returns:
        ``(N, h * (w + 1), C)``, or ``(N, h * w, C)`` for ``size`` 1.
    """
    return F.pad(x, (0, size // 2)).flatten(2).transpose(1, 2)


def attend_patches(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    gain: Tensor,
    grids: Sequence[int],
    size: int = 3,
) -> Tensor:
    """Sum the values of all keys, by the softmax of patch products; differentiable.

    With ``size`` 3, ``fold(softmax(gain * unfold(queries) @ unfold(keys)) @ unfold(values))``: the
    value of a key is a cell, its block the 3x3 cells around it, and overlaps are summed, not
    averaged. With ``size`` 1 attention between pixels.

    Args:
        queries: ``(N, h, w, D)``; zero outside.
        keys: ``(N, L, D)``, one or several grids in the order of `as_line`, one after the other.
        values: ``(N, L, E)`` likewise.
        gain: ``(N, L)`` likewise: what the products with each key are multiplied by.
        grids: Height and width of each grid, in turn.
        size: Side of a patch, 3 or 1.

    Returns:
        ``(N, h, w, E)``. Within ``size - 1`` pixels of a border that is not the map's it is not
        complete.
    """
    return attend_patches_operator(queries, keys, values, gain, list(grids), size)


def row_bytes(queries: Sequence[int], keys: int, size: int, itemsize: int) -> int:
    """Bytes of one row of a strip of ``(N, h, w, D)`` queries times all ``keys``."""
    n, _, w = queries[:3]
    wide = _strip_width(n * keys * itemsize)
    return n * min(w, wide + 2 * (size - 1)) * keys * itemsize


def _strip_width(query: int) -> int:
    """Queries of a strip's row, whose products take ``query`` bytes each."""
    return max(_LEAST_WIDE, _ROW // max(1, query))


def _strips(queries: Tensor, keys: Tensor, size: int) -> Iterator[tuple[slice, slice, slice]]:
    """Columns of each strip, with those around it; the strip's place among them."""
    n, _, width = queries.shape[:3]
    wide = _strip_width(n * keys.shape[1] * queries.element_size())
    count = -(-width // wide)
    edges = [round(i * width / count) for i in range(count + 1)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        first, last = max(0, start - size + 1), min(width, stop + size - 1)
        yield slice(first, last), slice(start, stop), slice(start - first, stop - first)


class _Diagonals:
    """Sums along the diagonals of nine places of query and key, row of queries by row.

    Args:
        grids: Of the keys.
        size: 1 passes rows on as they are.
    """

    def __init__(self, grids: Sequence[int], size: int) -> None:
        self._size = size
        self._rows: tuple[Tensor | None, Tensor | None] = None, None
        self._grids = list(zip(grids[::2], grids[1::2], strict=True))

    def push(self, row: Tensor | None) -> Tensor | None:
        """Take the next row, ``(N, w, L)``; return the sums of the row before it.

        ``None`` stands for rows beyond the last, and for sums that are not complete yet.
        """
        if self._size == 1:
            return row
        above, own = self._rows
        below = None if row is None else _along_rows(row)
        del row  # a row is large: as few as possible at a time
        self._rows = own, below
        return None if own is None else self._across_rows(above, own, below)

    def _across_rows(self, above: Tensor | None, own: Tensor, below: Tensor | None) -> Tensor:
        out, first = own.clone(), 0
        for height, width in self._grids:
            last, step = first + height * (width + 1), width + 1
            if above is not None:
                out[..., first + step : last] += above[..., first : last - step]
            if below is not None:
                out[..., first : last - step] += below[..., first + step : last]
            first = last
        return out


def _along_rows(row: Tensor) -> Tensor:
    out = row.clone()
    out[:, 1:, 1:] += row[:, :-1, :-1]
    out[:, :-1, :-1] += row[:, 1:, 1:]
    return out


def _gaps(like: Tensor, grids: Sequence[int], size: int) -> Tensor:
    """``(1, 1, L)``: minus infinity where no key is, else 0."""
    found = like.new_zeros(1, 1, like.shape[1])
    first = 0
    for height, width in zip(grids[::2], grids[1::2], strict=True):
        last = first + height * (width + size // 2)
        if size > 1:
            found[..., first + width : last : width + 1] = -torch.inf
        first = last
    return found


def _attend(
    queries: Tensor, keys: Tensor, values: Tensor, gain: Tensor, grids: Sequence[int], size: int
) -> Tensor:
    n, height, width = queries.shape[:3]
    out = queries.new_empty(n, height, width, values.shape[-1])
    across, gain, gaps = keys.mT, gain[:, None], _gaps(keys, grids, size)
    for columns, own, inside in _strips(queries, keys, size):
        scores, weights, done = _Diagonals(grids, size), _Diagonals(grids, size), 0
        for row in range(height + size - 1):
            score = scores.push(queries[:, row, columns] @ across if row < height else None)
            if score is not None:
                score = torch.softmax(torch.addcmul(gaps, score, gain, out=score), -1)
            summed = weights.push(score)
            if summed is not None:
                out[:, done, own] = summed[:, inside] @ values
                done += 1
    return out


def _attend_backward(
    grad: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    gain: Tensor,
    grids: Sequence[int],
    size: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height = queries.shape[1]
    d_queries = torch.empty_like(queries, memory_format=torch.contiguous_format)
    d_keys, d_values, d_gain = (
        torch.zeros_like(x, memory_format=torch.contiguous_format) for x in (keys, values, gain)
    )
    factor, gaps = gain[:, None], _gaps(keys, grids, size)
    for columns, own, inside in _strips(queries, keys, size):
        scores, weights, d_weights, d_scores = (_Diagonals(grids, size) for _ in range(4))
        done = 0
        for row in range(height + size - 1):
            is_inside = row < height
            score = scores.push(queries[:, row, columns] @ keys.mT if is_inside else None)
            back = d_weights.push(grad[:, row, columns] @ values.mT if is_inside else None)
            weight = None
            if score is not None and back is not None:
                weight = torch.softmax(torch.addcmul(gaps, score, factor), -1)
                back = weight * (back - (weight * back).sum(-1, keepdim=True))
                d_gain += (score * back)[:, inside].sum(1)
                back *= factor
            summed, back = weights.push(weight), d_scores.push(back)
            if summed is not None and back is not None:
                summed, back = summed[:, inside], back[:, inside]
                d_values += summed.mT @ grad[:, done, own]
                d_keys += back.mT @ queries[:, done, own]
                d_queries[:, done, own] = back @ keys
                done += 1
    return d_queries, d_keys, d_values, d_gain


def _attend_fake(queries, keys, values, gain, grids, size):  # type: ignore[no-untyped-def]
    return queries.new_empty(*queries.shape[:3], values.shape[-1])


def _backward_fake(grad, queries, keys, values, gain, grids, size):  # type: ignore[no-untyped-def]
    return tuple(x.new_empty(x.shape) for x in (queries, keys, values, gain))


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.grids, ctx.size = inputs
    ctx.save_for_backward(*tensors)


def _gradient(ctx: Any, grad: Tensor) -> tuple:
    return (*_BACKWARD(grad, *ctx.saved_tensors, ctx.grids, ctx.size), None, None)


_BACKWARD = define(
    "attend_patches_backward(Tensor grad, Tensor queries, Tensor keys, Tensor values, Tensor gain, "
    "SymInt[] grids, int size) -> (Tensor, Tensor, Tensor, Tensor)",
    exactly(_attend_backward),
    _backward_fake,
)
attend_patches_operator = define(
    "attend_patches(Tensor queries, Tensor keys, Tensor values, Tensor gain, SymInt[] grids, "
    "int size) -> Tensor",
    exactly(_attend),
    _attend_fake,
    _gradient,
    _save,
)
