"""Textbook versions of the operators: short, obviously right, and only used as oracles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .graph import PatchGraph
from .patches import PatchGrid
from .window import Search, window_starts


def patches(features: Tensor, grid: PatchGrid) -> Tensor:
    """All patches of a ``(N, C, H, W)`` map: ``(N, rows * cols, C, size * size)``."""
    bottom, right = grid.padding
    columns = F.unfold(F.pad(features, (0, right, 0, bottom)), grid.size, stride=grid.stride)
    return columns.unflatten(1, (features.shape[1], -1)).permute(0, 3, 1, 2)


def overlap_mean(values: Tensor, height: int, width: int, size: int, stride: int) -> Tensor:
    """Fold patches ``(N, m, C, size * size)`` into a ``(N, C, height, width)`` map of means.

    The patches lie on a grid that may reach over the bottom and the right; that part is cut off.
    """
    rows, cols = (-(-(length - size) // stride) + 1 for length in (height, width))
    padded = ((rows - 1) * stride + size, (cols - 1) * stride + size)
    columns = values.permute(0, 2, 3, 1).flatten(1, 2)
    total = F.fold(columns, padded, size, stride=stride)
    count = F.fold(torch.ones_like(columns), padded, size, stride=stride)
    return (total / count)[..., :height, :width]


def search(queries: Tensor, keys: Tensor, how: Search) -> PatchGraph:
    """`ops.search` of the nearest by the whole distance matrix and a stable sort."""
    query_grid, key_grid = (how.grid(*maps.shape[-2:]) for maps in (queries, keys))
    q = patches(queries, query_grid).flatten(2)
    a = patches(keys, key_grid).flatten(2)
    distance = (q[:, :, None] - a[:, None]).square().sum(-1)
    high, wide, rows, cols = window_starts(query_grid, key_grid, how)
    allowed = torch.zeros(len(query_grid), key_grid.rows, key_grid.cols, dtype=torch.bool)
    for i, r in enumerate(rows):
        for j, c in enumerate(cols):
            allowed[i * query_grid.cols + j, r : r + high, c : c + wide] = True
    allowed = allowed.flatten(1)
    if how.exclude_self:
        allowed &= ~torch.eye(len(query_grid), dtype=torch.bool)
    distance = distance.masked_fill(~allowed, torch.inf)
    order = distance.argsort(dim=-1, stable=True)[..., : how.num_neighbors]
    shape = (queries.shape[0], query_grid.rows, query_grid.cols, how.num_neighbors)
    return PatchGraph(
        order.view(shape), distance.gather(-1, order).view(shape), query_grid, key_grid, how.scale
    )


def aggregate(features: Tensor, graph: PatchGraph, *, adapn: bool = True) -> Tensor:
    """High-resolution maps of all neighbours (paper section 3.2).

    Gathers for each query its neighbours' patches of ``features``, ``scale`` times larger than the
    query, gives them the query's mean and deviation (AdaPN, equation 3) and folds each neighbour's
    patches into a map.

    Args:
        features: ``(N, C, H, W)``.
        graph: Built on the same image.
        adapn: Whether to normalise.

    Returns:
        ``(N, k, C, scale * H, scale * W)``.
    """
    n, c, height, width = features.shape
    s, grid, keys = graph.scale, graph.query_grid, graph.key_grid
    cut = features[..., : keys.height * s, : keys.width * s]
    blocks = F.pixel_unshuffle(cut, s)
    key = patches(blocks, keys).unflatten(2, (c, s * s))  # (N, n, C, s*s, l*l)
    query = patches(features, grid)  # (N, m, C, l*l)
    maps = []
    for r in range(graph.num_neighbors):
        chosen = graph.index[..., r].flatten(1)
        z = torch.stack([key[b, chosen[b]] for b in range(n)])
        if adapn:
            mean, var = z.mean((-1, -2), keepdim=True), z.flatten(-2).var(-1)[..., None, None]
            q_mean, q_var = query.mean(-1), query.var(-1)
            z = (z - mean) / (var + 1e-5).sqrt() * (q_var + 1e-5).sqrt()[..., None, None]
            z = z + q_mean[..., None, None]
        size = grid.size
        z = z.unflatten(-1, (size, size)).unflatten(-3, (s, s))  # N, m, C, dy, dx, a, b
        z = z.permute(0, 1, 2, 5, 3, 6, 4).flatten(-4, -3).flatten(-2).flatten(-2)
        maps.append(overlap_mean(z, s * height, s * width, s * size, s * grid.stride))
    return torch.stack(maps, dim=1)


def edge_labels(queries: Tensor, keys: Tensor, graph: PatchGraph) -> Tensor:
    """Edge labels at LR resolution, ``(N, k, D, H, W)``: see `ops.edge_label`."""
    grid = graph.query_grid
    q = patches(queries, grid)
    a = patches(keys, graph.key_grid)
    maps = []
    for r in range(graph.num_neighbors):
        chosen = graph.index[..., r].flatten(1)
        z = torch.stack([a[b, chosen[b]] for b in range(len(a))])
        label = (q - z).abs().sum(-1, keepdim=True).expand(-1, -1, -1, grid.size**2)
        maps.append(overlap_mean(label, grid.height, grid.width, grid.size, grid.stride))
    return torch.stack(maps, dim=1)


def attend_patches(
    queries: Tensor,
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    gain: Callable[[Tensor], Tensor],
    scale: int = 1,
) -> Tensor:
    """`ops.patch_attention.attend_patches` as CSNLN and PANet write it: unfold, softmax, fold.

    Args:
        queries: ``(N, D, H, W)``.
        keys: Maps ``(N, D, h, w)``.
        values: For each map of keys one that is ``scale`` times larger, ``(N, E, h', w')``.
        gain: Makes the factors ``(N, L)`` on the products, of the patches of keys ``(N, L, 9 D)``.
        scale: Side of the cell of values that belongs to a key.

    Returns:
        ``(N, E, scale * H, scale * W)``, overlaps summed.
    """
    patches_of_queries = F.unfold(queries, 3, padding=1).mT
    patches_of_keys = torch.cat([F.unfold(k, 3, padding=1) for k in keys], 2).mT
    blocks = torch.cat([F.unfold(v, 3 * scale, padding=scale, stride=scale) for v in values], 2).mT
    products = patches_of_queries @ patches_of_keys.mT * gain(patches_of_keys)[:, None]
    found = (products.softmax(-1) @ blocks).mT
    size = (scale * queries.shape[2], scale * queries.shape[3])
    return F.fold(found, size, 3 * scale, padding=scale, stride=scale)
