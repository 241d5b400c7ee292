"""Aggregation over the neighbours of a patch graph, one neighbour at a time (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .fold import fold_patches, fold_region, key_starts
from .fold_backward import fold_patches_backward
from .graph import PatchGraph
from .keys import KeyPatches, prepare_keys
from .memory import NeighborPlan, Scratch
from .patches import PatchGrid, Region, fold_constant, pad_to_grid, patch_slices
from .statistics import query_statistics


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

    def affine(
        self, rank: int, rows: slice = slice(None), cols: slice = slice(None)
    ) -> tuple[Tensor | None, Tensor | None]:
        """AdaPN of one neighbour rank as gain and offset ``(N, rows, cols, C)``.

        ``rows`` and ``cols`` choose queries.
        """
        if self.key_scale is None:
            return None, None
        assert self.key_shift is not None
        assert self.query_mean is not None and self.query_std is not None
        chosen = self.index[:, rows, cols, rank].reshape(-1)
        std = self.query_std[:, rows, cols]
        gain = self.key_scale.index_select(0, chosen).view(std.shape) * std
        shift = self.key_shift.index_select(0, chosen).view(std.shape)
        offset = torch.addcmul(self.query_mean[:, rows, cols], shift, std, value=-1)
        return gain.to(self.rows.dtype), offset.to(self.rows.dtype)

    def fold_region(self, rank: int, region: Region, scratch: Scratch | None = None) -> Tensor:
        """Map ``(N, h, s, w, s, C)`` of one neighbour rank in a region, see `fold.fold_region`."""
        box = region.queries(self.grid)
        gain, offset = self.affine(rank, *box)
        starts = self.starts[:, box[0], box[1], rank].contiguous()
        return fold_region(self.rows, starts, gain, offset, self.grid, region, scratch)

    def fold(self, rank: int) -> Tensor:
        """Map ``(N, H, s, W, s, C)`` of one neighbour rank; differentiable."""
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


def prepare_neighbors(
    features: Tensor, graph: PatchGraph, *, adapn: bool = True, patches: KeyPatches | None = None
) -> Neighbors:
    """Statistics and layout that all neighbour maps of one feature map share; differentiable.

    Args:
        features: ``(N, C, H, W)`` of the image that the graph was built on.
        graph: Its patch graph.
        adapn: Whether the neighbours take over mean and deviation of the query patch.
        patches: Key patches of the whole image, when ``features`` and ``graph`` are one region's
            (`PatchGraph.crop`); made with the same ``adapn``.

    Raises:
        ValueError: The graph belongs to another batch, size or device.
    """
    if patches is None:
        patches = prepare_keys(features, graph, adapn=adapn)
    keys, grid, rows = graph.key_grid, graph.query_grid, patches.rows
    image = torch.arange(len(features), device=features.device).view(-1, 1, 1, 1)
    index = graph.index + image * len(keys)
    starts = torch.stack([key_starts(i, keys) for i in graph.index.unbind(-1)], dim=-1)
    if not adapn:
        return Neighbors(rows, starts, None, None, None, None, index, grid)
    query_mean, query_std = query_statistics(features, grid)
    return Neighbors(
        rows,
        starts,
        patches.scale,
        patches.shift,
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
    halo: int,
    plan: NeighborPlan,
    memory_format: torch.memory_format = torch.channels_last,
) -> tuple[Tensor, Tensor]:
    """Weighted sums over the neighbours, equation 2 at both resolutions.

    ``lr = sum_r embed(z_r) * weights_lr[r]`` and ``hr = sum_r z_r * weights_hr[r]``, with z_r the
    neighbours' maps. Besides the sums one band of one z_r is alive in a forward pass that keeps
    nothing, and one z_r and its gradient in the backward pass.

    Args:
        neighbors: From `prepare_neighbors`.
        weights_lr: ``(N, k, H, W)``.
        weights_hr: ``(N, k, H, W)``, held constant on s x s blocks of the HR map.
        embed: ``(N, C, sH, sW) -> (N, C', H, W)``, deterministic.
        parameters: All tensors that ``embed`` uses and that want a gradient.
        halo: How many LR pixels around its own place an output pixel of ``embed`` depends on.
        plan: From `memory.plan_neighbors`.
        memory_format: In which ``embed`` gets its input, and ``hr`` is returned.

    Returns:
        ``lr`` (N, C', H, W) and ``hr`` (N, C, sH, sW).
    """
    inputs = (*neighbors.tensors, weights_lr, weights_hr, *parameters)
    job = _Job(neighbors, embed, halo, plan, memory_format)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs):
        return _SumNeighbors.apply(job, *inputs)
    return job.accumulate(weights_lr, weights_hr)


@dataclass(frozen=True)
class _Job:
    """The constant part of `sum_neighbors`."""

    neighbors: Neighbors
    embed: Callable[[Tensor], Tensor]
    halo: int
    plan: NeighborPlan
    memory_format: torch.memory_format

    def bands(self) -> list[tuple[int, int]]:
        """First and last row of each band; one for all rows in a program that serves any size."""
        height, step = self.neighbors.grid.height, self.plan.band
        if torch.compiler.is_compiling():
            return [(0, height)]
        return [(top, min(top + step, height)) for top in range(0, height, step)]

    def accumulate(self, weights_lr: Tensor, weights_hr: Tensor) -> tuple[Tensor, Tensor]:
        """Both sums, band by band, without gradient."""
        grid, rows = self.neighbors.grid, self.neighbors.rows
        n, s, c = rows.shape[0], rows.shape[3], rows.shape[-1]
        hr = rows.new_zeros(n, grid.height, s, grid.width, s, c)
        lr: Tensor | None = None
        scratch = Scratch()
        for rank in range(weights_lr.shape[1]):
            for top, bottom in self.bands():
                first = max(0, top - self.halo)
                last = min(grid.height, bottom + self.halo)
                region = Region(first, 0, last - first, grid.width)
                folded = self.neighbors.fold_region(rank, region, scratch)
                own, band = slice(top - first, bottom - first), slice(top, bottom)
                hr[:, band].addcmul_(folded[:, own], _per_block(weights_hr, rank)[:, band])
                image = self.lay_out(folded)
                del folded
                embedded = self.embed(image)
                del image
                if lr is None:
                    lr = embedded.new_zeros(
                        (n, embedded.shape[1], grid.height, grid.width), dtype=weights_lr.dtype
                    ).contiguous(memory_format=self.memory_format)
                weight = weights_lr[:, rank, None, band]
                lr[:, :, band].addcmul_(embedded[:, :, own].to(lr.dtype), weight)
                del embedded
        assert lr is not None
        return lr, self.lay_out(hr)

    def accumulate_and_keep(
        self, weights_lr: Tensor, weights_hr: Tensor
    ) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """Both sums, and every neighbour's map and embedding with its graph."""
        lr: Tensor | None = None
        hr: Tensor | None = None
        kept = []
        for rank in range(weights_lr.shape[1]):
            image, embedded = self.run(rank)
            kept.append((image, embedded))
            part = embedded.detach().to(weights_lr.dtype)
            weight = weights_lr[:, rank, None]
            lr = part * weight if lr is None else lr.addcmul_(part, weight)
            weight = _per_pixel(weights_hr, rank, self.neighbors.rows.shape[3])
            part = image.detach()
            hr = part * weight if hr is None else hr.addcmul_(part, weight)
        assert lr is not None and hr is not None
        return lr, hr, kept

    def run(self, rank: int) -> tuple[Tensor, Tensor]:
        """A neighbour's map as a leaf, and its embedding as a function of it."""
        whole = Region.whole(self.neighbors.grid)
        image = self.lay_out(self.neighbors.fold_region(rank, whole)).requires_grad_()
        with torch.enable_grad():
            return image, self.embed(image)

    def lay_out(self, folded: Tensor) -> Tensor:
        return as_map(folded).contiguous(memory_format=self.memory_format)


def _per_block(weights: Tensor, rank: int) -> Tensor:
    return weights[:, rank, :, None, :, None, None]


def _per_pixel(weights: Tensor, rank: int, scale: int) -> Tensor:
    """``(N, 1, sH, sW)``: the weights of one rank, each on its s x s block."""
    weight = weights[:, rank, None]
    return weight.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


class _SumNeighbors(torch.autograd.Function):
    """`sum_neighbors` with a backward pass that holds one neighbour's map at a time."""

    @staticmethod
    def forward(ctx, job, *inputs):  # type: ignore[no-untyped-def]
        ctx.job = job
        device = inputs[0].device.type
        ctx.autocast = {
            "device_type": device,
            "dtype": torch.get_autocast_dtype(device),
            "enabled": torch.is_autocast_enabled(device),
        }
        ctx.save_for_backward(*inputs)
        ctx.kept = None
        if not job.plan.keep:
            return job.accumulate(inputs[5], inputs[6])
        lr, hr, ctx.kept = job.accumulate_and_keep(inputs[5], inputs[6])
        return lr, hr

    @staticmethod
    def backward(ctx, grad_lr, grad_hr):  # type: ignore[no-untyped-def]
        rows, _, _, _, _, w_lr, w_hr, *params = ctx.saved_tensors
        job, neighbors, grid = ctx.job, ctx.job.neighbors, ctx.job.neighbors.grid
        grads = [None if t is None else torch.zeros_like(t) for t in neighbors.tensors]
        grad_w_lr, grad_w_hr = torch.empty_like(w_lr), torch.empty_like(w_hr)
        wanted = [p for p in params if p.requires_grad]
        grad_wanted = [torch.zeros_like(p) for p in wanted]
        grad_hr_blocks = _as_blocks(grad_hr, rows.shape[3])
        for rank in range(w_lr.shape[1]):
            if ctx.kept is None or ctx.kept[rank] is None:
                with torch.autocast(**ctx.autocast):
                    image, embedded = job.run(rank)
            else:
                image, embedded = ctx.kept[rank]
                ctx.kept[rank] = None
            grad_w_lr[:, rank] = (grad_lr * embedded.detach()).sum(1)
            grad_w_hr[:, rank] = _block_dot(grad_hr, image.detach(), rows.shape[3])
            upstream = (grad_lr * w_lr[:, rank, None]).to(embedded.dtype)
            grad_image, *grad_params = torch.autograd.grad(embedded, [image, *wanted], upstream)
            del image, embedded, upstream
            for total, grad in zip(grad_wanted, grad_params, strict=True):
                total += grad
            grad_folded = _as_blocks(grad_image, rows.shape[3])
            del grad_image
            grad_folded.addcmul_(grad_hr_blocks, _per_block(w_hr, rank))
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
        found = iter(grad_wanted)
        grad_params = [next(found) if p.requires_grad else None for p in params]
        return None, *grads, grad_w_lr, grad_w_hr, *grad_params


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
    grad_gain, grad_offset = grad_gain.to(std.dtype), grad_offset.to(std.dtype)
    grad_scale.index_add_(0, chosen, (grad_gain * std).flatten(0, 2))
    grad_shift.index_add_(0, chosen, (grad_offset * std).flatten(0, 2), alpha=-1)
    grad_mean += grad_offset
    grad_std.addcmul_(grad_gain, neighbors.key_scale.index_select(0, chosen).view(std.shape))
    shift = neighbors.key_shift.index_select(0, chosen).view(std.shape)
    grad_std.addcmul_(grad_offset, shift, value=-1)


def _as_blocks(image: Tensor, scale: int) -> Tensor:
    """``(N, C, sH, sW)`` to ``(N, H, s, W, s, C)``, contiguous; inverse of `as_map`."""
    rows = image.permute(0, 2, 3, 1).contiguous()
    return rows.unflatten(2, (-1, scale)).unflatten(1, (-1, scale))


def _block_dot(first: Tensor, second: Tensor, scale: int) -> Tensor:
    """Sum of products over channels and s x s blocks, ``(N, C, sH, sW) -> (N, H, W)``, in bands."""
    step = 16 * scale
    parts = [
        (a * b).sum(1).unflatten(2, (-1, scale)).sum(3).unflatten(1, (-1, scale)).sum(2)
        for a, b in zip(first.split(step, 2), second.split(step, 2), strict=True)
    ]
    return torch.cat(parts, dim=1)
