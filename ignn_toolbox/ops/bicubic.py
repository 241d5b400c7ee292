"""torch's bicubic resizing, band by band and by either of its two rules of where to sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_A = -0.75  # the kernel's only parameter, torch's


def resize_rows(
    x: Tensor, size: tuple[int, int], steps: tuple[float, float], rows: slice, device: torch.device
) -> Tensor:
    """Rows of ``F.interpolate(x, mode="bicubic")``, without smoothing, borders repeated.

    Args:
        x: ``(N, C, H, W)``, of which only what the rows need is read.
        size: Height and width of the whole result.
        steps: Pixels of ``x`` per pixel of the result, along height and width. Pixel i is sampled
            at ``(i + 0.5) * step - 0.5``.
        rows: Of the result.
        device: Where to compute.

    Returns:
        ``(N, C, rows, size[1])``.
    """
    height, width = x.shape[-2:]
    first = max(0, math.floor((rows.start + 0.5) * steps[0] - 0.5) - 1)
    last = min(height, math.floor((rows.stop - 0.5) * steps[0] - 0.5) + 3)
    own = x[:, :, min(first, height - 1) : max(last, 1)].to(device)
    own = _along(own, 3, slice(0, size[1]), steps[1], width, 0)
    return _along(own, 2, rows, steps[0], height, min(first, height - 1))


def _along(x: Tensor, dim: int, wanted: slice, step: float, length: int, first: int) -> Tensor:
    """Resize one side of ``length`` pixels, of which ``x`` holds those from ``first`` on."""
    place = torch.arange(wanted.start, wanted.stop, device=x.device, dtype=torch.float64)
    place = (place + 0.5) * step - 0.5
    start = place.floor()
    shape = [1] * x.ndim
    shape[dim] = -1
    total = None
    for tap, weight in enumerate(_weights(place - start)):
        index = (start.long() + (tap - 1)).clamp(0, length - 1) - first
        index = index.clamp(0, x.shape[dim] - 1)
        part = x.index_select(dim, index) * weight.to(x.dtype).view(shape)
        total = part if total is None else total + part
    assert total is not None
    return total


def _weights(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the four pixels around a place, t in [0, 1) behind the second."""

    def near(d: Tensor) -> Tensor:
        return ((_A + 2) * d - (_A + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((_A * d - 5 * _A) * d + 8 * _A) * d - 4 * _A

    return far(t + 1), near(t), near(1 - t), far(2 - t)
