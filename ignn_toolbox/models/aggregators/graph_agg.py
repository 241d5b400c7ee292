"""GraphAgg: cross-scale aggregation over a patch graph.

Paper: Zhou et al., "Cross-Scale Internal Graph Neural Network for Image Super-Resolution",
NeurIPS 2020. Status: equal to the authors' released code on its golden cases (indices exact, output
within 1e-4 of 255). Where paper and code differ, this is the code: edge labels are sums of absolute
differences, neighbours are folded before they are weighted, LR and HR have edge networks of their
own, the neighbours are downsampled before they are weighted.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops import (
    PatchGraph,
    WindowMode,
    edge_label,
    imresize,
    prepare_neighbors,
    search,
    smallest_image,
    sum_neighbors,
)
from ...ops.memory import Memory, keeps_neighbors
from ...ops.patches import fold_constant
from ...registry import MODELS
from ..layers import Fuse, ResBlock
from .base import Aggregated, Aggregator


class EdgeNet(nn.Module):
    """ECN, the paper's F_theta: an edge label to a weight before the softmax.

    Convolutions 1x1: D -> hidden, residual block (times 0.1), hidden -> 1.
    """

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, hidden, 1)
        self.block = ResBlock(hidden, res_scale=0.1, kernel_size=1)
        self.tail = nn.Conv2d(hidden, 1, 1)

    def forward(self, label: Tensor) -> Tensor:
        """``(N, D, H, W) -> (N, 1, H, W)``."""
        return self.tail(self.block(self.head(label)))


class NeighborDownsampler(nn.Module):
    """DEN, the downsampled-region embedding: ``(N, C, sH, sW) -> (N, C, H, W)``."""

    def __init__(self, channels: int, scale: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 5, stride=scale, padding=2)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, neighbor: Tensor) -> Tensor:
        out = F.relu(self.conv1(neighbor), inplace=True)
        return self.conv3(F.relu(self.conv2(out), inplace=True))


@MODELS.register_module()
class GraphAgg(Aggregator):
    """Graph construction and patch aggregation of IGNN (paper section 3).

    Args:
        channels: Channels C of the features.
        scale: The graph's s: how many times smaller the searched image, and larger the aggregated
            patches. The paper takes 2 for x2 and x4, 3 for x3.
        embedder: Config of the embedder in whose features patches are compared.
        num_neighbors: The paper's k.
        window: The paper's d, in key patches of stride 2; ``None`` searches the whole image.
        window_mode: ``'centred'`` or ``'official'``, see `ops.window_starts`.
        adapn: Whether neighbours take over the query's mean and deviation (equation 3).
        ecn: Whether edge networks weight the neighbours (equation 2); else the weights are
            ``softmax(-D / distance_divisor)`` of the squared distances D.
        ecn_channels: Hidden channels of the edge networks.
        distance_divisor: Only without ``ecn``. The paper's 10 is meant for VGG features.
        residual: Start as identity, see `layers.Fuse`; the published network does not.
        memory: ``'low'``, ``'balanced'``, ``'fast'`` or a number of bytes. Decides whether the
            backward pass keeps or recomputes the neighbours; results are the same.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int,
        scale: int,
        embedder: dict,
        num_neighbors: int = 5,
        window: int | None = 30,
        window_mode: WindowMode = "centred",
        adapn: bool = True,
        ecn: bool = True,
        ecn_channels: int = 64,
        distance_divisor: float = 10.0,
        residual: bool = False,
        memory: Memory = "balanced",
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if scale < 2:
            raise ValueError(f"GraphAgg searches a smaller image: scale must be >= 2, got {scale}")
        if distance_divisor <= 0:
            raise ValueError(f"distance_divisor must be positive, got {distance_divisor}")
        self.scale = self.hr_scale = scale
        self.hr_channels = channels
        self.hr_residual = residual
        self.num_neighbors = num_neighbors
        self.window = window
        self.window_mode = window_mode
        self.adapn = adapn
        self.distance_divisor = distance_divisor
        self.memory = memory
        self.min_size = smallest_image(num_neighbors, scale)
        self.embedder = MODELS.build(embedder)
        self.downsample = NeighborDownsampler(channels, scale)
        self.edge_lr = EdgeNet(self.embedder.channels, ecn_channels) if ecn else None
        self.edge_hr = EdgeNet(self.embedder.channels, ecn_channels) if ecn else None
        self.fuse = Fuse(channels, channels, residual=residual)

    def downsampled(self, image: Tensor) -> Tensor:
        """The searched image: exact bicubic of ``image`` cut to a multiple of ``scale``, in [0, 1]."""
        height, width = (length - length % self.scale for length in image.shape[-2:])
        cut = image.detach()[..., :height, :width]
        return imresize(cut, 1 / self.scale).clamp(0, 1)

    def embed(self, image: Tensor, image_down: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features E_L and E_L downsampled, without gradient when the embedder is frozen."""
        if image_down is None:
            image_down = self.downsampled(image)
        elif tuple(image_down.shape[-2:]) != tuple(n // self.scale for n in image.shape[-2:]):
            raise ValueError(
                f"lq_down {tuple(image_down.shape)} must be 1/{self.scale} of the "
                f"{tuple(image.shape)} input, rounded down"
            )
        trains = any(p.requires_grad for p in self.embedder.parameters())
        with torch.set_grad_enabled(trains and torch.is_grad_enabled()):
            with torch.autocast(image.device.type, enabled=False):
                return self.embedder(image.float()), self.embedder(image_down.float())

    def build_graph(self, image: Tensor, image_down: Tensor | None = None) -> PatchGraph:
        """The patch graph of ``(N, 3, H, W)`` images, RGB in [0, 1]."""
        return self._search(*self.embed(image, image_down))

    def _search(self, queries: Tensor, keys: Tensor) -> PatchGraph:
        return search(
            queries,
            keys,
            scale=self.scale,
            num_neighbors=self.num_neighbors,
            window=self.window,
            window_mode=self.window_mode,
        )

    def edge_weights(
        self, queries: Tensor | None, keys: Tensor | None, graph: PatchGraph
    ) -> tuple[Tensor, Tensor]:
        """Weights of the neighbours for the LR and the HR sum, ``(N, k, H, W)`` each, sum 1."""
        if self.edge_lr is None or self.edge_hr is None:
            weights = torch.softmax(-graph.distance / self.distance_divisor, dim=-1)
            folded = fold_constant(weights, graph.query_grid).permute(0, 3, 1, 2)
            return folded, folded
        assert queries is not None and keys is not None
        lr, hr = [], []
        for rank in range(graph.num_neighbors):
            label = edge_label(queries, keys, graph, rank)
            lr.append(self.edge_lr(label))
            hr.append(self.edge_hr(label))
        return (
            torch.softmax(torch.cat(lr, 1).float(), dim=1),
            torch.softmax(torch.cat(hr, 1).float(), dim=1),
        )

    def forward(
        self,
        features: Tensor,
        image: Tensor,
        *,
        image_down: Tensor | None = None,
        graph: PatchGraph | None = None,
    ) -> Aggregated:
        """See `Aggregator.forward`; ``hr_features`` are the weighted neighbours at s times the size.

        Raises:
            ValueError: The image is too small for k neighbours, or the graph is another image's.
        """
        queries = keys = None
        if graph is None or self.edge_lr is not None:
            queries, keys = self.embed(image, image_down)
        if graph is None:
            assert queries is not None and keys is not None
            graph = self._search(queries, keys)
        weights_lr, weights_hr = self.edge_weights(queries, keys, graph)
        del queries, keys
        neighbors = prepare_neighbors(features, graph, adapn=self.adapn)
        lr, hr = sum_neighbors(
            neighbors,
            weights_lr.to(features.dtype),
            weights_hr.to(features.dtype),
            self.downsample,
            list(self.downsample.parameters()),
            recompute=not keeps_neighbors(self.memory, features, graph),
        )
        del neighbors
        return Aggregated(self.fuse(features, lr), hr)
