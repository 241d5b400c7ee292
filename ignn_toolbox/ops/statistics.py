"""Mean and deviation of patches, for AdaPN (paper equation 3)."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from torch import Tensor

from .patches import PatchGrid, pad_to_grid, patch_slices, sum_blocks

EPSILON = 1e-5  # added to the variance, inside the root


def patch_statistics(blocks: Tensor, grid: PatchGrid) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every patch and channel; differentiable.

    The variance is unbiased and merged from blocks, so that it does not suffer from cancellation:
    ``sum of squares in blocks + block size * squares of block means``.

    Args:
        blocks: ``(N, H', W', s, s, C)``, padded to the grid; a patch's pixel is an s x s block.
        grid: The patches on the H' x W' map.

    Returns:
        ``mean`` and ``sqrt(variance + EPSILON)``, each ``(N, rows, cols, C)``; float32 for half
        precision input.
    """
    if blocks.element_size() < 4:
        blocks = blocks.float()
    area = blocks.shape[3] * blocks.shape[4]
    count = area * grid.size**2
    block_mean = sum_blocks(blocks) / area
    means = patch_slices(block_mean, grid)
    mean = _total(means) / grid.size**2
    deviation = _total((part - mean).square() for part in means) * area
    if area > 1:
        within = sum_blocks((blocks - block_mean[:, :, :, None, None]).square())
        deviation = deviation + _total(patch_slices(within, grid))
    return mean, (deviation / (count - 1) + EPSILON).sqrt()


def _total(parts: Iterable[Tensor]) -> Tensor:
    return functools.reduce(torch.add, parts)


def query_statistics(features: Tensor, grid: PatchGrid) -> tuple[Tensor, Tensor]:
    """`patch_statistics` of the patches of a ``(N, C, H, W)`` map."""
    padded = pad_to_grid(features.permute(0, 2, 3, 1), grid)
    return patch_statistics(padded[:, :, :, None, None], grid)
