"""Where a query may look: the search window in key patches."""

from __future__ import annotations

from typing import Literal

from .patches import PatchGrid

WindowMode = Literal["centred", "official"]


def check_window(window: int | None, mode: str) -> None:
    """Raise ValueError for a window below 1 or an unknown mode; see `window_starts`."""
    if mode not in ("centred", "official"):
        raise ValueError(f"window_mode must be 'centred' or 'official', got {mode!r}")
    if window is not None and window < 1:
        raise ValueError(
            f"window must be at least 1 key patch, or None for the whole image; got {window}"
        )


def window_size(key_grid: PatchGrid, window: int | None) -> tuple[int, int]:
    """Height and width of the search window in key patches; see `window_starts`."""
    rows, cols = key_grid.rows, key_grid.cols
    if window is None or (window >= rows and window >= cols):
        return rows, cols
    side = min(window, rows, cols)
    return side, side


def window_starts(
    query_grid: PatchGrid,
    key_grid: PatchGrid,
    scale: int,
    window: int | None,
    mode: WindowMode = "centred",
) -> tuple[int, int, list[int], list[int]]:
    """Search windows of all queries; rows and columns are independent of each other.

    The window's side d counts key patches. It is off when it covers the whole key grid; else it is
    a square, shrunk to the smaller axis of the key grid, and moved inside at the borders.

    Args:
        query_grid: Patches that search.
        key_grid: Patches that are searched.
        scale: How many times smaller the searched image is.
        window: Side d, or ``None`` for the whole key grid.
        mode: ``'centred'`` puts the window over the query's own place, ``'official'`` follows the
            released code, whose window drifts for scales other than 2.

    Returns:
        Height and width of the window, the first key row for each query row, the first key column
        for each query column.

    Raises:
        ValueError: ``window`` is smaller than 1 or ``mode`` is unknown.
    """
    check_window(window, mode)
    high, wide = window_size(key_grid, window)
    rows, cols = key_grid.rows, key_grid.cols
    if (high, wide) == (rows, cols):
        return rows, cols, [0] * query_grid.rows, [0] * query_grid.cols
    divisor, offset = (2, high // scale) if mode == "official" else (scale, high // 2)

    def starts(queries: int, keys: int) -> list[int]:
        return [min(max(i // divisor - offset, 0), keys - high) for i in range(queries)]

    return high, wide, starts(query_grid.rows, rows), starts(query_grid.cols, cols)
