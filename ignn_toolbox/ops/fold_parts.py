"""What the patches of folded maps are made from, on whatever device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .gather import first_pixels, image_offsets, lines_of
from .overlap import reciprocal_counts
from .patches import PatchGrid, Region, pixel_runs


@dataclass(frozen=True)
class Patches:
    """The patches that a region of the folded maps is made from, N images and r neighbours each.

    Attributes:
        keys: ``(N, H', W', s, s, C)``, see `keys.key_rows`.
        position: ``(N, r, rows, cols)`` first pixel of every query's neighbour in ``keys``.
        number: The same shape: its number, counted over the whole batch.
        scale: ``(N * n, C)`` reciprocal deviation of every key patch, ``None`` without AdaPN.
        shift: ``(N * n, C)`` mean times reciprocal deviation.
        mean: ``(N, rows, cols, C)`` of the query patches.
        std: The same shape.
        grid: The query grid.
        key_grid: The key grid.
        region: Part of the map that is made.
        box: Rows and columns of the queries that touch it; all tensors above hold only these.
    """

    keys: Tensor
    position: Tensor
    number: Tensor
    scale: Tensor | None
    shift: Tensor | None
    mean: Tensor | None
    std: Tensor | None
    grid: PatchGrid
    key_grid: PatchGrid
    region: Region
    box: tuple[slice, slice]

    @classmethod
    def of(
        cls,
        keys: Tensor,
        index: Tensor,
        scale: Tensor | None,
        shift: Tensor | None,
        mean: Tensor | None,
        std: Tensor | None,
        grid: Sequence[int],
        key_grid: Sequence[int],
        region: Sequence[int],
    ) -> Patches:
        """From an operator's arguments."""
        queries, searched, place = PatchGrid(*grid), PatchGrid(*key_grid), Region(*region)
        box = place.queries(queries)
        index = index[:, :, box[0], box[1]]
        return cls(
            keys.contiguous(),
            first_pixels(index, searched),
            index + image_offsets(index, searched.rows * searched.cols),
            scale,
            shift,
            None if mean is None else mean[:, box[0], box[1]],
            None if std is None else std[:, box[0], box[1]],
            queries,
            searched,
            place,
            box,
        )

    def affine(self) -> tuple[Tensor | None, Tensor | None]:
        """AdaPN as gain and offset of every patch and channel, ``(N, r, rows, cols, C)``."""
        if self.scale is None or self.shift is None or self.mean is None or self.std is None:
            return None, None
        chosen, shape = self.number.flatten(), (*self.number.shape, -1)
        std, mean = self.std[:, None], self.mean[:, None]
        gain = self.scale.index_select(0, chosen).view(shape).mul_(std)
        offset = self.shift.index_select(0, chosen).view(shape)
        torch.addcmul(mean, offset, std, value=-1, out=offset)
        return gain.to(self.keys.dtype), offset.to(self.keys.dtype)

    def affine_backward(self, grad_gain: Tensor, grad_offset: Tensor) -> tuple[Tensor, ...]:
        """Way back through `affine`: gradients of scale, shift, and mean and std in the box."""
        assert self.scale is not None and self.shift is not None and self.std is not None
        wide = self.std.dtype
        grad_gain, grad_offset = grad_gain.to(wide), grad_offset.to(wide)
        chosen, std = self.number.flatten(), self.std[:, None]
        grad_scale, grad_shift = torch.zeros_like(self.scale), torch.zeros_like(self.shift)
        grad_scale.index_add_(0, chosen, (grad_gain * std).flatten(0, 3))
        grad_shift.index_add_(0, chosen, (grad_offset * std).flatten(0, 3), alpha=-1)
        slope = self.scale.index_select(0, chosen).view_as(grad_gain).mul_(grad_gain)
        level = self.shift.index_select(0, chosen).view_as(grad_gain)
        grad_std = slope.addcmul_(level, grad_offset, value=-1).sum(1)
        return grad_scale, grad_shift, grad_offset.sum(1), grad_std

    @property
    def margin(self) -> tuple[int, int]:
        """Rows and columns of the first query patches that lie before the region."""
        stride = self.grid.stride
        return (
            self.region.top - self.box[0].start * stride,
            self.region.left - self.box[1].start * stride,
        )

    def weights(self, like: Tensor) -> Tensor:
        """One over how many patches cover each pixel of the region, ``(h, 1, w, 1, 1)``."""
        place = self.region
        rows = slice(place.top, place.top + place.height)
        cols = slice(place.left, place.left + place.width)
        return reciprocal_counts(self.grid, like)[rows, cols][:, None, :, None]

    def gather(self) -> Tensor:
        """All neighbours' patches, ``(N, r, rows, cols, size, size, s, s, C)``."""
        lines = lines_of(self.position, self.key_grid)
        size, block = self.grid.size, self.keys.shape[3:]
        runs = pixel_runs(self.keys, size)
        return runs.index_select(0, lines.flatten()).view(*lines.shape, size, *block)


def patch_windows(parts: Patches, grad: Tensor) -> Tensor:
    """Gradient of every patch's pixels: a view ``(N, r, rows, a, cols, b, dy, dx, C)``.

    Its pixels overlap: pixel (a, b) of one patch is another's.
    """
    n, ranks, height, s, width, _, c = grad.shape
    size, stride = parts.grid.size, parts.grid.stride
    rows, cols = (side.stop - side.start for side in parts.box)
    top, left = parts.margin
    reached = [(count - 1) * stride + size for count in (rows, cols)]
    shared = grad.new_zeros(n, ranks, reached[0], s, reached[1], s, c)
    inside = shared[:, :, top : top + height, :, left : left + width]
    torch.mul(grad, parts.weights(grad), out=inside)
    pixel = s * c
    line = reached[1] * pixel
    return shared.as_strided(
        (n, ranks, rows, size, cols, size, s, s, c),
        (
            ranks * reached[0] * s * line,
            reached[0] * s * line,
            stride * s * line,
            s * line,
            stride * pixel,
            pixel,
            line,
            c,
            1,
        ),
    )


def whole_grid(parts: Patches, grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Complete gradients of mean and std, known in the box, with zeros to all queries."""
    grid, (rows, cols) = parts.grid, parts.box
    if parts.std is None or tuple(parts.std.shape[1:3]) == (grid.rows, grid.cols):
        return grads
    wholes = []
    for part in grads[2:]:
        whole = part.new_zeros(part.shape[0], grid.rows, grid.cols, part.shape[-1])
        whole[:, rows, cols] = part
        wholes.append(whole)
    return *grads[:2], *wholes
