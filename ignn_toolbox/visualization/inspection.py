"""What a graph network does inside, as numbers: a query's neighbours, feature maps."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..devices import device_of
from ..evaluation.recurrence import recurrence_map
from ..images.convert import to_array, to_tensor
from ..models.aggregators.graph_agg import GraphAgg, downsampled
from ..models.aggregators.patch_aggregator import PatchAggregator
from ..models.backbones.graph_agg_star import PatchAverage

_AROUND = 7  # pixels a side in which edges may cross


@dataclass(frozen=True)
class Query:
    """One query patch and its neighbours. Boxes are (top, left, side) in pixels.

    Attributes:
        box: The query in the LR image.
        found: Where each neighbour was found, in the searched image.
        taken: The larger patches of the LR image that stand there, which are aggregated.
        weights: Weight of each neighbour at the query's centre; they sum to 1.
        distances: Squared distance of each neighbour in the embedder's features.
        image: The LR image ``(H, W, 3)``, uint8.
        searched: The searched image, likewise: downsampled, or the same.
    """

    box: tuple[int, int, int]
    found: list[tuple[int, int, int]]
    taken: list[tuple[int, int, int]]
    weights: list[float]
    distances: list[float]
    image: np.ndarray
    searched: np.ndarray


def telling_place(image: np.ndarray) -> tuple[int, int]:
    """A pixel whose patch has structure that recurs at half the size: column and row.

    Of all patches the one with most contrast for its distance to its nearest neighbours in the
    picture reduced by 2 (`recurrence_map`), where edges cross rather than run straight.

    Args:
        image: ``(H, W, 3)``, uint8 RGB.

    Raises:
        ValueError: The picture is too small, or has one colour throughout.
    """
    grey = image.mean(axis=2)
    rows, cols = np.gradient(grey)
    products = (rows * rows, cols * cols, rows * cols)
    yy, xx, xy = (cv2.blur(product, (_AROUND, _AROUND)) for product in products)
    # the smaller eigenvalue of the structure tensor: contrast across the weaker direction
    crossing = (yy + xx) / 2 - np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    if crossing.max() <= 0:
        raise ValueError("the picture has no place where edges cross; name one with --at X,Y")
    distance = recurrence_map(image)
    step = 2  # patches of the map lie so far apart, the first around pixel 1
    height, width = distance.shape
    contrast = np.sqrt(np.maximum(crossing[1::step, 1::step][:height, :width], 0))
    row, col = np.unravel_index(np.argmax(contrast / (distance + 1)), contrast.shape)
    return int(1 + step * col), int(1 + step * row)


@torch.no_grad()
def look_up(network: nn.Module, image: np.ndarray, x: int, y: int) -> Query:
    """The neighbours of the patch at a pixel.

    Args:
        network: One with a patch graph: GraphAgg or SameScaleKNN in a backbone, or GraphAggStar.
        image: The LR image ``(H, W, 3)``, uint8 RGB.
        x: Column of the pixel.
        y: Row of the pixel.

    Raises:
        ValueError: The network has no graph, the pixel lies outside, or the image is too small.
    """
    height, width = image.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"the pixel {x},{y} lies outside the image, which is {width}x{height}")
    owner = _graph_owner(network)
    lq = to_tensor(image).to(device_of(network))
    graph = owner.build_graph(lq)
    grid, keys, s = graph.query_grid, graph.key_grid, graph.scale
    row, col = (
        min(max(round((pixel - grid.size // 2) / grid.stride), 0), count - 1)
        for pixel, count in ((y, grid.rows), (x, grid.cols))
    )
    places = graph.key_position()[0, row, col].tolist()
    top, left = row * grid.stride, col * grid.stride
    weights = [1 / graph.num_neighbors] * graph.num_neighbors
    if isinstance(owner, PatchAggregator):
        maps = owner.edge_weights(*owner.embed(lq, None), graph)[0][0]
        centre = min(top + grid.size // 2, height - 1), min(left + grid.size // 2, width - 1)
        weights = maps[:, centre[0], centre[1]].tolist()
    searched = image
    if s > 1:
        searched = to_array(downsampled(lq, s).cpu(), image.dtype)
    return Query(
        (top, left, grid.size),
        [(i, j, keys.size) for i, j in places],
        [(s * i, s * j, s * keys.size) for i, j in places],
        weights,
        graph.distance[0, row, col].tolist(),
        image,
        searched,
    )


@torch.no_grad()
def feature_maps(network: nn.Module, image: np.ndarray) -> dict[str, np.ndarray]:
    """Features around an aggregator, averaged over the channels (Figure 5 of the paper).

    Args:
        network: A backbone with GraphAgg.
        image: The LR image ``(H, W, 3)``, uint8 RGB.

    Returns:
        ``(H, W)`` maps by name: the features that go in, those that come out, and the aggregated
        HR features with AdaPN and without it, each s times larger.

    Raises:
        ValueError: The network has no aggregator with HR features.
    """
    aggregator = getattr(network, "aggregator", None)
    if not isinstance(aggregator, GraphAgg):
        raise ValueError(f"{_described(network)} has no GraphAgg, whose features could be shown")
    lq = to_tensor(image).to(device_of(network))
    seen: list[Tensor] = []
    handle = aggregator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        network(lq)
    finally:
        handle.remove()
    maps = {}
    for adapn in (True, False):
        variant = copy.copy(aggregator)
        variant.adapn = adapn
        maps[adapn] = variant(seen[0], lq)
    shown = {
        "features before": seen[0],
        "features after": maps[aggregator.adapn][0],
        "aggregated, with AdaPN": maps[True][1],
        "aggregated, without AdaPN": maps[False][1],
    }
    return {name: value[0].mean(0).cpu().numpy() for name, value in shown.items()}


def has_graph(network: nn.Module) -> bool:
    """Whether a network has a patch graph, see `look_up`."""
    return any(isinstance(module, PatchAggregator | PatchAverage) for module in network.modules())


def _graph_owner(network: nn.Module) -> PatchAggregator | PatchAverage:
    for module in network.modules():
        if isinstance(module, PatchAggregator | PatchAverage):
            return module
    raise ValueError(f"{_described(network)} has no patch graph that could be shown")


def _described(network: nn.Module) -> str:
    aggregator = getattr(network, "aggregator", None)
    inside = f" with {type(aggregator).__name__}" if aggregator is not None else ""
    return f"{type(network).__name__}{inside}"
