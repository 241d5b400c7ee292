"""Bicubic resizing with the numbers of MATLAB's ``imresize``.

Super-resolution data sets are made with MATLAB's antialiased bicubic, and IGNN's key image is the
same function in floating point, so its borders, output size and order of passes are kept exactly.
The kernel is Keys' cubic convolution with a = -0.5 (Keys, 1981); when shrinking it is stretched by
1 / scale. Both functions are separable: a weighted sum of a few shifted copies along each axis.
Every output value is the same sequence of elementwise operations whatever the size of the batch or
of the picture, so results do not depend on either, nor on the number of threads.
"""

import math
from typing import Any

import torch
from torch import Tensor

from .geometry import constants
from .operators import define, implement

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
    height, width = _output_size(x, scale, size, border)
    return imresize_operator(x, height, width, scale, border)


def downsample(x: Tensor, scale: int) -> Tensor:
    """`imresize` by ``1 / scale`` of images cut to a multiple of ``scale``; without gradient.

    Args:
        x: Images ``(..., H, W)``, floating point.
        scale: How many times smaller they become.

    Returns:
        Images ``(..., H // scale, W // scale)``, at least float32.
    """
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    return downsample_operator(x, scale)


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
        scale: As in `imresize`.
        size: As in `imresize`.
        border: As in `imresize`.

    Returns:
        Images ``(..., h, w)``, uint8.

    Raises:
        TypeError: ``x`` is not uint8.
        ValueError: As in `imresize`.
    """
    if x.dtype != torch.uint8:
        raise TypeError(f"imresize_uint8 needs uint8 images, got {x.dtype}; use imresize")
    height, width = _output_size(x, scale, size, border)
    return imresize_uint8_operator(x, height, width, scale, border)


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5, zero outside [-2, 2]."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def _output_size(
    x: Tensor, scale: float | None, size: tuple[int, int] | None, border: str
) -> tuple[int, int]:
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    if x.dim() < 2:
        raise ValueError(f"images (..., H, W) are needed, got {tuple(x.shape)}")
    if scale is not None and size is None:
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive, got {scale}")
        return math.ceil(scale * x.shape[-2]), math.ceil(scale * x.shape[-1])
    if size is None or scale is not None:
        raise ValueError(f"give either scale or size, got scale={scale} and size={size}")
    return size


def _passes(
    shape: torch.Size, height: int, width: int, scale: float | None
) -> list[tuple[int, int, float]]:
    """List (axis, output length, scale factor) in MATLAB's order.

    The axis with the smaller factor comes first, the vertical one when they are equal.
    """
    if not shape.numel():
        raise ValueError(f"images with at least one pixel are needed, got {tuple(shape)}")
    if min(height, width) < 1:
        raise ValueError(f"size must be at least 1x1, got {(height, width)}")
    passes = [
        (dim, length, float(scale or length / shape[dim]))
        for dim, length in ((-2, height), (-1, width))
    ]
    return sorted(passes, key=lambda item: item[2])


def _resize_axis(x: Tensor, dim: int, length: int, scale: float, border: str) -> Tensor:
    """One axis, a few rows at a time, each the same sum whatever the picture's size."""
    weights, index = constants(_taps, x.device, x.shape[dim], length, scale, border, x.dtype)
    if dim == -1:  # whole rows are gathered several times faster than single values
        return _resize_rows(x.mT, weights, index).mT
    return _resize_rows(x, weights, index)


def _resize_rows(x: Tensor, weights: Tensor, index: Tensor) -> Tensor:
    """``(..., H, W)`` to ``(..., h, W)``, a block of rows at a time."""
    x = x.contiguous()
    rows = max(1, BLOCK * x.shape[-2] // x.numel())
    blocks = zip(weights.split(rows, 1), index.split(rows, 1), strict=True)
    return torch.cat([_weighted_rows(x, *block) for block in blocks], -2)


def _weighted_rows(x: Tensor, weights: Tensor, index: Tensor) -> Tensor:
    weights = weights[..., None]
    out = x.index_select(-2, index[0]).mul_(weights[0])
    for weight, source in zip(weights[1:], index[1:], strict=True):
        out.add_(x.index_select(-2, source).mul_(weight))
    return out


def _taps(
    in_length: int, out_length: int, scale: float, border: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Weights and source positions of every output position, both (taps, out_length)."""
    stretch = min(scale, 1.0)
    support = 4 / stretch
    position = torch.arange(out_length, dtype=torch.float64)
    centre = (position + 0.5) / scale - 0.5
    first = torch.floor(centre - support / 2)
    source = first + torch.arange(math.ceil(support) + 2, dtype=torch.float64).unsqueeze(1)
    weights = cubic((centre - source) * stretch)
    weights = weights / weights.sum(0)
    used = (weights != 0).any(1)
    weights, source = weights[used].to(dtype), source[used].long()
    if border == "replicate":
        return weights, source.clamp(0, in_length - 1)
    source = source.remainder(2 * in_length)
    return weights, torch.where(source < in_length, source, 2 * in_length - 1 - source)


def _kernel(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    """Each axis in one sum over its taps: on an accelerator a launch costs more than the memory."""
    for dim, length, factor in _passes(x.shape, height, width, scale):
        weights, index = constants(_taps, x.device, x.shape[dim], length, factor, border, x.dtype)
        parts = x.index_select(dim, index.flatten()).unflatten(dim, index.shape)
        x = parts.mul_(weights if dim == -1 else weights[..., None]).sum(dim - 1)
    return x


def _kernel_cpu(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    for axis in _passes(x.shape, height, width, scale):
        x = _resize_axis(x, *axis, border)
    return x.contiguous()


def _kernel_uint8(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    for axis in _passes(x.shape, height, width, scale):
        resized = _resize_axis(x.double(), *axis, border)
        x = resized.add_(0.5).floor_().clamp_(0, 255).to(torch.uint8)
    return x.contiguous()


def _kernel_backward(
    grad: Tensor, height: int, width: int, scale: float | None, border: str
) -> Tensor:
    """Each output value's gradient, given back to the values it was made of."""
    shape = torch.Size((*grad.shape[:-2], height, width))
    for dim, length, factor in reversed(_passes(shape, grad.shape[-2], grad.shape[-1], scale)):
        weights, index = constants(
            _taps, grad.device, shape[dim], length, factor, border, grad.dtype
        )
        whole = list(grad.shape)
        whole[dim] = shape[dim]
        parts = grad.unsqueeze(dim - 1) * (weights if dim == -1 else weights[..., None])
        whole_grad = grad.new_zeros(whole)
        grad = whole_grad.index_add_(dim, index.flatten(), parts.flatten(dim - 1, dim))
    return grad


def _downsample(x: Tensor, scale: int) -> Tensor:
    height, width = (length // scale for length in x.shape[-2:])
    cut = x[..., : height * scale, : width * scale]
    return imresize_operator(cut, height, width, 1 / scale, "symmetric")


def _downsample_fake(x: Tensor, scale: int) -> Tensor:
    return x.new_empty((*x.shape[:-2], x.shape[-2] // scale, x.shape[-1] // scale))


def _fake(x: Tensor, height: int, width: int, scale: float | None, border: str) -> Tensor:
    return x.new_empty((*x.shape[:-2], height, width))


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, _, _, *ctx.options = inputs
    ctx.size = x.shape[-2:]


def _backward(ctx: Any, grad: Tensor) -> tuple:
    return _operator_backward(grad, *ctx.size, *ctx.options), None, None, None, None


_operator_backward = define(
    "imresize_backward(Tensor grad, SymInt height, SymInt width, float? scale, str border) "
    "-> Tensor",
    _kernel_backward,
    _fake,
)
imresize_operator = define(
    "imresize(Tensor x, SymInt height, SymInt width, float? scale, str border) -> Tensor",
    _kernel,
    _fake,
    _backward,
    _save,
)
implement(imresize_operator, _kernel_cpu, "CPU")
imresize_uint8_operator = define(
    "imresize_uint8(Tensor x, SymInt height, SymInt width, float? scale, str border) -> Tensor",
    _kernel_uint8,
    _fake,
)
downsample_operator = define(
    "downsample(Tensor x, int scale) -> Tensor", _downsample, _downsample_fake
)
