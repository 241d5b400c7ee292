"""The operator `random_neighbors`: the control that shows what the search is worth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .geometry import constants
from .operators import define
from .patches import PatchGrid, pad_to_grid, patch_view, pixel_runs
from .window import OPTIONS, Search, check_search, fake_neighbors, window_starts


def _random_neighbors(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """k distinct key patches of every query patch's window, in the order of the draw."""
    how = Search(*options)
    query_grid, key_grid = check_search(queries, keys, how)
    (drawn,) = constants(_draw, queries.device, query_grid, key_grid, how)
    with torch.no_grad():
        distance = _distance(queries, keys, query_grid, key_grid, drawn)
    return drawn.expand(len(queries), -1, -1, -1).contiguous(), distance


random_neighbors = define(
    f"random_neighbors(Tensor queries, Tensor keys, {OPTIONS}) -> (Tensor, Tensor)",
    _random_neighbors,
    fake_neighbors,
)


def _draw(query_grid: PatchGrid, key_grid: PatchGrid, how: Search) -> tuple[Tensor]:
    """``(rows, cols, k)`` flat key positions, without repetition; one row of queries at a time.

    It depends on the image's size and nothing else, so a picture gets the same neighbours in every
    batch and every run.
    """
    high, wide, row_starts, col_starts = window_starts(query_grid, key_grid, how)
    generator = torch.Generator().manual_seed(query_grid.height * 65536 + query_grid.width)
    cols = torch.arange(query_grid.cols)
    first_col = torch.tensor(col_starts)
    own_col = cols - first_col
    rows = []
    for i, first_row in enumerate(row_starts):
        chance = torch.rand(query_grid.cols, high * wide, generator=generator)
        if how.exclude_self and 0 <= i - first_row < high:
            inside = (own_col >= 0) & (own_col < wide)
            chance[cols[inside], (i - first_row) * wide + own_col[inside]] = -1
        place = chance.topk(how.num_neighbors, dim=1).indices
        row = torch.div(place, wide, rounding_mode="floor") + first_row
        rows.append(row * key_grid.cols + place % wide + first_col[:, None])
    return (torch.stack(rows),)


def _distance(
    queries: Tensor, keys: Tensor, query_grid: PatchGrid, key_grid: PatchGrid, drawn: Tensor
) -> Tensor:
    """Squared distances ``(N, rows, cols, k)``, float32."""
    query_map, key_map = (
        pad_to_grid(maps.permute(0, 2, 3, 1).to(torch.float32), grid).contiguous()
        for maps, grid in ((queries, query_grid), (keys, key_grid))
    )
    patches = patch_view(query_map, query_grid)  # (N, rows, cols, size, size * D)
    runs = pixel_runs(key_map, key_grid.size)
    row = torch.div(drawn, key_grid.cols, rounding_mode="floor")
    first = (row * key_grid.padded_width + drawn - row * key_grid.cols) * key_grid.stride
    line = torch.arange(key_grid.size, device=drawn.device) * key_grid.padded_width
    image = torch.arange(len(queries), device=drawn.device).view(-1, 1, 1, 1)
    image = image * (key_grid.padded_height * key_grid.padded_width)
    distances = []
    for chosen in first.unbind(-1):
        position = chosen[..., None] + line + image
        other = runs.index_select(0, position.flatten()).view(patches.shape)
        distances.append(other.sub_(patches).square_().sum((-2, -1)))
    return torch.stack(distances, -1)
