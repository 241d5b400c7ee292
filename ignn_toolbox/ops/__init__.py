"""Patch arithmetic: pure tensor functions on torch alone.

Every fast operator has a textbook version in `reference`, which tests use as oracle.
"""

from .aggregate import Neighbors, aggregate, edge_label, prepare_neighbors, sum_neighbors
from .graph import PatchGraph
from .patches import PatchGrid
from .random_neighbors import random_neighbors
from .resize import imresize, imresize_uint8
from .search import search, smallest_image
from .window import WindowMode, window_starts

__all__ = [
    "Neighbors",
    "PatchGraph",
    "PatchGrid",
    "WindowMode",
    "aggregate",
    "edge_label",
    "imresize",
    "imresize_uint8",
    "prepare_neighbors",
    "random_neighbors",
    "search",
    "smallest_image",
    "sum_neighbors",
    "window_starts",
]
