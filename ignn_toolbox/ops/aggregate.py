"""Aggregation over the neighbours of a patch graph, a few at a time (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .fold import fold_neighbors
from .graph import PatchGraph
from .keys import KeyPatches, prepare_keys
from .memory import NeighborPlan
from .patches import PatchGrid, Region
from .statistics import query_statistics
from .weighted_sum import enlarge_weights, weighted_sum


@dataclass(frozen=True)
class Neighbors:
    """What the neighbours' maps are made from.

    Attributes:
        patches: The key patches.
        index: ``(N, k, rows, cols)`` key patch numbers.
        mean: ``(N, rows, cols, C)`` of the query patches; ``None`` without AdaPN.
        std: The same shape.
        grid: The query grid.
        key_grid: The key grid.
    """

    patches: KeyPatches
    index: Tensor
    mean: Tensor | None
    std: Tensor | None
    grid: PatchGrid
    key_grid: PatchGrid

    def fold(self, ranks: slice = slice(None), region: Region | None = None) -> Tensor:
        """Maps of some neighbour ranks, ``(N, r, h, s, w, s, C)``; differentiable.

        Args:
            ranks: Which neighbours, 0 for the nearest.
            region: The part of the map that is wanted; the whole when ``None``.
        """
        place = region or Region.whole(self.grid)
        return fold_neighbors(
            self.patches.rows,
            self.index[:, ranks],
            self.patches.scale,
            self.patches.shift,
            self.mean,
            self.std,
            self.grid.sides,
            self.key_grid.sides,
            [place.top, place.left, place.height, place.width],
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
    mean, std = query_statistics(features, graph.query_grid) if adapn else (None, None)
    index = graph.index.movedim(-1, 1)
    return Neighbors(patches, index, mean, std, graph.query_grid, graph.key_grid)


def as_map(folded: Tensor) -> Tensor:
    """``(N, r, H, s, W, s, C)`` seen as channels-last ``(N, r, C, sH, sW)`` maps."""
    return folded.flatten(4, 5).flatten(2, 3).movedim(-1, 2)


def aggregate(features: Tensor, graph: PatchGraph, *, adapn: bool = True) -> Tensor:
    """High-resolution maps of all neighbours at once, ``(N, k, C, sH, sW)``; differentiable.

    Needs k maps of memory: networks take `sum_neighbors` instead. See `reference.aggregate` for the
    definition.
    """
    return as_map(prepare_neighbors(features, graph, adapn=adapn).fold())


def sum_neighbors(
    neighbors: Neighbors,
    weights_lr: Tensor,
    weights_hr: Tensor,
    embed: Callable[[Tensor], Tensor],
    *,
    halo: int,
    plan: NeighborPlan,
    memory_format: torch.memory_format = torch.channels_last,
) -> tuple[Tensor, Tensor]:
    """Weighted sums over the neighbours, equation 2 at both resolutions; differentiable.

    ``lr = sum_r embed(z_r) * weights_lr[r]`` and ``hr = sum_r z_r * weights_hr[r]``, with z_r the
    neighbours' maps. As many of them are alive beside the sums as the plan takes together, in a
    forward pass without gradient one band of rows of them. Sums are of the weights' precision, also
    under autocast.

    Args:
        neighbors: From `prepare_neighbors`.
        weights_lr: ``(N, k, H, W)``.
        weights_hr: ``(N, k, H, W)``, held constant on s x s blocks of the HR map.
        embed: ``(N, C, sH, sW) -> (N, C', H, W)``, deterministic.
        halo: How many LR pixels around its own place an output pixel of ``embed`` depends on.
        plan: From `memory.plan_neighbors`.
        memory_format: In which ``embed`` gets its input, and ``hr`` is returned.

    Returns:
        ``lr`` (N, C', H, W) and ``hr`` (N, C, sH, sW), of the neighbours' dtype.
    """
    job = _Job(neighbors, weights_lr, weights_hr, embed, memory_format)
    ranks = plan.ranks(weights_lr.shape[1])
    if torch.is_grad_enabled() or plan.band is None:
        lr, hr = job.sum_whole(ranks, plan.keep)
    else:
        lr, hr = job.sum_bands(ranks, plan.bands(neighbors.grid.height), halo)
    dtype = neighbors.patches.rows.dtype
    return lr.to(dtype), hr.to(dtype)


@dataclass(frozen=True)
class _Job:
    """The arguments of `sum_neighbors`."""

    neighbors: Neighbors
    weights_lr: Tensor
    weights_hr: Tensor
    embed: Callable[[Tensor], Tensor]
    memory_format: torch.memory_format

    def sum_whole(self, ranks: list[slice], keep: bool) -> tuple[Tensor, Tensor]:
        """Both sums over whole maps, which the backward pass finds kept or makes again."""

        def part(chosen: slice) -> tuple[Tensor, Tensor]:
            maps, embedded = self.make(chosen)
            hr = weighted_sum(maps, self.weights_hr[:, chosen])
            return weighted_sum(embedded, self.weights_lr[:, chosen]), hr

        lr: Tensor | None = None
        hr: Tensor | None = None
        for chosen in ranks:
            if keep:
                more_lr, more_hr = part(chosen)
            else:
                more_lr, more_hr = checkpoint(
                    part, chosen, use_reentrant=False, preserve_rng_state=False
                )
            lr = more_lr if lr is None else lr.add_(more_lr)
            hr = more_hr if hr is None else hr.add_(more_hr)
            del more_lr, more_hr
        assert lr is not None and hr is not None
        return lr, hr

    def sum_bands(self, ranks: list[slice], bands: list[slice], halo: int) -> tuple[Tensor, Tensor]:
        """Both sums, band by band and map by map, without gradient."""
        grid, s = self.neighbors.grid, self.neighbors.patches.rows.shape[3]
        lr: Tensor | None = None
        hr: Tensor | None = None
        for band in bands:
            first = max(0, band.start - halo)
            last = min(grid.height, band.stop + halo)
            own = slice(band.start - first, band.stop - first)
            for chosen in ranks:
                maps, embedded = self.make(chosen, Region(first, 0, last - first, grid.width))
                if lr is None or hr is None:
                    lr, hr = self.zeros(embedded, 1), self.zeros(maps, s)
                for weights, total, found, scale in (
                    (self.weights_lr, lr, embedded, 1),
                    (self.weights_hr, hr, maps, s),
                ):
                    rows, inside = (slice(scale * r.start, scale * r.stop) for r in (band, own))
                    for part, weight in zip(
                        found.unbind(1), weights[:, chosen, None, band].unbind(1), strict=True
                    ):
                        total[:, :, rows].addcmul_(
                            part[:, :, inside], enlarge_weights(weight, scale)
                        )
                del maps, embedded, found, part
        assert lr is not None and hr is not None
        return lr, hr

    def make(self, ranks: slice, region: Region | None = None) -> tuple[Tensor, Tensor]:
        """Maps ``(N, r, C, sh, sw)`` of some ranks, and what ``embed`` makes of them."""
        maps = as_map(self.neighbors.fold(ranks, region))
        laid_out = maps.flatten(0, 1).contiguous(memory_format=self.memory_format)
        batch = maps.shape[:2]
        del maps
        return laid_out.unflatten(0, batch), self.embed(laid_out).unflatten(0, batch)

    def zeros(self, like: Tensor, scale: int) -> Tensor:
        """An empty sum of maps ``(N, r, C, ...)`` over the whole image."""
        grid, weights = self.neighbors.grid, self.weights_lr
        shape = (len(like), like.shape[2], scale * grid.height, scale * grid.width)
        return weights.new_zeros(shape).contiguous(memory_format=self.memory_format)
