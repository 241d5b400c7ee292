"""Cases of single operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from frame.cases import Case, Figure, Variant

from ignn_toolbox.ops import (
    PatchGraph,
    PatchGrid,
    Search,
    aggregate,
    prepare_neighbors,
    reference,
    search,
)
from ignn_toolbox.ops.aggregate import as_map

_WINDOW, _NEIGHBORS = 30, 5


def ops_cases() -> list[Case]:
    """Search and aggregation at small and large sizes."""
    return [
        _search_case(48, textbook=True),
        _search_case(256, textbook=False),
        _aggregate_case(48),
        _fold_case(256),
    ]


def _search_case(size: int, textbook: bool) -> Case:
    variants = {
        "search": Variant(partial(_search, size, search)),
        "floor": Variant(partial(_products, size)),
    }
    if textbook:
        variants["textbook"] = Variant(partial(_search, size, reference.search))
    return Case(
        f"search_x2_{size}",
        "ops",
        f"{size}x{size}, 64 channels, k 5, window 30; floor: every query times its window's keys",
        variants,
        (Figure("peak"), Figure("time", against="floor")),
    )


def _embedding(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(1, 64, size, size), torch.rand(1, 64, size // 2, size // 2)


def _search(size: int, function: Callable, tiny: bool) -> Callable[[], object]:
    queries, keys = _embedding(24 if tiny else size)
    return lambda: function(queries, keys, Search(2, _NEIGHBORS, _WINDOW))


def _products(size: int, tiny: bool) -> Callable[[], object]:
    """One matrix product for 256 queries at a time, with no more keys than a window has."""
    side = (24 if tiny else size) // 2
    keys = min(_WINDOW, side // 2) ** 2
    block, union = torch.rand(256, 576), torch.rand(576, keys)
    count = -(-(side**2) // 256)

    def run() -> None:
        for _ in range(count):
            block @ union

    return run


def _random_graph(size: int) -> PatchGraph:
    queries, keys = PatchGrid(size, size), PatchGrid(size // 2, size // 2)
    index = torch.randint(len(keys), (1, queries.rows, queries.cols, _NEIGHBORS))
    return PatchGraph(index, torch.zeros(index.shape), queries, keys, 2)


def _features(size: int) -> torch.Tensor:
    return torch.randn(1, 256, size, size).contiguous(memory_format=torch.channels_last)


def _aggregate_case(size: int) -> Case:
    return Case(
        f"aggregate_x2_{size}",
        "ops",
        f"all 5 neighbours' maps, {size}x{size}, 256 channels, AdaPN",
        {
            "aggregate": Variant(partial(_aggregate, size, aggregate)),
            "textbook": Variant(partial(_aggregate, size, reference.aggregate)),
        },
        (Figure("peak"), Figure("time", against="textbook")),
    )


def _aggregate(size: int, function: Callable, tiny: bool) -> Callable[[], object]:
    size = 24 if tiny else size
    features, graph = _features(size), _random_graph(size)
    return lambda: function(features, graph)


def _fold_case(size: int) -> Case:
    return Case(
        f"fold_x2_{size}",
        "ops",
        f"one neighbour's map, {size}x{size}, 256 channels, AdaPN; floor: one 3x3 convolution "
        "256 -> 256 of the LR size",
        {
            "fold": Variant(partial(_fold, size)),
            "floor": Variant(partial(_convolution, size)),
        },
        (Figure("peak"), Figure("time", required=1.0, against="floor", published="3.5")),
    )


def _fold(size: int, tiny: bool) -> Callable[[], object]:
    size = 24 if tiny else size
    neighbors = prepare_neighbors(_features(size), _random_graph(size))
    return lambda: as_map(neighbors.fold(slice(1)))


def _convolution(size: int, tiny: bool) -> Callable[[], object]:
    features = _features(24 if tiny else size)
    weight = torch.randn(256, 256, 3, 3).contiguous(memory_format=torch.channels_last)
    return lambda: F.conv2d(features, weight, padding=1)
