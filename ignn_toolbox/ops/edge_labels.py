"""Edge labels: how query and key patch differ, channel by channel (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .gather import Runs, first_pixels, lines_of, strips
from .graph import PatchGraph
from .operators import define
from .overlap import fold_constant, units
from .patches import PatchGrid, pad_to_grid, patch_view


def edge_label(
    queries: Tensor, keys: Tensor, graph: PatchGraph, ranks: slice = slice(None)
) -> Tensor:
    """Edge labels of some neighbour ranks at LR resolution, ``(N, r, D, H, W)``; differentiable.

    Per query and channel the sum of absolute differences between query and key patch, folded by
    overlap mean. The paper's D is the signed vector; the released code takes this sum, which is
    constant on every s x s block, so that it is complete at LR resolution.

    Args:
        queries: ``(N, D, H, W)`` features that were searched from.
        keys: ``(N, D, H', W')`` features that were searched in.
        graph: Their graph.
        ranks: Which neighbours, 0 for the nearest.
    """
    index, grid = graph.index[..., ranks].movedim(-1, 1), graph.query_grid
    label = edge_label_operator(queries, keys, index, grid.size, grid.stride)
    return fold_constant(label, grid).movedim(-1, 2)


@dataclass(frozen=True)
class _Pairs:
    """Query and key patches side by side, a strip at a time.

    Attributes:
        queries: ``(N, H, W, D)``, padded.
        keys: ``(N, H', W', D)``, padded.
        query_grid: Patches of the queries.
        key_grid: Patches of the keys.
        position: ``(N, r, rows, cols)`` first pixel of every neighbour.
    """

    queries: Tensor
    keys: Tensor
    query_grid: PatchGrid
    key_grid: PatchGrid
    position: Tensor

    @classmethod
    def of(cls, queries: Tensor, keys: Tensor, index: Tensor, size: int, stride: int) -> _Pairs:
        grid, key_grid = (
            PatchGrid(maps.shape[2], maps.shape[3], size, stride) for maps in (queries, keys)
        )
        query, key = (
            pad_to_grid(maps.permute(0, 2, 3, 1), own).contiguous()
            for maps, own in ((queries, grid), (keys, key_grid))
        )
        return cls(query, key, grid, key_grid, first_pixels(index, key_grid))

    def differences(self) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
        """Images and rows of a strip, its neighbours' lines, and key minus query.

        The lines are ``(n, r, rows, cols, size)``, the differences ``(n, r, rows, cols, size,
        size * D)``, valid until the next strip.
        """
        grid, (images, ranks, rows, cols) = self.query_grid, self.position.shape
        query = patch_view(self.queries, grid)
        runs = Runs(self.keys, grid.size)
        row = ranks * cols * query[0, 0, 0].numel()
        for some, chosen in strips(self.keys.device, images, slice(0, rows), row):
            lines = lines_of(self.position[some, :, chosen], self.key_grid)
            key = runs.take(lines).view(*lines.shape, -1)
            yield some, chosen, lines, key.sub_(query[some, None, chosen])


def _kernel(queries: Tensor, keys: Tensor, index: Tensor, size: int, stride: int) -> Tensor:
    depth = queries.shape[1]
    label = queries.new_empty((*index.shape, depth))
    for images, rows, _, difference in _Pairs.of(queries, keys, index, size, stride).differences():
        parts = difference.abs_().flatten(-2).unflatten(-1, (-1, depth))
        torch.sum(parts, -2, out=label[images, :, rows])
    return label


def _kernel_backward(
    grad: Tensor, queries: Tensor, keys: Tensor, index: Tensor, size: int, stride: int
) -> tuple[Tensor, ...]:
    pairs = _Pairs.of(queries, keys, index, size, stride)
    depth, grid = queries.shape[1], pairs.query_grid
    pieces = units(grid)
    rows, cols = ((count + len(pieces) - 1) * stride for count in (grid.rows, grid.cols))
    grad_query = grad.new_zeros(len(grad), rows, cols, depth)
    blocks = grad_query.unflatten(2, (-1, stride)).unflatten(1, (-1, stride))
    grad_key = torch.zeros_like(pairs.keys)
    flat = grad_key.view(-1, depth)
    along = torch.arange(size, device=grad.device)
    for images, chosen, lines, difference in pairs.differences():
        part = difference.sign_().unflatten(-1, (size, depth))  # (n, r, rows, cols, a, b, D)
        part *= grad[images, :, chosen, :, None, None]
        flat.index_add_(0, (lines[..., None] + along).flatten(), part.reshape(-1, depth))
        part = part.sum(1).movedim(3, 2)  # (n, rows, a, cols, b, D)
        for t, down in enumerate(pieces):
            for v, right in enumerate(pieces):
                piece = part[:, :, down, :, right]
                target = blocks[images, chosen.start + t : chosen.stop + t, :, v : v + grid.cols]
                target[:, :, : piece.shape[2], :, : piece.shape[4]] -= piece
    grads = (
        whole[:, : maps.shape[2], : maps.shape[3]].contiguous().permute(0, 3, 1, 2)
        for whole, maps in ((grad_query, queries), (grad_key, keys))
    )
    return tuple(grads)


def _fake(queries: Tensor, keys: Tensor, index: Tensor, size: int, stride: int) -> Tensor:
    return queries.new_empty((*index.shape, queries.shape[1]))


def _fake_backward(grad: Tensor, queries: Tensor, keys: Tensor, *_: Any) -> tuple[Tensor, ...]:
    grads = (maps.new_empty(maps.permute(0, 2, 3, 1).shape) for maps in (queries, keys))
    return tuple(grad.permute(0, 3, 1, 2) for grad in grads)


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.size, ctx.stride = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple:
    grads = _operator_backward(grad, *ctx.saved_tensors, ctx.size, ctx.stride)
    return *grads, None, None, None


_operator_backward = define(
    "edge_label_backward(Tensor grad, Tensor queries, Tensor keys, Tensor index, int size, "
    "int stride) -> (Tensor, Tensor)",
    _kernel_backward,
    _fake_backward,
)
edge_label_operator = define(
    "edge_label(Tensor queries, Tensor keys, Tensor index, int size, int stride) -> Tensor",
    _kernel,
    _fake,
    _backward,
    _save,
)
