"""What operators allocate and free inside themselves on a CPU, where a dry run cannot see it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .gather import STRIP
from .nearest import BLOCK, KEYS
from .patch_attention import row_bytes


def workspace(operator: torch._ops.OpOverload, args: tuple, out: Any) -> list[int]:
    """Bytes of the blocks that an operator holds beside its results; none where no rule is known.

    Args:
        operator: Any operator.
        args: Its arguments, of which only shapes and types count.
        out: Its results likewise.
    """
    namespace, _, name = operator._schema.name.partition("::")
    rule = _RULES.get(name) if namespace == "ignn_toolbox" else None
    return [] if rule is None else rule(args, out)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _nearest(args: tuple, out: Any) -> list[int]:
    queries, keys, _, _, window, _, size, stride, _ = args
    together = min(KEYS, keys.shape[-2] * keys.shape[-1] // stride**2)
    if window is not None:
        together = min(together, (window + BLOCK) ** 2)
    depth = queries.shape[1] * size**2
    # a copy of the keys; a block of queries and its keys, each times the patch; scores, packed and
    # sorted
    return [4 * keys.numel(), 4 * depth * (together + BLOCK**2), 28 * together * BLOCK**2]


def _edge_label(args: tuple, out: Any) -> list[int]:
    queries, keys = args[:2]  # laid out; a strip of differences
    return [_bytes(queries), _bytes(keys), STRIP * queries.element_size()]


def _edge_label_backward(args: tuple, out: Any) -> list[int]:
    return _edge_label(args[1:], out)


def _fold_constant(args: tuple, out: Any) -> list[int]:
    return [_bytes(out)]  # the sum, before it is divided


def _patch_statistics(args: tuple, out: Any) -> list[int]:
    # differences from the blocks' means; means and deviations that are summed up
    return [_bytes(args[0]), *[_bytes(out[0])] * 10]


def _fold_neighbors(args: tuple, out: Any) -> list[int]:
    scale, itemsize = args[0].shape[3], args[0].element_size()
    # the offsets' mean; AdaPN's gain and offset; what is gathered, with its products
    lr = _bytes(out) // scale**2
    return [lr, lr // 4, lr // 4, min(4 * STRIP * itemsize, 2 * _bytes(out))]


def _fold_neighbors_backward(args: tuple, out: Any) -> list[int]:
    grad, keys = args[:2]
    lr = _bytes(grad) // keys.shape[3] ** 2
    # the gradient's share of every patch; gain, offset and their gradients; what is gathered
    return [_bytes(grad), *[lr // 4] * 4, 4 * STRIP * keys.element_size()]


def _attention(args: tuple, together: int) -> list[int]:
    """Rows of queries times keys that exist at a time; fewer where single pixels are compared."""
    queries, keys, *_, size = args
    row = row_bytes(queries.shape, keys.shape[1], size, queries.element_size())
    return [row] * (together if size > 1 else together // 2)


_RULES = {
    "nearest": _nearest,
    "edge_label": _edge_label,
    "edge_label_backward": _edge_label_backward,
    "fold_constant": _fold_constant,
    "patch_statistics": _patch_statistics,
    "fold_neighbors": _fold_neighbors,
    "fold_neighbors_backward": _fold_neighbors_backward,
    "attend_patches": lambda args, out: _attention(args, together=7),
    "attend_patches_backward": lambda args, out: _attention(args[1:], together=14),
}
