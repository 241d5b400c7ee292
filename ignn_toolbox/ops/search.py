"""Search of neighbours: checks, and the operators `nearest` and `random_neighbors` behind it."""

from __future__ import annotations

from dataclasses import astuple

from torch import Tensor

from .graph import PatchGraph
from .nearest import nearest
from .random_neighbors import random_neighbors
from .window import Search


def search(queries: Tensor, keys: Tensor, how: Search) -> PatchGraph:
    """Find neighbours among the key patches for every query patch; no part of autograd's graph.

    The paper's graph construction (section 3.1): queries are patches of E_L, keys are patches of
    E_L downsampled. Everything is computed in true float32, whatever the input's dtype and torch's
    switches. The nearest come first (squared Euclidean distance); among equal distances the lower
    flat index wins. Random ones depend on the image's size and nothing else, so a picture gets the
    same in every batch and every run; they come in the order of the draw.

    Args:
        queries: ``(N, D, H, W)`` features of the image, any float dtype.
        keys: ``(N, D, H', W')`` features of the image that is searched.
        how: What is asked for.

    Raises:
        ValueError: Shapes, dtypes, devices or options do not fit, a value is not finite, or there
            are fewer keys in a window than neighbours wanted.
    """
    _check(queries, keys)
    *options, kind = astuple(how)
    find = nearest if kind == "nearest" else random_neighbors
    index, distance = find(queries.detach(), keys.detach(), *options)
    query_grid, key_grid = (how.grid(*maps.shape[-2:]) for maps in (queries, keys))
    return PatchGraph(index, distance, query_grid, key_grid, how.scale)


def _check(queries: Tensor, keys: Tensor) -> None:
    """What can be told without asking for the images' sizes; the kernels check the rest."""
    shapes = f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)}"
    if queries.dim() != 4 or keys.dim() != 4:
        raise ValueError(f"{shapes} must both be (N, D, H, W)")
    if queries.shape[:2] != keys.shape[:2]:
        raise ValueError(f"{shapes} must agree in batch and channels")
    if queries.device != keys.device or queries.dtype != keys.dtype:
        raise ValueError(
            f"queries ({queries.dtype}, {queries.device}) and keys ({keys.dtype}, {keys.device}) "
            "must have one dtype and one device"
        )
    if not queries.is_floating_point():
        raise ValueError(f"queries and keys must be floating point, got {queries.dtype}")
