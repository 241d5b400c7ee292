"""Forms of bicubic resizing: along each axis a weighted sum of shifted copies."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from .errors import ExportError


def imresize(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    """The form of the operator `imresize`.

    Raises:
        ExportError: It does not enlarge by a whole number: any other factor takes other weights at
            every place, whose number a file for pictures of any size cannot know.
    """
    return enlarge(x, _whole(scale), border)


def imresize_uint8(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    """The form of the operator `imresize_uint8`; see `imresize`."""

    def rounded(values: Tensor) -> Tensor:
        return (values + 0.5).floor().clamp(0, 255)

    return enlarge(x.double(), _whole(scale), border, rounded).to(torch.uint8)


def _whole(scale: float | None) -> int:
    if scale is None or scale != int(scale):
        raise ExportError(
            f"its bicubic resizing by {scale or 'a size'} has no form in ONNX: only whole factors "
            "have"
        )
    return int(scale)


def cubic(x: float) -> float:
    """`ops.resize.cubic` of a number, which can be taken while a network is traced."""
    x = abs(x)
    if x <= 1:
        return (1.5 * x - 2.5) * x**2 + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x <= 2 else 0.0


def _normalised(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def enlarge(
    image: Tensor, scale: int, border: str, settle: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """`ops.imresize` by ``scale`` of ``(1, C, H, W)``.

    The same sums in the same order: each of ``scale`` phases is a weighted sum of shifted copies.

    Args:
        image: The image.
        scale: How many times larger it becomes.
        border: ``'symmetric'`` or ``'replicate'``.
        settle: What is done with the result of either axis.
    """
    phases = [(phase + 0.5) / scale - 0.5 for phase in range(scale)]
    weights = [_normalised([cubic(tap - phase) for tap in range(-2, 3)]) for phase in phases]
    for axis in (2, 3):
        length = image.shape[axis]
        edge = 2 if border == "symmetric" else 1
        before, after = image.narrow(axis, 0, edge), image.narrow(axis, -edge, edge)
        ends = [
            part.flip(axis) if edge == 2 else torch.cat((part, part), axis)
            for part in (before, after)
        ]
        padded = torch.cat((ends[0], image, ends[1]), axis)
        parts = [
            functools.reduce(
                torch.add,
                [padded.narrow(axis, tap, length) * w for tap, w in enumerate(own) if w],
            )
            for own in weights
        ]
        image = torch.stack(parts, axis + 1).flatten(axis, axis + 1)
        image = image if settle is None else settle(image)
    return image


def shrink(image: Tensor, scale: int) -> Tensor:
    """`ops.imresize` by ``1 / scale`` of ``(1, C, H, W)``, cut to a multiple of ``scale``.

    The same sums in the same order: along each axis a weighted sum of shifted copies.

    Args:
        image: The image.
        scale: How many times smaller it becomes.
    """
    taps = range(-2 * scale, 3 * scale)
    weights = _normalised([cubic((tap - 0.5 * (scale - 1)) / scale) for tap in taps])
    for axis in (2, 3):
        length, border = image.shape[axis] // scale, 2 * scale
        image = image.narrow(axis, 0, length * scale)
        before, after = image.narrow(axis, 0, border), image.narrow(axis, -border, border)
        padded = torch.cat((before.flip(axis), image, after.flip(axis)), axis)
        first = torch.arange(length) * scale
        parts = [
            padded.index_select(axis, first + number) * weight
            for number, weight in enumerate(weights)
            if weight
        ]
        image = functools.reduce(torch.add, parts)
    return image
