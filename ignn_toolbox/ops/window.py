"""How neighbours are searched: how many, of what patches, and where a query may look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from .patches import PatchGrid, count_patches

WindowMode = Literal["centred", "official"]


@dataclass(frozen=True)
class Search:
    """What a search is asked for.

    The window's side d counts key patches. It is off when it covers the whole key grid; else it is
    a square, shrunk to the smaller axis of the key grid, and moved inside at the borders.

    Attributes:
        scale: How many times smaller the searched image is (the paper's s); places the window.
        num_neighbors: The paper's k.
        window: Side d of the square search window in key patches; ``None`` searches everything.
        window_mode: ``'centred'`` puts the window over the query's own place, ``'official'``
            follows the released code, whose window drifts for scales other than 2.
        patch_size: The paper's l.
        stride: Step between neighbouring patches, in pixels of either map.
        exclude_self: Leave out the key at the query's own position (for ``scale=1``).
        neighbors: ``'nearest'``, or ``'random'``: k distinct keys drawn from the window, the
            control that shows what the search is worth.

    Raises:
        ValueError: An option is unknown or out of its range.
    """

    scale: int
    num_neighbors: int = 5
    window: int | None = 30
    window_mode: WindowMode = "centred"
    patch_size: int = 3
    stride: int = 2
    exclude_self: bool = False
    neighbors: Literal["nearest", "random"] = "nearest"

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scale must be at least 1, got {self.scale}")
        if self.num_neighbors < 1:
            raise ValueError(f"num_neighbors must be at least 1, got {self.num_neighbors}")
        if self.window is not None and self.window < 1:
            raise ValueError(
                "window must be at least 1 key patch, or None for the whole image; "
                f"got {self.window}"
            )
        if self.window_mode not in ("centred", "official"):
            raise ValueError(
                f"window_mode must be 'centred' or 'official', got {self.window_mode!r}"
            )
        if self.neighbors not in ("nearest", "random"):
            raise ValueError(f"neighbors must be 'nearest' or 'random', got {self.neighbors!r}")

    @property
    def needed(self) -> int:
        """Fewest keys that a window must hold."""
        return self.num_neighbors + int(self.exclude_self)

    @property
    def smallest_image(self) -> int:
        """Side of the smallest square image that has as many key patches as are needed."""
        along = math.isqrt(self.needed - 1) + 1  # patches, rounded up
        # The last patch may end in rows of zeros, up to one less than the stride.
        side = max(self.patch_size + (along - 1) * self.stride - (self.stride - 1), self.patch_size)
        return side * self.scale

    def grid(self, height: int, width: int) -> PatchGrid:
        """The patches of a map of this size."""
        return PatchGrid(height, width, self.patch_size, self.stride)


def window_size(key_grid: PatchGrid, window: int | None) -> tuple[int, int]:
    """Height and width of the search window in key patches; see `Search`."""
    rows, cols = key_grid.rows, key_grid.cols
    if window is None or (window >= rows and window >= cols):
        return rows, cols
    side = min(window, rows, cols)
    return side, side


def window_starts(
    query_grid: PatchGrid, key_grid: PatchGrid, search: Search
) -> tuple[int, int, list[int], list[int]]:
    """Search windows of all queries; rows and columns are independent of each other.

    Args:
        query_grid: Patches that search.
        key_grid: Patches that are searched.
        search: What is asked for.

    Returns:
        Height and width of the window, the first key row for each query row, the first key column
        for each query column.
    """
    high, wide = window_size(key_grid, search.window)
    rows, cols = key_grid.rows, key_grid.cols
    if (high, wide) == (rows, cols):
        return rows, cols, [0] * query_grid.rows, [0] * query_grid.cols
    official = search.window_mode == "official"
    divisor, offset = (2, high // search.scale) if official else (search.scale, high // 2)

    def starts(queries: int, keys: int) -> list[int]:
        return [min(max(i // divisor - offset, 0), keys - high) for i in range(queries)]

    return high, wide, starts(query_grid.rows, rows), starts(query_grid.cols, cols)


# The tail of a search operator's schema: the fields of `Search` in their order, but for the last.
OPTIONS = (
    "int scale, int num_neighbors, int? window, str window_mode, int patch_size, int stride, "
    "bool exclude_self"
)


def fake_neighbors(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """Empty results of a search operator: index int64 and distance float32."""
    how = Search(*options)
    rows, cols = (count_patches(n, how.patch_size, how.stride) for n in queries.shape[-2:])
    shape = (queries.shape[0], rows, cols, how.num_neighbors)
    index = queries.new_empty(shape, dtype=torch.int64)
    return index, queries.new_empty(shape, dtype=torch.float32)


def check_search(queries: Tensor, keys: Tensor, how: Search) -> tuple[PatchGrid, PatchGrid]:
    """The grids of queries and keys, once it is sure that they can be searched.

    Raises:
        ValueError: As `search`.
    """
    for name, value in (("queries", queries), ("keys", keys)):
        if value.device.type != "cpu":
            continue  # the answer would have to be waited for
        if not torch.isfinite(torch.stack(value.aminmax())).all():  # a sum may overflow
            raise ValueError(f"{name} {tuple(value.shape)} hold values that are not finite")
    query_grid, key_grid = how.grid(*queries.shape[-2:]), how.grid(*keys.shape[-2:])
    _check_count(query_grid, key_grid, how)
    if how.exclude_self and query_grid != key_grid:
        raise ValueError(
            f"exclude_self needs queries and keys of one size, got {tuple(queries.shape[-2:])} "
            f"and {tuple(keys.shape[-2:])}"
        )
    return query_grid, key_grid


def _check_count(queries: PatchGrid, keys: PatchGrid, how: Search) -> None:
    high, wide = window_size(keys, how.window)
    if how.needed <= high * wide:
        return
    needs = f"num_neighbors={how.num_neighbors} needs at least {how.needed} key patches, but a"
    if how.needed <= len(keys):
        sides = range(1, len(keys) + 1)
        side = next(d for d in sides if min(d, keys.rows) * min(d, keys.cols) >= how.needed)
        raise ValueError(
            f"{needs} window of {high}x{wide} holds {high * wide}; use window={side} or more, or "
            "None"
        )
    least = how.smallest_image
    raise ValueError(
        f"{needs} {queries.height}x{queries.width} image downsampled by {how.scale} has "
        f"{len(keys)}; use an image of at least {least}x{least}"
    )
