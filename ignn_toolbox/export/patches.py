"""Patches of a map of any size by unfold and fold: 3x3 with stride 2, as everywhere in `models`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.statistics import EPSILON
from .errors import ExportError

SIZE, STRIDE = 3, 2


def check_patches(size: int, stride: int) -> None:
    """Refuse patches that have no form here.

    Raises:
        ExportError: They are not 3x3 with stride 2, the only ones that a model of the papers has.
    """
    if (size, stride) != (SIZE, STRIDE):
        raise ExportError(
            f"its patches of side {size}, {stride} apart, have no form in ONNX, which only those "
            f"of side {SIZE}, {STRIDE} apart, have"
        )


def unfold(features: Tensor, block: int = 1) -> Tensor:
    """All patches of a map, ``(1, C, b * H, b * W) -> (C, (3b)^2, rows * cols)``.

    Args:
        features: The map; a patch that reaches over its lower or right border is filled with zeros.
        block: Side b of what counts as one pixel.
    """
    padded = F.pad(features, (0, block, 0, block))
    columns = F.unfold(padded, SIZE * block, stride=STRIDE * block)
    return columns[0].unflatten(0, (features.shape[1], (SIZE * block) ** 2))


def pixels_of(index: Tensor, cols: int, width: int) -> Tensor:
    """Row-major places of the 9 pixels of each patch, ``(m,) -> (9 * m,)``.

    Args:
        index: Row-major numbers of patches.
        cols: Patches from left to right.
        width: Of the map.
    """
    row = torch.div(index, cols, rounding_mode="floor")
    first = (row * width + index - row * cols) * STRIDE
    inside = torch.arange(SIZE)[:, None] * width + torch.arange(SIZE)
    return (first[:, None] + inside.flatten()).flatten()


def fold(patches: Tensor, rows: int, cols: int, size: tuple[int, int], block: int = 1) -> Tensor:
    """Overlap mean of patches, ``(C, (3b)^2, rows * cols) -> (1, C, b * H, b * W)``.

    Args:
        patches: As from `unfold`.
        rows: Rows of patches.
        cols: Columns of patches.
        size: H and W.
        block: Side b of what counts as one pixel.
    """
    reached = tuple(block * (STRIDE * count + 1) for count in (rows, cols))
    kernel, stride = SIZE * block, STRIDE * block

    def total(values: Tensor) -> Tensor:
        columns = values.flatten(0, 1)[None]
        summed = F.fold(columns, reached, kernel, stride=stride)  # type: ignore[arg-type]
        return summed.narrow(2, 0, block * size[0]).narrow(3, 0, block * size[1])

    return total(patches) / total(torch.ones_like(patches[:1]))


def deviation(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the second axis of ``(C, p, n)``, both ``(C, 1, n)``."""
    mean = patches.mean(1, keepdim=True)
    variance = (patches - mean).square().sum(1, keepdim=True) / (patches.shape[1] - 1)
    return mean, (variance + EPSILON).sqrt()
