"""The operator `fold_neighbors`: gather key patches, give them AdaPN, fold them into maps.

Here it is for any device, each step for all neighbours at once; `fold_cpu` has the CPU's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import fold_cpu
from .fold_parts import Patches, patch_windows, whole_grid
from .gather import lines_of
from .operators import define, implement
from .overlap import units


def _per_patch(values: Tensor) -> Tensor:
    """``(N, r, rows, cols, C)``, to be multiplied with patches."""
    return values[:, :, :, :, None, None, None, None]


def _kernel(*arguments: Any) -> Tensor:
    parts = Patches.of(*arguments)
    patches = parts.gather()
    gain, offset = parts.affine()
    if gain is not None and offset is not None:
        torch.addcmul(_per_patch(offset), patches, _per_patch(gain), out=patches)
    n, ranks, rows, cols, _, _, s, _, c = patches.shape
    pieces, stride, region = units(parts.grid), parts.grid.stride, parts.region
    reach = len(pieces) - 1
    blocks = patches.new_zeros(n, ranks, rows + reach, stride, s, cols + reach, stride, s, c)
    patches = patches.permute(0, 1, 2, 4, 6, 3, 5, 7, 8)  # N, r, rows, a, dy, cols, b, dx, C
    for t, down in enumerate(pieces):
        for v, right in enumerate(pieces):
            piece = patches[:, :, :, down, :, :, right]
            target = blocks[:, :, t : t + rows, :, :, v : v + cols]
            target[:, :, :, : piece.shape[3], :, :, : piece.shape[6]] += piece
    folded = blocks.flatten(5, 6).flatten(2, 3)
    top, left = parts.margin
    folded = folded[:, :, top : top + region.height, :, left : left + region.width]
    return folded * parts.weights(folded)


def _kernel_backward(grad: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    parts = Patches.of(*arguments)
    windows = patch_windows(parts, grad).transpose(3, 4)  # N, r, rows, cols, a, b, dy, dx, C
    gain, _ = parts.affine()
    grads: tuple[Tensor, ...] = tuple(grad.new_empty(0) for _ in range(4))
    if gain is None:
        contribution = windows
    else:
        patches = parts.gather()
        grad_gain = patches.mul_(windows).sum((4, 5, 6, 7))
        del patches
        grads = parts.affine_backward(grad_gain, windows.sum((4, 5, 6, 7)))
        contribution = windows * _per_patch(gain)
    grad_keys = torch.zeros_like(parts.keys)
    pixels = lines_of(parts.position, parts.key_grid)[..., None]
    pixels = pixels + torch.arange(parts.grid.size, device=grad.device)
    flat = grad_keys.view(-1, grad_keys[0, 0, 0].numel())
    flat.index_add_(0, pixels.flatten(), contribution.reshape(-1, flat.shape[1]))
    return grad_keys, *whole_grid(parts, grads)


def _fake(
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
    s, c = keys.shape[-2:]
    return keys.new_empty((index.shape[0], index.shape[1], region[2], s, region[3], s, c))


def _fake_backward(
    grad: Tensor,
    keys: Tensor,
    index: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    std: Tensor | None,
    *_: Any,
) -> tuple[Tensor, ...]:
    grads = (
        grad.new_empty((0,)) if tensor is None else tensor.new_empty(tensor.shape)
        for tensor in (keys, scale, shift, mean, std)
    )
    return tuple(grads)


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:6])
    ctx.places = inputs[6:]


def _backward(ctx: Any, grad: Tensor) -> tuple:
    keys, index, *statistics = ctx.saved_tensors
    grads = fold_neighbors_backward(grad, keys, index, *statistics, *ctx.places)
    found = [None if t is None else g for t, g in zip(statistics, grads[1:], strict=True)]
    return grads[0], None, *found, None, None, None


_ARGUMENTS = (
    "Tensor keys, Tensor index, Tensor? scale, Tensor? shift, Tensor? mean, Tensor? std, "
    "SymInt[] grid, SymInt[] key_grid, SymInt[] region"
)
fold_neighbors_backward = define(
    f"fold_neighbors_backward(Tensor grad, {_ARGUMENTS}) -> "
    "(Tensor, Tensor, Tensor, Tensor, Tensor)",
    _kernel_backward,
    _fake_backward,
)
fold_neighbors = define(f"fold_neighbors({_ARGUMENTS}) -> Tensor", _kernel, _fake, _backward, _save)
implement(fold_neighbors, fold_cpu.fold, "CPU")
implement(fold_neighbors_backward, fold_cpu.fold_backward, "CPU")
