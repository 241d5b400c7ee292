"""Gathering patches: where they begin, and how much to gather at a time.

One patch row of ``size`` pixels is one contiguous run, so gathering is copying.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .patches import PatchGrid, pixel_runs

STRIP = 2**19  # elements gathered at a time on the CPU, to stay in its cache
_STRIP_ACCELERATOR = 2**28


def first_pixels(index: Tensor, grid: PatchGrid) -> Tensor:
    """Flat position of the first pixel of patches in padded maps, counted over the whole batch.

    Args:
        index: ``(N, ...)`` row-major patch numbers, each in its image.
        grid: The grid that ``index`` counts in.
    """
    row = torch.div(index, grid.cols, rounding_mode="floor")
    position = (row * grid.padded_width + (index - row * grid.cols)) * grid.stride
    return position + image_offsets(index, grid.padded_height * grid.padded_width)


def image_offsets(like: Tensor, step: int) -> Tensor:
    """``image * step``, shaped to be added to ``(N, ...)``."""
    stop = step * like.shape[0]
    offset = torch.arange(0, stop, step, device=like.device)
    return offset.view(-1, *[1] * (like.dim() - 1))


def lines_of(position: Tensor, grid: PatchGrid) -> Tensor:
    """From first pixels ``(...)`` to the first pixels of all rows of those patches: (..., size)."""
    width = grid.padded_width
    return position[..., None] + torch.arange(0, grid.size * width, width, device=position.device)


class Runs:
    """Gathers runs of ``size`` pixels of padded maps, again and again into the same memory.

    On a CPU the first touch of fresh memory costs more than the copying that follows.

    Args:
        padded: ``(N, H', W', ...)``, contiguous.
        size: How many neighbouring pixels.
    """

    def __init__(self, padded: Tensor, size: int) -> None:
        self.runs = pixel_runs(padded, size)
        self.length = self.runs.shape[1]
        self._held = padded.new_empty(0)

    def take(self, position: Tensor) -> Tensor:
        """``(position.numel(), size * ...)`` from those positions on, until the next call."""
        count = position.numel()
        if len(self._held) < count * self.length:
            self._held = self.runs.new_empty(count * self.length)
        out = self._held[: count * self.length].view(count, self.length)
        return torch.index_select(self.runs, 0, position.flatten(), out=out)


def strips(
    device: torch.device, images: int, rows: slice, row: int
) -> Iterator[tuple[slice, slice]]:
    """Cut ``images`` x ``rows`` so that what is gathered for one strip stays in the cache.

    Args:
        device: Where it is gathered.
        images: How many images.
        rows: Rows of queries in each of them.
        row: Elements gathered for one row of queries.
    """
    limit = STRIP if device.type == "cpu" else _STRIP_ACCELERATOR
    together = limit // max(1, (rows.stop - rows.start) * row)
    if together >= 1:
        for first in range(0, images, together):
            yield slice(first, min(first + together, images)), rows
        return
    step = max(1, limit // row)
    for image in range(images):
        for first in range(rows.start, rows.stop, step):
            yield slice(image, image + 1), slice(first, min(first + step, rows.stop))
