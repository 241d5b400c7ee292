"""The operator `weighted_sum`: over ranks, maps times weights that are constant on blocks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .operators import define, implement

_BAND = 16  # rows of blocks whose products are summed at a time on the CPU


def weighted_sum(maps: Tensor, weights: Tensor) -> Tensor:
    """Sum of weighted maps, ``(N, C, s * H, s * W)``; differentiable.

    Computed and returned in the wider precision of the two.

    Args:
        maps: ``(N, r, C, s * H, s * W)``, each image's maps contiguous or channels-last.
        weights: ``(N, r, H, W)``, one for each s x s block.
    """
    return weighted_sum_operator(maps, weights)


def enlarge_weights(weights: Tensor, scale: int) -> Tensor:
    """``(..., H, W)`` to ``(..., s * H, s * W)``: each weight on its block."""
    if scale == 1:
        return weights
    return weights.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def _scale(maps: Tensor, weights: Tensor) -> int:
    return maps.shape[-1] // weights.shape[-1]


def _kernel(maps: Tensor, weights: Tensor) -> Tensor:
    weight = enlarge_weights(weights, _scale(maps, weights))[:, :, None]
    if _is_channels_last(maps):  # a sum keeps the order of what it is given
        return (maps * weight).movedim(2, -1).sum(1).movedim(-1, 1)
    return (maps * weight).sum(1)


def _kernel_cpu(maps: Tensor, weights: Tensor) -> Tensor:
    weight = enlarge_weights(weights, _scale(maps, weights))[:, :, None]
    total = maps[:, 0] * weight[:, 0]
    for rank in range(1, maps.shape[1]):
        total.addcmul_(maps[:, rank], weight[:, rank])
    return total


def _kernel_backward(grad: Tensor, maps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    scale = _scale(maps, weights)
    products = (maps * grad[:, None]).sum(2)
    grad_weights = products.unflatten(3, (-1, scale)).unflatten(2, (-1, scale)).sum((3, 5))
    weight = enlarge_weights(weights, scale)[:, :, None]
    grad_maps = torch.empty_like(maps)
    torch.mul(grad[:, None], weight, out=grad_maps)
    return grad_maps, grad_weights.to(weights.dtype)


def _kernel_backward_cpu(grad: Tensor, maps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    scale = _scale(maps, weights)
    weight = enlarge_weights(weights, scale)[:, :, None]
    grad_maps, grad_weights = torch.empty_like(maps), torch.empty_like(weights)
    for rank in range(maps.shape[1]):
        torch.mul(grad, weight[:, rank], out=grad_maps[:, rank])
        products = [
            (a * b).sum(1)
            for a, b in zip(
                grad.split(_BAND * scale, 2), maps[:, rank].split(_BAND * scale, 2), strict=True
            )
        ]
        blocks = torch.cat(products, 1).unflatten(2, (-1, scale)).unflatten(1, (-1, scale))
        grad_weights[:, rank] = blocks.sum((2, 4))
    return grad_maps, grad_weights


def _is_channels_last(maps: Tensor) -> bool:
    return maps.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def _fake(maps: Tensor, weights: Tensor) -> Tensor:
    dtype = torch.promote_types(maps.dtype, weights.dtype)
    return torch.empty_like(maps[:, 0], dtype=dtype)


def _fake_backward(grad: Tensor, maps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(maps), torch.empty_like(weights)


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _operator_backward(grad, *ctx.saved_tensors)


_operator_backward = define(
    "weighted_sum_backward(Tensor grad, Tensor maps, Tensor weights) -> (Tensor, Tensor)",
    _kernel_backward,
    _fake_backward,
)
implement(_operator_backward, _kernel_backward_cpu, "CPU")
weighted_sum_operator = define(
    "weighted_sum(Tensor maps, Tensor weights) -> Tensor", _kernel, _fake, _backward, _save
)
implement(weighted_sum_operator, _kernel_cpu, "CPU")
