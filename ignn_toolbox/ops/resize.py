"""Bicubic resizing with the numbers of MATLAB's ``imresize``.

Super-resolution data sets are made with MATLAB's antialiased bicubic, and IGNN's key image is the
same function in floating point, so its borders, output size and order of passes are kept exactly.
The kernel is Keys' cubic convolution with a = -0.5 (Keys, 1981); when shrinking it is stretched by
1 / scale. Both functions are separable: a weighted sum of a few shifted copies along each axis.
Every output value is the same sequence of elementwise operations whatever the size of the batch or
of the picture, so results do not depend on either, nor on the number of threads.
"""

import math

import torch
from torch import Tensor

from .tracing import is_traced

BORDERS = ("symmetric", "replicate")
BLOCK = 2**17  # values of the output made at a time, so that temporaries stay in the cache


def imresize(
    x: Tensor,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    border: str = "symmetric",
) -> Tensor:
    """Resize floating-point images as MATLAB's ``imresize(x, scale, 'bicubic')`` does.

    Args:
        x: Images ``(..., H, W)``, floating point, any range; half precision is computed (and
            returned) in float32, also under autocast. Differentiable.
        scale: Output size over input size; the output is ``ceil(scale * size)`` as in MATLAB.
        size: Output ``(height, width)``; give this or ``scale``.
        border: ``'symmetric'`` mirrors the picture at its edge (current MATLAB), ``'replicate'``
            repeats the outermost pixel (releases before 2011; the LR files of SelfExSR and RCAN).

    Returns:
        Images ``(..., h, w)``, neither rounded nor clipped: values may overshoot the input's range.

    Raises:
        TypeError: ``x`` is not floating point.
        ValueError: Neither or both of ``scale`` and ``size`` are given, one of them is not
            positive, ``border`` is unknown, or ``x`` has no pixels.
    """
    if not x.is_floating_point():
        raise TypeError(f"imresize needs floating-point images, got {x.dtype}; use imresize_uint8")
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    if is_traced(x) and not x.requires_grad and size is None and scale is not None:
        return imresize_operator(x, scale, border)
    for dim, length, factor in _passes(x, scale, size):
        x = _resize_axis(x, dim, length, factor, border)
    return x


@torch.library.custom_op("ignn_toolbox::imresize", mutates_args=())
def imresize_operator(x: Tensor, scale: float, border: str) -> Tensor:
    """`imresize` without gradient, in one piece for the compiler, which is slow at taking it in."""
    for dim, length, factor in _passes(x, scale, None):
        x = _resize_axis(x, dim, length, factor, border)
    return x.contiguous()


@imresize_operator.register_fake
def _(x, scale, border):  # type: ignore[no-untyped-def]
    height, width = (math.ceil(scale * length) for length in x.shape[-2:])
    return x.new_empty((*x.shape[:-2], height, width))


def imresize_uint8(
    x: Tensor,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    border: str = "symmetric",
) -> Tensor:
    """Resize 8-bit images bit for bit as MATLAB's ``imresize`` resizes ``uint8`` arrays.

    MATLAB stores the result of the first pass as uint8 again, so both passes round half up and
    clip to 0..255. A resize in floating point rounded once differs in one byte of eight.

    Args:
        x: Images ``(..., H, W)``, uint8.
        scale: As in :func:`imresize`.
        size: As in :func:`imresize`.
        border: As in :func:`imresize`.

    Returns:
        Images ``(..., h, w)``, uint8.

    Raises:
        TypeError: ``x`` is not uint8.
        ValueError: As in :func:`imresize`.
    """
    if x.dtype != torch.uint8:
        raise TypeError(f"imresize_uint8 needs uint8 images, got {x.dtype}; use imresize")
    for dim, length, factor in _passes(x, scale, size):
        resized = _resize_axis(x.double(), dim, length, factor, border)
        x = resized.add_(0.5).floor_().clamp_(0, 255).to(torch.uint8)
    return x


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5, zero outside [-2, 2]."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def _passes(
    x: Tensor, scale: float | None, size: tuple[int, int] | None
) -> list[tuple[int, int, float]]:
    """Lists (axis, output length, scale factor) in MATLAB's order.

    The axis with the smaller factor comes first, the vertical one when they are equal.
    """
    if (scale is None) == (size is None):
        raise ValueError(f"give either scale or size, got scale={scale} and size={size}")
    if x.dim() < 2 or not x.numel():
        shape = tuple(x.shape)
        raise ValueError(f"images (..., H, W) with at least one pixel are needed, got {shape}")
    if scale is not None:
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive, got {scale}")
        passes = [(dim, math.ceil(scale * x.shape[dim]), float(scale)) for dim in (-2, -1)]
    else:
        assert size is not None
        if min(size) < 1:
            raise ValueError(f"size must be at least 1x1, got {size}")
        passes = [(dim, size[dim], size[dim] / x.shape[dim]) for dim in (-2, -1)]
    return sorted(passes, key=lambda item: item[2])


def _resize_axis(x: Tensor, dim: int, length: int, scale: float, border: str) -> Tensor:
    if dim == -1:  # whole rows are gathered several times faster than single values
        return _resize_axis(x.transpose(-1, -2), -2, length, scale, border).transpose(-1, -2)
    weights, index = _taps(x.shape[-2], length, scale, border)
    weights = weights.to(x.device, x.dtype).unsqueeze(-1)
    index = index.to(x.device)
    x = x.contiguous()
    if is_traced(x):  # blocks would tie the program to one size
        return _weighted_rows(x, weights, index)
    rows = max(1, BLOCK * x.shape[-2] // x.numel())
    blocks = zip(weights.split(rows, 1), index.split(rows, 1), strict=True)
    return torch.cat([_weighted_rows(x, *block) for block in blocks], -2)


def _weighted_rows(x: Tensor, weights: Tensor, index: Tensor) -> Tensor:
    out = x.index_select(-2, index[0]).mul_(weights[0])
    for weight, source in zip(weights[1:], index[1:], strict=True):
        out.add_(x.index_select(-2, source).mul_(weight))
    return out


def _taps(in_length: int, out_length: int, scale: float, border: str) -> tuple[Tensor, Tensor]:
    """Weights (float64) and source positions of every output position, both (taps, out_length)."""
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    stretch = min(scale, 1.0)
    support = 4 / stretch
    position = torch.arange(out_length, dtype=torch.float64)
    centre = (position + 0.5) / scale - 0.5
    first = torch.floor(centre - support / 2)
    source = first + torch.arange(math.ceil(support) + 2, dtype=torch.float64).unsqueeze(1)
    weights = cubic((centre - source) * stretch)
    weights = weights / weights.sum(0)
    source = source.long()
    if not is_traced(weights):  # a compiled program keeps taps of weight zero
        used = (weights != 0).any(1)
        weights, source = weights[used], source[used]
    if border == "replicate":
        return weights, source.clamp(0, in_length - 1)
    source = source.remainder(2 * in_length)
    return weights, torch.where(source < in_length, source, 2 * in_length - 1 - source)
