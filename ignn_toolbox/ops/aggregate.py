"""Aggregation over the neighbours of a patch graph, one neighbour at a time (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .fold import fold_patches, fold_patches_backward, key_rows, key_starts
from .graph import PatchGraph
from .patches import PatchGrid, fold_constant, pad_to_grid, patch_slices
from .statistics import patch_statistics, query_statistics


@dataclass(frozen=True)
class Neighbors:
    """What the neighbours' maps are made from; LR-sized but for ``rows``.

    Attributes:
        rows: ``(N, H', W', s, s, C)``, see `fold.key_rows`.
        starts: ``(N, rows, cols, k)``, see `fold.key_starts`.
        key_scale: ``(N * n, C)`` reciprocal deviation of every key patch; ``None`` without AdaPN.
        key_shift: ``(N * n, C)`` mean times reciprocal deviation.
        query_mean: ``(N, rows, cols, C)``.
        query_std: The same shape.
        index: ``(N, rows, cols, k)`` key patch numbers counted over the whole batch.
        grid: The query grid.
    """

    rows: Tensor
    starts: Tensor
    key_scale: Tensor | None
    key_shift: Tensor | None
    query_mean: Tensor | None
    query_std: Tensor | None
    index: Tensor
    grid: PatchGrid

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """The differentiable ones, in the order of the fields."""
        return self.rows, self.key_scale, self.key_shift, self.query_mean, self.query_std

    def affine(self, rank: int) -> tuple[Tensor | None, Tensor | None]:
        """AdaPN of one neighbour rank as gain and offset ``(N, rows, cols, C)``."""
        if self.key_scale is None:
            return None, None
        assert self.key_shift is not None
        assert self.query_mean is not None and self.query_std is not None
        chosen = self.index[..., rank].reshape(-1)
        shape = self.query_std.shape
        gain = self.key_scale.index_select(0, chosen).view(shape) * self.query_std
        shift = self.key_shift.index_select(0, chosen).view(shape)
        return gain, torch.addcmul(self.query_mean, shift, self.query_std, value=-1)

    def fold(self, rank: int) -> Tensor:
        """Map ``(N, H, s, W, s, C)`` of one neighbour rank."""
        grid = self.grid
        gain, offset = self.affine(rank)
        return fold_patches(
            self.rows,
            self.starts[..., rank].contiguous(),
            gain,
            offset,
            grid.height,
            grid.width,
            grid.size,
            grid.stride,
        )


def prepare_neighbors(features: Tensor, graph: PatchGraph, *, adapn: bool = True) -> Neighbors:
    """Statistics and layout that all neighbour maps of one feature map share; differentiable.

    Args:
        features: ``(N, C, H, W)`` of the image that the graph was built on.
        graph: Its patch graph.
        adapn: Whether the neighbours take over mean and deviation of the query patch.

    Raises:
        ValueError: The graph belongs to another batch, size or device.
    """
    _check(features, graph)
    if adapn and graph.key_grid.size == 1:
        raise ValueError("a patch of one pixel has no deviation: use adapn=False or patch_size > 1")
    keys, grid = graph.key_grid, graph.query_grid
    rows = key_rows(features, keys, graph.scale)
    image = torch.arange(len(features), device=features.device).view(-1, 1, 1, 1)
    index = graph.index + image * len(keys)
    starts = torch.stack([key_starts(i, keys) for i in graph.index.unbind(-1)], dim=-1)
    if not adapn:
        return Neighbors(rows, starts, None, None, None, None, index, grid)
    key_mean, key_std = patch_statistics(rows, keys)
    scale = key_std.reciprocal()
    query_mean, query_std = query_statistics(features, grid)
    return Neighbors(
        rows,
        starts,
        scale.flatten(0, 2),
        (key_mean * scale).flatten(0, 2),
        query_mean,
        query_std,
        index,
        grid,
    )


def as_map(folded: Tensor) -> Tensor:
    """``(N, H, s, W, s, C)`` seen as a channels-last ``(N, C, sH, sW)`` map."""
    return folded.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def aggregate(features: Tensor, graph: PatchGraph, *, adapn: bool = True) -> Tensor:
    """High-resolution maps of all neighbours at once, ``(N, k, C, sH, sW)``; differentiable.

    Needs k maps of memory: networks take `sum_neighbors` instead. See `reference.aggregate` for the
    definition.
    """
    neighbors = prepare_neighbors(features, graph, adapn=adapn)
    return torch.stack([as_map(neighbors.fold(r)) for r in range(graph.num_neighbors)], dim=1)


def edge_label(queries: Tensor, keys: Tensor, graph: PatchGraph, rank: int) -> Tensor:
    """Edge label of one neighbour rank at LR resolution, ``(N, D, H, W)``; differentiable.

    Per query and channel the sum of absolute differences between query and key patch, folded by
    overlap mean. The paper's D is the signed vector; the released code takes this sum, which is
    constant on every s x s block, so that it is complete at LR resolution.

    Args:
        queries: ``(N, D, H, W)`` features that were searched from.
        keys: ``(N, D, H', W')`` features that were searched in.
        graph: Their graph.
        rank: Which neighbour, 0 for the nearest.
    """
    starts = key_starts(graph.index[..., rank], graph.key_grid)
    flat = pad_to_grid(keys.permute(0, 2, 3, 1), graph.key_grid).flatten(0, 2)
    padded = pad_to_grid(queries.permute(0, 2, 3, 1), graph.query_grid)
    size, width = graph.key_grid.size, graph.key_grid.padded_width
    label: Tensor | None = None
    for offset, query in enumerate(patch_slices(padded, graph.query_grid)):
        position = starts + (offset // size * width + offset % size)
        key = flat.index_select(0, position.reshape(-1)).view(query.shape)
        difference = (query - key).abs()
        label = difference if label is None else label + difference
    assert label is not None
    return fold_constant(label, graph.query_grid).permute(0, 3, 1, 2)


def sum_neighbors(
    neighbors: Neighbors,
    weights_lr: Tensor,
    weights_hr: Tensor,
    embed: Callable[[Tensor], Tensor],
    parameters: Sequence[Tensor],
    *,
    recompute: bool,
) -> tuple[Tensor, Tensor]:
    """Weighted sums over the neighbours, equation 2 at both resolutions.

    ``lr = sum_r embed(z_r) * weights_lr[r]`` and ``hr = sum_r z_r * weights_hr[r]``, with z_r the
    neighbours' maps. Besides the sums one z_r is alive at a time in the forward pass and, with
    ``recompute``, one z_r and its gradient in the backward pass.

    Args:
        neighbors: From `prepare_neighbors`.
        weights_lr: ``(N, k, H, W)``.
        weights_hr: ``(N, k, H, W)``, held constant on s x s blocks of the HR map.
        embed: ``(N, C, sH, sW) -> (N, C', H, W)``, deterministic.
        parameters: All tensors that ``embed`` uses and that want a gradient.
        recompute: Whether the backward pass computes maps and embeddings again (slower, small) or
            keeps them from the forward pass.

    Returns:
        ``lr`` (N, C', H, W) and ``hr`` (N, C, sH, sW), channels-last.
    """
    inputs = (*neighbors.tensors, weights_lr, weights_hr, *parameters)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs):
        return _SumNeighbors.apply(neighbors, embed, recompute, *inputs)
    return _accumulate(neighbors, weights_lr, weights_hr, embed, None)


def _accumulate(
    neighbors: Neighbors,
    weights_lr: Tensor,
    weights_hr: Tensor,
    embed: Callable[[Tensor], Tensor],
    keep: list[tuple[Tensor, Tensor]] | None,
) -> tuple[Tensor, Tensor]:
    lr: Tensor | None = None
    hr: Tensor | None = None
    for rank in range(weights_lr.shape[1]):
        folded = neighbors.fold(rank)
        if keep is None:
            embedded = embed(as_map(folded))
        else:
            folded.requires_grad_()
            with torch.enable_grad():
                embedded = embed(as_map(folded))
            keep.append((folded, embedded))
            folded, embedded = folded.detach(), embedded.detach()
        weight_lr = weights_lr[:, rank, None]
        weight_hr = _per_block(weights_hr, rank)
        if lr is None or hr is None:
            lr = embedded * weight_lr
            # a map that nobody else holds can become the sum
            hr = folded.mul_(weight_hr) if keep is None else folded * weight_hr
        else:
            lr.addcmul_(embedded, weight_lr.to(embedded.dtype))
            hr.addcmul_(folded, weight_hr)
        del folded, embedded
    assert lr is not None and hr is not None
    return lr, as_map(hr)


def _per_block(weights: Tensor, rank: int) -> Tensor:
    return weights[:, rank, :, None, :, None, None]


class _SumNeighbors(torch.autograd.Function):
    """`sum_neighbors` with a backward pass that holds one neighbour's map at a time."""

    @staticmethod
    def forward(ctx, neighbors, embed, recompute, *inputs):  # type: ignore[no-untyped-def]
        ctx.neighbors, ctx.embed = neighbors, embed
        ctx.kept = None if recompute else []
        device = inputs[0].device.type
        ctx.autocast = {
            "device_type": device,
            "dtype": torch.get_autocast_dtype(device),
            "enabled": torch.is_autocast_enabled(device),
        }
        ctx.save_for_backward(*inputs)
        return _accumulate(neighbors, inputs[5], inputs[6], embed, ctx.kept)

    @staticmethod
    def backward(ctx, grad_lr, grad_hr):  # type: ignore[no-untyped-def]
        rows, key_scale, key_shift, query_mean, query_std, w_lr, w_hr, *params = ctx.saved_tensors
        neighbors, grid = ctx.neighbors, ctx.neighbors.grid
        n, height, width, s, c = len(rows), grid.height, grid.width, rows.shape[3], rows.shape[-1]
        grad_hr = grad_hr.permute(0, 2, 3, 1).contiguous().view(n, height, s, width, s, c)
        grads = [None if t is None else torch.zeros_like(t) for t in neighbors.tensors]
        grad_w_lr, grad_w_hr = torch.empty_like(w_lr), torch.empty_like(w_hr)
        grad_params = [torch.zeros_like(p) if p.requires_grad else None for p in params]
        wanted = [p for p in params if p.requires_grad]
        for rank in range(w_lr.shape[1]):
            kept = ctx.kept[rank] if ctx.kept else None
            if kept is None:  # also in a second backward pass
                folded = neighbors.fold(rank).requires_grad_()
                with torch.enable_grad(), torch.autocast(**ctx.autocast):
                    embedded = ctx.embed(as_map(folded))
            else:
                folded, embedded = kept
                ctx.kept[rank] = kept = None
            upstream = (grad_lr * w_lr[:, rank, None]).to(embedded.dtype)
            grad_folded, *grad_embed = torch.autograd.grad(embedded, [folded, *wanted], upstream)
            folded, embedded = folded.detach(), embedded.detach()
            grad_w_lr[:, rank] = (grad_lr * embedded).sum(1)
            grad_w_hr[:, rank] = _block_dot(grad_hr, folded)
            del folded, embedded, upstream
            grad_folded = grad_folded.contiguous().addcmul_(grad_hr, _per_block(w_hr, rank))
            gain, _ = neighbors.affine(rank)
            grad_gain, grad_offset = fold_patches_backward(
                grad_folded,
                rows,
                neighbors.starts[..., rank].contiguous(),
                gain,
                grid.size,
                grid.stride,
                grads[0],
            )
            del grad_folded
            if grad_gain is not None:
                _affine_backward(neighbors, rank, grad_gain, grad_offset, grads)
            slots = (i for i, g in enumerate(grad_params) if g is not None)
            for slot, grad in zip(slots, grad_embed, strict=True):
                grad_params[slot] += grad
        return None, None, None, *grads, grad_w_lr, grad_w_hr, *grad_params


def _affine_backward(
    neighbors: Neighbors,
    rank: int,
    grad_gain: Tensor,
    grad_offset: Tensor,
    grads: list[Tensor],
) -> None:
    """Way back through `Neighbors.affine`, added to ``grads`` (order of `Neighbors.tensors`)."""
    _, grad_scale, grad_shift, grad_mean, grad_std = grads
    chosen = neighbors.index[..., rank].reshape(-1)
    std = neighbors.query_std
    assert std is not None and neighbors.key_scale is not None and neighbors.key_shift is not None
    grad_scale.index_add_(0, chosen, (grad_gain * std).flatten(0, 2))
    grad_shift.index_add_(0, chosen, (grad_offset * std).flatten(0, 2), alpha=-1)
    grad_mean += grad_offset
    grad_std.addcmul_(grad_gain, neighbors.key_scale.index_select(0, chosen).view(std.shape))
    shift = neighbors.key_shift.index_select(0, chosen).view(std.shape)
    grad_std.addcmul_(grad_offset, shift, value=-1)


def _block_dot(first: Tensor, second: Tensor) -> Tensor:
    """Sum of products over blocks and channels, ``(N, H, s, W, s, C) -> (N, H, W)``, row by row."""
    parts = [(a * b).sum((4, 5)).sum(2) for a, b in zip(first.split(8, 1), second.split(8, 1))]
    return torch.cat(parts, dim=1)


def _check(features: Tensor, graph: PatchGraph) -> None:
    grid = graph.query_grid
    if features.dim() != 4 or tuple(features.shape[2:]) != (grid.height, grid.width):
        raise ValueError(
            f"features {tuple(features.shape)} do not fit a graph of a "
            f"{grid.height}x{grid.width} image: both must come from the same image"
        )
    if len(features) != len(graph.index):
        raise ValueError(
            f"features have batch {len(features)}, the graph has batch {len(graph.index)}"
        )
    if features.device != graph.index.device:
        raise ValueError(
            f"features are on {features.device}, the graph on {graph.index.device}; use graph.to()"
        )
    needed = (graph.key_grid.height * graph.scale, graph.key_grid.width * graph.scale)
    if needed[0] > grid.height or needed[1] > grid.width:
        raise ValueError(
            f"keys on a {graph.key_grid.height}x{graph.key_grid.width} map at scale {graph.scale} "
            f"reach beyond the {grid.height}x{grid.width} features"
        )
