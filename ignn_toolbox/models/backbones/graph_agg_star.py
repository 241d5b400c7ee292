"""GraphAgg*: cross-scale patches averaged in the image itself, nothing learnt.

Paper: Zhou et al., NeurIPS 2020, Figure 4, which shows that the images' own patches carry detail.
The released code lacks it; from the paper: for each patch of the LR image the k nearest patches of
its downsampled version are searched, the s times larger LR patches that they came from are averaged
and folded into an image s times larger than the input.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops import PatchGraph, Search, WindowMode, exact_float32, prepare_neighbors, search
from ...ops.aggregate import as_map
from ...registry import MODELS
from ..aggregators.graph_agg import downsampled
from ..spec import Given, NetworkSpec
from ..steps import Allocate, Attention, Network, Place


class PatchAverage(Attention):
    """The average of the s times larger patches that a patch's nearest neighbours came from.

    Args:
        scale: The graph's s.
        embedder: Config of the embedder in whose features patches are compared.
        num_neighbors: The paper's k.
        window: The paper's d, in key patches of stride 2; ``None`` searches the whole image.
        window_mode: ``'centred'`` or ``'official'``, see `ops.Search`.
    """

    takes = ("image_down", "graph")

    def __init__(
        self,
        scale: int,
        embedder: dict,
        num_neighbors: int,
        window: int | None,
        window_mode: WindowMode,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.scales = (scale,)
        self.how = Search(scale, num_neighbors, window, window_mode)
        self.min_size = self.how.smallest_image
        self.embedder = MODELS.build(embedder)

    def build_graph(self, image: Tensor, image_down: Tensor | None = None) -> PatchGraph:
        """The patch graph of ``(N, 3, H, W)`` images, RGB in [0, 1], completed to whole patches."""
        image = _repeat_border(image, self._missing(image))
        if image_down is None:
            image_down = downsampled(image, self.scale)
        else:
            image_down = _repeat_border(image_down, [1 - n % 2 for n in image_down.shape[-2:]])
        with exact_float32(image.device):
            queries, keys = self.embedder(image), self.embedder(image_down)
        return search(queries, keys, self.how)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Tensor:
        """The whole picture, s times larger: there is no network whose tiles could save memory."""
        given = given or Given()
        image = features
        graph = self.build_graph(image, given.image_down) if given.graph is None else given.graph
        height, width = (self.scale * n for n in image.shape[-2:])
        neighbors = prepare_neighbors(
            _repeat_border(image, self._missing(image)), graph, adapn=False
        )
        ranks = range(graph.num_neighbors)
        maps = (as_map(neighbors.fold(slice(rank, rank + 1)))[:, 0] for rank in ranks)
        total = functools.reduce(torch.add, maps)
        return total[..., :height, :width] / graph.num_neighbors

    def attend(self, prepared: Tensor, features: Tensor, place: Place) -> Tensor:
        """Cut the region out; see `Attention.attend`."""
        top, left, height, width = (
            self.scale * n
            for n in (place.region.top, place.region.left, place.region.height, place.region.width)
        )
        return prepared[..., top : top + height, left : left + width]

    def _missing(self, image: Tensor) -> list[int]:
        """Rows and columns after which the searched image has whole patches only.

        The last patches of an even map reach over its border, into zeros that would be averaged
        into the picture.
        """
        s = self.scale
        return [0 if n // s % 2 else s - n % s for n in image.shape[-2:]]


@MODELS.register_module()
class GraphAggStar(Network):
    """GraphAgg in the image domain; no parameters but a frozen embedder's.

    Args:
        scale: The graph's s, and how many times larger the output is.
        embedder: Config of the embedder in whose features patches are compared: `VGGEmbedder` as in
            the paper, or `RGBEmbedder`.
        num_neighbors: The paper's k.
        window: The paper's d, in key patches of stride 2; ``None`` searches the whole image.
        window_mode: ``'centred'`` or ``'official'``, see `ops.window_starts`.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        scale: int,
        embedder: dict,
        num_neighbors: int = 5,
        window: int | None = 30,
        window_mode: WindowMode = "centred",
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if scale < 2:
            raise ValueError(f"GraphAggStar enlarges by its scale, which must be >= 2, got {scale}")
        self.average = PatchAverage(scale, embedder, num_neighbors, window, window_mode)
        self.spec = NetworkSpec(
            scale,
            min_size=self.average.min_size,
            not_exported="the average of neighbours has no form in ONNX",
        )

    def run(self, lq: Any, go: Any) -> Any:
        """Average patches of the whole picture."""
        return go.attend(self.average, lq)


def _repeat_border(image: Tensor, missing: list[int]) -> Tensor:
    bottom, right = missing
    return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image
