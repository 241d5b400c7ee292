"""Mean and deviation of patches, for AdaPN (paper equation 3)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .operators import define, implement
from .overlap import spread
from .patches import PatchGrid, count_patches, pad_to_grid, patch_slices, sum_blocks

EPSILON = 1e-5  # added to the variance, inside the root


def patch_statistics(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every patch and channel; differentiable.

    The variance is unbiased and never a difference of large numbers.

    Args:
        blocks: ``(N, H, W, s, s, C)``; a patch's pixel is an s x s block.
        size: Patch size in pixels.
        stride: Patch stride in pixels.

    Returns:
        ``mean`` and ``sqrt(variance + EPSILON)``, each ``(N, rows, cols, C)``; float32 for half
        precision input.
    """
    mean, std = patch_statistics_operator(blocks, size, stride)
    return mean, std


def query_statistics(features: Tensor, grid: PatchGrid) -> tuple[Tensor, Tensor]:
    """`patch_statistics` of the patches of a ``(N, C, H, W)`` map."""
    rows = features.permute(0, 2, 3, 1)[:, :, :, None, None]
    return patch_statistics(rows, grid.size, grid.stride)


def _kernel(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    blocks, grid = _padded(blocks, size, stride)
    n, height, width, s, _, c = blocks.shape
    pixel = s * s * c
    line = width * pixel
    patches = blocks.contiguous().as_strided(
        (n, grid.rows, grid.cols, size, size * s * s, c),
        (height * line, stride * line, stride * pixel, line, c, 1),
    )
    variance, mean = torch.var_mean(patches, dim=(3, 4))
    return mean, (variance + EPSILON).sqrt_()


def _kernel_cpu(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    """Merge patches from blocks: sums of slices, along which the CPU is fast."""
    blocks, grid = _padded(blocks, size, stride)
    area = blocks.shape[3] * blocks.shape[4]
    count = area * size**2
    block_mean = sum_blocks(blocks) / area
    means = patch_slices(block_mean, grid)
    mean = _total(means) / size**2
    deviation = _total((part - mean).square_() for part in means) * area
    if area > 1:
        within = sum_blocks((blocks - block_mean[:, :, :, None, None]).square_())
        deviation += _total(patch_slices(within, grid))
    return mean, (deviation / (count - 1) + EPSILON).sqrt_()


def _total(parts: Iterable[Tensor]) -> Tensor:
    return functools.reduce(torch.add, parts)


def _padded(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, PatchGrid]:
    grid = PatchGrid(blocks.shape[1], blocks.shape[2], size, stride)
    if blocks.element_size() < 4:
        blocks = blocks.float()
    return pad_to_grid(blocks, grid), grid


def _kernel_backward(
    grad_mean: Tensor,
    grad_std: Tensor,
    blocks: Tensor,
    mean: Tensor,
    std: Tensor,
    size: int,
    stride: int,
) -> Tensor:
    grid = PatchGrid(blocks.shape[1], blocks.shape[2], size, stride)
    count = blocks.shape[3] * blocks.shape[4] * size**2
    slope = grad_std / (std * (count - 1))
    level = torch.addcmul(grad_mean / count, slope, mean, value=-1)
    level, slope = spread(torch.cat((level, slope)), grid)[:, :, :, None, None].chunk(2)
    return torch.addcmul(level, blocks.to(slope.dtype), slope).to(blocks.dtype)


def _fake(blocks: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    rows, cols = (count_patches(n, size, stride) for n in blocks.shape[1:3])
    dtype = torch.promote_types(blocks.dtype, torch.float32)
    shape = (blocks.shape[0], rows, cols, blocks.shape[-1])
    return blocks.new_empty(shape, dtype=dtype), blocks.new_empty(shape, dtype=dtype)


def _fake_backward(grad_mean: Tensor, grad_std: Tensor, blocks: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(blocks, memory_format=torch.contiguous_format)


def _save(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    blocks, ctx.size, ctx.stride = inputs
    ctx.save_for_backward(blocks, *output)


def _backward(ctx: Any, grad_mean: Tensor, grad_std: Tensor) -> tuple[Tensor, None, None]:
    grad = _operator_backward(grad_mean, grad_std, *ctx.saved_tensors, ctx.size, ctx.stride)
    return grad, None, None


_operator_backward = define(
    "patch_statistics_backward(Tensor grad_mean, Tensor grad_std, Tensor blocks, Tensor mean, "
    "Tensor std, int size, int stride) -> Tensor",
    _kernel_backward,
    _fake_backward,
)
patch_statistics_operator = define(
    "patch_statistics(Tensor blocks, int size, int stride) -> (Tensor, Tensor)",
    _kernel,
    _fake,
    _backward,
    _save,
)
implement(patch_statistics_operator, _kernel_cpu, "CPU")
