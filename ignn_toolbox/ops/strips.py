"""Strips of query rows, small enough for what is gathered for them to stay in the cache.

One patch row of ``size`` key pixels is one contiguous run, so gathering is copying.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .memory import Scratch

_STRIP = 2**19  # elements gathered at a time on the CPU, to stay in its cache
_STRIP_ACCELERATOR = 2**26


def gather_runs(
    runs: Tensor, position: Tensor, rows: Tensor, size: int, scratch: Scratch
) -> Tensor:
    """``(n, rows, cols, size, s, s, C)`` runs at ``position`` (n, rows, cols)."""
    gathered = scratch.take("run", runs, (position.numel(), runs.shape[1]))
    torch.index_select(runs, 0, position.reshape(-1), out=gathered)
    return gathered.view(*position.shape, size, *rows.shape[3:])


def strips(
    device: torch.device, images: int, rows: slice, cols: int, run: int
) -> Iterator[tuple[slice, slice]]:
    """Cut ``images`` x ``rows`` so that the gathered runs of one strip stay in cache."""
    limit = _STRIP if device.type == "cpu" else _STRIP_ACCELERATOR
    count = rows.stop - rows.start
    together = limit // max(1, count * cols * run)
    if together >= 1:
        for first in range(0, images, together):
            yield slice(first, min(first + together, images)), rows
        return
    step = max(1, limit // (cols * run))
    for image in range(images):
        for first in range(rows.start, rows.stop, step):
            yield slice(image, image + 1), slice(first, min(first + step, rows.stop))
