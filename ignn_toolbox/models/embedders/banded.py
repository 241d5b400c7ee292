"""Embedding large images a band of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..layers import memory_format_of

_PIXELS = 2**18  # of one band
_LEAST_ROWS = 64  # of one band; below, computing its halo costs too much


def embed_in_bands(
    embedder: nn.Module,
    image: Tensor,
    halo: Callable[[], int],
    allocate: Callable[[tuple[int, ...], torch.dtype], Tensor] | None = None,
) -> Tensor:
    """``embedder(image)`` in memory for its result and one band; without gradient.

    The bands depend on the image's size alone, whatever memory there is, so that equal images have
    equal features, bit for bit, and the same neighbours.

    Args:
        embedder: ``(N, 3, H, W)`` to ``(N, D, H, W)``; an output pixel depends on the pixels around
            its place, and not on all of them.
        image: ``(N, 3, H, W)``.
        halo: Tells how many pixels around its place that are; asked only where there are bands.
        allocate: Makes the result's tensor from shape and dtype; on the image's device by default.
    """
    count, _, height, width = image.shape
    rows = max(_LEAST_ROWS, _PIXELS // width)
    if torch.compiler.is_compiling() or (height <= rows and allocate is None):
        return embedder(image)  # a compiled program serves any size

    def make(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=image.device)

    around, layout = halo(), memory_format_of(image)
    whole: Tensor | None = None
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - around), min(height, bottom + around)
        made = embedder(image[:, :, first:last].contiguous(memory_format=layout))
        if whole is None:
            shape = (count, height, width, made.shape[1])  # rows of pixels: what the search reads
            whole = (allocate or make)(shape, made.dtype).permute(0, 3, 1, 2)
        whole[:, :, top:bottom] = made[:, :, top - first : bottom - first]
    assert whole is not None
    return whole
