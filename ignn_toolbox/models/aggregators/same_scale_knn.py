"""Same-scale KNN: GraphAgg without the cross-scale part, the paper's baseline of Table 2.

The paper names it and the released code lacks it; this is our reading: neighbours are searched in
the image itself, taken at their own size, weighted and embedded as in GraphAgg, and joined at LR.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...ops import Search
from ...ops.memory import Memory
from ...registry import MODELS
from ..steps import Allocate
from .patch_aggregator import PatchAggregator


@MODELS.register_module()
class SameScaleKNN(PatchAggregator):
    """k nearest patches of the image itself, aggregated at its own scale.

    Args:
        channels: Channels C of the features.
        embedder: Config of the embedder in whose features patches are compared.
        num_neighbors: Neighbours k.
        window: Side of the search window in patches of stride 2; ``None`` searches the whole image.
            GraphAgg's 30 covers as many LR pixels as 60 here when its scale is 2.
        neighbors: ``'nearest'``, or ``'random'`` as a control: k patches drawn from the window.
        exclude_self: Leave out the query's own patch, which else is always its own nearest.
        adapn: Whether neighbours take over the query's mean and deviation.
        ecn: Whether an edge network weights the neighbours; else the weights are
            ``softmax(-D / distance_divisor)`` of the squared distances D.
        ecn_channels: Hidden channels of the edge network.
        distance_divisor: Only without ``ecn``.
        residual: Start as identity, see `layers.Fuse`.
        memory: As in `GraphAgg`.
        init_cfg: mmengine's initialisation config.
    """

    takes = ("graph",)

    def __init__(
        self,
        channels: int,
        embedder: dict,
        num_neighbors: int = 5,
        window: int | None = 30,
        neighbors: Literal["nearest", "random"] = "nearest",
        exclude_self: bool = True,
        adapn: bool = True,
        ecn: bool = True,
        ecn_channels: int = 64,
        distance_divisor: float = 10.0,
        residual: bool = False,
        memory: Memory = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            channels,
            Search(1, num_neighbors, window, exclude_self=exclude_self, neighbors=neighbors),
            embedder,
            adapn,
            ecn,
            ecn_channels,
            distance_divisor,
            residual,
            memory,
            init_cfg,
        )

    def embed(
        self, image: Tensor, image_down: Tensor | None, allocate: Allocate | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features of the image, twice: it is searched in itself."""
        features = self._embedded(image, allocate=allocate)[0]
        return features, features
