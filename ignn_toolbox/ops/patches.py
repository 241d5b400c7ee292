"""Patch grids and the small patch arithmetic that search and aggregation share.

Layout inside this room: feature maps are ``(N, H, W, C)`` ("rows" of C contiguous floats), because
a patch is then a few long contiguous runs and gathering one is a memory copy.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class PatchGrid:
    """Square patches on a map, row-major, laid from the top left corner.

    Zero rows and columns are added at the bottom and the right until the last patch ends exactly at
    the border: for 3x3 patches of stride 2 one row for an even height, none for an odd one
    (IGNN's ``im2patch``).

    Attributes:
        height: Height of the map in pixels.
        width: Width of the map in pixels.
        size: Side of a patch in pixels.
        stride: Distance of neighbouring patches in pixels, at most ``size``.
    """

    height: int
    width: int
    size: int = 3
    stride: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.size:
            raise ValueError(
                f"stride must lie in 1..patch_size={self.size} so that patches leave no gap, "
                f"got {self.stride}"
            )
        if self.height < self.size or self.width < self.size:
            raise ValueError(
                f"a {self.height}x{self.width} map is smaller than one {self.size}x{self.size} "
                "patch: use a larger image or a smaller patch_size"
            )

    @property
    def rows(self) -> int:
        """Number of patches from top to bottom."""
        return count_patches(self.height, self.size, self.stride)

    @property
    def cols(self) -> int:
        """Number of patches from left to right."""
        return count_patches(self.width, self.size, self.stride)

    @property
    def sides(self) -> list[int]:
        """Height, width, size and stride, as an operator takes them."""
        return [self.height, self.width, self.size, self.stride]

    @property
    def padding(self) -> tuple[int, int]:
        """Zero rows added at the bottom and zero columns added at the right."""
        return self.padded_height - self.height, self.padded_width - self.width

    @property
    def padded_height(self) -> int:
        return (self.rows - 1) * self.stride + self.size

    @property
    def padded_width(self) -> int:
        return (self.cols - 1) * self.stride + self.size

    def __len__(self) -> int:
        return self.rows * self.cols


def count_patches(length: int, size: int, stride: int) -> int:
    """How many patches cover ``length`` pixels."""
    return (length - size + 2 * stride - 1) // stride


@dataclass(frozen=True)
class Region:
    """A rectangle of a map, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, grid: PatchGrid) -> Region:
        return cls(0, 0, grid.height, grid.width)

    def queries(self, grid: PatchGrid) -> tuple[slice, slice]:
        """Rows and columns of the patches that touch the region."""
        return (
            _touching(self.top, self.height, grid.rows, grid),
            _touching(self.left, self.width, grid.cols, grid),
        )


def _touching(start: int, length: int, count: int, grid: PatchGrid) -> slice:
    first = max(0, -((grid.size - 1 - start) // grid.stride))
    return slice(first, min(count, (start + length - 1) // grid.stride + 1))


def pad_to_grid(features: Tensor, grid: PatchGrid) -> Tensor:
    """Add the grid's zero rows and columns to a ``(N, H, W, ...)`` map."""
    bottom, right = grid.padding
    if bottom or right:
        return F.pad(features, [0, 0] * (features.dim() - 3) + [0, right, 0, bottom])
    return features


def pixel_runs(padded: Tensor, size: int) -> Tensor:
    """Overlapping view ``(positions, size * ...)`` of a map: ``size`` pixels from each one on.

    Args:
        padded: ``(N, H, W, ...)``, contiguous; all images' pixels count as one row.
        size: How many neighbouring pixels.
    """
    pixel = padded[0, 0, 0].numel()
    count = padded.shape[0] * padded.shape[1] * padded.shape[2] - size + 1
    return padded.as_strided((count, size * pixel), (pixel, 1))


def patch_view(padded: Tensor, grid: PatchGrid) -> Tensor:
    """Overlapping view ``(N, rows, cols, size, size * D)`` of a padded ``(N, H, W, D)`` map."""
    count, height, width, depth = padded.shape
    line = width * depth
    return padded.as_strided(
        (count, grid.rows, grid.cols, grid.size, grid.size * depth),
        (height * line, grid.stride * line, grid.stride * depth, line, 1),
    )


def patch_slices(padded: Tensor, grid: PatchGrid) -> list[Tensor]:
    """Views of a padded ``(N, H', W', ...)`` map, one for each offset inside a patch, row-major.

    The view of offset (a, b), ``(N, rows, cols, ...)``, holds pixel (a, b) of every patch.
    """
    step = grid.stride
    height, width = (grid.rows - 1) * step + 1, (grid.cols - 1) * step + 1
    return [
        padded[:, a : a + height : step, b : b + width : step]
        for a in range(grid.size)
        for b in range(grid.size)
    ]


def sum_blocks(blocks: Tensor) -> Tensor:
    """Sum ``(N, H, W, s, s, C)`` over the s x s blocks: ``(N, H, W, C)``.

    Adding slices keeps the channels contiguous; ``sum((3, 4))`` is several times slower on the CPU.
    """
    return functools.reduce(torch.add, blocks.flatten(3, 4).unbind(3))
