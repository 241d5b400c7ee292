"""Random neighbours in place of the nearest: the control that shows what the search is worth."""

from __future__ import annotations

import torch
from torch import Tensor

from .graph import PatchGraph
from .patches import PatchGrid, pad_to_grid, patch_slices
from .search import check_search
from .window import WindowMode, window_starts


def random_neighbors(
    queries: Tensor,
    keys: Tensor,
    *,
    scale: int,
    num_neighbors: int = 5,
    window: int | None = 30,
    window_mode: WindowMode = "centred",
    patch_size: int = 3,
    stride: int = 2,
    exclude_self: bool = False,
) -> PatchGraph:
    """Draw k distinct key patches from every query patch's window.

    The draw depends on the image's size and nothing else, so a picture gets the same neighbours in
    every batch and every run. Distances are those of the drawn patches, in the order of the draw.

    Args:
        queries: As for `search`, like all others.
        keys: See there.
        scale: See there.
        num_neighbors: See there.
        window: See there.
        window_mode: See there.
        patch_size: See there.
        stride: See there.
        exclude_self: See there.

    Raises:
        ValueError: As `search`.
    """
    query_grid, key_grid = check_search(
        queries,
        keys,
        scale,
        num_neighbors,
        window,
        window_mode,
        patch_size,
        stride,
        exclude_self,
    )
    windows = window_starts(query_grid, key_grid, scale, window, window_mode)
    drawn = _draw(query_grid, key_grid, windows, num_neighbors, exclude_self)
    index = drawn.to(queries.device).expand(len(queries), -1, -1, -1)
    distance = _distance(queries.detach(), keys.detach(), query_grid, key_grid, drawn)
    return PatchGraph(index.contiguous(), distance, query_grid, key_grid, scale)


def _draw(
    query_grid: PatchGrid,
    key_grid: PatchGrid,
    windows: tuple[int, int, list[int], list[int]],
    num_neighbors: int,
    exclude_self: bool,
) -> Tensor:
    """``(rows, cols, k)`` flat key positions, without repetition; one row of queries at a time."""
    high, wide, row_starts, col_starts = windows
    generator = torch.Generator().manual_seed(query_grid.height * 65536 + query_grid.width)
    cols = torch.arange(query_grid.cols)
    first_col = torch.tensor(col_starts)
    own_col = cols - first_col
    rows = []
    for i, first_row in enumerate(row_starts):
        chance = torch.rand(query_grid.cols, high * wide, generator=generator)
        if exclude_self and 0 <= i - first_row < high:
            inside = (own_col >= 0) & (own_col < wide)
            chance[cols[inside], (i - first_row) * wide + own_col[inside]] = -1
        place = chance.topk(num_neighbors, dim=1).indices
        row = torch.div(place, wide, rounding_mode="floor") + first_row
        rows.append(row * key_grid.cols + place % wide + first_col[:, None])
    return torch.stack(rows)


def _distance(
    queries: Tensor, keys: Tensor, query_grid: PatchGrid, key_grid: PatchGrid, drawn: Tensor
) -> Tensor:
    """Squared distances ``(N, rows, cols, k)``, float32."""
    query_parts = patch_slices(pad_to_grid(_channels_last(queries), query_grid), query_grid)
    key_parts = patch_slices(pad_to_grid(_channels_last(keys), key_grid), key_grid)
    drawn = drawn.to(queries.device)
    shape = (len(queries), *drawn.shape[:2], -1)
    total = torch.zeros(len(queries), *drawn.shape, device=queries.device)
    for query, key in zip(query_parts, key_parts, strict=True):
        flat = key.flatten(1, 2)
        for rank, chosen in enumerate(drawn.unbind(-1)):
            other = flat.index_select(1, chosen.flatten()).view(shape)
            total[..., rank] += (query - other).square().sum(-1)
    return total


def _channels_last(features: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1).to(torch.float32)
