"""Patch arithmetic: pure tensor functions on torch alone.

Every fast operator has a textbook version in `reference`, which tests use as oracle.
"""

from .aggregate import Neighbors, aggregate, prepare_neighbors, sum_neighbors
from .cuda.choice import triton_obstacle
from .edge_labels import edge_label
from .graph import PatchGraph
from .overlap import fold_constant
from .patches import PatchGrid, Region
from .precision import exact_float32
from .resize import downsample, imresize, imresize_uint8
from .search import search
from .window import Search, WindowMode, window_starts

__all__ = [
    "Neighbors",
    "PatchGraph",
    "PatchGrid",
    "Region",
    "Search",
    "WindowMode",
    "aggregate",
    "downsample",
    "edge_label",
    "exact_float32",
    "fold_constant",
    "imresize",
    "imresize_uint8",
    "prepare_neighbors",
    "search",
    "sum_neighbors",
    "triton_obstacle",
    "window_starts",
]
