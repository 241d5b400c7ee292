"""The toolbox's operators in operators that other runtimes have.

Inside `PlainForms` a network is traced as it is, with these forms in the place of `ops`' operators.
They are for one picture of any height and width; none has a loop whose length depends on the size.
That costs memory, see `search`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..ops import (
    edge_labels,
    fold,
    keys,
    nearest,
    overlap,
    patch_attention,
    precision,
    resize,
    statistics,
)
from ..ops import weighted_sum as weighted
from . import attention, bicubic, patches, search
from .errors import ExportError


class PlainForms(TorchFunctionMode):
    """Puts the operators' forms in their place."""

    def __init__(self) -> None:
        super().__init__()
        self._forms = forms()

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return self._forms.get(func, func)(*args, **(kwargs or {}))


def forms() -> dict[Callable, Callable[..., Any]]:
    """Each operator's form, which takes the same arguments; one of torch's is among them."""
    return {
        nearest.nearest: search.nearest,
        resize.downsample_operator: bicubic.shrink,
        resize.imresize_operator: bicubic.imresize,
        resize.imresize_uint8_operator: bicubic.imresize_uint8,
        keys.key_rows_operator: _key_rows,
        statistics.patch_statistics_operator: _patch_statistics,
        fold.fold_neighbors: _fold_neighbors,
        edge_labels.edge_label_operator: _edge_label,
        overlap.fold_constant_operator: _fold_constant,
        weighted.weighted_sum_operator: _weighted_sum,
        precision.exact_conv2d: torch.conv2d,
        patch_attention.attend_patches_operator: attention.attend,
        F.adaptive_max_pool2d: _adaptive_max_pool,
    }


def _key_rows(features: Tensor, key_grid: Sequence[int], scale: int) -> Tensor:
    height, width = key_grid[:2]
    cut = features.narrow(2, 0, height * scale).narrow(3, 0, width * scale)
    blocks = torch.pixel_unshuffle(cut, scale).unflatten(1, (-1, scale, scale))
    padded = torch.constant_pad_nd(blocks.flatten(1, 3), (0, 1, 0, 1))
    reached = (2 * (length // patches.STRIDE) + 1 for length in (height, width))
    for axis, length in zip((2, 3), reached, strict=True):
        padded = padded.narrow(axis, 0, length)
    return padded.unflatten(1, (-1, scale, scale)).permute(0, 4, 5, 2, 3, 1)


def _as_channels(blocks: Tensor) -> Tensor:
    """``(1, H, W, s, s, C)`` to ``(1, C * s * s, H, W)``."""
    return blocks.permute(0, 5, 3, 4, 1, 2).flatten(1, 3)


def _patch_statistics(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    patches.check_patches(size, stride)
    height, width = (length // patches.STRIDE for length in blocks.shape[1:3])
    columns = patches.unfold(_as_channels(blocks.float()))  # (C * s * s, 9, n)
    columns = columns.unflatten(0, (blocks.shape[-1], -1)).flatten(1, 2)
    mean, std = (
        part[:, 0].unflatten(1, (height, width)).permute(1, 2, 0)[None]
        for part in patches.deviation(columns)
    )
    return mean, std


def _fold_neighbors(
    keys: Tensor,
    index: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    std: Tensor | None,
    grid: Sequence[int],
    key_grid: Sequence[int],
    region: Sequence[int],
) -> Tensor:
    s, size = keys.shape[4], patches.SIZE
    rows, cols = (length // patches.STRIDE for length in grid[:2])
    pixels = keys.flatten(1, 2)[0]
    maps = []
    for chosen in index[0].flatten(1).unbind(0):
        place = patches.pixels_of(chosen, key_grid[1] // patches.STRIDE, keys.shape[2])
        neighbor = pixels.index_select(0, place).unflatten(
            0, (-1, size, size)
        )  # m, dy, dx, a, b, C
        if scale is not None and shift is not None and mean is not None and std is not None:
            spread = std[0].flatten(0, 1)
            gain = scale[chosen] * spread
            offset = mean[0].flatten(0, 1) - shift[chosen] * spread
            neighbor = neighbor * _per_patch(gain) + _per_patch(offset)
        columns = neighbor.permute(5, 1, 3, 2, 4, 0).flatten(1, 4)
        maps.append(patches.fold(columns, rows, cols, (grid[0], grid[1]), s))
    folded = torch.stack(maps, 1).unflatten(4, (-1, s)).unflatten(3, (-1, s)).movedim(2, -1)
    top, left, height, width = region
    return folded.narrow(2, top, height).narrow(4, left, width)


def _per_patch(values: Tensor) -> Tensor:
    return values[:, None, None, None, None]


def _edge_label(queries: Tensor, keys: Tensor, index: Tensor, size: int, stride: int) -> Tensor:
    patches.check_patches(size, stride)
    query = patches.unfold(queries).permute(2, 1, 0)  # (m, 9, D)
    pixels = F.pad(keys, (0, 1, 0, 1))[0].permute(1, 2, 0).flatten(0, 1)
    width = keys.shape[3]
    labels = []
    for chosen in index[0].flatten(1).unbind(0):
        place = patches.pixels_of(chosen, width // stride, width + 1)
        neighbor = pixels.index_select(0, place).unflatten(0, (-1, size**2))
        labels.append((query - neighbor).abs().sum(1))
    rows, cols = (length // stride for length in queries.shape[2:])
    return torch.stack(labels).unflatten(1, (rows, cols))[None]


def _fold_constant(values: Tensor, grid: Sequence[int]) -> Tensor:
    rows, cols, channels = values.shape[-3:]
    lead = values.shape[:-3]
    columns = values.flatten(0, -4).movedim(-1, 1).flatten(2).flatten(0, 1)[:, None]
    columns = columns.expand(-1, patches.SIZE**2, -1)
    folded = patches.fold(columns, rows, cols, (grid[0], grid[1]))[0]
    return folded.unflatten(0, (*lead, channels)).movedim(len(lead), -1)


def _weighted_sum(maps: Tensor, weights: Tensor) -> Tensor:
    height, width = weights.shape[2:]
    blocks = maps.unflatten(4, (width, -1)).unflatten(3, (height, -1))
    total = (blocks * weights[:, :, None, :, None, :, None]).sum(1)
    return total.flatten(4, 5).flatten(2, 3)


def _adaptive_max_pool(x: Tensor, size: Sequence[int], return_indices: bool = False) -> Tensor:
    """Cells of as many pixels as the largest has; those beyond a cell's last one repeat it."""
    if return_indices:
        raise ExportError("the places of a pool's largest values have no form in ONNX")
    for dim, count in zip((-2, -1), size, strict=True):
        length = x.shape[dim]
        number = torch.arange(count)[:, None]
        first = number * length // count
        last = ((number + 1) * length + count - 1) // count - 1
        place = torch.minimum(first + torch.arange(length // count + 2), last)
        x = x.index_select(dim, place.flatten()).unflatten(dim, (count, length // count + 2))
        x = x.amax(dim)
    return x
