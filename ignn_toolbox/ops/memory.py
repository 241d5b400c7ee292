"""The memory setting: what to keep and what to compute again."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .graph import PatchGraph

Memory = Literal["low", "balanced", "fast"] | int

_BALANCED = 512 * 2**20  # bytes that 'balanced' spends on kept neighbours


def neighbor_bytes(features: Tensor, scale: int) -> int:
    """Bytes of one neighbour kept for the backward pass: its map and the embedding's activations."""
    return features.numel() * features.element_size() * (scale**2 + 3)


def keeps_neighbors(memory: Memory, features: Tensor, graph: PatchGraph) -> bool:
    """Whether the neighbours of a forward pass are kept for the backward pass.

    Args:
        memory: ``'fast'`` keeps, ``'low'`` recomputes, ``'balanced'`` keeps up to 512 MiB; a number
            is that limit in bytes.
        features: ``(N, C, H, W)`` that are aggregated.
        graph: Over which.

    Raises:
        ValueError: ``memory`` is none of these.
    """
    if isinstance(memory, str) and memory not in ("low", "balanced", "fast"):
        raise ValueError(f"memory must be 'low', 'balanced', 'fast' or bytes, got {memory!r}")
    if memory == "fast":
        return True
    limit = {"low": 0, "balanced": _BALANCED}[memory] if isinstance(memory, str) else memory
    return graph.num_neighbors * neighbor_bytes(features, graph.scale) <= limit
